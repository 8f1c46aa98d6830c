#include "automation/model_actions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "base/test_folder.h"
#include "operations/load_model.h"

namespace gfr {
namespace {

using testing::HasSubstr;

constexpr std::int64_t kAtMs = 1'800'000'000'000;

// A program in gfr's place: a script, which writes down how it was called.
class ModelActionsTest : public testing::Test {
 protected:
  ModelActionsTest() : registry_(store_, clock_) {
    for (const char* version : {"1", "2"})
      EXPECT_TRUE(registry_.Register(kModelName, {{"model.json", version}}, {{"run", "r/retrain"}}).ok());
    EXPECT_TRUE(registry_.Promote(kModelName, "1").ok());
  }
  void Program(const std::string& script) {
    ASSERT_TRUE(PublishFile(PosixFileSystem(), program_, "#!/bin/sh\n" + script).ok());
    std::filesystem::permissions(program_, std::filesystem::perms::owner_all);
  }
  Result<StepOutcome> Do(const std::string& action, std::map<std::string, std::string> earlier = {}, int begun = 1,
                         StepRecord* record = nullptr) {
    const TriggerConfig trigger =
        TriggerConfig::Parse("name = \"t\"\non = \"command\"\n[[step]]\ndo = \"" + action + "\"\n" + settings_,
                             {"pctr"})
            .value();
    RunRecord run = NewRun(trigger, "command", "asked", kAtMs, 1);
    run.id = "r";
    StepRecord before{.name = "before", .state = StepState::kDone};
    for (const auto& [name, value] : earlier) before.outputs[name] = value;
    if (canary_done_)
      run.steps.push_back({.name = "canary",
                           .action = "canary",
                           .state = StepState::kDone,
                           .outputs = {{"version", std::string("2")}, {"share", 0.5}}});
    run.steps.insert(run.steps.begin(), before);
    StepRecord own = run.steps[1];
    own.begun = begun;
    StepRecord& used = record != nullptr ? *record : own;
    if (record != nullptr && record->name.empty()) {
      own.started_ms = record->started_ms;
      *record = own;
    }
    StepContext context{.run = run,
                        .trigger = trigger,
                        .config = trigger.steps[0],
                        .record = used,
                        .save = [] { return Status(); },
                        .deadline_ms = MonotonicMs() + 60'000,
                        .ends = ends_};
    return ModelActions({.program = program_,
                         .project_folder = "shop",
                         .registry = store_,
                         .clock = &clock_,
                         .is_shadow = [](const std::string&) { return Status(); },
                         .canary = canary_,
                         .scale = scale_})(context);
  }
  std::string Champion() { return registry_.Champion(kModelName).value(); }

  TestFolder folder_;
  FixedClock clock_{kAtMs};
  std::shared_ptr<ObjectStore> store_ = LocalObjectStore(PosixFileSystem(), folder_ / "models");
  Registry registry_;
  const std::string program_ = folder_ / "program";
  std::string settings_;
  std::function<Result<CanaryLook>(const Canary&, const StepConfig&, bool)> canary_;
  std::function<Status(const ScaleBounds&)> scale_;
  bool ends_ = false, canary_done_ = false;
};

TEST_F(ModelActionsTest, ATrainingIsFoundByItsRunAfterAKillAndNotRepeated) {
  Program("echo must not run; exit 1\n");
  const auto found = Do("retrain", {}, /*begun=*/2);
  ASSERT_TRUE(found.ok()) << found.error().message;
  EXPECT_EQ(std::get<std::string>(found.value().outputs.at("version")), "1");
  EXPECT_FALSE(Do("retrain", {}, /*begun=*/1).ok()) << "the first time the program runs";
}

TEST_F(ModelActionsTest, ATrainingSaysItsVersionAndMetrics) {
  Program(
      "echo '{\"version\":\"9\",\"champion\":false,\"objectives\":{\"pctr\":{\"log_loss\":0.25,\"auc_roc\":0.75,"
      "\"rows\":12}}}'\n");
  const auto trained = Do("retrain");
  ASSERT_TRUE(trained.ok()) << trained.error().message;
  EXPECT_EQ(std::get<std::string>(trained.value().outputs.at("version")), "9");
  EXPECT_EQ(std::get<double>(trained.value().outputs.at("log_loss")), 0.25);
  EXPECT_EQ(std::get<double>(trained.value().outputs.at("auc")), 0.75);
  EXPECT_EQ(std::get<double>(trained.value().outputs.at("first")), 0);
}

TEST_F(ModelActionsTest, AChildsCodeSaysWhetherItIsTriedAgain) {
  Program("echo reading >&2; echo 'the log is empty' >&2; exit 2\n");
  const auto wrong = Do("retrain");
  EXPECT_EQ(wrong.error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(wrong.error().message, "gfr train ended with code 2: the log is empty");
  Program("kill -9 $$\n");
  const auto killed = Do("retrain");
  EXPECT_EQ(killed.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(killed.error().message, HasSubstr("killed by signal 9"));
}

TEST_F(ModelActionsTest, ALogThatIsTooYoungStopsTheRunAndFailsNothing) {
  Program("echo '{\"nothing_to_train\":\"the log is empty\"}'\n");
  const auto trained = Do("retrain");
  ASSERT_TRUE(trained.ok()) << trained.error().message;
  EXPECT_TRUE(trained.value().stops);
  EXPECT_EQ(trained.value().why, "nothing to train yet: the log is empty");
}

TEST_F(ModelActionsTest, AWebhookWhoseSecretIsEmptyIsNotSentUnsigned) {
  settings_ = "url = \"https://127.0.0.1/x\"\nsecret_env = \"GFR_TEST_NO_SECRET\"\n";
  ::setenv("GFR_TEST_NO_SECRET", "", 1);
  EXPECT_THAT(Do("webhook").error().message, HasSubstr("GFR_TEST_NO_SECRET"));
  ::unsetenv("GFR_TEST_NO_SECRET");
}

TEST_F(ModelActionsTest, PromotesWhatTheGatesLetPassAndStopsAtARefusal) {
  Program("echo '{\"decision\":\"refuse\",\"rule\":\"better\",\"summary\":\"worse\",\"log_loss_difference\":0.1}'\n");
  const auto refused = Do("promote", {{"version", "2"}});
  ASSERT_TRUE(refused.ok()) << refused.error().message;
  EXPECT_TRUE(refused.value().stops);
  EXPECT_EQ(refused.value().why, "worse");
  EXPECT_EQ(Champion(), "1");
  Program("echo '{\"decision\":\"promote\",\"rule\":\"not_worse\",\"summary\":\"fine\"}'\n");
  const auto promoted = Do("promote", {{"version", "2"}});
  ASSERT_TRUE(promoted.ok()) << promoted.error().message;
  EXPECT_EQ(std::get<double>(promoted.value().outputs.at("promoted")), 1);
  EXPECT_EQ(Champion(), "2");
  EXPECT_TRUE(Do("promote", {{"version", "2"}}).ok()) << "begun anew after a kill";
  EXPECT_EQ(Do("promote").error().code, ErrorCode::kInvalidArgument) << "there is no candidate";
}

TEST_F(ModelActionsTest, AGateOfTheSameRunAgainstTheSameChampionCountsAndNoOther) {
  Program("echo '{\"decision\":\"refuse\",\"summary\":\"worse\"}'\n");
  ASSERT_TRUE(Do("promote", {{"version", "2"}, {"judged_against", "7"}}).value().stops) << "the champion is another";
  EXPECT_EQ(Champion(), "1");
  ASSERT_TRUE(Do("promote", {{"version", "2"}, {"judged_against", "1"}}).ok());
  EXPECT_EQ(Champion(), "2");
}

TEST_F(ModelActionsTest, WithoutOffPolicyEvidenceOnlyACanaryOfTheRunLeadsToAPromotion) {
  Program("echo '{\"decision\":\"canary only\",\"rule\":\"not_worse\",\"summary\":\"s\",\"checks\":[]}'\n");
  const auto gate = Do("gate", {{"version", "2"}});
  ASSERT_TRUE(gate.ok()) << gate.error().message;
  EXPECT_FALSE(gate.value().stops) << "the run goes on to its canary";
  EXPECT_EQ(std::get<std::string>(gate.value().outputs.at("verdict")), "canary only");
  for (const bool judged_before : {false, true}) {
    std::map<std::string, std::string> earlier{{"version", "2"}};
    if (judged_before) earlier.insert({{"judged_against", "1"}, {"verdict", "canary only"}});
    const auto refused = Do("promote", earlier);
    ASSERT_TRUE(refused.ok()) << refused.error().message;
    EXPECT_TRUE(refused.value().stops);
    EXPECT_THAT(refused.value().why, HasSubstr("needs a canary before it"));
    EXPECT_EQ(Champion(), "1");
  }
  canary_done_ = true;
  EXPECT_FALSE(Do("promote", {{"version", "2"}, {"judged_against", "1"}, {"verdict", "canary only"}}).value().stops);
  EXPECT_EQ(Champion(), "2");
}

TEST_F(ModelActionsTest, ACanaryThatEndsStopsItsRunAndOneThatRunsIsLookedAtAgain) {
  EXPECT_THAT(Do("canary", {{"version", "2"}}).error().message, HasSubstr("needs a server"));
  CanaryLook look{.state = CanaryLook::State::kRuns, .why = "5 %", .next_ms = kAtMs + 60'000, .share = 0.05};
  std::vector<bool> begun;
  Canary asked;
  canary_ = [&](const Canary& canary, const StepConfig& step, bool before) -> Result<CanaryLook> {
    asked = canary;
    begun.push_back(before);
    EXPECT_EQ(step.window_ms, kHourMs);
    return look;
  };
  StepRecord record;
  const auto runs = Do("canary", {{"version", "2"}}, 1, &record);
  ASSERT_TRUE(runs.ok()) << runs.error().message;
  EXPECT_EQ(runs.value().wait_until_ms, kAtMs + 60'000);
  EXPECT_EQ(asked.run, "r");
  EXPECT_EQ(asked.version + " " + asked.champion, "2 1");
  EXPECT_EQ(asked.ramp, (std::vector<double>{0.05, 0.25, 0.5}));
  record.outputs = runs.value().outputs;
  look = {.state = CanaryLook::State::kEnded, .why = "rolled back: clicks fell", .share = 0.25, .units = 70};
  ASSERT_TRUE(registry_.Promote(kModelName, "2").ok());
  ASSERT_TRUE(registry_.Rollback(kModelName).ok());
  const auto ended = Do("canary", {{"version", "2"}}, 1, &record);
  EXPECT_TRUE(ended.value().stops);
  EXPECT_EQ(ended.value().wait_until_ms, 0);
  EXPECT_EQ(ended.value().why, "rolled back: clicks fell");
  EXPECT_EQ(begun, (std::vector<bool>{false, true}));
  canary_ = [](const Canary&, const StepConfig&, bool) -> Result<CanaryLook> {
    return Error{ErrorCode::kInvalidArgument, "experiment 'models' chooses"};
  };
  EXPECT_TRUE(Do("canary", {{"version", "2"}}).value().stops) << "no fault: the next night looks again";
  EXPECT_EQ(Do("canary", {{"version", "1"}}).value().why, "there is no other champion to compare it with");
}

TEST_F(ModelActionsTest, AShadowThatAPersonNamedIsTheirsAgainWhenTheStepEndsOrItsRunDoes) {
  const auto shadow = [&] {
    const auto alias = registry_.Alias(kModelName, "shadow");
    return alias.ok() ? alias.value() : "";
  };
  settings_ = "for = \"1h\"\n";
  for (const std::string before : {"1", ""}) {
    for (const bool times_out : {false, true}) {
      ASSERT_TRUE(registry_.SetAlias(kModelName, "shadow", before).ok());
      StepRecord record;
      ends_ = false;
      const auto began = [&] {
        record.started_ms = kAtMs;
        return Do("shadow", {{"version", "2"}}, 1, &record);
      };
      ASSERT_GT(began().value().wait_until_ms, kAtMs);
      EXPECT_EQ(shadow(), "2");
      record.state = StepState::kWaiting;
      ends_ = times_out;
      if (!times_out) record.started_ms = kAtMs - kDayMs;
      ASSERT_TRUE(Do("shadow", {{"version", "2"}}, 1, &record).ok());
      EXPECT_EQ(shadow(), before) << times_out;
    }
  }
  // One that another has named since is left.
  StepRecord record;
  ends_ = false;
  record.started_ms = kAtMs;
  ASSERT_TRUE(Do("shadow", {{"version", "2"}}, 1, &record).ok());
  ASSERT_TRUE(registry_.SetAlias(kModelName, "shadow", "1").ok());
  ends_ = true;
  ASSERT_TRUE(Do("shadow", {{"version", "2"}}, 1, &record).ok());
  EXPECT_EQ(shadow(), "1");
}

TEST_F(ModelActionsTest, ScaleAsksForBoundsUntilItsTimeIsOver) {
  settings_ = "min_replicas = 3\nfor = \"2h\"\n";
  EXPECT_EQ(Do("scale").error().code, ErrorCode::kInvalidArgument) << "one server is nobody's to count";
  std::optional<ScaleBounds> asked;
  scale_ = [&](const ScaleBounds& bounds) { return asked = bounds, Status(); };
  StepRecord record;
  record.started_ms = kAtMs;
  const auto done = Do("scale", {}, 1, &record);
  ASSERT_TRUE(done.ok()) << done.error().message;
  EXPECT_EQ(done.value().why, "asked for at least 3 servers for 2h");
  EXPECT_EQ(std::get<double>(done.value().outputs.at("min_replicas")), 3);
  ASSERT_TRUE(asked);
  EXPECT_EQ(asked->min_replicas, 3);
  EXPECT_FALSE(asked->max_replicas);
  EXPECT_EQ(asked->by, "r");

  const std::string path = folder_ / "scale.json";
  EXPECT_FALSE(ScaleBounds::Read(PosixFileSystem(), path).value());
  ASSERT_TRUE(asked->Write(PosixFileSystem(), path).ok());
  const ScaleBounds read = *ScaleBounds::Read(PosixFileSystem(), path).value();
  EXPECT_EQ(read.until_ms, asked->until_ms);
  ScalingRules rules;
  rules.max_replicas = 2;
  EXPECT_EQ(read.Of(rules, read.until_ms - 1).min_replicas, 3);
  EXPECT_EQ(read.Of(rules, read.until_ms - 1).max_replicas, 3) << "what is asked for wins";
  EXPECT_EQ(read.Of(rules, read.until_ms), rules) << "its time is over";
  for (const char* wrong : {"", "[]", "{\"min_replicas\": 0}", "{\"max_replicas\": \"3\"}", "{\"until\": \"soon\"}"}) {
    ASSERT_TRUE(PublishFile(PosixFileSystem(), path, wrong).ok());
    EXPECT_FALSE(ScaleBounds::Read(PosixFileSystem(), path).ok()) << wrong;
  }
}

TEST_F(ModelActionsTest, ARollBackThatAKillCutIsNotDoneTwice) {
  ASSERT_TRUE(registry_.Promote(kModelName, "2").ok());
  StepRecord record;
  ASSERT_TRUE(Do("rollback", {}, 1, &record).ok());
  EXPECT_EQ(Champion(), "1");
  const auto again = Do("rollback", {}, 2, &record);
  ASSERT_TRUE(again.ok()) << again.error().message;
  EXPECT_THAT(again.value().why, HasSubstr("before a kill"));
  EXPECT_EQ(Champion(), "1");
}

TEST_F(ModelActionsTest, AProgramOfTheFileRunsWithoutTheServersSecrets) {
  ::setenv("AWS_SECRET_ACCESS_KEY", "secret", 1);
  settings_ = R"(command = ["/bin/sh", "-c", "echo $GFR_PROJECT $GFR_VERSION [$AWS_SECRET_ACCESS_KEY]"])";
  const auto ran = Do("run", {{"version", "2"}});
  ::unsetenv("AWS_SECRET_ACCESS_KEY");
  ASSERT_TRUE(ran.ok()) << ran.error().message;
  EXPECT_EQ(std::get<std::string>(ran.value().outputs.at("output")), "shop 2 []");
  settings_ = R"(command = ["/bin/false"])";
  EXPECT_THAT(Do("run").error().message, HasSubstr("/bin/false ended with code 1"));
}

}  // namespace
}  // namespace gfr
