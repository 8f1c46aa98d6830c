// Any gfr.toml: a feature set or an error.
#include <cstdint>

#include "feature/feature_set.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto config = gfr::Config::Parse({reinterpret_cast<const char*>(data), size}, "gfr.toml");
  if (config.ok()) (void)gfr::FeatureSet::Make(config.value());
  return 0;
}
