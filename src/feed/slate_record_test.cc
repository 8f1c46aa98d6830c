#include "feed/slate_record.h"

#include <gtest/gtest.h>

#include <cmath>

namespace gfr {
namespace {

// Six candidates: e and c were shown, at the second of which one of d, e, f was drawn.
Event FullRecord() {
  Event e{.id = "r", .type = EventType::kFeedRequest, .request_id = "r"};
  for (const char* id : {"a", "b", "c", "d", "e", "f"}) e.items.push_back({.item_id = id});
  e.items[2].index = 0;
  e.items[4].index = 1;
  e.served.positions = {{0, 3}};
  SetColumns({1, 2}, {0, 10, 1, 11, 2, 12, 3, 13, 4, 14, 5, 15}, 6, AllItems(6), &e.served);
  e.served.models = {{"feed/1", ModelRole::kChampion}};
  e.served.scored = AllItems(6);
  e.served.scores = {{0, "pctr", {0, 1, 2, 3, 4, 5}, {}}};
  e.served.value = {0, 1, 2, 3, 4, 5};
  e.served.propensity = {1, 1, 1, 1, 0.25f, 1};
  e.served.draws = {{.position = 1, .pool = {3, 4, 5}, .probability = {}}};
  return e;
}

TEST(SlateRecord, APrunedOneKeepsFeaturesOfWhatWasShownAndScoresOfEveryPoolToo) {
  Event e = FullRecord();
  const Event full = e;
  Prune(&e);
  EXPECT_EQ(e.items.size(), 6u);
  EXPECT_EQ(e.served.kept, (std::vector<std::uint32_t>{2, 4}));
  EXPECT_EQ(e.served.columns[0].values, (std::vector<float>{2, 4}));
  EXPECT_EQ(e.served.columns[1].values, (std::vector<float>{12, 14}));
  EXPECT_EQ(e.served.columns[1].crc, full.served.columns[1].crc) << "of all six";
  EXPECT_EQ(e.served.scored, (std::vector<std::uint32_t>{2, 3, 4, 5}));
  EXPECT_EQ(e.served.scores[0].values[5], 5);
  EXPECT_TRUE(std::isnan(e.served.scores[0].values[1]));
  EXPECT_TRUE(std::isnan(e.served.value[0]));
  EXPECT_EQ(e.served.propensity, full.served.propensity);
  EXPECT_EQ(e.served.draws, full.served.draws);
  Event again = e;
  Prune(&again);
  EXPECT_EQ(again.served.scored, e.served.scored);
  EXPECT_EQ(again.served.columns[0].values, e.served.columns[0].values);
}

TEST(SlateRecord, AShareOfTheRequestsKeepsItsRecordWholeAndTheSameOnesEachTime) {
  int full = 0;
  for (int r = 0; r < 20'000; ++r) {
    const std::string id = "r" + std::to_string(r);
    full += KeepsFullRecord(id, 0.1);
    EXPECT_FALSE(KeepsFullRecord(id, 0));
    EXPECT_TRUE(KeepsFullRecord(id, 1));
    EXPECT_LE(KeepsFullRecord(id, 0.1), KeepsFullRecord(id, 0.2)) << "a larger share holds the smaller one";
  }
  EXPECT_NEAR(full, 2000, 150);
}

}  // namespace
}  // namespace gfr
