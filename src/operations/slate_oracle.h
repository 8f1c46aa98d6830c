// SlateOracle: what slates bring on the simulated market, without drawing: truth for judging rankings, experiments and
// automation.
//
// Thread safety: Answer from any thread.
#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <string_view>

#include "base/result.h"
#include "simulate/market.h"

namespace gfr {

class SlateOracle {
 public:
  // Of the market that `gfr simulate` makes with the same configuration. Runs its whole history, for the prices of
  // every day.
  static Result<SlateOracle> Make(const MarketConfig& config);

  // `line`: {"user_id": "u100003", "time": RFC 3339 or milliseconds, "items": ["i100007", ...]}, more members are
  // ignored. The answer has clicks, carts, purchases, revenue (each also at_once), returned_revenue, net_revenue and
  // unknown_items. kInvalidArgument says what is wrong with the line.
  Result<nlohmann::ordered_json> Answer(std::string_view line) const;

 private:
  explicit SlateOracle(std::unique_ptr<const Market> market) : market_(std::move(market)) {}
  std::unique_ptr<const Market> market_;
};

}  // namespace gfr
