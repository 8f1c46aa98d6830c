// Writes a large log of a shop fast, for bench/replay_large.py: make_log FOLDER EVENTS USERS ITEMS DAYS SEED.
//
// Only the shape is a shop's: visits through the day with a request, an impression of ten items, clicks, views, carts
// and purchases, users and items of very unequal activity. There is no truth behind it (simulate/market.h has one).
#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "base/progress.h"
#include "base/rng.h"
#include "log/event_log.h"

namespace gfr {
namespace {

constexpr std::int64_t kStartMs = 1767225600000, kHourMs = 3600 * 1000;
constexpr double kEventsAVisit = 6.05;
constexpr int kSlate = 10;

class Shop {
 public:
  Shop(std::uint64_t users, std::uint64_t items, std::uint64_t seed) : users_(users), items_(items), rng_(seed) {}

  void Catalogue(std::vector<Event>* out) {
    for (std::uint64_t i = 0; i < items_; ++i) {
      Event e = New(EventType::kItemUpdate, kStartMs, 0);
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

Status Write(const char* folder, std::uint64_t events, std::uint64_t users, std::uint64_t items, std::int64_t days,
             std::uint64_t seed) {
  const WallClock clock;
  GFR_ASSIGN(const auto log, EventLog::Open(PosixFileSystem(), clock, {.folder = folder}));
  Shop shop(users, items, seed);
  Progress progress("make log", events, "events");
  std::vector<Event> made;
  std::uint64_t written = 0, duplicates = 0;
  const std::int64_t hours = days * 24;
  const double visits_an_hour = static_cast<double>(events) / kEventsAVisit / static_cast<double>(hours);
  shop.Catalogue(&made);
  for (std::int64_t hour = 0; hour < hours; ++hour) {
    const std::int64_t end_ms = kStartMs + (hour + 1) * kHourMs;
    for (std::uint64_t visits = shop.rng().Poisson(visits_an_hour); visits > 0; --visits)
      shop.Visit(end_ms - kHourMs + 2 * 60000 + static_cast<std::int64_t>(shop.rng().Below(kHourMs - 2 * 60000)),
                 &made);
    const auto later = std::partition(made.begin(), made.end(), [&](const Event& e) { return e.time_ms < end_ms; });
    std::vector<Event> rest(std::make_move_iterator(later), std::make_move_iterator(made.end()));
    made.erase(later, made.end());
    written += made.size();
    GFR_TRY(log->AppendImported(
        std::exchange(made, std::move(rest)), [](std::uint64_t) {}, &duplicates));
    progress.Update(written);
  }
  written += made.size();
  GFR_TRY(log->AppendImported(
      std::move(made), [](std::uint64_t) {}, &duplicates));
  std::printf("%llu\n", static_cast<unsigned long long>(written - duplicates));
  return {};
}

}  // namespace
}  // namespace gfr

int main(int argc, char** argv) {
  if (argc != 7) {
    std::fprintf(stderr, "usage: make_log FOLDER EVENTS USERS ITEMS DAYS SEED\n");
    return 2;
  }
  const auto number = [&](int i) { return std::strtoull(argv[i], nullptr, 10); };
  const gfr::Status status =
      gfr::Write(argv[1], number(2), number(3), number(4), static_cast<std::int64_t>(number(5)), number(6));
  if (!status.ok()) std::fprintf(stderr, "make_log: %s\n", status.error().message.c_str());
  return status.ok() ? 0 : 1;
}
