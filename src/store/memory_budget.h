// What the states of an OnlineStore take in memory, against what [store] memory lets them.
//
// Counted: all rows (and versions that readers still see), their index, the items' ids. Not counted: the open epochs
// (what a minute's events touch), the prepared columns (bounded, prepared_items.h) and what a request uses.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "state/online_store.h"

namespace gfr {

struct TableMemory {
  std::string name;  // "users", "sessions", "items", "item x user.city"
  std::uint64_t entities, row_bytes, bytes;
};
// Every table; in the thread of the store's writer.
std::vector<TableMemory> MemoryOf(const OnlineStore& store);
std::uint64_t MemoryBytes(const OnlineStore& store);

// kResourceExhausted when the states take more than `limit_bytes` (0: no limit), with the arithmetic: the greatest
// tables, their entities and bytes.
Status CheckMemory(const OnlineStore& store, std::uint64_t limit_bytes);

}  // namespace gfr
