#include "automation/trigger_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gfr {
namespace {

using testing::HasSubstr;

Result<std::vector<TriggerConfig>> ReadTriggers(const std::string& text) {
  Config project = Config::Parse(text, "gfr.toml").value();
  return TriggerConfig::ReadAll(project, {"pctr", "pcvr"});
}

TEST(TriggerConfig, ReadsAShortFormAndOneWithSteps) {
  const auto triggers = ReadTriggers(R"([[trigger]]
name = "nightly"
on = "schedule"
cron = "30 3 * * *"
time_zone = "Europe/Berlin"
do = ["retrain", "promote"]

[[trigger]]
name = "more_rows"
on = "new_data"
rows = 500
cooldown = "1h"
[[trigger.step]]
do = "retrain"
[[trigger.step]]
do = "promote"
name = "release"
when = "retrain.auc > 0.6 and retrain.first == 0"
margin = 0.01
[[trigger.step]]
do = "run"
when = "release.promoted == 1"
command = ["/bin/echo", "released"]
)")
                            .value();
  ASSERT_EQ(triggers.size(), 2u);
  EXPECT_EQ(triggers[0].on, TriggerConfig::On::kSchedule);
  EXPECT_EQ(triggers[0].cooldown_ms, 0) << "a schedule is paced by its times";
  EXPECT_EQ(triggers[0].target, "model");
  EXPECT_EQ(triggers[0].steps[1].action, StepAction::kPromote);
  EXPECT_EQ(triggers[1].objective, "pctr");
  EXPECT_EQ(triggers[1].cooldown_ms, kHourMs);
  EXPECT_EQ(triggers[1].steps[1].name, "release");
  EXPECT_EQ(triggers[1].steps[1].margin, 0.01);
  EXPECT_EQ(triggers[1].steps[2].command, (std::vector<std::string>{"/bin/echo", "released"}));
}

TEST(TriggerConfig, OfDriftOnlyWhatTrainsWaitsForLabels) {
  const auto triggers = ReadTriggers(R"([[trigger]]
name = "tell"
on = "drift"
do = ["alert"]
[[trigger]]
name = "learn"
on = "drift"
kind = "prior"
rows = 50
do = ["retrain", "gate", "shadow", "canary", "promote"]
)")
                            .value();
  EXPECT_FALSE(triggers[0].waits_for_labels);
  EXPECT_TRUE(triggers[1].waits_for_labels);
  EXPECT_EQ(triggers[1].rows, 50u);
  EXPECT_EQ(triggers[1].objective, "pctr");
  EXPECT_EQ(triggers[1].cooldown_ms, kDayMs);
  EXPECT_EQ(triggers[1].steps[3].ramp.size(), 3u);
}

TEST(TriggerConfig, ItsTextGivesItAgain) {
  const TriggerConfig trigger = ReadTriggers(R"([[trigger]]
name = "a"
on = "metric"
metric = "gfr_x_total"
above = 3.5
over = "5m"
retries = 4
[[trigger.step]]
do = "alert"
message = "look"
)")
                                    .value()[0];
  const TriggerConfig again = TriggerConfig::Parse(trigger.text, {"pctr"}).value();
  EXPECT_EQ(again.text, trigger.text);
  EXPECT_EQ(again.above, 3.5);
  EXPECT_EQ(again.over_ms, 5 * kMinuteMs);
  EXPECT_EQ(again.retries, 4);
  EXPECT_EQ(again.steps[0].message, "look");
}

TEST(TriggerConfig, ACanaryHasHalfOfItsTriggersTimeToFindUnits) {
  const auto within_ms = [](const std::string& keys, const std::string& step) {
    return ReadTriggers("[[trigger]]\nname = \"a\"\non = \"command\"\n" + keys + "[[trigger.step]]\ndo = \"canary\"\n" +
                        step)
        .value()[0]
        .steps[0]
        .within_ms;
  };
  EXPECT_EQ(within_ms("", ""), 12 * kHourMs);
  EXPECT_EQ(within_ms("timeout = \"8h\"\n", ""), 6 * kHourMs) << "the ramp's time";
  EXPECT_EQ(within_ms("", "within = \"7h\"\n"), 7 * kHourMs);
  EXPECT_EQ(
      ReadTriggers("[[trigger]]\nname = \"a\"\non = \"command\"\ndo = [\"canary\"]\n").value()[0].steps[0].within_ms,
      12 * kHourMs);
}

TEST(TriggerConfig, ScaleHasATargetOfItsOwn) {
  const TriggerConfig trigger = ReadTriggers(R"([[trigger]]
name = "sale"
on = "schedule"
cron = "0 9 * * 5"
[[trigger.step]]
do = "scale"
min_replicas = 4
for = "12h"
)")
                                    .value()[0];
  EXPECT_EQ(trigger.target, "sale") << "it waits for no training";
  EXPECT_EQ(trigger.steps[0].min_replicas, 4);
  EXPECT_FALSE(trigger.steps[0].max_replicas);
  EXPECT_EQ(trigger.steps[0].for_ms, 12 * kHourMs);
}

TEST(TriggerConfig, WhatIsWrongIsRefusedByItsKey) {
  const std::string head = "[[trigger]]\nname = \"a\"\n";
  for (const auto& [text, says] :
       {std::pair<std::string, const char*>{head + "on = \"moon\"\ndo = [\"alert\"]", "valid are schedule, new_data"},
        {head + "on = \"schedule\"\ncron = \"x\"\ndo = [\"alert\"]", "five"},
        {head + "on = \"schedule\"\ncron = \"@daily\"\ntime_zone = \"Mars\"\ndo = [\"alert\"]", "Mars"},
        {head + "on = \"command\"\ndo = [\"dance\"]", "valid are retrain"},
        {head + "on = \"command\"", "a trigger does something"},
        {head + "on = \"command\"\nrows = 3\ndo = [\"alert\"]", "unknown key 'rows'"},
        {head + "on = \"command\"\ndo = [\"run\"]", "[[trigger.step]]"},
        {head + "on = \"command\"\n[[trigger.step]]\ndo = \"run\"", "no shell"},
        {head + "on = \"command\"\n[[trigger.step]]\ndo = \"alert\"\nmargin = 1", "unknown key 'margin'"},
        {head + "on = \"command\"\n[[trigger.step]]\ndo = \"promote\"\nwhen = \"retrain.auc > 1\"", "retrain.auc"},
        {head + "on = \"new_data\"\nobjective = \"x\"\ndo = [\"alert\"]", "no [[objective]]"},
        {head + "on = \"metric\"\nmetric = \"m\"\ndo = [\"alert\"]", "above"},
        {head + "on = \"drift\"\nkind = \"moon\"\ndo = [\"alert\"]", "valid are feature, prior"},
        {head + "on = \"command\"\n[[trigger.step]]\ndo = \"canary\"\nramp = [0.5, 0.1]", "rising shares"},
        {head + "on = \"command\"\n[[trigger.step]]\ndo = \"canary\"\nramp = [0.6]", "rising shares"},
        {head + "on = \"command\"\n[[trigger.step]]\ndo = \"canary\"\nwindow = \"2h\"", "between 1s and 1h"},
        {head + "on = \"command\"\n[[trigger.step]]\ndo = \"canary\"\nfor = \"1h\"", "would be whole"},
        {head + "on = \"command\"\ntimeout = \"6h\"\ndo = [\"canary\"]", "step canary takes 6h"},
        {head + "on = \"command\"\n[[trigger.step]]\ndo = \"canary\"\nwithin = \"1h\"", "the ramp takes 6h"},
        {head + "on = \"command\"\n[[trigger.step]]\ndo = \"canary\"\nwithin = \"2d\"", "step canary takes 2d"},
        {head + "on = \"command\"\n[[trigger.step]]\ndo = \"canary\"\nmin_units = 0", "min_units"},
        {head + "on = \"command\"\ndo = [\"scale\"]", "[[trigger.step]]"},
        {head + "on = \"command\"\n[[trigger.step]]\ndo = \"scale\"\nmin_replicas = 3\nmax_replicas = 2",
         "below min_replicas"},
        {head + "on = \"command\"\n[[trigger.step]]\ndo = \"scale\"\nmin_replicas = 0", "min_replicas"},
        {head + "on = \"command\"\n[[trigger.step]]\ndo = \"webhook\"\nurl = \"https://a.b\"\nsecret_env = \"\"",
         "leave it out"},
        {head + "on = \"command\"\ndo = [\"alert\", \"alert\"]", "two steps"},
        {"[[trigger]]\nname = \"A b\"\non = \"command\"\ndo = [\"alert\"]", "name is 1 to 64"},
        {head + "on = \"command\"\ndo = [\"alert\"]\n" + head + "on = \"command\"\ndo = [\"alert\"]",
         "two triggers are named"}}) {
    const auto read = ReadTriggers(text);
    ASSERT_FALSE(read.ok()) << text;
    EXPECT_THAT(read.error().message, HasSubstr(says)) << text;
    EXPECT_GT(read.error().where.line, 0) << text;
  }
}

}  // namespace
}  // namespace gfr
