#include "experiment/allocation.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <numeric>

#include "base/json_text.h"

namespace gfr {
namespace {

using Json = nlohmann::ordered_json;

// Shares of the weights in buckets, rounded so that they add up.
std::vector<int> BucketsOf(const std::vector<double>& weights) {
  const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
  std::vector<int> buckets(weights.size());
  std::vector<double> rest(weights.size());
  int given = 0;
  for (std::size_t v = 0; v < weights.size(); ++v) {
    const double exact = weights[v] / sum * kBuckets;
    buckets[v] = static_cast<int>(exact);
    rest[v] = exact - buckets[v];
    given += buckets[v];
  }
  std::vector<std::size_t> order(weights.size());
  std::iota(order.begin(), order.end(), 0);
  std::ranges::stable_sort(order, std::greater(), [&](std::size_t v) { return rest[v]; });
  for (std::size_t k = 0; given < kBuckets; ++k, ++given) ++buckets[order[k % order.size()]];
  return buckets;
}

Allocation::Arms ArmsOf(const Experiment& e) {
  Allocation::Arms arms{.salt = e.salt,
                        .name_space = e.name_space,
                        .when = e.when ? e.when->text() : "",
                        .range = e.range,
                        .by_name = {},
                        .design = e.bandit ? "bandit"
                                  : e.clusters
                                      ? "clusters/" + e.clusters->by + "/" + std::to_string(e.clusters->period_ms)
                                      : ""};
  const std::vector<BucketRange> ranges = e.Ranges();
  for (std::size_t a = 0; a < ranges.size(); ++a) arms.by_name[e.arms[a].name] = ranges[a];
  return arms;
}

const std::string* ArmAt(const Allocation::Arms& arms, double bucket) {
  for (const auto& [name, range] : arms.by_name) {
    if (range.Has(bucket)) return &name;
  }
  return nullptr;
}

// What would move units of the experiment; empty: nothing.
std::string MovedBy(const Allocation::Arms& before, const Allocation::Arms& now) {
  if (before.salt != now.salt) return "its salt";
  if (before.when != now.when) return "`when`";
  if (before.name_space != now.name_space || now.range.low > before.range.low || now.range.high < before.range.high)
    return "its part of the namespace";
  if (before.design != now.design) return "its design";
  if (now.is_bandit()) {  // Every arm has the whole share.
    for (const auto& [arm, range] : before.by_name) {
      const auto at = now.by_name.find(arm);
      if (at == now.by_name.end()) return "the end of its arm '" + arm + "'";
      if (at->second.high < range.high) return "its share, which went down,";
    }
    return "";
  }
  for (int k = 0; k < kBuckets; ++k) {
    const double bucket = k / static_cast<double>(kBuckets);
    const std::string *was = ArmAt(before, bucket), *is = ArmAt(now, bucket);
    if (was && (!is || *is != *was)) return is ? "the weights of its arms" : "its share, which went down,";
  }
  return "";
}

// From `now_ms` on, where these are others than before.
void AddPeriod(std::map<std::string, double> shares, std::int64_t now_ms, std::vector<Allocation::Period>* periods) {
  if (periods->empty() || periods->back().shares != shares) periods->push_back({now_ms, std::move(shares)});
}

std::map<std::string, double> SharesOf(const Experiment& e) {
  std::map<std::string, double> shares;
  const std::vector<BucketRange> ranges = e.Ranges();
  for (std::size_t a = 0; a < ranges.size(); ++a) shares[e.arms[a].name] = ranges[a].high - ranges[a].low;
  return shares;
}

Json RangeJson(const BucketRange& range) { return Json::array({range.low, range.high}); }
BucketRange RangeOf(const Json& json) { return {json.at(0).get<double>(), json.at(1).get<double>()}; }

}  // namespace

std::vector<std::string> AllocateVariants(const std::vector<Treatment>& variants,
                                          const std::vector<std::string>& before) {
  if (variants.empty()) return {};
  std::vector<double> weights;
  for (const Treatment& v : variants) weights.push_back(v.weight);
  std::vector<int> wanted = BucketsOf(weights);
  std::vector<std::string> owners(kBuckets);
  // First everyone keeps what they had, up to what they are to have.
  for (std::size_t b = 0; b < before.size() && b < owners.size(); ++b) {
    const auto at = std::ranges::find(variants, before[b], &Treatment::name);
    if (at == variants.end()) continue;
    int& left = wanted[static_cast<std::size_t>(at - variants.begin())];
    if (left > 0) owners[b] = before[b], --left;
  }
  std::size_t next = 0;
  for (std::string& owner : owners) {
    if (!owner.empty()) continue;
    while (wanted[next] == 0) ++next;
    owner = variants[next].name;
    --wanted[next];
  }
  return owners;
}

bool AddVersion(const Experiment& bandit, const std::vector<double>& probabilities, std::int64_t now_ms,
                Allocation* allocation) {
  std::map<std::string, double> shares;
  const std::vector<int> buckets = BucketsOf(probabilities);
  for (std::size_t a = 0; a < buckets.size(); ++a)
    shares[bandit.arms[a].name] = static_cast<double>(buckets[a]) / kBuckets;
  std::vector<Allocation::Period>& versions = allocation->periods[bandit.name];
  const std::size_t before = versions.size();
  AddPeriod(std::move(shares), now_ms, &versions);
  return versions.size() > before;
}

Result<Allocation> Allocate(const Experiments& experiments, const Allocation& before, std::int64_t now_ms) {
  Allocation allocation;
  allocation.variants = AllocateVariants(experiments.variants, before.variants);
  const auto keep_periods = [&](const std::string& name) {
    if (const auto was = before.periods.find(name); was != before.periods.end()) allocation.periods[name] = was->second;
  };
  if (!experiments.variants.empty()) {
    keep_periods(kVariantName);
    std::map<std::string, double> shares;
    for (const Treatment& v : experiments.variants)
      shares[v.name] = static_cast<double>(std::ranges::count(allocation.variants, v.name)) / kBuckets;
    AddPeriod(std::move(shares), now_ms, &allocation.periods[kVariantName]);
  }
  for (const Experiment& e : experiments.all) {
    keep_periods(e.name);
    if (!e.running) continue;
    const Allocation::Arms arms = ArmsOf(e);
    if (const auto was = before.running.find(e.name); was != before.running.end()) {
      if (const std::string moved = MovedBy(was->second, arms); !moved.empty())
        return Error{ErrorCode::kInvalidArgument,
                     "experiment '" + e.name + "' is running, and " + moved +
                         " would move units that are in it; only its share and its part of the namespace may grow. "
                         "Turn it off first, or give what is new another name"};
    }
    allocation.running[e.name] = arms;
    if (!e.bandit) {
      AddPeriod(SharesOf(e), now_ms, &allocation.periods[e.name]);
      continue;
    }
    // Its first version, and one where there is a new arm, are even: nothing is known of it.
    const auto& versions = allocation.periods[e.name];
    const auto is_new = [&](const Treatment& arm) { return !versions.back().shares.contains(arm.name); };
    if (versions.empty() || std::ranges::any_of(e.arms, is_new))
      AddVersion(e, std::vector<double>(e.arms.size(), 1.0 / static_cast<double>(e.arms.size())), now_ms, &allocation);
  }
  return allocation;
}

std::string Allocation::ToJson() const {
  Json json{{"format", 1}, {"variants", Json::array()}, {"experiments", Json::object()}};
  for (const std::string& owner : variants) {  // Runs of one owner.
    Json& runs = json["variants"];
    if (runs.empty() || runs.back()[0] != owner)
      runs.push_back({owner, 1});
    else
      runs.back()[1] = runs.back()[1].get<int>() + 1;
  }
  for (const auto& [name, arms] : running) {
    Json& e = json["experiments"][name];
    e = {{"salt", arms.salt},
         {"namespace", arms.name_space},
         {"when", arms.when},
         {"range", RangeJson(arms.range)},
         {"arms", Json::object()}};
    if (!arms.design.empty()) e["design"] = arms.design;
    for (const auto& [arm, range] : arms.by_name) e["arms"][arm] = RangeJson(range);
  }
  for (const auto& [name, of] : periods) {
    for (const Period& p : of) json["periods"][name].push_back({{"from", FormatTime(p.from_ms)}, {"shares", p.shares}});
  }
  return DumpJson(json, 1) + "\n";
}

Result<Allocation> Allocation::FromJson(std::string_view text) try {
  const Json json = ParseJson<Json>(text);
  if (json.at("format") != 1)
    return Error{ErrorCode::kCorrupt, "the allocation of units is of another format; a newer gfr wrote it"};
  Allocation allocation;
  for (const Json& run : json.at("variants")) {
    const int count = run.at(1).get<int>();
    if (count < 1 || allocation.variants.size() + static_cast<std::size_t>(count) > kBuckets)
      return Error{ErrorCode::kCorrupt, "the allocation of units has more buckets than there are"};
    allocation.variants.insert(allocation.variants.end(), static_cast<std::size_t>(count),
                               run.at(0).get<std::string>());
  }
  for (const auto& [name, e] : json.at("experiments").items()) {
    Arms& arms = allocation.running[name];
    arms = {.salt = e.at("salt"),
            .name_space = e.at("namespace"),
            .when = e.at("when"),
            .range = RangeOf(e.at("range")),
            .by_name = {},
            .design = e.value("design", std::string())};
    for (const auto& [arm, range] : e.at("arms").items()) arms.by_name[arm] = RangeOf(range);
  }
  if (!json.contains("periods")) return allocation;  // Written before there were any.
  for (const auto& [name, periods] : json["periods"].items()) {
    for (const Json& p : periods) {
      GFR_ASSIGN(const std::int64_t from_ms, ParseTime(p.at("from").get<std::string>()));
      allocation.periods[name].push_back({from_ms, p.at("shares").get<std::map<std::string, double>>()});
    }
  }
  return allocation;
} catch (const std::exception& e) {
  return Error{ErrorCode::kCorrupt, std::string("the allocation of units cannot be read: ") + e.what()};
}

}  // namespace gfr
