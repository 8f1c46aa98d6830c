// Snapshot: an OnlineStore as one file, so that a start need not read the whole log. docs/formats/snapshot.md has the
// bytes.
//
// A snapshot is of one set of definitions (its fingerprint and properties): another's is not used, and the states are
// folded from the log anew. It is written beside the writer, which is held up only while Take copies the open epochs.
#pragma once

#include <string>

#include "base/file_system.h"
#include "state/online_store.h"

namespace gfr {

class Snapshot {
 public:
  // The store's instant. In the writer's thread; the store is shared, published and outlives it.
  static Snapshot Take(const OnlineStore& store);
  // Writes it beside, syncs and renames; `extra`: bytes of the caller's own, given back by ReadSnapshot. From any
  // thread.
  Status Write(FileSystem& fs, const std::string& path, std::string_view extra = {}) const;
  std::int64_t next_offset() const { return users_.bound(); }

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

// Fills `store`, which must be new. kNotFound: no file, or of other definitions; kCorrupt: not what was written. A
// store that was not filled is not to be used.
Status ReadSnapshot(FileSystem& fs, const std::string& path, OnlineStore* store, std::string* extra);

}  // namespace gfr
