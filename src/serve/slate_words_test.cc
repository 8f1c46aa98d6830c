#include "serve/slate_words.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gfr {
namespace {

TEST(SlateWords, SayWhereAnItemCameFromWhatItIsWorthAndWhatThePolicyDid) {
  Event e{.type = EventType::kFeedRequest};
  for (const char* id : {"a", "b", "c", "d"}) e.items.push_back({.item_id = id, .channel = "popularity"});
  e.items[0].index = 2;
  e.items[1].index = 0;
  e.items[2].index = 1;
  e.items[2].channel = "explore";
  e.served.scored = AllItems(4);
  e.served.scores = {{0, "pctr", {0.5f, 0.25f, 0.125f, 0.75f}, {}}};
  e.served.value = {0.5f, 0.25f, 0.125f, 0.75f};
  e.served.propensity = {1, 1, 0.2f, 1};
  e.served.draws = {{.position = 1, .pool = {1, 2}, .probability = {0.8f, 0.2f}}};
  SlateOutcome outcome;
  outcome.value = outcome.bound = 1;
  outcome.parts = {{.name = "boost spring", .items = {0, 1}, .times = 2, .plus = 0},
                   {.name = "pin home", .items = {1}},
                   {.name = "contract new_items", .items = {1, 2}},
                   {.name = "contract acme", .items = {2}, .times = 1, .plus = -0.5}};
  e.served.duals = {{"acme", 0.5}, {"new_items/b", 0.125}};
  outcome.left_out = {{"bought", 1, {3}, {}}};
  EXPECT_THAT(WhyOf(e, outcome, 0),
              testing::ElementsAre("it was found by popularity", "the model expects pctr of 0.5",
                                   "its ranking value is 0.5", "spring boosts it: value x 2 + 0",
                                   "by value it would be number 1 of this page; caps, floors, pins and draws put it at "
                                   "number 3"));
  EXPECT_THAT(WhyOf(e, outcome, 0, "trending"), testing::Contains("it was found by popularity, source trending"));
  EXPECT_THAT(WhyOf(e, outcome, 1), testing::Contains("home pins it to its position"));
  EXPECT_THAT(WhyOf(e, outcome, 1), testing::Contains("the contract new_items adds 0.125 to its value"));
  EXPECT_THAT(WhyOf(e, outcome, 2), testing::Contains("the contract acme takes 0.5 off its value"));
  EXPECT_THAT(WhyOf(e, outcome, 2), testing::Contains("it was drawn of 2, with probability 0.2"));
  EXPECT_THAT(WhyOf(e, outcome, 3), testing::Contains("the rule bought leaves it out"));
}

}  // namespace
}  // namespace gfr
