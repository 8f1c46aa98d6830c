#include "model/forest.h"

#include <cmath>
#include <nlohmann/json.hpp>

namespace gfr {
namespace {

using Json = nlohmann::json;

Error Bad(const std::string& what) { return {ErrorCode::kCorrupt, "not an XGBoost model: " + what}; }

Status AddTree(const Json& tree, Forest& forest) {
  const auto& left = tree.at("left_children");
  const auto& right = tree.at("right_children");
  const auto& feature = tree.at("split_indices");
  const auto& condition = tree.at("split_conditions");
  const auto& default_left = tree.at("default_left");
  const std::size_t n = left.size();
  if (n == 0 || n > (1u << 24) || right.size() != n || feature.size() != n || condition.size() != n ||
      default_left.size() != n) {
    return Bad("a tree's arrays differ in length");
  }
  if (tree.contains("categories_nodes") && !tree.at("categories_nodes").empty()) {
    return Error{ErrorCode::kInvalidArgument,
                 "the model has categorical splits (categories_nodes), which are not supported"};
  }
  const auto base = static_cast<std::int32_t>(forest.feature.size());
  forest.root.push_back(base);
  for (std::size_t i = 0; i < n; ++i) {
    const auto l = left[i].get<std::int64_t>(), r = right[i].get<std::int64_t>(), f = feature[i].get<std::int64_t>();
    const bool leaf = l == -1 && r == -1;
    const auto self = static_cast<std::int64_t>(i), size = static_cast<std::int64_t>(n);
    if (!leaf && (l <= self || r <= self || l >= size || r >= size || f < 0 || f >= forest.columns))
      return Bad("a node points outside its tree");
    forest.feature.push_back(leaf ? -1 : static_cast<std::int32_t>(f));
    forest.left.push_back(leaf ? -1 : base + static_cast<std::int32_t>(l));
    forest.right.push_back(leaf ? -1 : base + static_cast<std::int32_t>(r));
    forest.value.push_back(condition[i].get<float>());
    forest.default_left.push_back(default_left[i].get<int>() != 0);
  }
  return {};
}

}  // namespace

Result<Forest> ParseXgboost(std::string_view bytes) try {
  const bool text = bytes.size() > 1 && bytes[0] == '{' &&
                    (bytes[1] == '"' || bytes[1] == '\n' || bytes[1] == ' ' || bytes[1] == '\r');
  const Json model = text ? Json::parse(bytes) : Json::from_ubjson(bytes);
  const Json& learner = model.at("learner");
  const std::string objective = learner.at("objective").at("name").get<std::string>();
  if (objective != "binary:logistic")
    return Error{ErrorCode::kInvalidArgument,
                 "the model's objective is '" + objective + "'; supported is binary:logistic"};
  const Json& parameters = learner.at("learner_model_param");
  std::string base_score = parameters.at("base_score").get<std::string>();
  if (!base_score.empty() && base_score.front() == '[') base_score = base_score.substr(1, base_score.size() - 2);
  Forest forest;
  forest.columns = std::stoi(parameters.at("num_feature").get<std::string>());
  const float p = std::stof(base_score);
  if (!(p > 0 && p < 1) || forest.columns < 1 || forest.columns > 1 << 20)
    return Bad("base_score or num_feature is out of range");
  forest.base_margin = -std::log(1.0f / p - 1.0f);
  for (const Json& tree : learner.at("gradient_booster").at("model").at("trees")) GFR_TRY(AddTree(tree, forest));
  return forest;
} catch (const std::exception& e) {
  return Bad(e.what());
}

}  // namespace gfr
