// StoreConfig: [store] of gfr.toml: where the online rows are, and what the states may take.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "base/config.h"
#include "store/online_address.h"

namespace gfr {

struct StoreConfig {
  OnlineAddress online;            // Where the rows of feeds are read.
  std::uint64_t memory_bytes = 0;  // What the states may take; 0: no limit.
  // Where the lake and the models are shared: s3://BUCKET/PREFIX or a folder (operations/shared_store.h). Empty:
  // nowhere.
  std::string dir;
  std::size_t snapshots = 7;  // One of a day, so many of them are kept (kept_snapshots.h).

  // kInvalidArgument names the line.
  static Result<StoreConfig> Read(Config& project);
};

}  // namespace gfr
