// point_in_time: our side of bench/features_vs_duckdb.py and features_vs_feast.py, and of the oracle in
// tests/point_in_time_oracle_test.py. Makes simulated events, reads 12 window features of each row as of just before
// it, writes input and values as raw columns, and prints one JSON object of seconds.
//
//   point_in_time --events N --users N --dir DIR [--late SHARE] [--runs N] [--no-values] [--queries N]
//
// With --queries the events only fold, and N rows behind them, of any user and time, only read 3 features without a
// window: the columns are those of the queries, and the events' are named event_*.
//
// Files (little-endian, one value a row): user.u64, now_ms.i64, time_ms.i64 (the event's own time), type.u8,
// money.i64 (hundredths), and NAME.f32 of each feature. Time runs from the columns in memory to the columns in memory,
// entity by entity with the number of the row, allocation of the output within; files are in the events' order.
#include <malloc.h>
#include <sys/mman.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <iostream>
#include <map>
#include <vector>

#include "base/rng.h"
#include "base/time.h"
#include "feature/feature_set.h"
#include "feature/point_in_time.h"
#include "feature/window.h"

namespace gfr {
namespace {

constexpr std::size_t kHugePage = std::size_t{2} << 20;
constexpr std::int64_t kStartMs = 1'700'000'000'000, kSpanMs = 30 * kDayMs;

struct Events {
  std::vector<Key> user;
  std::vector<std::int64_t> now_ms, time_ms, money;
  std::vector<std::uint8_t> type;
};

// Arrivals in order over 30 days, users alike; a share of the events late by up to 3 h or dated ahead by up to 5 min.
Events Simulate(std::size_t count, std::size_t users, double late) {
  constexpr EventType kTypes[] = {EventType::kFeedImpression, EventType::kFeedClick, EventType::kPurchase};
  Rng rng(1);
  Events e;
  e.user.reserve(count), e.now_ms.reserve(count), e.time_ms.reserve(count), e.money.reserve(count),
      e.type.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    e.user.push_back(1 + rng.Below(users));
    e.now_ms.push_back(kStartMs + static_cast<std::int64_t>(i * static_cast<std::uint64_t>(kSpanMs) / count));
    std::int64_t shift = 0;
    if (late > 0 && rng.Chance(late))
      shift = rng.Chance(0.3) ? static_cast<std::int64_t>(rng.Below(kAheadMs))
                              : -static_cast<std::int64_t>(rng.Below(3 * kHourMs));
    e.time_ms.push_back(e.now_ms.back() + shift);
    e.type.push_back(static_cast<std::uint8_t>(kTypes[rng.Below(3)]));
    e.money.push_back(1 + static_cast<std::int64_t>(rng.Below(100'000)));
  }
  return e;
}

// Rows of any user and time that only read.
void AddQueries(std::size_t count, std::size_t users, Events& e) {
  Rng rng(2);
  for (std::size_t i = 0; i < count; ++i) {
    e.user.push_back(1 + rng.Below(users));
    e.now_ms.push_back(kStartMs + static_cast<std::int64_t>(rng.Below(static_cast<std::uint64_t>(kSpanMs))));
    e.time_ms.push_back(e.now_ms.back());
    e.type.push_back(0);
    e.money.push_back(kNoMoney);
  }
}

Result<std::shared_ptr<const FeatureSet>> Features(bool windows_too) {
  std::string text;
  const std::pair<const char*, int> windows[] = {{"", 1}, {"1h", 12}, {"1d", 24}, {"7d", 7}, {"30d", 30}};
  for (const auto& [window, tiles] : windows) {
    if (windows_too == (tiles == 1)) continue;
    const std::string of_window =
        windows_too ? std::string("window = \"") + window + "\"\ntiles = " + std::to_string(tiles) + "\n" : "";
    for (const std::string type : {"count", "sum", "max"}) {
      text += "[[feature]]\nname = \"" + type + "_" + window + "\"\ntype = \"" + type + "\"\nscope = \"user\"\n" +
              of_window + "events = [\"feed.impression\", \"feed.click\", \"purchase\"]\n" +
              (type == "count" ? "" : "of = \"money\"\n");
    }
  }
  GFR_ASSIGN(Config config, Config::Parse(text, "point_in_time"));
  return FeatureSet::Make(config);
}

double Now(clockid_t clock) {
  timespec t;
  clock_gettime(clock, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

template <class T>
bool Write(const std::string& path, const T* data, std::size_t count) {
  std::FILE* file = std::fopen(path.c_str(), "wb");
  const bool ok = file && std::fwrite(data, sizeof(T), count, file) == count;
  return file && std::fclose(file) == 0 && ok;
}

int Main(std::map<std::string, std::string> flags) {
  const std::size_t events = std::stoull(flags["--events"]), users = std::stoull(flags["--users"]);
  const std::string dir = flags["--dir"];
  const std::size_t queries = flags.contains("--queries") ? std::stoull(flags["--queries"]) : 0,
                    count = events + queries,
                    first = queries ? events : 0;  // Row whose values are the first to be written.
  const auto features = Features(queries == 0);
  if (!features.ok()) {
    std::cerr << features.error().ToString() << "\n";
    return 1;
  }
  Events e = Simulate(events, users, flags.contains("--late") ? std::stod(flags["--late"]) : 0);
  AddQueries(queries, users, e);
  std::vector<std::uint8_t> reads(queries ? count : 0, 1);
  if (queries) std::fill_n(reads.begin(), events, std::uint8_t{0});
  const bool own_time = flags.contains("--late");
  std::vector<const FeatureView*> views;
  for (const BoundFeature& f : features.value()->features) views.push_back(f.view.get());

  // Memory once taken stays with the process, as it does in the allocators of polars and DuckDB.
  mallopt(M_MMAP_MAX, 0), mallopt(M_TRIM_THRESHOLD, -1);
  std::string wall, cpu;
  bool written = true;
  const int runs = flags.contains("--runs") ? std::stoi(flags["--runs"]) : 1;
  for (int run = 0; run < runs; ++run) {
    const double wall_start = Now(CLOCK_MONOTONIC), cpu_start = Now(CLOCK_PROCESS_CPUTIME_ID);
    std::vector<std::unique_ptr<float, decltype(&std::free)>> values;
    std::vector<Column> out;
    const std::unique_ptr<std::uint32_t, decltype(&std::free)> row_numbers(
        static_cast<std::uint32_t*>(std::malloc(count * sizeof(std::uint32_t))), &std::free);
    std::uint32_t* const row = row_numbers.get();
    for (std::size_t v = 0; v < views.size(); ++v) {
      const std::size_t bytes = (count * sizeof(float) + kHugePage - 1) / kHugePage * kHugePage;
      values.emplace_back(static_cast<float*>(std::aligned_alloc(kHugePage, bytes)), &std::free);
      madvise(values.back().get(), bytes, MADV_HUGEPAGE);
      out.push_back({values.back().get(), 1});
    }
    ReadPointInTime({.size = count,
                     .key = e.user.data(),
                     .now_ms = e.now_ms.data(),
                     .time_ms = own_time ? e.time_ms.data() : nullptr,
                     .type = e.type.data(),
                     .reads = queries ? reads.data() : nullptr,
                     .money_minor = e.money.data()},
                    views, out, row);
    cpu += (run ? "," : "") + std::to_string(Now(CLOCK_PROCESS_CPUTIME_ID) - cpu_start);
    wall += (run ? "," : "") + std::to_string(Now(CLOCK_MONOTONIC) - wall_start);
    std::vector<float> in_order(run == 0 && !flags.contains("--no-values") ? count : 0);
    for (std::size_t v = 0; v < views.size() && !in_order.empty(); ++v) {
      for (std::size_t k = 0; k < count; ++k) in_order[row[k]] = values[v].get()[k];
      written &= Write(dir + "/" + views[v]->spec().name + ".f32", in_order.data() + first, count - first);
    }
  }
  const auto write = [&](const std::string& prefix, std::size_t from, std::size_t n) {
    written &= Write(prefix + "user.u64", e.user.data() + from, n) &&
               Write(prefix + "now_ms.i64", e.now_ms.data() + from, n) &&
               Write(prefix + "time_ms.i64", e.time_ms.data() + from, n) &&
               Write(prefix + "type.u8", e.type.data() + from, n) &&
               Write(prefix + "money.i64", e.money.data() + from, n);
  };
  write(dir + "/", first, count - first);
  if (queries) write(dir + "/event_", 0, events);
  if (!written) {
    std::cerr << "point_in_time: cannot write into " << dir << "\n";
    return 1;
  }
  std::cout << "{\"events\":" << events << ",\"cpu_s\":[" << cpu << "],\"wall_s\":[" << wall << "]}\n";
  return 0;
}

}  // namespace
}  // namespace gfr

int main(int argc, char** argv) {
  std::map<std::string, std::string> flags;
  for (int i = 1; i < argc; ++i) {
    const bool valued = i + 1 < argc && std::strncmp(argv[i + 1], "--", 2) != 0;
    flags[argv[i]] = valued ? argv[i + 1] : "";
    i += valued;
  }
  if (!flags.contains("--events") || !flags.contains("--users") || !flags.contains("--dir")) {
    std::cerr << "usage: point_in_time --events N --users N --dir DIR [--late SHARE] [--runs N] [--no-values] "
                 "[--queries N]\n";
    return 2;
  }
  return gfr::Main(std::move(flags));
}
