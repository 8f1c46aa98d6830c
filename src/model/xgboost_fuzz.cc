// XGBoost's JSON and UBJSON: read or refused.
#include <cstdint>

#include "model/forest.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  (void)gfr::ParseXgboost({reinterpret_cast<const char*>(data), size});
  return 0;
}
