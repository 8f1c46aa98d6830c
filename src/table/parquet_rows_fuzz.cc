// Any bytes as a Parquet file: read or refused, whole and by path.
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <string>

#include "table/parquet_rows.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const int file = memfd_create("fuzz", 0);
  if (file < 0) return 0;
  if (::write(file, data, size) < 0) std::abort();
  const std::string path = "/proc/self/fd/" + std::to_string(file);
  const auto columns = gfr::ParquetColumns(path);
  for (const std::vector<std::string>& wanted :
       {std::vector<std::string>(), columns.ok() ? columns.value() : std::vector<std::string>{"a"},
        std::vector<std::string>{"a", "a.b", "a[x].value.c", "items.item_id", "items", "m[k]"}}) {
    auto rows = gfr::OpenParquet(path, wanted);
    if (!rows.ok()) continue;
    std::vector<gfr::Cell> row;
    for (int n = 0; n < 1000; ++n) {
      const auto more = rows.value()->Next(&row);
      if (!more.ok() || !more.value()) break;
      if (row.size() != rows.value()->columns().size()) std::abort();
    }
  }
  ::close(file);
  return 0;
}
