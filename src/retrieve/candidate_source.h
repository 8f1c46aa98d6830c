// CandidateSource: where candidates come from when a request brings none; one file a source, sources.cc lists them.
//
// A source prepares its lists once an epoch, beside serving, from its lists before and the items that changed
// (list_maker.h). A request reads finished lists only: its cost is bounded by a budget of items and does not grow with
// the catalogue. Lists never change once they are made, and may be older than the rows that a request reads.
// Sources read the epoch and the request's Rng only, so equal requests with equal lists get equal candidates, however
// the catalogue lies in memory.
// Thread safety: a source and its lists are immutable; a CandidateSet belongs to its request.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "base/rng.h"
#include "retrieve/item_rows.h"
#include "state/shared_state.h"

namespace gfr {

class CooccurrenceLists;
class EmbeddingIndex;
class TrendLists;
struct ListsReader;
struct ListsWriter;

// What is counted from the log beside the epochs' states, and what was trained on it. Null: nobody counts it, or there
// is none.
struct LogLists {
  std::shared_ptr<const CooccurrenceLists> cooccurrence;
  std::shared_ptr<const TrendLists> trends;
  std::shared_ptr<const EmbeddingIndex> embeddings = nullptr;
  std::string embeddings_version = {};  // In the registry.
};

struct Candidate {
  Key item;
  std::string channel;
  std::string source;
};

// What a source makes its lists from: the items of one epoch, and which of them changed since its lists before.
struct CatalogueChanges {
  const SharedState& shared;
  const PropertySchema& schema;
  const Pin& pin;
  std::span<const std::uint32_t> changed;  // Dense ids, rising.
  std::size_t candidates;                  // The most that a feed asks its channels for, all together.
  LogLists log_lists = {};

  template <typename F>
  void ForEachChanged(F&& each) const {  // each(id, key, row)
    ForEach(changed, each);
  }
  // Of the whole catalogue, what is on sale. When lists are first made, and when one ran out of items.
  template <typename F>
  void ForEachItem(F&& each) const {
    for (std::uint32_t id = 0, end = shared.item_count(); id < end; ++id) {
      const std::byte* row = shared.item_row(id, pin);
      if (row != nullptr && IsOnSale(row)) each(id, shared.item_key(id), row);
    }
  }
  // A changed item that is not leaves every list.
  bool IsOnSale(const std::byte* row) const { return shared.IsOnSale(row); }

 private:
  template <typename F>
  void ForEach(std::span<const std::uint32_t> ids, F&& each) const {
    const std::byte* rows[64];
    for (std::size_t begin = 0; begin < ids.size(); begin += 64) {
      const auto batch = ids.subspan(begin, std::min<std::size_t>(64, ids.size() - begin));
      shared.ItemRows(batch, pin, {rows, batch.size()});
      for (std::size_t i = 0; i < batch.size(); ++i) {
        if (rows[i]) each(batch[i], shared.item_key(batch[i]), rows[i]);
      }
    }
  }
};

// What a request brings to its sources.
struct SourceQuery {
  const SharedState& shared;  // How rows are read.
  const PropertySchema& schema;
  const ItemRows& items;
  std::int64_t epoch_end_ms;    // Of the rows.
  std::span<const Key> recent;  // Items that the user interacted with last, newest first; 0: none.
  Rng& rng;
  const FeatureSet* features = nullptr;  // Whose rows `user_row` is one of; null: what it says is not read.
  const std::byte* user_row = nullptr;   // Null: the user is not known.
  std::int64_t now_ms = 0;               // Of the request: the clock of user state.
  std::span<const PropertyValue> user_properties =
      {};  // With what the request says of the user; in the schema\'s order.
};

// The candidates of a request so far, each once.
class CandidateSet {
 public:
  explicit CandidateSet(std::unordered_set<Key> excluded) : taken_(std::move(excluded)) {}
  bool Has(Key item) const { return taken_.contains(item); }  // Taken, or excluded by the request.
  // REQUIRES: !Has(item).
  void Add(Key item, const std::string& channel, const std::string& source) {
    taken_.insert(item);
    candidates_.push_back({item, channel, source});
  }
  std::vector<Candidate>& candidates() { return candidates_; }

 private:
  std::unordered_set<Key> taken_;
  std::vector<Candidate> candidates_;
};

// One version of a source's lists.
class SourceLists {
 public:
  virtual ~SourceLists() = default;
  // The best at most `quota` items that `set` does not have, best first.
  virtual std::vector<Key> Find(const SourceQuery& query, const CandidateSet& set, std::size_t quota) const = 0;
  // Every item on sale, where the source lists them for the ranker to score.
  virtual std::span<const EventItem> Whole() const { return {}; }
  virtual std::size_t memory_bytes() const = 0;
  // Appends the items that requests are likely to be given, about `most` of them.
  virtual void AppendFirst(const SharedState& shared, std::size_t most, std::vector<Key>* items) const = 0;
  // Appends every item, some more than once.
  virtual void AppendAll(const SharedState& shared, std::vector<Key>* items) const {
    AppendFirst(shared, SIZE_MAX, items);
  }
  // As CandidateSource::Decode reads it. `out->items` has every item.
  virtual void Encode(ListsWriter* out) const = 0;
};

class CandidateSource {
 public:
  virtual ~CandidateSource() = default;
  // Null `before`: from the whole catalogue. REQUIRES: `before` is this source's.
  virtual std::shared_ptr<const SourceLists> Update(std::shared_ptr<const SourceLists> before,
                                                    const CatalogueChanges& changes) const = 0;
  // Lists to find candidates in, not to Update. Of anything but what SourceLists::Encode wrote `in->in.bad` is set.
  virtual std::shared_ptr<const SourceLists> Decode(ListsReader* in) const = 0;
};

}  // namespace gfr
