#include "score/compact_scorer.h"

#include <algorithm>
#include <cmath>
#include <type_traits>

namespace gfr {
namespace {

constexpr std::size_t kTogether = 8;

template <typename T>
struct Node {
  T value;               // A threshold (XGBoost's value < threshold goes left, LightGBM's <=) or a leaf.
  std::uint32_t column;  // And flags, above its bits.
  std::uint32_t child;   // The left one; the right follows it. A leaf is its own child.
};
constexpr std::uint32_t kColumnMask = (1u << 24) - 1, kInner = 1u << 24, kDefaultLeft = 1u << 25,
                        kZeroMissing = 1u << 26, kCategorical = 1u << 27;

// T: float for XGBoost, double for LightGBM. kPlain: no categories, zero is not missing.
template <typename T, bool kPlain>
class CompactScorer final : public Scorer {
 public:
  explicit CompactScorer(const Forest& forest)
      : classes_(static_cast<std::size_t>(forest.classes)),
        base_margin_(forest.base_margin.begin(), forest.base_margin.end()),
        tree_class_(forest.tree_class.begin(), forest.tree_class.end()) {
    if (!kPlain) {
      set_begin_ = forest.set_begin;
      categories_ = forest.categories;
      set_of_.resize(1);
    }
    for (std::size_t t = 0; t < forest.trees(); ++t) AddTree(forest, forest.root[t]);
    root_.resize((root_.size() + kTogether - 1) / kTogether * kTogether, root_.empty() ? 0 : root_[0]);
    for (std::size_t t = 0; t < root_.size(); t += kTogether)
      steps_.push_back(t < depth_.size() ? *std::max_element(depth_.begin() + static_cast<std::ptrdiff_t>(t),
                                                             depth_.begin() + static_cast<std::ptrdiff_t>(std::min(
                                                                                  t + kTogether, depth_.size())))
                                         : 0);
    depth_ = {};
  }

  void Margins(const Rows& rows, MarginsOut out) const noexcept override {
    if constexpr (std::is_same_v<T, float>) {
      if (rows.f32) return Run(rows.f32, rows.count, rows.stride, out);
    }
    // A row in the forest's own arithmetic, LightGBM's zeros made, so that no step has to.
    static thread_local std::vector<T> row;
    row.resize(rows.stride);
    for (std::size_t r = 0; r < rows.count; ++r) {
      for (std::size_t k = 0; k < rows.stride; ++k) {
        const auto v = static_cast<T>(rows.f32 ? rows.f32[r * rows.stride + k] : rows.f64[r * rows.stride + k]);
        row[k] = std::is_same_v<T, double> && std::fabs(v) <= static_cast<T>(kLightgbmZero) ? T{0} : v;
      }
      MarginsOut here = out;
      if (here.f32) here.f32 += r * classes_;
      if (here.f64) here.f64 += r * classes_;
      Run(row.data(), 1, rows.stride, here);
    }
  }
  ScorerKind kind() const override { return ScorerKind::kCompact; }
  std::size_t memory_bytes() const override {
    return nodes_.size() * sizeof(Node<T>) + set_of_.size() * 4 + categories_.size() * 4 + root_.size() * 8;
  }

 private:
  // Breadth first, so that siblings lie side by side.
  void AddTree(const Forest& forest, std::int32_t root) {
    const auto base = static_cast<std::uint32_t>(nodes_.size());
    root_.push_back(base);
    struct Item {
      std::int32_t node;
      int depth;
    };
    std::vector<Item> queue = {{root, 0}};
    int deepest = 0;
    for (std::size_t q = 0; q < queue.size(); ++q) {
      const auto i = static_cast<std::size_t>(queue[q].node);
      const auto self = base + static_cast<std::uint32_t>(q);
      deepest = std::max(deepest, queue[q].depth);
      if (forest.feature[i] < 0) {
        nodes_.push_back({static_cast<T>(forest.value[i]), 0, self});
      } else {
        std::uint32_t column = static_cast<std::uint32_t>(forest.feature[i]) | kInner;
        const double cut = forest.value[i];
        bool default_left = forest.default_left[i] != 0;
        if (forest.maker == Forest::Maker::kLightgbm) {
          if (forest.missing[i] == Forest::Missing::kNone) default_left = 0 <= cut;
          if (forest.missing[i] == Forest::Missing::kZero) column |= kZeroMissing;
        }
        if (forest.category_set[i] >= 0) {
          column |= kCategorical;
          default_left = default_left && forest.maker == Forest::Maker::kXgboost;
        }
        if (default_left) column |= kDefaultLeft;
        nodes_.push_back({static_cast<T>(cut), column, base + static_cast<std::uint32_t>(queue.size())});
        queue.push_back({forest.left[i], queue[q].depth + 1});
        queue.push_back({forest.right[i], queue[q].depth + 1});
      }
      if (!kPlain) {
        set_of_.resize(nodes_.size(), -1);
        set_of_.back() = forest.category_set[i];
      }
    }
    depth_.push_back(deepest);
  }

  bool Left(std::uint32_t at, T v) const {
    const Node<T>& node = nodes_[at];
    if constexpr (!kPlain) {
      if (node.column & kCategorical) {
        if (v != v) return (node.column & kDefaultLeft) != 0;
        constexpr bool kXgboost = std::is_same_v<T, float>;
        if (kXgboost ? v < 0 || v >= 16777216 : v <= -1 || v >= static_cast<T>(2147483648.0)) return kXgboost;
        const std::int32_t set = set_of_[at];
        return kXgboost != std::binary_search(categories_.begin() + set_begin_[set],
                                              categories_.begin() + set_begin_[set + 1], static_cast<std::int32_t>(v));
      }
      if ((node.column & kZeroMissing) && v == 0) return (node.column & kDefaultLeft) != 0;
    }
    const bool below = std::is_same_v<T, float> ? v < node.value : v <= node.value;
    return below | ((v != v) & ((node.column & kDefaultLeft) != 0));
  }

  void Run(const T* rows, std::size_t count, std::size_t stride, MarginsOut out) const {
    for (std::size_t r = 0; r < count; ++r) {
      const T* row = rows + r * stride;
      // Sums of several classes go through the output; of one, through a register.
      T sum = base_margin_[0];
      if (classes_ > 1) {
        for (std::size_t k = 0; k < classes_; ++k) out.Set(r * classes_ + k, base_margin_[k]);
      }
      if (classes_ > 1 && out.f32 && sizeof(T) == 8) {  // Doubles must not be rounded on the way.
        SlowClasses(row, r, out);
        continue;
      }
      for (std::size_t t = 0; t < tree_class_.size(); t += kTogether) {
        std::uint32_t at[kTogether];
        Walk(row, t, at);
        const std::size_t n = std::min(kTogether, tree_class_.size() - t);
        for (std::size_t k = 0; k < n; ++k) {
          if (classes_ == 1) {
            sum += nodes_[at[k]].value;
          } else {
            const std::size_t to = r * classes_ + tree_class_[t + k];
            const T before = out.f32 ? static_cast<T>(out.f32[to]) : static_cast<T>(out.f64[to]);
            out.Set(to, before + nodes_[at[k]].value);
          }
        }
      }
      if (classes_ == 1) out.Set(r, sum);
    }
  }

  void Walk(const T* row, std::size_t t, std::uint32_t* at) const {
    for (std::size_t k = 0; k < kTogether; ++k) at[k] = root_[t + k];
    for (int step = steps_[t / kTogether]; step > 0; --step) {
      for (std::size_t k = 0; k < kTogether; ++k) {
        const Node<T>& node = nodes_[at[k]];
        const T v = row[node.column & kColumnMask];
        const std::uint32_t inner = node.column / kInner & 1;
        at[k] = node.child + (inner & static_cast<std::uint32_t>(!Left(at[k], v)));
      }
    }
  }

  void SlowClasses(const T* row, std::size_t r, MarginsOut out) const {
    for (std::size_t c = 0; c < classes_; ++c) {
      T sum = base_margin_[c];
      for (std::size_t t = 0; t < tree_class_.size(); t += kTogether) {
        std::uint32_t at[kTogether];
        Walk(row, t, at);
        for (std::size_t k = 0; k < kTogether && t + k < tree_class_.size(); ++k) {
          if (tree_class_[t + k] == c) sum += nodes_[at[k]].value;
        }
      }
      out.Set(r * classes_ + c, sum);
    }
  }

  std::size_t classes_;
  std::vector<T> base_margin_;
  std::vector<std::uint32_t> tree_class_, root_;  // Roots are filled up to a multiple of kTogether.
  std::vector<int> steps_, depth_;                // The depth of each eight trees; of each tree while making.
  std::vector<Node<T>> nodes_;
  std::vector<std::int32_t> set_of_, set_begin_, categories_;
};

}  // namespace

std::unique_ptr<Scorer> MakeCompactScorer(const Forest& forest) {
  bool plain = true;
  for (std::size_t i = 0; i < forest.feature.size(); ++i)
    plain =
        plain && forest.category_set[i] < 0 && !(forest.feature[i] >= 0 && forest.missing[i] == Forest::Missing::kZero);
  if (forest.maker == Forest::Maker::kXgboost) {
    if (plain) return std::make_unique<CompactScorer<float, true>>(forest);
    return std::make_unique<CompactScorer<float, false>>(forest);
  }
  if (plain) return std::make_unique<CompactScorer<double, true>>(forest);
  return std::make_unique<CompactScorer<double, false>>(forest);
}

}  // namespace gfr
