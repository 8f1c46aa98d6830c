// The kernels for AVX2; compiled with its flag, called only where the processor has it. Leaves of up to 64 float values
// are looked up by shuffles of 16 entries, others loaded one by one (gathers are slow on most of these processors).
#include <immintrin.h>

#include "score/bit_kernel.h"

namespace gfr {
namespace {

#include "score/bit_kernel_impl.h"

// Places of the leaves of 32 index bytes: floats are interleaved within lanes, doubles are in order.
template <typename Leaf>
constexpr unsigned SlotOf(unsigned byte_place) {
  const unsigned group = byte_place / 32 * 32, b = byte_place % 32, lane = b / 16, k = b % 16;
  return sizeof(Leaf) == 4 ? group + k / 4 * 8 + lane * 4 + k % 4 : byte_place;
}

GFR_INLINE void Accumulate(float* sums, __m256 x) { _mm256_storeu_ps(sums, _mm256_add_ps(_mm256_loadu_ps(sums), x)); }
GFR_INLINE void Accumulate(double* sums, __m256d x) { _mm256_storeu_pd(sums, _mm256_add_pd(_mm256_loadu_pd(sums), x)); }

GFR_INLINE __m256i Entries(const std::uint8_t* table) {
  return _mm256_broadcastsi128_si256(_mm_load_si128(reinterpret_cast<const __m128i*>(table)));
}
// Looks up bytes in tables of kParts x 16 entries: a part gives 0 for the indices of the other parts, whose top bits
// are set for it. (Blends would compete with the shuffles for the same units.)
template <int kParts>
struct Indices {
  __m256i part[kParts];
  GFR_INLINE explicit Indices(__m256i index) {
    for (int k = 0; k < kParts; ++k)
      part[k] = kParts == 1 ? index
                            : _mm256_add_epi8(_mm256_xor_si256(index, _mm256_set1_epi8(static_cast<char>(16 * k))),
                                              _mm256_set1_epi8(0x70));
  }
  GFR_INLINE __m256i Find(const std::uint8_t* table) const {
    __m256i found = _mm256_shuffle_epi8(Entries(table), part[0]);
    for (int k = 1; k < kParts; ++k)
      found = _mm256_or_si256(found, _mm256_shuffle_epi8(Entries(table + 16 * k), part[k]));
    return found;
  }
};
template <int kParts>
GFR_INLINE void AddGroups(const std::uint8_t* leaves, const __m256i* index, unsigned groups, float* sums) {
  for (unsigned g = 0; g < groups; ++g, sums += 32) {
    const Indices<kParts> indices(index[g]);
    const __m256i a = indices.Find(leaves), b = indices.Find(leaves + 64), c = indices.Find(leaves + 128),
                  d = indices.Find(leaves + 192);
    const __m256i e = _mm256_unpacklo_epi8(a, b), f = _mm256_unpackhi_epi8(a, b), h = _mm256_unpacklo_epi8(c, d),
                  i = _mm256_unpackhi_epi8(c, d);
    Accumulate(sums, _mm256_castsi256_ps(_mm256_unpacklo_epi16(e, h)));
    Accumulate(sums + 8, _mm256_castsi256_ps(_mm256_unpackhi_epi16(e, h)));
    Accumulate(sums + 16, _mm256_castsi256_ps(_mm256_unpacklo_epi16(f, i)));
    Accumulate(sums + 24, _mm256_castsi256_ps(_mm256_unpackhi_epi16(f, i)));
  }
}
GFR_INLINE void AddByBits(const std::uint8_t* leaves, unsigned bits, const __m256i* index, unsigned groups,
                          float* sums) {
  if (bits <= 4)
    AddGroups<1>(leaves, index, groups, sums);
  else if (bits == 5)
    AddGroups<2>(leaves, index, groups, sums);
  else
    AddGroups<4>(leaves, index, groups, sums);
}
GFR_INLINE void AddByBits(const std::uint8_t*, unsigned, const __m256i*, unsigned, double*) {
}  // No byte tables of doubles.

GFR_INLINE void AddLoads(const float* leaves, const __m256i* index, unsigned groups, float* sums) {
  for (unsigned g = 0; g < groups; ++g, sums += 32) {
    alignas(32) std::uint64_t words[4];  // Bytes 8 w to 8 w + 7.
    _mm256_store_si256(reinterpret_cast<__m256i*>(words), index[g]);
    for (int j = 0; j < 4; ++j) {
      const auto low = static_cast<std::uint32_t>(words[j / 2] >> (32 * (j % 2)));
      const auto high = static_cast<std::uint32_t>(words[2 + j / 2] >> (32 * (j % 2)));
      Accumulate(sums + 8 * j, _mm256_set_ps(leaves[high >> 24], leaves[high >> 16 & 255], leaves[high >> 8 & 255],
                                             leaves[high & 255], leaves[low >> 24], leaves[low >> 16 & 255],
                                             leaves[low >> 8 & 255], leaves[low & 255]));
    }
  }
}
GFR_INLINE void AddLoads(const double* leaves, const __m256i* index, unsigned groups, double* sums) {
  for (unsigned g = 0; g < groups; ++g, sums += 32) {
    alignas(32) std::uint64_t words[4];
    _mm256_store_si256(reinterpret_cast<__m256i*>(words), index[g]);
    for (int j = 0; j < 8; ++j) {
      const auto w = static_cast<std::uint32_t>(words[j / 2] >> (32 * (j % 2)));
      Accumulate(sums + 4 * j,
                 _mm256_set_pd(leaves[w >> 24], leaves[w >> 16 & 255], leaves[w >> 8 & 255], leaves[w & 255]));
    }
  }
}

#define GFR_VECTOR_OPS(width, bits)                                                                         \
  static GFR_INLINE T Load(const void* p) { return _mm##width##_loadu_si##bits(static_cast<const T*>(p)); } \
  static GFR_INLINE void Store(void* p, T x) { _mm##width##_storeu_si##bits(static_cast<T*>(p), x); }       \
  static GFR_INLINE T Zero() { return _mm##width##_setzero_si##bits(); }                                    \
  static GFR_INLINE T Ones() { return _mm##width##_set1_epi64x(-1); }                                       \
  static GFR_INLINE T And(T a, T b) { return _mm##width##_and_si##bits(a, b); }                             \
  static GFR_INLINE T Or(T a, T b) { return _mm##width##_or_si##bits(a, b); }                               \
  static GFR_INLINE T Xor(T a, T b) { return _mm##width##_xor_si##bits(a, b); }                             \
  static GFR_INLINE T AndNot(T a, T b) { return _mm##width##_andnot_si##bits(a, b); }                       \
  static GFR_INLINE T Mux(T s, T a, T b) { return Xor(b, And(s, Xor(a, b))); }                              \
  static GFR_INLINE T UnpackLow8(T a, T b) { return _mm##width##_unpacklo_epi8(a, b); }                     \
  static GFR_INLINE T UnpackHigh8(T a, T b) { return _mm##width##_unpackhi_epi8(a, b); }                    \
  static GFR_INLINE T UnpackLow16(T a, T b) { return _mm##width##_unpacklo_epi16(a, b); }                   \
  static GFR_INLINE T UnpackHigh16(T a, T b) { return _mm##width##_unpackhi_epi16(a, b); }                  \
  static GFR_INLINE T UnpackLow32(T a, T b) { return _mm##width##_unpacklo_epi32(a, b); }                   \
  static GFR_INLINE T UnpackHigh32(T a, T b) { return _mm##width##_unpackhi_epi32(a, b); }                  \
  static GFR_INLINE T Transpose8(T x) { /* Warren, Hacker's Delight, 7-3. */                                \
    T t = And(Xor(x, _mm##width##_srli_epi64(x, 7)), _mm##width##_set1_epi64x(0x00AA00AA00AA00AAll));       \
    x = Xor(x, Xor(t, _mm##width##_slli_epi64(t, 7)));                                                      \
    t = And(Xor(x, _mm##width##_srli_epi64(x, 14)), _mm##width##_set1_epi64x(0x0000CCCC0000CCCCll));        \
    x = Xor(x, Xor(t, _mm##width##_slli_epi64(t, 14)));                                                     \
    t = And(Xor(x, _mm##width##_srli_epi64(x, 28)), _mm##width##_set1_epi64x(0x00000000F0F0F0F0ll));        \
    return Xor(x, Xor(t, _mm##width##_slli_epi64(t, 28)));                                                  \
  }                                                                                                         \
  template <typename Leaf>                                                                                  \
  static constexpr unsigned Slot(unsigned byte_place) {                                                     \
    return SlotOf<Leaf>(byte_place);                                                                        \
  }

struct Ymm {
  using T = __m256i;
  static constexpr bool kLowestLast = false, kSwaps = true;
  static constexpr unsigned kBytes = 32;
  GFR_VECTOR_OPS(256, 256)
  static GFR_INLINE T Fill(char byte) { return _mm256_set1_epi8(byte); }
  template <int kBits>
  static GFR_INLINE T ShiftLeft(T x) {
    return _mm256_slli_epi16(x, kBits);
  }
  template <int kBits>
  static GFR_INLINE T ShiftRight(T x) {
    return _mm256_srli_epi16(x, kBits);
  }
  template <typename Leaf>
  static GFR_INLINE void AddBytes(const std::uint8_t* leaves, unsigned bits, const T* bytes, unsigned vectors,
                                  Leaf* sums) {
    AddByBits(leaves, bits, bytes, vectors, sums);
  }
  template <typename Leaf>
  static GFR_INLINE void AddPlain(const Leaf* leaves, const T* bytes, unsigned vectors, Leaf* sums) {
    AddLoads(leaves, bytes, vectors, sums);
  }
};

struct Xmm {
  using T = __m128i;
  static constexpr bool kLowestLast = false, kSwaps = false;
  static constexpr unsigned kBytes = 16;
  GFR_VECTOR_OPS(, 128)
  static GFR_INLINE unsigned Pair(const T* bytes, unsigned vectors, __m256i* index) {
    const unsigned groups = (vectors + 1) / 2;
    for (unsigned g = 0; g < groups; ++g)
      index[g] = _mm256_inserti128_si256(_mm256_castsi128_si256(bytes[2 * g]), bytes[2 * g + 1], 1);
    return groups;
  }
  template <typename Leaf>
  static GFR_INLINE void AddBytes(const std::uint8_t* leaves, unsigned bits, const T* bytes, unsigned vectors,
                                  Leaf* sums) {
    __m256i index[4];
    const unsigned groups = Pair(bytes, vectors, index);
    AddByBits(leaves, bits, index, groups, sums);
  }
  template <typename Leaf>
  static GFR_INLINE void AddPlain(const Leaf* leaves, const T* bytes, unsigned vectors, Leaf* sums) {
    __m256i index[4];
    const unsigned groups = Pair(bytes, vectors, index);
    AddLoads(leaves, index, groups, sums);
  }
};

void Run(const KernelForest& forest, const KernelRows& rows, const KernelBlock& block, std::size_t width,
         std::uint8_t* scratch) {
  if (width == 256)
    RunAs<Ymm>(forest, rows, block, scratch);
  else
    RunAs<Xmm>(forest, rows, block, scratch);
}

bool HasByteTable(unsigned bits, bool doubles) { return bits <= 6 && !doubles; }

// 2^t pivots of level t, chosen by the path so far: up to level 5 in registers, then gathered.
GFR_INLINE __m256 Pivot(const float* table, unsigned t, __m256i j) {
  const float* p = table + LevelOffset(t);
  const auto one = [&](int i) { return _mm256_permutevar8x32_ps(_mm256_loadu_ps(p + 8 * i), j); };
  const auto top = [&](int bit) { return _mm256_castsi256_ps(_mm256_slli_epi32(j, 31 - bit)); };
  if (t <= 3) return one(0);
  if (t == 4) return _mm256_blendv_ps(one(0), one(1), top(3));
  if (t == 5)
    return _mm256_blendv_ps(_mm256_blendv_ps(one(0), one(1), top(3)), _mm256_blendv_ps(one(2), one(3), top(3)), top(4));
  return _mm256_i32gather_ps(p, j, 4);
}

// The pivots of the last two levels: four floats for each of eight rows, turned.
struct LastPivots {
  __m256 when_down, before, when_up;
  GFR_INLINE LastPivots(const float* table, __m256i j) {
    alignas(32) std::uint32_t at[8];
    _mm256_store_si256(reinterpret_cast<__m256i*>(at), _mm256_slli_epi32(j, 2));
    const auto two = [&](int i) {
      return _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(table + at[i])), _mm_loadu_ps(table + at[i + 4]),
                                  1);
    };
    const __m256 a = two(0), b = two(1), c = two(2), d = two(3);
    const __m256 ab = _mm256_unpacklo_ps(a, b), cd = _mm256_unpacklo_ps(c, d);
    when_down = _mm256_shuffle_ps(ab, cd, 0x44);
    before = _mm256_shuffle_ps(ab, cd, 0xEE);
    when_up = _mm256_shuffle_ps(_mm256_unpackhi_ps(a, b), _mm256_unpackhi_ps(c, d), 0x44);
  }
};

GFR_INLINE void RankLevels(const float* values, std::size_t count, const float* table, unsigned bits,
                           std::uint8_t* planes, std::size_t stride, std::uint8_t* missing) {
  const bool paired = bits >= kMinPairedLevels && bits <= kMaxPairedLevels;
  const unsigned levels = paired ? bits - 2 : bits;
  const auto plane = [&](unsigned level, std::size_t r) -> std::uint8_t& {
    return planes[(bits - 1 - level) * stride + r / 8];
  };
  const auto mask = [](__m256 up) { return static_cast<std::uint8_t>(_mm256_movemask_ps(up)); };
  for (std::size_t r = 0; r < count; r += 8) {
    const __m256 x = _mm256_loadu_ps(values + r);
    __m256i j = _mm256_setzero_si256();
#pragma GCC unroll 8
    for (unsigned t = 0; t < levels; ++t) {
      const __m256 up = _mm256_cmp_ps(Pivot(table, t, j), x, _CMP_NGT_UQ);
      j = _mm256_sub_epi32(_mm256_add_epi32(j, j), _mm256_castps_si256(up));
      plane(t, r) = mask(up);
    }
    if (paired) {
      const LastPivots last(table + LevelOffset(bits), j);
      const __m256 up = _mm256_cmp_ps(last.before, x, _CMP_NGT_UQ);
      plane(levels, r) = mask(up);
      plane(levels + 1, r) = mask(_mm256_cmp_ps(_mm256_blendv_ps(last.when_down, last.when_up, up), x, _CMP_NGT_UQ));
    }
    if (missing) missing[r / 8] = mask(_mm256_cmp_ps(x, x, _CMP_UNORD_Q));
  }
}

void Rank(const float* values, std::size_t count, const float* table, unsigned bits, std::uint8_t* planes,
          std::size_t stride, std::uint8_t* missing) {
  switch (bits) {
    case 4:
      return RankLevels(values, count, table, 4, planes, stride, missing);
    case 5:
      return RankLevels(values, count, table, 5, planes, stride, missing);
    case 6:
      return RankLevels(values, count, table, 6, planes, stride, missing);
    case 7:
      return RankLevels(values, count, table, 7, planes, stride, missing);
    case 8:
      return RankLevels(values, count, table, 8, planes, stride, missing);
    default:
      return RankLevels(values, count, table, bits, planes, stride, missing);
  }
}

}  // namespace

const BitKernels kAvx2Kernels = {Run, 256, HasByteTable, Rank};

}  // namespace gfr
