// FeatureReader: a request's features, read from the rows of users and of shared state at one instant of each.
//
// The rows come from RowReaders: of this process's tables (serving), of the writer itself (replay), or of a Redis.
// Thread safety: Read from any thread, with a ReadLease of the caller's own.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "event/event.h"
#include "feature/feature_set.h"
#include "store/row_reader.h"
#include "store/shared_state.h"
#include "store/state_rows.h"

namespace gfr {

struct ReadRequest {
  std::int64_t now_ms = 0;
  Key user = 0, session = 0;  // KeyOf of the ids as the request names them.
  Key surface = 0;
  std::span<const Property> context;
  std::span<const EventItem> items;  // Price and properties override the catalogue.
  bool supplied = true;              // Their order is the caller's.
};

// What Read found on its way. Keep it for the request, and use it again: its memory stays.
struct ReadLease {
  RowLease users, shared;
  Key user = 0;                         // After aliases.
  const std::byte* user_row = nullptr;  // Null: not known.
  std::vector<const std::byte*> items;  // The items' rows; null: not in the catalogue.
  // Offset of the last record in the users' rows, and the epoch; of a degraded read those of before the log.
  std::int64_t as_of() const { return degraded() || users.bound() == Timeline::kNothing ? -1 : users.bound() - 1; }
  std::int64_t epoch_end_ms() const { return degraded() ? Timeline::kNothing : shared.bound(); }
  bool degraded() const { return users.degraded() || shared.degraded(); }

 private:
  friend class FeatureReader;
  const std::byte *session_row = nullptr, *shop = nullptr;
  std::vector<Key> keys, entity_keys;
  std::vector<const std::byte*> entity_rows, rows, parents;
  std::vector<PropertyValue> item_properties, user_properties, request_properties, request_item_properties;
  std::vector<const float*> item_vectors;
  std::vector<float> own_vectors;
};

class FeatureReader {
 public:
  // Tables of users' rows by number, as their RowReader knows them.
  static constexpr std::uint32_t kUsers = 0, kSessions = 1, kAliases = 2;
  // REQUIRES: the readers and `shared` (only its layout is used) outlive it.
  FeatureReader(std::shared_ptr<const FeatureSet> features, RowReader& users, RowReader& rows,
                const SharedState& shared);

  // Finds the user (and session) at the newest instant: before Read, which reads at the same one.
  void FindUser(Key user, Key session, ReadLease* lease) const;
  // Writes items x columns values, row-major. REQUIRES: FindUser with the request's user and session.
  // `epoch_end_ms`: of the epoch that shared rows are read at, where the lease does not know it (replay).
  void Read(const ReadRequest& request, ReadLease* lease, float* out) const;
  void set_replayed_epoch(std::int64_t epoch_end_ms) { replayed_epoch_ms_ = epoch_end_ms; }

 private:
  void OwnVectors(const ReadRequest& request, ReadLease* lease) const;
  void FillProperties(const ReadRequest& request, ReadLease* lease) const;
  void FindRows(const ReadRequest& request, ReadLease* lease) const;
  static Key LastItem(const ReadLease& lease);
  const std::shared_ptr<const FeatureSet> features_;
  const RowLayout layout_;
  RowReader& users_;
  RowReader& shared_rows_;
  const SharedState& shared_;
  std::int64_t replayed_epoch_ms_ = Timeline::kNothing;
};

}  // namespace gfr
