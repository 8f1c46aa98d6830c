// OnlineStore: the states behind every feature, folded from the log in its order: the same object for the stream, the
// replay and requests.
//
// User and session state is fresh to the last event; shared state and the catalogue change when an epoch is sealed
// (shared_state.h): a record of arrival a is visible to reads whose epoch ended after a.
//   A user is the id that user.alias joined it to, else the id itself. user.alias (user_id: the login, kind: the
//   anonymous id) merges the anonymous user's state, and that of the session it names, into the login's; later events
//   of the anonymous id are the login's. user.delete forgets the user and its sessions, and changes no shared state. A
//   session belongs to its user, or to nobody. After 24 h of arrival without an event it is new again.
// Thread safety: none; its owner holds a lock (serve) or is alone (replay).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "event/event.h"
#include "feature/feature_set.h"
#include "store/shared_state.h"

namespace gfr {

struct ReadRequest {
  std::int64_t now_ms = 0;
  Key user = 0, session = 0;  // KeyOf of the ids as the request names them.
  Key surface = 0;
  std::span<const Property> context;
  std::span<const EventItem> items;  // Price and properties override the catalogue.
  bool supplied = true;              // Their order is the caller's.
};

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
  explicit OnlineStore(std::shared_ptr<const FeatureSet> features, FoldParts parts = {}, EpochSource* epochs = nullptr);

  // Folds the next record of the log.
  void Fold(const LogRecord& record);
  // Makes everything that arrived before `epoch_end_ms` visible; an earlier epoch than the current one changes nothing.
  void AdvanceTo(std::int64_t epoch_end_ms);
  // Folds only what the record says of the catalogue, into its open epoch.
  void FoldCatalogueOf(const LogRecord& record);
  // The first error of the EpochSource; what is read after it is not to be used.
  const Status& status() const { return status_; }
  // Reads items x columns values, row-major, of the current epoch.
  void Read(const ReadRequest& request, float* out) const;

  std::int64_t epoch_end_ms() const { return shared_.epoch_end_ms(); }
  std::int64_t next_offset() const { return next_offset_; }
  std::int64_t last_arrival_ms() const { return last_arrival_ms_; }
  const FeatureSet& features() const { return *features_; }
  SharedState& shared() { return shared_; }
  const SharedState& shared() const { return shared_; }

  // The id that events of `user` count for: another one after user.alias.
  Key Resolve(Key user) const;
  // Whose session it is: of a user, else of nobody. 0 for no session.
  static Key SessionKey(Key resolved_user, Key session) { return session ? PairKey(resolved_user, session) : 0; }
  bool KnowsUser(Key user) const;
  // Items the user touched last, newest first (at most 16). Empty for a stranger.
  std::span<const Key> RecentItems(Key user) const;
  // Reads the user's properties as requests see them: `context` first, then what events told.
  std::vector<PropertyValue> UserProperties(Key user, std::span<const Property> context) const;
  // A user's (resolved) and a session's (SessionKey) states of their views; null: none.
  const std::byte* UserViews(Key user) const;
  const std::byte* SessionViews(Key session, std::int64_t now_ms) const;

 private:
  friend class SnapshotCodec;
  struct UserHeader;
  struct SessionHeader;
  std::byte* UserRow(Key user);
  std::byte* SessionRow(Key session, Key user, std::int64_t arrival_ms);
  void Join(const Event& event, std::int64_t arrival_ms);
  void Forget(Key user);
  void FoldLine(const EventLine& line, std::byte* user_row, std::byte* session_row) const;
  void Touch(Key item, std::byte* user_row) const;
  // The item's properties (and vectors: the result) as of the epoch, with the event's own over them.
  const float* ItemValues(const EventItem& item, std::span<PropertyValue> values) const;

  const std::shared_ptr<const FeatureSet> features_;
  const FoldParts parts_;
  EpochSource* const epochs_;
  Status status_;
  const std::size_t user_views_at_, session_views_at_;                        // Of the views' states in a row.
  std::vector<std::vector<std::uint32_t>> user_features_, session_features_;  // By event type.
  StateTable users_, sessions_, aliases_;                                     // aliases_: the Key of the login.
  SharedState shared_;
  std::int64_t last_arrival_ms_ = INT64_MIN, next_offset_ = 0;
};

}  // namespace gfr
