#include "automation/pipeline.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "automation/run_versions.h"
#include "automation/trigger_runner.h"
#include "base/test_folder.h"

namespace gfr {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::int64_t kStartMs = 1'800'000'000'000;

// A store that stops taking writes after so many: what a killed process left.
class KilledStore final : public ObjectStore {
 public:
  KilledStore(std::shared_ptr<ObjectStore> of, int writes) : of_(std::move(of)), writes_(writes) {}
  Result<std::string> Get(const std::string& name) override { return of_->Get(name); }
  Result<std::vector<std::string>> List(const std::string& folder) override { return of_->List(folder); }
  Status Put(const std::string& name, std::string_view content) override {
    return --writes_ >= 0 ? of_->Put(name, content) : Gone();
  }
  Status PutIfAbsent(const std::string& name, std::string_view content) override {
    return --writes_ >= 0 ? of_->PutIfAbsent(name, content) : Gone();
  }
  Status Remove(const std::string& name) override { return --writes_ >= 0 ? of_->Remove(name) : Gone(); }
  std::string Describe() const override { return "killed"; }

 private:
  static Status Gone() { return Error{ErrorCode::kUnavailable, "killed"}; }
  std::shared_ptr<ObjectStore> of_;
  int writes_;
};

class FakeFacts final : public TriggerFacts {
 public:
  std::uint64_t rows = 0;
  double metric = 0;
  Result<std::uint64_t> NewMatureRows(const std::string&) override { return rows; }
  Result<std::int64_t> ChampionCreatedMs() override { return kStartMs; }
  std::vector<DriftAlert> alerts;
  std::uint64_t since = 0;
  Result<std::vector<DriftAlert>> OpenAlerts() override { return alerts; }
  Result<MatureSince> MatureRowsSince(const std::string&, std::int64_t since_ms) override {
    return MatureSince{since, since_ms + kHourMs};
  }
  std::optional<End> end;
  Result<std::optional<End>> ExperimentEnd(const std::string&) override { return end; }
  Result<double> Metric(const std::string& series, std::int64_t) override {
    if (series == "none") return Error{ErrorCode::kNotFound, "no series"};
    return metric;
  }
};

// What the actions did, in order; each may be told to fail.
struct FakeActions {
  std::vector<std::string> did;
  std::map<std::string, int> failures;  // By action: so many times it fails first.
  ErrorCode code = ErrorCode::kUnavailable;
  bool refuses = false;
  std::int64_t shadow_until_ms = 0;
  const Clock* clock = nullptr;
  std::int64_t time_left_ms = 0;  // Of the last step.
  std::vector<std::string> gave_back;
  int cannot_give_back = 0;  // So many times.

  Result<StepOutcome> operator()(StepContext& context) {
    const std::string action = ActionName(context.config.action);
    if (context.ends) {
      if (cannot_give_back > 0 && cannot_give_back--) return Error{ErrorCode::kUnavailable, "the registry is away"};
      gave_back.push_back(action);
      return StepOutcome{};
    }
    did.push_back(action);
    time_left_ms = context.deadline_ms - MonotonicMs();
    if (int& left = failures[action]; left > 0) {
      --left;
      return Error{code, action + " broke"};
    }
    if (action == "retrain") return StepOutcome{.outputs = {{"version", std::string("7")}, {"auc", 0.75}}};
    if (action == "promote" && refuses)
      return StepOutcome{.outputs = {{"promoted", 0.0}}, .stops = true, .why = "worse"};
    if (action == "promote") {
      EXPECT_EQ(context.Text("version"), "7");
      return StepOutcome{.outputs = {{"promoted", 1.0}}};
    }
    if (action == "shadow" && clock->now_ms() < shadow_until_ms)
      return StepOutcome{.wait_until_ms = shadow_until_ms, .why = "still"};
    return StepOutcome{};
  }
};

Triggers TriggersOf(const std::string& text) {
  Config project = Config::Parse(text, "gfr.toml").value();
  return {TriggerConfig::ReadAll(project, {"pctr"}).value(), {"pctr"}, 9};
}

const char* const kNightly = R"([[trigger]]
name = "nightly"
on = "schedule"
cron = "0 3 * * *"
do = ["retrain", "shadow", "promote"]
)";

class PipelineTest : public testing::Test {
 protected:
  PipelineTest() { actions_.clock = &clock_; }
  std::unique_ptr<TriggerRunner> Runner(std::shared_ptr<ObjectStore> store = nullptr) {
    return std::make_unique<TriggerRunner>(
        store ? store : store_, clock_, facts_, [this](StepContext& c) { return actions_(c); }, /*threads=*/0);
  }
  RunRecord Last() {
    RunStore store(store_);
    return store.Load(store.Ids().value().back()).value();
  }
  TestFolder folder_;
  std::shared_ptr<ObjectStore> store_ = LocalObjectStore(PosixFileSystem(), folder_.path());
  FixedClock clock_{kStartMs};
  FakeFacts facts_;
  FakeActions actions_;
};

TEST_F(PipelineTest, ADueTriggerRunsItsStepsInOrderAndRecordsThem) {
  const Triggers triggers = TriggersOf(kNightly);
  const auto runner = Runner();
  ASSERT_TRUE(runner->Look(triggers).ok());
  EXPECT_TRUE(actions_.did.empty()) << "the schedule counts from when the trigger is known";
  clock_.Set(kStartMs + kDayMs);
  actions_.shadow_until_ms = clock_.now_ms() + kHourMs;
  ASSERT_TRUE(runner->Look(triggers).ok());
  EXPECT_THAT(actions_.did, ElementsAre("retrain", "shadow"));
  EXPECT_EQ(Last().steps[1].state, StepState::kWaiting);
  ASSERT_TRUE(runner->Look(triggers).ok());
  EXPECT_THAT(actions_.did, ElementsAre("retrain", "shadow")) << "not before its time";
  clock_.Set(actions_.shadow_until_ms);
  ASSERT_TRUE(runner->Look(triggers).ok());
  EXPECT_THAT(actions_.did, ElementsAre("retrain", "shadow", "shadow", "promote"));
  const RunRecord run = Last();
  EXPECT_EQ(run.state, RunState::kDone);
  EXPECT_EQ(run.project_fingerprint, 9u);
  EXPECT_EQ(run.configuration, triggers.all[0].text);
  EXPECT_THAT(run.reason, HasSubstr("its schedule was due at"));
  EXPECT_EQ(std::get<double>(run.steps[0].outputs.at("auc")), 0.75);
  EXPECT_EQ(run.ended_ms - run.started_ms, kHourMs);
  EXPECT_EQ(RunRecord::FromJson(run.ToJson()).value().ToJson(), run.ToJson());
  EXPECT_FALSE(runner->Busy());
}

TEST_F(PipelineTest, AScheduleIsMadeUpForOnceAndNotMore) {
  const Triggers triggers = TriggersOf(kNightly);
  ASSERT_TRUE(Runner()->Look(triggers).ok());
  clock_.Set(kStartMs + 5 * kDayMs);  // Five nights without a server.
  const auto runner = Runner();
  ASSERT_TRUE(runner->Look(triggers).ok());
  ASSERT_TRUE(runner->Look(triggers).ok());
  EXPECT_EQ(RunStore(store_).Ids().value().size(), 1u);
  EXPECT_THAT(Last().reason, HasSubstr("made up for"));
}

TEST_F(PipelineTest, WhateverWriteAKillComesAtTheRunEndsAndEachStepIsDone) {
  const Triggers triggers = TriggersOf(kNightly);
  for (int writes = 0; writes < 20; ++writes) {
    TestFolder folder;
    const auto store = LocalObjectStore(PosixFileSystem(), folder.path());
    clock_.Set(kStartMs);
    ASSERT_TRUE(Runner(store)->Look(triggers).ok());
    clock_.Set(kStartMs + kDayMs);
    actions_.did.clear();
    (void)Runner(std::make_shared<KilledStore>(store, writes))->Look(triggers);
    const auto again = Runner(store);
    for (int look = 0; look < 3; ++look) ASSERT_TRUE(again->Look(triggers).ok());
    EXPECT_FALSE(again->Busy());
    RunStore runs(store);
    ASSERT_EQ(runs.Ids().value().size(), 1u) << writes;
    const RunRecord run = runs.Load(runs.Ids().value()[0]).value();
    EXPECT_EQ(run.state, RunState::kDone) << writes << " " << run.why;
    for (const StepRecord& step : run.steps) EXPECT_EQ(step.state, StepState::kDone) << writes;
    EXPECT_LE(actions_.did.size(), 4u) << "at most the step under way is begun twice";
  }
}

TEST_F(PipelineTest, AClockThatWasAYearAheadHoldsUpNeitherARunNorATrigger) {
  const Triggers triggers = TriggersOf(kNightly);
  ASSERT_TRUE(Runner()->Look(triggers).ok());
  clock_.Set(kStartMs + 365 * kDayMs);
  actions_.shadow_until_ms = clock_.now_ms() + kHourMs;
  ASSERT_TRUE(Runner()->Look(triggers).ok());
  EXPECT_THAT(actions_.did, ElementsAre("retrain", "shadow"));
  // It is set right: the shadow stays for its time from now, and the run ends.
  clock_.Set(kStartMs + kDayMs);
  actions_.shadow_until_ms = clock_.now_ms() + kHourMs;
  const auto runner = Runner();
  ASSERT_TRUE(runner->Look(triggers).ok());
  clock_.Set(kStartMs + kDayMs + kHourMs);
  ASSERT_TRUE(runner->Look(triggers).ok());
  EXPECT_FALSE(runner->Busy());
  const RunRecord run = Last();
  EXPECT_EQ(run.state, RunState::kDone);
  EXPECT_EQ(run.ended_ms - run.started_ms, kHourMs);
  // And the next night is one again, though the last run's name says that it was a year later.
  clock_.Set(kStartMs + 3 * kDayMs);
  actions_.shadow_until_ms = 0;
  ASSERT_TRUE(runner->Look(triggers).ok());
  EXPECT_EQ(RunStore(store_).Ids().value().size(), 2u);
}

TEST_F(PipelineTest, ATriggerWhoseRetrainAlwaysFailsTriesOnceANightAndHoldsNothingUp) {
  const Triggers triggers = TriggersOf(kNightly);
  const auto runner = Runner();
  ASSERT_TRUE(runner->Look(triggers).ok());
  actions_.failures["retrain"] = 1000;
  for (int night = 1; night <= 10; ++night) {
    for (int look = 0; look < 60; ++look) {
      clock_.Set(kStartMs + night * kDayMs + look * kMinuteMs);
      ASSERT_TRUE(runner->Look(triggers).ok());
    }
    EXPECT_FALSE(runner->Busy());
    EXPECT_EQ(Last().state, RunState::kFailed);
  }
  EXPECT_EQ(RunStore(store_).Ids().value().size(), 10u);
  EXPECT_EQ(actions_.did.size(), 30u) << "each night two retries";
  actions_.failures["retrain"] = 0;
  actions_.shadow_until_ms = 0;
  clock_.Set(kStartMs + 11 * kDayMs);
  ASSERT_TRUE(runner->Look(triggers).ok());
  EXPECT_EQ(Last().state, RunState::kDone);
}

TEST_F(PipelineTest, AFailedStepIsTriedAgainWithBackOffAndThenFailsTheRun) {
  const Triggers triggers = TriggersOf(R"([[trigger]]
name = "more"
on = "new_data"
rows = 10
retries = 2
backoff = "1m"
do = ["retrain", "promote"]
)");
  facts_.rows = 10;
  actions_.failures["retrain"] = 3;
  const auto runner = Runner();
  std::vector<std::int64_t> tried_ms;
  for (int minute = 0; minute < 10; ++minute) {
    const std::size_t before = actions_.did.size();
    ASSERT_TRUE(runner->Look(triggers).ok());
    if (actions_.did.size() > before) tried_ms.push_back((clock_.now_ms() - kStartMs) / kMinuteMs);
    clock_.Set(clock_.now_ms() + kMinuteMs);
  }
  EXPECT_THAT(tried_ms, ElementsAre(0, 1, 3));
  EXPECT_EQ(Last().state, RunState::kFailed);
  EXPECT_THAT(Last().why, HasSubstr("step retrain: retrain broke"));
  clock_.Set(kStartMs + kDayMs);
  ASSERT_TRUE(runner->Look(triggers).ok());
  EXPECT_EQ(RunStore(store_).Ids().value().size(), 2u) << "again after the cool-down";
}

TEST_F(PipelineTest, AWrongInputIsNotTriedAgain) {
  actions_.failures["retrain"] = 1;
  actions_.code = ErrorCode::kInvalidArgument;
  RunStore store(store_);
  ASSERT_TRUE(store.Ask("nightly", {"command", "asked", kStartMs}).ok());
  ASSERT_TRUE(Runner()->Look(TriggersOf(kNightly)).ok());
  EXPECT_EQ(Last().state, RunState::kFailed);
  EXPECT_THAT(actions_.did, ElementsAre("retrain"));
}

TEST_F(PipelineTest, AGateThatRefusesEndsTheRunWithoutAFailure) {
  actions_.refuses = true;
  RunStore store(store_);
  ASSERT_TRUE(store.Ask("nightly", {"command", "asked", kStartMs}).ok());
  ASSERT_TRUE(Runner()->Look(TriggersOf(kNightly)).ok());
  EXPECT_EQ(Last().state, RunState::kStopped);
  EXPECT_EQ(Last().why, "step promote: worse");
  EXPECT_EQ(Last().by, "command");
}

TEST_F(PipelineTest, ConditionsReadTheOutputsOfEarlierSteps) {
  const auto run = [&](const std::string& condition) {
    RunStore store(store_);
    clock_.Set(clock_.now_ms() + kMinuteMs);
    EXPECT_TRUE(store.Ask("a", {"command", "asked", clock_.now_ms()}).ok());
    const auto runner = Runner();
    EXPECT_TRUE(runner
                    ->Look(TriggersOf("[[trigger]]\nname = \"a\"\non = \"command\"\n[[trigger.step]]\ndo = "
                                      "\"retrain\"\n[[trigger.step]]\ndo = \"alert\"\nwhen = '" +
                                      condition + "'\n"))
                    .ok());
    return Last().steps[1].state;
  };
  EXPECT_EQ(run("retrain.auc > 0.7"), StepState::kDone);
  EXPECT_EQ(run("retrain.auc > 0.8"), StepState::kSkipped);
  EXPECT_EQ(run("retrain.version == \"7\""), StepState::kDone);
  EXPECT_EQ(run("retrain.log_loss < 100"), StepState::kSkipped) << "what was not given is missing";
}

TEST_F(PipelineTest, OneRunAtATimeHasATargetAndTheOthersRecordSaysForWhatItWaits) {
  const Triggers triggers = TriggersOf(std::string(kNightly) + R"([[trigger]]
name = "more"
on = "new_data"
rows = 10
do = ["retrain"]
[[trigger]]
name = "else"
on = "command"
do = ["alert"]
)");
  RunStore store(store_);
  actions_.shadow_until_ms = kStartMs + kHourMs;
  ASSERT_TRUE(store.Ask("nightly", {"command", "asked", kStartMs}).ok());
  const auto runner = Runner();
  ASSERT_TRUE(runner->Look(triggers).ok());
  facts_.rows = 20;
  clock_.Set(kStartMs + kMinuteMs);
  ASSERT_TRUE(store.Ask("else", {"command", "asked", clock_.now_ms()}).ok());
  ASSERT_TRUE(runner->Look(triggers).ok());
  const auto unfinished = runner->Unfinished();
  ASSERT_EQ(unfinished.size(), 2u) << "what has another target has run";
  const RunRecord waiting = store.Load(RunStore::IdOf(clock_.now_ms(), "more")).value();
  EXPECT_EQ(waiting.state, RunState::kQueued);
  EXPECT_THAT(waiting.why, HasSubstr("waits for run " + RunStore::IdOf(kStartMs, "nightly")));
  clock_.Set(kStartMs + kHourMs);
  for (int look = 0; look < 2; ++look) ASSERT_TRUE(runner->Look(triggers).ok());
  EXPECT_FALSE(runner->Busy());
  EXPECT_THAT(actions_.did, ElementsAre("retrain", "shadow", "alert", "shadow", "promote", "retrain"));
}

TEST_F(PipelineTest, GarbageCollectionIsToldTheVersionsOfRunsThatAreNotOver) {
  RunStore store(store_);
  actions_.shadow_until_ms = kStartMs + kHourMs;
  ASSERT_TRUE(store.Ask("nightly", {"command", "asked", kStartMs}).ok());
  const auto runner = Runner();
  ASSERT_TRUE(runner->Look(TriggersOf(kNightly)).ok());
  EXPECT_THAT(VersionsOfUnfinishedRuns(store).value(), ElementsAre("7"));
  clock_.Set(kStartMs + kHourMs);
  ASSERT_TRUE(runner->Look(TriggersOf(kNightly)).ok());
  EXPECT_TRUE(VersionsOfUnfinishedRuns(store).value().empty());
}

TEST_F(PipelineTest, ARunThatWasBegunGoesOnAsItsRecordSays) {
  RunStore store(store_);
  actions_.shadow_until_ms = kStartMs + kHourMs;
  ASSERT_TRUE(store.Ask("nightly", {"command", "asked", kStartMs}).ok());
  ASSERT_TRUE(Runner()->Look(TriggersOf(kNightly)).ok());
  clock_.Set(kStartMs + kHourMs);
  ASSERT_TRUE(Runner()->Look(Triggers{{}, {"pctr"}, 10}).ok()) << "a reload took the trigger away";
  EXPECT_THAT(actions_.did, ElementsAre("retrain", "shadow", "shadow", "promote"));
}

TEST_F(PipelineTest, ATimeOutEndsARun) {
  RunStore store(store_);
  actions_.shadow_until_ms = kStartMs + 100 * kDayMs;
  ASSERT_TRUE(store.Ask("nightly", {"command", "asked", kStartMs}).ok());
  const auto runner = Runner();
  Triggers triggers = TriggersOf(kNightly);
  ASSERT_TRUE(runner->Look(triggers).ok());
  clock_.Set(kStartMs + 100 * kDayMs);
  ASSERT_TRUE(runner->Look(triggers).ok());
  EXPECT_THAT(store.Load(RunStore::IdOf(kStartMs, "nightly")).value().why, HasSubstr("1d or longer: step shadow"));
  EXPECT_THAT(actions_.gave_back, ElementsAre("shadow"));
}

TEST_F(PipelineTest, ARunWhoseTimeIsOverEndsOnceItsStepGaveBackWhatItTook) {
  RunStore store(store_);
  actions_.shadow_until_ms = kStartMs + 100 * kDayMs;
  actions_.cannot_give_back = 2;
  ASSERT_TRUE(store.Ask("nightly", {"command", "asked", kStartMs}).ok());
  const auto runner = Runner();
  ASSERT_TRUE(runner->Look(TriggersOf(kNightly)).ok());
  clock_.Set(kStartMs + 100 * kDayMs);
  for (int look = 0; look < 2; ++look) {
    ASSERT_TRUE(runner->Look(TriggersOf(kNightly)).ok());
    EXPECT_EQ(Last().state, RunState::kRunning);
  }
  ASSERT_TRUE(runner->Look(TriggersOf(kNightly)).ok());
  EXPECT_EQ(Last().state, RunState::kFailed);
  EXPECT_THAT(actions_.gave_back, ElementsAre("shadow"));
}

TEST_F(PipelineTest, AStepThatFailsForGoodGivesBackWhatItTook) {
  RunStore store(store_);
  actions_.failures["shadow"] = 1;
  actions_.code = ErrorCode::kInvalidArgument;
  ASSERT_TRUE(store.Ask("nightly", {"command", "asked", kStartMs}).ok());
  ASSERT_TRUE(Runner()->Look(TriggersOf(kNightly)).ok());
  EXPECT_EQ(Last().state, RunState::kFailed);
  EXPECT_THAT(actions_.gave_back, ElementsAre("shadow"));
}

TEST_F(PipelineTest, ARunsTimeOutBoundsEachOfItsStepsAndItsWaits) {
  RunStore store(store_);
  std::string text = kNightly;
  text.insert(text.find("do ="), "timeout = \"2h\"\nstep_timeout = \"6h\"\n");
  const Triggers triggers = TriggersOf(text);
  actions_.shadow_until_ms = kStartMs + 100 * kDayMs;
  ASSERT_TRUE(store.Ask("nightly", {"command", "asked", kStartMs}).ok());
  const auto runner = Runner();
  ASSERT_TRUE(runner->Look(triggers).ok());
  EXPECT_LE(actions_.time_left_ms, 2 * kHourMs);
  EXPECT_GT(actions_.time_left_ms, kHourMs);
  clock_.Set(kStartMs + 2 * kHourMs);
  ASSERT_TRUE(runner->Look(triggers).ok());
  EXPECT_EQ(Last().state, RunState::kFailed) << "though the step waits for longer";
}

TEST_F(PipelineTest, AStepMayBeTriedAgainAsOftenAsItsTriggerSays) {
  RunStore store(store_);
  std::string text = kNightly;
  text.insert(text.find("do ="), "retries = 20\nbackoff = \"1s\"\ntimeout = \"3000d\"\n");
  actions_.failures["retrain"] = 20;
  ASSERT_TRUE(store.Ask("nightly", {"command", "asked", kStartMs}).ok());
  const auto runner = Runner();
  for (int look = 0; look < 25; ++look) {
    ASSERT_TRUE(runner->Look(TriggersOf(text)).ok());
    clock_.Set(clock_.now_ms() + 20 * kDayMs);
  }
  EXPECT_EQ(store.Load(RunStore::IdOf(kStartMs, "nightly")).value().state, RunState::kDone);
}

TEST_F(PipelineTest, APausedTriggerBeginsNothingByItselfAndWhatIsAskedForGoesOn) {
  const Triggers triggers = TriggersOf(kNightly);
  ASSERT_TRUE(Runner()->Look(triggers).ok());
  RunStore runs(store_);
  ASSERT_TRUE(runs.Pause("nightly", {"command", "the shop moves", kStartMs}).ok());
  EXPECT_EQ(runs.Paused().value().at("nightly").reason, "the shop moves");
  clock_.Set(kStartMs + kDayMs);
  ASSERT_TRUE(Runner()->Look(triggers).ok()) << "also one that starts now";
  EXPECT_TRUE(runs.Ids().value().empty());
  ASSERT_TRUE(runs.Ask("nightly", {"command", "by hand", clock_.now_ms()}).ok());
  ASSERT_TRUE(Runner()->Look(triggers).ok());
  EXPECT_EQ(Last().state, RunState::kDone);
  ASSERT_TRUE(runs.Resume("nightly").ok());
  EXPECT_EQ(runs.Resume("nightly").error().code, ErrorCode::kNotFound);
  clock_.Set(kStartMs + 2 * kDayMs);
  ASSERT_TRUE(Runner()->Look(triggers).ok());
  EXPECT_EQ(runs.Ids().value().size(), 2u);
}

TEST_F(PipelineTest, ASecondRequestIsTheOneThatStands) {
  RunStore store(store_);
  EXPECT_EQ(store.Ask("nightly", {"command", "first", kStartMs}).value().at_ms, kStartMs);
  const RunRequest second = store.Ask("nightly", {"command", "second", kStartMs + 1}).value();
  EXPECT_EQ(second.at_ms, kStartMs);
  EXPECT_EQ(second.reason, "first");
  ASSERT_TRUE(store_->Put("automation/requests/nightly.json", "{").ok());
  EXPECT_EQ(store.Ask("nightly", {"command", "third", kStartMs + 2}).value().reason, "third")
      << "instead of the damage";
  EXPECT_EQ(store.Requests().value().at("nightly").at_ms, kStartMs + 2);
}

TEST(RunStoreTest, ATriggersNameThatBeginsWithDigitsIsNoRunsId) {
  const std::string id = RunStore::IdOf(kStartMs, "2-nightly");
  EXPECT_EQ(RunStore::PartsOf(id), std::pair(kStartMs, std::string("2-nightly")));
  EXPECT_EQ(RunStore::PartsOf("2-nightly").second, "");
  EXPECT_EQ(RunStore::PartsOf("20260101-nightly").second, "");
}

TEST_F(PipelineTest, ARecordThatIsGoneHoldsNoGarbageCollectionUpAndADamagedOneIsNamed) {
  // Listed, and gone when it is read: pruned in between.
  class Pruning final : public ObjectStore {
   public:
    explicit Pruning(std::shared_ptr<ObjectStore> of) : of_(std::move(of)) {}
    Result<std::string> Get(const std::string& name) override { return of_->Get(name); }
    Result<std::vector<std::string>> List(const std::string& folder) override {
      GFR_ASSIGN(std::vector<std::string> names, of_->List(folder));
      names.push_back(RunStore::IdOf(1, "pruned") + ".json");
      return names;
    }
    Status Put(const std::string& name, std::string_view content) override { return of_->Put(name, content); }
    Status PutIfAbsent(const std::string& name, std::string_view c) override { return of_->PutIfAbsent(name, c); }
    Status Remove(const std::string& name) override { return of_->Remove(name); }
    std::string Describe() const override { return of_->Describe(); }

   private:
    std::shared_ptr<ObjectStore> of_;
  };
  RunStore store(std::make_shared<Pruning>(store_));
  EXPECT_TRUE(VersionsOfUnfinishedRuns(store).ok());
  ASSERT_TRUE(store_->Put("automation/runs/" + RunStore::IdOf(2, "damaged") + ".json", "{").ok());
  EXPECT_THAT(VersionsOfUnfinishedRuns(store).error().message, HasSubstr("damaged.json"));
}

TEST(TriggerDecisionTest, DriftIsAnOccasionAndATrainingWaitsForTheLabelsOfItsOnset) {
  FakeFacts facts;
  const auto decide = [&](const std::string& action, const std::string& keys = "") {
    const Triggers t =
        TriggersOf("[[trigger]]\nname = \"a\"\non = \"drift\"\nrows = 100\ndo = [\"" + action + "\"]\n" + keys);
    return DecideTrigger(t.all[0], kStartMs + kHourMs, kStartMs, 0, facts);
  };
  EXPECT_FALSE(decide("alert").due);
  facts.alerts = {
      {.kind = AlertKind::kFeature, .name = "price", .since_ms = kStartMs, .price_a_day = 3, .text = "price"},
      {.kind = AlertKind::kPrior, .name = "pctr", .since_ms = kStartMs, .price_a_day = 9, .text = "rates"}};
  EXPECT_TRUE(decide("alert").due) << "one that trains nothing waits for nothing";
  EXPECT_EQ(decide("alert").why, "rates") << "the one that costs most";
  EXPECT_EQ(decide("alert", "kind = \"feature\"").why, "price");
  EXPECT_FALSE(decide("alert", "drifted = \"rating\"").due);
  facts.alerts[0].grouped = {"rating"};
  EXPECT_TRUE(decide("alert", "drifted = \"rating\"").due) << "it is of the same cause";
  facts.since = 99;
  const TriggerDecision waits = decide("retrain");
  EXPECT_FALSE(waits.due);
  EXPECT_THAT(waits.why, HasSubstr("99 rows of pctr since then have whole labels, and 100 are asked for"));
  EXPECT_EQ(waits.next_ms, kStartMs + kHourMs);
  facts.since = 100;
  EXPECT_TRUE(decide("retrain").due);
}

TEST(TriggerDecisionTest, EachOccasionSaysWhyAndACoolDownHoldsIt) {
  FakeFacts facts;
  const auto decide = [&](const std::string& occasion, std::int64_t now_ms, std::int64_t last_ms = 0) {
    const Triggers t = TriggersOf("[[trigger]]\nname = \"a\"\ndo = [\"alert\"]\n" + occasion);
    return DecideTrigger(t.all[0], now_ms, kStartMs, last_ms, facts);
  };
  EXPECT_FALSE(decide("on = \"new_data\"\nrows = 5", kStartMs).due);
  facts.rows = 5;
  EXPECT_TRUE(decide("on = \"new_data\"\nrows = 5", kStartMs).due);
  const TriggerDecision cool = decide("on = \"new_data\"\nrows = 5", kStartMs, kStartMs - kHourMs);
  EXPECT_FALSE(cool.due);
  EXPECT_THAT(cool.why, HasSubstr("cools down"));
  EXPECT_EQ(cool.next_ms, kStartMs + 23 * kHourMs);
  EXPECT_FALSE(decide("on = \"new_data\"\nrows = 5\nenabled = false", kStartMs).due);
  EXPECT_FALSE(decide("on = \"model_age\"\nage = \"2d\"", kStartMs + kDayMs).due);
  EXPECT_TRUE(decide("on = \"model_age\"\nage = \"2d\"", kStartMs + 2 * kDayMs).due);
  facts.metric = 3;
  EXPECT_TRUE(decide("on = \"metric\"\nmetric = \"m\"\nabove = 2", kStartMs).due);
  EXPECT_FALSE(decide("on = \"metric\"\nmetric = \"m\"\nabove = 3", kStartMs).due);
  EXPECT_TRUE(decide("on = \"metric\"\nmetric = \"m\"\nbelow = 4", kStartMs).due);
  EXPECT_THAT(decide("on = \"metric\"\nmetric = \"none\"\nbelow = 4", kStartMs).why, HasSubstr("no series"));
  const std::string ended = "on = \"experiment\"\nexperiment = \"price\"";
  EXPECT_FALSE(decide(ended, kStartMs).due);
  facts.end = TriggerFacts::End{"roll back", "clicks fell", kStartMs - 1};
  EXPECT_FALSE(decide(ended, kStartMs).due) << "it ended before the trigger was there";
  facts.end->at_ms = kStartMs + 1;
  EXPECT_TRUE(decide(ended, kStartMs + 2).due);
  EXPECT_FALSE(decide(ended, kStartMs + kDayMs + 2, kStartMs + 2).due) << "once an end";
  EXPECT_FALSE(decide(ended + "\ndecision = \"stopped\"", kStartMs + 2).due);
  EXPECT_FALSE(decide("on = \"command\"", kStartMs + 400 * kDayMs).due);
}

}  // namespace
}  // namespace gfr
