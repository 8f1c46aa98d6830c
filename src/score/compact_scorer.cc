#include "score/compact_scorer.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "score/aligned_bytes.h"
#include "score/row_ordinals.h"

namespace gfr {
namespace {

constexpr std::size_t kTogether = 8;  // Trees walked side by side, so that their loads overlap.
constexpr int kMaxPerfectDepth = 8;

// T: of margins, and of the comparisons: float for XGBoost, double for LightGBM. Index: numbers a row's ordinals.
template <typename T, typename Index>
class CompactScorer final : public Scorer {
 public:
  using Ordinal = typename RowOrdinals<T>::Ordinal;
  using Split = typename RowOrdinals<T>::Split;

  CompactScorer(const Forest& forest, RowOrdinals<T> row_ordinals, const std::vector<Split>& splits)
      : classes_(static_cast<std::size_t>(forest.classes)),
        base_margin_(forest.base_margin.begin(), forest.base_margin.end()),
        tree_class_(forest.tree_class.begin(), forest.tree_class.end()),
        row_ordinals_(std::move(row_ordinals)) {
    for (std::size_t t = 0; t < forest.trees(); t += kTogether) AddGroup(forest, splits, t);
  }

  void Margins(const Rows& rows, MarginsOut out) const noexcept override {
    static thread_local AlignedBytes scratch;
    static thread_local std::vector<T> sums;
    auto* ordinals = reinterpret_cast<Ordinal*>(scratch.Reserve(row_ordinals_.padded() * sizeof(Ordinal)));
    for (std::size_t r = 0; r < rows.count; ++r) {
      if (rows.f32)
        row_ordinals_.Fill(rows.f32 + r * rows.stride, ordinals);
      else
        row_ordinals_.Fill(rows.f64 + r * rows.stride, ordinals);
      if (classes_ == 1) {
        T sum = base_margin_[0];
        ForEachLeaf(ordinals, [&](std::size_t, T leaf) { sum += leaf; });
        out.Set(r, static_cast<double>(sum));
      } else {
        sums.assign(base_margin_.begin(), base_margin_.end());
        ForEachLeaf(ordinals, [&](std::size_t tree, T leaf) { sums[tree_class_[tree]] += leaf; });
        for (std::size_t k = 0; k < classes_; ++k) out.Set(r * classes_ + k, static_cast<double>(sums[k]));
      }
    }
  }
  ScorerKind kind() const override { return ScorerKind::kCompact; }
  std::size_t memory_bytes() const override {
    return row_ordinals_.memory_bytes() + tree_class_.size() * 4 + groups_.size() * sizeof(Group) +
           heap_cuts_.size() * sizeof(Ordinal) + heap_ordinals_.size() * sizeof(Index) + nodes_.size() * sizeof(Node) +
           leaves_.size() * sizeof(T);
  }

 private:
  // kTogether trees after one another. Perfect: each is a heap of 2^depth splits (the root's place is 1, the right
  // child of h at 2 h, the left at 2 h + 1) and 2^depth leaves; where a tree ends earlier, splits that send all to the
  // right lead to its leaf. Else `root` is where they begin among nodes_.
  struct Group {
    bool perfect = true;
    int depth = 0;  // Of the deepest.
    std::size_t heaps = 0, leaves = 0;
    std::array<std::uint32_t, kTogether> root{};
  };
  struct Node {
    Ordinal cut;
    std::uint32_t ordinal, children;  // The right child, the left follows it. A leaf is its own child.
  };
  struct Item {  // Of a walk over a tree, parents first.
    std::int32_t node;
    int level;
    std::size_t heap;
  };
  template <typename Visit>
  static void ForEachNode(const Forest& forest, std::int32_t root, const Visit& visit) {
    std::vector<Item> queue = {{root, 0, 1}};
    for (std::size_t q = 0; q < queue.size(); ++q) {
      const Item item = queue[q];
      const auto i = static_cast<std::size_t>(item.node);
      const bool leaf = forest.feature[i] < 0;
      visit(item, i, leaf, queue.size());
      if (leaf) continue;
      queue.push_back({forest.right[i], item.level + 1, item.heap * 2});
      queue.push_back({forest.left[i], item.level + 1, item.heap * 2 + 1});
    }
  }

  void AddGroup(const Forest& forest, const std::vector<Split>& splits, std::size_t first) {
    const std::size_t trees = std::min(kTogether, forest.trees() - first);
    Group group;
    std::size_t inner = 0;
    for (std::size_t t = first; t < first + trees; ++t)
      ForEachNode(forest, forest.root[t], [&](const Item& item, std::size_t, bool leaf, std::size_t) {
        group.depth = std::max(group.depth, item.level);
        inner += !leaf;
      });
    // A heap that is mostly padding would cost more memory than it saves.
    group.perfect = group.depth <= kMaxPerfectDepth && kTogether << group.depth <= 8 * inner + 16 * kTogether;
    group.leaves = leaves_.size();
    if (group.perfect) {
      group.heaps = heap_cuts_.size();
      const std::size_t size = kTogether << group.depth;
      heap_cuts_.resize(group.heaps + size);
      heap_ordinals_.resize(group.heaps + size);
      leaves_.resize(group.leaves + size);
      for (std::size_t k = 0; k < trees; ++k)
        ForEachNode(forest, forest.root[first + k], [&](const Item& item, std::size_t i, bool leaf, std::size_t) {
          const std::size_t tree = k << group.depth;
          if (leaf) {
            const std::size_t last = (item.heap << (group.depth - item.level)) - (std::size_t{1} << group.depth);
            leaves_[group.leaves + tree + last] = static_cast<T>(forest.value[i]);
          } else {
            heap_cuts_[group.heaps + tree + item.heap] = splits[i].cut;
            heap_ordinals_[group.heaps + tree + item.heap] = static_cast<Index>(splits[i].ordinal);
          }
        });
    } else {
      for (std::size_t k = 0; k < kTogether; ++k) {
        group.root[k] = k < trees ? static_cast<std::uint32_t>(nodes_.size()) : group.root[0];  // Walked for nothing.
        if (k >= trees) continue;
        const std::size_t base = nodes_.size();
        ForEachNode(forest, forest.root[first + k], [&](const Item&, std::size_t i, bool leaf, std::size_t seen) {
          const std::size_t children = leaf ? nodes_.size() : base + seen;
          nodes_.push_back({splits[i].cut, splits[i].ordinal, static_cast<std::uint32_t>(children)});
          node_leaves_.push_back(static_cast<T>(leaf ? forest.value[i] : 0));
        });
      }
    }
    groups_.push_back(group);
  }

  // 2 at + (ordinal < cut).
  static inline std::size_t Child(std::size_t at, const Ordinal& ordinal, const Ordinal& cut) {
#if defined(__x86_64__)  // The borrow of the comparison is the carry of the addition, which compilers do not find.
    if constexpr (sizeof(Ordinal) == 4)
      __asm__("cmpl %2, %1\n\tadcq %0, %0" : "+r"(at) : "r"(ordinal), "m"(cut) : "cc");
    else
      __asm__("cmpq %2, %1\n\tadcq %0, %0" : "+r"(at) : "r"(ordinal), "m"(cut) : "cc");
    return at;
#else
    return at + at + (ordinal < cut);
#endif
  }
  // The heap walk; `depth` is a constant, so that the trees' heaps are at constant distances.
  template <int depth>
  static void WalkHeaps(const Ordinal* cuts, const Index* heap_ordinals, const T* leaves, const Ordinal* ordinals,
                        T* leaf) {
    std::size_t at[kTogether];
    for (std::size_t& a : at) a = 1;
    for (int level = 0; level < depth; ++level) {
#pragma GCC unroll 8
      for (std::size_t k = 0; k < kTogether; ++k) {
        const std::size_t h = (k << depth) + at[k];
        at[k] = Child(at[k], ordinals[heap_ordinals[h]], cuts[h]);
      }
    }
#pragma GCC unroll 8
    for (std::size_t k = 0; k < kTogether; ++k) leaf[k] = leaves[(k << depth) + at[k] - (std::size_t{1} << depth)];
  }
  void WalkPerfect(const Group& group, const Ordinal* ordinals, T* leaf) const {
    constexpr auto kWalks = []<int... depth>(std::integer_sequence<int, depth...>) {
      return std::array{&WalkHeaps<depth>...};
    }(std::make_integer_sequence<int, kMaxPerfectDepth + 1>());
    kWalks[static_cast<std::size_t>(group.depth)](heap_cuts_.data() + group.heaps, heap_ordinals_.data() + group.heaps,
                                                  leaves_.data() + group.leaves, ordinals, leaf);
  }
  void WalkNodes(const Group& group, const Ordinal* ordinals, T* leaf) const {
    std::array<std::uint32_t, kTogether> at = group.root;
    for (int level = 0; level < group.depth; ++level) {
#pragma GCC unroll 8
      for (std::size_t k = 0; k < kTogether; ++k) {
        const Node& node = nodes_[at[k]];
        at[k] = node.children + (ordinals[node.ordinal] < node.cut);
      }
    }
    for (std::size_t k = 0; k < kTogether; ++k) leaf[k] = node_leaves_[at[k]];
  }

  // Calls with each tree's number and leaf, in their order.
  template <typename Add>
  void ForEachLeaf(const Ordinal* ordinals, const Add& add) const {
    const std::size_t trees = tree_class_.size();
    std::size_t tree = 0;
    for (const Group& group : groups_) {
      T leaf[kTogether];
      if (group.perfect)
        WalkPerfect(group, ordinals, leaf);
      else
        WalkNodes(group, ordinals, leaf);
      for (std::size_t k = 0; k < std::min(kTogether, trees - tree); ++k) add(tree + k, leaf[k]);
      tree += kTogether;
    }
  }

  std::size_t classes_;
  std::vector<T> base_margin_;
  std::vector<std::uint32_t> tree_class_;
  RowOrdinals<T> row_ordinals_;
  std::vector<Group> groups_;
  std::vector<Ordinal> heap_cuts_;
  std::vector<Index> heap_ordinals_;
  std::vector<T> leaves_;  // Of the heaps.
  std::vector<Node> nodes_;
  std::vector<T> node_leaves_;  // One a node.
};

template <typename T>
std::unique_ptr<Scorer> Make(const Forest& forest) {
  std::vector<typename RowOrdinals<T>::Split> splits;
  RowOrdinals<T> row_ordinals(forest, splits);
  if (row_ordinals.count() <= 65536)
    return std::make_unique<CompactScorer<T, std::uint16_t>>(forest, std::move(row_ordinals), splits);
  return std::make_unique<CompactScorer<T, std::uint32_t>>(forest, std::move(row_ordinals), splits);
}

}  // namespace

std::unique_ptr<Scorer> MakeCompactScorer(const Forest& forest) {
  return forest.engine == Forest::Engine::kXgboost ? Make<float>(forest) : Make<double>(forest);
}

double CompactCost(const Forest& forest) {
  double cost = 1;
  std::vector<std::pair<std::int32_t, int>> stack;
  for (const std::int32_t root : forest.root) {
    int deepest = 0;
    for (stack = {{root, 0}}; !stack.empty();) {
      const auto [node, depth] = stack.back();
      stack.pop_back();
      const auto i = static_cast<std::size_t>(node);
      deepest = std::max(deepest, depth);
      if (forest.feature[i] < 0) continue;
      cost += forest.category_set[i] >= 0 ? 0.15 : 0;  // Each set's ordinal is copied.
      stack.insert(stack.end(), {{forest.left[i], depth + 1}, {forest.right[i], depth + 1}});
    }
    cost += 1 + 1.1 * deepest;
  }
  return cost;
}

}  // namespace gfr
