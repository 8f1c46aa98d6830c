#include "operations/experiment_erasures.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/json_number.h"
#include "base/json_text.h"
#include "base/time.h"

namespace gfr {
namespace {

using Json = nlohmann::ordered_json;

Result<Json> ReadErasures(FileSystem& fs, const std::string& path) {
  if (!fs.Exists(path)) return Json::array();
  GFR_ASSIGN(const std::string text, fs.ReadAll(path));
  Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  const bool is_list =
      json.is_array() && std::ranges::all_of(json, [](const Json& one) {
        return one.is_object() && one.contains("at") && one.contains("experiments") && one["experiments"].is_array();
      });
  if (!is_list) return Error{ErrorCode::kCorrupt, "it is no list of erasures", {path, 0}};
  return json;
}

}  // namespace

Json ErasureOf(const ExperimentReport& before, const ExperimentReport& after,
               const std::vector<MetricConfig>& metrics) {
  Json all = Json::array();
  for (const ExperimentResults& was : before.results) {
    const auto now = std::ranges::find(after.results, was.design.name,
                                       [](const ExperimentResults& r) -> const std::string& { return r.design.name; });
    if (now == after.results.end()) continue;
    Json left = Json::object();
    for (std::size_t a = 0; a < was.exposed.size(); ++a) {
      if (was.exposed[a] > now->exposed[a]) left[was.design.arms[a]] = was.exposed[a] - now->exposed[a];
    }
    if (left.empty()) continue;
    Json effects = Json::array();
    for (const MetricResult& m : was.metrics) {
      const auto same = std::ranges::find_if(
          now->metrics, [&](const MetricResult& other) { return other.metric == m.metric && other.arm == m.arm; });
      effects.push_back(
          {{"metric", metrics[m.metric].name},
           {"arm", m.arm},
           {"relative",
            {JsonNumber(m.relative.value), same == now->metrics.end() ? Json() : JsonNumber(same->relative.value)}}});
    }
    all.push_back({{"experiment", was.design.name},
                   {"users_left", left},
                   {"decision", {NameOf(was.verdict), NameOf(now->verdict)}},
                   {"effects", effects}});
  }
  return all;
}

Status RecordErasure(FileSystem& fs, const std::string& path, const Json& of, std::int64_t now_ms) {
  if (of.empty()) return {};
  GFR_ASSIGN(Json all, ReadErasures(fs, path));
  all.push_back({{"at", FormatTime(now_ms)}, {"experiments", of}});
  GFR_TRY(fs.MakeFolders(path.substr(0, path.rfind('/'))));
  return PublishFile(fs, path, DumpJson(all, 2) + "\n");
}

Status AddErasures(FileSystem& fs, const std::string& path, Json* report) {
  GFR_ASSIGN(const Json all, ReadErasures(fs, path));
  for (const Json& erasure : all) {
    for (Json of : erasure["experiments"]) {
      for (Json& e : report->at("experiments")) {
        if (!of.is_object() || of.value("experiment", "") != e["experiment"]) continue;
        of.erase("experiment");
        Json one{{"at", erasure["at"]}};
        one.update(of);
        e["erasures"].push_back(std::move(one));
      }
    }
  }
  return {};
}

}  // namespace gfr
