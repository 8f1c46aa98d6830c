#include "model/model.h"

#include <algorithm>
#include <cassert>
#include <nlohmann/json.hpp>

#include "base/hex.h"
#include "base/json_text.h"
#include "model/name_columns.h"

namespace gfr {
namespace {

constexpr int kNewestFormat = 6;
constexpr const char* kConfigurationFile = "configuration.toml";
constexpr const char* kLinks[] = {"logistic", "softmax", "mean"};
std::size_t LinkOf(const ObjectiveModel& objective) { return objective.mean ? 2 : objective.softmax ? 1 : 0; }

std::string ForestFile(const std::string& objective, Forest::Engine engine) {
  return objective + (engine == Forest::Engine::kXgboost ? ".ubj" : ".lightgbm.txt");
}

// What a forest of a version must be: one margin a row, which the links read as log odds.
Status CheckForest(const ObjectiveModel& entry, std::size_t columns) {
  const Forest& forest = entry.forest;
  if (static_cast<std::size_t>(forest.columns) > columns)
    return Error{ErrorCode::kCorrupt, "a forest has more columns than its model"};
  const bool xgboost = forest.engine == Forest::Engine::kXgboost;
  // LightGBM names no objective where the gradients were its caller's.
  const char* valid = entry.mean      ? (xgboost ? "reg:tweedie" : "tweedie")
                      : xgboost       ? "binary:logistic"
                      : entry.softmax ? ""
                                      : "binary";
  const bool ranks = xgboost && !entry.softmax && !entry.mean &&
                     (forest.objective == "rank:ndcg" || forest.objective == "rank:pairwise");
  if ((ranks || forest.objective == valid) && forest.classes == 1 && forest.link_scale == 1 && forest.average_over == 0)
    return {};
  return Error{ErrorCode::kInvalidArgument, "the forest of " + entry.name + " is of '" + forest.objective +
                                                "'; valid is '" + valid + "', with one margin a row"};
}

std::string CalibrationToJson(const ObjectiveModel& objective, const std::vector<std::string>& columns) {
  if (objective.slice_calibrators.empty()) return objective.calibrator.ToJson();
  auto json = ParseJson<nlohmann::json>(objective.calibrator.ToJson());
  auto& by = json["by"];
  by["column"] = columns[static_cast<std::size_t>(objective.slice_column)];
  for (const auto& [code, calibrator] : objective.slice_calibrators) {
    by["codes"].push_back(code);
    by["calibrators"].push_back(ParseJson<nlohmann::json>(calibrator.ToJson()));
  }
  return DumpJson(json, 1);
}

Status ReadCalibration(const std::string& text, const Model& model, ObjectiveModel* objective) {
  GFR_ASSIGN(objective->calibrator, Calibrator::FromJson(text));
  const auto kind = objective->calibrator.kind;
  if (objective->mean ? kind != Calibrator::Kind::kLogLinear && kind != Calibrator::Kind::kIsotonic
                      : kind == Calibrator::Kind::kLogLinear)
    return Error{ErrorCode::kCorrupt, "the calibration of " + objective->name + " is " + CalibratorName(kind) +
                                          ", which its link does not have"};
  const auto json = ParseJson<nlohmann::json>(text);
  if (!json.contains("by")) return {};
  const auto& by = json["by"];
  const auto column = std::ranges::find(model.columns, by.at("column").get<std::string>());
  const auto k = static_cast<std::size_t>(column - model.columns.begin());
  const auto codes = by.at("codes").get<std::vector<float>>();
  const auto& calibrators = by.at("calibrators");
  if (objective->softmax || objective->mean || column == model.columns.end() || !model.categorical[k] ||
      codes.size() != calibrators.size())
    return Error{ErrorCode::kCorrupt, "the calibration of " + objective->name +
                                          " is by a column that is no category of the model's, has lists that differ "
                                          "in length, or is of a link without slices"};
  objective->slice_column = static_cast<int>(k);
  for (std::size_t i = 0; i < codes.size(); ++i) {
    GFR_ASSIGN(objective->slice_calibrators[codes[i]], Calibrator::FromJson(DumpJson(calibrators[i])));
  }
  return {};
}

Status ReadFingerprints(const nlohmann::json& json, Model* model) {
  if (json.at("format") < 5 || (json.at("format") == 6 && !json.contains("column_fingerprints"))) return {};
  for (const auto& text : json.at("column_fingerprints")) {
    GFR_ASSIGN(const std::uint64_t fingerprint, ParseHex(text.get<std::string>()));
    model->column_fingerprints.push_back(fingerprint);
  }
  if (model->column_fingerprints.size() == model->columns.size()) return {};
  return Error{ErrorCode::kCorrupt, "model " + model->name + "/" + model->version + " has " +
                                        std::to_string(model->column_fingerprints.size()) + " fingerprints for " +
                                        std::to_string(model->columns.size()) + " columns"};
}

}  // namespace

std::map<std::string, std::string> ModelToFiles(const Model& model) {
  assert(model.forest_columns.empty());
  std::map<std::string, std::string> files;
  const bool softmax = std::ranges::any_of(model.objectives, &ObjectiveModel::softmax);
  const bool lightgbm = std::ranges::any_of(
      model.objectives, [](const ObjectiveModel& o) { return o.forest.engine == Forest::Engine::kLightgbm; });
  const bool sliced =
      std::ranges::any_of(model.objectives, [](const ObjectiveModel& o) { return !o.slice_calibrators.empty(); });
  const bool early =
      std::ranges::any_of(model.objectives, [](const ObjectiveModel& o) { return o.early_window_ms > 0; });
  const bool mean = std::ranges::any_of(model.objectives, &ObjectiveModel::mean);
  const int format = mean                                  ? 6
                     : !model.column_fingerprints.empty()  ? 5
                     : early || model.position_column >= 0 ? 4
                     : lightgbm || sliced                  ? 3
                     : softmax                             ? 2
                                                           : 1;
  nlohmann::json json{{"format", format},
                      {"feature_fingerprint", model.feature_fingerprint},
                      {"columns", model.columns},
                      {"card", model.card}};
  json["categorical"] = model.categorical;
  for (const std::uint64_t fingerprint : model.column_fingerprints)
    json["column_fingerprints"].push_back(HexText(fingerprint));
  if (!model.configuration.empty()) files[kConfigurationFile] = model.configuration;
  json["categories"] = nlohmann::json::array();
  for (const auto& codes : model.categories) {
    nlohmann::json pairs = nlohmann::json::array();
    for (const auto& [raw, code] : codes) pairs.push_back({raw, code});
    json["categories"].push_back(std::move(pairs));
  }
  for (const auto& [raw, text] : model.category_names) json["category_names"].push_back({raw, text});
  for (const ObjectiveModel& objective : model.objectives) {
    json["objectives"].push_back(objective.name);
    if (softmax || mean) json["links"].push_back(kLinks[LinkOf(objective)]);
    if (lightgbm) json["engines"].push_back(EngineName(objective.forest.engine));
    files[ForestFile(objective.name, objective.forest.engine)] =
        NameColumns(objective.forest_bytes, objective.forest.engine, model.columns);
    files[objective.name + ".calibration.json"] = CalibrationToJson(objective, model.columns);
    if (objective.early_window_ms > 0)
      json["early_windows"][objective.name] = {{"window_ms", objective.early_window_ms},
                                               {"maturation", objective.maturation}};
  }
  if (model.position_column >= 0)
    json["position"] = {{"column", model.position_column}, {"reference", model.position_reference}};
  files["model.json"] = DumpJson(json, 1);
  return files;
}

Result<Model> ModelFromFiles(const std::map<std::string, std::string>& files, const std::string& name,
                             const std::string& version) try {
  const auto json = ParseJson<nlohmann::json>(files.at("model.json"));
  if (const int format = json.at("format"); format < 1 || format > kNewestFormat)
    return Error{ErrorCode::kInvalidArgument, "model " + name + "/" + version + " is of format " +
                                                  std::to_string(format) + "; this gfr reads 1 to " +
                                                  std::to_string(kNewestFormat)};
  Model model;
  model.name = name;
  model.version = version;
  model.feature_fingerprint = json.at("feature_fingerprint");
  model.columns = json.at("columns").get<std::vector<std::string>>();
  model.categorical = json.at("categorical").get<std::vector<std::uint8_t>>();
  model.card = json.at("card").get<std::map<std::string, std::string>>();
  for (const auto& pairs : json.at("categories")) {
    auto& codes = model.categories.emplace_back();
    for (const auto& pair : pairs) codes[pair.at(0).get<float>()] = pair.at(1).get<float>();
  }
  if (json.contains("category_names")) {
    for (const auto& pair : json.at("category_names"))
      model.category_names[pair.at(0).get<float>()] = pair.at(1).get<std::string>();
  }
  GFR_TRY(ReadFingerprints(json, &model));
  if (files.contains(kConfigurationFile)) model.configuration = files.at(kConfigurationFile);
  if (model.categorical.size() != model.columns.size() || model.categories.size() != model.columns.size()) {
    return Error{ErrorCode::kCorrupt, "model " + name + "/" + version + ": its lists of columns differ in length"};
  }
  if (json.contains("position")) {
    model.position_column = json.at("position").at("column");
    model.position_reference = json.at("position").at("reference");
    if (model.position_column < 0 || static_cast<std::size_t>(model.position_column) >= model.columns.size())
      return Error{ErrorCode::kCorrupt, "model " + name + "/" + version + ": its position is none of its columns"};
  }
  for (const auto& objective : json.at("objectives")) {
    ObjectiveModel entry{.name = objective.get<std::string>()};
    if (json.contains("links")) {
      const auto& links = json.at("links");
      const auto link = std::ranges::find(kLinks, links.at(model.objectives.size()).get<std::string>());
      if (link == std::end(kLinks))
        return Error{ErrorCode::kCorrupt,
                     "the link of " + entry.name + " is unknown; known are logistic, softmax, mean"};
      entry.softmax = link == kLinks + 1;
      entry.mean = link == kLinks + 2;
    }
    auto engine = Forest::Engine::kXgboost;
    if (json.contains("engines")) {
      const std::string named = json.at("engines").at(model.objectives.size());
      if (named == EngineName(Forest::Engine::kLightgbm))
        engine = Forest::Engine::kLightgbm;
      else if (named != EngineName(engine))
        return Error{ErrorCode::kCorrupt,
                     "the engine of " + entry.name + " is '" + named + "'; known are xgboost, lightgbm"};
    }
    if (json.contains("early_windows") && json.at("early_windows").contains(entry.name)) {
      const auto& early = json.at("early_windows").at(entry.name);
      entry.early_window_ms = early.at("window_ms");
      entry.maturation = early.at("maturation");
      if (!(entry.maturation > 0 && entry.maturation <= 1))
        return Error{ErrorCode::kCorrupt, "the maturation of " + entry.name + " is no share above 0"};
    }
    entry.forest_bytes = files.at(ForestFile(entry.name, engine));
    GFR_ASSIGN(entry.forest, engine == Forest::Engine::kXgboost ? ParseXgboost(entry.forest_bytes)
                                                                : ParseLightgbm(entry.forest_bytes));
    GFR_TRY(CheckForest(entry, model.columns.size()));
    GFR_TRY(ReadCalibration(files.at(entry.name + ".calibration.json"), model, &entry));
    model.objectives.push_back(std::move(entry));
  }
  return model;
} catch (const std::exception& e) {
  return Error{ErrorCode::kCorrupt, "model " + name + "/" + version + " cannot be read: " + e.what()};
}

}  // namespace gfr
