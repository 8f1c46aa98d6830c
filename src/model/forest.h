// Forest: gradient-boosted trees as flat arrays, with the rules of the program that trained them.
//
// XGBoost: values are float32; a node's row goes left when value < threshold, a missing value as default_left says, a
// category (the value cut to an integer) left when it is NOT in the node's set; a margin is float32: the base margin
// and then the leaves in tree order. LightGBM: values are double; value <= threshold goes left; |value| <= 1e-35 is
// zero; `missing` says which values follow default_left; a category goes left when it IS in the set; a margin is
// double. Both are executed as they are by their engines, bit for bit (src/score).
//
// An importer gives only valid forests: every node is reached once from one root, indices are in range, thresholds and
// leaves are finite or as their engine allows. Thread safety: a plain value.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/category_codes.h"

namespace gfr {

struct Forest {
  enum class Engine : std::uint8_t { kXgboost, kLightgbm };
  // Which values follow default_left; kNone: NaN is read as zero (LightGBM).
  enum class Missing : std::uint8_t { kNan, kZero, kNone };
  // Margins to predictions, see link.h.
  enum class Link : std::uint8_t {
    kIdentity,
    kSigmoid,
    kSoftmax,
    kArgmax,
    kExp,
    kHinge,        // 1 when the margin is positive, else 0.
    kSquare,       // sign(x) * x * x: LightGBM's regression of square roots.
    kLog1pExp,     // LightGBM's cross_entropy_lambda.
    kPairSigmoid,  // A sigmoid a class, not normalised: LightGBM's multiclassova.
  };

  Engine engine = Engine::kXgboost;
  std::string objective;  // As the file names it: "binary:logistic".
  Link link = Link::kIdentity;
  double link_scale = 1;    // LightGBM's sigmoid parameter.
  double average_over = 0;  // LightGBM's random forests: margins are divided by this many rounds; 0: not.
  int classes = 1;          // Margins a row.
  int columns = 0;          // Of an input row.
  int rounds = 0;           // Boosting rounds in the forest.
  int rounds_in_file = 0;   // That its file has; more than `rounds` where some are left out (ImportOptions).
  int best_round = -1;      // XGBoost's best_iteration attribute, -1 where there is none.
  std::vector<std::string> column_names, column_types;  // One a column, or none; as the file names them.
  std::vector<double> base_margin;                      // One a class; XGBoost's are floats.
  // Of a model that was trained on a frame with categories, one a column: empty where the column has none. Rows hold
  // codes; tables from outside hold categories (score/feature_rows.h).
  std::vector<CategoryCodes> category_codes;
  std::string category_fault;     // Why the file does not tell how its categories were coded; empty: it does.
  bool sorted_quantiles = false;  // Predictions of a row rise: XGBoost's quantiles, since 3.4.

  // One a tree.
  std::vector<std::int32_t> root;
  std::vector<std::int32_t> tree_class;

  // One a node, in the file's order; the nodes of a tree lie together.
  std::vector<std::int32_t> feature;  // -1: a leaf.
  std::vector<std::int32_t> left, right;
  std::vector<double> value;  // A threshold, or what a leaf adds (DART weights multiplied in); XGBoost's are floats.
  std::vector<std::uint8_t> default_left;
  std::vector<Missing> missing;
  std::vector<std::int32_t> category_set;  // -1: a numeric split.
  // How much of the training came to the node: XGBoost's sum of hessians, LightGBM's count of rows; 0: the file does
  // not say. What explains a prediction weighs branches by it (score/tree_shap.h).
  std::vector<float> cover;

  // Set s is categories[set_begin[s], set_begin[s + 1]), rising, each once, none negative.
  std::vector<std::int32_t> set_begin = {0}, categories;

  std::size_t trees() const { return root.size(); }
};

const char* EngineName(Forest::Engine engine);  // "xgboost", "lightgbm".

struct ImportOptions {
  // How many boosting rounds are used; 0: up to XGBoost's best_iteration where the file names one, else all.
  int rounds = 0;
  // Reads files of versions newer than the newest that was compared with its maker (kNewestXgboost).
  bool any_version = false;
};

// The newest version whose files were compared with what it predicts itself.
inline constexpr int kNewestXgboost[] = {3, 4};

// A model file that is larger than this, or claims more columns or classes, is refused.
inline constexpr std::size_t kMaxModelBytes = std::size_t{1} << 30;
inline constexpr int kMaxColumns = 1 << 20, kMaxClasses = 1 << 16;

// Any bytes are safe: kCorrupt or kInvalidArgument names what was wrong and where. Memory is at most a small multiple
// of the bytes.
Result<Forest> ParseXgboost(std::string_view bytes, const ImportOptions& options = {});   // JSON or UBJSON.
Result<Forest> ParseLightgbm(std::string_view bytes, const ImportOptions& options = {});  // Text.
Result<Forest> ParseForest(std::string_view bytes, const ImportOptions& options = {});    // Whichever it is.

// For importers: the nodes of one tree as its file has them, indices within the tree.
struct TreeNodes {
  std::vector<std::int32_t> feature, left, right;  // left == -1: a leaf.
  std::vector<double> value;
  std::vector<std::uint8_t> default_left;
  std::vector<Forest::Missing> missing;
  std::vector<std::int32_t> category_set;  // Of the forest.
  std::vector<float> cover = {};           // One a node, or none: it is not known.
};

// Adds a tree with root 0; nodes that the root does not reach are left out. Errors: a cycle, a shared child, an index
// out of range, a value that is NaN; `where` is the tree's place in its file.
Status AddTree(const TreeNodes& tree, int tree_class, const std::string& where, Forest& forest);

}  // namespace gfr
