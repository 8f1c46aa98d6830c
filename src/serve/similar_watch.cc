#include "serve/similar_watch.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/file_system.h"
#include "base/json_text.h"
#include "runtime/logger.h"
#include "serve/service_state.h"
#include "serve/url_query.h"
#include "workspace/cooccurrence_path.h"

namespace gfr {
namespace {

constexpr std::size_t kRecordsAtOnce = 512;  // Folded before somebody who reads the counts waits for more.

std::string PathOf(const ServiceState& s) { return CooccurrencePath(s.project.workspace()); }

}  // namespace

SimilarWatch::SimilarWatch(ServiceState& s)
    : items_(
          *s.counters.telemetry().AddGauge("gfr_similar_items", "Items whose co-occurrence with others is counted.")),
      bytes_(
          *s.counters.telemetry().AddGauge("gfr_similar_bytes", "What the counts of co-occurrence take in memory.")) {}

std::shared_ptr<SimilarWatch> SimilarWatch::Start(ServiceState& s) {
  const auto watch = std::make_shared<SimilarWatch>(s);
  s.background.Add(
      {"count-similar", kPeriodMs, kMinuteMs, [&s, watch](const JobRun& run) { return watch->Look(s, run); }});
  return watch;
}

Status SimilarWatch::Look(ServiceState& s, const JobRun& run) {
  const MutexLock looking(looking_);
  const std::shared_ptr<ListMaker> maker = s.serving()->lists;
  if (!maker->Uses("similar")) return {};
  if (!counts_) GFR_TRY(Load(s));
  GFR_TRY(Follow(s, run));
  if (lists_ == nullptr || listed_offset_ != counts_->next_offset()) {
    lists_ = counts_->MakeLists();
    listed_offset_ = counts_->next_offset();
    items_.Set(static_cast<double>(counts_->items()));
    bytes_.Set(static_cast<double>(counts_->memory_bytes()));
  }
  maker->SetCooccurrence(lists_);
  const std::int64_t now_ms = MonotonicMs();
  if (counts_->next_offset() == saved_offset_ || (saved_ms_ != 0 && now_ms - saved_ms_ < kSaveMs)) return {};
  return Save(s);
}

Status SimilarWatch::Load(ServiceState& s) {
  CooccurrenceCounts counts;
  if (const std::string path = PathOf(s); s.fs().Exists(path)) {
    GFR_ASSIGN(const std::string bytes, s.fs().ReadAll(path));
    auto decoded = CooccurrenceCounts::Decode(bytes, CooccurrenceCounts::Limits());
    GFR_ASSIGN(const Positions end, s.log->source().End());
    if (!decoded.ok())
      LogWarning("similar", "the counts of co-occurrence are made anew", {{"reason", decoded.error().ToString()}});
    else if (decoded.value().next_offset() <= end[0])  // Else of a log that was longer.
      counts = std::move(decoded).value();
  }
  saved_offset_ = counts.next_offset();
  const MutexLock lock(mutex_);
  counts_ = std::move(counts);
  return {};
}

Status SimilarWatch::Follow(ServiceState& s, const JobRun& run) {
  GFR_ASSIGN(const Positions begin, s.log->source().Begin());
  GFR_ASSIGN(const Positions end, s.log->source().End());
  const std::uint64_t from = std::max(counts_->next_offset(), begin[0]);
  if (from >= end[0]) return {};
  GFR_ASSIGN(const auto reader,
             s.log->source().Open({from}, {.types = CooccurrenceCounts::kTypes, .until = Positions{end[0]}}));
  std::vector<LogRecord> records(kRecordsAtOnce);
  for (;;) {
    if (run.stop.stop_requested() || run.remaining_ms() <= 0) return {};
    std::size_t read = 0;
    ReadState state = ReadState::kRecord;
    while (read < records.size()) {
      GFR_ASSIGN(state, reader->Next(&records[read]));
      if (state != ReadState::kRecord) break;
      ++read;
    }
    const MutexLock lock(mutex_);
    for (std::size_t i = 0; i < read; ++i) counts_->Fold(records[i]);
    if (state == ReadState::kRecord) continue;
    if (state == ReadState::kEnd) counts_->SkipTo(end[0]);
    return {};
  }
}

Status SimilarWatch::Save(ServiceState& s) {
  const std::string path = PathOf(s);
  GFR_TRY(s.fs().MakeFolders(JoinPath(s.project.workspace().data_folder(), "store")));
  GFR_TRY(PublishFile(s.fs(), path, counts_->Encode()));
  saved_offset_ = counts_->next_offset();
  saved_ms_ = MonotonicMs();
  return {};
}

HttpResponse SimilarWatch::Get(const ServiceState& s, const HttpRequest& request) const {
  const std::shared_ptr<const Serving> serving = s.serving();
  if (!serving->lists->Uses("similar"))
    return ProblemResponse(409, "Conflict",
                           "no feed uses the source similar: declare a [[channel.source]] of this name below the "
                           "[[channel]] exploit");
  const std::string kind_name = QueryValue(request, "kind").empty() ? "view" : QueryValue(request, "kind");
  const auto kind = std::ranges::find(kTogetherNames, kind_name);
  if (kind == kTogetherNames.end())
    return ProblemResponse(400, "Bad Request", "kind is '" + kind_name + "'; valid are view, cart and purchase");
  const SharedState& shared = serving->store->shared();
  const Pin pin = shared.timeline().Hold();
  if (shared.FindItem(KeyOf(request.parameter), pin) == nullptr)
    return ProblemResponse(404, "Not Found", "no event names the item '" + request.parameter + "'");
  std::vector<SimilarItem> similar;
  {
    const MutexLock lock(mutex_);
    if (counts_)
      similar = counts_->Similar(KeyOf(request.parameter), static_cast<Together>(kind - kTogetherNames.begin()));
  }
  nlohmann::ordered_json items = nlohmann::ordered_json::array();
  for (const SimilarItem& item : similar) {
    const std::byte* row = shared.FindItem(item.item, pin);
    if (row == nullptr || !shared.IsOnSale(row)) continue;
    items.push_back({{"item_id", std::string(shared.ItemId(item.item))},
                     {"together", item.together},
                     {"lift", item.lift},
                     {"score", item.score}});
  }
  const nlohmann::ordered_json json{{"item_id", request.parameter}, {"kind", kind_name}, {"items", std::move(items)}};
  return {.status = 200, .body = DumpJson(json) + "\n"};
}

}  // namespace gfr
