// XGBoost's model files, 1.0 to 3.4: JSON (doc/model.schema of its repository) and UBJSON of the same shape.
#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>

#include "model/category_fault.h"
#include "model/document.h"
#include "model/forest.h"

namespace gfr {
namespace {

using Value = DocumentValue;
using Type = Value::Type;

Error Bad(const std::string& place, const std::string& what) {
  return {ErrorCode::kCorrupt, "XGBoost model, " + place + ": " + what};
}
Error Unsupported(const std::string& place, const std::string& what) {
  return {ErrorCode::kInvalidArgument, "XGBoost model, " + place + ": " + what};
}

// Members by path, with the place in the error.
struct Place {
  const Value* value;
  std::string path;

  Result<Place> At(const char* key, Type type) const {
    const Value* member = value->Find(key);
    const std::string at = path.empty() ? key : path + "." + key;
    if (!member) return Bad(at, "missing");
    // An empty list may stand for a list of anything.
    if (member->type != type && !(type == Type::kArray && member->type == Type::kNumbers && member->numbers.empty()))
      return Bad(at, "of another type than wanted");
    return Place{member, at};
  }
  // A number written as a string, as XGBoost writes its parameters, or as a number.
  Result<std::int64_t> Integer(const char* key, std::int64_t min, std::int64_t max) const {
    const Value* member = value->Find(key);
    const std::string at = path + "." + key;
    if (!member) return Bad(at, "missing");
    double number = member->number;
    if (member->type == Type::kString) {
      const char* end = member->text.data() + member->text.size();
      const auto [stop, code] = std::from_chars(member->text.data(), end, number);
      if (code != std::errc{} || stop != end) return Bad(at, "'" + member->text + "' is not a number");
    } else if (member->type != Type::kNumber) {
      return Bad(at, "not a number");
    }
    if (!(number >= static_cast<double>(min) && number <= static_cast<double>(max)) || number != std::floor(number))
      return Bad(at,
                 "is " + std::to_string(number) + "; valid are " + std::to_string(min) + " to " + std::to_string(max));
    return static_cast<std::int64_t>(number);
  }
};

struct Objective {
  const char* name;
  Forest::Link link;
  enum class Start { kAsIs, kLogit, kLog } start;  // base_score to margin.
};
constexpr Objective kObjectives[] = {
    {"binary:logistic", Forest::Link::kSigmoid, Objective::Start::kLogit},
    {"reg:logistic", Forest::Link::kSigmoid, Objective::Start::kLogit},
    {"binary:logitraw", Forest::Link::kIdentity, Objective::Start::kAsIs},
    {"binary:hinge", Forest::Link::kHinge, Objective::Start::kAsIs},
    {"reg:squarederror", Forest::Link::kIdentity, Objective::Start::kAsIs},
    {"reg:linear", Forest::Link::kIdentity, Objective::Start::kAsIs},
    {"reg:squaredlogerror", Forest::Link::kIdentity, Objective::Start::kAsIs},
    {"reg:pseudohubererror", Forest::Link::kIdentity, Objective::Start::kAsIs},
    {"reg:absoluteerror", Forest::Link::kIdentity, Objective::Start::kAsIs},
    {"reg:quantileerror", Forest::Link::kIdentity, Objective::Start::kAsIs},
    {"count:poisson", Forest::Link::kExp, Objective::Start::kLog},
    {"reg:gamma", Forest::Link::kExp, Objective::Start::kLog},
    {"reg:tweedie", Forest::Link::kExp, Objective::Start::kLog},
    {"survival:cox", Forest::Link::kExp, Objective::Start::kLog},
    {"survival:aft", Forest::Link::kExp, Objective::Start::kLog},
    {"multi:softprob", Forest::Link::kSoftmax, Objective::Start::kAsIs},
    {"multi:softmax", Forest::Link::kArgmax, Objective::Start::kAsIs},
    {"rank:pairwise", Forest::Link::kIdentity, Objective::Start::kAsIs},
    {"rank:ndcg", Forest::Link::kIdentity, Objective::Start::kAsIs},
    {"rank:map", Forest::Link::kIdentity, Objective::Start::kAsIs},
};

Result<Objective> FindObjective(const std::string& name) {
  std::string known;
  for (const Objective& objective : kObjectives) {
    if (name == objective.name) return objective;
    known += (known.empty() ? "" : ", ") + std::string(objective.name);
  }
  return Unsupported("learner.objective.name", "'" + name + "' is not supported; supported are " + known);
}

constexpr float kLeastBaseScore = 1e-6f;  // XGBoost's kRtEps: labels that are all alike give a base score of 0 or 1.

using Version = std::array<int, 2>;  // Major, minor.

// What wrote the file; 0.0 where it does not say.
Result<Version> ReadVersion(const Place& top, bool any) {
  const Value* version = top.value->Find("version");
  if (!version) return Version{0, 0};
  const auto& numbers = version->numbers;
  const auto whole = [&](std::size_t i) { return numbers[i] >= 0 && numbers[i] < 1 << 20; };
  if (version->type != Type::kNumbers || numbers.size() < 2 || !whole(0) || !whole(1))
    return Bad("version", "not a list of at least two numbers");
  const Version v{static_cast<int>(numbers[0]), static_cast<int>(numbers[1])};
  const Version newest{kNewestXgboost[0], kNewestXgboost[1]};
  const auto text = [](const Version& of) { return std::to_string(of[0]) + "." + std::to_string(of[1]); };
  if (v > newest && !any)
    return Unsupported("version", "written by XGBoost " + text(v) +
                                      "; the newest whose files were compared with it is " + text(newest) +
                                      " (--any-version reads it as such a file)");
  return v;
}

// "5E-1" up to 3.0, "[5E-1]" or one a class from 3.1.
Status ReadBaseScore(const Place& parameters, Objective::Start start, Forest& forest) {
  GFR_ASSIGN(const Place place, parameters.At("base_score", Type::kString));
  std::string_view text = place.value->text;
  const bool list = text.starts_with('[') && text.ends_with(']') && text.size() >= 2;
  if (list) text = text.substr(1, text.size() - 2);
  std::vector<float> scores;
  while (true) {
    const std::size_t end = std::min(text.find(list ? ',' : '\0'), text.size());
    float score = 0;
    const auto [stop, code] = std::from_chars(text.data(), text.data() + end, score);
    if (code != std::errc{} || stop != text.data() + end || end == 0 || !std::isfinite(score))
      return Bad(place.path, "'" + place.value->text.substr(0, 40) + "' is not a number or a list of numbers");
    scores.push_back(score);
    if (end == text.size()) break;
    text.remove_prefix(end + 1);
  }
  if (scores.size() != 1 && scores.size() != static_cast<std::size_t>(forest.classes))
    return Bad(place.path, std::to_string(scores.size()) + " numbers; valid are 1 or one a class, " +
                               std::to_string(forest.classes));
  for (float& score : scores) {
    if (start == Objective::Start::kLogit) {
      if (!(score >= 0 && score <= 1)) return Bad(place.path, "must be a probability from 0 to 1");
      score = std::clamp(score, kLeastBaseScore, 1 - kLeastBaseScore);
      score = -std::log(1.0f / score - 1.0f);
    } else if (start == Objective::Start::kLog) {
      if (!(score >= 0)) return Bad(place.path, "must not be below 0 for this objective");
      score = std::log(std::max(score, kLeastBaseScore));
    }
  }
  scores.resize(static_cast<std::size_t>(forest.classes), scores[0]);
  forest.base_margin.assign(scores.begin(), scores.end());
  return {};
}

class TreeReader {
 public:
  TreeReader(const Value& tree, std::string path, float weight) : tree_{&tree, std::move(path)}, weight_(weight) {}

  Status Add(int tree_class, Forest& forest) {
    if (const Value* parameters = tree_.value->Find("tree_param");
        parameters && parameters->type == Type::kObject && parameters->Find("size_leaf_vector")) {
      GFR_ASSIGN(const std::int64_t size,
                 (Place{parameters, tree_.path + ".tree_param"}.Integer("size_leaf_vector", 0, kMaxClasses)));
      if (size > 1)
        return Unsupported(tree_.path,
                           "leaves are vectors (multi_strategy = multi_output_tree), which is not supported");
    }
    GFR_ASSIGN(const Place left, tree_.At("left_children", Type::kNumbers));
    n_ = left.value->numbers.size();
    if (n_ == 0) return Bad(left.path, "a tree without nodes");
    TreeNodes nodes;
    GFR_TRY(Indices("left_children", -1, nodes.left));
    GFR_TRY(Indices("right_children", -1, nodes.right));
    GFR_TRY(Indices("split_indices", 0, nodes.feature));
    GFR_ASSIGN(const std::vector<double>* conditions, Column("split_conditions"));
    GFR_ASSIGN(const std::vector<double>* default_left, Column("default_left"));
    nodes.category_set.assign(n_, -1);
    GFR_TRY(ReadCategories(nodes, forest));
    nodes.missing.assign(n_, Forest::Missing::kNan);
    if (const auto covers = Column("sum_hessian"); covers.ok())  // What predicts does without.
      nodes.cover.assign(covers.value()->begin(), covers.value()->end());
    for (std::size_t i = 0; i < n_; ++i) {
      auto value = static_cast<float>((*conditions)[i]);
      if (nodes.category_set[i] >= 0 && nodes.left[i] != -1) value = 0;  // Not looked at; XGBoost writes NaN.
      if (nodes.left[i] == -1) value *= weight_;
      nodes.value.push_back(value);
      nodes.default_left.push_back((*default_left)[i] != 0);
    }
    return AddTree(nodes, tree_class, "XGBoost model, " + tree_.path, forest);
  }

 private:
  Result<const std::vector<double>*> Column(const char* key) const {
    GFR_ASSIGN(const Place place, tree_.At(key, Type::kNumbers));
    if (place.value->numbers.size() != n_)
      return Bad(place.path,
                 std::to_string(place.value->numbers.size()) + " numbers for " + std::to_string(n_) + " nodes");
    return &place.value->numbers;
  }
  static bool ToIndex(double number, std::int32_t min, std::int32_t& out) {
    if (!(number >= min && number <= INT32_MAX) || number != std::floor(number)) return false;
    out = static_cast<std::int32_t>(number);
    return true;
  }
  Status Indices(const char* key, std::int32_t min, std::vector<std::int32_t>& out) const {
    GFR_ASSIGN(const std::vector<double>* numbers, Column(key));
    out.resize(n_);
    for (std::size_t i = 0; i < n_; ++i) {
      if (!ToIndex((*numbers)[i], min, out[i]))
        return Bad(tree_.path + "." + key + "[" + std::to_string(i) + "]",
                   "not an index of " + std::to_string(n_) + " nodes");
    }
    return {};
  }

  // categories_nodes names the nodes, categories_segments and _sizes their part of categories.
  Status ReadCategories(TreeNodes& nodes, Forest& forest) {
    const Value* names = tree_.value->Find("categories_nodes");
    if (!names || names->numbers.empty()) {
      if (const Value* types = tree_.value->Find("split_type")) {
        for (const double type : types->numbers) {
          if (type != 0)
            return Bad(tree_.path + ".split_type", "names categorical splits, but categories_nodes is empty");
        }
      }
      return {};
    }
    GFR_ASSIGN(const Place segments, tree_.At("categories_segments", Type::kNumbers));
    GFR_ASSIGN(const Place sizes, tree_.At("categories_sizes", Type::kNumbers));
    GFR_ASSIGN(const Place all, tree_.At("categories", Type::kNumbers));
    const std::size_t sets = names->numbers.size();
    if (segments.value->numbers.size() != sets || sizes.value->numbers.size() != sets)
      return Bad(segments.path, "categories_nodes, _segments and _sizes differ in length");
    std::size_t taken = 0;
    for (std::size_t s = 0; s < sets; ++s) {
      const std::string at = tree_.path + ".categories_nodes[" + std::to_string(s) + "]";
      std::int32_t node = 0, begin = 0, size = 0;
      if (!ToIndex(names->numbers[s], 0, node) || static_cast<std::size_t>(node) >= n_)
        return Bad(at, "not an index of " + std::to_string(n_) + " nodes");
      if (!ToIndex(segments.value->numbers[s], 0, begin) || !ToIndex(sizes.value->numbers[s], 0, size) ||
          static_cast<std::size_t>(begin) + static_cast<std::size_t>(size) > all.value->numbers.size())
        return Bad(at, "its segment is not within the " + std::to_string(all.value->numbers.size()) + " categories");
      taken += static_cast<std::size_t>(size);
      if (taken > all.value->numbers.size() || nodes.category_set[node] >= 0)
        return Bad(at, "segments overlap, or a node has two");
      nodes.category_set[node] = static_cast<std::int32_t>(forest.set_begin.size()) - 1;
      const auto first = forest.categories.size();
      for (std::int32_t k = 0; k < size; ++k) {
        std::int32_t category = 0;
        if (!ToIndex(all.value->numbers[static_cast<std::size_t>(begin + k)], 0, category) || category >= 1 << 24)
          return Bad(at, "a category is not an integer from 0 to 16777215");
        forest.categories.push_back(category);
      }
      const auto set = forest.categories.begin() + static_cast<std::ptrdiff_t>(first);
      std::sort(set, forest.categories.end());
      forest.categories.erase(std::unique(set, forest.categories.end()), forest.categories.end());
      forest.set_begin.push_back(static_cast<std::int32_t>(forest.categories.size()));
    }
    return {};
  }

  Place tree_;
  float weight_;
  std::size_t n_ = 0;
};

// `cats` of 3.1 and later: by column the categories of the frame that the model was trained on, numbers, or texts one
// behind the other as bytes.
Status ReadCategoryCodes(const Place& model, const Version& version, Forest& forest) {
  const Value* cats = model.value->Find("cats");
  if (!cats || cats->type != Type::kObject || !cats->Find("enc")) return {};
  GFR_ASSIGN(const Place lists, (Place{cats, model.path + ".cats"}.At("enc", Type::kArray)));
  const auto& columns = lists.value->items;
  if (columns.empty()) return {};
  if (columns.size() != static_cast<std::size_t>(forest.columns))
    return Bad(lists.path,
               std::to_string(columns.size()) + " lists for " + std::to_string(forest.columns) + " columns");
  forest.category_codes.resize(columns.size());
  bool any = false;
  for (std::size_t c = 0; c < columns.size(); ++c) {
    const Place list{&columns[c], lists.path + "[" + std::to_string(c) + "]"};
    if (columns[c].type != Type::kObject) return Bad(list.path, "not an object");
    GFR_ASSIGN(const Place values, list.At("values", Type::kNumbers));
    CategoryCodes& codes = forest.category_codes[c];
    const std::vector<double>& bytes = values.value->numbers;
    any = any || !bytes.empty();
    const Value* offsets = columns[c].Find("offsets");
    if (!offsets) {
      for (const double number : bytes) codes.Add(number);
      if (!std::ranges::all_of(bytes, IsExactCategory)) forest.category_fault = CategoriesNotExact(c);
      continue;
    }
    std::string all;
    for (const double byte : bytes) {
      if (!(byte >= -128 && byte < 256)) return Bad(values.path, "not a list of bytes");
      all += static_cast<char>(static_cast<int>(byte));
    }
    // Before 3.4 the lengths count characters where the values are bytes.
    if (version < Version{3, 4} && std::ranges::any_of(all, [](char b) { return b < 0; })) {
      forest.category_fault = "column " + std::to_string(c + 1) +
                              " has categories beyond ASCII, whose names XGBoost cut when it saved the model (before "
                              "3.4)";
    }
    for (std::size_t i = 0; i + 1 < offsets->numbers.size(); ++i) {
      const double from = offsets->numbers[i], to = offsets->numbers[i + 1];
      if (!(from >= 0 && from <= to && to <= static_cast<double>(all.size())))
        return Bad(list.path + ".offsets", "do not rise within the " + std::to_string(all.size()) + " bytes");
      codes.Add(all.substr(static_cast<std::size_t>(from), static_cast<std::size_t>(to - from)));
    }
  }
  if (!any) forest.category_codes.clear();
  return {};
}

// Member `name`, a list of one text a column; empty: there is no such member, or it is empty.
Result<std::vector<std::string>> TextsOfColumns(const Place& place, const char* name, std::size_t columns) {
  std::vector<std::string> texts;
  const Value* list = place.value->Find(name);
  if (!list || (list->items.empty() && list->numbers.empty())) return texts;
  if (list->items.size() != columns)
    return Bad(place.path + "." + name, "not a list of " + std::to_string(columns) + " texts, one a column");
  for (const Value& item : list->items) {
    if (item.type != Type::kString) return Bad(place.path + "." + name, "has an element that is no text");
    texts.push_back(item.text);
  }
  return texts;
}

// How many trees a round has of each class by the attributes of a trained model, where the model itself does not say:
// XGBoost 1.5 wrote it nowhere else. 1: they do not say either.
std::int64_t ParallelTrees(const Value* attributes) {
  if (!attributes || !attributes->Find("best_iteration") || !attributes->Find("best_ntree_limit")) return 1;
  const Place place{attributes, "learner.attributes"};
  const auto best = place.Integer("best_iteration", 0, INT32_MAX - 1);
  const auto limit = place.Integer("best_ntree_limit", 1, INT32_MAX - 1);
  if (!best.ok() || !limit.ok() || limit.value() % (best.value() + 1) != 0) return 1;
  return limit.value() / (best.value() + 1);
}

// Where each round's trees end among `all` of them.
Result<std::vector<std::size_t>> RoundEnds(const Value* attributes, const Place& model, const Place& trees,
                                           std::size_t all, int classes) {
  std::vector<std::size_t> ends;
  if (const Value* indptr = model.value->Find("iteration_indptr"); indptr && indptr->numbers.size() > 1) {
    for (std::size_t i = 1; i < indptr->numbers.size(); ++i) {
      const double end = indptr->numbers[i];
      if (!(end >= (ends.empty() ? 0.0 : static_cast<double>(ends.back())) && end <= static_cast<double>(all)))
        return Bad(model.path + ".iteration_indptr[" + std::to_string(i) + "]", "not a rising index of trees");
      ends.push_back(static_cast<std::size_t>(end));
    }
  } else if (all > 0) {
    GFR_ASSIGN(const Place gbtree, model.At("gbtree_model_param", Type::kObject));
    std::int64_t parallel = ParallelTrees(attributes);
    if (gbtree.value->Find("num_parallel_tree")) {
      GFR_ASSIGN(parallel, gbtree.Integer("num_parallel_tree", 0, 1 << 20));
    }
    const std::size_t layer =
        static_cast<std::size_t>(std::max<std::int64_t>(parallel, 1)) * static_cast<std::size_t>(classes);
    for (std::size_t end = layer; end <= all; end += layer) ends.push_back(end);
    if (ends.empty() || ends.back() != all) return Bad(trees.path, "not a whole number of rounds");
  }
  return ends;
}

// How many of the `all` rounds are used: without an option, as XGBoost's scikit-learn interface predicts, up to the
// best.
Status ReadRounds(const Place& learner, std::size_t all, const ImportOptions& options, Forest& forest) {
  const Value* attributes = learner.value->Find("attributes");
  if (attributes && attributes->Find("best_iteration")) {
    GFR_ASSIGN(const std::int64_t best,
               (Place{attributes, "learner.attributes"}.Integer("best_iteration", 0, INT32_MAX - 1)));
    forest.best_round = static_cast<int>(best);
  }
  std::size_t rounds = all;
  if (options.rounds > 0)
    rounds = std::min(rounds, static_cast<std::size_t>(options.rounds));
  else if (forest.best_round >= 0)
    rounds = std::min(rounds, static_cast<std::size_t>(forest.best_round) + 1);
  forest.rounds_in_file = static_cast<int>(all);
  forest.rounds = static_cast<int>(rounds);
  return {};
}

Result<Forest> Import(const Value& document, const ImportOptions& options) {
  const Place top{&document, ""};
  if (document.type != Type::kObject) return Bad("top level", "not an object");
  if (document.Find("tree_info") && document.Find("feature_infos"))
    return Unsupported("top level", "this is what LightGBM's dump_model writes; save_model writes the model");
  GFR_ASSIGN(const Version version, ReadVersion(top, options.any_version));
  GFR_ASSIGN(const Place learner, top.At("learner", Type::kObject));
  GFR_ASSIGN(const Place objective_place, learner.At("objective", Type::kObject));
  GFR_ASSIGN(const Place name, objective_place.At("name", Type::kString));
  GFR_ASSIGN(Objective objective, FindObjective(name.value->text));
  // Before 1.3 the base score of raw logits was a probability too.
  if (version != Version{0, 0} && version < Version{1, 3} && name.value->text == "binary:logitraw")
    objective.start = Objective::Start::kLogit;
  GFR_ASSIGN(const Place parameters, learner.At("learner_model_param", Type::kObject));

  Forest forest;
  forest.objective = objective.name;
  forest.link = objective.link;
  forest.sorted_quantiles = name.value->text == "reg:quantileerror" && version >= Version{3, 4};
  GFR_ASSIGN(const std::int64_t columns, parameters.Integer("num_feature", 1, kMaxColumns));
  GFR_ASSIGN(const std::int64_t classes, parameters.Integer("num_class", 0, kMaxClasses));
  std::int64_t targets = 1;
  if (parameters.value->Find("num_target")) {
    GFR_ASSIGN(targets, parameters.Integer("num_target", 0, kMaxClasses));
  }
  forest.columns = static_cast<int>(columns);
  forest.classes = static_cast<int>(std::max({classes, targets, std::int64_t{1}}));
  GFR_TRY(ReadBaseScore(parameters, objective.start, forest));
  GFR_ASSIGN(forest.column_names, TextsOfColumns(learner, "feature_names", static_cast<std::size_t>(columns)));
  GFR_ASSIGN(forest.column_types, TextsOfColumns(learner, "feature_types", static_cast<std::size_t>(columns)));

  GFR_ASSIGN(Place booster, learner.At("gradient_booster", Type::kObject));
  GFR_ASSIGN(const Place booster_name, booster.At("name", Type::kString));
  const std::vector<double>* weights = nullptr;
  if (booster_name.value->text == "dart") {
    GFR_ASSIGN(const Place drop, booster.At("weight_drop", Type::kNumbers));
    weights = &drop.value->numbers;
    GFR_ASSIGN(booster, booster.At("gbtree", Type::kObject));
  } else if (booster_name.value->text != "gbtree") {
    return Unsupported(booster_name.path,
                       "'" + booster_name.value->text + "' is not supported; supported are gbtree, dart");
  }
  GFR_ASSIGN(const Place model, booster.At("model", Type::kObject));
  // Since 3.3 a booster of type dart is named gbtree, and its weights are its own (3.3) or its model's (3.4).
  for (const Place& holder : {booster, model}) {
    if (weights != nullptr || holder.value->Find("weight_drop") == nullptr) continue;
    GFR_ASSIGN(const Place drop, holder.At("weight_drop", Type::kNumbers));
    if (!drop.value->numbers.empty()) weights = &drop.value->numbers;
  }
  GFR_TRY(ReadCategoryCodes(model, version, forest));
  GFR_ASSIGN(const Place trees, model.At("trees", Type::kArray));
  GFR_ASSIGN(const Place tree_info, model.At("tree_info", Type::kNumbers));
  const std::size_t all = trees.value->items.size();
  if (tree_info.value->numbers.size() != all || (weights && weights->size() != all))
    return Bad(tree_info.path, "tree_info, weight_drop and trees differ in length");

  GFR_ASSIGN(const std::vector<std::size_t> ends,
             RoundEnds(learner.value->Find("attributes"), model, trees, all, forest.classes));
  GFR_TRY(ReadRounds(learner, ends.size(), options, forest));
  const std::size_t used = forest.rounds == 0 ? 0 : ends[static_cast<std::size_t>(forest.rounds) - 1];
  for (std::size_t t = 0; t < used; ++t) {
    const std::string path = trees.path + "[" + std::to_string(t) + "]";
    const double tree_class = tree_info.value->numbers[t];
    if (trees.value->items[t].type != Type::kObject) return Bad(path, "not an object");
    if (!(tree_class >= 0 && tree_class < forest.classes) || tree_class != std::floor(tree_class))
      return Bad(tree_info.path + "[" + std::to_string(t) + "]",
                 "not one of " + std::to_string(forest.classes) + " classes");
    const float weight = weights ? static_cast<float>((*weights)[t]) : 1.0f;
    GFR_TRY(TreeReader(trees.value->items[t], path, weight).Add(static_cast<int>(tree_class), forest));
  }
  return forest;
}

}  // namespace

Result<Forest> ParseXgboost(std::string_view bytes, const ImportOptions& options) {
  if (bytes.size() > kMaxModelBytes) return Error{ErrorCode::kResourceExhausted, "XGBoost model: larger than 1 GiB"};
  std::size_t at = bytes.find_first_not_of(" \t\r\n");
  if (at == std::string_view::npos || bytes[at] != '{')
    return Bad("top level",
               "neither JSON nor UBJSON; the binary format of before 1.0 is not read (load and save it again)");
  const std::size_t next = bytes.find_first_not_of(" \t\r\n", at + 1);
  const bool text = next != std::string_view::npos && (bytes[next] == '"' || bytes[next] == '}') &&
                    !(bytes[at + 1] == '}' && bytes.size() > at + 2);
  Result<Value> document = text ? ParseJsonDocument(bytes) : ParseUbjsonDocument(bytes);
  if (!document.ok()) return Bad(text ? "JSON" : "UBJSON", document.error().message);
  return Import(document.value(), options);
}

}  // namespace gfr
