#include "score/tree_shap.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "score/split_rule.h"

namespace gfr {
namespace {

// A column on the path to a node: which share of the training goes on where the column is not known (`zero`), whether
// the row does (`one`), and the weight of all subsets of the path with so many known columns.
struct PathElement {
  std::int32_t column;
  double zero, one, weight;
};

// The path gets one more column; `length`: without it.
void Extend(PathElement* path, int length, double zero, double one, std::int32_t column) {
  path[length] = {column, zero, one, length == 0 ? 1.0 : 0.0};
  for (int i = length - 1; i >= 0; --i) {
    path[i + 1].weight += one * path[i].weight * (i + 1) / (length + 1);
    path[i].weight = zero * path[i].weight * (length - i) / (length + 1);
  }
}

// Takes column `at` out of the path again; `last`: the path's last index.
void Unwind(PathElement* path, int last, int at) {
  const double one = path[at].one, zero = path[at].zero;
  double next = path[last].weight;
  for (int i = last - 1; i >= 0; --i) {
    if (one != 0) {
      const double before = path[i].weight;
      path[i].weight = next * (last + 1) / ((i + 1) * one);
      next = before - path[i].weight * zero * (last - i) / (last + 1);
    } else {
      path[i].weight = path[i].weight * (last + 1) / (zero * (last - i));
    }
  }
  for (int i = at; i < last; ++i) {
    path[i].column = path[i + 1].column;
    path[i].zero = path[i + 1].zero;
    path[i].one = path[i + 1].one;
  }
}

// What the weights of the path without column `at` add up to.
double UnwoundSum(const PathElement* path, int last, int at) {
  const double one = path[at].one, zero = path[at].zero;
  double next = path[last].weight, total = 0;
  for (int i = last - 1; i >= 0; --i) {
    if (one != 0) {
      const double weight = next * (last + 1) / ((i + 1) * one);
      total += weight;
      next = path[i].weight - weight * zero * (last - i) / (last + 1);
    } else if (zero != 0) {
      total += path[i].weight / (zero * (last - i) / (last + 1));
    }
  }
  return total;
}

// One row through one tree.
class Walk {
 public:
  Walk(const Forest& forest, const Rows& rows, std::size_t row, double scale, double* out)
      : forest_(forest), rows_(rows), row_(row), scale_(scale), out_(out) {}

  // `parent`: the path before this node, `length` long; the node's own copy lies behind it.
  void Visit(std::size_t node, PathElement* parent, int length, double zero, double one, std::int32_t column) {
    if (one == 0 && zero == 0) return;  // Neither the row nor any of the training comes here: it adds nothing.
    PathElement* path = parent + length;
    std::copy(parent, parent + length, path);
    Extend(path, length, zero, one, column);
    if (forest_.feature[node] < 0) {
      const double value = forest_.value[node] * scale_;
      for (int i = 1; i <= length; ++i)
        out_[path[i].column] += UnwoundSum(path, length, i) * (path[i].one - path[i].zero) * value;
      return;
    }
    const std::int32_t splits = forest_.feature[node];
    const std::size_t at = row_ * rows_.stride + static_cast<std::size_t>(splits);
    const double v = rows_.f32 ? static_cast<double>(rows_.f32[at]) : rows_.f64[at];
    auto hot = static_cast<std::size_t>(forest_.left[node]), cold = static_cast<std::size_t>(forest_.right[node]);
    if (!GoesLeft(forest_, node, v)) std::swap(hot, cold);
    // A column that was split on before leaves the path, and goes on with both shares.
    double zero_before = 1, one_before = 1;
    int last = length;
    for (int i = 1; i <= length; ++i) {
      if (path[i].column != splits) continue;
      zero_before = path[i].zero;
      one_before = path[i].one;
      Unwind(path, length, i);
      --last;
      break;
    }
    const double cover = forest_.cover[node];
    Visit(hot, path, last + 1, forest_.cover[hot] / cover * zero_before, one_before, splits);
    Visit(cold, path, last + 1, forest_.cover[cold] / cover * zero_before, 0, splits);
  }

 private:
  const Forest& forest_;
  const Rows& rows_;
  const std::size_t row_;
  const double scale_;
  double* const out_;
};

// What a tree gives on average, how deep it is, and what a row costs.
struct TreeFacts {
  double mean = 0, operations = 0;
  int depth = 0;
};

Result<TreeFacts> FactsOf(const Forest& forest, std::size_t tree) {
  struct Item {
    std::int32_t node;
    int depth;
    double share;
  };
  TreeFacts facts;
  std::vector<Item> stack = {{forest.root[tree], 0, 1}};
  while (!stack.empty()) {
    const Item item = stack.back();
    stack.pop_back();
    const auto i = static_cast<std::size_t>(item.node);
    facts.depth = std::max(facts.depth, item.depth);
    if (item.depth > TreeShap::kMaxDepth)
      return Error{ErrorCode::kResourceExhausted, "tree " + std::to_string(tree) + " is deeper than " +
                                                      std::to_string(TreeShap::kMaxDepth) +
                                                      " splits; contributions are not computed for such"};
    facts.operations += item.depth + 1;
    if (forest.feature[i] < 0) {
      facts.mean += item.share * forest.value[i];
      facts.operations += static_cast<double>(item.depth) * item.depth;
      continue;
    }
    const double cover = forest.cover.empty() ? 0 : forest.cover[i];
    for (const std::int32_t child : {forest.left[i], forest.right[i]}) {
      const double share = cover > 0 ? forest.cover[static_cast<std::size_t>(child)] / cover : -1;
      if (!(share >= 0 && std::isfinite(share)))
        return Error{ErrorCode::kInvalidArgument,
                     "the file of the forest does not say how much of its training came to each node (sum_hessian of "
                     "XGBoost, internal_count and leaf_count of LightGBM), by which contributions are weighed"};
      stack.push_back({child, item.depth + 1, item.share * share});
    }
  }
  return facts;
}

}  // namespace

Result<TreeShap> TreeShap::Make(const Forest& forest) {
  TreeShap shap(forest);
  shap.expected_ = forest.base_margin;
  const double scale = forest.average_over > 0 ? 1 / forest.average_over : 1;
  for (std::size_t t = 0; t < forest.trees(); ++t) {
    GFR_ASSIGN(const TreeFacts facts, FactsOf(forest, t));
    shap.expected_[static_cast<std::size_t>(forest.tree_class[t])] += facts.mean * scale;
    shap.depth_ = std::max(shap.depth_, facts.depth);
    shap.operations_ += facts.operations;
  }
  return shap;
}

void TreeShap::Contributions(const Rows& rows, std::size_t row, std::span<double> out) const {
  const auto width = static_cast<std::size_t>(forest_->columns) + 1;
  std::ranges::fill(out, 0.0);
  const double scale = forest_->average_over > 0 ? 1 / forest_->average_over : 1;
  // Each level's path stands behind its parent's: 1 + 2 + ... elements.
  const auto levels = static_cast<std::size_t>(depth_) + 2;
  std::vector<PathElement> paths(levels * (levels + 1) / 2);
  for (std::size_t t = 0; t < forest_->trees(); ++t) {
    const auto root = static_cast<std::size_t>(forest_->root[t]);
    double* of_class = out.data() + static_cast<std::size_t>(forest_->tree_class[t]) * width;
    if (forest_->feature[root] >= 0) Walk(*forest_, rows, row, scale, of_class).Visit(root, paths.data(), 0, 1, 1, -1);
  }
  for (std::size_t k = 0; k < expected_.size(); ++k) out[k * width + width - 1] = expected_[k];
}

}  // namespace gfr
