// Market: a seeded marketplace with known truth: its users, items, clicks, carts, delayed purchases and returns.
//
// Users have a city, an acquisition channel, a device, a price they are used to, a sensitivity to it, and tastes over
// categories and brands; items have a category, a brand, a price, a rating, a discount, a quality and a release date. A
// user examines place k of a slate (from 0) with probability (1 + k)^-position_bias and clicks what was examined with
// probability sigmoid(utility): TrueClickProbability is the product. With `latent_factors` items have qualities, and
// users a liking for them, that no property tells: what only other users' behaviour shows. New items and users come
// every day, evenings and weekends are busier, and `drift` lets tastes, prices and the click rate move from the day at
// 70 % of the span on. The same seed gives the same events on every machine with the same libm.
//
// Expect is the oracle: what a slate brings on average, without drawing. Thread safety: none; the const calls from any
// thread while no other call runs.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/rng.h"
#include "event/importer.h"

namespace gfr {

struct MarketConfig {
  int users = 2000, items = 1000, days = 42;
  std::uint64_t seed = 1;
  std::int64_t start_ms = 1767225600000;  // 2026-01-01
  bool drift = false;
  int slate_items = 15, candidates = 45;
  double visits_a_day = 0.16;  // A user's mean.
  double position_bias = 0.2;
  int latent_factors = 0;  // Of tastes that no property names; 0: there are none, and the log is as without them.
};

// A user who has come and asks for a feed.
struct Visit {
  int user = 0;
  std::string user_id, session_id;
  std::vector<Property> context;
};

// What nobody can see: of an item shown in Run, the probabilities behind what its user did, and what they are made of.
struct TrueRow {
  std::string_view user_id;
  std::int64_t time_ms;  // Of the impression event.
  int position;
  double pctr;                 // That it is clicked where it was shown.
  double pcvr;                 // That it is bought within 6 days, once clicked.
  std::int64_t click_time_ms;  // 0: it was not clicked.
  double utility, quality, sensitivity, discount;
  int visits;  // Of the user, with this one.
};
using TruthSink = std::function<void(const TrueRow&)>;

// What a slate brings on average. Purchases are attributed to the slate; money is what the user pays.
struct SlateExpectation {
  double clicks = 0, carts = 0;
  double purchases_at_once = 0, revenue_at_once = 0;  // Within minutes of the click: all that React makes.
  double purchases = 0, revenue = 0;                  // Within 6 days of the click, as Run makes them; with the above.
  double returned_revenue = 0;                        // Of `revenue`: what is sent back later.
  double net_revenue() const { return revenue - returned_revenue; }
};

class Market {
 public:
  explicit Market(const MarketConfig& config);
  // Run tells `truth` of every item shown, in the order of their slates.
  void Tell(TruthSink truth) { truth_ = std::move(truth); }

  // The whole history, in no order of time (EventLog::AppendImported sorts it): the catalogue, and visits whose slates
  // an older feed made.
  Status Run(const ImportSink& sink);

  // As the users of a running server: a user who comes at `time_ms`, and what he does with the slate that he got, in
  // order of time (impression, clicks, views, carts, and purchases made at once). Items that the market does not know
  // are never clicked. Reseed() first where Run() was made by another Market: the same market, but dice and event ids
  // of its own.
  void Reseed(std::uint64_t seed);
  Visit Arrive(std::int64_t time_ms);
  std::vector<Event> React(const Visit& visit, const std::string& request_id, std::span<const std::string> slate,
                           std::int64_t time_ms);

  double TrueClickProbability(int user, const std::string& item_id, int position, std::int64_t time_ms) const;
  // Of the slate that the user gets at `time_ms`, in its order, with the prices of that time: those that Run has made,
  // of a market that has not run the first ones. Items that the market does not know are left out, as React does. What
  // a user did before changes nothing of it. REQUIRES: a user of the market.
  SlateExpectation Expect(int user, std::span<const std::string> slate, std::int64_t time_ms) const;
  int FindUser(std::string_view id) const;  // -1: the market has no such user.
  int FindItem(std::string_view id) const;
  std::int64_t end_ms() const { return config_.start_ms + config_.days * std::int64_t{24} * 3600 * 1000; }

 private:
  struct Price {
    std::int64_t from_ms;
    double price, discount;
  };
  struct Item {
    std::string id;
    int category, brand;
    double price, rating, discount, quality;
    std::int64_t released_ms;
    double popularity = 0;
    std::vector<Price> prices = {};  // Each holds until the next one; the last is `price` and `discount`.
    std::vector<double> latent = {};
  };
  // How a user responds to an item at a place of a slate: probabilities, each given the one before.
  struct Response {
    double utility, clicks, wants, buys;
  };
  struct User {
    std::string id;
    int city, channel, device;
    double log_price, sensitivity, discount_love, activity;
    std::vector<double> category_taste, brand_taste, latent;
    std::int64_t since_ms;
    int last_category = -1;
    int visits = 0;
  };

  void DrawLatentTastes();
  Event NewEvent(EventType type, std::int64_t time_ms, const Visit& visit);
  Event ItemUpdate(const Item& item, std::int64_t time_ms);
  Visit VisitOf(int user);
  static Price PriceAt(const Item& item, std::int64_t time_ms);
  double Utility(const User& user, const Item& item, std::int64_t time_ms) const;
  Response ResponseTo(const User& user, const Item& item, std::size_t position, std::int64_t time_ms) const;
  std::vector<int> Known(std::span<const std::string> slate) const;
  bool Drifted(std::int64_t time_ms) const;
  std::vector<int> OlderFeed(const User& user, std::int64_t time_ms);  // Candidates; the first slate_items are shown.
  std::vector<Event> Act(int user, const Visit& visit, const std::string& request_id, std::span<const int> shown,
                         std::int64_t time_ms, std::vector<Event>* later);

  const MarketConfig config_;
  Rng rng_;
  std::vector<Item> items_;
  std::vector<User> users_;
  std::vector<int> on_sale_;  // Items released so far, by Run's day.
  std::uint64_t id_seed_, events_ = 0;
  TruthSink truth_;
};

}  // namespace gfr
