#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "feature/test_view.h"

namespace gfr {
namespace {

using testing::AllOf;
using testing::HasSubstr;

constexpr char kCount[] = "type = \"count\"\nevents = [\"feed.click\"]\n";

TEST(FeatureSet, NamesWhatIsWrongAndWhere) {
  EXPECT_EQ(ErrorOf(kCount + std::string("scope = \"user\"\n")), "ok");
  EXPECT_THAT(ErrorOf("type = \"cuont\"\n"), AllOf(HasSubstr("gfr.toml:17"), HasSubstr("decayed_count")));
  EXPECT_THAT(ErrorOf("type = \"count\"\nscope = \"user\"\nevents = [\"feed.klick\"]\n"),
              AllOf(HasSubstr("gfr.toml:19"), HasSubstr("feed.klick"), HasSubstr("feed.click")));
  EXPECT_THAT(ErrorOf("type = \"count\"\nscope = \"user\"\nevents = []\n"), HasSubstr("at least one"));
  EXPECT_THAT(ErrorOf("type = \"count\"\nscope = \"user\"\n"), HasSubstr("events: is missing; valid is"));
  EXPECT_THAT(ErrorOf("type = \"interaction\"\nread = \"cuont\"\n"),
              AllOf(HasSubstr("read: is 'cuont'"), HasSubstr("seconds_since")));
  EXPECT_THAT(ErrorOf(kCount + std::string("scope = \"user\"\nwindow = \"7q\"\n")), HasSubstr("window"));
  EXPECT_THAT(ErrorOf(kCount + std::string("scope = \"user\"\ntiles = 7\n")), HasSubstr("valid is a window"));
}

TEST(FeatureSet, RefusesAKeyThatTheTypeDoesNotUse) {
  EXPECT_THAT(ErrorOf(kCount + std::string("scope = \"user\"\nhalf_life = \"1d\"\n")),
              AllOf(HasSubstr("gfr.toml:20"), HasSubstr("'half_life'"),
                    HasSubstr("events, in_slate, kinds, name, scope, tiles, type, weights, window")));
  EXPECT_THAT(ErrorOf(kCount + std::string("scope = \"user\"\nwidnow = \"1d\"\n")), HasSubstr("widnow"));
  EXPECT_THAT(ErrorOf("type = \"slate\"\nread = \"size\"\nscope = \"session\"\n"), HasSubstr("'scope'"));
}

TEST(FeatureSet, KnowsEveryScopeAndNamesTheValidOnes) {
  for (const std::string scope : {"user", "session", "shop", "item", "item.category", "user.city", "surface", "last",
                                  "user.city x item", "last x item", "surface x item.category"})
    EXPECT_EQ(ErrorOf(kCount + ("scope = \"" + scope + "\"\n")), "ok") << scope;
  const auto error = [](const std::string& scope) { return ErrorOf(kCount + ("scope = \"" + scope + "\"\n")); };
  EXPECT_THAT(error("item.colour"), AllOf(HasSubstr("gfr.toml:19"), HasSubstr("item.colour"),
                                          HasSubstr("item.category"), HasSubstr("user.city")));
  EXPECT_THAT(error("item.price"), AllOf(HasSubstr("is a number"), HasSubstr("valid are item.category")));
  EXPECT_THAT(error("user.city x item.price"), HasSubstr("is a number"));
  EXPECT_THAT(error("item.embedding"), HasSubstr("no entity"));
  EXPECT_THAT(error("item x item"), HasSubstr("two different"));
  EXPECT_THAT(error(""), HasSubstr("valid are user, session, shop"));
  EXPECT_THAT(ErrorOf("type = \"interaction\"\nread = \"count\"\nscope = \"item\"\nevents = [\"feed.click\"]\n"),
              HasSubstr("valid are user and session"));
  EXPECT_THAT(ErrorOf("type = \"rate\"\nparent = \"user\"\nscope = \"item\"\nevents = [\"feed.click\"]\ndenominator = "
                      "[\"feed.impression\"]\n"),
              HasSubstr("valid are shop, item"));
}

TEST(FeatureSet, RefusesPropertiesThatAreNotDeclaredWell) {
  const auto error = [](const std::string& properties) {
    auto config =
        Config::Parse(properties + "\n[[feature]]\nname = \"f\"\ntype = \"slate\"\nread = \"size\"\n", "gfr.toml");
    const auto set = FeatureSet::Make(config.value());
    return set.ok() ? std::string("ok") : set.error().ToString();
  };
  EXPECT_EQ(error("[item]\ne = \"vector:1024\"\nlanguage = \"category\"\n[user]\nlanguage = \"category\""), "ok");
  for (const std::string wrong : {"vector:0", "vector:1025", "vector", "vector:x", "vector:4x", "embedding"})
    EXPECT_THAT(error("[item]\ne = \"" + wrong + "\""), AllOf(HasSubstr("gfr.toml:2"), HasSubstr("from 1 to 1024")));
  EXPECT_THAT(error("[user]\ne = \"vector:4\""), HasSubstr("valid are category and number"));
  EXPECT_THAT(error("[item]\nprice = \"category\""), HasSubstr("the price is a number"));
  EXPECT_THAT(error("[user]\na = \"number\"\n[request]\na = \"number\""), HasSubstr("declared in [user] already"));
  EXPECT_THAT(error("[item]\na = \"number\"\n[request_item]\na = \"number\""), HasSubstr("declared in [item] already"));
  EXPECT_THAT(error("[request_item]\nprice = \"number\""), HasSubstr("declared in [item] already"));
  EXPECT_THAT(error("[request]\na = \"number\"\n[request_item]\na = \"number\""), HasSubstr("already"));
}

TEST(FeatureSet, KeepsOneStateForReadingsOfTheSame) {
  const auto interaction = [](const std::string& name, const std::string& read, const std::string& event) {
    return "[[feature]]\nname = \"" + name + "\"\ntype = \"interaction\"\nread = \"" + read +
           "\"\nscope = \"user\"\nevents = [\"" + event + "\"]\n";
  };
  const auto set =
      MakeSet(interaction("a", "count", "item.view") + interaction("b", "steps_since", "item.view") +
              interaction("c", "count", "feed.click") + interaction("d", "seen_without_click", "item.view"))
          .value();
  const auto& f = set->features;
  EXPECT_FALSE(f[0].shares_state);
  EXPECT_TRUE(f[1].shares_state);
  EXPECT_EQ(f[1].offset, f[0].offset);
  EXPECT_FALSE(f[2].shares_state);
  EXPECT_FALSE(f[3].shares_state) << "it folds clicks too";
  EXPECT_EQ(set->user_row_bytes, 3 * f[0].view->spec().state_bytes);
  EXPECT_NE(f[0].view->spec().fingerprint, f[1].view->spec().fingerprint);
}

TEST(FeatureSet, FingerprintIsOfTheMeaningNotOfTheName) {
  const auto of = [](const std::string& name, const std::string& window) {
    return MakeSet("[[feature]]\nname = \"" + name +
                   "\"\ntype = \"count\"\nscope = \"user\"\nevents = [\"feed.click\"]\nwindow = \"" + window + "\"\n")
        .value()
        ->fingerprint;
  };
  EXPECT_EQ(of("a", "7d"), of("b", "7d"));
  EXPECT_NE(of("a", "7d"), of("a", "14d"));
}

TEST(EventFilter, KeepsTheKindsOfTypesThatHaveThemAndAllOfOthers) {
  const auto set = MakeSet(
      "[[feature]]\nname = \"f\"\ntype = \"count\"\nscope = \"user\"\nevents = [\"feed.click\", \"item.view\"]\n"
      "kinds = [\"image\"]\n[[feature]]\nname = \"g\"\ntype = \"count\"\nscope = \"user\"\nevents = [\"item.view\"]\n"
      "kinds = [\"image\"]\n");
  ASSERT_TRUE(set.ok()) << set.error().ToString();
  const EventFilter& both = set.value()->features[0].config->events;
  EXPECT_TRUE(both.Counts({.type = EventType::kFeedClick}));
  EXPECT_TRUE(both.Counts({.type = EventType::kItemView, .kind = KeyOf("image")}));
  EXPECT_FALSE(both.Counts({.type = EventType::kItemView, .kind = KeyOf("info")}));
  EXPECT_FALSE(both.Counts({.type = EventType::kItemView}));
  EXPECT_FALSE(both.Counts({.type = EventType::kSearch, .kind = KeyOf("image")}));
  // Such a mixture counts more than it once did, and says so in its fingerprint; views alone do not.
  EXPECT_THAT(set.value()->features[0].view->spec().canonical, HasSubstr("and all without"));
  EXPECT_THAT(set.value()->features[1].view->spec().canonical, Not(HasSubstr("and all without")));
}

}  // namespace
}  // namespace gfr
