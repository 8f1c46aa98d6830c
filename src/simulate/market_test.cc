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

TEST(Market, LatentTastesMoveClicksAndNothingThatAPropertyTells) {
  const MarketConfig plain{.users = 60, .items = 80, .days = 4, .seed = 3};
  MarketConfig latent = plain;
  latent.latent_factors = 6;
  const auto catalogue = [](const MarketConfig& config) {
    std::string out;
    for (Event e : RunMarket(config)) {
      e.id.clear();
      if (e.type == EventType::kItemUpdate && e.time_ms == config.start_ms) EncodeEvent(e, &out);
    }
    return out;
  };
  EXPECT_EQ(catalogue(plain), catalogue(latent));
  // What the oracle says of users and items differs from the plain market's by a user's own liking, which is 0 on
  // average: of logits, with the deviation that the tastes have.
  const Market without(plain), with(latent);
  double sum = 0, squares = 0;
  const auto logit = [](double p) { return std::log(p / (1 - p)); };
  for (int user = 0; user < plain.users; ++user) {
    for (int i = 0; i < plain.items; ++i) {
      const std::string id = "i" + std::to_string(100000 + i);
      const double apart = logit(with.TrueClickProbability(user, id, 0, plain.start_ms)) -
                           logit(without.TrueClickProbability(user, id, 0, plain.start_ms));
      sum += apart;
      squares += apart * apart;
    }
  }
  const double pairs = plain.users * plain.items;
  EXPECT_NEAR(sum / pairs, 0, 0.15);
  EXPECT_NEAR(std::sqrt(squares / pairs), 1.2, 0.2);
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

// Whether a sum of independent draws is one that its expectation gives: within 4 standard deviations.
void ExpectNear(double sum, double expected, double variance, const char* what) {
  EXPECT_NEAR(sum, expected, 4 * std::sqrt(variance)) << what;
}

TEST(MarketOracle, IsTheMeanOfManyDrawsOfRandomSlates) {
  Market market({.users = 40, .items = 80, .days = 3, .seed = 11});
  Rng rng(3);
  double clicks = 0, carts = 0, purchases = 0, revenue = 0, largest = 0;
  SlateExpectation expected;
  for (int n = 0; n < 20'000; ++n) {
    const Visit visit = market.Arrive(market.end_ms());
    std::vector<std::string> slate{"not known"};
    for (std::uint64_t k = rng.Below(12); k > 0; --k) slate.push_back("i" + std::to_string(100000 + rng.Below(80)));
    const SlateExpectation one = market.Expect(visit.user, slate, market.end_ms());
    expected.clicks += one.clicks;
    expected.carts += one.carts;
    expected.purchases_at_once += one.purchases_at_once;
    expected.revenue_at_once += one.revenue_at_once;
    for (const Event& e : market.React(visit, "r", slate, market.end_ms())) {
      clicks += e.type == EventType::kFeedClick;
      carts += e.type == EventType::kCartAdd;
      if (e.type != EventType::kPurchase) continue;
      ++purchases;
      revenue += e.value;
      largest = std::max(largest, e.value);
    }
  }
  ExpectNear(clicks, expected.clicks, expected.clicks, "clicks");
  ExpectNear(carts, expected.carts, expected.carts, "carts");
  ExpectNear(purchases, expected.purchases_at_once, expected.purchases_at_once, "purchases");
  ExpectNear(revenue, expected.revenue_at_once, expected.revenue_at_once * largest, "revenue");
  EXPECT_GT(purchases, 300);
}

TEST(MarketOracle, SaysWhatRunMakesAtThePricesOfItsTime) {
  const MarketConfig config{.users = 400, .items = 150, .days = 50, .seed = 2, .drift = true};
  Market market(config);
  std::vector<Event> slates;
  std::map<std::string, double> paid, returned;  // By request.
  double purchases = 0, largest = 0;
  const std::int64_t last_ms = config.start_ms + 20 * 86'400'000ll;  // All that came of them is in the run.
  ASSERT_TRUE(market
                  .Run([&](Event&& e) -> Status {
                    if (e.type == EventType::kFeedRequest && e.time_ms < last_ms) slates.push_back(e);
                    if (e.type == EventType::kPurchase)
                      paid[e.request_id] += e.value, largest = std::max(largest, e.value);
                    if (e.type == EventType::kPurchaseReturn) returned[e.request_id] += e.value;
                    return {};
                  })
                  .ok());
  double revenue = 0, back = 0;
  SlateExpectation expected;
  for (const Event& e : slates) {
    std::vector<std::string> slate;
    for (const EventItem& item : e.items) {
      if (item.index >= 0) slate.push_back(item.item_id);
    }
    const SlateExpectation one = market.Expect(market.FindUser(e.user_id), slate, e.time_ms);
    expected.purchases += one.purchases;
    expected.revenue += one.revenue;
    expected.returned_revenue += one.returned_revenue;
    purchases += paid.contains(e.request_id);
    revenue += paid[e.request_id];
    back += returned[e.request_id];
  }
  EXPECT_GT(expected.purchases, 200);
  // Few slates have two purchases, so that their count is a little below the expectation.
  EXPECT_LT(purchases, expected.purchases + 4 * std::sqrt(expected.purchases));
  ExpectNear(revenue, expected.revenue, expected.revenue * largest, "revenue");
  ExpectNear(back, expected.returned_revenue, expected.returned_revenue * largest, "returned");
}

TEST(MarketOracle, HoldsForEverySlate) {
  Market market({.users = 30, .items = 60, .days = 3, .seed = 4});
  Rng rng(9);
  for (int n = 0; n < 500; ++n) {
    const int user = static_cast<int>(rng.Below(30));
    std::vector<std::string> slate;
    for (int k = 0; k < 10; ++k) slate.push_back("i" + std::to_string(100000 + rng.Below(60)));
    const SlateExpectation all = market.Expect(user, slate, market.end_ms());
    double clicks = 0;
    for (int p = 0; p < 10; ++p) clicks += market.TrueClickProbability(user, slate[p], p, market.end_ms());
    EXPECT_DOUBLE_EQ(all.clicks, clicks);
    EXPECT_LT(all.carts, all.clicks);
    EXPECT_LT(all.purchases, all.carts);
    EXPECT_LT(all.purchases_at_once, all.purchases);
    EXPECT_LT(all.returned_revenue, all.revenue);
    // Each item more brings more, and the same item above brings more than below.
    const SlateExpectation fewer = market.Expect(user, std::span(slate).first(9), market.end_ms());
    EXPECT_GT(all.clicks, fewer.clicks);
    EXPECT_GT(all.revenue, fewer.revenue);
  }
  EXPECT_EQ(market.Expect(0, {}, market.end_ms()).clicks, 0);
}

TEST(Market, FindsItsIdsAndNoOthers) {
  const Market market({.users = 5, .items = 20, .days = 2});
  EXPECT_EQ(market.FindUser("u100004"), 4);
  EXPECT_EQ(market.FindItem("i100019"), 19);
  for (const char* id : {"u100005", "u99999", "i100004", "u", "", "u100004x", "u-1"})
    EXPECT_EQ(market.FindUser(id), -1) << id;
}

}  // namespace
}  // namespace gfr
