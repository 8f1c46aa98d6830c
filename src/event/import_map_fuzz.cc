// Any line of CSV and any map: read or refused.
#include <cstdint>

#include "event/import_map.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  std::vector<std::string> cells;
  (void)gfr::SplitCsv(text, &cells);
  (void)gfr::ImportMap::Parse(text, "map.toml");
  return 0;
}
