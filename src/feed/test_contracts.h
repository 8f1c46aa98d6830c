// A simulated feed under contracts of exposure, for tests and benchmarks: a day's rhythm, bursts and outages, new items
// that are owed views, a seller that may have a share of the views, and values of each item that differ by request.
// Prices are given by a controller; the clairvoyant program's Lagrangian dual bounds what any of them can reach.
#pragma once

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/rng.h"
#include "base/time.h"

namespace gfr {

struct SimulatedContracts {
  int days = 2, items = 60, new_items = 12, candidates = 24, positions = 8;
  double requests_a_minute = 4;
  double owed = 60;  // Views of each new item.
  std::int64_t within_ms = kDayMs;
  double share = 0.1;  // Of the seller's items; a fifth of all, and better than others.
  std::uint64_t seed = 1;
};

class ContractMarket {
 public:
  struct Candidate {
    int item;
    double value;
  };
  struct Request {
    std::int64_t time_ms;
    std::vector<Candidate> candidates;
    std::vector<bool> is_examined;  // By position.
  };

  explicit ContractMarket(const SimulatedContracts& of) : of_(of) {
    Rng rng(of.seed);
    for (int i = 0; i < of.items; ++i) {
      const bool is_new = i < of.new_items;
      quality_.push_back((is_new ? 0.35 : 1) * (OfSeller(i) ? 1.5 : 1) * std::exp(0.3 * rng.Normal()));
      // New ones come while there is time enough for them.
      const double last = of.days * kDayMs - of.within_ms;
      born_ms_.push_back(is_new ? static_cast<std::int64_t>(rng.Uniform() * last) : 0);
    }
    for (int p = 0; p < of.positions; ++p) examination_.push_back(std::pow(1 + p, -0.5));
    std::int64_t burst_until = 0, outage_until = 0;
    for (std::int64_t minute = 0; minute < of.days * 1440; ++minute) {
      if (rng.Chance(1.0 / 600)) burst_until = minute + 30 + static_cast<std::int64_t>(rng.Below(60));
      if (rng.Chance(1.0 / 900)) outage_until = minute + 30 + static_cast<std::int64_t>(rng.Below(120));
      if (minute < outage_until) continue;
      const double rhythm = 1 + 0.8 * std::sin(6.283185307 * static_cast<double>(minute) / 1440);
      for (std::uint64_t n = rng.Poisson(of.requests_a_minute * rhythm * (minute < burst_until ? 8 : 1)); n > 0; --n)
        AddRequest(minute * kMinuteMs, rng);
    }
  }

  const std::vector<Request>& requests() const { return requests_; }
  bool OfSeller(int item) const { return item % 5 == 4; }
  // Whether the new item is owed views at the time.
  bool IsOwed(int item, std::int64_t time_ms) const {
    return item < of_.new_items && time_ms >= born_ms_[static_cast<std::size_t>(item)] &&
           time_ms < born_ms_[static_cast<std::size_t>(item)] + of_.within_ms;
  }
  std::int64_t born_ms(int item) const { return born_ms_[static_cast<std::size_t>(item)]; }

  // The slate by value and price: indexes of candidates by position. `price`: added to the value.
  template <typename Price>
  std::vector<int> Slate(const Request& r, const Price& price) const {
    std::vector<std::pair<double, int>> order;
    for (int k = 0; k < static_cast<int>(r.candidates.size()); ++k)
      order.push_back(
          {-(r.candidates[static_cast<std::size_t>(k)].value + price(r.candidates[static_cast<std::size_t>(k)].item)),
           k});
    const auto size = std::min<std::size_t>(order.size(), examination_.size());
    std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(size), order.end());
    std::vector<int> slate;
    for (std::size_t p = 0; p < size; ++p) slate.push_back(order[p].second);
    return slate;
  }

  struct Outcome {
    double value = 0;             // Of all slates, as examined on average.
    int kept = 0, contracts = 0;  // Items and days of the seller.
    double kept_share() const { return static_cast<double>(kept) / contracts; }
  };
  // `price(item, time)`; `served(time, mean value)`, `viewed(item, time)`.
  Outcome Run(const std::function<double(int item, std::int64_t time_ms)>& price,
              const std::function<void(const Request&, double mean_value)>& served,
              const std::function<void(int item, std::int64_t time_ms)>& viewed) const {
    Outcome out;
    std::vector<double> views(static_cast<std::size_t>(of_.items));
    std::map<std::int64_t, std::pair<double, double>> days;  // Of the seller, of all.
    for (const Request& r : requests_) {
      const std::vector<int> slate = Slate(r, [&](int item) { return price(item, r.time_ms); });
      double sum = 0;
      for (std::size_t p = 0; p < slate.size(); ++p) {
        const double value = r.candidates[static_cast<std::size_t>(slate[p])].value;
        out.value += examination_[p] * value;
        sum += value;
      }
      served(r, sum / static_cast<double>(slate.size()));
      for (std::size_t p = 0; p < slate.size(); ++p) {
        if (!r.is_examined[p]) continue;
        const int item = r.candidates[static_cast<std::size_t>(slate[p])].item;
        if (IsOwed(item, r.time_ms)) ++views[static_cast<std::size_t>(item)];
        auto& [inside, all] = days[r.time_ms / kDayMs];
        inside += OfSeller(item);
        ++all;
        viewed(item, r.time_ms);
      }
    }
    for (int i = 0; i < of_.new_items; ++i) out.kept += views[static_cast<std::size_t>(i)] >= 0.95 * of_.owed;
    for (const auto& [day, counts] : days) out.kept += counts.first <= 1.05 * of_.share * counts.second;
    out.contracts = of_.new_items + static_cast<int>(days.size());
    return out;
  }

  // The least value of the clairvoyant program's Lagrangian over `steps` subgradient steps: no prices and no plan reach
  // more while all contracts are kept (to the views that are expected).
  double ClairvoyantBound(int steps) const {
    const auto days = static_cast<std::size_t>(of_.days);
    std::vector<double> owed(static_cast<std::size_t>(of_.new_items), 1.0), seller(days, 0.5);
    double best = INFINITY, value_scale = 0, all_views = 0;
    for (const double e : examination_) all_views += e;
    for (int step = 0; step < steps; ++step) {
      std::vector<double> have(owed.size()), inside(days), all(days);
      double sum = 0;
      for (const Request& r : requests_) {
        const auto day = static_cast<std::size_t>(r.time_ms / kDayMs);
        const auto price = [&](int item) {
          return (IsOwed(item, r.time_ms) ? owed[static_cast<std::size_t>(item)] : 0) -
                 (OfSeller(item) ? seller[day] : 0);
        };
        const std::vector<int> slate = Slate(r, price);
        for (std::size_t p = 0; p < slate.size(); ++p) {
          const Candidate& c = r.candidates[static_cast<std::size_t>(slate[p])];
          sum += examination_[p] * (c.value + price(c.item));
          value_scale += c.value;
          if (IsOwed(c.item, r.time_ms)) have[static_cast<std::size_t>(c.item)] += examination_[p];
          if (OfSeller(c.item)) inside[day] += examination_[p];
          all[day] += examination_[p];
        }
      }
      for (std::size_t i = 0; i < owed.size(); ++i) sum -= owed[i] * of_.owed;
      for (std::size_t d = 0; d < days; ++d) sum += seller[d] * of_.share * all[d];
      best = std::min(best, sum);
      const double size = 1.0 / (1 + 0.2 * step);
      for (std::size_t i = 0; i < owed.size(); ++i)
        owed[i] = std::max(0.0, owed[i] + 0.3 * size * std::clamp(1 - have[i] / of_.owed, -1.0, 1.0));
      for (std::size_t d = 0; d < days; ++d)
        seller[d] = std::max(0.0, seller[d] + 2 * size * (all[d] > 0 ? inside[d] / all[d] - of_.share : 0));
    }
    return best;
  }

 private:
  void AddRequest(std::int64_t time_ms, Rng& rng) {
    Request r{.time_ms = time_ms};
    std::vector<int> chosen;
    while (static_cast<int>(chosen.size()) < of_.candidates) {
      const int item = static_cast<int>(rng.Below(static_cast<std::uint64_t>(of_.items)));
      if (std::ranges::find(chosen, item) != chosen.end()) continue;
      chosen.push_back(item);
      if (time_ms < born_ms_[static_cast<std::size_t>(item)]) continue;
      r.candidates.push_back({item, quality_[static_cast<std::size_t>(item)] * std::exp(0.5 * rng.Normal())});
    }
    for (const double e : examination_) r.is_examined.push_back(rng.Chance(e));
    requests_.push_back(std::move(r));
  }

  const SimulatedContracts of_;
  std::vector<double> quality_, examination_;
  std::vector<std::int64_t> born_ms_;
  std::vector<Request> requests_;
};

}  // namespace gfr
