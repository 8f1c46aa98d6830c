// Newest first: how views remember the items that a user met last: in a fixed list, the latest first, an empty entry
// (item 0) behind the last; when it is full the item met longest ago is forgotten.
//
// An Entry has `item` and `time_ms`. Thread safety: none of its own.
#pragma once

#include <algorithm>
#include <array>
#include <span>

#include "base/hash.h"

namespace gfr {

inline constexpr std::uint32_t kMostRemembered = 1024;  // What the key `capacity` may be.

// Puts `entry` first, in its item's stead where that is remembered: with the later time, and what `join(old, entry)`
// adds to it.
template <class Entry, class Join>
void PutFirst(std::span<Entry> entries, Entry entry, Join&& join) {
  auto slot = std::ranges::find_if(entries, [&](const Entry& e) { return e.item == 0 || e.item == entry.item; });
  if (slot == entries.end()) {
    --slot;
  } else if (slot->item != 0) {
    entry.time_ms = std::max(entry.time_ms, slot->time_ms);
    join(*slot, entry);
  }
  std::move_backward(entries.begin(), slot, slot + 1);
  entries.front() = entry;
}
template <class Entry>
void PutFirst(std::span<Entry> entries, Entry entry) {
  PutFirst(entries, entry, [](const Entry&, Entry&) {});
}

// Of both histories each item's first entry by `later`, a total order, as many as `into` holds. REQUIRES: equal
// capacities of at most kMostRemembered.
template <class Entry, class Later>
void MergeNewest(std::span<const Entry> from, std::span<Entry> into, Later later) {
  std::array<Entry, 2 * kMostRemembered> joined;
  auto end = joined.begin();
  for (const std::span<const Entry> history : {from, std::span<const Entry>(into)})
    end = std::ranges::copy_if(history, end, [](const Entry& e) { return e.item != 0; }).out;
  std::sort(joined.begin(), end, later);
  std::size_t kept = 0;
  for (auto entry = joined.begin(); entry != end && kept < into.size(); ++entry) {
    const auto known = into.first(kept);
    if (std::ranges::find(known, entry->item, &Entry::item) == known.end()) into[kept++] = *entry;
  }
  std::ranges::fill(into.subspan(kept), Entry{});
}

}  // namespace gfr
