#include "model/forest.h"

#include <algorithm>
#include <cmath>

namespace gfr {

Status AddTree(const TreeNodes& tree, int tree_class, const std::string& where, Forest& forest) {
  const auto n = static_cast<std::int32_t>(tree.left.size());
  const auto bad = [&](std::int32_t node, const std::string& what) {
    return Error{ErrorCode::kCorrupt, where + ": node " + std::to_string(node) + " " + what};
  };
  if (n == 0) return Error{ErrorCode::kCorrupt, where + ": a tree without nodes"};
  if (forest.feature.size() + static_cast<std::size_t>(n) > static_cast<std::size_t>(INT32_MAX) / 2)
    return Error{ErrorCode::kResourceExhausted, where + ": more than 2^30 nodes"};
  std::vector<std::int32_t> stack = {0};
  std::vector<std::uint8_t> seen(static_cast<std::size_t>(n), 0);
  seen[0] = 1;
  while (!stack.empty()) {
    const std::int32_t i = stack.back();
    stack.pop_back();
    if (std::isnan(tree.value[i])) return bad(i, "has a threshold or a leaf that is not a number");
    if (tree.left[i] == -1) {
      if (std::isinf(tree.value[i])) return bad(i, "is a leaf of infinite value");
      continue;
    }
    if (tree.feature[i] < 0 || tree.feature[i] >= forest.columns)
      return bad(i, "splits on column " + std::to_string(tree.feature[i]) + "; valid are 0 to " +
                        std::to_string(forest.columns - 1));
    for (const std::int32_t child : {tree.left[i], tree.right[i]}) {
      if (child < 0 || child >= n)
        return bad(i, "has the child " + std::to_string(child) + "; valid are 0 to " + std::to_string(n - 1));
      if (seen[child]) return bad(i, "has the child " + std::to_string(child) + ", which has another parent");
      seen[child] = 1;
      stack.push_back(child);
    }
  }
  std::vector<std::int32_t> place(static_cast<std::size_t>(n), -1);
  auto next = static_cast<std::int32_t>(forest.feature.size());
  for (std::int32_t i = 0; i < n; ++i) {
    if (seen[i]) place[i] = next++;
  }
  forest.root.push_back(place[0]);
  forest.tree_class.push_back(tree_class);
  for (std::int32_t i = 0; i < n; ++i) {
    if (!seen[i]) continue;
    const bool leaf = tree.left[i] == -1;
    forest.feature.push_back(leaf ? -1 : tree.feature[i]);
    forest.left.push_back(leaf ? -1 : place[tree.left[i]]);
    forest.right.push_back(leaf ? -1 : place[tree.right[i]]);
    forest.value.push_back(tree.value[i]);
    forest.default_left.push_back(tree.default_left[i]);
    forest.missing.push_back(tree.missing[i]);
    forest.category_set.push_back(leaf ? -1 : tree.category_set[i]);
    forest.cover.push_back(tree.cover.empty() ? 0 : tree.cover[i]);
  }
  return {};
}

const char* EngineName(Forest::Engine engine) { return engine == Forest::Engine::kXgboost ? "xgboost" : "lightgbm"; }

namespace {

// What people hand over instead of a model, by its first bytes; null: something else.
const char* WhatItIs(std::string_view bytes) {
  const std::size_t first = std::min(bytes.find_first_not_of(" \t\r\n"), bytes.size());
  if (bytes.empty()) return "an empty file";
  if (bytes.substr(first).starts_with('['))
    return "a list, as dump_model and get_dump write trees: that has no objective and no base score; save_model writes "
           "the model";
  if (bytes.starts_with('\x80')) return "a Python pickle: load it in Python, and save the booster with save_model";
  if (bytes.starts_with("PK")) return "a zip archive: take the model file out of it";
  if (bytes.starts_with("\x1f\x8b")) return "compressed with gzip: decompress it";
  if (bytes.starts_with("binf") || bytes.starts_with("bs64"))
    return "XGBoost's binary format of before 1.0: load it with an XGBoost up to 3.0, and save it as .json or .ubj";
  if (bytes.substr(first).starts_with("booster[")) return "a dump of trees as text; save_model writes the model";
  return nullptr;
}

}  // namespace

Result<Forest> ParseForest(std::string_view bytes, const ImportOptions& options) {
  if (bytes.starts_with("tree\n") || bytes.starts_with("tree\r\n")) return ParseLightgbm(bytes, options);
  const std::size_t first = bytes.find_first_not_of(" \t\r\n");
  if (first != std::string_view::npos && bytes[first] == '{') return ParseXgboost(bytes, options);
  const char* is = WhatItIs(bytes);
  return Error{ErrorCode::kInvalidArgument,
               "not a model that is known" + (is ? ", but " + std::string(is) : std::string()) +
                   "; valid are XGBoost's JSON and UBJSON (beginning with '{') and LightGBM's text (beginning with "
                   "'tree')"};
}

}  // namespace gfr
