// What experiments cost a request: the assignment of its unit, which the request waits for; and the fold of its slate's
// record and of what the user does then, which the server does from its log beside.
#include <benchmark/benchmark.h>

#include <cstdio>
#include <cstdlib>

#include "base/config.h"
#include "base/time.h"
#include "experiment/assignment.h"
#include "experiment/metric_fold.h"

namespace gfr {
namespace {

constexpr std::int64_t kBeganMs = 1'767'225'600'000;

// Four experiments at once, one of which sets the feed's size.
std::string FourExperiments() {
  std::string text;
  for (int k = 0; k < 4; ++k) {
    const std::string feed = k == 0 ? "feed = { size = 30 }\n" : "";
    text += "[[experiment]]\nname = \"e" + std::to_string(k) + "\"\n[[experiment.arm]]\nname = \"a\"\n" +
            "[[experiment.arm]]\nname = \"b\"\n" + feed;
  }
  return text;
}

Experiments ReadFour() {
  Config config = Config::Parse(FourExperiments(), "gfr.toml").value();
  const Experiments::Names names{
      .context = {}, .feeds = {"home"}, .read_overlay = [](Config& table) -> Result<FeedOverlay> {
        FeedOverlay overlay;
        if (table.Has("size")) overlay.size = static_cast<int>(table.Integer("size", 20, 1, 1000));
        GFR_TRY(table.Finish());
        return overlay;
      }};
  auto read = Experiments::Read(config, names);
  if (!read.ok()) {
    std::fputs((read.error().ToString() + "\n").c_str(), stderr);
    std::exit(1);
  }
  return std::move(read).value();
}

void AssignUnit(benchmark::State& state) {
  Experiments experiments = ReadFour();
  Allocation allocation = Allocate(experiments, {}, kBeganMs).value();
  const Assigner assigner(std::move(experiments), std::move(allocation));
  const FeedConfig feed;
  std::vector<Unit> units;
  for (int k = 0; k < 1000; ++k) units.push_back({UnitKind::kUser, "user-" + std::to_string(k)});
  std::size_t n = 0;
  for (auto _ : state)
    benchmark::DoNotOptimize(assigner.Assign({.unit = units[n++ % units.size()], .now_ms = kBeganMs}, feed));
}
BENCHMARK(AssignUnit);

// A slate of four experiments, a click and, of one in twenty, a purchase. Users come back ten times.
void FoldRequest(benchmark::State& state) {
  std::vector<MetricConfig> metrics(3);
  metrics[0] = {.name = "conversion", .measure = MetricConfig::Measure::kAny, .events = {EventType::kPurchase}};
  metrics[1] = {.name = "revenue", .measure = MetricConfig::Measure::kRevenue, .events = {EventType::kPurchase}};
  metrics[2] = {.name = "clicks", .measure = MetricConfig::Measure::kCount, .events = {EventType::kFeedClick}};
  const MetricFold::Measured measured{{"e0", {}}, {"e1", {}}, {"e2", {}}, {"e3", {}}};
  LogRecord slate, click, purchase;
  slate.event.type = EventType::kFeedRequest;
  for (int k = 0; k < 4; ++k) slate.event.served.experiments.push_back({"e" + std::to_string(k), "a"});
  for (int i = 0; i < 20; ++i) slate.event.items.push_back({.item_id = "item-" + std::to_string(i)});
  click.event.type = EventType::kFeedClick;
  purchase.event.type = EventType::kPurchase;
  purchase.event.value = 20;
  click.event.items = purchase.event.items = {slate.event.items[3]};
  std::optional<MetricFold> fold;
  std::uint64_t offset = 0, request = 0;
  for (auto _ : state) {
    if (request % 50'000 == 0) fold.emplace(metrics, measured);
    const std::string user = "user-" + std::to_string(request % 5000);
    const auto add = [&](LogRecord* record) {
      record->offset = offset++;
      record->arrival_ms = record->event.time_ms = kBeganMs + static_cast<std::int64_t>(offset) * 100;
      record->event.user_id = user;
      fold->Add(*record);
    };
    add(&slate);
    add(&click);
    if (request % 20 == 0) add(&purchase);
    ++request;
  }
}
BENCHMARK(FoldRequest);

}  // namespace
}  // namespace gfr
