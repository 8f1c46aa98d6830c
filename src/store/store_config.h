// StoreConfig: [store] of gfr.toml: where the online rows are, and what the states may take.
#pragma once

#include <cstdint>

#include "base/config.h"
#include "store/online_address.h"

namespace gfr {

struct StoreConfig {
  OnlineAddress online;            // Where the rows of feeds are read.
  std::uint64_t memory_bytes = 0;  // What the states may take; 0: no limit.

  // kInvalidArgument names the line.
  static Result<StoreConfig> Read(Config& project);
};

}  // namespace gfr
