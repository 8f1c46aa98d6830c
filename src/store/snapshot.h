// Snapshot: an OnlineStore as one file, so that a start need not read the whole log. docs/formats/snapshot.md has the
// bytes.
//
// A snapshot is of one set of definitions (its fingerprint and properties): another's is not used, and the states are
// folded from the log anew.
#pragma once

#include <string>

#include "base/file_system.h"
#include "store/online_store.h"

namespace gfr {

// `extra`: bytes of the caller's own, given back by LoadSnapshot.
std::string EncodeSnapshot(const OnlineStore& store, std::string_view extra);
// Fills `store`, which must be new. kNotFound: of other definitions; kCorrupt: not what was written. A store that was
// not filled is not to be used.
Status DecodeSnapshot(std::string_view bytes, OnlineStore* store, std::string* extra);

}  // namespace gfr
