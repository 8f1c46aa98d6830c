// OnlineStore: the states behind every feature, folded from the log in its order: the same object for the stream, the
// replay and requests.
//
// User and session state is fresh to the last event; shared state and the catalogue change when an epoch is sealed
// (shared_state.h): a record of arrival a is visible to reads whose epoch ended after a.
//   A user is the id that user.alias joined it to by the rule of event/alias.h, else the id itself. user.alias
//   (user_id: the login, kind: the anonymous id) merges the anonymous user's state, and that of the session it names,
//   into the login's; later events of the anonymous id are the login's. user.delete forgets the user and its sessions,
//   and changes no shared state. A session belongs to its user, or to nobody. The anonymised record of an erased event
//   (log/erase_user.h) changes shared state alone. After 24 h of arrival without an event it is new again. item.hide
//   keeps the item from its user: the newest kHiddenItems of each, by log order; of an event without a user they are
//   the session's and end with it. user.alias merges them. Nothing shows a hidden item again but time.
// Users' rows lie in VersionedTables of one timeline, stamped with the offset behind the record that changed them;
// shared state in those of another (shared_state.h). Thread safety: one thread folds, advances and publishes; Find* and
// Read are its own too; other threads read by a FeatureReader over `users()` and `shared()`.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "event/event.h"
#include "state/feature_reader.h"

namespace gfr {

// Which parts a fold keeps. A replay by user partition folds shared state in one pass, and users in another.
struct FoldParts {
  bool user_views = true;    // Else of users only what lines need: properties, items touched last, aliases.
  bool shared_lines = true;  // Else SharedState gets its epochs by AddDelta.
  bool catalogue = true;     // Likewise the catalogue.
};

// Where a partition's shared state comes from, or goes to.
class EpochSource {
 public:
  virtual ~EpochSource() = default;
  // Called before `shared` advances to `epoch_end_ms`.
  virtual Status Before(std::int64_t epoch_end_ms, SharedState& shared) = 0;
};

class OnlineStore {
 public:
  // Exclusive until Share(): folds go in place, and only its own thread reads.
  explicit OnlineStore(std::shared_ptr<const FeatureSet> features, FoldParts parts = {}, EpochSource* epochs = nullptr);

  // Folds the next record of the log.
  void Fold(const LogRecord& record);
  // Makes everything that arrived before `epoch_end_ms` visible; an earlier epoch than the current one changes nothing.
  void AdvanceTo(std::int64_t epoch_end_ms);
  // From now on other threads read: what was folded when Publish was last called.
  void Share();
  void Publish();
  // Keeps the keys of rows that are written from now on, for those who publish rows elsewhere (redis_rows.h).
  void Track() {
    tracks_ = true;
    shared_.Track();
  }
  std::vector<RowChange> TakeUserChanges() { return std::exchange(user_changes_, {}); }
  std::vector<RowChange> TakeSharedChanges() { return shared_.TakeChanges(); }

  // Folds only what the record says of the catalogue, into its open epoch.
  void FoldCatalogueOf(const LogRecord& record);
  // The first error of the EpochSource; what is read after it is not to be used.
  const Status& status() const { return status_; }

  // Reads items x columns values, row-major, as of the last record folded and the current epoch.
  void Read(const ReadRequest& request, float* out);

  std::int64_t epoch_end_ms() const { return shared_.epoch_end_ms(); }
  std::int64_t next_offset() const { return next_offset_; }
  std::int64_t last_arrival_ms() const { return last_arrival_ms_; }
  const FeatureSet& features() const { return *features_; }
  std::shared_ptr<const FeatureSet> shared_features() const { return features_; }
  SharedState& shared() { return shared_; }
  const SharedState& shared() const { return shared_; }
  Timeline& users() const { return *timeline_; }
  std::vector<const VersionedTable*> user_tables() const {
    return {&users_, &sessions_, &aliases_, &hidden_, &logins_};
  }

  // The id that events of `user` count for: another one after user.alias.
  Key Resolve(Key user) const;
  bool KnowsUser(Key user) const;
  // The text of a login that user.alias joined another id to; empty: there was none, or it was forgotten.
  std::string LoginText(Key login) const;
  // What the user (not: a session of nobody) hid, newest first; 0: no more.
  std::vector<Key> HiddenItemsOf(Key user) const;

 private:
  friend class SnapshotCodec;
  std::int64_t stamp() const { return next_offset_; }  // Of writes for the record being folded.
  std::byte* Write(std::uint32_t table, Key key);
  void Erase(std::uint32_t table, Key key);
  std::byte* UserRow(Key user);
  std::byte* SessionRow(Key session, Key user, std::int64_t arrival_ms);
  void Join(const Event& event, std::int64_t arrival_ms);
  void NoteLogin(const Event& alias);
  void Forget(Key user);
  void DropIdleSessions();
  void QueueSessions();  // After a restore.
  void IndexSessions();
  void Hide(Key owner, const std::vector<EventItem>& items);
  void EraseHidden(Key owner);
  void FoldLine(const EventLine& line, std::byte* user_row, std::byte* session_row) const;

  const std::shared_ptr<const FeatureSet> features_;
  const FoldParts parts_;
  EpochSource* const epochs_;
  Status status_;
  const RowLayout layout_;
  std::vector<std::vector<std::uint32_t>> user_features_, session_features_;  // By event type.
  std::unique_ptr<Timeline> timeline_;
  VersionedTable users_, sessions_, aliases_;  // aliases_: the map of event/alias.h.
  VersionedTable hidden_;                      // HiddenItems of users, and of sessions of nobody.
  VersionedTable logins_;                      // Texts of logins (login_text.h).
  bool tracks_ = false;
  std::vector<RowChange> user_changes_;
  SharedState shared_;
  NewestRowReader user_rows_, shared_rows_;
  FeatureReader reader_;
  ReadLease lease_;
  struct Idle {
    std::int64_t last_ms;  // Its last arrival when it was queued; its row may know a later one.
    Key session;
  };
  std::deque<Idle> idle_;  // Every session, in about the order in which they will be over.
  // Sessions of each user, from the first user.delete on: the next ones need no scan.
  std::optional<std::unordered_multimap<Key, Key>> sessions_of_;
  std::int64_t last_arrival_ms_ = INT64_MIN, next_offset_ = 0;
};

// Reads of other threads of this process, once the store is shared.
class StoreReader {
 public:
  static constexpr std::size_t kPreparedBytes = 24u << 20;  // Of an epoch: 98,304 items of 60 columns.
  explicit StoreReader(const OnlineStore& store)
      : users_(store.users(), store.user_tables()),
        shared_(store.shared().timeline(), store.shared().tables()),
        features_(store.shared_features(), users_, shared_, store.shared(), kPreparedBytes) {}
  const FeatureReader& features() const { return features_; }

 private:
  EmbeddedRowReader users_, shared_;
  FeatureReader features_;
};

}  // namespace gfr
