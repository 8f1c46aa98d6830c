#include "score/bit_program.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <map>
#include <unordered_map>

namespace gfr {
namespace {

constexpr std::size_t kMaxPlanes = std::size_t{1} << 20;
constexpr std::size_t kMergeCost = 6;  // Of a merge, in splits of a perfect tree.

class Compiler {
 public:
  Compiler(const Forest& forest, const Binning& binning, const BitKernels& kernels)
      : forest_(forest), binning_(binning), kernels_(kernels), node_(forest.feature.size()) {}

  Result<BitProgram> Run() {
    FindConditions();
    PlacePlanes();
    if (program_.planes > kMaxPlanes)
      return Error{ErrorCode::kResourceExhausted, "the forest has " + std::to_string(program_.planes) +
                                                      " conditions; a bit-sliced forest has at most " +
                                                      std::to_string(kMaxPlanes)};
    for (std::size_t t = 0; t < forest_.trees(); ++t) AddTree(forest_.root[t], forest_.tree_class[t]);
    program_.base_margin = forest_.base_margin;
    std::copy(leaf_bytes_.begin(), leaf_bytes_.end(), program_.leaves.Reserve(leaf_bytes_.size() + 64));
    return std::move(program_);
  }

 private:
  struct Key {  // Of a derived condition: which of the column's conditions are combined, and how.
    std::vector<std::uint32_t> terms;
    std::uint32_t flags;
    bool is_or_missing() const { return terms.size() == 1 && flags == KernelDerived::kOrMissing; }
    auto operator<=>(const Key&) const = default;
  };
  struct Used {
    std::map<Key, std::uint32_t> derived;  // To its place, once planes are placed.
    bool any = false;
  };
  struct NodeCondition {
    std::uint32_t column = 0, index = 0;
    const std::uint32_t* derived = nullptr;  // Instead of `index`.
  };

  void FindConditions() {
    used_.resize(binning_.columns().size());
    for (std::size_t i = 0; i < node_.size(); ++i) {
      if (forest_.feature[i] < 0) continue;
      const bool categorical = forest_.category_set[i] >= 0;
      const std::size_t c = binning_.ColumnOf(forest_.feature[i], categorical);
      const Binning::Column& column = binning_.columns()[c];
      used_[c].any = true;
      node_[i].column = static_cast<std::uint32_t>(c);
      Key key = categorical ? SetKey(i, column) : SplitKey(i, column, node_[i].index);
      if (!categorical && key.flags == 0 && key.terms.size() == 1) continue;
      node_[i].derived = &used_[c].derived.try_emplace(std::move(key)).first->second;
    }
  }

  Key SplitKey(std::size_t i, const Binning::Column& column, std::uint32_t& index) const {
    const bool all = forest_.engine == Forest::Engine::kLightgbm && forest_.value[i] == INFINITY;
    bool default_left = forest_.default_left[i] != 0;
    if (forest_.missing[i] == Forest::Missing::kNone) default_left = 0 <= forest_.value[i];
    Key key{{}, all ? KernelDerived::kInvert : 0};
    if (!all) {
      index = binning_.IndexOf(column, forest_.value[i]);
      key.terms.push_back(index);
    }
    if (forest_.missing[i] == Forest::Missing::kZero) {
      const auto zero = static_cast<std::uint32_t>(column.zero_rank);
      // "rank is zero's" is (rank <= zero) xor (rank <= zero - 1): turned where the cut would send zero elsewhere.
      if ((all || zero <= index) != default_left) key.terms.insert(key.terms.end(), {zero, zero - 1});
    }
    if (default_left) key.flags |= KernelDerived::kOrMissing;
    if (all && !default_left) key.flags |= KernelDerived::kNotMissing;
    return key;
  }

  // The ranks that go left are an XOR of "rank <= k", k where left and right meet; in time of the set's categories, not
  // of the column's.
  Key SetKey(std::size_t i, const Binning::Column& column) const {
    const bool xgboost = forest_.engine == Forest::Engine::kXgboost;
    const bool missing_left = xgboost && forest_.default_left[i];
    const auto begin = forest_.categories.begin() + forest_.set_begin[forest_.category_set[i]];
    const auto end = forest_.categories.begin() + forest_.set_begin[forest_.category_set[i] + 1];
    Key key{{}, missing_left ? KernelDerived::kInvert : 0};
    const auto turn = [&](std::uint32_t k) {  // Left and right meet behind rank k; where they do twice, they do not.
      if (!key.terms.empty() && key.terms.back() == k)
        key.terms.pop_back();
      else
        key.terms.push_back(k);
    };
    auto at = column.categories.begin();
    for (auto s = begin; s != end; ++s) {
      at = std::lower_bound(at, column.categories.end(), *s);
      const auto before = static_cast<std::uint32_t>(at - column.categories.begin());  // Its rank - 1.
      turn(before);
      turn(before + 1);
    }
    if (missing_left != xgboost) turn(static_cast<std::uint32_t>(column.categories.size()));
    return key;
  }

  void PlacePlanes() {
    kernel_column_.assign(used_.size(), 0);
    for (std::size_t c = 0; c < used_.size(); ++c) {
      if (!used_[c].any) continue;
      const Binning::Column& column = binning_.columns()[c];
      KernelColumn to{.bits = column.bits,
                      .cuts = column.conditions(),
                      .first_plane = static_cast<std::uint32_t>(program_.planes),
                      .rank_row = column.rank_row,
                      .missing_row = column.missing_row,
                      .derived_begin = static_cast<std::uint32_t>(program_.derived.size())};
      to.first_derived = to.first_plane + to.cuts;
      std::uint32_t place = 0;
      to.or_missing_begin = static_cast<std::uint32_t>(program_.terms.size());
      for (auto& [key, at] : used_[c].derived) {
        if (!key.is_or_missing()) continue;
        program_.terms.push_back(to.first_plane + key.terms[0]);
        at = place++;
      }
      to.or_missing_end = static_cast<std::uint32_t>(program_.terms.size());
      PlaceOthers(used_[c].derived, column.categorical, to, place);
      to.derived_end = static_cast<std::uint32_t>(program_.derived.size());
      program_.planes += to.cuts + place;
      kernel_column_[c] = static_cast<std::uint32_t>(program_.columns.size());
      program_.columns.push_back(to);
      program_.matrix_column.push_back(c);
    }
  }

  // Category sets have many terms, and a column many sets: terms that are neighbours are taken together, and each
  // combination of them that a set has is made once, of another and a term (the method of the four Russians).
  void PlaceOthers(std::map<Key, std::uint32_t>& derived, bool categorical, const KernelColumn& column,
                   std::uint32_t& place) {
    std::size_t keys = 0, terms = 0;
    for (const auto& [key, at] : derived) {
      if (key.is_or_missing()) continue;
      ++keys;
      terms += key.terms.size();
    }
    const unsigned width = categorical ? BlockWidth(keys, terms, column.cuts) : 1;
    // By block and, below it, its terms' bits: a plane.
    std::unordered_map<std::uint64_t, std::uint32_t> combined;
    const auto which = [](std::uint32_t block, std::uint32_t bits) { return std::uint64_t{block} << 32 | bits; };
    const auto plane = [&](std::uint32_t block, std::uint32_t bits) {
      return std::has_single_bit(bits)
                 ? column.first_plane + block * width + static_cast<std::uint32_t>(std::countr_zero(bits))
                 : combined.at(which(block, bits));
    };
    const auto add = [&](const std::vector<std::uint32_t>& planes, std::uint32_t flags) {
      const auto begin = static_cast<std::uint32_t>(program_.terms.size());
      program_.terms.insert(program_.terms.end(), planes.begin(), planes.end());
      program_.derived.push_back({begin, static_cast<std::uint32_t>(program_.terms.size()), flags});
      return place++;
    };
    const auto for_each_block = [&](const Key& key, auto visit) {
      for (std::size_t t = 0; t < key.terms.size();) {
        const std::uint32_t block = key.terms[t] / width;
        std::uint32_t bits = 0;
        for (; t < key.terms.size() && key.terms[t] / width == block; ++t) bits ^= 1u << key.terms[t] % width;
        if (bits) visit(block, bits);  // A term twice is none.
      }
    };
    for (const auto& [key, at] : derived) {
      if (key.is_or_missing()) continue;
      for_each_block(key, [&](std::uint32_t block, std::uint32_t bits) {
        while (!std::has_single_bit(bits) && combined.try_emplace(which(block, bits)).second) bits &= bits - 1;
      });
    }
    std::vector<std::uint64_t> rising;  // What one is made of comes before it.
    rising.reserve(combined.size());
    for (const auto& [one, at] : combined) rising.push_back(one);
    std::ranges::sort(rising);
    for (const std::uint64_t one : rising) {
      const auto block = static_cast<std::uint32_t>(one >> 32), bits = static_cast<std::uint32_t>(one);
      combined[one] = column.first_derived + add({plane(block, bits & (bits - 1)), plane(block, bits & -bits)}, 0);
    }
    struct Wanted {
      std::vector<std::uint32_t> planes;
      std::uint32_t flags;
      std::uint32_t* at;
    };
    std::vector<Wanted> wanted;
    for (auto& [key, at] : derived) {
      if (key.is_or_missing()) continue;
      wanted.push_back({{}, key.flags, &at});
      for_each_block(
          key, [&](std::uint32_t block, std::uint32_t bits) { wanted.back().planes.push_back(plane(block, bits)); });
    }
    // Alike ones after one another: the processor guesses the kernel's branches.
    std::ranges::stable_sort(wanted, {}, [](const Wanted& w) { return std::pair(w.flags, w.planes.size()); });
    for (const Wanted& w : wanted) *w.at = add(w.planes, w.flags);
  }
  // How many neighbours are taken together for the fewest operations.
  static unsigned BlockWidth(std::size_t keys, std::size_t terms, std::size_t cuts) {
    unsigned best = 1;
    std::size_t fewest = terms;
    for (unsigned width = 2; width <= 10; ++width) {
      const std::size_t blocks = (cuts + width - 1) / width;
      const std::size_t operations =
          keys * std::min(blocks, terms / std::max<std::size_t>(keys, 1)) + 2 * (blocks << width);
      if (operations < fewest) {
        fewest = operations;
        best = width;
      }
    }
    return best;
  }

  std::uint32_t PlaneOf(std::int32_t node) const {
    const NodeCondition& condition = node_[static_cast<std::size_t>(node)];
    const KernelColumn& column = program_.columns[kernel_column_[condition.column]];
    return condition.derived ? column.first_derived + *condition.derived : column.first_plane + condition.index;
  }
  bool IsLeaf(std::int32_t node) const { return forest_.feature[static_cast<std::size_t>(node)] < 0; }
  double LeafOf(std::int32_t node) const { return forest_.value[static_cast<std::size_t>(node)]; }

  struct Shape {              // Of a subtree.
    std::uint32_t space = 1;  // Codes of its leaves are below this.
    std::uint8_t bits = 0;
    bool small_is_left = false;
    std::uint32_t offset = 0;  // Of the smaller side's codes.
  };

  void AddTree(std::int32_t root, std::int32_t tree_class) {
    // The tree's nodes, parents first.
    std::vector<std::int32_t> order = {root};
    std::vector<int> depth = {0};
    for (std::size_t q = 0; q < order.size(); ++q) {
      if (IsLeaf(order[q])) continue;
      const auto i = static_cast<std::size_t>(order[q]);
      order.insert(order.end(), {forest_.left[i], forest_.right[i]});
      depth.insert(depth.end(), 2, depth[q] + 1);
    }
    const int deepest = depth.back();
    const std::size_t splits = order.size() / 2;
    std::map<std::int32_t, Shape> shapes;
    bool can_merge = true;
    std::size_t merge_cost = 0;
    for (std::size_t q = order.size(); q-- > 0 && can_merge;) {
      Shape& shape = shapes[order[q]];
      if (IsLeaf(order[q])) continue;
      const auto i = static_cast<std::size_t>(order[q]);
      const Shape &left = shapes[forest_.left[i]], &right = shapes[forest_.right[i]];
      shape.small_is_left = left.space < right.space;
      const Shape &big = shape.small_is_left ? right : left, &small = shape.small_is_left ? left : right;
      const std::uint32_t unit = 1u << small.bits;
      shape.offset = (big.space + unit - 1) / unit * unit;
      shape.space = shape.offset + small.space;
      can_merge = shape.space <= 1u << kMaxMergeBits;
      shape.bits = static_cast<std::uint8_t>(std::bit_width(shape.space - 1));
      merge_cost += kMergeCost + shape.bits;
    }
    if (deepest <= kMaxPerfectBits &&
        (!can_merge || std::size_t{1} << deepest <= std::max<std::size_t>(merge_cost, 16)))
      AddPerfect(root, deepest, tree_class);
    else if (can_merge)
      AddMerge(root, shapes, tree_class);
    else
      AddWalk(order, splits, tree_class);
  }

  void AddPerfect(std::int32_t root, int depth, std::int32_t tree_class) {
    const auto begin = static_cast<std::uint32_t>(program_.offsets.size());
    const std::size_t leaves = std::size_t{1} << depth;
    program_.offsets.resize(begin + leaves - 1, 0);
    std::vector<double> values(leaves);
    struct Item {
      std::int32_t node;
      int level;
      std::size_t index;
    };
    std::vector<Item> stack = {{root, 0, 0}};
    while (!stack.empty()) {
      const Item item = stack.back();
      stack.pop_back();
      if (IsLeaf(item.node)) {  // Above the last level: whatever the splits of zeros below it say.
        const int below = depth - item.level;
        std::fill_n(values.begin() + static_cast<std::ptrdiff_t>(item.index << below), std::size_t{1} << below,
                    LeafOf(item.node));
        continue;
      }
      program_.offsets[begin + (std::size_t{1} << item.level) - 1 + item.index] = PlaneOf(item.node) * 16;
      const auto i = static_cast<std::size_t>(item.node);
      stack.push_back({forest_.left[i], item.level + 1, item.index * 2 + 1});
      stack.push_back({forest_.right[i], item.level + 1, item.index * 2});
    }
    Finish({.kind = KernelTree::kPerfect,
            .bits = static_cast<std::uint8_t>(depth),
            .tree_class = static_cast<std::uint32_t>(tree_class),
            .begin = begin,
            .end = static_cast<std::uint32_t>(program_.offsets.size())},
           values);
  }

  void AddMerge(std::int32_t root, const std::map<std::int32_t, Shape>& shapes, std::int32_t tree_class) {
    const auto begin = static_cast<std::uint32_t>(program_.merges.size());
    std::vector<double> values(shapes.at(root).space);
    struct Item {
      std::int32_t node;
      std::uint32_t base;
      bool done;
    };
    std::vector<Item> stack = {{root, 0, false}};
    while (!stack.empty()) {
      const Item item = stack.back();
      stack.pop_back();
      if (IsLeaf(item.node)) {
        values[item.base] = LeafOf(item.node);
        continue;
      }
      const auto i = static_cast<std::size_t>(item.node);
      const Shape& shape = shapes.at(item.node);
      const std::int32_t small = shape.small_is_left ? forest_.left[i] : forest_.right[i];
      const std::int32_t big = shape.small_is_left ? forest_.right[i] : forest_.left[i];
      if (item.done) {
        program_.merges.push_back({PlaneOf(item.node) * 16, shape.offset, shape.small_is_left, shapes.at(big).bits,
                                   shapes.at(small).bits, shape.bits});
        continue;
      }
      stack.push_back({item.node, item.base, true});
      stack.push_back({small, item.base + shape.offset, false});
      stack.push_back({big, item.base, false});  // Comes off first.
    }
    Finish({.kind = KernelTree::kMerge,
            .bits = shapes.at(root).bits,
            .tree_class = static_cast<std::uint32_t>(tree_class),
            .begin = begin,
            .end = static_cast<std::uint32_t>(program_.merges.size())},
           values);
  }

  void AddWalk(const std::vector<std::int32_t>& order, std::size_t splits, std::int32_t tree_class) {
    const auto begin = static_cast<std::uint32_t>(program_.steps.size());
    std::map<std::int32_t, std::int32_t> place;  // Of splits; ~place of leaves.
    std::vector<double> values;
    std::int32_t next = 0;
    for (const std::int32_t node : order) {
      place[node] = IsLeaf(node) ? ~static_cast<std::int32_t>(values.size()) : next++;
      if (IsLeaf(node)) values.push_back(LeafOf(node));
    }
    program_.steps.reserve(begin + splits);
    for (const std::int32_t node : order) {
      if (IsLeaf(node)) continue;
      const auto i = static_cast<std::size_t>(node);
      program_.steps.push_back({PlaneOf(node), place.at(forest_.left[i]), place.at(forest_.right[i])});
    }
    Finish({.kind = KernelTree::kWalk,
            .tree_class = static_cast<std::uint32_t>(tree_class),
            .begin = begin,
            .end = static_cast<std::uint32_t>(program_.steps.size())},
           values);
  }

  void Finish(KernelTree tree, const std::vector<double>& values) {
    leaf_bytes_.resize((leaf_bytes_.size() + 63) / 64 * 64);
    tree.leaf = leaf_bytes_.size();
    const bool doubles = forest_.engine == Forest::Engine::kLightgbm;
    tree.byte_table = tree.kind != KernelTree::kWalk && tree.bits <= 8 && kernels_.byte_table(tree.bits, doubles);
    // Every index that the bits can say has an entry.
    const std::size_t entries = tree.kind == KernelTree::kWalk
                                    ? values.size()
                                    : std::max<std::size_t>(std::size_t{1} << tree.bits, tree.byte_table ? 64 : 1);
    doubles ? PutLeaves<double>(tree, values, entries) : PutLeaves<float>(tree, values, entries);
    program_.trees.push_back(tree);
  }
  template <typename T>
  void PutLeaves(const KernelTree& tree, const std::vector<double>& values, std::size_t entries) {
    leaf_bytes_.resize(tree.leaf + entries * sizeof(T));
    std::uint8_t* to = leaf_bytes_.data() + tree.leaf;
    for (std::size_t i = 0; i < values.size(); ++i) {
      const auto bytes = std::bit_cast<std::array<std::uint8_t, sizeof(T)>>(static_cast<T>(values[i]));
      for (std::size_t k = 0; k < sizeof(T); ++k) to[tree.byte_table ? k * entries + i : i * sizeof(T) + k] = bytes[k];
    }
  }

  const Forest& forest_;
  const Binning& binning_;
  const BitKernels& kernels_;
  std::vector<NodeCondition> node_;
  std::vector<Used> used_;
  std::vector<std::uint32_t> kernel_column_;
  BitProgram program_;
  std::vector<std::uint8_t> leaf_bytes_;
};

}  // namespace

Result<BitProgram> CompileBitProgram(const Forest& forest, const Binning& binning, const BitKernels& kernels) {
  return Compiler(forest, binning, kernels).Run();
}

}  // namespace gfr
