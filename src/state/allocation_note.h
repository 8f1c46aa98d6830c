// AllocationNote: under which version of an experiment's allocation a unit was exposed first
// (event/allocation_version.h): it keeps the arm that the version gave it, whatever versions follow.
//
// Notes lie in the map of aliases (event/alias.h), under keys of their own: snapshots, readers and a Redis have them
// without more, and FeatureReader::FindUser follows one to its version. The experiments that were met are noted too, so
// that a unit can be forgotten; of more than kMostExperiments no note is taken. Thread safety: pure functions.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/hash.h"
#include "event/alias.h"

namespace gfr {

inline constexpr std::uint32_t kMostExperiments = 256;
inline constexpr Key kAllocationSalt = 0x616c6c6f63617465u;
inline constexpr Key kVersionBit = Key{1} << 63;  // Makes a version a key that no id has.

// Of the unit's key (the user's after aliases, else SessionKey of nobody's session) and KeyOf the experiment's name.
inline Key AllocationNoteKey(Key unit, Key experiment) {
  return unit ? PairKey(unit ^ kAllocationSalt, experiment) : 0;
}
// Of the n-th experiment that anyone met.
inline Key MetExperimentKey(std::uint32_t n) { return PairKey(kAllocationSalt, n + 1); }

inline Key NoteOfVersion(std::uint32_t version) { return kVersionBit | version; }
inline std::uint32_t VersionOfNote(Key note) {  // 0: it is none.
  return (note & kVersionBit) && (note & ~kVersionBit) <= UINT32_MAX ? static_cast<std::uint32_t>(note) : 0;
}

}  // namespace gfr
