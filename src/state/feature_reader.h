// FeatureReader: a request's features, read from the rows of users and of shared state at one instant of each.
//
// The rows come from RowReaders: of this process's tables (serving), of the writer itself (replay), or of a Redis. From
// this process's tables the columns of an item alone are computed once an epoch (prepared_items.h) and copied after
// that, unless the request says something else of the item than the catalogue does.
// Thread safety: Read from any thread, with a ReadLease of the caller's own.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "event/event.h"
#include "feature/feature_set.h"
#include "state/prepared_items.h"
#include "state/row_reader.h"
#include "state/shared_state.h"
#include "state/state_rows.h"

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
  std::string login;                    // Its text, of a user that was joined to another; empty: it is not known.
  const std::byte* user_row = nullptr;  // Null: not known.
  std::vector<const std::byte*> items;  // The items' rows; null: not in the catalogue.
  // Offset of the last record in the users' rows, and the epoch; of a degraded read those of before the log.
  std::int64_t as_of() const { return degraded() || users.bound() == Timeline::kNothing ? -1 : users.bound() - 1; }
  std::int64_t epoch_end_ms() const { return degraded() ? Timeline::kNothing : shared.bound(); }
  // What the user hid (0: no more), as of `now_ms`: sessions of nobody end.
  std::span<const Key> hidden_items(std::int64_t now_ms) const {
    if (hidden_row == nullptr || degraded()) return {};
    if (user == 0 && (session_row == nullptr || RowLayout::SessionIsOver(session_row, now_ms))) return {};
    return reinterpret_cast<const HiddenItems*>(hidden_row)->items;
  }
  bool degraded() const { return users.degraded() || shared.degraded(); }
  // After FeatureReader::FindItems: leaves out all items but those numbered `kept`, which rise.
  void KeepItems(std::span<const std::size_t> kept) {
    for (std::size_t i = 0; i < kept.size(); ++i) {
      items[i] = items[kept[i]];
      keys[i] = keys[kept[i]];
    }
    items.resize(kept.size());
    keys.resize(kept.size());
  }

 private:
  friend class FeatureReader;
  const std::byte *session_row = nullptr, *hidden_row = nullptr, *shop = nullptr;
  std::vector<Key> keys, entity_keys;
  std::vector<const std::byte*> entity_rows, rows, parents;
  std::vector<PropertyValue> item_properties, user_properties, request_properties, request_item_properties;
  std::vector<const float*> item_vectors;
  std::vector<float> own_vectors;
  // What is prepared of the items: their dense ids (kNoId: not those of the catalogue), whose columns are written
  // already, and the others.
  std::vector<std::uint32_t> ids, missed;
  std::vector<std::uint8_t> is_prepared;
  std::vector<Key> missed_keys;
  std::vector<PropertyValue> missed_properties;
  std::vector<float> missed_values;
};

class FeatureReader {
 public:
  // Tables of users' rows by number, as their RowReader knows them.
  static constexpr std::uint32_t kUsers = 0, kSessions = 1, kAliases = 2, kHidden = 3, kLogins = 4;
  // `prepared_bytes`: what an epoch's prepared columns of items may take; 0: none are. REQUIRES: the readers and
  // `shared` outlive it. With prepared_bytes `rows` are an EmbeddedRowReader's of `shared`; else only its layout is
  // used.
  FeatureReader(std::shared_ptr<const FeatureSet> features, RowReader& users, RowReader& rows,
                const SharedState& shared, std::size_t prepared_bytes = 0);

  // Finds the user (and session) at the newest instant: before Read, which reads at the same one.
  void FindUser(Key user, Key session, ReadLease* lease) const;
  // Writes items x columns values, row-major. REQUIRES: FindUser with the request's user and session.
  // `epoch_end_ms`: of the epoch that shared rows are read at, where the lease does not know it (replay).
  void Read(const ReadRequest& request, ReadLease* lease, float* out) const {
    FindItems(request, lease);
    ReadFound(request, lease, out);
  }
  // Its two halves: the items' rows (and those of the shop), then all values. Between them the caller may leave out
  // items (ReadLease::KeepItems): ReadFound's request has the others alone.
  void FindItems(const ReadRequest& request, ReadLease* lease) const;
  void ReadFound(const ReadRequest& request, ReadLease* lease, float* out) const;
  // Rows of the catalogue, before Read, and at the lease's instant if `more`; null: it does not have the item. They
  // stay good until the next call without `more`.
  void FindItemRows(std::span<const Key> items, bool more, ReadLease* lease, std::span<const std::byte*> rows) const;
  // Prepares the columns of these items in the newest epoch, for requests to come; those that are not in the catalogue
  // are passed over. Beside requests, from any thread.
  void PrepareItems(std::span<const Key> items) const;
  // What prepared columns take in memory: of the newest epoch, and of the one before while a request reads it.
  std::size_t prepared_bytes() const { return prepared_ ? prepared_->memory_bytes() : 0; }
  void set_replayed_epoch(std::int64_t epoch_end_ms) { replayed_epoch_ms_ = epoch_end_ms; }

 private:
  void FindLogin(Key login, ReadLease* lease) const;
  void OwnVectors(const ReadRequest& request, ReadLease* lease) const;
  void FillProperties(const ReadRequest& request, ReadLease* lease) const;
  // The rows of the items of `lease->keys`.
  void FetchItems(const ReadRequest& request, ReadLease* lease) const;
  ReadContext ContextOf(const ReadRequest& request, const ReadLease& lease) const;
  void FindEntities(const ReadRequest& request, ReadLease* lease) const;
  // Writes column k of context.items, which are the candidates numbered `candidate(i)`.
  template <typename Candidate>
  void ReadColumn(std::size_t k, const ReadContext& context, Candidate&& candidate, ReadLease* lease, Column out) const;
  // Writes the prepared columns of candidates that have them, and lists the others; null: nothing can be prepared.
  std::shared_ptr<PreparedItems::Epoch> TakePrepared(const ReadRequest& request, ReadLease* lease, float* out) const;
  // Computes those columns of the listed ones, and prepares them.
  void Prepare(const ReadContext& context, ReadLease* lease, PreparedItems::Epoch& into, float* out) const;
  static Key LastItem(const ReadLease& lease);
  const std::shared_ptr<const FeatureSet> features_;
  const RowLayout layout_;
  RowReader& users_;
  RowReader& shared_rows_;
  const SharedState& shared_;
  std::int64_t replayed_epoch_ms_ = Timeline::kNothing;
  std::unique_ptr<PreparedItems> prepared_;
  std::vector<std::uint32_t> item_columns_;    // Of the item alone: what is prepared.
  std::vector<std::uint8_t> is_item_column_;   // By column.
  std::vector<std::uint8_t> is_read_by_item_;  // By entity: no other column reads its state.
};

}  // namespace gfr
