// Snapshot: an OnlineStore as one file, so that a start need not read the whole log. docs/formats/snapshot.md has the
// bytes.
//
// A snapshot names each state's fingerprint and place (state_layout.h). A store of other definitions takes the states
// that it shares with the snapshot, wherever they lie in its own rows; what it lacks is folded from the log up to the
// snapshot's offset, by a store of those states alone, and added (AddStates). The result equals a replay of the whole
// log, value for value. A snapshot is written beside the writer, which is held up only while Take copies the open
// epochs.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/file_system.h"
#include "state/online_store.h"

namespace gfr {

// What a snapshot is of.
struct SnapshotInstant {
  std::int64_t last_arrival_ms = INT64_MIN, next_offset = 0, epoch_end_ms = INT64_MIN;
};

class Snapshot {
 public:
  // The store's instant. In the writer's thread; the store is shared, published and outlives it.
  static Snapshot Take(const OnlineStore& store);
  // Writes it beside, syncs and renames; `extra`: bytes of the caller's own, given back by ReadSnapshot. From any
  // thread.
  Status Write(FileSystem& fs, const std::string& path, std::string_view extra = {}) const;
  SnapshotInstant instant() const;

 private:
  Snapshot(const OnlineStore& store, std::string head)
      : store_(store),
        head_(std::move(head)),
        users_(store.users().Hold()),
        shared_(store.shared().timeline().Hold()) {}
  const OnlineStore& store_;
  std::string head_;
  Pin users_, shared_;
};

struct Restored {
  std::string extra;  // Snapshot::Write's.
  // What the snapshot does not have: fold the records below the store's next_offset() into a new store of these
  // definitions, and give it to AddStates; until then the store is not to be used. Null: nothing is missing.
  std::shared_ptr<const FeatureSet> lacking;
  std::size_t states = 0;  // How many are missing; 0 with `lacking`: only properties of the catalogue are.
};

// Without its rows. kNotFound: no file; kCorrupt: not what was written, or of gfr 0.1.
Result<SnapshotInstant> ReadSnapshotInstant(FileSystem& fs, const std::string& path);

// Fills `store`, which must be new. kNotFound: no file, or of gfr 0.1 and of other definitions; kCorrupt: not what was
// written. After an error the store is not to be used.
Result<Restored> RestoreSnapshot(FileSystem& fs, const std::string& path, OnlineStore* store);
// The states of `from`, a store of Restored::lacking. REQUIRES: both have folded the same records, and `into` is not
// shared yet.
Status AddStates(OnlineStore& from, OnlineStore* into);

// A log's base is a snapshot of the states of all that was deleted before its first record. Fills `store`, which must
// be new. What the base does not have starts empty. `open_epochs`: with what had not been sealed; else the caller adds
// it. Errors as RestoreSnapshot; `name` is for messages.
Status RestoreBase(const RandomAccessFile& base, const std::string& name, bool open_epochs, OnlineStore* store);
// Which id was joined to which by an alias, in the base; reads no other row.
Result<std::vector<std::pair<Key, Key>>> ReadBaseAliases(const RandomAccessFile& base, const std::string& name);
// Forgets a user in a store that is not shared, as user.delete does.
void ForgetUser(Key user, OnlineStore* store);

// RestoreSnapshot for those who take all or nothing: kNotFound also when a state is missing.
Status ReadSnapshot(FileSystem& fs, const std::string& path, OnlineStore* store, std::string* extra);

}  // namespace gfr
