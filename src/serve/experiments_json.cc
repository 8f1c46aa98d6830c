#include "serve/experiments_json.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/json_text.h"

namespace gfr {
namespace {

using Json = nlohmann::ordered_json;

Json TreatmentJson(const Treatment& t) {
  Json json{{"name", t.name}, {"weight", t.weight}};
  if (!t.model.empty()) json["model"] = t.model;
  json["feed"] = t.feed.keys();
  json["value"] = ParseJson<Json>(t.value);
  return json;
}

Json RangeJson(const BucketRange& range) { return Json::array({range.low, range.high}); }

Json ExperimentJson(const Experiment& e) {
  Json json{{"name", e.name}, {"status", e.running ? "running" : "off"}, {"share", e.share}, {"salt", e.salt}};
  if (e.interleaves) json["design"] = "interleaving";
  if (e.bandit) json["design"] = "bandit", json["reward"] = e.bandit->reward, json["floor"] = e.bandit->floor;
  if (e.clusters)
    json["design"] = e.clusters->period_ms > 0 ? "switchback" : "clusters", json["cluster"] = e.clusters->by;
  if (!e.name_space.empty()) json["namespace"] = {{"name", e.name_space}, {"range", RangeJson(e.range)}};
  if (e.when) json["when"] = e.when->text();
  json["feeds"] = e.arms.front().feeds;
  const std::vector<BucketRange> ranges = e.Ranges();
  for (std::size_t a = 0; a < e.arms.size(); ++a) {
    json["arms"].push_back(TreatmentJson(e.arms[a]));
    json["arms"].back()["range"] = RangeJson(ranges[a]);
  }
  return json;
}

}  // namespace

Json ExperimentsJson(const Assigner& assigner) {
  const Experiments& of = assigner.experiments();
  Json json{{"variants", Json::array()}, {"experiments", Json::array()}};
  if (of.holdout) json["holdout"] = {{"share", of.holdout->share}, {"rotate_days", of.holdout->rotate_ms / kDayMs}};
  for (const Treatment& variant : of.variants) {
    json["variants"].push_back(TreatmentJson(variant));
    json["variants"].back()["feeds"] = variant.feeds;
    json["variants"].back()["share"] =
        static_cast<double>(std::ranges::count(assigner.allocation().variants, variant.name)) / kBuckets;
  }
  for (const Experiment& e : of.all) {
    json["experiments"].push_back(ExperimentJson(e));
    const auto versions = assigner.allocation().periods.find(e.name);
    if (!e.bandit || versions == assigner.allocation().periods.end() || versions->second.empty()) continue;
    json["experiments"].back()["version"] = versions->second.size();
    json["experiments"].back()["probabilities"] = versions->second.back().shares;
  }
  return json;
}

}  // namespace gfr
