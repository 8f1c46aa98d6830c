#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "feature/test_view.h"

namespace gfr {
namespace {

TEST(Interaction, RemembersTheItemsTouchedLast) {
  Rng rng(4);
  for (const std::string read : {"count", "seconds_since", "steps_since", "distinct"}) {
    TestView h("type = \"interaction\"\nread = \"" + read +
               "\"\nscope = \"user\"\nevents = [\"feed.click\", \"item.view\"]\ncapacity = 3\n");
    struct Touch {
      Key item;
      int count;
      std::int64_t time_ms, step;
    };
    std::vector<Touch> touches;  // Newest first.
    std::int64_t steps = 0, now = 0;
    for (const Line& line : RandomLines(rng, 300)) {
      h.Fold(line);
      now = std::max(now, line.time_ms);
      steps += line.step;
      if (line.type != EventType::kFeedImpression) {
        Touch touch{line.item, 1, line.time_ms, steps};
        const auto old = std::ranges::find(touches, line.item, &Touch::item);
        if (old != touches.end()) {
          touch.count += old->count;
          touch.time_ms = std::max(touch.time_ms, old->time_ms);
          touches.erase(old);
        }
        touches.insert(touches.begin(), touch);
        if (touches.size() > 3) touches.pop_back();
      }
      const std::vector<float> values = h.Read(now);
      for (Key item = 1; item <= 6; ++item) {
        const auto t = std::ranges::find(touches, item, &Touch::item);
        float expected = read == "distinct" ? static_cast<float>(touches.size()) : read == "count" ? 0.0f : kMissing;
        if (t != touches.end() && read == "count") expected = static_cast<float>(t->count);
        if (t != touches.end() && read == "seconds_since")
          expected = static_cast<float>(static_cast<double>(now - t->time_ms) / 1000.0);
        if (t != touches.end() && read == "steps_since") expected = static_cast<float>(steps - t->step);
        ASSERT_TRUE(Same(values[item - 1], expected)) << read << " " << values[item - 1] << " " << expected;
      }
    }
  }
}

TEST(Interaction, SeenWithoutClickIsImpressionsLessClicks) {
  Rng rng(41);
  TestView h(
      "type = \"interaction\"\nread = \"seen_without_click\"\nscope = \"user\"\nevents = [\"feed.impression\"]\n");
  int expected[7] = {};
  for (const Line& line : RandomLines(rng, 300)) {
    h.Fold(line);
    if (line.type == EventType::kFeedImpression) ++expected[line.item];
    if (line.type == EventType::kFeedClick && expected[line.item] > 0) --expected[line.item];
    const std::vector<float> values = h.Read(line.time_ms);
    for (Key item = 1; item <= 6; ++item) ASSERT_EQ(values[item - 1], static_cast<float>(expected[item]));
  }
}

TEST(Interaction, OfJoinedHistoriesIsThatOfTheWhole) {
  for (const std::string read : {"count", "seconds_since", "distinct"}) {
    for (const bool in_turn : {false, true})
      ExpectJoinedHistoriesReadLikeTheWhole("type = \"interaction\"\nread = \"" + read +
                                                "\"\nscope = \"user\"\nevents = [\"feed.click\", \"item.view\"]\n",
                                            0, in_turn, 42);
  }
  ExpectJoinedHistoriesReadLikeTheWhole(
      "type = \"interaction\"\nread = \"steps_since\"\nscope = \"user\"\nevents = [\"item.view\"]\n", 0, true, 43);
}

TEST(Interaction, OfJoinedHistoriesThatAreTooManyKeepsTheLatest) {
  const TestView h(
      "type = \"interaction\"\nread = \"count\"\nscope = \"user\"\nevents = [\"item.view\"]\ncapacity = 2\n");
  auto a = h.NewState(), b = h.NewState();
  h.Fold({EventType::kItemView, 1, 1000}, &a);
  h.Fold({EventType::kItemView, 2, 3000}, &a);
  h.Fold({EventType::kItemView, 3, 2000}, &b);
  h.Fold({EventType::kItemView, 4, 4000}, &b);
  const std::vector<float> values = h.ReadState(h.Merged(a, b), 5000);
  EXPECT_THAT(values, testing::ElementsAre(0, 1, 0, 1, 0, 0));
}

TEST(Interaction, StepsOfJoinedHistoriesThatRanSideBySideAreAtMostTheTrueOnes) {
  Rng rng(44);
  const std::string feature =
      "type = \"interaction\"\nread = \"steps_since\"\nscope = \"user\"\nevents = [\"item.view\"]\n";
  for (int round = 0; round < 50; ++round) {
    const TestView h(feature);
    auto whole = h.NewState(), a = whole, b = whole;
    const std::vector<Line> lines = OrderedLines(rng, 40);
    for (const Line& line : lines) {
      h.Fold(line, &whole);
      h.Fold(line, rng.Chance(0.5) ? &a : &b);
    }
    const auto joined = h.ReadState(h.Merged(a, b), lines.back().time_ms),
               truth = h.ReadState(whole, lines.back().time_ms);
    for (std::size_t i = 0; i < 6; ++i) {
      ASSERT_EQ(std::isnan(joined[i]), std::isnan(truth[i]));
      if (!std::isnan(truth[i])) {
        ASSERT_LE(joined[i], truth[i]);
      }
    }
  }
}

}  // namespace
}  // namespace gfr
