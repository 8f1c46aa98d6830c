// For tests of services: their admin token and their clock, which stands still.
#pragma once

namespace gfr {

inline constexpr char kAdmin[] = "the admin's token";
inline constexpr char kClock[] = "fixed:2026-01-01T12:00:00Z";

}  // namespace gfr
