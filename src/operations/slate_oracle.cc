#include "operations/slate_oracle.h"

#include <string>
#include <utility>
#include <vector>

#include "base/json_text.h"
#include "base/time.h"

namespace gfr {

using OracleJson = nlohmann::ordered_json;

Result<SlateOracle> SlateOracle::Make(const MarketConfig& config) {
  auto market = std::make_unique<Market>(config);
  GFR_TRY(market->Run([](Event&&) -> Status { return {}; }));
  return SlateOracle(std::move(market));
}

Result<OracleJson> SlateOracle::Answer(std::string_view line) const {
  const auto refuse = [](const std::string& what) { return Error{ErrorCode::kInvalidArgument, what}; };
  const OracleJson slate = ParseJson<OracleJson>(line, /*throws=*/false);
  if (!slate.is_object()) return refuse("is not a JSON object");
  if (!slate.contains("user_id") || !slate["user_id"].is_string()) return refuse("has no text \"user_id\"");
  const int user = market_->FindUser(slate["user_id"].get<std::string>());
  if (user < 0) return refuse("names the user " + DumpJson(slate["user_id"]) + ", whom the market does not have");
  if (!slate.contains("time")) return refuse("has no \"time\"");
  std::int64_t time_ms = 0;
  if (slate["time"].is_number_integer()) {
    time_ms = slate["time"].get<std::int64_t>();
  } else if (slate["time"].is_string()) {
    GFR_ASSIGN(time_ms, ParseTime(slate["time"].get<std::string>()));
  } else {
    return refuse("has a \"time\" that is neither RFC 3339 nor whole milliseconds");
  }
  if (!slate.contains("items") || !slate["items"].is_array()) return refuse("has no array \"items\"");
  std::vector<std::string> items;
  int unknown = 0;
  for (const OracleJson& item : slate["items"]) {
    if (!item.is_string()) return refuse("has an item that is no text");
    items.push_back(item.get<std::string>());
    unknown += market_->FindItem(items.back()) < 0;
  }
  const SlateExpectation e = market_->Expect(user, items, time_ms);
  return OracleJson{{"clicks", e.clicks},
                    {"carts", e.carts},
                    {"purchases", e.purchases},
                    {"purchases_at_once", e.purchases_at_once},
                    {"revenue", e.revenue},
                    {"revenue_at_once", e.revenue_at_once},
                    {"returned_revenue", e.returned_revenue},
                    {"net_revenue", e.net_revenue()},
                    {"unknown_items", unknown}};
}

}  // namespace gfr
