// OnlineStore: the states behind every feature, folded from the log in its order: the same object for the stream, the
// replay and requests.
//
// User and session state is fresh to the last event. Shared state and the catalogue change only when an epoch is
// sealed: a record of arrival a is visible to reads whose epoch ended after a. An epoch is 60 s of arrival time; at
// instant t the last one that ended at or before t - seal_lag is in use. Thread safety: none; its owner holds a lock
// (serve) or is alone (replay).
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "event/event.h"
#include "feature/feature_set.h"

namespace gfr {

inline constexpr std::int64_t kEpochMs = 60 * 1000;
inline constexpr std::int64_t kSealLagMs = 5 * 1000;

// End of the last epoch that ended at or before now - seal_lag.
inline std::int64_t EpochEndAt(std::int64_t now_ms) { return (now_ms - kSealLagMs) / kEpochMs * kEpochMs; }

// Rows of state bytes by key, zero when new; addresses stay.
class StateTable {
 public:
  explicit StateTable(std::uint32_t row_bytes) : row_bytes_(row_bytes) {}
  std::byte* Get(Key key);               // Made when missing.
  const std::byte* Find(Key key) const;  // Null when missing.
  std::size_t size() const { return rows_.size(); }

 private:
  friend class SnapshotCodec;
  std::uint32_t row_bytes_;
  std::unordered_map<Key, std::unique_ptr<std::uint64_t[]>> rows_;
};

// What the four channels need of an item, as of the epoch.
struct ItemSummary {
  std::string id;
  std::vector<PropertyValue> properties;  // In the schema's order.
  std::int64_t first_seen_ms = 0;
  std::uint32_t impressions = 0, clicks = 0;
  double popularity = 0;  // Clicks and purchases, decayed with a half-life of a day, as of popularity_ms.
  std::int64_t popularity_ms = 0;
};

struct ReadRequest {
  std::int64_t now_ms = 0;
  std::int64_t epoch_end_ms = 0;  // What AdvanceTo was called with.
  Key user = 0, session = 0;
  std::span<const Property> context;
  std::span<const EventItem> items;  // Price and properties override the catalogue.
  bool supplied = true;              // Their order is the caller's.
};

class OnlineStore {
 public:
  explicit OnlineStore(std::shared_ptr<const FeatureSet> features);

  // Folds the next record of the log.
  void Fold(const LogRecord& record);
  // Makes everything that arrived before `epoch_end_ms` visible; an earlier epoch than the current one changes nothing.
  void AdvanceTo(std::int64_t epoch_end_ms);
  // Reads items x columns values, row-major. The epoch read is the current one, which must be request.epoch_end_ms.
  void Read(const ReadRequest& request, float* out);

  std::int64_t epoch_end_ms() const { return epoch_end_ms_; }
  std::int64_t next_offset() const { return next_offset_; }
  std::int64_t last_arrival_ms() const { return last_arrival_ms_; }
  bool KnowsUser(Key user) const { return user_properties_.contains(user); }
  const FeatureSet& features() const { return *features_; }
  const std::unordered_map<Key, ItemSummary>& items() const { return items_; }
  // Items the user touched last, newest first (at most 32). Empty for a stranger.
  std::span<const Key> RecentItems(Key user) const;
  // Reads the user's properties as requests see them: `context` first, then what events told.
  std::vector<PropertyValue> UserProperties(Key user, std::span<const Property> context) const;

 private:
  friend class SnapshotCodec;  // snapshot.cc
  struct PendingLine {
    std::int64_t arrival_ms;
    EventLine line;
    std::vector<PropertyValue> item_properties, user_properties;
    std::string item_id;
    bool catalogue;  // The item's own properties changed.
    std::vector<PropertyValue> update;
  };
  void FoldLine(const EventLine& line, Key user, Key session);
  void Apply(const PendingLine& pending);
  std::vector<PropertyValue> ItemProperties(const EventItem& item) const;

  const std::shared_ptr<const FeatureSet> features_;
  StateTable users_, sessions_;
  std::vector<StateTable> shared_;                  // One an entity.
  std::vector<std::vector<std::uint64_t>> totals_;  // One a column: the whole shop's state of a shared view.
  std::unordered_map<Key, std::vector<PropertyValue>> user_properties_;
  std::unordered_map<Key, std::vector<Key>> recent_;
  std::unordered_map<Key, ItemSummary> items_;
  std::deque<PendingLine> pending_;
  std::int64_t epoch_end_ms_ = INT64_MIN, last_arrival_ms_ = INT64_MIN, next_offset_ = 0;
};

}  // namespace gfr
