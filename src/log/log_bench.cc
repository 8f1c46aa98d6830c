// The log: appends in groups of one sync, and reading the same records as they were written and compacted.
#include <benchmark/benchmark.h>

#include "base/rng.h"
#include "base/test_folder.h"
#include "log/compact_log.h"
#include "log/event_log.h"

namespace gfr {
namespace {

// A feed of 20 items seen, as a client tells it.
Event Impression(int i) {
  Rng rng(static_cast<std::uint64_t>(i));
  Event e;
  e.id = "r-" + std::to_string(rng.Next()) + "/impression";
  e.source = "shop";
  e.type = EventType::kFeedImpression;
  e.time_ms = 1'700'000'000'000 + i;
  e.user_id = "user-" + std::to_string(rng.Below(1000));
  e.session_id = "session-" + std::to_string(rng.Below(3000));
  e.request_id = "r-" + std::to_string(rng.Next());
  for (int k = 0; k < 20; ++k)
    e.items.push_back({.item_id = "item-" + std::to_string(rng.Below(5000)), .index = k, .price = 10.0 + k});
  return e;
}

void AppendGroups(benchmark::State& state) {
  const TestFolder folder;
  const WallClock clock;
  const auto log = EventLog::Open(PosixFileSystem(), clock, {.folder = folder.path()}).value();
  const auto group = static_cast<int>(state.range(0));
  int next = 0;
  for (auto _ : state) {
    for (int i = 1; i < group; ++i) log->AppendAsync({Impression(next++)}, [](const Result<Appended>&) {});
    if (!log->Append({Impression(next++)}).ok()) return state.SkipWithError("not appended");
  }
  state.SetItemsProcessed(next);
}
BENCHMARK(AppendGroups)->Arg(1)->Arg(64)->Arg(512)->UseRealTime();

void ReadAll(benchmark::State& state) {
  const TestFolder folder;
  const FixedClock clock(1'700'000'000'000);
  {
    const auto log =
        EventLog::Open(PosixFileSystem(), clock, {.folder = folder.path(), .segment_bytes = 1u << 20}).value();
    for (int b = 0; b < 20; ++b) {
      std::vector<Event> batch;
      for (int i = 0; i < 500; ++i) batch.push_back(Impression(b * 500 + i));
      if (!log->Append(std::move(batch)).ok()) return state.SkipWithError("not appended");
    }
  }
  LocalLog log(PosixFileSystem(), folder.path());
  if (state.range(0) == 2 && !CompactLog(log, [](std::uint64_t) {}).ok()) return state.SkipWithError("not compacted");
  std::int64_t records = 0;
  for (auto _ : state) {
    const Status read = ForEachRecord(log, kEveryType, [&](const LogRecord&) {
      ++records;
      return Status();
    });
    if (!read.ok()) return state.SkipWithError("not read");
  }
  state.SetItemsProcessed(records);
  state.counters["bytes"] = static_cast<double>(log.SizeBytes().value());
}
BENCHMARK(ReadAll)->ArgName("format")->Arg(1)->Arg(2)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace gfr
