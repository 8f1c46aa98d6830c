// The kernels for AVX-512 with BW, DQ, VL, VBMI and GFNI; compiled with their flags, called only where the processor
// has them. Leaves are looked up in registers, one table of 64, 128 or 256 bytes a byte of the value.
#include <immintrin.h>

#include "score/bit_kernel.h"

namespace gfr {
namespace {

#include "score/bit_kernel_impl.h"

// Places of the leaves of 64 index bytes after the bytes of the values are interleaved.
template <typename Leaf>
constexpr unsigned SlotOf(unsigned byte_place) {
  const unsigned group = byte_place / 64 * 64, b = byte_place % 64, lane = b / 16, k = b % 16;
  return sizeof(Leaf) == 4 ? group + k / 4 * 16 + lane * 4 + k % 4 : group + k / 2 * 8 + lane * 2 + k % 2;
}

template <int kEntries>
struct ByteTable {
  __m512i part[kEntries / 64];
  GFR_INLINE explicit ByteTable(const std::uint8_t* table) {
    for (int i = 0; i < kEntries / 64; ++i) part[i] = _mm512_load_si512(table + 64 * i);
  }
  GFR_INLINE __m512i Find(__m512i index) const {
    if constexpr (kEntries == 64) return _mm512_permutexvar_epi8(index, part[0]);
    if constexpr (kEntries == 128) return _mm512_permutex2var_epi8(part[0], index, part[1]);
    if constexpr (kEntries == 256)
      return _mm512_mask_blend_epi8(_mm512_movepi8_mask(index), _mm512_permutex2var_epi8(part[0], index, part[1]),
                                    _mm512_permutex2var_epi8(part[2], index, part[3]));
    __builtin_unreachable();
  }
};

GFR_INLINE void Accumulate(float* sums, __m512i x) {
  _mm512_store_ps(sums, _mm512_add_ps(_mm512_load_ps(sums), _mm512_castsi512_ps(x)));
}
GFR_INLINE void Accumulate(double* sums, __m512i x) {
  _mm512_store_pd(sums, _mm512_add_pd(_mm512_load_pd(sums), _mm512_castsi512_pd(x)));
}

// Interleaves the bytes of the values within lanes, lowest first, and adds.
GFR_INLINE void AddInterleaved(__m512i a, __m512i b, __m512i c, __m512i d, float* sums) {
  const __m512i e = _mm512_unpacklo_epi8(a, b), f = _mm512_unpackhi_epi8(a, b), g = _mm512_unpacklo_epi8(c, d),
                h = _mm512_unpackhi_epi8(c, d);
  Accumulate(sums, _mm512_unpacklo_epi16(e, g));
  Accumulate(sums + 16, _mm512_unpackhi_epi16(e, g));
  Accumulate(sums + 32, _mm512_unpacklo_epi16(f, h));
  Accumulate(sums + 48, _mm512_unpackhi_epi16(f, h));
}
GFR_INLINE void AddInterleaved(const __m512i* b, double* sums) {
  __m512i low[2][4];
  for (int i = 0; i < 2; ++i) {
    const __m512i e = _mm512_unpacklo_epi8(b[4 * i], b[4 * i + 1]), f = _mm512_unpackhi_epi8(b[4 * i], b[4 * i + 1]),
                  g = _mm512_unpacklo_epi8(b[4 * i + 2], b[4 * i + 3]),
                  h = _mm512_unpackhi_epi8(b[4 * i + 2], b[4 * i + 3]);
    low[i][0] = _mm512_unpacklo_epi16(e, g);
    low[i][1] = _mm512_unpackhi_epi16(e, g);
    low[i][2] = _mm512_unpacklo_epi16(f, h);
    low[i][3] = _mm512_unpackhi_epi16(f, h);
  }
  for (int i = 0; i < 4; ++i) {
    Accumulate(sums + 16 * i, _mm512_unpacklo_epi32(low[0][i], low[1][i]));
    Accumulate(sums + 16 * i + 8, _mm512_unpackhi_epi32(low[0][i], low[1][i]));
  }
}

template <int kEntries>
GFR_INLINE void AddGroups(const std::uint8_t* leaves, const __m512i* index, unsigned groups, float* sums) {
  const ByteTable<kEntries> a(leaves), b(leaves + kEntries), c(leaves + 2 * kEntries), d(leaves + 3 * kEntries);
  for (unsigned g = 0; g < groups; ++g)
    AddInterleaved(a.Find(index[g]), b.Find(index[g]), c.Find(index[g]), d.Find(index[g]), sums + 64 * g);
}
template <int kEntries>
GFR_INLINE void AddGroups(const std::uint8_t* leaves, const __m512i* index, unsigned groups, double* sums) {
  for (unsigned g = 0; g < groups; ++g) {
    __m512i b[8];
    for (int k = 0; k < 8; ++k) b[k] = ByteTable<kEntries>(leaves + k * kEntries).Find(index[g]);
    AddInterleaved(b, sums + 64 * g);
  }
}
template <typename Leaf>
GFR_INLINE void AddByBits(const std::uint8_t* leaves, unsigned bits, const __m512i* index, unsigned groups,
                          Leaf* sums) {
  if (bits <= 6)
    AddGroups<64>(leaves, index, groups, sums);
  else if (bits == 7)
    AddGroups<128>(leaves, index, groups, sums);
  else
    AddGroups<256>(leaves, index, groups, sums);
}

#define GFR_VECTOR_OPS(width)                                                                       \
  static GFR_INLINE T UnpackLow8(T a, T b) { return _mm##width##_unpacklo_epi8(a, b); }             \
  static GFR_INLINE T UnpackHigh8(T a, T b) { return _mm##width##_unpackhi_epi8(a, b); }            \
  static GFR_INLINE T UnpackLow16(T a, T b) { return _mm##width##_unpacklo_epi16(a, b); }           \
  static GFR_INLINE T UnpackHigh16(T a, T b) { return _mm##width##_unpackhi_epi16(a, b); }          \
  static GFR_INLINE T UnpackLow32(T a, T b) { return _mm##width##_unpacklo_epi32(a, b); }           \
  static GFR_INLINE T UnpackHigh32(T a, T b) { return _mm##width##_unpackhi_epi32(a, b); }          \
  static GFR_INLINE T Mux(T s, T a, T b) { return _mm##width##_ternarylogic_epi64(s, a, b, 0xCA); } \
  static GFR_INLINE T Transpose8(T x) { return _mm##width##_gf2p8affine_epi64_epi8(Unit(), x, 0); } \
  template <typename Leaf>                                                                          \
  static constexpr unsigned Slot(unsigned byte_place) {                                             \
    return SlotOf<Leaf>(byte_place);                                                                \
  }                                                                                                 \
  template <typename Leaf>                                                                          \
  static void AddPlain(const Leaf*, const T*, unsigned, Leaf*) {} /* Always byte tables here. */

struct Zmm {
  using T = __m512i;
  static constexpr bool kLowestLast = true, kSwaps = false;
  static constexpr unsigned kBytes = 64;
  static GFR_INLINE T Load(const void* p) { return _mm512_loadu_si512(p); }
  static GFR_INLINE void Store(void* p, T x) { _mm512_storeu_si512(p, x); }
  static GFR_INLINE T Zero() { return _mm512_setzero_si512(); }
  static GFR_INLINE T Ones() { return _mm512_set1_epi64(-1); }
  static GFR_INLINE T And(T a, T b) { return _mm512_and_si512(a, b); }
  static GFR_INLINE T Or(T a, T b) { return _mm512_or_si512(a, b); }
  static GFR_INLINE T Xor(T a, T b) { return _mm512_xor_si512(a, b); }
  static GFR_INLINE T AndNot(T a, T b) { return _mm512_andnot_si512(a, b); }
  static GFR_INLINE T Unit() { return _mm512_set1_epi64(0x8040201008040201ll); }
  GFR_VECTOR_OPS(512)
  template <typename Leaf>
  static GFR_INLINE void AddBytes(const std::uint8_t* leaves, unsigned bits, const T* bytes, unsigned vectors,
                                  Leaf* sums) {
    AddByBits(leaves, bits, bytes, vectors, sums);
  }
};

struct Ymm {
  using T = __m256i;
  static constexpr bool kLowestLast = true, kSwaps = false;
  static constexpr unsigned kBytes = 32;
  static GFR_INLINE T Load(const void* p) { return _mm256_loadu_si256(static_cast<const T*>(p)); }
  static GFR_INLINE void Store(void* p, T x) { _mm256_storeu_si256(static_cast<T*>(p), x); }
  static GFR_INLINE T Zero() { return _mm256_setzero_si256(); }
  static GFR_INLINE T Ones() { return _mm256_set1_epi64x(-1); }
  static GFR_INLINE T And(T a, T b) { return _mm256_and_si256(a, b); }
  static GFR_INLINE T Or(T a, T b) { return _mm256_or_si256(a, b); }
  static GFR_INLINE T Xor(T a, T b) { return _mm256_xor_si256(a, b); }
  static GFR_INLINE T AndNot(T a, T b) { return _mm256_andnot_si256(a, b); }
  static GFR_INLINE T Unit() { return _mm256_set1_epi64x(0x8040201008040201ll); }
  GFR_VECTOR_OPS(256)
  template <typename Leaf>
  static GFR_INLINE void AddBytes(const std::uint8_t* leaves, unsigned bits, const T* bytes, unsigned vectors,
                                  Leaf* sums) {
    __m512i index[4];
    const unsigned groups = (vectors + 1) / 2;
    for (unsigned g = 0; g < groups; ++g)
      index[g] = _mm512_inserti64x4(_mm512_castsi256_si512(bytes[2 * g]), bytes[2 * g + 1], 1);
    AddByBits(leaves, bits, index, groups, sums);
  }
};

struct Xmm {
  using T = __m128i;
  static constexpr bool kLowestLast = true, kSwaps = false;
  static constexpr unsigned kBytes = 16;
  static GFR_INLINE T Load(const void* p) { return _mm_loadu_si128(static_cast<const T*>(p)); }
  static GFR_INLINE void Store(void* p, T x) { _mm_storeu_si128(static_cast<T*>(p), x); }
  static GFR_INLINE T Zero() { return _mm_setzero_si128(); }
  static GFR_INLINE T Ones() { return _mm_set1_epi64x(-1); }
  static GFR_INLINE T And(T a, T b) { return _mm_and_si128(a, b); }
  static GFR_INLINE T Or(T a, T b) { return _mm_or_si128(a, b); }
  static GFR_INLINE T Xor(T a, T b) { return _mm_xor_si128(a, b); }
  static GFR_INLINE T AndNot(T a, T b) { return _mm_andnot_si128(a, b); }
  static GFR_INLINE T Unit() { return _mm_set1_epi64x(0x8040201008040201ll); }
  GFR_VECTOR_OPS()
  template <typename Leaf>
  static GFR_INLINE void AddBytes(const std::uint8_t* leaves, unsigned bits, const T* bytes, unsigned vectors,
                                  Leaf* sums) {
    __m512i index[2];
    const unsigned groups = (vectors + 3) / 4;
    for (unsigned g = 0; g < groups; ++g) {
      const __m256i low = _mm256_inserti128_si256(_mm256_castsi128_si256(bytes[4 * g]), bytes[4 * g + 1], 1);
      const __m256i high = _mm256_inserti128_si256(_mm256_castsi128_si256(bytes[4 * g + 2]), bytes[4 * g + 3], 1);
      index[g] = _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
    }
    AddByBits(leaves, bits, index, groups, sums);
  }
};

void Run(const KernelForest& forest, const KernelRows& rows, const KernelBlock& block, std::size_t width,
         std::uint8_t* scratch) {
  if (width == 512)
    RunAs<Zmm>(forest, rows, block, scratch);
  else if (width == 256)
    RunAs<Ymm>(forest, rows, block, scratch);
  else
    RunAs<Xmm>(forest, rows, block, scratch);
}

bool HasByteTable(unsigned bits, bool) { return bits <= 8; }

// 2^t pivots of level t, chosen by the path so far: up to level 7 in registers, then gathered.
GFR_INLINE __m512 Pivot(const float* table, unsigned t, __m512i j) {
  const float* p = table + LevelOffset(t);
  const auto two = [&](int i) {
    return _mm512_permutex2var_ps(_mm512_loadu_ps(p + 32 * i), j, _mm512_loadu_ps(p + 32 * i + 16));
  };
  if (t <= 4) return _mm512_permutexvar_ps(j, _mm512_loadu_ps(p));
  if (t == 5) return two(0);
  const __mmask16 bit5 = _mm512_test_epi32_mask(j, _mm512_set1_epi32(32));
  if (t == 6) return _mm512_mask_blend_ps(bit5, two(0), two(1));
  if (t == 7) {
    const __mmask16 bit6 = _mm512_test_epi32_mask(j, _mm512_set1_epi32(64));
    return _mm512_mask_blend_ps(bit6, _mm512_mask_blend_ps(bit5, two(0), two(1)),
                                _mm512_mask_blend_ps(bit5, two(2), two(3)));
  }
  return _mm512_i32gather_ps(j, p, 4);
}

// `bits` is a constant where it is called, so that the levels unroll and their tables stay in registers.
GFR_INLINE void RankLevels(const float* values, std::size_t count, const float* table, unsigned bits,
                           std::uint8_t* planes, std::size_t stride, std::uint8_t* missing) {
  for (std::size_t r = 0; r < count; r += 16) {
    const __m512 x = _mm512_loadu_ps(values + r);
    __m512i j = _mm512_setzero_si512();
#pragma GCC unroll 8
    for (unsigned t = 0; t < bits; ++t) {
      const __mmask16 up = _mm512_cmp_ps_mask(Pivot(table, t, j), x, _CMP_NGT_UQ);
      j = _mm512_add_epi32(j, j);
      j = _mm512_mask_add_epi32(j, up, j, _mm512_set1_epi32(1));
      _store_mask16(reinterpret_cast<__mmask16*>(planes + (bits - 1 - t) * stride + r / 8), up);
    }
    if (missing) _store_mask16(reinterpret_cast<__mmask16*>(missing + r / 8), _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q));
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

const BitKernels kAvx512Kernels = {Run, 512, HasByteTable, Rank};

}  // namespace gfr
