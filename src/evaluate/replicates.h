// How the intervals of a report are made: the same replicates in every metric, so that two reports can be compared.
#pragma once

#include <cstdint>

namespace gfr {

inline constexpr int kReplicates = 200;
inline constexpr std::uint64_t kSeed = 20260101;

}  // namespace gfr
