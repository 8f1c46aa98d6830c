#include "train/part.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gfr {
namespace {

TEST(Select, PutsTheRowsOfARequestTogetherToRank) {
  ObjectiveRows all;
  for (const Key request : {7, 3, 7, 5, 3, 7}) {
    all.request.push_back(request);
    all.features.push_back(static_cast<float>(all.size()));
    all.offset.push_back(all.size());
    all.user.push_back(request + 100);
    all.arrival_ms.push_back(static_cast<std::int64_t>(1000 * all.size()));
    all.position.push_back(static_cast<std::int32_t>(all.size()));
    all.label.push_back(all.size() == 2);
  }
  const Model model{.columns = {"f"}, .categorical = {0}, .categories = {{}}};
  const Part part = Select(all, Loss::kRankNdcg, model, INT64_MIN, INT64_MAX, {.half_life_ms = 1000});
  EXPECT_THAT(part.requests, testing::ElementsAre(7, 7, 7, 3, 3, 5));
  EXPECT_THAT(part.users, testing::ElementsAre(107, 107, 107, 103, 103, 105));
  EXPECT_THAT(part.indices, testing::ElementsAre(0, 2, 5, 1, 4, 3));
  EXPECT_THAT(part.positions, testing::ElementsAre(0, 2, 5, 1, 4, 3));
  EXPECT_THAT(part.labels, testing::ElementsAre(0, 1, 0, 0, 0, 0));
  EXPECT_THAT(part.weights, testing::ElementsAre(0.03125f, 0.125f, 1, 0.0625f, 0.5f, 0.25f));
  const TrainMatrix m = part.matrix();
  EXPECT_THAT(m.rows->Next().value(), testing::ElementsAre(0, 2, 5, 1, 4, 3));
  EXPECT_THAT(m.requests->GroupOfRows(), testing::ElementsAre(0, 0, 0, 1, 1, 2));
}

}  // namespace
}  // namespace gfr
