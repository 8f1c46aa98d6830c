#include "model/model.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace gfr {
namespace {

constexpr int kNewestFormat = 2;
constexpr const char* kLinks[] = {"logistic", "softmax"};

}  // namespace

std::map<std::string, std::string> ModelToFiles(const Model& model) {
  std::map<std::string, std::string> files;
  const bool softmax = std::ranges::any_of(model.objectives, &ObjectiveModel::softmax);
  nlohmann::json json{{"format", softmax ? 2 : 1},
                      {"feature_fingerprint", model.feature_fingerprint},
                      {"columns", model.columns},
                      {"card", model.card}};
  json["categorical"] = model.categorical;
  json["categories"] = nlohmann::json::array();
  for (const auto& codes : model.categories) {
    nlohmann::json pairs = nlohmann::json::array();
    for (const auto& [raw, code] : codes) pairs.push_back({raw, code});
    json["categories"].push_back(std::move(pairs));
  }
  for (const ObjectiveModel& objective : model.objectives) {
    json["objectives"].push_back(objective.name);
    if (softmax) json["links"].push_back(kLinks[objective.softmax]);
    files[objective.name + ".ubj"] = objective.forest_bytes;
    files[objective.name + ".calibration.json"] = objective.calibrator.ToJson();
  }
  files["model.json"] = json.dump(1);
  return files;
}

Result<Model> ModelFromFiles(const std::map<std::string, std::string>& files, const std::string& name,
                             const std::string& version) try {
  const auto json = nlohmann::json::parse(files.at("model.json"));
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
  if (model.categorical.size() != model.columns.size() || model.categories.size() != model.columns.size()) {
    return Error{ErrorCode::kCorrupt, "model " + name + "/" + version + ": its lists of columns differ in length"};
  }
  for (const auto& objective : json.at("objectives")) {
    ObjectiveModel entry{.name = objective.get<std::string>()};
    if (json.contains("links")) {
      const auto& links = json.at("links");
      const auto link = std::ranges::find(kLinks, links.at(model.objectives.size()).get<std::string>());
      if (link == std::end(kLinks))
        return Error{ErrorCode::kCorrupt, "the link of " + entry.name + " is unknown; known are logistic, softmax"};
      entry.softmax = link != kLinks;
    }
    entry.forest_bytes = files.at(entry.name + ".ubj");
    GFR_ASSIGN(entry.forest, ParseXgboost(entry.forest_bytes));
    if (static_cast<std::size_t>(entry.forest.columns) > model.columns.size())
      return Error{ErrorCode::kCorrupt, "a forest has more columns than its model"};
    if (entry.forest.objective != "binary:logistic" || entry.forest.classes != 1)
      return Error{ErrorCode::kInvalidArgument,
                   "the forest of " + entry.name + " is of '" + entry.forest.objective + "'; valid is binary:logistic"};
    GFR_ASSIGN(entry.calibrator, Calibrator::FromJson(files.at(entry.name + ".calibration.json")));
    model.objectives.push_back(std::move(entry));
  }
  return model;
} catch (const std::exception& e) {
  return Error{ErrorCode::kCorrupt, "model " + name + "/" + version + " cannot be read: " + e.what()};
}

}  // namespace gfr
