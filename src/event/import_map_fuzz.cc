// Any bytes as a map, as CSV, and as CSV read by a map of many keys: read or refused.
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <string>

#include "event/guess_map.h"
#include "event/map_rows.h"

namespace {

constexpr std::string_view kMap = R"(
slate = "rows"
decimal = ","
[columns]
id = "a"
type = "b"
time = ["c", "d"]
user_id = ["e", "f"]
anonymous_id = "f"
request_id = "g"
items = "h"
prices = "i"
item_id = "j"
index = "k"
price = "l"
quantity = "m"
[[type]]
column = "m"
below = 0
is = "purchase.return"
[[type]]
column = "b"
prefix = "x"
is = []
[types]
o = "purchase"
u = "item.update"
"*" = ["feed.request", "feed.impression"]
[properties]
p = "n"
[context]
q = "o"
[vectors]
v = "h"
)";
constexpr char kHeader[] = "a,b,c,d,e,f,g,h,i,j,k,l,m,n,o\n";

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  std::vector<std::string> cells;
  (void)gfr::SplitCsv(text, &cells);
  (void)gfr::ImportMap::Parse(text, "map.toml");

  static const gfr::ImportMap map = gfr::ImportMap::Parse(kMap, "map.toml").value();
  const int file = memfd_create("fuzz", 0);
  if (file < 0) return 0;
  const std::string path = "/proc/self/fd/" + std::to_string(file);
  const bool with_header = size > 0 && data[0] % 2 == 0;
  if (with_header && ::write(file, kHeader, sizeof kHeader - 1) < 0) std::abort();
  if (::write(file, data, size) < 0) std::abort();
  gfr::ImportReport report;
  std::uint64_t events = 0;
  if (auto rows = gfr::OpenCsv(path, map.csv); rows.ok()) {
    const auto sink = [&](gfr::Event&& e) -> gfr::Status {
      ++events;
      if (gfr::NeedsItems(e.type) && e.items.empty()) std::abort();
      return {};
    };
    const gfr::Status done = gfr::ImportRows(*rows.value(), "t.csv", map, {}, sink, &report);
    if (done.ok() && events != report.events) std::abort();
  }
  if (auto rows = gfr::OpenCsv(path); rows.ok()) {
    const std::vector<std::string> columns = rows.value()->columns();
    (void)gfr::GuessMap(*rows.value(), columns, "t.csv");
  }
  ::close(file);
  return 0;
}
