#include "automation/scale_bounds.h"

#include <algorithm>

#include "base/json_text.h"
#include "base/time.h"

namespace gfr {
namespace {

using BoundsJson = nlohmann::ordered_json;

// kCorrupt: a number that is none, or out of range.
Result<std::optional<int>> CountIn(const BoundsJson& json, const char* name, const std::string& path) {
  if (!json.contains(name)) return std::optional<int>();
  const BoundsJson& value = json[name];
  if (!value.is_number_integer() || value.get<std::int64_t>() < 1 || value.get<std::int64_t>() > 10'000)
    return Error{ErrorCode::kCorrupt, std::string(name) + " is no number from 1 to 10,000", {path, 0}};
  return std::optional<int>(value.get<int>());
}

}  // namespace

std::string ScaleBoundsPath(const std::string& project_folder) { return JoinPath(project_folder, "data/scale.json"); }

Result<std::optional<ScaleBounds>> ScaleBounds::Read(FileSystem& fs, const std::string& path) {
  if (!fs.Exists(path)) return std::optional<ScaleBounds>();
  GFR_ASSIGN(const std::string text, fs.ReadAll(path));
  const auto json = ParseJson<BoundsJson>(text, /*throws=*/false);
  if (!json.is_object()) return Error{ErrorCode::kCorrupt, "it is no JSON object", {path, 0}};
  ScaleBounds bounds;
  GFR_ASSIGN(bounds.min_replicas, CountIn(json, "min_replicas", path));
  GFR_ASSIGN(bounds.max_replicas, CountIn(json, "max_replicas", path));
  if (json.contains("until") && json["until"].is_string()) {
    GFR_ASSIGN(bounds.until_ms, ParseTime(json["until"].get<std::string>()));
  }
  if (json.contains("by") && json["by"].is_string()) bounds.by = json["by"].get<std::string>();
  return std::optional<ScaleBounds>(std::move(bounds));
}

Status ScaleBounds::Write(FileSystem& fs, const std::string& path) const {
  BoundsJson json = BoundsJson::object();
  if (min_replicas) json["min_replicas"] = *min_replicas;
  if (max_replicas) json["max_replicas"] = *max_replicas;
  if (until_ms != 0) json["until"] = FormatTime(until_ms);
  json["by"] = by;
  return PublishFile(fs, path, DumpJson(json, 2) + "\n");
}

ScalingRules ScaleBounds::Of(ScalingRules rules, std::int64_t now_ms) const {
  if (until_ms != 0 && now_ms >= until_ms) return rules;
  if (max_replicas) {
    rules.max_replicas = *max_replicas;
    rules.min_replicas = std::min(rules.min_replicas, *max_replicas);
  }
  if (min_replicas) {
    rules.min_replicas = *min_replicas;
    rules.max_replicas = std::max(rules.max_replicas, *min_replicas);
  }
  return rules;
}

}  // namespace gfr
