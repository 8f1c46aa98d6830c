// IndexConfig: [index] of gfr.toml: what embeddings are trained from and how. docs/configuration.md has the keys.
#pragma once

#include <array>
#include <cstdint>

#include "base/config.h"
#include "base/time.h"
#include "event/event.h"
#include "index/als.h"

namespace gfr {

struct IndexConfig {
  AlsOptions als;
  std::int64_t window_ms = 90 * kDayMs;  // Older events, before the log's last one, do not count.
  // What an event adds to the weight of its user and item; 0: nothing.
  struct Weights {
    double click = 1, view = 1, cart = 3, purchase = 5;
    double Of(EventType type) const;
  } weights;

  // Of the first stage (distill.h): the items that a request reads at most, and the requests it is distilled from.
  std::size_t first_stage_items = 20'000, first_stage_requests = 300;

  // kInvalidArgument names the key.
  static Result<IndexConfig> Read(Config& project);
};

}  // namespace gfr
