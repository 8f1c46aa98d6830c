// The kernels, over a vector type V of one instruction set; included by bit_kernel_*.cc alone, inside an unnamed
// namespace, so that no code compiled for one instruction set is linked into another. Nothing of the standard library
// is used here for the same reason.
//
// V has kBytes and static functions Load, Store, Zero, Ones, And, Or, Xor, AndNot(a, b) = ~a & b, Mux(s, a, b) = s ? a
// : b; UnpackLow8/High8/Low16/High16/Low32/High32 within 128-bit lanes; Transpose8: the 8 x 8 bits of each 64, bit i of
// a result byte being of byte i, or with kLowestLast of byte 7 - i; where kSwaps, ShiftLeft and ShiftRight of 16 bits
// and Fill(byte) instead of unpacking and Transpose8. AddBytes<Leaf> and AddPlain<Leaf> add the leaves of vectors of
// index bytes, from byte tables or plain values, to the sums at Slot<Leaf>(place of the index byte).

#define GFR_INLINE inline __attribute__((always_inline))

// Row r of a block to the place of its index byte: the planes' bytes are interleaved within lanes, then transposed; or
// the planes' bits are swapped until vector k has the rows k, k + 8 and so on.
template <typename V>
constexpr unsigned BytePlace(unsigned r) {
  if (V::kSwaps) return r % 8 * V::kBytes + r / 8;
  const unsigned p = r / 8, bit = r % 8, lane = p / 16, high = p % 16 / 8, k = p % 8;
  const unsigned vector = (high * 2 + k / 4) * 2 + k % 4 / 2, word = lane * 2 + k % 2;
  return vector * V::kBytes + word * 8 + bit;
}

template <typename V>
struct RowOps {
  using T = typename V::T;
  static constexpr unsigned kScale = V::kBytes / 16;
  static constexpr unsigned kRows = V::kBytes * 8;

  static GFR_INLINE T Plane(const std::uint8_t* planes, std::uint32_t offset) {
    return V::Load(planes + std::size_t{offset} * kScale);
  }

  // The split bits of level L of a perfect tree, chosen among its 2^L by the levels above.
  template <int L, int level>
  static GFR_INLINE T Select(const T* bit, const std::uint8_t* planes, const std::uint32_t* offsets) {
    if constexpr (level == L) {
      return Plane(planes, offsets[0]);
    } else {
      const T right = Select<L, level + 1>(bit, planes, offsets);
      const T left = Select<L, level + 1>(bit, planes, offsets + (1 << (L - level - 1)));
      return V::Mux(bit[level], left, right);
    }
  }
  // Level by level; the heap is laid out so that a node's right subtree comes before its left.
  template <int D, int L>
  static GFR_INLINE void Levels(T* bit, const std::uint8_t* planes, const std::uint32_t* offsets) {
    if constexpr (L < D) {
      bit[L] = Select<L, 0>(bit, planes, offsets + (1 << L) - 1);
      Levels<D, L + 1>(bit, planes, offsets);
    }
  }
  // One tree, everything in registers.
  template <int D, typename Leaf>
  static __attribute__((noinline)) void Perfect(const std::uint8_t* planes, const std::uint32_t* offsets,
                                                const std::uint8_t* leaves, bool byte_table, unsigned vectors,
                                                Leaf* sums) {
    T bit[D + 1], code[8], bytes[8];
    Levels<D, 0>(bit, planes, offsets);
    for (int k = 0; k < 8; ++k) code[k] = k < D ? bit[D - 1 - k] : V::Zero();
    ToBytes(code, D, bytes, vectors);
    if (byte_table)
      V::template AddBytes<Leaf>(leaves, D, bytes, vectors, sums);
    else
      V::template AddPlain<Leaf>(reinterpret_cast<const Leaf*>(leaves), bytes, vectors, sums);
  }
  template <int D, typename Leaf>
  static GFR_INLINE void AnyPerfect(const KernelForest& forest, const KernelTree& tree, const std::uint8_t* planes,
                                    unsigned vectors, Leaf* sums) {
    if (D == kMaxPerfectBits || tree.bits == D)
      Perfect<D, Leaf>(planes, forest.offsets + tree.begin, forest.leaves + tree.leaf, tree.byte_table, vectors, sums);
    else if constexpr (D < kMaxPerfectBits)
      AnyPerfect<D + 1, Leaf>(forest, tree, planes, vectors, sums);
  }
  // From the leaves up, on a stack of codes; big side first.
  static void Merge(const std::uint8_t* planes, const KernelMerge* merge, const KernelMerge* end, std::uint8_t* stack,
                    T* code, unsigned bits) {
    constexpr std::size_t kEntry = kMaxMergeBits * V::kBytes;
    std::uint8_t* top = stack;  // One past the last entry.
    for (; merge != end; ++merge) {
      const T c = Plane(planes, merge->condition);
      const T small = merge->small_is_left ? c : V::AndNot(c, V::Ones());
      // A side of no bits is a leaf, and is not on the stack.
      std::uint8_t* s = merge->small_bits ? top - kEntry : nullptr;
      if (merge->small_bits) top -= kEntry;
      std::uint8_t* b = merge->big_bits ? top - kEntry : top;
      for (unsigned j = 0; j < merge->small_bits; ++j)
        V::Store(b + j * V::kBytes, V::Mux(small, V::Load(s + j * V::kBytes), V::Load(b + j * V::kBytes)));
      for (unsigned j = merge->small_bits; j < merge->out_bits; ++j) {
        const T big = j < merge->big_bits ? V::Load(b + j * V::kBytes) : V::Zero();
        V::Store(b + j * V::kBytes, merge->offset >> j & 1 ? V::Or(big, small) : V::AndNot(small, big));
      }
      top = b + kEntry;
    }
    for (unsigned j = 0; j < bits; ++j) code[j] = V::Load(stack + j * V::kBytes);
  }

  // Eight planes, lowest bit first, those from `bits` on zero, to index bytes, see BytePlace; out[v] has the rows 16 v
  // to 16 v + 15 of each 128, unless kSwaps.
  static GFR_INLINE void ToBytes(const T* p, unsigned bits, T* out, unsigned vectors) {
    if constexpr (V::kSwaps) {
      if (bits <= 4)
        Swap<4>(p, out);
      else if (bits <= 6)
        Swap<6>(p, out);
      else
        Swap<8>(p, out);
    } else {
      Interleave(p, out, vectors);
    }
  }
  // The bits of the 8 x 8 matrix that each byte place of the planes is (Warren, Hacker's Delight, 7-3).
  template <int kBits>
  static GFR_INLINE void Swap(const T* p, T* out) {
    T x[8];
    const T nibble = V::Fill(0x0F), pair = V::Fill(0x33), bit = V::Fill(0x55);
    for (int k = 0; k < 4; ++k) {
      const T high = V::template ShiftRight<4>(p[k]);
      if (k + 4 < kBits) {
        const T t = V::And(V::Xor(high, p[k + 4]), nibble);
        x[k] = V::Xor(p[k], V::template ShiftLeft<4>(t));
        x[k + 4] = V::Xor(p[k + 4], t);
      } else {
        x[k] = V::And(p[k], nibble);
        x[k + 4] = V::And(high, nibble);
      }
    }
    for (int k = 0; k < 8; k = k % 4 == 1 ? k + 3 : k + 1) {
      const T t = V::And(V::Xor(V::template ShiftRight<2>(x[k]), x[k + 2]), pair);
      x[k] = V::Xor(x[k], V::template ShiftLeft<2>(t));
      x[k + 2] = V::Xor(x[k + 2], t);
    }
    for (int k = 0; k < 8; k += 2) {
      const T t = V::And(V::Xor(V::template ShiftRight<1>(x[k]), x[k + 1]), bit);
      out[k] = V::Xor(x[k], V::template ShiftLeft<1>(t));
      out[k + 1] = V::Xor(x[k + 1], t);
    }
  }
  static GFR_INLINE void Interleave(const T* p, T* out, unsigned vectors) {
    constexpr int k = V::kLowestLast ? 7 : 0, s = V::kLowestLast ? -1 : 1;
    Half(V::UnpackLow8(p[k], p[k + s]), V::UnpackLow8(p[k + 2 * s], p[k + 3 * s]),
         V::UnpackLow8(p[k + 4 * s], p[k + 5 * s]), V::UnpackLow8(p[k + 6 * s], p[k + 7 * s]), out);
    if (vectors > 4)
      Half(V::UnpackHigh8(p[k], p[k + s]), V::UnpackHigh8(p[k + 2 * s], p[k + 3 * s]),
           V::UnpackHigh8(p[k + 4 * s], p[k + 5 * s]), V::UnpackHigh8(p[k + 6 * s], p[k + 7 * s]), out + 4);
  }
  static GFR_INLINE void Half(T a, T b, T c, T d, T* out) {
    const T e = V::UnpackLow16(a, b), f = V::UnpackHigh16(a, b), g = V::UnpackLow16(c, d), h = V::UnpackHigh16(c, d);
    out[0] = V::Transpose8(V::UnpackLow32(e, g));
    out[1] = V::Transpose8(V::UnpackHigh32(e, g));
    out[2] = V::Transpose8(V::UnpackLow32(f, h));
    out[3] = V::Transpose8(V::UnpackHigh32(f, h));
  }

  // The conditions of a column from its rank planes: rank <= i for all i, doubling from the lowest bit.
  static void Conditions(const KernelForest& forest, const KernelColumn& column, const KernelRows& rows,
                         std::size_t byte, bool constant, std::uint8_t* planes) {
    std::uint8_t* le = planes + std::size_t{column.first_plane} * V::kBytes;
    const std::uint8_t* rank = rows.planes + column.rank_row * rows.stride + byte;
    if (constant) {
      std::uint32_t value = 0;
      for (unsigned b = 0; b < column.bits; ++b) value |= (rank[b * rows.stride] & 1u) << b;
      for (std::uint32_t i = 0; i < column.cuts; ++i) V::Store(le + i * V::kBytes, value <= i ? V::Ones() : V::Zero());
    } else if (column.bits > 0) {
      const T ones = V::Ones();
      V::Store(le, V::AndNot(V::Load(rank), ones));
      for (unsigned b = 1; b < column.bits; ++b) {
        const std::uint32_t half = 1u << b;
        const T not_bit = V::AndNot(V::Load(rank + b * rows.stride), ones);
        const std::uint32_t above = column.cuts > half ? column.cuts - half : 0;  // Planes wanted of the upper half.
        const std::uint32_t both = above < half - 1 ? above : half - 1;
        std::uint8_t* at = le;
        for (std::uint32_t j = 0; j < both; ++j, at += V::kBytes) {
          const T x = V::Load(at);
          V::Store(at + std::size_t{half} * V::kBytes, V::Or(x, not_bit));
          V::Store(at, V::And(x, not_bit));
        }
        for (std::uint32_t j = both; j < half - 1; ++j, at += V::kBytes) V::Store(at, V::And(V::Load(at), not_bit));
        V::Store(at, not_bit);
      }
    }
    const T missing = column.missing_row >= 0
                          ? V::Load(rows.planes + static_cast<std::size_t>(column.missing_row) * rows.stride + byte)
                          : V::Zero();
    std::uint8_t* out = planes + std::size_t{column.first_derived} * V::kBytes;
    for (std::uint32_t t = column.or_missing_begin; t < column.or_missing_end; ++t, out += V::kBytes)
      V::Store(out, V::Or(V::Load(planes + std::size_t{forest.terms[t]} * V::kBytes), missing));
    for (std::uint32_t d = column.derived_begin; d < column.derived_end; ++d, out += V::kBytes) {
      const KernelDerived& derived = forest.derived[d];
      T x = derived.flags & KernelDerived::kInvert ? V::Ones() : V::Zero();
      for (std::uint32_t t = derived.terms_begin; t < derived.terms_end; ++t)
        x = V::Xor(x, V::Load(planes + std::size_t{forest.terms[t]} * V::kBytes));
      if (derived.flags & KernelDerived::kOrMissing) x = V::Or(x, missing);
      if (derived.flags & KernelDerived::kNotMissing) x = V::AndNot(missing, x);
      V::Store(out, x);
    }
  }

  template <typename Leaf>
  static void Walk(const KernelForest& forest, const KernelTree& tree, const std::uint8_t* planes, unsigned rows,
                   Leaf* sums) {
    const auto* leaves = reinterpret_cast<const Leaf*>(forest.leaves + tree.leaf);
    for (unsigned r = 0; r < rows; ++r) {
      std::int32_t at = tree.begin == tree.end ? ~0 : 0;
      while (at >= 0) {
        const KernelStep& step = forest.steps[tree.begin + static_cast<std::uint32_t>(at)];
        const bool left = planes[std::size_t{step.condition} * V::kBytes + r / 8] >> (r % 8) & 1;
        at = left ? step.left : step.right;
      }
      sums[V::template Slot<Leaf>(BytePlace<V>(r))] += leaves[~at];
    }
  }

  template <typename Leaf>
  static void Run(const KernelForest& forest, const KernelRows& rows, const KernelBlock& block, std::uint8_t* scratch) {
    std::uint8_t* planes = scratch;
    std::uint8_t* stack = planes + (forest.planes * V::kBytes + 63) / 64 * 64;
    auto* sums = reinterpret_cast<Leaf*>(stack + kMergeStack * kMaxMergeBits * V::kBytes);
    V::Store(planes, V::Zero());
    for (std::size_t c = 0; c < forest.column_count; ++c) {
      const bool constant = rows.constant[c] != 0;
      if (!constant || !block.constants_ready)
        Conditions(forest, forest.columns[c], rows, block.first_row / 8, constant, planes);
    }
    for (std::size_t k = 0; k < forest.classes; ++k) {
      for (unsigned r = 0; r < kRows; ++r) sums[k * kRows + r] = static_cast<Leaf>(forest.base_margin[k]);
    }
    // Index vectors wanted: a vector has 16 rows of each lane of 128.
    const auto vectors = static_cast<unsigned>(block.rows >= 128 ? 8 : (block.rows + 15) / 16);
    for (std::size_t t = 0; t < forest.tree_count; ++t) {
      const KernelTree& tree = forest.trees[t];
      Leaf* sum = sums + tree.tree_class * kRows;
      if (tree.kind == KernelTree::kWalk) {
        Walk<Leaf>(forest, tree, planes, static_cast<unsigned>(block.rows), sum);
        continue;
      }
      if (tree.kind == KernelTree::kPerfect) {
        AnyPerfect<0, Leaf>(forest, tree, planes, vectors, sum);
        continue;
      }
      T code[kMaxMergeBits];
      const unsigned wide = tree.bits > 8 ? kMaxMergeBits : 8;
      for (unsigned k = tree.bits; k < wide; ++k) code[k] = V::Zero();
      Merge(planes, forest.merges + tree.begin, forest.merges + tree.end, stack, code, tree.bits);
      T bytes[8];
      ToBytes(code, tree.bits, bytes, vectors);
      const std::uint8_t* leaves = forest.leaves + tree.leaf;
      if (tree.byte_table) {
        V::template AddBytes<Leaf>(leaves, tree.bits, bytes, vectors, sum);
      } else if (tree.bits <= 8) {
        V::template AddPlain<Leaf>(reinterpret_cast<const Leaf*>(leaves), bytes, vectors, sum);
      } else {
        T high[8];
        ToBytes(code + 8, 8, high, vectors);
        std::uint8_t b[2][V::kBytes * 8];
        for (unsigned v = 0; v < vectors; ++v) {
          V::Store(b[0] + v * V::kBytes, bytes[v]);
          V::Store(b[1] + v * V::kBytes, high[v]);
        }
        const auto* values = reinterpret_cast<const Leaf*>(leaves);
        for (unsigned i = 0; i < vectors * V::kBytes; ++i)
          sum[V::template Slot<Leaf>(i)] += values[b[0][i] | b[1][i] << 8];
      }
    }
    for (unsigned r = 0; r < block.rows; ++r) {
      const unsigned slot = V::template Slot<Leaf>(BytePlace<V>(r));
      for (std::size_t k = 0; k < forest.classes; ++k) {
        const std::size_t to = (block.first_row + r) * forest.classes + k;
        if (block.out_f32)
          block.out_f32[to] = static_cast<float>(sums[k * kRows + slot]);
        else
          block.out_f64[to] = static_cast<double>(sums[k * kRows + slot]);
      }
    }
  }
};

template <typename V>
void RunAs(const KernelForest& forest, const KernelRows& rows, const KernelBlock& block, std::uint8_t* scratch) {
  if (forest.doubles)
    RowOps<V>::template Run<double>(forest, rows, block, scratch);
  else
    RowOps<V>::template Run<float>(forest, rows, block, scratch);
}
