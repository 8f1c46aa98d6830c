#include "simulate/market.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <numeric>

#include "base/progress.h"
#include "base/time.h"
#include "simulate/rhythm.h"

namespace gfr {
namespace {

constexpr int kCategories = 12, kBrands = 40;
constexpr const char* kCategoryNames[kCategories] = {"shoes", "coats",  "dresses", "bags",  "watches", "phones",
                                                     "toys",  "garden", "kitchen", "books", "sports",  "beauty"};
constexpr const char* kCities[] = {"berlin", "hamburg", "munich", "cologne", "paris",
                                   "lyon",   "madrid",  "rome",   "vienna",  "warsaw"};
constexpr const char* kChannels[] = {"search_ads", "social", "organic", "email", "affiliate", "referral"};
constexpr const char* kDevices[] = {"mobile", "desktop", "tablet"};
constexpr std::int64_t kFirstId = 100'000;                    // Of users and items: "u100000", "u100001", ...
constexpr double kLatentDeviation = 1.2;                      // Of the utility that latent tastes add.
constexpr double kBoughtAtOnce = 0.66, kSentBack = 1.0 / 12;  // Shares of the purchases.

double Sigmoid(double z) { return 1.0 / (1.0 + std::exp(-z)); }

int Draw(Rng& rng, std::span<const double> weights) {
  double at = rng.Uniform() * std::accumulate(weights.begin(), weights.end(), 0.0);
  for (std::size_t i = 0; i < weights.size(); ++i) {
    at -= weights[i];
    if (at < 0) return static_cast<int>(i);
  }
  return static_cast<int>(weights.size()) - 1;
}

double Cents(double price) { return std::max(1.0, std::round(price * 100)) / 100; }

double Paid(double price, double discount) { return Cents(price * (1 - discount)); }

// The index of an id of `count`; -1: it is none of theirs.
int IndexOf(std::string_view id, char kind, std::size_t count) {
  std::int64_t number = 0;
  if (id.empty() || id[0] != kind) return -1;
  const auto [end, error] = std::from_chars(id.data() + 1, id.data() + id.size(), number);
  const bool in_range = number >= kFirstId && number < kFirstId + static_cast<std::int64_t>(count);
  return error == std::errc() && end == id.data() + id.size() && in_range ? static_cast<int>(number - kFirstId) : -1;
}

std::int64_t Milliseconds(double seconds) { return static_cast<std::int64_t>(seconds * 1000); }

}  // namespace

Market::Market(const MarketConfig& config) : config_(config), rng_(config.seed), id_seed_(config.seed) {
  for (int i = 0; i < config_.items; ++i) {
    Item item;
    item.id = "i" + std::to_string(kFirstId + i);
    item.brand = static_cast<int>(rng_.Below(kBrands));
    item.category =
        (item.brand * 5 + static_cast<int>(rng_.Below(4))) % kCategories;  // A brand sells in four categories.
    item.price = Cents(std::exp(2.3 + 0.18 * item.category + 0.7 * rng_.Normal()));
    item.quality = rng_.Normal();
    item.rating = std::round(std::clamp(3.8 + 0.45 * item.quality + 0.3 * rng_.Normal(), 1.0, 5.0) * 10) / 10;
    item.discount = rng_.Chance(0.3) ? std::round(5 + 45 * rng_.Uniform()) / 100 : 0;
    // Four fifths are there from the start, of every age; the rest come day by day.
    item.released_ms =
        rng_.Chance(0.8) ? config_.start_ms - Milliseconds(86400 * rng_.Exponential(60))
                         : config_.start_ms +
                               kDayMs * static_cast<std::int64_t>(rng_.Below(static_cast<std::uint64_t>(config_.days)));
    item.prices = {{config_.start_ms, item.price, item.discount}};
    items_.push_back(std::move(item));
  }
  for (int u = 0; u < config_.users; ++u) {
    User user;
    user.id = "u" + std::to_string(kFirstId + u);
    user.city = static_cast<int>(rng_.Below(std::size(kCities)));
    user.channel = static_cast<int>(rng_.Below(std::size(kChannels)));
    constexpr double kShares[] = {.6, .32, .08};
    user.device = Draw(rng_, kShares);
    user.log_price = 3.2 + 0.6 * rng_.Normal();
    user.sensitivity = 0.3 + 0.5 * rng_.Uniform();
    user.discount_love = 1.2 * rng_.Uniform() + (user.channel == 4 ? 0.8 : 0.0);
    user.activity = config_.visits_a_day * std::exp(0.7 * rng_.Normal() - 0.245);
    for (int c = 0; c < kCategories; ++c)
      user.category_taste.push_back(1.1 * rng_.Normal() + ((user.city + c) % 5 == 0 ? 0.6 : 0.0));
    for (int b = 0; b < kBrands; ++b) user.brand_taste.push_back(0.6 * rng_.Normal());
    user.since_ms =
        rng_.Chance(0.7) ? config_.start_ms : config_.start_ms + Milliseconds(86400.0 * config_.days * rng_.Uniform());
    users_.push_back(std::move(user));
  }
  if (config_.latent_factors > 0) DrawLatentTastes();
}

// From dice of their own, so that all else of the market is what it is without them.
void Market::DrawLatentTastes() {
  Rng rng(config_.seed ^ 0x6c6174656e74ull);
  for (Item& item : items_) {
    for (int f = 0; f < config_.latent_factors; ++f) item.latent.push_back(rng.Normal());
  }
  const double scale = kLatentDeviation / std::sqrt(config_.latent_factors);
  for (User& user : users_) {
    for (int f = 0; f < config_.latent_factors; ++f) user.latent.push_back(scale * rng.Normal());
  }
}

bool Market::Drifted(std::int64_t time_ms) const {
  return config_.drift &&
         time_ms >= config_.start_ms + static_cast<std::int64_t>(0.7 * config_.days * static_cast<double>(kDayMs));
}

Market::Price Market::PriceAt(const Item& item, std::int64_t time_ms) {
  for (auto p = item.prices.rbegin(); p != item.prices.rend(); ++p) {
    if (time_ms >= p->from_ms) return *p;
  }
  return item.prices.front();
}

double Market::Utility(const User& user, const Item& item, std::int64_t time_ms) const {
  const Price cost = PriceAt(item, time_ms);
  const double age_days =
      static_cast<double>(std::max<std::int64_t>(0, time_ms - item.released_ms)) / static_cast<double>(kDayMs);
  double utility = -3.8 + user.category_taste[item.category] + user.brand_taste[item.brand] + 0.7 * item.quality +
                   user.discount_love * cost.discount * 2 + 0.8 * std::exp(-age_days / 10) -
                   user.sensitivity * std::fabs(std::log(cost.price * (1 - cost.discount)) - user.log_price);
  utility = std::inner_product(user.latent.begin(), user.latent.end(), item.latent.begin(), utility);
  if (Drifted(time_ms)) utility += (item.category % 3 == 0 ? 0.9 : -0.6) - 0.3;
  return utility;
}

double Market::TrueClickProbability(int user, const std::string& item_id, int position, std::int64_t time_ms) const {
  const int item = FindItem(item_id);
  if (item < 0) return 0;
  return std::pow(1.0 + position, -config_.position_bias) * Sigmoid(Utility(users_[user], items_[item], time_ms));
}

Market::Response Market::ResponseTo(const User& user, const Item& item, std::size_t position,
                                    std::int64_t time_ms) const {
  const double utility = Utility(user, item, time_ms);
  return {.utility = utility,
          .clicks = std::pow(1.0 + static_cast<double>(position), -config_.position_bias) * Sigmoid(utility),
          .wants = Sigmoid(0.3 + 0.6 * utility + 0.5 * item.quality + PriceAt(item, time_ms).discount),
          .buys = Sigmoid(0.2 + 0.4 * item.quality - 0.4 * user.sensitivity)};
}

SlateExpectation Market::Expect(int user, std::span<const std::string> slate, std::int64_t time_ms) const {
  SlateExpectation sum;
  const std::vector<int> shown = Known(slate);
  for (std::size_t p = 0; p < shown.size(); ++p) {
    const Item& item = items_[shown[p]];
    const Response response = ResponseTo(users_[user], item, p, time_ms);
    const Price cost = PriceAt(item, time_ms);
    const double carts = response.clicks * response.wants, purchases = carts * response.buys;
    const double revenue = purchases * Paid(cost.price, cost.discount);
    sum.clicks += response.clicks;
    sum.carts += carts;
    sum.purchases += purchases;
    sum.revenue += revenue;
    sum.purchases_at_once += kBoughtAtOnce * purchases;
    sum.revenue_at_once += kBoughtAtOnce * revenue;
    sum.returned_revenue += kSentBack * revenue;
  }
  return sum;
}

int Market::FindItem(std::string_view id) const { return IndexOf(id, 'i', items_.size()); }
int Market::FindUser(std::string_view id) const { return IndexOf(id, 'u', users_.size()); }

std::vector<int> Market::Known(std::span<const std::string> slate) const {
  std::vector<int> known;
  for (const std::string& id : slate) {
    if (const int item = FindItem(id); item >= 0) known.push_back(item);
  }
  return known;
}

Event Market::NewEvent(EventType type, std::int64_t time_ms, const Visit& visit) {
  Event e;
  e.id = "s" + std::to_string(id_seed_) + "-" + std::to_string(events_++);
  e.source = "simulator";
  e.type = type;
  e.time_ms = time_ms;
  e.user_id = visit.user_id;
  e.session_id = visit.session_id;
  e.surface = "home";
  e.context = visit.context;
  return e;
}

Event Market::ItemUpdate(const Item& item, std::int64_t time_ms) {
  Event e = NewEvent(EventType::kItemUpdate, time_ms, {});
  EventItem update{.item_id = item.id, .price = item.price};
  update.properties = {{.name = "category", .text = kCategoryNames[item.category]},
                       {.name = "brand", .text = "brand" + std::to_string(item.brand)},
                       {.name = "rating", .number = item.rating},
                       {.name = "discount", .number = item.discount},
                       {.name = "released", .number = static_cast<double>(item.released_ms / 1000)}};
  e.items = {std::move(update)};
  return e;
}

Visit Market::VisitOf(int index) {
  User& user = users_[index];
  return {index,
          user.id,
          user.id + "-" + std::to_string(id_seed_) + "-" + std::to_string(user.visits++),
          {{.name = "geography", .text = kCities[user.city]},
           {.name = "acquisition_channel", .text = kChannels[user.channel]},
           {.name = "device", .text = kDevices[user.device]}}};
}

// What the shop showed before it had us: a third popular, a third of the category looked at last, a third drawn, in
// random order.
std::vector<int> Market::OlderFeed(const User& user, std::int64_t) {
  std::vector<int> pool = on_sale_, chosen;
  std::vector<std::uint8_t> is_chosen(items_.size());
  const auto take = [&](std::size_t count, auto&& score) {
    std::vector<std::pair<double, int>> scored;
    for (const int i : pool) scored.push_back({score(items_[i]), i});
    count = std::min(count, scored.size());
    std::partial_sort(scored.begin(), scored.begin() + static_cast<std::ptrdiff_t>(count), scored.end(),
                      std::greater<>());
    for (std::size_t k = 0; k < count; ++k) {
      chosen.push_back(scored[k].second);
      is_chosen[static_cast<std::size_t>(scored[k].second)] = 1;
    }
    std::erase_if(pool, [&](int i) { return is_chosen[static_cast<std::size_t>(i)] != 0; });
  };
  const auto third = static_cast<std::size_t>(config_.candidates) / 3;
  take(third, [&](const Item& item) { return item.popularity * (0.5 + rng_.Uniform()) + 1e-3 * rng_.Uniform(); });
  if (user.last_category >= 0)
    take(third, [&](const Item& item) { return (item.category == user.last_category) + rng_.Uniform(); });
  take(static_cast<std::size_t>(config_.candidates) - chosen.size(), [&](const Item&) { return rng_.Uniform(); });
  for (std::size_t i = chosen.size(); i > 1; --i) std::swap(chosen[i - 1], chosen[rng_.Below(i)]);
  return chosen;
}

std::vector<Event> Market::Act(int index, const Visit& visit, const std::string& request_id, std::span<const int> shown,
                               std::int64_t time_ms, std::vector<Event>* later) {
  User& user = users_[index];
  std::vector<Event> events;
  const auto add = [&](EventType type, std::int64_t at_ms, int item, std::int32_t position) -> Event& {
    Event e = NewEvent(type, at_ms, visit);
    e.request_id = request_id;
    e.items = {
        {.item_id = items_[item].id, .index = position, .price = Paid(items_[item].price, items_[item].discount)}};
    events.push_back(std::move(e));
    return events.back();
  };
  Event impression = NewEvent(EventType::kFeedImpression, time_ms + 500, visit);
  impression.request_id = request_id;
  for (std::size_t p = 0; p < shown.size(); ++p)
    impression.items.push_back({.item_id = items_[shown[p]].id, .index = static_cast<std::int32_t>(p)});
  events.push_back(std::move(impression));
  std::int64_t now_ms = time_ms + 500;
  for (std::size_t p = 0; p < shown.size(); ++p) {
    Item& item = items_[shown[p]];
    now_ms += Milliseconds(0.5 + 2 * rng_.Uniform());
    const Response response = ResponseTo(user, item, p, time_ms);
    const bool clicked = rng_.Chance(response.clicks);
    if (truth_)
      truth_({user.id, time_ms + 500, static_cast<int>(p), response.clicks, response.wants * response.buys,
              clicked ? now_ms : 0, response.utility, item.quality, user.sensitivity, item.discount, user.visits});
    if (!clicked) continue;
    const auto place = static_cast<std::int32_t>(p);
    add(EventType::kFeedClick, now_ms, shown[p], place);
    item.popularity += 1;
    user.last_category = item.category;
    now_ms += Milliseconds(3 + rng_.Exponential(20));
    if (rng_.Chance(0.5)) add(EventType::kItemView, now_ms, shown[p], -1).kind = "details";
    if (!rng_.Chance(response.wants)) continue;
    add(EventType::kCartAdd, now_ms += Milliseconds(2 + rng_.Exponential(10)), shown[p], -1);
    if (!rng_.Chance(response.buys)) continue;
    // Two thirds buy at once, the others within some days; one in twelve sends it back.
    const bool at_once = rng_.Chance(kBoughtAtOnce);
    const std::int64_t bought_ms = now_ms + (at_once ? Milliseconds(20 + rng_.Exponential(60))
                                                     : Milliseconds(86400 * std::min(6.0, rng_.Exponential(1.6))));
    if (!at_once && !later) continue;
    Event purchase = add(EventType::kPurchase, bought_ms, shown[p], -1);
    events.pop_back();
    purchase.transaction_id = "t-" + purchase.id;
    purchase.value = purchase.items[0].price;
    purchase.currency = "EUR";
    if (later && rng_.Chance(kSentBack)) {
      Event back = purchase;
      back.id = "s" + std::to_string(id_seed_) + "-" + std::to_string(events_++);
      back.type = EventType::kPurchaseReturn;
      back.time_ms = bought_ms + Milliseconds(86400 * (2 + rng_.Exponential(3)));
      later->push_back(std::move(back));
    }
    if (later)
      later->push_back(std::move(purchase));
    else
      events.push_back(std::move(purchase));
  }
  return events;
}

Status Market::Run(const ImportSink& sink) {
  Progress progress("simulate (simulated)", static_cast<std::uint64_t>(config_.days), "days");
  std::vector<Event> later;
  on_sale_.clear();
  for (int day = 0; day < config_.days; ++day) {
    const std::int64_t midnight = config_.start_ms + day * kDayMs;
    for (std::size_t i = 0; i < items_.size(); ++i) {
      Item& item = items_[i];
      item.popularity *= 0.8;
      const bool is_new = item.released_ms < midnight + kDayMs && (day == 0 || item.released_ms >= midnight);
      if (is_new) on_sale_.push_back(static_cast<int>(i));
      const bool on_sale = item.released_ms < midnight;
      const bool repriced = on_sale && rng_.Chance(0.03);
      if (repriced) {
        item.price = Cents(item.price * std::exp(0.1 * rng_.Normal()) * (Drifted(midnight) ? 1.05 : 1.0));
        item.discount = rng_.Chance(0.4) ? std::round(5 + 45 * rng_.Uniform()) / 100 : 0;
        item.prices.push_back({midnight, item.price, item.discount});
      }
      if (is_new || repriced) GFR_TRY(sink(ItemUpdate(item, midnight)));
    }
    const double weekday = kWeekdays[(midnight / kDayMs + 3) % 7];
    for (int u = 0; u < config_.users; ++u) {
      if (users_[u].since_ms >= midnight + kDayMs) continue;
      for (std::uint64_t visits = rng_.Poisson(users_[u].activity * weekday); visits > 0; --visits) {
        std::int64_t now_ms = midnight + Milliseconds(3600 * (Draw(rng_, kHours) + rng_.Uniform()));
        now_ms = std::max(now_ms, midnight + 2 * kMinuteMs);  // The catalogue of the day is sealed.
        const Visit visit = VisitOf(u);
        GFR_TRY(sink(NewEvent(EventType::kAppOpen, now_ms, visit)));
        for (std::uint64_t feeds = 1 + rng_.Below(2); feeds > 0; --feeds) {
          now_ms += Milliseconds(1 + rng_.Exponential(4));
          const std::vector<int> candidates = OlderFeed(users_[u], now_ms);
          const std::span<const int> shown =
              std::span(candidates)
                  .first(std::min<std::size_t>(candidates.size(), static_cast<std::size_t>(config_.slate_items)));
          Event request = NewEvent(EventType::kFeedRequest, now_ms, visit);
          request.request_id = request.id;
          for (std::size_t p = 0; p < candidates.size(); ++p) {
            request.items.push_back(
                {.item_id = items_[candidates[p]].id, .index = p < shown.size() ? static_cast<std::int32_t>(p) : -1});
          }
          const std::string request_id = request.request_id;
          GFR_TRY(sink(std::move(request)));
          for (Event& e : Act(u, visit, request_id, shown, now_ms, &later)) {
            now_ms = std::max(now_ms, e.time_ms);
            GFR_TRY(sink(std::move(e)));
          }
          now_ms += Milliseconds(10 + rng_.Exponential(60));
        }
      }
    }
    progress.Update(static_cast<std::uint64_t>(day) + 1);
  }
  for (Event& e : later) {
    if (e.time_ms < end_ms()) GFR_TRY(sink(std::move(e)));
  }
  return {};
}

void Market::Reseed(std::uint64_t seed) {
  rng_ = Rng(seed);
  id_seed_ = seed;
}

Visit Market::Arrive(std::int64_t time_ms) {
  for (;;) {
    const int user = static_cast<int>(rng_.Below(users_.size()));
    if (users_[user].since_ms <= time_ms) return VisitOf(user);
  }
}

std::vector<Event> Market::React(const Visit& visit, const std::string& request_id, std::span<const std::string> slate,
                                 std::int64_t time_ms) {
  return Act(visit.user, visit, request_id, Known(slate), time_ms, nullptr);
}

}  // namespace gfr
