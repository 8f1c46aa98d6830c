#include "experiment/experiments.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "experiment/test_experiments.h"

namespace gfr {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

std::string Refused(const std::string& text) {
  const auto read = ReadExperiments(text);
  EXPECT_FALSE(read.ok()) << text;
  return read.ok() ? "" : read.error().ToString();
}

const std::string kPrice = R"(
[[experiment]]
name = "price"
share = 0.2
feeds = ["home"]
when = 'platform == "ios" and basket > 2'
[[experiment.arm]]
name = "control"
[[experiment.arm]]
name = "high"
weight = 3
model = "7"
feed = { size = 30 }
value = 2.5
)";

TEST(Designs, RefuseWhatTheyCannotUseByKey) {
  const auto of = [](const std::string& keys, const std::string& arm = "") {
    return ReadExperiments("[[experiment]]\nname = \"e\"\n" + keys + "[[experiment.arm]]\nname = \"a\"\n" + arm +
                           "[[experiment.arm]]\nname = \"b\"\n");
  };
  const auto refused = [&](const std::string& keys, const std::string& arm = "") {
    const auto read = of(keys, arm);
    return read.ok() ? std::string() : read.error().ToString();
  };
  EXPECT_EQ(refused("design = \"bandit\"\nfloor = 0.1\nreward_cap = 50\nevery = \"10m\"\n"), "");
  EXPECT_EQ(refused("design = \"clusters\"\ncluster = \"platform\"\n"), "");
  EXPECT_EQ(refused("design = \"switchback\"\n"), "");
  EXPECT_NE(refused("design = \"bandit\"\nfloor = 0.6\n").find("floor"), std::string::npos);
  EXPECT_NE(refused("design = \"bandit\"\n", "weight = 2\n").find("'a' has a weight"), std::string::npos);
  EXPECT_NE(refused("design = \"clusters\"\n").find("`cluster` names"), std::string::npos);
  EXPECT_NE(refused("design = \"clusters\"\ncluster = \"moon\"\n").find("moon"), std::string::npos);
  EXPECT_NE(refused("design = \"switchback\"\nperiod = \"0s\"\n").find("period"), std::string::npos);
  EXPECT_NE(refused("design = \"switchback\"\nshare = 0.5\n").find("share"), std::string::npos);
  EXPECT_NE(refused("design = \"arms\"\nfloor = 0.1\n").find("floor"), std::string::npos) << "of another design";
  EXPECT_NE(refused("design = \"maze\"\n").find("bandit, clusters and switchback"), std::string::npos);
}

TEST(Experiments, AreReadFromTheirTables) {
  const Experiments e = ExperimentsOf(kPrice + R"(
[holdout]
[[variant]]
name = "today"
[[variant]]
name = "new"
weight = 0.5
model = "8"
feeds = ["search"]
value = true
)");
  EXPECT_EQ(e.holdout->share, 0.02);
  EXPECT_EQ(e.holdout->rotate_ms, 365 * kDayMs);
  ASSERT_EQ(e.variants.size(), 2u);
  EXPECT_EQ(e.variants[0].value, "\"today\"");
  EXPECT_EQ(e.variants[1].value, "true");
  EXPECT_THAT(e.variants[1].keys(), ElementsAre("model"));
  ASSERT_EQ(e.all.size(), 1u);
  const Experiment& price = e.all[0];
  EXPECT_EQ(price.salt, "price");
  EXPECT_EQ(price.when->text(), "platform == \"ios\" and basket > 2");
  EXPECT_EQ(price.arms[1].value, "2.5");
  EXPECT_EQ(price.otherwise, "\"control\"");
  EXPECT_THAT(price.arms[1].keys(), ElementsAre("size", "model"));
  EXPECT_TRUE(price.IsMetBy("home"));
  EXPECT_FALSE(price.IsMetBy("search"));
  EXPECT_THAT(e.Versions(), ElementsAre("7", "8"));
}

TEST(Experiments, OneThatOnlyHasFlagsIsMetByNoFeed) {
  const Experiments e = ExperimentsOf("[[experiment]]\nname = \"banner\"\n[[experiment.arm]]\nname = \"red\"\n");
  EXPECT_FALSE(e.all[0].IsMetBy("home"));
}

TEST(Experiments, MistakesAreRefusedWithTheirLine) {
  const std::string arm = "[[experiment.arm]]\nname = \"a\"\n";
  EXPECT_THAT(Refused("[[experiment]]\nname = \"variant\"\n" + arm),
              AllOf(HasSubstr("gfr.toml:2"), HasSubstr("variant")));
  EXPECT_THAT(Refused("[[experiment]]\nname = \"x y\"\n" + arm), HasSubstr("letters"));
  EXPECT_THAT(Refused("[[experiment]]\nname = \"x\"\n"), HasSubstr("[[experiment.arm]]"));
  EXPECT_THAT(Refused("[[experiment]]\nname = \"x\"\nwhen = \"city == 3\"\n" + arm), HasSubstr("platform"));
  EXPECT_THAT(Refused("[[experiment]]\nname = \"x\"\nrange = [0, 0.5]\n" + arm), HasSubstr("namespace"));
  EXPECT_THAT(Refused("[[experiment]]\nname = \"x\"\nnamespace = \"n\"\nrange = [0.5, 0.1]\n" + arm), HasSubstr("low"));
  EXPECT_THAT(Refused("[[experiment]]\nname = \"x\"\nfeeds = [\"basket\"]\n" + arm), HasSubstr("'basket'"));
  EXPECT_THAT(Refused("[[experiment]]\nname = \"x\"\nstatus = \"paused\"\n" + arm), HasSubstr("running and off"));
  EXPECT_THAT(Refused("[[experiment]]\nname = \"x\"\nshares = 1\n" + arm), HasSubstr("shares"));
  EXPECT_THAT(Refused("[[experiment]]\nname = \"x\"\n" + arm + arm), HasSubstr("two named 'a'"));
  EXPECT_THAT(Refused("[[experiment]]\nname = \"x\"\n" + arm + "weight = 0\n"), HasSubstr("no weight"));
  EXPECT_THAT(Refused("[[experiment]]\nname = \"x\"\n" + arm + "feed = { name = \"home\" }\n"), HasSubstr("name"));
  EXPECT_THAT(Refused("[[variant]]\nname = \"a\"\nfeed = { paths = 1 }\n"), HasSubstr("paths"));
  EXPECT_THAT(Refused("[holdout]\nshare = 0.9\n"), HasSubstr("share"));
}

TEST(Experiments, TwoThatChangeOneKeyOfAFeedMustExcludeEachOther) {
  const auto of = [](const std::string& name, const std::string& more, const std::string& feed = "{ size = 30 }") {
    return "[[experiment]]\nname = \"" + name + "\"\n" + more +
           "\n[[experiment.arm]]\nname = \"a\"\n[[experiment.arm]]\n" + "name = \"b\"\nfeed = " + feed + "\n";
  };
  EXPECT_THAT(Refused(of("one", "") + of("two", "")), HasSubstr("'one' and 'two' both change size of feed home"));
  EXPECT_THAT(
      Refused(of("one", "namespace = \"n\"\nrange = [0, 0.5]") + of("two", "namespace = \"n\"\nrange = [0.4, 1]")),
      HasSubstr("both change size"));
  EXPECT_THAT(
      Refused(of("one", "namespace = \"n\"\nrange = [0, 0.5]") + of("two", "namespace = \"m\"\nrange = [0.5, 1]")),
      HasSubstr("both change size"));
  ExperimentsOf(of("one", "namespace = \"n\"\nrange = [0, 0.5]") + of("two", "namespace = \"n\"\nrange = [0.5, 1]"));
  ExperimentsOf(of("one", "status = \"off\"") + of("two", ""));
  ExperimentsOf(of("one", "feeds = [\"home\"]") + of("two", "feeds = [\"search\"]"));
  ExperimentsOf(of("one", "") + of("two", "", "{ swap = 0.1 }"));
  const std::string variants = "[[variant]]\nname = \"a\"\n[[variant]]\nname = \"b\"\nfeed = { size = 3 }\n";
  EXPECT_THAT(Refused(variants + of("one", "")), HasSubstr("the variants both change size"));
}

// An interleaving of two arms, the second with `arm`, and `more` beside it.
std::string PairText(const std::string& name, const std::string& arm, const std::string& more = "") {
  return "[[experiment]]\nname = \"" + name + "\"\ndesign = \"interleaving\"\n" + more +
         "[[experiment.arm]]\nname = \"a\"\n[[experiment.arm]]\nname = \"b\"\n" + arm + "\n";
}

TEST(Experiments, AnInterleavingIsOfTwoArmsThatDifferInTheirRankings) {
  const Experiments read = ExperimentsOf(PairText("pair", "model = \"7\"", "examination = 1\n"));
  ASSERT_EQ(read.all.size(), 1u);
  EXPECT_TRUE(read.all[0].interleaves);
  EXPECT_EQ(read.all[0].examination, 1);
  EXPECT_EQ(read.all[0].Ranges()[0], read.all[0].Ranges()[1]);
  EXPECT_TRUE(read.Versions().contains("7"));
  EXPECT_FALSE(ExperimentsOf(kPrice).all[0].interleaves);
  EXPECT_THAT(Refused(PairText("p", "feed = { size = 3 }")), HasSubstr("'b' sets size"));
  EXPECT_THAT(Refused(PairText("p", "weight = 2")), HasSubstr("'b' has a weight"));
  EXPECT_THAT(Refused(PairText("p", "model = \"7\"\n[[experiment.arm]]\nname = \"c\"")), HasSubstr("there are 3"));
  EXPECT_THAT(Refused("[[experiment]]\nname = \"p\"\ndesign = \"other\"\n[[experiment.arm]]\nname = \"a\"\n"),
              HasSubstr("arms, interleaving"));
}

TEST(Experiments, TwoInterleavingsOfOneFeedExcludeEachOther) {
  const std::string one = PairText("one", "model = \"7\"", "namespace = \"n\"\nrange = [0.0, 0.5]\n");
  EXPECT_TRUE(ReadExperiments(one + PairText("two", "model = \"8\"", "namespace = \"n\"\nrange = [0.5, 1.0]\n")).ok());
  EXPECT_THAT(Refused(one + PairText("two", "model = \"8\"")), HasSubstr("both change model"));
}

}  // namespace
}  // namespace gfr
