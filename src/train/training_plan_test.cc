// What can be trained is known before the replay, and what cannot does not stop the others.
#include "train/training_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "base/rng.h"
#include "base/time.h"
#include "train/engine/engine_error.h"
#include "train/engine/xgboost_api.h"
#include "train/engine/xgboost_trainer.h"
#include "train/test_rows.h"
#include "train/trainer.h"

namespace gfr {
namespace {

using testing::HasSubstr;
using testing::Not;

const std::vector<ObjectiveConfig> kShop{
    {.name = "pctr"},
    {.name = "pcvr", .population = EventType::kFeedClick, .label = EventType::kPurchase, .window_ms = 7 * kDayMs}};

// Every hour a slate of ten, a click on every second and a purchase on every fourth.
EventTimes Shop(double days) {
  EventTimes log{.first_ms = 0, .last_ms = static_cast<std::int64_t>(days * kDayMs)};
  const auto add = [&](EventType type, std::int64_t ms, std::uint64_t lines) {
    log.lines[static_cast<std::size_t>(type)].Add(ms, lines);
    ++log.events;
  };
  for (std::int64_t hour = 0; hour * kHourMs <= log.last_ms; ++hour) {
    add(EventType::kFeedRequest, hour * kHourMs, 10);
    add(EventType::kFeedImpression, hour * kHourMs, 10);
    if (hour % 2 == 0) add(EventType::kFeedClick, hour * kHourMs, 1);
    if (hour % 4 == 0) add(EventType::kPurchase, hour * kHourMs, 1);
  }
  return log;
}

TEST(TrainingPlan, ALogThatIsTooShortForAWindowIsRefusedWithTheDaysThatAreNeeded) {
  const SplitConfig split{.test = 0.15, .validation = 0.2, .warmup_ms = 2 * kDayMs};
  const auto plans = PlanTraining(Shop(24), kShop, split);
  EXPECT_EQ(plans[0].refusal, "") << "30 minutes leave time enough";
  EXPECT_THAT(plans[1].refusal, HasSubstr("the log spans 24.0 days"));
  EXPECT_THAT(plans[1].refusal, HasSubstr("needed are about " + std::to_string(std::lround(plans[1].days_needed))));
  EXPECT_GT(plans[1].days_needed, 30);
  EXPECT_LT(plans[1].days_needed, 45);
  EXPECT_EQ(PlanTraining(Shop(plans[1].days_needed + 1), kShop, split)[1].refusal, "") << "what it said is enough";
}

TEST(TrainingPlan, NamesTheTypeOfEventThatIsMissing) {
  EventTimes log = Shop(60);
  log.lines[static_cast<std::size_t>(EventType::kFeedRequest)] = {};
  log.lines[static_cast<std::size_t>(EventType::kPurchase)] = {};
  const auto plans = PlanTraining(log, kShop, {});
  EXPECT_THAT(plans[0].refusal, HasSubstr("the log has no feed.request (the slates"));
  EXPECT_THAT(plans[0].refusal, Not(HasSubstr("days")));
  EXPECT_THAT(plans[1].refusal, HasSubstr("the log has no purchase (its labels)"));
}

TEST(TrainingPlan, WithSampledSlatesTheLabelEventsAreEnough) {
  EventTimes log = Shop(60);
  for (const EventType type : {EventType::kFeedRequest, EventType::kFeedImpression})
    log.lines[static_cast<std::size_t>(type)] = {};
  ObjectiveConfig next{.name = "next", .label = EventType::kPurchase};
  EXPECT_THAT(PlanTraining(log, {next}, {})[0].refusal, HasSubstr("slates = \"sampled\" makes slates of its purchase"));
  next.sampled.on = true;
  EXPECT_EQ(PlanTraining(log, {next}, {})[0].refusal, "");
}

TEST(TrainingPlan, APartWithoutLabelsIsRefusedByItsName) {
  EventTimes log = Shop(60);
  LinesOverTime early;
  for (int hour = 0; hour < 24 * 20; ++hour) early.Add(hour * kHourMs, 1);  // Clicks broke after 20 days.
  log.lines[static_cast<std::size_t>(EventType::kFeedClick)] = early;
  EXPECT_THAT(PlanTraining(log, {kShop[0]}, {})[0].refusal, HasSubstr("its early stopping part"));
}

class TwoObjectives : public testing::Test {
 protected:
  TwoObjectives() {
    Rng rng(3);
    data.objectives.resize(2);
    for (std::size_t o = 0; o < 2; ++o) {
      ObjectiveRows& rows = data.objectives[o];
      for (std::int64_t at_ms = 0; at_ms < data.last_arrival_ms - kDayMs; at_ms += 10 * kMinuteMs) {
        const double x = rng.Normal();
        rows.features.push_back(static_cast<float>(x));
        rows.label.push_back(o == 0 && rng.Chance(1 / (1 + std::exp(1 - x))));
        rows.whole.push_back(rows.label.back());
        rows.user.push_back(1 + rng.Below(300));
        rows.arrival_ms.push_back(at_ms);
        rows.offset.push_back(rows.offset.size());
        rows.request.push_back(rows.offset.size());
        rows.position.push_back(0);
        rows.led_on.push_back(kMissing);
      }
    }
  }
  Result<TrainedModel> Train() {
    auto toml = Config::Parse("[[feature]]\nname = \"price\"\ntype = \"property\"\nproperty = \"price\"\n", "gfr.toml");
    const auto set = FeatureSet::Make(toml.value()).value();
    const auto engine = XgboostTrainer::Load(FindXgboostLibrary()).value();
    return TrainModel(data, *set, {{.name = "views"}, {.name = "never"}}, {},
                      {.params = {.depth = 2, .max_rounds = 20}}, *engine);
  }
  Dataset data{.columns = 1, .first_arrival_ms = 0, .last_arrival_ms = 30 * kDayMs};
};

TEST_F(TwoObjectives, OneThatCannotBeTrainedDoesNotStopTheOther) {
  const auto trained = Train();
  ASSERT_TRUE(trained.ok()) << trained.error().message;
  ASSERT_EQ(trained.value().model.objectives.size(), 1u);
  EXPECT_EQ(trained.value().model.objectives[0].name, "views");
  ASSERT_EQ(trained.value().left_out.size(), 1u);
  EXPECT_EQ(trained.value().left_out[0].name, "never");
  EXPECT_THAT(trained.value().left_out[0].why, HasSubstr("with 0 positives"));
  EXPECT_TRUE(trained.value().report.folds.empty()) << "there are no slates to rank";
}

TEST_F(TwoObjectives, ARowThatNoEngineTakesIsNamedBeforeTheEngineHasIt) {
  data.objectives[0].features[77] = INFINITY;
  const auto trained = Train();
  ASSERT_FALSE(trained.ok()) << "neither can be trained";
  EXPECT_THAT(trained.error().message,
              HasSubstr("objective 'views' cannot be trained: feature 'price' is infinite in the row of the event at "
                        "offset 77, 1970-01-01T12:50:00"));
}

TEST(EngineError, IsOneLineWithoutTheStackTraceOfItsEngine) {
  EXPECT_EQ(EngineError("XGBoost",
                        "[05:16:18] /workspace/src/data/data.cc:507: Check failed: valid: Input data contains `inf` or "
                        "a value too large\nStack trace:\n  [bt] (0) libxgboost.so(+0x22c1bc)\n")
                .message,
            "XGBoost ended with an error: Check failed: valid: Input data contains `inf` or a value too large");
  LabelledRows rows = RandomRows(1, 100);
  rows.values[5] = INFINITY;
  const auto engine = XgboostTrainer::Load(FindXgboostLibrary()).value();
  const auto trained = engine->Train(rows.matrix(), nullptr, {.max_rounds = 2}, [](int, double) {});
  ASSERT_FALSE(trained.ok());
  EXPECT_THAT(trained.error().message, HasSubstr("inf"));
  EXPECT_EQ(trained.error().message.find('\n'), std::string::npos) << trained.error().message;
}

}  // namespace
}  // namespace gfr
