// The kernels in the compiler's own vectors of 16 bytes: any processor.
#include "score/bit_kernel.h"

namespace gfr {
namespace {

#include "score/bit_kernel_impl.h"

struct Vector {
  typedef std::uint8_t T __attribute__((vector_size(16)));
  typedef std::uint16_t T16 __attribute__((vector_size(16)));
  typedef std::uint32_t T32 __attribute__((vector_size(16)));
  typedef std::uint64_t T64 __attribute__((vector_size(16)));
  static constexpr bool kLowestLast = false, kSwaps = false;
  static constexpr unsigned kBytes = 16;

  static GFR_INLINE T Load(const void* p) {
    T x;
    __builtin_memcpy(&x, p, sizeof x);
    return x;
  }
  static GFR_INLINE void Store(void* p, T x) { __builtin_memcpy(p, &x, sizeof x); }
  static GFR_INLINE T Zero() { return T{}; }
  static GFR_INLINE T Ones() { return ~T{}; }
  static GFR_INLINE T And(T a, T b) { return a & b; }
  static GFR_INLINE T Or(T a, T b) { return a | b; }
  static GFR_INLINE T Xor(T a, T b) { return a ^ b; }
  static GFR_INLINE T AndNot(T a, T b) { return ~a & b; }
  static GFR_INLINE T Mux(T s, T a, T b) { return b ^ (s & (a ^ b)); }
  static GFR_INLINE T UnpackLow8(T a, T b) {
    return __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
  }
  static GFR_INLINE T UnpackHigh8(T a, T b) {
    return __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
  }
  static GFR_INLINE T UnpackLow16(T a, T b) {
    return (T)__builtin_shufflevector((T16)a, (T16)b, 0, 8, 1, 9, 2, 10, 3, 11);
  }
  static GFR_INLINE T UnpackHigh16(T a, T b) {
    return (T)__builtin_shufflevector((T16)a, (T16)b, 4, 12, 5, 13, 6, 14, 7, 15);
  }
  static GFR_INLINE T UnpackLow32(T a, T b) { return (T)__builtin_shufflevector((T32)a, (T32)b, 0, 4, 1, 5); }
  static GFR_INLINE T UnpackHigh32(T a, T b) { return (T)__builtin_shufflevector((T32)a, (T32)b, 2, 6, 3, 7); }
  static GFR_INLINE T Transpose8(T bytes) {  // Warren, Hacker's Delight, 7-3.
    T64 x = (T64)bytes;
    T64 t = (x ^ (x >> 7)) & 0x00AA00AA00AA00AAu;
    x ^= t ^ (t << 7);
    t = (x ^ (x >> 14)) & 0x0000CCCC0000CCCCu;
    x ^= t ^ (t << 14);
    t = (x ^ (x >> 28)) & 0x00000000F0F0F0F0u;
    x ^= t ^ (t << 28);
    return (T)x;
  }

  template <typename Leaf>
  static constexpr unsigned Slot(unsigned byte_place) {
    return byte_place;
  }
  template <typename Leaf>
  static void AddBytes(const std::uint8_t*, unsigned, const T*, unsigned, Leaf*) {}  // No byte tables here.
  template <typename Leaf>
  static GFR_INLINE void AddPlain(const Leaf* leaves, const T* bytes, unsigned vectors, Leaf* sums) {
    for (unsigned v = 0; v < vectors; ++v) {
      std::uint8_t b[16];
      Store(b, bytes[v]);
      for (unsigned i = 0; i < 16; ++i) sums[v * 16 + i] += leaves[b[i]];
    }
  }
};

void Rank(const float* values, std::size_t count, const float* table, unsigned bits, std::uint8_t* planes,
          std::size_t stride, std::uint8_t* missing) {
  for (std::size_t r = 0; r < count; r += 64) {
    std::uint32_t rank[64] = {};
    for (unsigned t = 0; t < bits; ++t) {
      const float* pivots = table + LevelOffset(t);
      std::uint64_t plane = 0;
      for (unsigned i = 0; i < 64; ++i) {
        const std::uint32_t up = !(pivots[rank[i]] > values[r + i]);
        rank[i] = 2 * rank[i] + up;
        plane |= std::uint64_t{up} << i;
      }
      __builtin_memcpy(planes + (bits - 1 - t) * stride + r / 8, &plane, 8);
    }
    if (missing) {
      std::uint64_t plane = 0;
      for (unsigned i = 0; i < 64; ++i) plane |= std::uint64_t{values[r + i] != values[r + i]} << i;
      __builtin_memcpy(missing + r / 8, &plane, 8);
    }
  }
}

void Run(const KernelForest& forest, const KernelRows& rows, const KernelBlock& block, std::size_t,
         std::uint8_t* scratch) {
  RunAs<Vector>(forest, rows, block, scratch);
}
bool ByteTable(unsigned, bool) { return false; }

}  // namespace

const BitKernels kPortableKernels = {Run, 128, ByteTable, Rank};

}  // namespace gfr
