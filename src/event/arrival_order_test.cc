#include "event/arrival_order.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "event/shown_pairs.h"

namespace gfr {
namespace {

struct Given {
  EventType type;
  Key request;
  std::int64_t time_ms;
};

// Indexes of the events given, in order of arrival; and each one's arrival.
std::vector<std::pair<std::size_t, std::int64_t>> Ordered(const std::vector<Given>& events) {
  std::vector<std::size_t> by_request(events.size());
  std::iota(by_request.begin(), by_request.end(), 0u);
  std::ranges::stable_sort(
      by_request, {}, [&](std::size_t i) { return std::pair(events[i].request, ArrivalOrder::Rank(events[i].type)); });
  ArrivalOrder order;
  std::vector<std::pair<ArrivalOrder::Place, std::size_t>> places;
  for (const std::size_t i : by_request) {
    const Given& e = events[i];
    places.emplace_back(
        e.request == 0 ? ArrivalOrder::Alone(e.time_ms, i) : order.Next(e.type, e.request, e.time_ms, i), i);
  }
  std::ranges::sort(places);
  std::vector<std::pair<std::size_t, std::int64_t>> out;
  for (const auto& [place, i] : places) out.emplace_back(i, place.arrival_ms);
  return out;
}

using Order = std::vector<std::pair<std::size_t, std::int64_t>>;
constexpr EventType kRequest = EventType::kFeedRequest, kImpression = EventType::kFeedImpression,
                    kClick = EventType::kFeedClick, kView = EventType::kItemView;

TEST(ArrivalOrderTest, AClickBeforeItsImpressionArrivesWithIt) {
  EXPECT_EQ(Ordered({{kClick, 7, 1400}, {kView, 0, 1450}, {kRequest, 7, 1500}, {kImpression, 7, 1500}}),
            (Order{{1, 1450}, {2, 1500}, {3, 1500}, {0, 1500}}));
}

TEST(ArrivalOrderTest, InOneSecondWhatIsNamedComesFirstWhateverFileItWasIn) {
  EXPECT_EQ(
      Ordered({{kClick, 7, 1000}, {kView, 0, 1000}, {kImpression, 7, 1000}, {kRequest, 7, 1000}, {kView, 0, 1000}}),
      (Order{{1, 1000}, {3, 1000}, {2, 1000}, {0, 1000}, {4, 1000}}));
}

TEST(ArrivalOrderTest, AnImpressionArrivesAtOrAfterItsRequestAndItsTimeStays) {
  EXPECT_EQ(Ordered({{kImpression, 7, 900}, {kRequest, 7, 1000}, {kClick, 7, 950}}),
            (Order{{1, 1000}, {0, 1000}, {2, 1000}}));
}

TEST(ArrivalOrderTest, ARequestIdThatIsUsedAgainLaterHoldsNothingBack) {
  EXPECT_EQ(
      Ordered(
          {{kRequest, 7, 100}, {kImpression, 7, 100}, {kClick, 7, 200}, {kRequest, 7, 9000}, {kImpression, 7, 9000}}),
      (Order{{0, 100}, {1, 100}, {2, 200}, {3, 9000}, {4, 9000}}));
}

TEST(ShownPairsTest, CountsClicksOnWhatWasShownAndProjectsBeyondItsBound) {
  ShownPairs pairs(8u << 20);
  Event shown{.type = kImpression}, click{.type = kClick};
  shown.items.resize(64);
  click.items.resize(1);
  constexpr std::uint64_t kRequests = 20'000;  // 1.28M pairs, of 12 MB.
  for (std::uint64_t r = 0; r < kRequests; ++r) {
    shown.request_id = click.request_id = "r" + std::to_string(r);
    for (std::size_t i = 0; i < shown.items.size(); ++i) shown.items[i].item_id = "i" + std::to_string(i);
    pairs.Add(shown);
    click.items[0].item_id = r % 4 == 0 ? "other" : "i5";
    pairs.Add(click);
    if (r == 999) {
      EXPECT_FALSE(pairs.is_sample());
      EXPECT_EQ(pairs.in_slate(), 750u);
    }
  }
  EXPECT_TRUE(pairs.is_sample());
  EXPECT_EQ(pairs.clicks(), kRequests);
  EXPECT_NEAR(static_cast<double>(pairs.in_slate()), 0.75 * kRequests, 0.01 * kRequests);
}

}  // namespace
}  // namespace gfr
