// SetClock: a test's clock, which shows what it is set to. Thread safety: none.
#pragma once

#include "base/clock.h"

namespace gfr {

struct SetClock final : Clock {
  explicit SetClock(std::int64_t now_ms) : ms(now_ms) {}
  std::int64_t now_ms() const override { return ms; }

  std::int64_t ms;
};

}  // namespace gfr
