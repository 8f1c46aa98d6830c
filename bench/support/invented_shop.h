// InventedShop: events of a shop, fast, for benchmarks of large logs.
//
// Only the shape is a shop's: visits through the day with a request, an impression of ten items, clicks, views, carts
// and purchases, users and items of very unequal activity. There is no truth behind it (simulate/market.h has one).
// Thread safety: none.
#pragma once

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "base/rng.h"
#include "log/event_log.h"

namespace gfr {

inline constexpr std::int64_t kShopStartMs = 1767225600000, kShopHourMs = 3600 * 1000;
inline constexpr double kEventsAVisit = 6.05;
inline constexpr int kSlate = 10;

class InventedShop {
 public:
  InventedShop(std::uint64_t users, std::uint64_t items, std::uint64_t seed)
      : users_(users), items_(items), rng_(seed) {}

  void Catalogue(std::vector<Event>* out) {
    for (std::uint64_t i = 0; i < items_; ++i) {
      Event e = New(EventType::kItemUpdate, kShopStartMs, 0);
      e.user_id.clear();
      e.session_id.clear();
      const std::uint64_t h = Mix(i);
      e.items = {{.item_id = ItemId(i), .price = Price(i)}};
      e.items[0].properties = {{.name = "category", .text = "c" + std::to_string(h % 12)},
                               {.name = "brand", .text = "b" + std::to_string(h / 12 % 400)},
                               {.name = "rating", .number = 1 + static_cast<double>(h / 4800 % 41) / 10},
                               {.name = "discount", .number = static_cast<double>(h / 196800 % 50) / 100}};
      out->push_back(std::move(e));
    }
  }

  void Visit(std::int64_t now_ms, std::vector<Event>* out) {
    const auto user = static_cast<std::uint64_t>(Skewed(users_));
    visit_ = rng_.Next() >> 40;
    const auto add = [&](EventType type) -> Event& {
      out->push_back(New(type, now_ms, user));
      return out->back();
    };
    add(EventType::kAppOpen).context = {{.name = "geography", .text = "city" + std::to_string(user % 50)},
                                        {.name = "device", .text = user % 3 ? "mobile" : "desktop"}};
    now_ms += 500;
    Event& request = add(EventType::kFeedRequest);
    const std::string request_id = request.request_id = request.id;
    std::uint64_t shown[kSlate];
    for (int p = 0; p < kSlate; ++p) {
      shown[p] = static_cast<std::uint64_t>(Skewed(items_));
      request.items.push_back({.item_id = ItemId(shown[p]), .index = p});
    }
    std::vector<EventItem> slate = request.items;
    now_ms += 300;
    Event& impression = add(EventType::kFeedImpression);
    impression.request_id = request_id;
    impression.items = std::move(slate);
    for (int p = 0; p < kSlate; ++p) {
      if (!rng_.Chance(0.15)) continue;
      const auto step = [&](EventType type, std::int64_t after_ms) -> Event& {
        now_ms += after_ms + static_cast<std::int64_t>(rng_.Below(20000));
        Event& e = add(type);
        e.items = {{.item_id = ItemId(shown[p]), .index = p, .price = Price(shown[p])}};
        return e;
      };
      step(EventType::kFeedClick, 1000).request_id = request_id;
      if (rng_.Chance(0.6)) step(EventType::kItemView, 500).kind = "details";
      if (!rng_.Chance(0.3)) continue;
      step(EventType::kCartAdd, 3000);
      if (!rng_.Chance(0.4)) continue;
      Event& purchase = step(EventType::kPurchase, 20000);
      purchase.transaction_id = purchase.id;
      purchase.value = purchase.items[0].price;
      purchase.currency = "EUR";
    }
  }

  Rng& rng() { return rng_; }

 private:
  static std::uint64_t Mix(std::uint64_t x) {
    Rng rng(x);
    return rng.Next();
  }
  static std::string ItemId(std::uint64_t i) { return "i" + std::to_string(i); }
  static double Price(std::uint64_t i) { return 1 + static_cast<double>(Mix(i) >> 20 & 0x3fff) / 100; }
  // A tenth of them get most of the events; everyone gets some.
  double Skewed(std::uint64_t n) {
    const double u = rng_.Uniform();
    return std::min(static_cast<double>(n) - 1, static_cast<double>(n) * (rng_.Chance(0.5) ? u : u * u * u));
  }
  Event New(EventType type, std::int64_t time_ms, std::uint64_t user) {
    Event e;
    e.id = std::to_string(next_++);
    e.source = "m";
    e.type = type;
    e.time_ms = time_ms;
    e.user_id = "u" + std::to_string(user);
    e.session_id = std::to_string(visit_);
    e.surface = "home";
    return e;
  }

  const std::uint64_t users_, items_;
  Rng rng_;
  std::uint64_t next_ = 0, visit_ = 0;
};

// Appends the events of `days` days to `log`, about so many, hour by hour from hour `from_hour` on.
class ShopLog {
 public:
  ShopLog(EventLog& log, std::uint64_t events_a_day, std::uint64_t users, std::uint64_t items, std::uint64_t seed)
      : log_(log), shop_(users, items, seed), visits_an_hour_(static_cast<double>(events_a_day) / kEventsAVisit / 24) {
    shop_.Catalogue(&made_);
  }
  Status AddHours(std::int64_t hours) {
    for (; hours > 0; --hours, ++hour_) {
      const std::int64_t end_ms = kShopStartMs + (hour_ + 1) * kShopHourMs;
      for (std::uint64_t visits = shop_.rng().Poisson(visits_an_hour_); visits > 0; --visits)
        shop_.Visit(
            end_ms - kShopHourMs + 2 * 60000 + static_cast<std::int64_t>(shop_.rng().Below(kShopHourMs - 2 * 60000)),
            &made_);
      const auto later = std::partition(made_.begin(), made_.end(), [&](const Event& e) { return e.time_ms < end_ms; });
      std::vector<Event> rest(std::make_move_iterator(later), std::make_move_iterator(made_.end()));
      made_.erase(later, made_.end());
      GFR_TRY(Append(std::exchange(made_, std::move(rest))));
    }
    return {};
  }
  Status Finish() { return Append(std::exchange(made_, {})); }
  std::uint64_t written() const { return written_ - duplicates_; }

 private:
  Status Append(std::vector<Event> events) {
    written_ += events.size();
    return log_.AppendImported(
        std::move(events), [](std::uint64_t) {}, &duplicates_);
  }
  EventLog& log_;
  InventedShop shop_;
  const double visits_an_hour_;
  std::vector<Event> made_;
  std::int64_t hour_ = 0;
  std::uint64_t written_ = 0, duplicates_ = 0;
};

}  // namespace gfr
