#include "dataset/partitioned_replay.h"

#include <gtest/gtest.h>

#include <cstring>

#include "base/rng.h"
#include "base/test_folder.h"
#include "base/time.h"
#include "log/event_log.h"

namespace gfr {
namespace {

constexpr const char* kConfig = R"(
[catalogue]
price_from_impressions = true
[item]
category = "category"
[user]
city = "category"
[[feature]]
name = "user_clicks"
type = "count"
scope = "user"
events = ["feed.click"]
window = "2h"
tiles = 4
[[feature]]
name = "session_touches"
type = "interaction"
read = "count"
scope = "session"
events = ["feed.click", "item.view"]
[[feature]]
name = "price_affinity"
type = "affinity"
scope = "user"
property = "price"
bands = [2, 4, 6, 8]
half_life = "1h"
capacity = 3
events = ["feed.click", "item.view"]
[[feature]]
name = "category_taste"
type = "taste"
scope = "user"
property = "category"
half_life = "2h"
capacity = 2
events = ["feed.click"]
denominator = ["feed.impression"]
[[feature]]
name = "price"
type = "property"
property = "price"
[[feature]]
name = "category"
type = "property"
property = "category"
[[feature]]
name = "item_ctr"
type = "rate"
scope = "item"
events = ["feed.click"]
denominator = ["feed.impression"]
window = "4h"
tiles = 8
[[feature]]
name = "category_clicks"
type = "count"
scope = "item.category"
events = ["feed.click"]
[[feature]]
name = "city_item_ctr"
type = "rate"
scope = "user.city x item"
events = ["feed.click"]
denominator = ["feed.impression"]
[[feature]]
name = "last_item_clicks"
type = "count"
scope = "last x item"
events = ["feed.click"]
[[feature]]
name = "surface_since"
type = "since"
scope = "surface"
events = ["feed.click"]
)";

constexpr const char* kCities[] = {"rome", "oslo", "lima"};

// A day of events as a careless world sends them: late ones, users who log in, items that change, requests of nobody.
std::vector<Event> RandomEvents(std::uint64_t seed) {
  Rng rng(seed);
  std::vector<Event> events;
  std::int64_t now_ms = 28'000'000 * kMinuteMs;
  const auto id = [&](const char* prefix, std::uint64_t below) { return prefix + std::to_string(rng.Below(below)); };
  for (int i = 0; i < 1500; ++i) {
    now_ms += static_cast<std::int64_t>(rng.Below(60)) * kSecondMs;
    Event e{.id = std::to_string(i), .source = "t", .time_ms = now_ms, .surface = id("s", 2)};
    if (rng.Below(10) > 0) e.user_id = id("u", 30);
    if (e.user_id.empty() || rng.Below(3) > 0) e.session_id = id("v", 60);
    if (rng.Below(2) == 0) e.context = {{.name = "city", .text = kCities[rng.Below(3)]}};
    const std::uint64_t dice = rng.Below(20);
    if (dice == 0) {
      e.type = EventType::kItemUpdate;
      e.items = {{.item_id = id("i", 40), .properties = {{.name = "category", .text = id("c", 4)}}}};
      if (rng.Below(2) == 0) e.items[0].price = static_cast<double>(rng.Below(10));
    } else if (dice == 1) {
      e.type = EventType::kUserAlias;
      e.user_id = id("u", 30);
      e.kind = id("u", 30);
    } else if (dice == 2) {
      e.type = rng.Below(4) == 0 ? EventType::kUserDelete : EventType::kSearch;
      if (e.user_id.empty()) e.user_id = "u1";
    } else if (dice == 3) {
      e.type = rng.Below(2) == 0 ? EventType::kItemDelete : EventType::kItemHide;
      if (e.user_id.empty()) e.user_id = "u1";
      e.items = {{.item_id = id("i", 40)}};
    } else if (dice < 6) {
      e.type = EventType::kItemView;
      e.items = {{.item_id = id("i", 40)}};
    } else if (dice < 8) {
      e.type = EventType::kPurchase;
      e.items = {{.item_id = id("i", 40), .price = 3, .quantity = 2}};
    } else {
      e.type = EventType::kFeedRequest;
      e.request_id = "r" + std::to_string(i);
      for (int k = 0; k < 6; ++k)
        e.items.push_back({.item_id = id("i", 40), .price = static_cast<double>(rng.Below(10))});
      events.push_back(e);
      e.id += "i";
      e.type = EventType::kFeedImpression;
      events.push_back(e);
      if (rng.Below(2) == 0) continue;
      if (rng.Below(4) == 0) {  // The click comes before its impression.
        Event early = e;
        early.id += "e";
        early.type = EventType::kFeedClick;
        early.items = {e.items[rng.Below(6)]};
        events.insert(events.end() - 1, std::move(early));
      }
      e.id += "c";
      e.type = EventType::kFeedClick;
      e.items = {e.items[rng.Below(6)]};
      if (rng.Below(5) == 0) e.request_id.clear();
      e.time_ms += static_cast<std::int64_t>(rng.Below(20)) * kMinuteMs;
    }
    events.push_back(std::move(e));
  }
  return events;
}

template <typename T>
bool SameBytes(const std::vector<T>& a, const std::vector<T>& b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0);
}

void ExpectSame(const Dataset& a, const Dataset& b) {
  ASSERT_EQ(a.objectives.size(), b.objectives.size());
  for (std::size_t o = 0; o < a.objectives.size(); ++o) {
    const ObjectiveRows &x = a.objectives[o], &y = b.objectives[o];
    EXPECT_TRUE(SameBytes(x.offset, y.offset) && SameBytes(x.label, y.label) && SameBytes(x.user, y.user) &&
                SameBytes(x.arrival_ms, y.arrival_ms));
    ASSERT_EQ(x.features.size(), y.features.size());
    for (std::size_t i = 0; i < x.features.size(); ++i) {
      ASSERT_EQ(std::memcmp(&x.features[i], &y.features[i], 4), 0)
          << "objective " << o << ", row " << i / a.columns << ", column " << i % a.columns << ": " << x.features[i]
          << " and " << y.features[i];
    }
  }
  ASSERT_EQ(a.slates.size(), b.slates.size());
  for (std::size_t s = 0; s < a.slates.size(); ++s) {
    const SlateRow &x = a.slates[s], &y = b.slates[s];
    EXPECT_TRUE(x.offset == y.offset && x.user == y.user && x.session == y.session && x.first == y.first &&
                x.items == y.items && x.clicked == y.clicked && x.untouched == y.untouched &&
                x.most_recent == y.most_recent && x.popularity == y.popularity);
  }
  EXPECT_TRUE(SameBytes(a.slate_features, b.slate_features));
  EXPECT_EQ(a.records, b.records);
  EXPECT_EQ(a.last_arrival_ms, b.last_arrival_ms);
  EXPECT_EQ(a.category_names, b.category_names);
}

TEST(PartitionedReplayTest, AnySplitByUserOverAnyNumberOfWorkersGivesEqualBytes) {
  auto config = Config::Parse(kConfig, "gfr.toml");
  const auto features = FeatureSet::Make(config.value()).value();
  const std::vector<ObjectiveConfig> objectives{
      {.name = "pctr"},
      {.name = "pcvr", .population = EventType::kFeedClick, .label = EventType::kPurchase, .window_ms = 2 * kHourMs},
      {.name = "view", .population = EventType::kItemView, .label = EventType::kFeedClick}};
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    const TestFolder folder;
    const std::string log = folder.path() + "/log";
    const FixedClock clock(0);
    std::uint64_t duplicates = 0;
    LocalLog source(PosixFileSystem(), log);
    ASSERT_TRUE(EventLog::Open(PosixFileSystem(), clock, {.folder = log})
                    .value()
                    ->AppendImported(
                        RandomEvents(seed), [](std::uint64_t) {}, &duplicates)
                    .ok());
    const auto whole = BuildDataset(PosixFileSystem(), source, features, objectives, {.partitions = 1});
    ASSERT_TRUE(whole.ok()) << whole.error().message;
    EXPECT_GT(whole.value().objectives[0].size(), 3000u);
    EXPECT_GT(whole.value().objectives[1].size(), 100u);
    EXPECT_GT(whole.value().slates.size(), 100u);
    for (const int partitions : {2, 7}) {
      for (const int workers : {1, 2, 7}) {
        const auto split =
            BuildDataset(PosixFileSystem(), source, features, objectives,
                         {.workers = workers, .partitions = partitions, .scratch_folder = log + ".scratch"});
        ASSERT_TRUE(split.ok()) << split.error().ToString();
        ExpectSame(whole.value(), split.value());
      }
    }
  }
}

TEST(PartitionedReplayTest, LeavesNoScratchFilesAndAsksForMorePartitionsWhenMemoryIsShort) {
  auto config = Config::Parse(kConfig, "gfr.toml");
  const auto features = FeatureSet::Make(config.value()).value();
  const std::vector<ObjectiveConfig> objectives{{.name = "pctr"}};
  const TestFolder folder;
  const std::string log = folder.path() + "/log";
  const FixedClock clock(0);
  std::uint64_t duplicates = 0;
  LocalLog source(PosixFileSystem(), log);
  const std::string scratch = log + ".scratch";
  ASSERT_TRUE(EventLog::Open(PosixFileSystem(), clock, {.folder = log})
                  .value()
                  ->AppendImported(
                      RandomEvents(4), [](std::uint64_t) {}, &duplicates)
                  .ok());
  EXPECT_EQ(LogSurvey::Of(source, *features, objectives, {}).value().partitions(), 1);
  EXPECT_GT(LogSurvey::Of(source, *features, objectives, {.memory_bytes = 20'000}).value().partitions(), 4);
  ASSERT_TRUE(
      BuildDataset(PosixFileSystem(), source, features, objectives, {.memory_bytes = 20'000, .scratch_folder = scratch})
          .ok());
  EXPECT_FALSE(PosixFileSystem().Exists(scratch));
}

// Counts how often a log is read.
class CountedLog final : public EventSource {
 public:
  explicit CountedLog(EventSource& log) : log_(log) {}
  int partitions() const override { return log_.partitions(); }
  Result<Positions> Begin() override { return log_.Begin(); }
  Result<Positions> End() override { return log_.End(); }
  Result<std::uint64_t> SizeBytes() override { return log_.SizeBytes(); }
  Result<std::unique_ptr<EventReader>> Open(const Positions& from, ReadOptions options) override {
    ++reads;
    return log_.Open(from, std::move(options));
  }
  int reads = 0;

 private:
  EventSource& log_;
};

// Before the survey: 4, 3 and 6 times.
TEST(PartitionedReplayTest, ReadsTheLogOnceForAliasesLabelsAndMeasure) {
  auto config = Config::Parse(kConfig, "gfr.toml");
  const auto features = FeatureSet::Make(config.value()).value();
  const std::vector<ObjectiveConfig> objectives{{.name = "pctr"}};
  const TestFolder folder;
  const FixedClock clock(0);
  std::uint64_t duplicates = 0;
  LocalLog source(PosixFileSystem(), folder / "log");
  ASSERT_TRUE(EventLog::Open(PosixFileSystem(), clock, {.folder = folder / "log"})
                  .value()
                  ->AppendImported(
                      RandomEvents(4), [](std::uint64_t) {}, &duplicates)
                  .ok());
  const auto reads = [&](DatasetOptions options) {
    CountedLog log(source);
    options.scratch_folder = folder / "scratch";
    EXPECT_TRUE(BuildDataset(PosixFileSystem(), log, features, objectives, options).ok());
    return log.reads;
  };
  EXPECT_EQ(reads({}), 3) << "survey, index, replay";
  EXPECT_EQ(reads({.memory_bytes = 20'000}), 2) << "survey, with the measure, and the files of the partitions";
  EXPECT_EQ(reads({.leave_out = {.robots = true}}), 4) << "robots are known when everyone's aliases are";
}

}  // namespace
}  // namespace gfr
