// ListMaker: makes the sources' lists of each epoch, beside serving, and publishes them whole.
//
// Call Update after an epoch was sealed, without the fold's lock: it costs what changed in the epoch, and one pass over
// what the lists hold. Before the lists are published, the item columns of their first items are prepared
// (state/prepared_items.h): no request of the epoch waits for those. Requests use the newest lists that are finished,
// with the rows of the newest epoch.
// Thread safety: all but the constructor from any thread; two Updates wait for each other, and nothing waits for them.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "base/sync.h"
#include "feed/channel_config.h"
#include "retrieve/candidate_source.h"
#include "retrieve/lists_codec.h"
#include "state/online_store.h"

namespace gfr {

class FirstStage;

// The lists of all sources of one epoch; immutable.
class CandidateLists {
 public:
  CandidateLists() = default;
  // Of bytes (lists_codec.h).
  CandidateLists(std::int64_t epoch_end_ms, std::vector<std::shared_ptr<const SourceLists>> by_source,
                 std::shared_ptr<const ListedItems> items)
      : epoch_end_ms_(epoch_end_ms), by_source_(std::move(by_source)), items_(std::move(items)) {}
  // The items that came with the lists; null: they name the items of this process's tables.
  const ListedItems* items() const { return items_.get(); }
  const std::vector<std::shared_ptr<const SourceLists>>& by_source() const { return by_source_; }
  std::int64_t epoch_end_ms() const { return epoch_end_ms_; }
  std::size_t memory_bytes() const;
  // Items that requests are likely to be given, each once; at most kMostPrepared.
  std::vector<Key> FirstItems(const SharedState& shared) const;
  static constexpr std::size_t kMostPrepared = 1 << 16;
  // At most `quota` items of each channel, an item once (the first channel that names it). `excluded`: items that the
  // request does not want. Any thread.
  std::vector<Candidate> Find(const SourceQuery& query, const std::vector<ChannelConfig>& channels,
                              std::unordered_set<Key> excluded) const;
  // Every item on sale, for the ranker to score; empty of other sources than catalogue, and where there are too many.
  std::span<const EventItem> Whole(const ChannelConfig& channel) const;
  // Whether each of these channels has lists, be they empty. One that was declared after they were made has none.
  bool HaveAll(const std::vector<ChannelConfig>& channels) const;
  // Of the embeddings that the source of this name searches; empty: there are none.
  const std::string& embeddings_version() const { return embeddings_version_; }
  // What stands in for the ranker where the catalogue is too large for it (first_stage.h). Null: there is none.
  const FirstStage* first_stage() const { return first_stage_.get(); }

 private:
  friend class ListMaker;
  std::int64_t epoch_end_ms_ = Timeline::kNothing;
  std::vector<std::shared_ptr<const SourceLists>> by_source_;  // As AllSources; null: no feed has it.
  std::shared_ptr<const ListedItems> items_;
  std::string embeddings_version_;
  std::shared_ptr<const FirstStage> first_stage_;
};

class ListMaker {
 public:
  // For the channels of all feeds. REQUIRES: called by the store's writer (from here on the ids of changed items are
  // kept for Update); `shared` and `schema` outlive it. `reader`: of the same store, whose items are prepared; null:
  // none are.
  ListMaker(const SharedState& shared, const PropertySchema& schema,
            const std::vector<std::vector<ChannelConfig>>& feeds, std::shared_ptr<const StoreReader> reader = nullptr);

  // Makes lists for these feeds too, from the next Update on, which reads the whole catalogue if they need more than
  // those before.
  void Add(const std::vector<std::vector<ChannelConfig>>& feeds);
  // What is counted from the log, for the lists of the next epoch; of what was not counted before, for those of this
  // one.
  void SetLogLists(LogLists lists);
  // The embeddings of another version, or the same once more; they are searched from the next Update on.
  void SetEmbeddings(std::shared_ptr<const EmbeddingIndex> index, const std::string& version);
  void SetFirstStage(std::shared_ptr<const FirstStage> stage);
  // Whether a feed finds candidates by this source.
  bool Uses(std::string_view source) const;
  // Makes the lists of the newest epoch, if there are none of it. The first call reads the whole catalogue.
  void Update();
  std::shared_ptr<const CandidateLists> lists() const;  // Null: none are finished.
  // Of the lists in use, and of the version before while a request holds it.
  std::size_t memory_bytes() const;

 private:
  const SharedState& shared_;
  const PropertySchema& schema_;
  const std::shared_ptr<const StoreReader> reader_;
  mutable Mutex update_mutex_;                                   // Before mutex_; of the six below.
  std::vector<std::unique_ptr<const CandidateSource>> sources_;  // As AllSources; null: no feed has it.
  std::size_t candidates_ = 0;
  LogLists log_lists_;
  std::shared_ptr<const FirstStage> first_stage_;
  bool is_counted_anew_ = false;  // The lists of this epoch were made without counts that there are now.
  bool more_wanted_ = false;      // Since the last Update.
  mutable Mutex mutex_;
  std::shared_ptr<const CandidateLists> lists_;
  std::weak_ptr<const CandidateLists> before_;
};

}  // namespace gfr
