// LightGBM's model text, v2 to v4 (GBDT::SaveModelToString and Tree::ToString of its repository).
#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>

#include "base/json_text.h"
#include "model/category_fault.h"
#include "model/forest.h"

namespace gfr {
namespace {

constexpr std::size_t kMaxCategories = std::size_t{1} << 26;

Error Bad(int line, const std::string& what) {
  return {ErrorCode::kCorrupt, "LightGBM model, line " + std::to_string(line) + ": " + what};
}
Error Unsupported(int line, const std::string& what) {
  return {ErrorCode::kInvalidArgument, "LightGBM model, line " + std::to_string(line) + ": " + what};
}

struct Field {
  std::string_view text;
  int line = 0;
};

// A block of key=value lines.
struct Block {
  std::map<std::string_view, Field> fields;
  int line = 0;  // Where it begins.

  Result<Field> Get(std::string_view key) const {
    const auto at = fields.find(key);
    if (at == fields.end()) return Bad(line, "'" + std::string(key) + "' is missing in what begins here");
    return at->second;
  }
  Result<std::int64_t> Integer(std::string_view key, std::int64_t min, std::int64_t max) const {
    GFR_ASSIGN(const Field field, Get(key));
    std::int64_t number = 0;
    const char* end = field.text.data() + field.text.size();
    const auto [stop, code] = std::from_chars(field.text.data(), end, number);
    if (code != std::errc{} || stop != end || number < min || number > max)
      return Bad(field.line,
                 std::string(key) + " is not an integer from " + std::to_string(min) + " to " + std::to_string(max));
    return number;
  }
  // Exactly `count` numbers, separated by spaces.
  template <typename T>
  Result<std::vector<T>> Numbers(std::string_view key, std::size_t count) const {
    GFR_ASSIGN(const Field field, Get(key));
    std::vector<T> numbers;
    const char *at = field.text.data(), *end = at + field.text.size();
    while (true) {
      while (at != end && *at == ' ') ++at;
      if (at == end) break;
      T number{};
      const auto [stop, code] = std::from_chars(at, end, number);
      if (code != std::errc{} || (stop != end && *stop != ' '))
        return Bad(field.line, std::string(key) + ", number " + std::to_string(numbers.size() + 1) +
                                   ": not a number that is valid here");
      if (numbers.size() == count)
        return Bad(field.line, std::string(key) + " has more than " + std::to_string(count) + " numbers");
      numbers.push_back(number);
      at = stop;
    }
    if (numbers.size() != count)
      return Bad(field.line, std::string(key) + " has " + std::to_string(numbers.size()) + " numbers instead of " +
                                 std::to_string(count));
    return numbers;
  }
};

class Lines {
 public:
  explicit Lines(std::string_view text) : text_(text) {}
  bool Next(std::string_view& line) {
    if (at_ >= text_.size()) return false;
    const std::size_t end = std::min(text_.find('\n', at_), text_.size());
    line = text_.substr(at_, end - at_);
    if (line.ends_with('\r')) line.remove_suffix(1);
    at_ = end + 1;
    ++number_;
    return true;
  }
  int number() const { return number_; }

 private:
  std::string_view text_;
  std::size_t at_ = 0;
  int number_ = 0;
};

std::vector<std::string_view> Words(std::string_view text) {
  std::vector<std::string_view> words;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find(' ', at), text.size());
    if (end > at) words.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return words;
}

Status ReadObjective(const Block& header, Forest& forest) {
  const auto at = header.fields.find("objective");
  if (at == header.fields.end()) return {};  // One of the caller's own: margins are predictions.
  const auto words = Words(at->second.text);
  if (words.empty()) return {};
  forest.objective = words[0];
  using Link = Forest::Link;
  static const std::map<std::string_view, Link> kLinks = {
      {"regression", Link::kIdentity},   {"regression_l1", Link::kIdentity},
      {"huber", Link::kIdentity},        {"fair", Link::kIdentity},
      {"quantile", Link::kIdentity},     {"mape", Link::kIdentity},
      {"lambdarank", Link::kIdentity},   {"rank_xendcg", Link::kIdentity},
      {"poisson", Link::kExp},           {"gamma", Link::kExp},
      {"tweedie", Link::kExp},           {"binary", Link::kSigmoid},
      {"multiclass", Link::kSoftmax},    {"multiclassova", Link::kPairSigmoid},
      {"cross_entropy", Link::kSigmoid}, {"cross_entropy_lambda", Link::kLog1pExp},
      {"custom", Link::kIdentity}};
  const auto link = kLinks.find(words[0]);
  if (link == kLinks.end()) {
    std::string known;
    for (const auto& [name, ignored] : kLinks) known += (known.empty() ? "" : ", ") + std::string(name);
    return Unsupported(at->second.line,
                       "objective '" + forest.objective + "' is not supported; supported are " + known);
  }
  forest.link = link->second;
  for (const std::string_view word : words) {
    if (word == "sqrt") forest.link = Link::kSquare;
    if (!word.starts_with("sigmoid:")) continue;
    const auto [stop, code] = std::from_chars(word.data() + 8, word.data() + word.size(), forest.link_scale);
    if (code != std::errc{} || stop != word.data() + word.size() || !(forest.link_scale > 0))
      return Bad(at->second.line, "sigmoid is not a number above 0");
  }
  return {};
}

Status ReadHeader(const Block& header, Forest& forest) {
  if (const auto version = header.fields.find("version");
      version != header.fields.end() && version->second.text != "v2" && version->second.text != "v3" &&
      version->second.text != "v4") {
    return Unsupported(version->second.line,
                       "version '" + std::string(version->second.text) + "'; supported are v2, v3, v4");
  }
  GFR_ASSIGN(const std::int64_t last, header.Integer("max_feature_idx", 0, kMaxColumns - 1));
  GFR_ASSIGN(const std::int64_t classes, header.Integer("num_tree_per_iteration", 1, kMaxClasses));
  forest.columns = static_cast<int>(last) + 1;
  forest.classes = static_cast<int>(classes);
  forest.base_margin.assign(static_cast<std::size_t>(classes), 0.0);
  GFR_TRY(ReadObjective(header, forest));
  if (const auto names = header.fields.find("feature_names"); names != header.fields.end()) {
    const auto words = Words(names->second.text);
    if (words.size() == static_cast<std::size_t>(forest.columns))
      forest.column_names.assign(words.begin(), words.end());
  }
  return {};
}

// What feature_infos says of a column: "none" when no split could use it, codes between colons ("-1:1:2:0") of a
// categorical one, else a range.
struct ColumnInfo {
  bool none = false, categorical = false;
  std::int64_t greatest_code = -1;
};

Result<std::vector<ColumnInfo>> ReadInfos(const Block& header, int columns) {
  GFR_ASSIGN(const Field field, header.Get("feature_infos"));
  std::vector<ColumnInfo> infos;
  for (const std::string_view word : Words(field.text)) {
    ColumnInfo info{.none = word == "none"};
    info.categorical = !info.none && !word.starts_with('[');
    for (std::size_t at = 0; info.categorical && at <= word.size();) {
      const std::size_t end = std::min(word.find(':', at), word.size());
      std::int64_t code = 0;
      const auto [stop, error] = std::from_chars(word.data() + at, word.data() + end, code);
      if (error != std::errc{} || stop != word.data() + end)
        return Bad(field.line, "feature_infos, column " + std::to_string(infos.size() + 1) + ": not a list of codes");
      info.greatest_code = std::max(info.greatest_code, code);
      at = end + 1;
    }
    infos.push_back(info);
  }
  if (infos.size() != static_cast<std::size_t>(columns))
    return Bad(field.line,
               "feature_infos has " + std::to_string(infos.size()) + " columns instead of " + std::to_string(columns));
  return infos;
}

struct CategoryList {
  CategoryCodes codes;
  bool exact = true;  // See IsExactCategory.
};

// Lists of categories in JSON, as pandas_categorical has them. Numbers are doubles here.
Result<std::vector<CategoryList>> ReadLists(const Field& field) {
  const auto json = ParseJson<nlohmann::json>(field.text, /*throws=*/false);
  std::vector<CategoryList> lists;
  if (json.is_null()) return lists;
  if (!json.is_array()) return Bad(field.line, "pandas_categorical is not a list of lists");
  for (const auto& list : json) {
    if (!list.is_array()) return Bad(field.line, "pandas_categorical is not a list of lists");
    CategoryCodes codes;
    for (const auto& category : list) {
      if (category.is_string())
        codes.Add(category.get<std::string>());
      else if (category.is_boolean())
        codes.Add(category.get<bool>());
      else if (category.is_number())
        codes.Add(category.get<double>());
      else
        return Bad(field.line, "pandas_categorical has a category that is no text, number or boolean");
    }
    const auto is_exact = [](const auto& c) {
      return !c.is_number_integer() || IsExactCategory(c.template get<double>());
    };
    lists.push_back({std::move(codes), std::ranges::all_of(list, is_exact)});
  }
  return lists;
}

// pandas_categorical: the frame's categories, one list for each of its categorical columns, in their order; which
// columns these are follows from feature_infos. A column that no split could use is "none" there; which
// list is its own does not matter.
Status ReadCategoryCodes(const Block& header, const Field& field, Forest& forest) {
  GFR_ASSIGN(const std::vector<CategoryList> lists, ReadLists(field));
  if (lists.empty()) return {};
  GFR_ASSIGN(const std::vector<ColumnInfo> infos, ReadInfos(header, forest.columns));
  const auto categorical = static_cast<std::size_t>(std::ranges::count(infos, true, &ColumnInfo::categorical));
  const auto none = static_cast<std::size_t>(std::ranges::count(infos, true, &ColumnInfo::none));
  if (lists.size() < categorical || lists.size() > categorical + none) {
    forest.category_fault = "the file lists the categories of " + std::to_string(lists.size()) +
                            " columns of its frame, and " + std::to_string(categorical) + " columns have them";
    return {};
  }
  const std::size_t unseen = lists.size() - categorical;  // Lists of columns that no split could use.
  forest.category_codes.resize(infos.size());
  std::size_t before = 0, none_before = 0;
  for (std::size_t c = 0; c < infos.size(); ++c) {
    none_before += infos[c].none;
    if (!infos[c].categorical) continue;
    const std::size_t none_after = none - none_before;
    const std::size_t first = before + (unseen > none_after ? unseen - none_after : 0),
                      last = before + std::min(unseen, none_before);
    ++before;
    std::size_t fits = 0;
    for (std::size_t k = first; k <= last; ++k) {
      if (infos[c].greatest_code >= lists[k].codes.size()) continue;
      ++fits;
      forest.category_codes[c] = lists[k].codes;
      if (!lists[k].exact) forest.category_fault = CategoriesNotExact(c);
    }
    if (fits != 1) {
      forest.category_fault =
          "the file does not tell which of its lists of categories is that of column " + std::to_string(c + 1);
    }
  }
  return {};
}

// Bitsets of 32-bit words to sets of the forest; `first` is the number of the tree's first set.
Status ReadCategories(const Block& block, Forest& forest, std::size_t sets) {
  GFR_ASSIGN(const auto bounds, block.Numbers<std::int32_t>("cat_boundaries", sets + 1));
  GFR_ASSIGN(const Field field, block.Get("cat_boundaries"));
  for (std::size_t s = 0; s < sets; ++s) {
    if (bounds[s] < 0 || bounds[s + 1] < bounds[s]) return Bad(field.line, "cat_boundaries do not rise");
    if (bounds[s + 1] - bounds[s] > 1 << 26) return Bad(field.line, "a category set of more than 2^26 words");
  }
  if (bounds[0] != 0) return Bad(field.line, "cat_boundaries do not begin with 0");
  GFR_ASSIGN(const auto words, block.Numbers<std::uint32_t>("cat_threshold", static_cast<std::size_t>(bounds[sets])));
  for (std::size_t s = 0; s < sets; ++s) {
    for (std::int32_t w = bounds[s]; w < bounds[s + 1]; ++w) {
      for (int bit = 0; bit < 32; ++bit) {
        if (words[static_cast<std::size_t>(w)] >> bit & 1) forest.categories.push_back((w - bounds[s]) * 32 + bit);
      }
    }
    if (forest.categories.size() > kMaxCategories) return Bad(field.line, "more than 2^26 categories in the model");
    forest.set_begin.push_back(static_cast<std::int32_t>(forest.categories.size()));
  }
  return {};
}

// How many rows of the training came to each node; none where the file does not say, as what predicts does without.
std::vector<float> ReadCounts(const Block& block, std::size_t inner, std::size_t leaves) {
  auto of_leaves = block.Numbers<float>("leaf_count", leaves);
  auto of_inner =
      inner > 0 ? block.Numbers<float>("internal_count", inner) : Result<std::vector<float>>(std::vector<float>());
  if (!of_leaves.ok() || !of_inner.ok()) return {};
  std::vector<float> counts = std::move(of_inner).value();
  counts.insert(counts.end(), of_leaves.value().begin(), of_leaves.value().end());
  return counts;
}

Status ReadTree(const Block& block, int tree_class, Forest& forest) {
  const auto linear = block.fields.find("is_linear");
  if (linear != block.fields.end() && linear->second.text != "0")
    return Unsupported(linear->second.line, "linear trees (linear_tree = true) are not supported");
  GFR_ASSIGN(const std::int64_t count, block.Integer("num_leaves", 1, 1 << 28));
  const auto leaves = static_cast<std::size_t>(count), inner = leaves - 1;
  GFR_ASSIGN(const auto leaf_value, block.Numbers<double>("leaf_value", leaves));
  TreeNodes nodes;
  if (inner > 0) {
    std::int64_t sets = 0;
    if (block.fields.contains("num_cat")) {
      GFR_ASSIGN(sets, block.Integer("num_cat", 0, static_cast<std::int64_t>(inner)));
    }
    const auto first_set = static_cast<std::int32_t>(forest.set_begin.size()) - 1;
    if (sets > 0) GFR_TRY(ReadCategories(block, forest, static_cast<std::size_t>(sets)));
    GFR_ASSIGN(nodes.feature, block.Numbers<std::int32_t>("split_feature", inner));
    GFR_ASSIGN(nodes.value, block.Numbers<double>("threshold", inner));
    GFR_ASSIGN(const auto decision, block.Numbers<std::int32_t>("decision_type", inner));
    GFR_ASSIGN(nodes.left, block.Numbers<std::int32_t>("left_child", inner));
    GFR_ASSIGN(nodes.right, block.Numbers<std::int32_t>("right_child", inner));
    GFR_ASSIGN(const Field thresholds, block.Get("threshold"));
    GFR_ASSIGN(const Field decisions, block.Get("decision_type"));
    for (std::size_t i = 0; i < inner; ++i) {
      const std::int32_t d = decision[i], missing = d >> 2 & 3;
      if (d < 0 || d > 15 || missing == 3)
        return Bad(decisions.line, "decision_type, number " + std::to_string(i + 1) + ": not a decision that is known");
      nodes.default_left.push_back((d & 2) != 0);
      nodes.missing.push_back(missing == 0   ? Forest::Missing::kNone
                              : missing == 1 ? Forest::Missing::kZero
                                             : Forest::Missing::kNan);
      nodes.category_set.push_back(-1);
      if (d & 1) {
        const double set = nodes.value[i];
        if (!(set >= 0 && set < static_cast<double>(sets)) || set != std::floor(set))
          return Bad(thresholds.line, "threshold, number " + std::to_string(i + 1) + ": not one of " +
                                          std::to_string(sets) + " category sets");
        nodes.category_set[i] = first_set + static_cast<std::int32_t>(set);
        nodes.value[i] = 0;
      }
      for (auto* child : {&nodes.left[i], &nodes.right[i]}) {
        // A leaf is the complement of its number; leaves follow the inner nodes here.
        if (*child < 0)
          *child = ~*child >= count ? INT32_MAX : static_cast<std::int32_t>(inner) + ~*child;
        else if (*child >= static_cast<std::int32_t>(inner))
          *child = INT32_MAX;
      }
    }
  }
  nodes.cover = ReadCounts(block, inner, leaves);
  for (const double value : leaf_value) {
    nodes.feature.push_back(-1);
    nodes.left.push_back(-1);
    nodes.right.push_back(-1);
    nodes.value.push_back(value);
    nodes.default_left.push_back(0);
    nodes.missing.push_back(Forest::Missing::kNan);
    nodes.category_set.push_back(-1);
  }
  return AddTree(nodes, tree_class, "LightGBM model, the tree from line " + std::to_string(block.line), forest);
}

}  // namespace

Result<Forest> ParseLightgbm(std::string_view bytes, const ImportOptions& options) {
  if (bytes.size() > kMaxModelBytes) return Error{ErrorCode::kResourceExhausted, "LightGBM model: larger than 1 GiB"};
  Lines lines(bytes);
  std::string_view line;
  if (!lines.Next(line) || line != "tree") return Bad(1, "a LightGBM model's first line is 'tree'");
  Forest forest{.engine = Forest::Engine::kLightgbm};
  Block block{.line = 1};
  Block header;
  bool in_header = true, average = false, ended = false;
  std::size_t trees = 0;
  const auto finish = [&]() -> Status {
    if (in_header) {
      in_header = false;
      header = block;
      return ReadHeader(block, forest);
    }
    const auto round = trees / static_cast<std::size_t>(forest.classes);
    const auto tree_class = static_cast<int>(trees++ % static_cast<std::size_t>(forest.classes));
    if (options.rounds > 0 && round >= static_cast<std::size_t>(options.rounds)) return {};
    return ReadTree(block, tree_class, forest);
  };
  while (!ended && lines.Next(line)) {
    const bool tree = line.starts_with("Tree=");
    ended = line == "end of trees";
    if (tree || ended) {
      GFR_TRY(finish());
      block = {.line = lines.number()};
      continue;
    }
    average = average || (in_header && line == "average_output");
    const std::size_t equals = line.find('=');
    if (equals == std::string_view::npos) continue;
    const auto key = line.substr(0, equals);
    if (!block.fields.try_emplace(key, Field{line.substr(equals + 1), lines.number()}).second)
      return Bad(lines.number(),
                 "'" + std::string(key) + "' stands twice in what begins in line " + std::to_string(block.line));
  }
  if (!ended) return Bad(lines.number(), "the file ends without 'end of trees'");
  if (trees % static_cast<std::size_t>(forest.classes) != 0)
    return Bad(lines.number(),
               std::to_string(trees) + " trees are no whole number of rounds of " + std::to_string(forest.classes));
  constexpr std::string_view kCategories = "pandas_categorical:";
  while (lines.Next(line)) {
    if (line.starts_with(kCategories))
      GFR_TRY(ReadCategoryCodes(header, {line.substr(kCategories.size()), lines.number()}, forest));
  }
  forest.rounds = static_cast<int>(forest.trees() / static_cast<std::size_t>(forest.classes));
  forest.rounds_in_file = static_cast<int>(trees / static_cast<std::size_t>(forest.classes));
  if (average) forest.average_over = forest.rounds;
  return forest;
}

}  // namespace gfr
