// What counting served rows costs: of a row and feature into bins, and of a slate's record with its impression and a
// click, as the server's log has them. The arguments of the latter: features, and candidates, of which 20 are shown.
#include <benchmark/benchmark.h>

#include "event/event_codec.h"
#include "event/recent_records.h"
#include "monitor/live_fold.h"
#include "monitor/live_traffic.h"
#include "monitor/test_rows.h"

namespace gfr {
namespace {

constexpr std::size_t kShown = 20;

Reference WideReference(std::size_t columns_wanted) {
  Rng rng(1);
  std::vector<float> features, label;
  std::vector<std::int64_t> arrival_ms;
  std::vector<Key> request;
  for (int i = 0; i < 5000; ++i) {
    for (std::size_t c = 0; c < columns_wanted; ++c)
      features.push_back(c % 8 == 0 ? static_cast<float>(rng.Below(20)) : static_cast<float>(rng.Normal()));
    label.push_back(0);
    arrival_ms.push_back(i);
    request.push_back(static_cast<Key>(i));
  }
  std::vector<ComparedColumn> columns;
  for (std::size_t c = 0; c < columns_wanted; ++c) columns.push_back({"f" + std::to_string(c), c, c + 1, c % 8 == 0});
  return MakeReference(
      "pctr", columns,
      {.features = features, .columns = columns_wanted, .label = label, .arrival_ms = arrival_ms, .request = request},
      INT64_MIN, INT64_MAX);
}

// A slate with its features and scores, its impression and a click.
struct Records {
  LogRecord slate, seen, clicked;
};
Records MakeRecords(std::size_t columns, std::size_t candidates) {
  Rng rng(2);
  Records made;
  auto& [slate, seen, clicked] = made;
  for (LogRecord* record : {&slate, &seen, &clicked}) {
    record->event.source = "app";
    record->event.user_id = "user-1";
  }
  slate.event.surface = "home";
  slate.event.context = {{.name = "city", .text = "Berlin"}, {.name = "device", .text = "mobile"}};
  slate.event.type = EventType::kFeedRequest;
  seen.event.type = EventType::kFeedImpression;
  clicked.event.type = EventType::kFeedClick;
  std::vector<std::uint32_t> kept;
  for (std::size_t i = 0; i < candidates; ++i) {
    const bool shown = i % (candidates / kShown) == 0 && kept.size() < kShown;
    slate.event.items.push_back({.item_id = "item-" + std::to_string(i),
                                 .index = shown ? static_cast<std::int32_t>(kept.size()) : -1,
                                 .channel = "similar"});
    if (shown) kept.push_back(static_cast<std::uint32_t>(i));
    if (shown) seen.event.items.push_back(slate.event.items.back());
  }
  clicked.event.items = {seen.event.items[3]};
  std::vector<std::uint64_t> fingerprints;
  std::vector<float> features;
  for (std::size_t c = 0; c < columns; ++c) fingerprints.push_back(c + 1);
  for (std::size_t i = 0; i < candidates * columns; ++i)
    features.push_back(i % columns % 8 == 0 ? static_cast<float>(rng.Below(20)) : static_cast<float>(rng.Normal()));
  slate.event.served = {.positions = {{}}, .models = {{"feed/1"}}, .feature_fingerprint = 9};
  SetColumns(fingerprints, features, candidates, kept, &slate.event.served);
  slate.event.served.scored = AllItems(candidates);
  slate.event.served.scores = {{.objective = "pctr", .values = {}}};
  for (std::size_t i = 0; i < candidates; ++i)
    slate.event.served.scores[0].values.push_back(static_cast<float>(0.2 * rng.Uniform()));
  slate.event.served.propensity.assign(candidates, 1.0f);
  return made;
}
std::size_t ColumnsOf(const benchmark::State& state) { return static_cast<std::size_t>(state.range(0)); }
Records MakeRecords(const benchmark::State& state) {
  return MakeRecords(ColumnsOf(state), static_cast<std::size_t>(state.range(1)));
}
void ColumnsAndCandidates(benchmark::internal::Benchmark* bench) {
  for (const std::int64_t columns : {40, 100}) {
    for (const std::int64_t candidates : {200, 1000}) bench->Args({columns, candidates});
  }
}

// Calls `fold` with the records one after another, as a log has them.
template <typename Fold>
void FoldRecords(benchmark::State& state, const Fold& fold) {
  Records made = MakeRecords(state);
  std::uint64_t n = 0;
  for (auto _ : state) {
    for (LogRecord* record : {&made.slate, &made.seen, &made.clicked}) {
      record->event.request_id = "r" + std::to_string(n / 3);
      record->offset = n++;
      record->arrival_ms = static_cast<std::int64_t>(n) * 1000;
      record->event.time_ms = record->arrival_ms;
      fold(*record);
    }
  }
}

// A slate, its impression and a click; items are rows times features.
void FoldSlates(benchmark::State& state) {
  const Reference reference = WideReference(ColumnsOf(state));
  LiveFold fold(reference, "feed/1", {EventType::kFeedClick, 30 * kMinuteMs});
  FoldRecords(state, [&](const LogRecord& record) { fold.Fold(record); });
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()) * kShown * state.range(0));
}
BENCHMARK(FoldSlates)->Apply(ColumnsAndCandidates);

// The same for what is counted of events; items are events.
void FoldTraffic(benchmark::State& state) {
  LiveTraffic traffic;
  FoldRecords(state, [&](const LogRecord& record) { traffic.Fold(record); });
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations() * 3));
}
BENCHMARK(FoldTraffic)->Apply(ColumnsAndCandidates);

// Of handing them over as they were logged; freeing them is not in it, which whoever logs them does otherwise.
void HandRecordsOver(benchmark::State& state) {
  Records made = MakeRecords(state);
  RecentRecords recent;
  recent.Begin();
  std::vector<std::vector<LogRecord>> batches;
  for (LogRecord* record : {&made.slate, &made.seen, &made.clicked}) {
    record->offset = batches.size();
    batches.emplace_back().push_back(std::move(*record));
  }
  for (auto _ : state) {
    for (std::vector<LogRecord>& batch : batches) recent.Add(std::move(batch));
    batches = recent.Take();
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations() * 3));
}
BENCHMARK(HandRecordsOver)->Apply(ColumnsAndCandidates);

// Of reading the log instead: the records as they are in an uncompressed frame.
void DecodeRecords(benchmark::State& state) {
  const Records made = MakeRecords(state);
  std::vector<std::string> bytes;
  for (const LogRecord* record : {&made.slate, &made.seen, &made.clicked})
    EncodeEvent(record->event, &bytes.emplace_back());
  Event event;
  for (auto _ : state) {
    for (const std::string& record : bytes) benchmark::DoNotOptimize(DecodeEventInto(record, &event).ok());
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations() * 3));
}
BENCHMARK(DecodeRecords)->Apply(ColumnsAndCandidates);

void CountColumn(benchmark::State& state) {
  Rng rng(3);
  std::vector<float> values(1'000'000);
  for (float& v : values) v = static_cast<float>(rng.Normal());
  const Bins bins = MakeBins(std::span(values).first(100'000), false);
  for (auto _ : state) {
    BinCounts counts(bins.size());
    counts.Add(bins, values.data(), values.size());
    benchmark::DoNotOptimize(counts.counts.data());
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations() * values.size()));
}
BENCHMARK(CountColumn);

}  // namespace
}  // namespace gfr
