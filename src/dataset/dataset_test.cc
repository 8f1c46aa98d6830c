#include "dataset/dataset.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>

#include "base/rng.h"
#include "base/test_folder.h"
#include "base/time.h"
#include "dataset/export_dataset.h"
#include "log/event_log.h"

namespace gfr {
namespace {

using Json = nlohmann::json;

constexpr const char* kConfig = R"(
[user]
device = "category"
[[feature]]
name = "clicks"
type = "count"
scope = "user"
events = ["feed.click"]
)";

class DatasetTest : public testing::Test {
 protected:
  DatasetTest() {
    auto config = Config::Parse(kConfig, "gfr.toml");
    features = FeatureSet::Make(config.value()).value();
  }
  Event Make(EventType type, std::int64_t minute, const std::string& request, std::vector<std::string> items,
             const std::string& user = "u") {
    Event e{.id = std::to_string(events.size()),
            .source = "t",
            .type = type,
            .time_ms = start + minute * kMinuteMs,
            .user_id = user,
            .request_id = request};
    for (const std::string& id : items)
      e.items.push_back({.item_id = id, .index = static_cast<std::int32_t>(e.items.size())});
    return e;
  }
  void Add(EventType type, std::int64_t minute, const std::string& request, std::vector<std::string> items,
           const std::string& user = "u") {
    events.push_back(Make(type, minute, request, std::move(items), user));
  }
  void Slate(std::int64_t minute, const std::string& request, const std::vector<std::string>& items) {
    Add(EventType::kFeedRequest, minute, request, items);
    Add(EventType::kFeedImpression, minute, request, items);
  }
  void MakeLog(const TestFolder& folder) {
    const FixedClock clock(0);
    std::uint64_t duplicates = 0;
    EXPECT_TRUE(EventLog::Open(PosixFileSystem(), clock, {.folder = folder.path()})
                    .value()
                    ->AppendImported(
                        events, [](std::uint64_t) {}, &duplicates)
                    .ok());
  }
  Dataset Build(DatasetOptions options = {}) {
    const TestFolder folder;
    MakeLog(folder);
    LocalLog log(PosixFileSystem(), folder.path());
    options.scratch_folder = folder / "scratch";
    auto data = BuildDataset(PosixFileSystem(), log, features, objectives, options);
    EXPECT_TRUE(data.ok()) << data.error().message;
    return std::move(data).value();
  }
  Json Sheet(DatasetOptions options) {
    const TestFolder folder;
    MakeLog(folder);
    const std::string rows = folder.path() + "/rows";
    auto sink = DatasetExport::Open(PosixFileSystem(), rows, *features, objectives).value();
    LocalLog log(PosixFileSystem(), folder.path());
    options.scratch_folder = folder / "scratch";
    const auto about = BuildRows(PosixFileSystem(), log, features, objectives, options, *sink);
    EXPECT_TRUE(about.ok() && sink->Finish(about.value()).ok());
    return Json::parse(PosixFileSystem().ReadAll(rows + "/datasheet.json").value());
  }
  const std::int64_t start = 28'000'000 * kMinuteMs;
  std::shared_ptr<const FeatureSet> features;
  std::vector<ObjectiveConfig> objectives{{.name = "pctr"},
                                          {.name = "pcvr",
                                           .population = EventType::kFeedClick,
                                           .label = EventType::kPurchase,
                                           .window_ms = 60 * kMinuteMs}};
  std::vector<Event> events;
};

using Labels = std::vector<float>;

TEST_F(DatasetTest, LabelsTheImpressionOfTheClickedRequestOnly) {
  Slate(0, "r1", {"a", "b"});
  Slate(5, "r2", {"a", "b"});
  Add(EventType::kFeedClick, 6, "r2", {"b"});
  Add(EventType::kAppOpen, 500, "", {});
  EXPECT_EQ(Build().objectives[0].label, (Labels{0, 0, 0, 1}));
}

TEST_F(DatasetTest, AClickThatNamesItsRequestLabelsItsImpressionAlsoFromBeforeIt) {
  Add(EventType::kFeedRequest, 0, "r1", {"a", "b"});
  Add(EventType::kFeedClick, 0, "r1", {"b"});
  Add(EventType::kFeedImpression, 0, "r1", {"a", "b"});
  Add(EventType::kFeedRequest, 5, "r2", {"a", "b"});
  Add(EventType::kFeedImpression, 5, "r2", {"a", "b"});
  Add(EventType::kFeedClick, 10, "r3", {"a"});  // Before its request: who knows what it is.
  Add(EventType::kFeedRequest, 10, "r3", {"a", "b"});
  Add(EventType::kFeedImpression, 10, "r3", {"a", "b"});
  Add(EventType::kAppOpen, 500, "", {});
  const Dataset data = Build();
  EXPECT_EQ(data.objectives[0].label, (Labels{0, 1, 0, 0, 0, 0}));
  EXPECT_EQ(data.objectives[0].features, (Labels{0, 0, 1, 1, 1, 1})) << "none knows a click that names its own request";
  ASSERT_EQ(data.slates.size(), 1u);
  EXPECT_EQ(data.slates[0].clicked, 1);
  EXPECT_TRUE(data.slates[0].untouched) << "its own click is no touch before it";
}

TEST_F(DatasetTest, AClickFromBeforeItsImpressionLedOnWhenItWasBought) {
  Add(EventType::kFeedRequest, 0, "r1", {"a"});
  Add(EventType::kFeedClick, 0, "r1", {"a"});
  Add(EventType::kFeedImpression, 0, "r1", {"a"});
  Add(EventType::kPurchase, 9, "", {"a"});
  Add(EventType::kAppOpen, 500, "", {});
  const Dataset data = Build();
  EXPECT_EQ(data.objectives[0].led_on, (std::vector<float>{1}));
  EXPECT_EQ(data.objectives[1].label, (Labels{1}));
}

// The label rule: what a row reads does not know its own label, however impressions and clicks lie behind the request.
TEST_F(DatasetTest, NoFeatureChangesWhenTheLabelEventsOfItsOwnRequestAreTakenAway) {
  auto config = Config::Parse(std::string(kConfig) +
                                  "[[feature]]\nname = \"item_ctr\"\ntype = \"rate\"\nscope = \"item\"\nevents = "
                                  "[\"feed.click\"]\ndenominator = [\"feed.impression\"]\n"
                                  "[[feature]]\nname = \"clicked\"\ntype = \"interaction\"\nread = "
                                  "\"count\"\nscope = \"user\"\nevents = [\"feed.click\"]\n"
                                  "[[feature]]\nname = \"since\"\ntype = \"since\"\nscope = \"user\"\nevents = "
                                  "[\"feed.click\"]\n",
                              "gfr.toml");
  features = FeatureSet::Make(config.value()).value();
  objectives.resize(1);
  for (std::uint64_t seed = 1; seed <= 4; ++seed) {
    Rng rng(seed);
    events.clear();
    std::vector<std::string> requests;
    for (int n = 0; n < 40; ++n) {
      const std::string request = "r" + std::to_string(n), user = "u" + std::to_string(rng.Below(3));
      requests.push_back(request);
      std::vector<std::string> items;
      for (int k = 0; k < 3; ++k) items.push_back("i" + std::to_string(3 * rng.Below(4) + static_cast<unsigned>(k)));
      const auto minute = static_cast<std::int64_t>(2 * n);
      if (rng.Chance(0.1)) Add(EventType::kFeedImpression, minute, request, items, user);
      Add(EventType::kFeedRequest, minute, request, items, user);
      const bool click_first = rng.Chance(0.5), clicked = rng.Chance(0.6);
      if (clicked && click_first) Add(EventType::kFeedClick, minute, request, {items[rng.Below(3)]}, user);
      Add(EventType::kFeedImpression, minute, request, items, user);
      if (clicked && !click_first)
        Add(EventType::kFeedClick, minute + static_cast<std::int64_t>(rng.Below(4)), request, {items[rng.Below(3)]},
            user);
    }
    Add(EventType::kAppOpen, 5000, "", {});
    const std::vector<Event> all = events;
    const auto rows_of = [&](const Dataset& data, const std::string& request) {
      std::vector<float> rows;
      const ObjectiveRows& o = data.objectives[0];
      for (std::size_t i = 0; i < o.size(); ++i) {
        if (o.request[i] != PairKey(o.user[i], KeyOf(request))) continue;
        rows.insert(rows.end(), o.features.begin() + static_cast<std::ptrdiff_t>(i * data.columns),
                    o.features.begin() + static_cast<std::ptrdiff_t>((i + 1) * data.columns));
      }
      return rows;
    };
    const Dataset data = Build();
    EXPECT_GT(std::ranges::count(data.objectives[0].label, 1.0f), 10);
    for (const std::string& request : requests) {
      events = all;
      std::erase_if(events, [&](const Event& e) { return e.type == EventType::kFeedClick && e.request_id == request; });
      const std::vector<float> with = rows_of(data, request), without = rows_of(Build(), request);
      ASSERT_FALSE(with.empty());
      ASSERT_EQ(with.size(), without.size());
      EXPECT_EQ(std::memcmp(with.data(), without.data(), with.size() * sizeof(float)), 0)
          << request << " seed " << seed;
    }
  }
}

TEST_F(DatasetTest, ANumberThatNoRowCanHoldIsNamedAndCountsAsMissing) {
  auto config = Config::Parse(
      std::string(kConfig) + "[[feature]]\nname = \"price\"\ntype = \"property\"\nproperty = \"price\"\n", "gfr.toml");
  features = FeatureSet::Make(config.value()).value();
  Event update = Make(EventType::kItemUpdate, 0, "", {"b"}, "");
  update.items[0].price = 1e39;
  events.push_back(update);
  Slate(10, "r1", {"a", "b"});
  Add(EventType::kAppOpen, 500, "", {});
  const Dataset data = Build();
  ASSERT_EQ(data.objectives[0].size(), 2u);
  EXPECT_TRUE(std::isnan(data.objectives[0].features[3]));
  EXPECT_EQ(data.huge_numbers, 1u);
  EXPECT_EQ(data.first_huge.find("price of item 'b' is 1e+39 in event '0' (offset 0, "), 0u) << data.first_huge;
}

// Items a to f of two categories, on sale from the start but for f; then views of one session.
TEST_F(DatasetTest, SlatesAreSampledOfWhatWasOnSaleThenAndHaveOnePositiveEach) {
  auto config = Config::Parse(
      "[item]\ncategory = \"category\"\n[[feature]]\nname = \"price\"\ntype = \"property\"\nproperty = \"price\"\n",
      "gfr.toml");
  features = FeatureSet::Make(config.value()).value();
  objectives = {{.name = "next_view", .label = EventType::kItemView, .sampled = {.on = true, .size = 4}}};
  const auto update = [&](std::int64_t minute, const std::string& item, double price) {
    Event e = Make(EventType::kItemUpdate, minute, "", {item}, "");
    e.items[0].price = price;
    e.items[0].properties = {{.name = "category", .text = price < 3 ? "low" : "high"}};
    events.push_back(e);
  };
  for (int k = 0; k < 5; ++k) update(0, std::string(1, static_cast<char>('a' + k)), k);
  for (int n = 0; n < 60; ++n) {
    const std::string item(1, static_cast<char>('a' + n % 5));
    Add(EventType::kItemView, 10 + 40 * n, "", {item}, "u" + std::to_string(n % 3));
    if (n == 30) events.push_back(Make(EventType::kItemDelete, 11 + 40 * n, "", {"e"}, ""));
  }
  update(10 + 40 * 59, "f", 5);                              // As new as the last view:
  Add(EventType::kItemView, 10 + 40 * 59, "", {"f"}, "u1");  // its item is not known yet.
  Add(EventType::kAppOpen, 2500, "", {});
  const Dataset data = Build();
  const ObjectiveRows& rows = data.objectives[0];
  EXPECT_TRUE(data.sampled);
  std::map<std::uint64_t, int> size, positives;
  std::map<float, int> before, after;  // How often each price was drawn as a negative.
  for (std::size_t i = 0; i < rows.size(); ++i) {
    ++size[rows.offset[i]];
    positives[rows.offset[i]] += rows.label[i] > 0;
    if (rows.label[i] == 0) ++(rows.offset[i] < 36 ? before : after)[rows.features[i]];
  }
  for (const auto& [offset, n] : size) {
    EXPECT_EQ(positives[offset], 1) << offset;
    EXPECT_EQ(n, 4) << offset;
  }
  EXPECT_EQ(size.size(), 54u) << "not e's views after it went off sale, nor f's";
  EXPECT_EQ(before.size(), 5u);
  EXPECT_EQ(after.size(), 4u);
  EXPECT_FALSE(after.contains(4)) << "e is off sale";
  ASSERT_GT(data.slates.size(), 10u);
  for (const SlateRow& slate : data.slates) EXPECT_EQ(slate.items, 4) << "all that is on sale in the later half";
  const Dataset again = Build();
  EXPECT_EQ(again.objectives[0].features, rows.features);
  objectives[0].sampled.seed = 8;
  EXPECT_NE(Build().objectives[0].features, rows.features);
}

TEST_F(DatasetTest, RowsOfImpressionsHaveThePlaceShownAndAllElseTheReference) {
  auto config = Config::Parse(
      std::string(kConfig) + "[[feature]]\nname = \"place\"\ntype = \"position\"\nreference = 7\n", "gfr.toml");
  features = FeatureSet::Make(config.value()).value();
  Add(EventType::kFeedRequest, 0, "r1", {"a", "b", "c"});
  Event shown = Make(EventType::kFeedImpression, 0, "r1", {"b", "c"});  // As they were scrolled to.
  shown.items[0].index = 4;
  shown.items[1].index = -1;
  events.push_back(shown);
  Add(EventType::kFeedClick, 1, "r1", {"c"});
  Add(EventType::kAppOpen, 500, "", {});
  const Dataset data = Build();
  EXPECT_EQ(data.objectives[0].features, (Labels{0, 4, 0, 1}));
  EXPECT_EQ(data.objectives[0].position, (std::vector<std::int32_t>{4, 1})) << "without an index the line counts";
  EXPECT_EQ(data.objectives[1].features, (Labels{0, 7})) << "of a click";
  EXPECT_EQ(data.slate_features, (Labels{0, 7, 0, 7})) << "what is ranked";
}

TEST_F(DatasetTest, PairsThatACoinPutInOrderAreChoicesOnceBothWereSeen) {
  const auto serve = [&](int minute, const std::string& request, const std::vector<std::string>& seen) {
    Add(EventType::kFeedRequest, minute, request, {"a", "b", "c", "d", "e"});
    Event& e = events.back();
    e.items[0].index = 1;  // Candidates as they were read: b, a, c, d was the slate, e was not shown.
    e.items[1].index = 0;
    e.items[4].index = -1;
    e.served.positions = {{0, -1}};
    e.served.now_ms = e.time_ms;
    e.served.propensity = {1, 0.5f, 0.5f, 1, 1};
    e.served.swaps = {0, 2};
    Add(EventType::kFeedImpression, minute, request, seen);
  };
  serve(0, "r1", {"b", "a", "c"});
  serve(10, "r2", {"b", "a", "c", "d"});
  Add(EventType::kFeedClick, 11, "r2", {"a"});
  Add(EventType::kFeedClick, 12, "r2", {"c"});
  Add(EventType::kAppOpen, 500, "", {});
  const Dataset data = Build({.choices = true});
  ASSERT_EQ(data.choices.size(), 3u) << "d of r1 was not seen";
  const auto expect = [&](std::size_t i, int position, bool clicked, bool below) {
    const ChoiceRow& c = data.choices[i];
    EXPECT_TRUE(c.swapped);
    EXPECT_EQ(c.pool, 2);
    EXPECT_EQ(c.shown, 0);
    EXPECT_EQ(c.propensity, 0.5f);
    EXPECT_EQ(c.position, position) << i;
    EXPECT_EQ(c.clicked, clicked) << i;
    EXPECT_EQ(c.clicked_below, below) << i;
  };
  expect(0, 0, false, false);
  expect(1, 0, false, true);
  expect(2, 2, true, false);
}

TEST_F(DatasetTest, AClickWithoutARequestLabelsTheLatestImpressionWithinTheWindow) {
  Slate(0, "r1", {"a"});
  Slate(5, "r2", {"a"});
  Add(EventType::kFeedClick, 6, "", {"a"});
  Slate(100, "r3", {"a"});
  Add(EventType::kFeedClick, 131, "", {"a"});
  Add(EventType::kAppOpen, 500, "", {});
  EXPECT_EQ(Build().objectives[0].label, (Labels{0, 1, 0}));
}

TEST_F(DatasetTest, APurchaseLabelsClicksBeforeItWithinTheWindowAcrossSessions) {
  Slate(0, "r1", {"a", "b"});
  Add(EventType::kFeedClick, 1, "r1", {"a"});
  Add(EventType::kPurchase, 61, "", {"a"});
  Slate(70, "r2", {"a"});
  Add(EventType::kFeedClick, 71, "r2", {"a"});
  Add(EventType::kFeedClick, 72, "r2", {"a"}, "other");
  Add(EventType::kAppOpen, 500, "", {});
  const Dataset data = Build();
  EXPECT_EQ(data.objectives[1].label, (Labels{1, 0, 0}));
}

TEST_F(DatasetTest, AnAmountIsTheSumOfWhatLabelEventsSayWithinTheWindowLessWhatWasTakenBack) {
  objectives.push_back({.name = "basket",
                        .population = EventType::kFeedClick,
                        .label = EventType::kPurchase,
                        .window_ms = kHourMs,
                        .amount = ObjectiveConfig::Amount::kPrice});
  objectives.push_back({.name = "dwell",
                        .population = EventType::kFeedImpression,
                        .label = EventType::kItemView,
                        .window_ms = 30 * kMinuteMs,
                        .amount = ObjectiveConfig::Amount::kValue});
  const auto order = [&](EventType type, std::int64_t minute, const std::string& item, double price, int quantity) {
    Add(type, minute, "", {item});
    events.back().items[0].price = price;
    events.back().items[0].quantity = quantity;
  };
  Slate(0, "r1", {"a", "b", "c"});
  Add(EventType::kFeedClick, 1, "r1", {"a"});
  Add(EventType::kFeedClick, 2, "r1", {"b"});
  Add(EventType::kFeedClick, 3, "r1", {"c"});
  order(EventType::kPurchase, 10, "a", 12.5, 2);
  order(EventType::kPurchase, 20, "a", 5, 1);
  order(EventType::kPurchase, 90, "a", 100, 1);  // Too late.
  order(EventType::kPurchase, 10, "b", 7, 1);
  order(EventType::kPurchaseReturn, 30, "b", 7, 1);
  order(EventType::kPurchaseReturn, 30, "a", 5, 1);
  Add(EventType::kPurchase, 12, "", {"c"});  // Says no price.
  Add(EventType::kItemView, 4, "", {"a", "b"});
  events.back().value = 30;  // 15 seconds each.
  Add(EventType::kItemView, 5, "", {"a"});
  events.back().value = 4;
  Add(EventType::kItemView, 50, "", {"c"});  // Later than 30 minutes.
  events.back().value = 60;
  Add(EventType::kAppOpen, 500, "", {});
  std::ranges::stable_sort(events, {}, &Event::time_ms);
  for (const int partitions : {1, 3}) {
    const Dataset data = Build({.partitions = partitions});
    EXPECT_EQ(data.objectives[1].label, (Labels{1, 1, 1})) << "whether it was bought is not how much";
    EXPECT_EQ(data.objectives[2].label, (Labels{25, 0, 0}));
    EXPECT_EQ(data.objectives[2].whole, data.objectives[2].label);
    EXPECT_EQ(data.objectives[3].label, (Labels{19, 15, 0}));
    EXPECT_TRUE(std::isnan(data.objectives[2].led_on[0]));
  }
  EXPECT_EQ(NextObjective(objectives, 0), 1u) << "a mean is no probability to go on with";
}

TEST_F(DatasetTest, AnImpressionThatWasHiddenIsAPositiveOfWhatUsersDislike) {
  objectives = {{.name = "phide", .label = EventType::kItemHide, .window_ms = kHourMs},
                {.name = "preturn",
                 .population = EventType::kPurchase,
                 .label = EventType::kPurchaseReturn,
                 .window_ms = 2 * kHourMs}};
  Slate(0, "r1", {"a", "b"});
  Add(EventType::kItemHide, 1, "", {"b"});
  Add(EventType::kPurchase, 10, "", {"a"});
  Add(EventType::kPurchase, 11, "", {"b"});
  Add(EventType::kPurchaseReturn, 60, "", {"a"});
  Add(EventType::kAppOpen, 500, "", {});
  const Dataset data = Build();
  EXPECT_EQ(data.objectives[0].label, (Labels{0, 1}));
  EXPECT_EQ(data.objectives[1].label, (Labels{1, 0}));
}

TEST_F(DatasetTest, AnImpressionLedOnWhenItsOwnClickWasBoughtWithinBothWindows) {
  Slate(0, "r1", {"a", "b", "c"});
  Add(EventType::kFeedClick, 1, "r1", {"a"});
  Add(EventType::kFeedClick, 20, "r1", {"a"});
  Add(EventType::kFeedClick, 2, "r1", {"b"});
  Slate(70, "r2", {"a", "c"});               // Seen again, and not clicked.
  Add(EventType::kPurchase, 79, "", {"a"});  // Within an hour of the second click, not of the first.
  Add(EventType::kPurchase, 80, "", {"c"});  // Never clicked.
  Slate(200, "r3", {"a"});                   // Younger than 30 minutes and an hour.
  Add(EventType::kAppOpen, 285, "", {});
  const Dataset data = Build();
  const std::vector<float>& led_on = data.objectives[0].led_on;
  EXPECT_EQ(Labels(led_on.begin(), led_on.begin() + 5), (Labels{1, 0, 0, 0, 0}));
  ASSERT_EQ(led_on.size(), 6u);
  EXPECT_TRUE(std::isnan(led_on[5]));
  EXPECT_TRUE(std::isnan(data.objectives[1].led_on[0])) << "of a click";
  EXPECT_EQ(NextObjective(objectives, 0), 1u);
  EXPECT_EQ(NextObjective(objectives, 1), 2u);
}

TEST_F(DatasetTest, WithAnEarlyWindowYoungerRowsTeachAndTheWholeWindowIsKnownOfOlderOnes) {
  objectives[1].early_window_ms = 10 * kMinuteMs;
  Slate(0, "r1", {"a", "b", "c"});
  for (const char* item : {"a", "b", "c"}) Add(EventType::kFeedClick, 1, "r1", {item});
  Add(EventType::kPurchase, 11, "", {"a"});
  Add(EventType::kPurchase, 12, "", {"b"});
  Add(EventType::kPurchase, 62, "", {"c"});
  Add(EventType::kFeedClick, 80, "r1", {"a"});  // Older than ten minutes, younger than an hour.
  Add(EventType::kPurchase, 85, "", {"a"});
  Add(EventType::kFeedClick, 91, "r1", {"a"});
  Add(EventType::kAppOpen, 100, "", {});
  const ObjectiveRows rows = Build().objectives[1];
  EXPECT_EQ(rows.label, (Labels{1, 0, 0, 1}));
  EXPECT_EQ(Labels(rows.whole.begin(), rows.whole.begin() + 3), (Labels{1, 1, 0}));
  EXPECT_TRUE(std::isnan(rows.whole[3]));
}

TEST_F(DatasetTest, ReadsAClicksFeaturesAsOfItsRequest) {
  Slate(0, "r1", {"a", "b"});
  Add(EventType::kFeedClick, 1, "r1", {"a"});
  Add(EventType::kFeedClick, 2, "r1", {"b"});
  Add(EventType::kAppOpen, 500, "", {});
  EXPECT_EQ(Build().objectives[1].features, (Labels{0, 0}))
      << "the first click came after the request that the second belongs to";
}

TEST_F(DatasetTest, DropsRowsYoungerThanTheirWindowWhateverTheirLabel) {
  Slate(0, "r1", {"a"});
  Slate(100, "r2", {"a", "b"});
  Add(EventType::kFeedClick, 101, "r2", {"a"});
  EXPECT_EQ(Build().objectives[0].label, (Labels{0}));
  EXPECT_EQ(Build({.drop_immature = false}).objectives[0].label, (Labels{0, 1, 0}));
}

TEST_F(DatasetTest, KeepsRowsOfARangeWithTheStateOfAllBefore) {
  Slate(0, "r1", {"a"});
  Add(EventType::kFeedClick, 1, "r1", {"a"});
  Slate(10, "r2", {"a"});
  Add(EventType::kAppOpen, 500, "", {});
  const Dataset data = Build({.from_ms = start + 5 * kMinuteMs, .to_ms = start + 20 * kMinuteMs});
  ASSERT_EQ(data.objectives[0].size(), 1u);
  EXPECT_EQ(data.objectives[0].features[0], 1);
}

TEST_F(DatasetTest, RanksWhatWasShownInItsOrderAndCountsAMissingClickAsNowhere) {
  Add(EventType::kFeedRequest, 0, "r1", {"a", "b", "c", "d"});
  Add(EventType::kFeedImpression, 0, "r1", {"d", "b"});
  Add(EventType::kFeedClick, 1, "r1", {"b"});
  Slate(5, "r2", {"a", "x"});
  Add(EventType::kFeedClick, 6, "r2", {"elsewhere"});
  Slate(8, "r3", {"a"});
  Add(EventType::kAppOpen, 500, "", {});
  const Dataset data = Build();
  ASSERT_EQ(data.slates.size(), 2u) << "a slate without a click is neither right nor wrong";
  EXPECT_EQ(data.slates[0].items, 2);
  EXPECT_EQ(data.slates[0].clicked, 1);
  EXPECT_TRUE(data.slates[0].untouched);
  EXPECT_EQ(data.slates[1].clicked, -1);
  EXPECT_FALSE(data.slates[0].most_recent[0] > 0);
}

// Of five explore candidates, e0 stands above the place that was drawn, where e3 was; what stands below it could have
// been there.
TEST_F(DatasetTest, KeepsAPlaceFilledByChanceWithAllThatCouldHaveBeenThere) {
  Event request = Make(EventType::kFeedRequest, 0, "r1", {"a", "b", "e0", "e1", "e2", "e3", "e4"});
  const std::vector<std::int32_t> places{0, 3, 1, 4, -1, 2, -1};
  for (std::size_t i = 0; i < places.size(); ++i) {
    request.items[i].index = places[i];
    request.items[i].channel = i < 2 ? "exploit" : "explore";
  }
  request.served.positions = {{0, -1}};
  request.served.now_ms = request.time_ms;
  request.served.propensity = {1, 1, 1, 1, 1, 0.25f, 1};
  events.push_back(request);
  Add(EventType::kFeedImpression, 0, "r1", {"a", "e0", "e3", "b", "e1"});
  Add(EventType::kFeedClick, 1, "r1", {"e3"});
  events.push_back(request);  // Another of the same, which nobody saw down to the drawn place.
  events.back().id = events.back().request_id = "r2";
  Add(EventType::kFeedImpression, 2, "r2", {"a", "e0"});
  Add(EventType::kAppOpen, 500, "", {});
  EXPECT_TRUE(Build().choices.empty()) << "they were not asked for";
  const Dataset data = Build({.choices = true});
  ASSERT_EQ(data.choices.size(), 1u);
  EXPECT_EQ(data.choices[0].pool, 4);
  EXPECT_EQ(data.choices[0].shown, 2);
  EXPECT_EQ(data.choices[0].propensity, 0.25f);
  EXPECT_TRUE(data.choices[0].clicked);
  EXPECT_EQ(data.choices[0].line, 2u);
  EXPECT_EQ(data.choice_features.size(), 4u);
  const Dataset parts = Build({.choices = true, .partitions = 3});
  ASSERT_EQ(parts.choices.size(), 1u);
  EXPECT_EQ(parts.choices[0].shown, 2);
  EXPECT_EQ(parts.choice_features, data.choice_features);
}

TEST_F(DatasetTest, LeavesOutRobotsAndNamedUsersWithAllTheirIdsButCountsTheirEvents) {
  Slate(0, "r1", {"a", "b"});
  for (int i = 0; i < 60; ++i) Add(EventType::kItemView, 1 + i, "", {"a"}, "robot");
  Add(EventType::kFeedRequest, 70, "r2", {"a"}, "robot");
  Add(EventType::kFeedImpression, 70, "r2", {"a"}, "robot");
  Add(EventType::kFeedRequest, 71, "r3", {"a", "b"}, "desk");
  Add(EventType::kFeedImpression, 71, "r3", {"a", "b"}, "desk");
  Add(EventType::kFeedClick, 72, "r3", {"b"}, "desk");
  Event joined = Make(EventType::kUserAlias, 73, "", {}, "staff");
  joined.kind = "desk";
  events.push_back(joined);
  Slate(475, "r4", {"a"});
  Add(EventType::kAppOpen, 500, "", {});
  EXPECT_EQ(Build().objectives[0].size(), 5u);
  EXPECT_EQ(Build({.leave_out = {.robots = true}}).objectives[0].size(), 4u);
  for (const int partitions : {1, 3}) {
    const Dataset data = Build({.partitions = partitions, .leave_out = {.robots = true, .users = {"staff"}}});
    EXPECT_EQ(data.objectives[0].label, (Labels{0, 0}));
    EXPECT_EQ(data.objectives[1].size(), 0u);
    EXPECT_EQ(data.slates.size(), 0u);
    const Json sheet = Sheet({.partitions = partitions, .leave_out = {.robots = true, .users = {"staff"}}});
    EXPECT_EQ(sheet["objectives"]["pctr"]["dropped"], (Json{{"immature", 1}, {"robot", 1}, {"left_out", 2}}));
    EXPECT_EQ(sheet["objectives"]["pcvr"]["dropped"], (Json{{"left_out", 1}}));
    EXPECT_EQ(sheet["objectives"]["pctr"]["rows"], 2);
  }
}

TEST_F(DatasetTest, ADeviceThatChangedHandsLabelsForWhomeverItWasAtTheTime) {
  const auto alias = [&](std::int64_t minute, const std::string& login) {
    Event e = Make(EventType::kUserAlias, minute, "", {}, login);
    e.kind = "device";
    events.push_back(e);
  };
  const auto click = [&](std::int64_t minute, const std::string& item) {
    Add(EventType::kFeedClick, minute, "", {item}, "device");
  };
  click(0, "a");  // Before any login: the first one's.
  alias(1, "bob");
  click(2, "b");
  alias(3, "carol");
  click(4, "c");
  for (const char* user : {"bob", "carol"}) Add(EventType::kPurchase, 5, "", {"a", "b", "c"}, user);
  Add(EventType::kAppOpen, 500, "", {});
  const auto labels = [&](const std::string& users, std::vector<std::string> buyers) {
    auto config = Config::Parse(std::string(kConfig) + users, "gfr.toml");
    features = FeatureSet::Make(config.value()).value();
    std::vector<Event> all = events;
    std::erase_if(events, [&](const Event& e) {
      return e.type == EventType::kPurchase && std::ranges::find(buyers, e.user_id) == buyers.end();
    });
    const Labels made = Build().objectives[1].label;
    EXPECT_EQ(Build({.partitions = 3}).objectives[1].label, made);
    events = std::move(all);
    return made;
  };
  EXPECT_EQ(labels("", {"bob"}), (Labels{1, 1, 1}));
  EXPECT_EQ(labels("", {"carol"}), (Labels{0, 0, 0}));
  EXPECT_EQ(labels("[users]\nalias = \"last\"", {"bob"}), (Labels{1, 1, 0}));
  EXPECT_EQ(labels("[users]\nalias = \"last\"", {"carol"}), (Labels{0, 0, 1}));
  EXPECT_EQ(labels("[users]\nmax_logins = 1", {"bob", "carol"}), (Labels{1, 1, 0}));
  EXPECT_EQ(labels("[users]\nalias = \"none\"", {"bob", "carol"}), (Labels{0, 0, 0}));
}

TEST_F(DatasetTest, APurchaseOfAVariantLabelsClicksOnItemsOfItsParent) {
  const auto update = [&](const std::string& item, const std::string& parent) {
    Add(EventType::kItemUpdate, 0, "", {item}, "");
    events.back().items[0].properties = {{.name = "parent_id", .text = parent}};
  };
  update("red", "shoe");
  update("blue", "shoe");
  update("hat", "hats");
  for (const char* item : {"red", "hat", "shoe", "sock"}) Add(EventType::kFeedClick, 1, "", {item});
  Add(EventType::kPurchase, 2, "", {"blue"});
  Add(EventType::kAppOpen, 500, "", {});
  const auto labels = [&](const std::string& catalogue, int partitions) {
    auto config = Config::Parse(std::string(kConfig) + "[item]\nparent_id = \"category\"\n" + catalogue, "gfr.toml");
    features = FeatureSet::Make(config.value()).value();
    return Build({.partitions = partitions}).objectives[1].label;
  };
  for (const int partitions : {1, 3}) {
    EXPECT_EQ(labels("", partitions), (Labels{0, 0, 0, 0}));
    EXPECT_EQ(labels("[catalogue]\nparent = \"parent_id\"", partitions), (Labels{1, 0, 1, 0}))
        << "the parent itself may be an item, too";
  }
}

TEST_F(DatasetTest, ADataSheetSaysBaseRatesByDayAndHowOldTheNewestLabelIs) {
  Slate(0, "r1", {"a", "b"});
  Add(EventType::kFeedClick, 1, "r1", {"a"});
  Slate(1440, "r2", {"a", "b", "c"});
  Add(EventType::kAppOpen, 2880, "", {});
  const Json pctr = Sheet({})["objectives"]["pctr"];
  EXPECT_EQ(pctr["rows"], 5);
  EXPECT_EQ(pctr["users"], 1);
  EXPECT_EQ(pctr["base_rate"], 0.2);
  EXPECT_EQ(pctr["newest_row_age_days"], 1.0);
  EXPECT_EQ(pctr["newest_positive_age_days"], 2.0);
  ASSERT_EQ(pctr["days"].size(), 2u);
  EXPECT_EQ(pctr["days"][0]["base_rate"], 0.5);
  EXPECT_EQ(pctr["days"][1]["rows"], 3);
}

}  // namespace
}  // namespace gfr
