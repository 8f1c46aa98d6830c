#include "operations/slate_oracle.h"

#include <gtest/gtest.h>

namespace gfr {
namespace {

TEST(SlateOracle, AnswersAsTheMarketThatRan) {
  const MarketConfig config{.users = 20, .items = 30, .days = 5};
  Market market(config);
  ASSERT_TRUE(market.Run([](Event&&) -> Status { return {}; }).ok());
  const auto oracle = SlateOracle::Make(config);
  ASSERT_TRUE(oracle.ok());
  const auto answer = oracle.value().Answer(
      R"({"user_id": "u100003", "time": "2026-01-04T12:00:00Z", "items": ["i100001", "x", "i100002"]})");
  ASSERT_TRUE(answer.ok()) << answer.error().ToString();
  const std::vector<std::string> slate{"i100001", "i100002"};
  const auto expected = market.Expect(3, slate, config.start_ms + 84 * 3'600'000ll);
  EXPECT_EQ(answer.value()["clicks"], expected.clicks);
  EXPECT_EQ(answer.value()["net_revenue"], expected.revenue - expected.returned_revenue);
  EXPECT_EQ(answer.value()["unknown_items"], 1);
  EXPECT_GT(expected.revenue, 0);
}

TEST(SlateOracle, SaysWhatIsWrongWithALine) {
  const auto oracle = SlateOracle::Make({.users = 3, .items = 20, .days = 1});
  for (const char* line :
       {"", "[]", R"({"user_id": 3})", R"({"user_id": "u1", "time": 0, "items": []})",
        R"({"user_id": "u100000", "items": []})", R"({"user_id": "u100000", "time": "x", "items": []})",
        R"({"user_id": "u100000", "time": 1.5, "items": []})", R"({"user_id": "u100000", "time": 1})",
        R"({"user_id": "u100000", "time": 1, "items": [4]})"}) {
    const auto answer = oracle.value().Answer(line);
    ASSERT_FALSE(answer.ok()) << line;
    EXPECT_EQ(answer.error().code, ErrorCode::kInvalidArgument);
  }
}

}  // namespace
}  // namespace gfr
