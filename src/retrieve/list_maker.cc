#include "retrieve/list_maker.h"

#include <algorithm>
#include <utility>

#include "retrieve/sources.h"

namespace gfr {
std::size_t CandidateLists::memory_bytes() const {
  std::size_t bytes = 0;
  for (const auto& lists : by_source_) bytes += lists ? lists->memory_bytes() : 0;
  return bytes;
}

std::vector<Key> CandidateLists::FirstItems(const SharedState& shared) const {
  std::vector<Key> items;
  std::size_t left = kMostPrepared;
  // The ranked lists first; the category lists, which AllSources begins with, have what is left.
  for (auto source = by_source_.rbegin(); source != by_source_.rend(); ++source) {
    if (!*source) continue;
    const std::size_t before = items.size();
    (*source)->AppendFirst(shared, left, &items);
    left -= std::min(left, items.size() - before);
  }
  std::ranges::sort(items);
  items.erase(std::unique(items.begin(), items.end()), items.end());
  return items;
}

bool CandidateLists::HaveAll(const std::vector<ChannelConfig>& channels) const {
  return std::ranges::all_of(channels, [&](const ChannelConfig& channel) {
    const std::size_t source = SourceIndex(channel);
    return source < by_source_.size() && by_source_[source] != nullptr;
  });
}

std::span<const EventItem> CandidateLists::Whole(const ChannelConfig& channel) const {
  const std::size_t source = SourceIndex(channel);
  return source < by_source_.size() && by_source_[source] ? by_source_[source]->Whole() : std::span<const EventItem>();
}

std::vector<Candidate> CandidateLists::Find(const SourceQuery& query, const std::vector<ChannelConfig>& channels,
                                            std::unordered_set<Key> excluded) const {
  CandidateSet set(std::move(excluded));
  for (const ChannelConfig& channel : channels) {
    const std::size_t source = SourceIndex(channel);
    if (source >= by_source_.size() || !by_source_[source]) continue;
    for (const Key item : by_source_[source]->Find(query, set, static_cast<std::size_t>(channel.quota)))
      set.Add(item, channel.name, AllSources()[source].name);
  }
  // The request reads their ids and rows next.
  std::vector<Key> keys;
  for (const Candidate& candidate : set.candidates()) keys.push_back(candidate.item);
  query.shared.PrefetchItems(keys);
  return std::move(set.candidates());
}

ListMaker::ListMaker(const SharedState& shared, const PropertySchema& schema,
                     const std::vector<std::vector<ChannelConfig>>& feeds, std::shared_ptr<const StoreReader> reader)
    : shared_(shared), schema_(schema), reader_(std::move(reader)), sources_(AllSources().size()) {
  Add(feeds);
  shared_.changed_items().Begin();
}

void ListMaker::Add(const std::vector<std::vector<ChannelConfig>>& feeds) {
  const MutexLock lock(update_mutex_);
  for (const auto& channels : feeds) {
    std::size_t candidates = 0;
    for (const ChannelConfig& channel : channels) {
      candidates += static_cast<std::size_t>(channel.quota);
      const std::size_t source = SourceIndex(channel);
      if (source >= sources_.size() || sources_[source]) continue;
      sources_[source] = AllSources()[source].make();
      more_wanted_ = true;
    }
    more_wanted_ |= candidates > candidates_;
    candidates_ = std::max(candidates_, candidates);
  }
}

void ListMaker::SetLogLists(LogLists lists) {
  const MutexLock lock(update_mutex_);
  is_counted_anew_ =
      is_counted_anew_ || (!log_lists_.cooccurrence && lists.cooccurrence) || (!log_lists_.trends && lists.trends);
  lists.embeddings = std::move(log_lists_.embeddings);
  lists.embeddings_version = std::move(log_lists_.embeddings_version);
  log_lists_ = std::move(lists);
}

void ListMaker::SetFirstStage(std::shared_ptr<const FirstStage> stage) {
  const MutexLock lock(update_mutex_);
  if (stage == first_stage_) return;
  first_stage_ = std::move(stage);
  is_counted_anew_ = true;
}

void ListMaker::SetEmbeddings(std::shared_ptr<const EmbeddingIndex> index, const std::string& version) {
  const MutexLock lock(update_mutex_);
  if (index == log_lists_.embeddings) return;
  log_lists_.embeddings = std::move(index);
  log_lists_.embeddings_version = version;
  is_counted_anew_ = true;
}

bool ListMaker::Uses(std::string_view source) const {
  const MutexLock lock(update_mutex_);
  for (std::size_t s = 0; s < sources_.size(); ++s) {
    if (source == AllSources()[s].name) return sources_[s] != nullptr;
  }
  return false;
}

void ListMaker::Update() {
  const MutexLock update_lock(update_mutex_);
  std::shared_ptr<const CandidateLists> before = lists();
  const Pin pin = shared_.timeline().Hold();
  const bool anew = std::exchange(is_counted_anew_, false);
  if (before && before->epoch_end_ms() == pin.bound() && !more_wanted_ && !anew) return;
  if (std::exchange(more_wanted_, false)) before = nullptr;
  std::vector<std::uint32_t> changed = shared_.changed_items().Take(pin.bound());
  std::ranges::sort(changed);
  changed.erase(std::unique(changed.begin(), changed.end()), changed.end());
  const CatalogueChanges changes{.shared = shared_,
                                 .schema = schema_,
                                 .pin = pin,
                                 .changed = changed,
                                 .candidates = candidates_,
                                 .log_lists = log_lists_};
  auto made = std::make_shared<CandidateLists>();
  made->epoch_end_ms_ = pin.bound();
  made->embeddings_version_ = log_lists_.embeddings_version;
  made->first_stage_ = first_stage_;
  for (std::size_t s = 0; s < sources_.size(); ++s)
    made->by_source_.push_back(sources_[s] ? sources_[s]->Update(before ? before->by_source_[s] : nullptr, changes)
                                           : nullptr);
  if (reader_) reader_->features().PrepareItems(made->FirstItems(shared_));
  const MutexLock lock(mutex_);
  before_ = lists_;
  lists_ = std::move(made);
}

std::shared_ptr<const CandidateLists> ListMaker::lists() const {
  const MutexLock lock(mutex_);
  return lists_;
}

std::size_t ListMaker::memory_bytes() const {
  std::shared_ptr<const CandidateLists> now, before;
  {
    const MutexLock lock(mutex_);
    now = lists_;
    before = before_.lock();
  }
  return (now ? now->memory_bytes() : 0) + (before ? before->memory_bytes() : 0);
}

}  // namespace gfr
