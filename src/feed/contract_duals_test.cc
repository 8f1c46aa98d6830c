#include "feed/contract_duals.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>

#include "feed/contract_counts.h"
#include "feed/slate_outcome.h"
#include "feed/test_contract_controllers.h"

namespace gfr {
namespace {

TEST(ContractDuals, KeepContractsThroughBurstsAndOutagesNearTheCostThatTheClairvoyantPays) {
  int kept = 0, contracts = 0, by_pid = 0, by_nobody = 0;
  double cost = 0, least = 0, pid_cost = 0;
  for (const std::uint64_t seed : {1, 2, 3}) {
    const SimulatedContracts of{.seed = seed};
    const ContractMarket market(of);
    const auto free = RunUnpriced(market), ours = RunDuals(market, of), pid = RunPid(market, of);
    const double bound = market.ClairvoyantBound(40);
    kept += ours.kept;
    contracts += ours.contracts;
    by_pid += pid.kept;
    by_nobody += free.kept;
    cost += free.value - ours.value;
    pid_cost += free.value - pid.value;
    least += free.value - bound;
  }
  std::printf("kept of %d: duals %d, PID %d, nobody %d; cost over the clairvoyant's: duals %.3f, PID %.3f\n", contracts,
              kept, by_pid, by_nobody, cost / least, pid_cost / least);
  EXPECT_GE(kept, 0.95 * contracts);
  EXPECT_LT(by_nobody, 0.3 * contracts) << "the contracts ask for something";
  EXPECT_LT(cost, 1.03 * least) << "steps that follow single views cost more";
}

TEST(ContractDuals, AnOutageMovesNoPriceAndAViewBeyondWhatIsOwedCostsNothing) {
  ContractDuals duals({{.id = "home/new", .kind = FeedContract::Kind::kEachItem, .views = 10, .within_ms = kDayMs}});
  const auto price = [&] { return duals.Prices().Find("home", "new", "")->by_item.at(7); };
  std::int64_t now_ms = 1000 * kDayMs;
  const auto minutes = [&](int count, bool views) {
    for (int m = 0; m < count; ++m, now_ms += kMinuteMs) {
      duals.Served("", now_ms, 2);
      duals.Eligible(0, "", 7, now_ms);
      for (int v = 0; v < 5; ++v) duals.Viewed("", 100 + v, {}, now_ms);
      if (views) duals.Viewed("", 7, {0}, now_ms);
    }
    duals.Advance(now_ms);
  };
  minutes(60, false);
  const double before = price();
  EXPECT_GT(before, 0);
  now_ms += 5 * kHourMs;
  duals.Advance(now_ms);
  EXPECT_EQ(price(), before);
  minutes(30, true);
  EXPECT_EQ(price(), 0);
  EXPECT_EQ(duals.KeptOf(0).kept, 1u);
  minutes(10, false);
  EXPECT_EQ(price(), 0) << "its time does not begin again";
  EXPECT_EQ(duals.KeptOf(0).kept, 1u);
}

TEST(ContractDuals, EachArmHasPricesOfItsOwnAndOwesItsPartOfTheViews) {
  ContractDuals duals({{.id = "home/new", .kind = FeedContract::Kind::kEachItem, .views = 100, .within_ms = kDayMs},
                       {.id = "home/acme", .kind = FeedContract::Kind::kShare, .share = 0.1}});
  std::int64_t now_ms = 1000 * kDayMs;
  for (int m = 0; m < 120; ++m, now_ms += kMinuteMs) {
    for (int r = 0; r < 9; ++r) {
      const std::string arm = r == 0 ? "test=b" : "test=a";
      duals.Served(arm, now_ms, 1);
      duals.Eligible(0, arm, 7, now_ms);
      duals.Viewed(arm, 20, {}, now_ms);
      if (r == 0) duals.Viewed(arm, 21, {1}, now_ms);  // Half of the small arm's views.
    }
  }
  duals.Advance(now_ms);
  const ContractPrices prices = duals.Prices();
  EXPECT_GT(prices.Find("home", "acme", "test=b")->price, 0.5);
  EXPECT_EQ(prices.Find("home", "acme", "test=a")->price, 0);
  EXPECT_GT(prices.Find("home", "new", "test=a")->by_item.at(7), 0);
  EXPECT_EQ(prices.Find("home", "acme", "test=c"), nullptr);
}

TEST(ContractDuals, ExplorationAboveItsShareIsDrawnLessUntilItIsWithin) {
  ContractDuals duals({{.id = "home/explored", .kind = FeedContract::Kind::kExplored, .share = 0.03}});
  std::int64_t now_ms = 1000 * kDayMs;
  Rng rng(3);
  double late = 0, late_views = 0;
  for (int m = 0; m < 600; ++m, now_ms += kMinuteMs) {
    const auto* of = duals.Prices().Find("home", "explored", "");
    const double rate = 1 - (of == nullptr ? 0 : of->price);
    for (int r = 0; r < 5; ++r) {
      duals.Served("", now_ms, 1);
      for (int p = 0; p < 12; ++p) {
        const bool explored = p % 6 == 5 && rng.Chance(rate);
        duals.Viewed("", 50, explored ? std::vector<std::uint32_t>{0} : std::vector<std::uint32_t>(), now_ms);
        if (m < 120) continue;
        late += explored;
        ++late_views;
      }
    }
  }
  EXPECT_LT(late / late_views, 0.033);
  EXPECT_GT(late / late_views, 0.015) << "it is not given up";
}

// A slate of the feed "home" with the items 0 to n - 1 shown, the first `owed` of them under the contract "new".
LogRecord SlateUnderContract(std::uint64_t offset, std::int64_t now_ms, std::uint32_t items, std::uint32_t owed) {
  LogRecord r{.offset = offset, .arrival_ms = now_ms, .event = {.type = EventType::kFeedRequest}};
  r.event.user_id = "u";
  r.event.request_id = "r" + std::to_string(offset);
  for (std::uint32_t i = 0; i < items; ++i)
    r.event.items.push_back({.item_id = "i" + std::to_string(i), .index = static_cast<std::int32_t>(i)});
  r.event.served.positions = {{0, 1}};
  r.event.served.feed = "home";
  r.event.served.scored = AllItems(items);
  r.event.served.value.assign(items, 2.0f);
  SlateOutcome outcome;
  outcome.value = outcome.bound = 1;
  outcome.parts = {{.name = "contract new", .items = AllItems(owed)}};
  WriteOutcome(outcome, &r.event.served);
  return r;
}

LogRecord SeenOf(const LogRecord& slate, std::uint64_t offset, std::int64_t now_ms, std::vector<std::string> items) {
  LogRecord r{.offset = offset, .arrival_ms = now_ms, .event = {.type = EventType::kFeedImpression}};
  r.event.user_id = slate.event.user_id;
  r.event.request_id = slate.event.request_id;
  for (std::string& id : items) r.event.items.push_back({.item_id = std::move(id)});
  return r;
}

TEST(ContractCounts, AViewIsAnImpressionOnceARequestAndItemOfWhatItsSlateShowed) {
  const std::vector<ContractTarget> targets{
      {.id = "home/new", .kind = FeedContract::Kind::kEachItem, .views = 100, .within_ms = kDayMs}};
  ContractCounts counts(targets);
  const std::int64_t now_ms = 1000 * kDayMs;
  const LogRecord slate = SlateUnderContract(0, now_ms, 5, 2);
  counts.Fold(slate);
  counts.Fold(SeenOf(slate, 1, now_ms + 1, {"i0", "i3", "elsewhere"}));
  counts.Fold(SeenOf(slate, 2, now_ms + 2, {"i0", "i1"}));
  EXPECT_EQ(counts.duals().KeptOf(0).views, 2) << "i0 counts once";
  counts.Fold(SeenOf(SlateUnderContract(9, now_ms, 5, 2), 3, now_ms + 3, {"i0"}));
  EXPECT_EQ(counts.duals().KeptOf(0).views, 2) << "nobody asked for that slate";
  LogRecord held = SlateUnderContract(4, now_ms + 4, 5, 2);
  held.event.served.experiments = {{.experiment = "holdout", .variant = "in"}};
  counts.Fold(held);
  counts.Fold(SeenOf(held, 5, now_ms + 5, {"i0"}));
  EXPECT_EQ(counts.duals().KeptOf(0).views, 2) << "the holdout is no traffic";
}

TEST(ContractCounts, ThatWereSavedAndReadGoOnAsIfTheyHadNeverStopped) {
  const std::vector<ContractTarget> targets{
      {.id = "home/new", .kind = FeedContract::Kind::kEachItem, .views = 100, .within_ms = kDayMs},
      {.id = "home/acme", .kind = FeedContract::Kind::kShare, .share = 0.1}};
  ContractCounts whole(targets), halves(targets);
  std::int64_t now_ms = 1000 * kDayMs + 5;
  for (std::uint64_t offset = 0; offset < 4000; now_ms += 20 * kSecondMs) {
    const LogRecord slate = SlateUnderContract(offset++, now_ms, 6, 2);
    const LogRecord seen = SeenOf(slate, offset++, now_ms + kMinuteMs, {"i0", "i2", "i" + std::to_string(offset % 6)});
    for (const LogRecord& r : {slate, seen}) {
      whole.Fold(r);
      halves.Fold(r);
    }
    if (offset != 2000) continue;
    auto read = ContractCounts::Decode(halves.Encode(), targets);
    ASSERT_TRUE(read.ok()) << read.error().message;
    halves = std::move(read).value();
  }
  EXPECT_EQ(whole.Encode(), halves.Encode());
  EXPECT_GT(whole.duals().KeptOf(0).views, 0);
  const auto other = ContractCounts::Decode(whole.Encode(), {targets[0]});
  ASSERT_TRUE(other.ok()) << "a contract that is gone is left out";
  EXPECT_EQ(other.value().duals().KeptOf(0).views, whole.duals().KeptOf(0).views);
  const std::string bytes = whole.Encode();
  for (std::size_t n = 0; n < bytes.size(); n += 7)
    EXPECT_FALSE(ContractCounts::Decode(std::string_view(bytes).substr(0, n), targets).ok()) << n;
}

}  // namespace
}  // namespace gfr
