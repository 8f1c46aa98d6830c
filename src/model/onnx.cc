#include "model/onnx.h"

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/json_text.h"
#include "model/onnx_graph.h"

namespace gfr {
namespace {

constexpr const char* kMl = "ai.onnx.ml";
using GraphValue = OnnxGraph::Value;

Error CannotSay(const std::string& what) {
  return Error{ErrorCode::kInvalidArgument, "an ONNX model cannot be made: " + what};
}

// A forest as the attributes of TreeEnsembleRegressor.
struct TreeEnsemble {
  std::vector<std::int64_t> tree, node, feature, yes, no, missing_is_yes;
  std::vector<std::string> mode;
  std::vector<double> threshold;
  std::vector<std::int64_t> leaf_tree, leaf_node;
  std::vector<double> leaf_weight;

  void AddSplit(std::int64_t in_tree, std::int64_t id, std::int64_t column, const char* how, double value,
                std::int64_t when_true, std::int64_t when_false, bool missing_true) {
    AddNode(in_tree, id, column, how, value);
    yes.push_back(when_true);
    no.push_back(when_false);
    missing_is_yes.push_back(missing_true);
  }
  void AddLeaf(std::int64_t in_tree, std::int64_t id, double weight) {
    AddNode(in_tree, id, 0, "LEAF", 0);
    yes.push_back(0);
    no.push_back(0);
    missing_is_yes.push_back(0);
    leaf_tree.push_back(in_tree);
    leaf_node.push_back(id);
    leaf_weight.push_back(weight);
  }

 private:
  void AddNode(std::int64_t in_tree, std::int64_t id, std::int64_t column, const char* how, double value) {
    tree.push_back(in_tree);
    node.push_back(id);
    feature.push_back(column);
    mode.emplace_back(how);
    threshold.push_back(value);
  }
};

// A split on a set of categories: one comparison a category, all with one child where the category is in the set.
// Nodes beyond the tree's own get ids from `*next_id` on.
void AddSetSplit(const Forest& forest, std::size_t n, std::int64_t in_tree, std::int64_t root, std::int64_t* next_id,
                 TreeEnsemble* out) {
  const bool xgboost = forest.engine == Forest::Engine::kXgboost;
  const auto set = static_cast<std::size_t>(forest.category_set[n]);
  const std::int64_t member = (xgboost ? forest.right[n] : forest.left[n]) - root;
  const std::int64_t other = (xgboost ? forest.left[n] : forest.right[n]) - root;
  // LightGBM takes a missing category for one outside the set.
  const bool missing_is_member = xgboost && !forest.default_left[n];
  const std::int32_t begin = forest.set_begin[set], end = forest.set_begin[set + 1];
  std::int64_t id = static_cast<std::int64_t>(n) - root;
  if (begin == end) {  // No category is in it; no code is negative.
    out->AddSplit(in_tree, id, forest.feature[n], "BRANCH_EQ", -1, member, other, missing_is_member);
    return;
  }
  for (std::int32_t c = begin; c < end; ++c) {
    const std::int64_t when_not = c + 1 == end ? other : (*next_id)++;
    out->AddSplit(in_tree, id, forest.feature[n], "BRANCH_EQ", forest.categories[static_cast<std::size_t>(c)], member,
                  when_not, missing_is_member);
    id = when_not;
  }
}

Status AddTreeNodes(const Forest& forest, std::size_t t, std::int64_t in_tree, TreeEnsemble* out) {
  const bool xgboost = forest.engine == Forest::Engine::kXgboost;
  const std::int64_t root = forest.root[t];
  const std::size_t end = t + 1 < forest.trees() ? static_cast<std::size_t>(forest.root[t + 1]) : forest.feature.size();
  std::int64_t next_id = static_cast<std::int64_t>(end) - root;
  for (auto n = static_cast<std::size_t>(root); n < end; ++n) {
    const std::int64_t id = static_cast<std::int64_t>(n) - root;
    if (forest.feature[n] < 0) {
      out->AddLeaf(in_tree, id, forest.value[n]);
    } else if (forest.category_set[n] >= 0) {
      AddSetSplit(forest, n, in_tree, root, &next_id, out);
    } else {
      if (forest.missing[n] == Forest::Missing::kZero)
        return CannotSay("a split of a LightGBM forest takes zero for missing (zero_as_missing)");
      const bool missing_is_left =
          forest.missing[n] == Forest::Missing::kNone ? 0 <= forest.value[n] : forest.default_left[n] != 0;
      out->AddSplit(in_tree, id, forest.feature[n], xgboost ? "BRANCH_LT" : "BRANCH_LEQ", forest.value[n],
                    forest.left[n] - root, forest.right[n] - root, missing_is_left);
    }
  }
  return {};
}

std::vector<float> AsFloats(const std::vector<double>& values) { return {values.begin(), values.end()}; }

// The margin of each row, float32.
Result<GraphValue> AddForest(const Forest& forest, const GraphValue& rows, OnnxGraph* graph) {
  if (forest.classes != 1) return CannotSay("a forest has several classes");
  TreeEnsemble trees;
  // The base margin as a tree of its own that comes first, as XGBoost adds it.
  trees.AddLeaf(0, 0, forest.base_margin.empty() ? 0 : forest.base_margin[0]);
  for (std::size_t t = 0; t < forest.trees(); ++t)
    GFR_TRY(AddTreeNodes(forest, t, static_cast<std::int64_t>(t) + 1, &trees));
  if (forest.average_over > 0) {
    for (double& weight : trees.leaf_weight) weight /= forest.average_over;
  }
  OnnxAttributes a;
  const std::vector<std::int64_t> target(trees.leaf_weight.size(), 0);
  a.Int("n_targets", 1).Text("aggregate_function", "SUM").Text("post_transform", "NONE");
  a.Ints("nodes_treeids", trees.tree).Ints("nodes_nodeids", trees.node).Ints("nodes_featureids", trees.feature);
  a.Texts("nodes_modes", trees.mode).Ints("nodes_truenodeids", trees.yes).Ints("nodes_falsenodeids", trees.no);
  a.Ints("nodes_missing_value_tracks_true", trees.missing_is_yes);
  a.Ints("target_treeids", trees.leaf_tree).Ints("target_nodeids", trees.leaf_node).Ints("target_ids", target);
  const bool xgboost = forest.engine == Forest::Engine::kXgboost;
  if (xgboost) {
    a.Floats("nodes_values", AsFloats(trees.threshold)).Floats("target_weights", AsFloats(trees.leaf_weight));
  } else {
    a.Doubles("nodes_values_as_tensor", trees.threshold).Doubles("target_weights_as_tensor", trees.leaf_weight);
  }
  const GraphValue input = xgboost ? rows : graph->Cast(rows, OnnxType::kDouble);
  const std::int64_t last_axis[] = {1};
  return graph->Node("Squeeze", {graph->Node("TreeEnsembleRegressor", {input}, a, kMl), graph->Constant(last_axis)});
}

GraphValue Times(OnnxGraph* graph, double factor, const GraphValue& x) {
  return graph->Node("Mul", {x, graph->Constant(factor)});
}

GraphValue Plus(OnnxGraph* graph, const GraphValue& x, double term) {
  return graph->Node("Add", {x, graph->Constant(term)});
}

// ln(1 + exp(x)), without overflow.
GraphValue SoftPlus(OnnxGraph* graph, const GraphValue& x) {
  const GraphValue small = graph->Node("Exp", {graph->Node("Neg", {graph->Node("Abs", {x})})});
  return graph->Node("Add",
                     {graph->Node("Max", {x, graph->Constant(0.0)}), graph->Node("Log", {Plus(graph, small, 1)})});
}

// Piecewise linear through the calibrator's points: between two of them, or constant outside.
GraphValue AddIsotonic(const Calibrator& calibrator, const GraphValue& margin, OnnxGraph* graph) {
  const std::vector<double>&x = calibrator.x, &y = calibrator.y;
  const std::size_t points = x.size();
  std::vector<double> from = {x.front()}, base = {y.front()}, slope = {0};
  for (std::size_t i = 0; i < points; ++i) {
    const bool last = i + 1 == points;
    from.push_back(x[i]);
    base.push_back(y[i]);
    slope.push_back(last || x[i + 1] == x[i] ? 0 : (y[i + 1] - y[i]) / (x[i + 1] - x[i]));
  }
  const std::int64_t last_axis[] = {1};
  const GraphValue axis = graph->Constant(last_axis);
  const GraphValue reached = graph->Node("LessOrEqual", {graph->Constant(x, {1, static_cast<std::int64_t>(points)}),
                                                         graph->Node("Unsqueeze", {margin, axis})});
  const GraphValue place =
      graph->Node("ReduceSum", {graph->Cast(reached, OnnxType::kInt64), axis}, OnnxAttributes().Int("keepdims", 0));
  const auto at = [&](const std::vector<double>& table) {
    return graph->Node("Gather", {graph->Constant(table, {static_cast<std::int64_t>(table.size())}), place});
  };
  const GraphValue beyond = graph->Node("Sub", {margin, at(from)});
  return graph->Node("Add", {at(base), graph->Node("Mul", {at(slope), beyond})});
}

// Of margins in double.
GraphValue AddCalibrator(const Calibrator& c, const GraphValue& margin, OnnxGraph* graph) {
  switch (c.kind) {
    case Calibrator::Kind::kNone:
      return graph->Node("Sigmoid", {margin});
    case Calibrator::Kind::kPlatt:
      return graph->Node("Sigmoid", {Plus(graph, Times(graph, c.a, margin), c.b)});
    case Calibrator::Kind::kIsotonic:
      return AddIsotonic(c, margin, graph);
    case Calibrator::Kind::kLogLinear:
      break;  // Of the link mean, which AddObjective refuses.
    case Calibrator::Kind::kBeta: {
      const GraphValue ln_p = Times(graph, -c.a, SoftPlus(graph, graph->Node("Neg", {margin})));
      const GraphValue ln_not_p = Times(graph, c.b, SoftPlus(graph, margin));
      return graph->Node("Sigmoid", {Plus(graph, graph->Node("Add", {ln_p, ln_not_p}), c.c)});
    }
  }
  return margin;
}

Status AddObjective(const ObjectiveModel& objective, const GraphValue& rows, OnnxGraph* graph) {
  if (objective.softmax) {
    return CannotSay("'" + objective.name +
                     "' has the softmax link: its probabilities depend on the other items of the request");
  }
  if (objective.mean) {
    return CannotSay("'" + objective.name + "' has the link mean, and what is exported are probabilities");
  }
  GFR_ASSIGN(const GraphValue margin, AddForest(objective.forest, rows, graph));
  const GraphValue exact = graph->Cast(margin, OnnxType::kDouble);
  GraphValue probability = AddCalibrator(objective.calibrator, exact, graph);
  if (objective.slice_column >= 0) {
    const std::int64_t column[] = {objective.slice_column}, last_axis[] = {1};
    const GraphValue code =
        graph->Node("Squeeze", {graph->Node("Gather", {rows, graph->Constant(column)}, OnnxAttributes().Int("axis", 1)),
                                graph->Constant(last_axis)});
    for (const auto& [own, calibrator] : objective.slice_calibrators) {
      const GraphValue is_own = graph->Node("Equal", {code, graph->Constant(own)});
      probability = graph->Node("Where", {is_own, AddCalibrator(calibrator, exact, graph), probability});
    }
  }
  if (objective.maturation != 1) {
    probability = graph->Node(
        "Min", {graph->Node("Div", {probability, graph->Constant(objective.maturation)}), graph->Constant(1.0)});
  }
  graph->Output(objective.name, graph->Cast(probability, OnnxType::kFloat), OnnxType::kFloat);
  graph->Output(objective.name + "_margin", margin, OnnxType::kFloat);
  return {};
}

// The rows with the model's own category codes: a category that it does not know becomes missing.
GraphValue AddCategories(const Model& model, const GraphValue& raw, OnnxGraph* graph) {
  std::vector<GraphValue> parts;  // Columns without categories stay together.
  std::vector<std::int64_t> plain;
  const auto gather = [&](std::span<const std::int64_t> columns) {
    return graph->Node("Gather", {raw, graph->Constant(columns)}, OnnxAttributes().Int("axis", 1));
  };
  const auto flush = [&] {
    if (!plain.empty()) parts.push_back(gather(plain));
    plain.clear();
  };
  for (std::size_t k = 0; k < model.columns.size(); ++k) {
    const std::int64_t column[] = {static_cast<std::int64_t>(k)};
    if (!model.categorical[k]) {
      plain.push_back(column[0]);
      continue;
    }
    flush();
    std::vector<float> codes, own;
    for (const auto& [code, mine] : model.categories[k]) {
      codes.push_back(code);
      own.push_back(mine);
    }
    if (codes.empty()) {  // None was seen in training: a code that no row has, to missing.
      codes.push_back(-1);
      own.push_back(std::numeric_limits<float>::quiet_NaN());
    }
    parts.push_back(graph->Node("LabelEncoder", {gather(column)},
                                OnnxAttributes()
                                    .Floats("keys_floats", codes)
                                    .Floats("values_floats", own)
                                    .Float("default_float", std::numeric_limits<float>::quiet_NaN()),
                                kMl));
  }
  if (parts.empty()) return raw;
  flush();
  return parts.size() == 1 ? parts[0] : graph->Node("Concat", parts, OnnxAttributes().Int("axis", 1));
}

}  // namespace

Result<std::string> ToOnnx(const Model& model) {
  OnnxGraph graph;
  const GraphValue raw = graph.Input("features", OnnxType::kFloat, static_cast<std::int64_t>(model.columns.size()));
  const GraphValue rows = AddCategories(model, raw, &graph);
  for (const ObjectiveModel& objective : model.objectives) GFR_TRY(AddObjective(objective, rows, &graph));
  graph.Metadata("columns", DumpJson(nlohmann::json(model.columns)));
  graph.Metadata("model", model.name + "/" + model.version);
  return graph.Bytes(model.name);
}

}  // namespace gfr
