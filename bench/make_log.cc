// Writes a large log of a shop fast (support/invented_shop.h), for bench/replay_large.py:
// make_log FOLDER EVENTS USERS ITEMS DAYS SEED.
#include <cstdio>
#include <cstdlib>

#include "base/progress.h"
#include "support/invented_shop.h"

namespace gfr {
namespace {

Status Write(const char* folder, std::uint64_t events, std::uint64_t users, std::uint64_t items, std::int64_t days,
             std::uint64_t seed) {
  const WallClock clock;
  GFR_ASSIGN(const auto log, EventLog::Open(PosixFileSystem(), clock, {.folder = folder}));
  ShopLog shop(*log, events / static_cast<std::uint64_t>(days), users, items, seed);
  Progress progress("make log", events, "events");
  for (std::int64_t hour = 0; hour < days * 24; ++hour) {
    GFR_TRY(shop.AddHours(1));
    progress.Update(shop.written());
  }
  GFR_TRY(shop.Finish());
  std::printf("%llu\n", static_cast<unsigned long long>(shop.written()));
  return {};
}

}  // namespace
}  // namespace gfr

int main(int argc, char** argv) {
  if (argc != 7) {
    std::fprintf(stderr, "usage: make_log FOLDER EVENTS USERS ITEMS DAYS SEED\n");
    return 2;
  }
  const auto number = [&](int i) { return std::strtoull(argv[i], nullptr, 10); };
  const gfr::Status status =
      gfr::Write(argv[1], number(2), number(3), number(4), static_cast<std::int64_t>(number(5)), number(6));
  if (!status.ok()) std::fprintf(stderr, "make_log: %s\n", status.error().message.c_str());
  return status.ok() ? 0 : 1;
}
