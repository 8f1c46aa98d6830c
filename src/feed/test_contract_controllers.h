// Who prices a simulated market's contracts: the duals that serve, a PID controller by the clock, nobody. For tests and
// benchmarks.
#pragma once

#include <algorithm>
#include <map>
#include <set>

#include "feed/contract_duals.h"
#include "feed/test_contracts.h"

namespace gfr {

inline std::vector<ContractTarget> TargetsOf(const SimulatedContracts& of) {
  return {{.id = "home/new", .kind = FeedContract::Kind::kEachItem, .views = of.owed, .within_ms = of.within_ms},
          {.id = "home/seller", .kind = FeedContract::Kind::kShare, .share = of.share}};
}

inline ContractMarket::Outcome RunUnpriced(const ContractMarket& market) {
  return market.Run([](int, std::int64_t) { return 0.0; }, [](const auto&, double) {}, [](int, std::int64_t) {});
}

// As a server does: prices follow once a minute.
inline ContractMarket::Outcome RunDuals(const ContractMarket& market, const SimulatedContracts& of) {
  ContractDuals duals(TargetsOf(of));
  ContractPrices prices;
  std::int64_t priced_ms = 0;
  const auto find = [&](const char* contract) { return prices.Find("home", contract, ""); };
  return market.Run(
      [&](int item, std::int64_t time_ms) {
        double price = 0;
        if (const auto* owes = find("new"); owes != nullptr && market.IsOwed(item, time_ms)) {
          const auto at = owes->by_item.find(static_cast<Key>(item) + 1);
          price += at == owes->by_item.end() ? owes->price : at->second;
        }
        if (const auto* seller = find("seller"); seller != nullptr && market.OfSeller(item)) price -= seller->price;
        return price;
      },
      [&](const ContractMarket::Request& r, double value) {
        duals.Served("", r.time_ms, value);
        for (const auto& c : r.candidates) {
          if (market.IsOwed(c.item, r.time_ms)) duals.Eligible(0, "", static_cast<Key>(c.item) + 1, r.time_ms);
        }
        if (r.time_ms - priced_ms < kMinuteMs) return;
        prices = duals.Prices();
        priced_ms = r.time_ms;
      },
      [&](int item, std::int64_t time_ms) {
        std::vector<std::uint32_t> inside;
        if (market.IsOwed(item, time_ms)) inside.push_back(0);
        if (market.OfSeller(item)) inside.push_back(1);
        duals.Viewed("", static_cast<Key>(item) + 1, inside, time_ms);
      });
}

// Prices in proportion to how far each contract is behind a plan by the clock, to the sum and to the change of that.
inline ContractMarket::Outcome RunPid(const ContractMarket& market, const SimulatedContracts& of) {
  struct Pid {
    double sum = 0, last = 0;
    double Next(double error, double p, double i, double d) {
      sum = std::clamp(sum + error, -200.0, 200.0);
      const double out = p * error + i * sum + d * (error - last);
      last = error;
      return std::max(0.0, out);
    }
  };
  std::map<int, double> views, price;
  std::map<int, Pid> items;
  Pid seller_pid;
  double seller_price = 0, inside = 0, all = 0, scale = 1;
  std::int64_t stepped_ms = 0, day = 0;
  return market.Run(
      [&](int item, std::int64_t time_ms) {
        const auto at = price.find(item);
        return (market.IsOwed(item, time_ms) && at != price.end() ? at->second : 0) -
               (market.OfSeller(item) ? seller_price : 0);
      },
      [&](const ContractMarket::Request& r, double value) {
        scale += 0.001 * (value - scale);
        if (r.time_ms / kDayMs != day) inside = all = 0;
        day = r.time_ms / kDayMs;
        if (r.time_ms - stepped_ms < kMinuteMs) return;
        stepped_ms = r.time_ms;
        for (int item = 0; item < of.new_items; ++item) {
          if (!market.IsOwed(item, r.time_ms)) continue;
          const double plan = of.owed * std::min(1.0, static_cast<double>(r.time_ms - market.born_ms(item)) /
                                                          (0.8 * static_cast<double>(of.within_ms)));
          price[item] =
              views[item] >= of.owed ? 0 : scale * items[item].Next((plan - views[item]) / of.owed, 10, 0.02, 5);
        }
        if (all > 50) seller_price = scale * seller_pid.Next((inside / all - of.share) / of.share, 1, 0.01, 1);
      },
      [&](int item, std::int64_t time_ms) {
        if (market.IsOwed(item, time_ms)) ++views[item];
        inside += market.OfSeller(item);
        ++all;
      });
}

}  // namespace gfr
