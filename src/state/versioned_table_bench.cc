// One operation each of a versioned table. bench/store_vs_redis.cc has the comparison and the latencies.
#include <benchmark/benchmark.h>

#include <vector>

#include "base/rng.h"
#include "state/versioned_table.h"

namespace gfr {
namespace {

constexpr std::uint32_t kRowBytes = 128;

struct Filled {
  explicit Filled(std::int64_t entities) : table(timeline, kRowBytes), entities(entities) {
    timeline.SetExclusive(true);
    for (std::int64_t i = 0; i < entities; ++i) table.Write(KeyAt(i), 0);
    timeline.SetExclusive(false);
  }
  static Key KeyAt(std::int64_t i) { return Hash64(&i, sizeof i) | 1; }
  Timeline timeline;
  VersionedTable table;
  std::int64_t entities;
};

void Hold(benchmark::State& state) {
  Timeline timeline;
  for (auto _ : state) benchmark::DoNotOptimize(timeline.Hold().bound());
}
BENCHMARK(Hold);

void FindMany(benchmark::State& state) {
  Filled filled(state.range(0));
  Rng rng(1);
  std::vector<Key> keys(1 << 16);
  for (Key& key : keys) key = Filled::KeyAt(static_cast<std::int64_t>(rng.Below(state.range(0))));
  std::vector<const std::byte*> rows(1000);
  const Pin pin = filled.timeline.Hold();
  std::size_t at = 0;
  for (auto _ : state) {
    filled.table.FindMany({keys.data() + at, rows.size()}, pin, rows);
    benchmark::DoNotOptimize(rows.data());
    at = (at + rows.size()) % (keys.size() - rows.size());
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(rows.size()));
}
BENCHMARK(FindMany)->Arg(1000)->Arg(200000);

void AtMany(benchmark::State& state) {
  Filled filled(state.range(0));
  Rng rng(1);
  std::vector<std::uint32_t> ids(1 << 16);
  for (std::uint32_t& id : ids) id = static_cast<std::uint32_t>(rng.Below(state.range(0)));
  std::vector<const std::byte*> rows(1000);
  const Pin pin = filled.timeline.Hold();
  std::size_t at = 0;
  for (auto _ : state) {
    filled.table.AtMany({ids.data() + at, rows.size()}, pin, rows);
    benchmark::DoNotOptimize(rows.data());
    at = (at + rows.size()) % (ids.size() - rows.size());
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(rows.size()));
}
BENCHMARK(AtMany)->Arg(1000)->Arg(200000);

void WriteAndPublish(benchmark::State& state) {
  Filled filled(1 << 17);
  Rng rng(1);
  std::int64_t stamp = 0;
  for (auto _ : state) {
    filled.table.Write(Filled::KeyAt(static_cast<std::int64_t>(rng.Below(filled.entities))), ++stamp);
    if (stamp % state.range(0) == 0) filled.timeline.Publish(stamp);
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(WriteAndPublish)->Arg(1)->Arg(100);

}  // namespace
}  // namespace gfr
