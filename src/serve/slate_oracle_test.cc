// A log with pruned slate records is as good as one with full ones: the same feeds, logged twice, give equal training
// rows, off-policy estimates and explanations, and a replay finds the rest, bit for bit.
#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <nlohmann/json.hpp>

#include "base/file_system.h"
#include "base/test_folder.h"
#include "base/time.h"
#include "dataset/dataset.h"
#include "dataset/replay_slate.h"
#include "dataset/verify_served.h"
#include "evaluate/evaluate_off_policy.h"
#include "feed/slate_record.h"
#include "log/event_log.h"
#include "log/local_log.h"
#include "rank/ranker.h"
#include "retrieve/list_maker.h"
#include "retrieve/sources.h"
#include "serve/explain.h"
#include "simulate/market.h"
#include "store/snapshot.h"

namespace gfr {
namespace {

using OrderedJson = nlohmann::ordered_json;

bool SameBits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0);
}

// A forest of one tree: `left` where column `column` is below `at`.
Forest Step(int columns, int column, double at, double left, double right) {
  Forest forest{.objective = "binary:logistic", .link = Forest::Link::kSigmoid, .columns = columns, .base_margin = {0}};
  const auto n = Forest::Missing::kNan;
  EXPECT_TRUE(AddTree({.feature = {column, 0, 0},
                       .left = {1, -1, -1},
                       .right = {2, -1, -1},
                       .value = {at, left, right},
                       .default_left = {0, 0, 0},
                       .missing = {n, n, n},
                       .category_set = {-1, -1, -1}},
                      0, "", forest)
                  .ok());
  return forest;
}

// The shop template, its market, and a server's feeds for 250 visits: logged in full, and the same records pruned.
class SlateOracleTest : public testing::Test {
 protected:
  SlateOracleTest() {
    auto text = PosixFileSystem().ReadAll(GFR_SOURCE_DIR "/src/project/templates/shop.toml");
    auto config = Config::Parse(text.value(), "shop.toml");
    features = FeatureSet::Make(config.value()).value();
    feed.full_share = 1;
    const ValueNames names{.objectives = {{"pctr", EventType::kFeedImpression, EventType::kFeedClick},
                                          {"pcvr", EventType::kFeedClick, EventType::kPurchase}},
                           .properties = {}};
    feed.objectives = {"pctr", "pcvr"};
    feed.value = ValueFormula::Parse("pctr", names).value();
    feed.channels = ReadChannels(config.value()).value();
    Serve();
  }

  Model MakeModel() const {
    Model made{.name = "feed", .version = "7", .feature_fingerprint = features->fingerprint};
    made.position_column = features->position_column;
    made.position_reference = features->position_reference;
    int price = 0;
    for (const BoundFeature& f : features->features) {
      if (f.view->spec().name == "price") price = static_cast<int>(made.columns.size());
      made.columns.push_back(f.view->spec().name);
      made.categorical.push_back(f.view->spec().categorical);
    }
    made.categories.resize(made.columns.size());
    const auto columns = static_cast<int>(made.columns.size());
    made.objectives.push_back({.name = "pctr", .forest = Step(columns, price, 30, -1, -2)});
    made.objectives.push_back({.name = "pcvr", .forest = Step(columns, made.position_column, 5, -2, -3)});
    return made;
  }

  void Serve() {
    FixedClock clock(0);
    const auto full = EventLog::Open(PosixFileSystem(), clock, {.folder = folder / "full"}).value();
    const auto pruned = EventLog::Open(PosixFileSystem(), clock, {.folder = folder / "pruned"}).value();
    OnlineStore store(features);
    const auto add = [&](std::vector<Event> events, bool prune) {
      std::vector<Event> others = events;
      for (Event& e : others) {
        if (prune) Prune(&e);
      }
      const auto appended = full->Append(std::move(events));
      ASSERT_TRUE(appended.ok() && pruned->Append(std::move(others)).ok());
      for (const LogRecord& r : appended.value().records) store.Fold(r);
      store.Publish();
    };
    Market market({.users = 60, .items = 300, .days = 4});
    std::vector<Event> history;
    ASSERT_TRUE(market
                    .Run([&](Event e) {
                      history.push_back(std::move(e));
                      return Status();
                    })
                    .ok());
    std::ranges::stable_sort(history, {}, &Event::time_ms);
    std::erase_if(history, [&](const Event& e) { return e.time_ms >= market.end_ms(); });
    clock.Set(market.end_ms());
    add(std::move(history), false);
    clock.Set(clock.now_ms() + 2 * kMinuteMs);  // The epoch that it makes is sealed.
    store.Share();
    const StoreReader reader(store);
    ListMaker lists(store.shared(), features->schema, {feed.channels});
    const auto model = BoundModel::Make(MakeModel(), *features).value();
    market.Reseed(9);
    for (int visit = 0; visit < 250; ++visit) {
      clock.Set(clock.now_ms() + 47 * kSecondMs);
      store.AdvanceTo(EpochEndAt(clock.now_ms()));
      store.Publish();
      lists.Update();
      const Visit v = market.Arrive(clock.now_ms());
      const std::string id = "v" + std::to_string(visit);
      Feed answer = Rank(store, reader.features(), model.get(), feed,
                         {.request_id = id,
                          .user_id = v.user_id,
                          .session_id = v.session_id,
                          .context = v.context,
                          .now_ms = clock.now_ms()},
                         lists.lists().get());
      std::vector<std::string> shown;
      for (const FeedItem& item : answer.items) shown.push_back(item.item_id);
      if (visit == 60 || visit == 100) {
        const Snapshot snapshot = Snapshot::Take(store);
        kept[visit] = static_cast<std::uint64_t>(snapshot.instant().next_offset);
        ASSERT_TRUE(snapshot.Write(PosixFileSystem(), folder / ("snapshot " + std::to_string(visit))).ok());
      }
      add({std::move(answer.event)}, true);
      add(market.React(v, id, shown, clock.now_ms()), false);
    }
    clock.Set(clock.now_ms() + 30 * kDayMs);
    add({{.id = "end", .source = "t", .type = EventType::kAppOpen, .time_ms = clock.now_ms(), .user_id = "u"}}, false);
  }
  std::vector<LogRecord> Slates(const std::string& log) {
    std::vector<LogRecord> slates;
    LocalLog source(PosixFileSystem(), folder / log);
    EXPECT_TRUE(ForEachRecord(source, kEveryType, [&](const LogRecord& r) {
                  if (r.event.served.exists()) slates.push_back(r);
                  return Status();
                }).ok());
    return slates;
  }
  Dataset Rows(const std::string& log) {
    const std::vector<ObjectiveConfig> objectives{
        {.name = "pctr",
         .population = EventType::kFeedImpression,
         .label = EventType::kFeedClick,
         .window_ms = 30 * kMinuteMs},
        {.name = "pcvr", .population = EventType::kFeedClick, .label = EventType::kPurchase, .window_ms = 7 * kDayMs}};
    LocalLog source(PosixFileSystem(), folder / log);
    auto rows = BuildDataset(PosixFileSystem(), source, features, objectives, {.choices = true});
    EXPECT_TRUE(rows.ok()) << rows.error().message;
    return std::move(rows).value();
  }

  const TestFolder folder;
  std::map<int, std::uint64_t> kept;  // Visit and next offset of a snapshot.
  std::shared_ptr<const FeatureSet> features;
  FeedConfig feed;
};

TEST_F(SlateOracleTest, TrainingRowsAndOffPolicyEstimatesAreThoseOfFullRecords) {
  const Dataset a = Rows("full"), b = Rows("pruned");
  ASSERT_EQ(a.objectives.size(), 2u);
  EXPECT_GT(a.objectives[0].label.size(), 4000u);
  for (std::size_t o = 0; o < 2; ++o) {
    EXPECT_TRUE(SameBits(a.objectives[o].features, b.objectives[o].features));
    EXPECT_EQ(a.objectives[o].label, b.objectives[o].label);
  }
  EXPECT_TRUE(SameBits(a.slate_features, b.slate_features));
  ASSERT_EQ(a.choices.size(), b.choices.size());
  EXPECT_GT(a.choices.size(), 100u);
  EXPECT_TRUE(SameBits(a.choice_features, b.choice_features));
  for (std::size_t i = 0; i < a.choices.size(); ++i) {
    EXPECT_EQ(a.choices[i].pool, b.choices[i].pool);
    EXPECT_EQ(a.choices[i].shown, b.choices[i].shown);
    EXPECT_EQ(a.choices[i].propensity, b.choices[i].propensity);
    EXPECT_EQ(a.choices[i].clicked, b.choices[i].clicked);
  }
  const OffPolicyReport x = EvaluateOffPolicy(MakeModel(), a, INT64_MIN, INT64_MAX).value(),
                        y = EvaluateOffPolicy(MakeModel(), b, INT64_MIN, INT64_MAX).value();
  EXPECT_EQ(x.rows, y.rows);
  for (const auto estimate : {&OffPolicyReport::logged, &OffPolicyReport::ipw, &OffPolicyReport::snipw,
                              &OffPolicyReport::doubly_robust, &OffPolicyReport::mean_weight}) {
    EXPECT_EQ((x.*estimate).value, (y.*estimate).value);
    EXPECT_EQ((x.*estimate).interval.low, (y.*estimate).interval.low);
    EXPECT_EQ((x.*estimate).interval.high, (y.*estimate).interval.high);
  }
  EXPECT_EQ(x.effective_sample, y.effective_sample);
}

TEST_F(SlateOracleTest, VerifyFindsEqualValuesInBothAndAsMany) {
  for (const char* log : {"full", "pruned"}) {
    LocalLog source(PosixFileSystem(), folder / log);
    const auto check = VerifyServed(PosixFileSystem(), source, features);
    ASSERT_TRUE(check.ok()) << check.error().message;
    EXPECT_EQ(check.value().requests, 250u);
    EXPECT_EQ(check.value().different, 0u) << check.value().first_difference;
    EXPECT_EQ(check.value().bad_slates, 0u) << check.value().first_bad;
    EXPECT_GT(check.value().values, 250u * 80 * features->columns());
  }
}

TEST_F(SlateOracleTest, WhatWasShownIsExplainedEquallyAndAReplayGivesTheRestBitForBit) {
  const std::vector<LogRecord> full = Slates("full"), pruned = Slates("pruned");
  ASSERT_EQ(full.size(), pruned.size());
  for (std::size_t r = 0; r < full.size(); r += 49) {
    const OrderedJson a = OrderedJson::parse(ExplainJson(full[r], *features)),
                      b = OrderedJson::parse(ExplainJson(pruned[r], *features));
    EXPECT_TRUE(a["served"]["complete"].get<bool>());
    EXPECT_FALSE(b["served"]["complete"].get<bool>());
    std::size_t shown = 0;
    for (std::size_t i = 0; i < a["served"]["candidates"].size(); ++i) {
      const OrderedJson &x = a["served"]["candidates"][i], &y = b["served"]["candidates"][i];
      EXPECT_EQ(x["item_id"], y["item_id"]);
      if (x["position"].is_null()) continue;
      EXPECT_EQ(x, y);
      ++shown;
    }
    EXPECT_EQ(shown, 20u);
    LocalLog source(PosixFileSystem(), folder / "pruned");
    const auto again = ReplaySlate(PosixFileSystem(), source, features, pruned[r],
                                   {folder / "snapshot 100", folder / "snapshot 60", "none"}, {});
    ASSERT_TRUE(again.ok()) << again.error().message;
    EXPECT_EQ(again.value().from, r < 60 ? 0 : kept.at(r < 100 ? 60 : 100)) << "the newest one not behind the request";
    EXPECT_TRUE(again.value().different.empty()) << again.value().different[0];
    std::vector<float> served(again.value().features.size());
    for (std::size_t k = 0; k < features->columns(); ++k) {
      for (std::size_t i = 0; i < full[r].event.items.size(); ++i)
        served[i * features->columns() + k] = full[r].event.served.columns[k].values[i];
    }
    EXPECT_TRUE(SameBits(again.value().features, served));
  }
}

}  // namespace
}  // namespace gfr
