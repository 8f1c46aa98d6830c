#include "simulate/market.h"

#include <gtest/gtest.h>

#include <map>

#include "event/event_codec.h"

namespace gfr {
namespace {

std::vector<Event> RunMarket(const MarketConfig& config) {
  std::vector<Event> events;
  EXPECT_TRUE(Market(config)
                  .Run([&](Event&& e) -> Status {
                    events.push_back(std::move(e));
                    return {};
                  })
                  .ok());
  return events;
}

TEST(Market, GivesTheSameEventsForTheSameSeed) {
  const auto bytes = [](std::uint64_t seed) {
    std::string out;
    for (const Event& e : RunMarket({.users = 50, .items = 60, .days = 5, .seed = seed})) EncodeEvent(e, &out);
    return out;
  };
  EXPECT_EQ(bytes(1), bytes(1));
  EXPECT_NE(bytes(1), bytes(2));
}

TEST(Market, HasEveryKindOfEventAndAnIdOnlyOnce) {
  std::map<EventType, int> counts;
  std::map<std::string, int> ids;
  for (const Event& e : RunMarket({.users = 400, .items = 200, .days = 20})) {
    ++counts[e.type];
    EXPECT_EQ(++ids[e.id], 1);
  }
  for (const EventType type : {EventType::kItemUpdate, EventType::kAppOpen, EventType::kFeedRequest,
                               EventType::kFeedImpression, EventType::kFeedClick, EventType::kItemView,
                               EventType::kCartAdd, EventType::kPurchase, EventType::kPurchaseReturn}) {
    EXPECT_GT(counts[type], 0) << EventTypeName(type);
  }
  EXPECT_EQ(counts[EventType::kFeedRequest], counts[EventType::kFeedImpression]);
}

TEST(Market, ClicksAsOftenAsItsTruthSays) {
  // Users of a server who are shown the same slate again and again.
  Market market({.users = 300, .items = 100, .days = 10, .seed = 5});
  std::vector<std::string> slate;
  for (int i = 0; i < 10; ++i) slate.push_back("i" + std::to_string(100000 + i * 7));
  double expected = 0, clicks = 0;
  for (int n = 0; n < 4000; ++n) {
    const Visit visit = market.Arrive(market.end_ms());
    for (std::size_t p = 0; p < slate.size(); ++p)
      expected += market.TrueClickProbability(visit.user, slate[p], static_cast<int>(p), market.end_ms());
    for (const Event& e : market.React(visit, "r", slate, market.end_ms())) clicks += e.type == EventType::kFeedClick;
  }
  EXPECT_NEAR(clicks, expected, 4 * std::sqrt(expected));
}

TEST(Market, DriftMovesTheClickRate) {
  const auto ctr = [](bool drift) {
    const MarketConfig config{.users = 500, .items = 200, .days = 20, .drift = drift};
    double shown = 0, clicked = 0;
    for (const Event& e : RunMarket(config)) {
      if (e.time_ms < config.start_ms + 15LL * 86400 * 1000) continue;
      if (e.type == EventType::kFeedImpression) shown += static_cast<double>(e.items.size());
      if (e.type == EventType::kFeedClick) ++clicked;
    }
    return clicked / shown;
  };
  EXPECT_GT(std::fabs(ctr(true) - ctr(false)), 0.01 * ctr(false));
}

}  // namespace
}  // namespace gfr
