// The rules of assignment, held by a million units.
#include "experiment/assignment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "experiment/test_experiments.h"

namespace gfr {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr int kUnits = 1'000'000;
constexpr std::int64_t kNow = 1'767'225'600'000;  // 2026-01-01.

Unit UnitAt(int k) { return {UnitKind::kUser, "user-" + std::to_string(k)}; }

Assigner Make(const std::string& text, const Allocation& before = {}) {
  Experiments experiments = ExperimentsOf(text);
  auto allocation = Allocate(experiments, before, kNow);
  EXPECT_TRUE(allocation.ok()) << (allocation.ok() ? "" : allocation.error().message);
  return Assigner(std::move(experiments), allocation.ok() ? std::move(allocation).value() : Allocation());
}

FeedConfig Home() {
  FeedConfig feed;
  feed.channels = {{"exploit", 60}, {"explore", 10}};
  feed.swap_share = 0.1;
  return feed;
}

// "experiment=variant" of each, with a '!' where it was overridden.
std::vector<std::string> Got(const Assignment& assignment) {
  std::vector<std::string> got;
  for (const ServedExperiment& e : assignment.experiments)
    got.push_back(e.experiment + "=" + e.variant + (e.overridden ? "!" : ""));
  return got;
}

std::string ArmOf(const Assignment& assignment, const std::string& experiment) {
  for (const ServedExperiment& e : assignment.experiments) {
    if (e.experiment == experiment) return e.variant;
  }
  return "";
}

// Of each unit, its arm in an experiment (or its variant).
std::vector<std::string> Arms(const Assigner& assigner, const std::string& experiment, int units = kUnits) {
  std::vector<std::string> arms;
  const FeedConfig feed = Home();
  for (int k = 0; k < units; ++k) {
    const Unit unit = UnitAt(k);
    arms.push_back(ArmOf(assigner.Assign({.unit = unit, .now_ms = kNow}, feed), experiment));
  }
  return arms;
}

double ShareOf(const std::vector<std::string>& arms, const std::string& arm) {
  return static_cast<double>(std::ranges::count(arms, arm)) / static_cast<double>(arms.size());
}

std::string Ramp(double share, const std::string& more = "") {
  return "[[experiment]]\nname = \"ramp\"\nshare = " + std::to_string(share) + "\n" + more +
         "[[experiment.arm]]\nname = \"a\"\n[[experiment.arm]]\nname = \"b\"\nfeed = { size = 30 }\n";
}

TEST(Assignment, ARampMovesNoUnitAndBothArmsGrowFromTheUnallocated) {
  std::vector<std::string> before(kUnits);
  Allocation allocation;
  for (const double share : {0.1, 0.5, 1.0}) {
    const Assigner assigner = Make(Ramp(share), allocation);
    allocation = assigner.allocation();
    std::vector<std::string> now = Arms(assigner, "ramp");
    for (int k = 0; k < kUnits; ++k) {
      if (!before[static_cast<std::size_t>(k)].empty())
        ASSERT_EQ(now[static_cast<std::size_t>(k)], before[static_cast<std::size_t>(k)]) << "unit " << k;
    }
    EXPECT_NEAR(ShareOf(now, "a"), share / 2, 0.004);
    EXPECT_NEAR(ShareOf(now, "b"), share / 2, 0.004);
    before = std::move(now);
  }
}

std::string Variants(const std::vector<double>& weights) {
  std::string text;
  for (std::size_t v = 0; v < weights.size(); ++v)
    text += "[[variant]]\nname = \"v" + std::to_string(v) + "\"\nweight = " + std::to_string(weights[v]) + "\n";
  return text;
}

TEST(Assignment, OtherWeightsOfVariantsMoveTheFewestUnits) {
  const std::vector<std::vector<double>> steps{{9, 1},       {5, 5},          {1, 1, 1},    {2, 1, 0.5}, {0.01, 1, 3},
                                               {0, 1, 0, 7}, {1, 1, 1, 1, 1}, {1, 1, 1, 1}, {3, 4}};
  Allocation allocation;
  std::vector<std::string> before;
  for (const std::vector<double>& weights : steps) {
    const Assigner assigner = Make(Variants(weights), allocation);
    // As few buckets as the shares alone ask for.
    if (!allocation.variants.empty()) {
      int moved = 0, needed = 0;
      for (std::size_t b = 0; b < kBuckets; ++b) moved += assigner.allocation().variants[b] != allocation.variants[b];
      for (std::size_t v = 0; v < weights.size(); ++v) {
        const std::string name = "v" + std::to_string(v);
        needed += std::max<int>(0, static_cast<int>(std::ranges::count(assigner.allocation().variants, name) -
                                                    std::ranges::count(allocation.variants, name)));
      }
      EXPECT_EQ(moved, needed);
    }
    double sum = 0;
    for (const double w : weights) sum += w;
    const std::vector<std::string> now = Arms(assigner, "variant");
    for (std::size_t v = 0; v < weights.size(); ++v)
      EXPECT_NEAR(ShareOf(now, "v" + std::to_string(v)), weights[v] / sum, 0.004);
    for (std::size_t k = 0; k < before.size(); ++k) {
      const auto bucket = static_cast<std::size_t>(BucketNumber(Allocation::kSalt, UnitAt(static_cast<int>(k)).id));
      if (allocation.variants[bucket] == assigner.allocation().variants[bucket]) ASSERT_EQ(now[k], before[k]);
    }
    before = now;
    allocation = assigner.allocation();
    EXPECT_EQ(Make(Variants(weights), allocation).allocation(), allocation) << "equal weights move nobody";
    EXPECT_EQ(Allocation::FromJson(allocation.ToJson()).value(), allocation);
  }
}

TEST(Assignment, ExperimentsOfOneNamespaceExcludeEachOtherAndOthersAreIndependent) {
  const auto of = [](const std::string& name, const std::string& more, const std::string& key) {
    return "[[experiment]]\nname = \"" + name + "\"\n" + more + "\n[[experiment.arm]]\nname = \"a\"\n" +
           "[[experiment.arm]]\nname = \"b\"\nfeed = { " + key + " }\n";
  };
  const Assigner assigner =
      Make(of("one", "namespace = \"n\"\nrange = [0, 0.3]", "size = 1") +
           of("two", "namespace = \"n\"\nrange = [0.3, 1]", "size = 2") + of("free", "share = 0.5", "swap = 0.2"));
  const std::vector<std::string> one = Arms(assigner, "one"), two = Arms(assigner, "two"),
                                 free = Arms(assigner, "free");
  int ones = 0, b_of_free = 0, both_b = 0, in_both = 0, one_and_free = 0;
  for (std::size_t k = 0; k < one.size(); ++k) {
    ASSERT_TRUE(one[k].empty() != two[k].empty()) << "each unit is in one of the two";
    ones += !one[k].empty();
    in_both += !two[k].empty() && !free[k].empty();
    one_and_free += !one[k].empty() && !free[k].empty();
    b_of_free += free[k] == "b";
    both_b += free[k] == "b" && two[k] == "b";
  }
  EXPECT_NEAR(ones / static_cast<double>(kUnits), 0.3, 0.004);
  EXPECT_NEAR(in_both / static_cast<double>(kUnits), 0.7 * 0.5, 0.004) << "being in one says nothing of the other";
  EXPECT_NEAR(one_and_free / static_cast<double>(kUnits), 0.3 * 0.5, 0.004);
  EXPECT_NEAR(both_b / static_cast<double>(b_of_free), 0.7 * 0.5, 0.006);
}

TEST(Assignment, TheHoldoutIsInNothingElseAndGoesOnToOtherUnits) {
  const Assigner assigner = Make("[holdout]\n" + Variants({1, 1}) + Ramp(1));
  const FeedConfig feed = Home();
  int held = 0, again = 0, later = 0;
  for (int k = 0; k < kUnits; ++k) {
    const Unit unit = UnitAt(k);
    const Assignment a = assigner.Assign({.unit = unit, .now_ms = kNow}, feed);
    const std::int64_t next_series = kNow + 365 * kDayMs;
    const bool then = assigner.Assign({.unit = unit, .now_ms = next_series}, feed).holdout;
    held += a.holdout;
    later += then;
    again += a.holdout && then;
    if (!a.holdout) {
      ASSERT_EQ(a.experiments.size(), 3u);
      continue;
    }
    ASSERT_THAT(Got(a), ElementsAre("holdout=in"));
    ASSERT_EQ(a.variant, "");
    ASSERT_EQ(a.feed->channels.size(), 1u);
    ASSERT_EQ(a.feed->channels[0].name, "popularity");
    ASSERT_EQ(a.feed->swap_share, 0);
  }
  EXPECT_NEAR(held / static_cast<double>(kUnits), 0.02, 0.002);
  EXPECT_NEAR(later / static_cast<double>(kUnits), 0.02, 0.002);
  EXPECT_NEAR(again / static_cast<double>(kUnits), 0.02 * 0.02, 0.0003);
}

TEST(Assignment, AnOverrideWinsOverAllAndMarksWhateverTheRequestGot) {
  const Assigner assigner = Make("[holdout]\nshare = 0.5\n" + Variants({1, 1}) + Ramp(0.1));
  const Overrides overrides = assigner.ReadOverrides(" ramp = b,variant=v1 ").value();
  const FeedConfig feed = Home();
  for (int k = 0; k < kUnits / 10; ++k) {
    const Unit unit = UnitAt(k);
    const AssignmentQuery query{.unit = unit, .now_ms = kNow, .overrides = overrides};
    const Assignment a = assigner.Assign(query, feed);
    ASSERT_THAT(Got(a), ElementsAre("holdout=out!", "variant=v1!", "ramp=b!"));
    ASSERT_EQ(a.feed->size, 30);
  }
  const Unit unit = UnitAt(1);
  EXPECT_TRUE(assigner.Assign({.unit = unit, .now_ms = kNow, .overrides = {{"holdout", "in"}}}, feed).holdout);
  EXPECT_THAT(assigner.ReadOverrides("ramp=c").error().message, HasSubstr("valid are a, b"));
  EXPECT_THAT(assigner.ReadOverrides("rmp=a").error().message, HasSubstr("'rmp' is not known"));
  EXPECT_THAT(assigner.ReadOverrides("ramp").error().message, HasSubstr("valid are a, b"));
  EXPECT_THAT(assigner.ReadOverrides("holdout=maybe").error().message, HasSubstr("in and out"));
  EXPECT_TRUE(assigner.ReadOverrides("").value().empty());
}

TEST(Assignment, TargetingLetsInByWhatTheRequestSays) {
  const Assigner assigner = Make(Ramp(1, "when = 'platform == \"ios\" and basket > 2 and surface != \"search\"'\n"));
  const FeedConfig feed = Home();
  const Unit unit = UnitAt(7);
  const auto in = [&](const std::vector<Property>& context, const std::string& surface = "home") {
    return !assigner.Assign({.unit = unit, .context = context, .surface = surface, .now_ms = kNow}, feed)
                .experiments.empty();
  };
  EXPECT_TRUE(in({{.name = "platform", .text = "ios"}, {.name = "basket", .number = 3}}));
  EXPECT_FALSE(in({{.name = "platform", .text = "ios"}, {.name = "basket", .number = 2}}));
  EXPECT_FALSE(in({{.name = "platform", .text = "web"}, {.name = "basket", .number = 3}}));
  EXPECT_TRUE(in({{.name = "platform", .text = "ios"}, {.name = "basket", .text = "2.5"}})) << "a number sent as text";
  EXPECT_FALSE(in({{.name = "basket", .number = 3}})) << "a platform that is not said matches nothing";
  EXPECT_FALSE(in({{.name = "platform", .text = "ios"}, {.name = "basket", .number = 3}}, "search"));
}

TEST(Assignment, WithoutAUnitNothingIsAssigned) {
  const Assigner assigner = Make("[holdout]\n" + Variants({1, 1}) + Ramp(1));
  const Unit nobody;
  const Assignment a = assigner.Assign({.unit = nobody, .now_ms = kNow}, Home());
  EXPECT_TRUE(a.experiments.empty());
  EXPECT_EQ(a.feed->size, Home().size);
}

TEST(Allocation, WhatWouldMoveUnitsOfARunningExperimentIsRefused) {
  const std::string with_namespace = "namespace = \"n\"\nrange = [0.2, 0.6]\n";
  const auto refused = [](const std::string& before, const std::string& after) {
    const auto was = Allocate(ExperimentsOf(before), {}, kNow);
    const auto is = Allocate(ExperimentsOf(after), was.value(), kNow + 1);
    return is.ok() ? std::string() : is.error().message;
  };
  EXPECT_EQ(refused(Ramp(0.1), Ramp(0.2)), "");
  EXPECT_EQ(refused(Ramp(0.1, with_namespace), Ramp(0.1, "namespace = \"n\"\nrange = [0.1, 0.7]\n")), "");
  EXPECT_EQ(refused(Ramp(0.2), Ramp(0.1, "status = \"off\"\n")), "");
  EXPECT_EQ(refused(Ramp(0.2, "status = \"off\"\n"), Ramp(0.1, "salt = \"2\"\n")), "");
  EXPECT_THAT(refused(Ramp(0.2), Ramp(0.1)), HasSubstr("'ramp' is running, and its share, which went down"));
  EXPECT_THAT(refused(Ramp(0.2), Ramp(0.2, "salt = \"2\"\n")), HasSubstr("its salt"));
  EXPECT_THAT(refused(Ramp(0.2), Ramp(0.2, "when = 'basket > 1'\n")), HasSubstr("`when`"));
  EXPECT_THAT(refused(Ramp(0.2, with_namespace), Ramp(0.2, "namespace = \"n\"\nrange = [0.3, 0.7]\n")),
              HasSubstr("namespace"));
  std::string weights = Ramp(1);
  weights.replace(weights.find("name = \"b\""), 10, "name = \"b\"\nweight = 2");
  EXPECT_THAT(refused(Ramp(1), weights), HasSubstr("the weights of its arms"));
  const auto was = Allocate(ExperimentsOf(Ramp(0.3)), {}, kNow).value();
  EXPECT_EQ(Allocation::FromJson(was.ToJson()).value(), was);
  EXPECT_EQ(Allocation::FromJson("{}").error().code, ErrorCode::kCorrupt);
  EXPECT_EQ(Allocation::FromJson(R"({"format":2})").error().code, ErrorCode::kCorrupt);
  EXPECT_EQ(Allocation::FromJson(R"({"format":1,"variants":[["a",20000]],"experiments":{}})").error().code,
            ErrorCode::kCorrupt);
}

TEST(Allocation, KeepsFromWhenOnWhichSharesHeld) {
  const auto first = Allocate(ExperimentsOf(Ramp(0.1) + Variants({9, 1})), {}, kNow).value();
  const auto same = Allocate(ExperimentsOf(Ramp(0.1) + Variants({9, 1})), first, kNow + 5).value();
  EXPECT_EQ(same, first) << "an equal configuration begins no period";
  const auto next = Allocate(ExperimentsOf(Ramp(0.5) + Variants({1, 1})), first, kNow + 9).value();
  ASSERT_EQ(next.periods.at("ramp").size(), 2u);
  EXPECT_EQ(next.periods.at("ramp")[1].from_ms, kNow + 9);
  EXPECT_NEAR(next.periods.at("ramp")[0].shares.at("a"), 0.05, 1e-9);
  EXPECT_NEAR(next.periods.at("ramp")[1].shares.at("a"), 0.25, 1e-9);
  ASSERT_EQ(next.periods.at("variant").size(), 2u);
  EXPECT_EQ(next.periods.at("variant")[0].shares.at("v0"), 0.9);
  EXPECT_EQ(next.periods.at("variant")[1].shares.at("v0"), 0.5);
  EXPECT_EQ(Allocation::FromJson(next.ToJson()).value(), next);
  // What was written before there were periods.
  EXPECT_TRUE(Allocation::FromJson(R"({"format":1,"variants":[],"experiments":{}})").value().periods.empty());
  // Turned off, an experiment keeps them for its report.
  const auto off = Allocate(ExperimentsOf(Ramp(0.5, "status = \"off\"\n")), next, kNow + 10).value();
  EXPECT_EQ(off.periods.at("ramp").size(), 2u);
}

TEST(Flags, SayTheArmAndWhy) {
  using enum FlagValue::Reason;
  const Assigner assigner = Make(
      "[[experiment]]\nname = \"all\"\n[[experiment.arm]]\nname = \"on\"\nvalue = true\n"
      "[[experiment]]\nname = \"off\"\nstatus = \"off\"\ndefault = 3\n[[experiment.arm]]\nname = \"a\"\n"
      "[[experiment]]\nname = \"ios\"\nwhen = 'platform == \"ios\"'\ndefault = \"none\"\n[[experiment.arm]]\nname = "
      "\"a\"\n" +
      Ramp(0.5) + Variants({1, 1}));
  const Unit unit = UnitAt(3);
  const std::vector<Property> ios{{.name = "platform", .text = "ios"}};
  const AssignmentQuery query{.unit = unit, .now_ms = kNow}, on_ios{.unit = unit, .context = ios, .now_ms = kNow};
  EXPECT_EQ(assigner.Evaluate("all", query).value().reason, kStatic);
  EXPECT_EQ(assigner.Evaluate("all", query).value().value, "true");
  EXPECT_EQ(assigner.Evaluate("off", query).value().reason, kDisabled);
  EXPECT_EQ(assigner.Evaluate("off", query).value().value, "3");
  EXPECT_EQ(assigner.Evaluate("ios", query).value().reason, kDefault);
  EXPECT_EQ(assigner.Evaluate("ios", query).value().value, "\"none\"");
  EXPECT_EQ(assigner.Evaluate("ios", on_ios).value().reason, kTargetingMatch);
  EXPECT_EQ(assigner.Evaluate("variant", query).value().reason, kSplit);
  EXPECT_EQ(
      assigner.Evaluate("variant", {.unit = unit, .now_ms = kNow, .overrides = {{"variant", "v1"}}}).value().reason,
      kTargetingMatch);
  EXPECT_EQ(assigner.Evaluate("nothing", query).error().code, ErrorCode::kNotFound);
  EXPECT_THAT(assigner.Flags(), ElementsAre("variant", "all", "off", "ios", "ramp"));
  // A flag and a feed give a unit the same arm.
  for (int k = 0; k < 10'000; ++k) {
    const Unit of = UnitAt(k);
    const AssignmentQuery q{.unit = of, .now_ms = kNow};
    ASSERT_EQ(assigner.Evaluate("ramp", q).value().variant, ArmOf(assigner.Assign(q, Home()), "ramp"));
  }
}

const std::string kBandit =
    "[[experiment]]\nname = \"banner\"\ndesign = \"bandit\"\nfeeds = [\"home\"]\nshare = 0.5\n"
    "[[experiment.arm]]\nname = \"blue\"\n[[experiment.arm]]\nname = \"red\"\n";

TEST(Bandit, GivesNewUnitsTheNewestVersionAndKeepsTheOthersInTheirs) {
  const Assigner first = Make(kBandit);
  Allocation next = first.allocation();
  const Experiments experiments = ExperimentsOf(kBandit);
  EXPECT_FALSE(AddVersion(experiments.all[0], {0.5, 0.5}, kNow + 1, &next)) << "as before";
  ASSERT_TRUE(AddVersion(experiments.all[0], {0.9, 0.1}, kNow + 2, &next));
  EXPECT_EQ(Allocation::FromJson(next.ToJson()).value(), next);
  const Assigner second = Make(kBandit, next);
  EXPECT_EQ(second.allocation(), next) << "an equal configuration begins no version";
  const FeedConfig feed = Home();
  double in = 0, blue[3] = {};
  constexpr int kSome = 20'000;
  for (int k = 0; k < kSome; ++k) {
    const Unit unit = UnitAt(k);
    const Assignment was = first.Assign({.unit = unit, .now_ms = kNow}, feed);
    const Assignment is_new = second.Assign({.unit = unit, .now_ms = kNow}, feed);
    const Assignment is_known =
        second.Assign({.unit = unit, .now_ms = kNow, .version_of = [](std::string_view) { return 1u; }}, feed);
    ASSERT_EQ(Got(is_known), Got(was)) << "unit " << k;
    ASSERT_EQ(is_known.policy, was.policy);
    if (was.experiments.empty()) {
      ASSERT_TRUE(is_new.experiments.empty()) << "who takes part is not by the version";
      continue;
    }
    ++in;
    ASSERT_EQ(was.policy, "banner@1");
    ASSERT_EQ(is_new.policy, "banner@2");
    blue[1] += ArmOf(was, "banner") == "blue";
    blue[2] += ArmOf(is_new, "banner") == "blue";
    const auto flag = second.Evaluate("banner", {.unit = unit, .now_ms = kNow});
    ASSERT_EQ(flag.value().variant, ArmOf(is_new, "banner"));
    ASSERT_EQ(flag.value().version, 2u);
  }
  EXPECT_NEAR(in / kSome, 0.5, 0.02);
  EXPECT_NEAR(blue[1] / in, 0.5, 0.02);
  EXPECT_NEAR(blue[2] / in, 0.9, 0.02);
  // A version that this server has not read yet is another server's: no arm is better than a wrong one.
  const auto unread =
      first.Assign({.unit = UnitAt(1), .now_ms = kNow, .version_of = [](std::string_view) { return 7u; }}, feed);
  EXPECT_TRUE(unread.experiments.empty());
  // An override is in no analysis, and of no version.
  const auto asked = second.Assign({.unit = UnitAt(1), .now_ms = kNow, .overrides = {{"banner", "red"}}}, feed);
  EXPECT_THAT(Got(asked), ElementsAre("banner=red!"));
  EXPECT_EQ(asked.policy, "");
}

TEST(Bandit, AnArmMayComeAndNoneMayGoAndTheDesignStays) {
  const Allocation before = Make(kBandit).allocation();
  const auto more = Allocate(ExperimentsOf(kBandit + "[[experiment.arm]]\nname = \"green\"\n"), before, kNow + 1);
  ASSERT_TRUE(more.ok()) << more.error().message;
  ASSERT_EQ(more.value().periods.at("banner").size(), 2u);
  EXPECT_NEAR(more.value().periods.at("banner")[1].shares.at("green"), 1.0 / 3, 1e-4);
  std::string renamed = kBandit, arms = kBandit;
  renamed.replace(renamed.find("red"), 3, "tan");
  EXPECT_THAT(Allocate(ExperimentsOf(renamed), before, kNow).error().message, HasSubstr("the end of its arm 'red'"));
  arms.erase(arms.find("design"), arms.find("feeds") - arms.find("design"));
  EXPECT_THAT(Allocate(ExperimentsOf(arms), before, kNow).error().message, HasSubstr("its design"));
}

const std::string kSwitchback =
    "[[experiment]]\nname = \"stock\"\ndesign = \"switchback\"\ncluster = \"platform\"\nperiod = \"6h\"\n"
    "feeds = [\"home\"]\n[[experiment.arm]]\nname = \"today\"\n[[experiment.arm]]\nname = \"next\"\n";

TEST(Switchback, EveryoneOfAClusterMeetsOneArmAPeriodAndArmsChangeByChance) {
  const Assigner assigner = Make(kSwitchback);
  const FeedConfig feed = Home();
  int next = 0;
  constexpr int kPeriods = 400;
  for (int p = 0; p < kPeriods; ++p) {
    for (const char* platform : {"ios", "web"}) {
      const std::vector<Property> context{{.name = "platform", .text = platform}};
      const std::int64_t begin = kNow + p * 6 * kHourMs;
      const auto arm = [&](int unit, std::int64_t at_ms) {
        return ArmOf(assigner.Assign({.unit = UnitAt(unit), .context = context, .now_ms = at_ms}, feed), "stock");
      };
      const std::string first = arm(0, begin);
      for (int unit = 1; unit < 5; ++unit) ASSERT_EQ(arm(unit, begin + unit * kHourMs), first);
      next += first == "next";
    }
  }
  EXPECT_NEAR(next / (2.0 * kPeriods), 0.5, 0.08);
  EXPECT_TRUE(assigner.Assign({.unit = UnitAt(1), .now_ms = kNow}, feed).experiments.empty()) << "of no cluster";
  std::string slower = kSwitchback;
  slower.replace(slower.find("6h"), 2, "8h");
  EXPECT_THAT(Allocate(ExperimentsOf(slower), assigner.allocation(), kNow).error().message, HasSubstr("its design"));
}

const std::string kPair = R"(
[[experiment]]
name = "pair"
design = "interleaving"
share = 0.3
examination = 0.7
[[experiment.arm]]
name = "today"
[[experiment.arm]]
name = "next"
model = "7"
)";

TEST(Interleaved, AUnitGetsBothArmsAndTheShareOfUnitsIsTheExperiments) {
  const Assigner assigner = Make(kPair);
  const FeedConfig feed = Home();
  int in = 0;
  for (int k = 0; k < 100'000; ++k) {
    const Assignment got = assigner.Assign({.unit = UnitAt(k), .now_ms = kNow}, feed);
    if (!got.pair) {
      EXPECT_THAT(Got(got), ElementsAre());
      continue;
    }
    ++in;
    EXPECT_THAT(Got(got), ElementsAre("pair=interleaved"));
    EXPECT_EQ(got.model, "") << "the first arm's: the champion";
    EXPECT_EQ(got.pair->model, "7");
    EXPECT_EQ(got.pair->experiment, "pair");
    EXPECT_EQ(got.pair->examination, 0.7);
    EXPECT_EQ(got.pair->feed->channels, feed.channels);
  }
  EXPECT_NEAR(in / 100'000.0, 0.3, 4 * std::sqrt(0.3 * 0.7 / 100'000));
}

TEST(Interleaved, MoreShareMovesNoUnitAndLessIsRefused) {
  const Assigner before = Make(kPair);
  std::string more = kPair, less = kPair;
  more.replace(more.find("0.3"), 3, "0.6");
  less.replace(less.find("0.3"), 3, "0.2");
  const Assigner after = Make(more, before.allocation());
  const std::vector<std::string> was = Arms(before, "pair", 20'000), now = Arms(after, "pair", 20'000);
  for (std::size_t k = 0; k < was.size(); ++k) {
    if (!was[k].empty()) {
      EXPECT_EQ(now[k], was[k]);
    }
  }
  EXPECT_FALSE(Allocate(ExperimentsOf(less), before.allocation(), kNow).ok());
}

TEST(Interleaved, AnOverrideShowsOneArmAlone) {
  const Assigner assigner = Make(kPair);
  const Assignment got = assigner.Assign({.unit = UnitAt(1), .now_ms = kNow, .overrides = {{"pair", "next"}}}, Home());
  EXPECT_THAT(Got(got), ElementsAre("pair=next!"));
  EXPECT_FALSE(got.pair);
  EXPECT_EQ(got.model, "7");
}

TEST(Interleaved, HasNoArmForAFlag) {
  const Assigner assigner = Make(kPair);
  for (int k = 0; k < 50; ++k) {
    const auto flag = assigner.Evaluate("pair", {.unit = UnitAt(k), .now_ms = kNow});
    ASSERT_TRUE(flag.ok());
    EXPECT_EQ(flag.value().reason, FlagValue::Reason::kDefault);
    EXPECT_EQ(flag.value().variant, "");
  }
}

}  // namespace
}  // namespace gfr
