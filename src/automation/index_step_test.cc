#include "automation/index_step.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "automation/model_actions.h"
#include "base/test_folder.h"
#include "index/index_registry.h"
#include "operations/load_model.h"

namespace gfr {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// Where gfr would train: a version of so many items is registered, as `gfr index train --hold --run LINEAGE` does it.
class IndexStepTest : public testing::Test {
 protected:
  std::string Register(const std::string& name, double items, const std::string& run) {
    Registry::Lineage lineage{{"run", run}, {"items", std::to_string(static_cast<int>(items))}, {"dimensions", "4"}};
    if (name == kFirstStageName) lineage["recall"] = recall_;
    return registry_.Register(name, {{"file", "content"}}, lineage).value();
  }
  Result<StepOutcome> Do(const std::string& settings, int begun = 1) {
    const TriggerConfig trigger =
        TriggerConfig::Parse("name = \"t\"\non = \"command\"\n[[step]]\ndo = \"index\"\n" + settings, {"pctr"}).value();
    EXPECT_EQ(trigger.target, "index");
    RunRecord run = NewRun(trigger, "command", "asked", 1'800'000'000'000, 1);
    run.id = "r";
    if (begun == 1) record_ = run.steps[0];
    record_.begun = begun;
    StepContext context{.run = run,
                        .trigger = trigger,
                        .config = trigger.steps[0],
                        .record = record_,
                        .save = [] { return Status(); },
                        .deadline_ms = MonotonicMs() + 60'000};
    return MakeIndexStep(context, store_, clock_, "r/index", ChildArguments(trigger.steps[0], "shop", "", "r/index"),
                         [&](const std::vector<std::string>& arguments) -> Result<std::string> {
                           arguments_ = arguments;
                           if (!reply_.empty()) return reply_;
                           const std::string version = Register(trigger.steps[0].make, items_, "r/index");
                           if (dies_) return Error{ErrorCode::kUnavailable, "killed"};
                           if (meanwhile_) meanwhile_();
                           return "{\"version\":\"" + version + "\"}";
                         });
  }
  std::string Champion(const char* name = kEmbeddingName) {
    const auto champion = registry_.Champion(name);
    return champion.ok() ? champion.value() : "none";
  }

  TestFolder folder_;
  FixedClock clock_{1'800'000'000'000};
  std::shared_ptr<ObjectStore> store_ = LocalObjectStore(PosixFileSystem(), folder_.path());
  Registry registry_ = IndexRegistry(store_, clock_);
  StepRecord record_;
  std::vector<std::string> arguments_;
  std::string reply_, recall_ = "0.9";
  double items_ = 10;
  bool dies_ = false;
  std::function<void()> meanwhile_;
};

TEST_F(IndexStepTest, AVersionIsMadeByAChildAndBecomesTheChampion) {
  const auto made = Do("");
  ASSERT_TRUE(made.ok()) << made.error().message;
  EXPECT_THAT(arguments_, ElementsAre("index", "train", "--hold", "--run", "r/index", "--project", "shop", "--json"));
  EXPECT_FALSE(made.value().stops);
  EXPECT_EQ(Champion(), "1");
  const StepValues& outputs = made.value().outputs;
  EXPECT_EQ(outputs.at("index_version"), StepValue("1"));
  EXPECT_EQ(outputs.at("items"), StepValue(10.0));
  EXPECT_EQ(outputs.at("promoted"), StepValue(1.0));
  EXPECT_FALSE(outputs.contains("version")) << "that is the model's, for later steps";
  EXPECT_EQ(record_.inputs.at("index_before"), StepValue(""));
}

TEST_F(IndexStepTest, AVersionFromBeforeAKillIsFoundAndPromotedAndNotMadeAgain) {
  dies_ = true;
  EXPECT_FALSE(Do("").ok());
  EXPECT_EQ(Champion(), "none");
  reply_ = "it must not run";
  const auto again = Do("", /*begun=*/2);
  ASSERT_TRUE(again.ok()) << again.error().message;
  EXPECT_THAT(again.value().why, HasSubstr("before a kill"));
  EXPECT_EQ(Champion(), "1");
  EXPECT_TRUE(Do("", /*begun=*/3).ok()) << "killed after its promotion";
  EXPECT_EQ(Champion(), "1");
  EXPECT_EQ(registry_.List(kEmbeddingName).value().size(), 1u);
}

TEST_F(IndexStepTest, AVersionWithTooLittleStopsTheRunAndTheChampionStays) {
  ASSERT_TRUE(Do("").ok());
  items_ = 9;
  const auto small = Do("min_items = 10\n");
  ASSERT_TRUE(small.ok()) << small.error().message;
  EXPECT_TRUE(small.value().stops);
  EXPECT_EQ(small.value().why, "embedding 2 is not promoted: it has 9 items, and min_items is 10");
  EXPECT_EQ(small.value().outputs.at("promoted"), StepValue(0.0));
  EXPECT_EQ(Champion(), "1");
}

TEST_F(IndexStepTest, AFirstStageIsDistilledFromAModelAndPromotedByItsRecall) {
  const std::string settings = "make = \"first_stage\"\nfeed = \"home\"\nmin_recall = 0.85\n";
  const auto early = Do(settings);
  ASSERT_TRUE(early.ok()) << early.error().message;
  EXPECT_TRUE(early.value().stops);
  EXPECT_THAT(early.value().why, HasSubstr("no model yet"));
  EXPECT_TRUE(arguments_.empty());
  ASSERT_TRUE(registry_.Register(kModelName, {{"model.json", "m"}}).ok());
  ASSERT_TRUE(registry_.Promote(kModelName, "1").ok());
  ASSERT_TRUE(Do(settings).ok());
  EXPECT_THAT(arguments_, ElementsAre("index", "distill", "--hold", "--feed", "home", "--run", "r/index", "--project",
                                      "shop", "--json"));
  EXPECT_EQ(record_.inputs.at("model"), StepValue("1"));
  EXPECT_EQ(Champion(kFirstStageName), "1");
  recall_ = "0.8";
  const auto worse = Do(settings);
  ASSERT_TRUE(worse.ok()) << worse.error().message;
  EXPECT_EQ(worse.value().why, "first_stage 2 is not promoted: its recall is 0.800, and min_recall is 0.85");
  EXPECT_EQ(Champion(kFirstStageName), "1");
}

TEST_F(IndexStepTest, WhatAPersonPromotedMeanwhileStays) {
  const std::string theirs = Register(kEmbeddingName, 5, "by hand");
  meanwhile_ = [&] { ASSERT_TRUE(registry_.Promote(kEmbeddingName, theirs).ok()); };
  const auto made = Do("");
  ASSERT_TRUE(made.ok()) << made.error().message;
  EXPECT_TRUE(made.value().stops);
  EXPECT_EQ(made.value().why, "embedding 2 is not promoted: 1 became the champion meanwhile");
  EXPECT_EQ(Champion(), theirs);
}

TEST_F(IndexStepTest, ALogThatIsTooYoungStopsTheRunAndFailsNothing) {
  reply_ = "{\"nothing_to_train\":\"the log has no click\"}";
  const auto made = Do("");
  ASSERT_TRUE(made.ok()) << made.error().message;
  EXPECT_TRUE(made.value().stops);
  EXPECT_EQ(made.value().why, "nothing to index yet: the log has no click");
  EXPECT_EQ(Champion(), "none");
}

TEST(IndexStepConfig, ItsSettingsAreThoseOfWhatItMakes) {
  const auto parse = [](const std::string& settings) {
    return TriggerConfig::Parse("name = \"t\"\non = \"command\"\n[[step]]\ndo = \"index\"\n" + settings, {"pctr"});
  };
  EXPECT_THAT(parse("make = \"model\"").error().message, HasSubstr("valid are embedding and first_stage"));
  EXPECT_THAT(parse("feed = \"home\"").error().message, HasSubstr("feed"));
  EXPECT_EQ(parse("make = \"first_stage\"\nfeed = \"home\"").value().steps[0].feed, "home");
  const auto nightly =
      TriggerConfig::Parse("name = \"n\"\non = \"command\"\ndo = [\"retrain\", \"promote\", \"index\"]\n", {"pctr"});
  ASSERT_TRUE(nightly.ok()) << nightly.error().message;
  EXPECT_EQ(nightly.value().target, "model");
  EXPECT_TRUE(TriggerConfig::Parse("name = \"n\"\non = \"command\"\n[[step]]\ndo = \"index\"\n[[step]]\n"
                                   "do = \"alert\"\nwhen = \"index.promoted == 1 and index.items > 5\"\n",
                                   {"pctr"})
                  .ok());
}

}  // namespace
}  // namespace gfr
