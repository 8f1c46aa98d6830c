// Any model file: read or refused.
#include <cstdint>

#include "model/model.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  (void)gfr::ParseXgboost(text);
  (void)gfr::Calibrator::FromJson(text);
  (void)gfr::ModelFromFiles({{"model.json", text}}, "feed", "1");
  return 0;
}
