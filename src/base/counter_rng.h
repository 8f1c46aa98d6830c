// CounterRng: random numbers by counter: the n-th number of a key is a function of both, so that any one can be drawn
// alone, in any order, by any thread.
//
// A number is SplitMix64's finalizer (Steele, Lea and Flood 2014) of the key plus n times its increment: the n-th
// output of SplitMix64 seeded with the key. Keys are made of a seed and an id by the same finalizer twice, so that
// neighbouring ids have nothing in common. Equal on every machine with the same libm.
// Thread safety: a plain value; const calls from any thread.
#pragma once

#include <cmath>
#include <cstdint>

namespace gfr {

class CounterRng {
 public:
  CounterRng(std::uint64_t seed, std::uint64_t id) : key_(Mix(Mix(seed + kStep) + id * kStep)) {}

  std::uint64_t Bits(std::uint64_t n) const { return Mix(key_ + (n + 1) * kStep); }
  double Uniform(std::uint64_t n) const { return static_cast<double>(Bits(n) >> 11) * 0x1.0p-53; }  // [0, 1)
  bool Chance(std::uint64_t n, double probability) const { return Uniform(n) < probability; }
  // Uses numbers n and n + 1 (Box and Muller, one of the pair).
  double Normal(std::uint64_t n) const {
    return std::sqrt(-2.0 * std::log(1.0 - Uniform(n))) * std::cos(6.283185307179586 * Uniform(n + 1));
  }
  double Exponential(std::uint64_t n, double mean) const { return -mean * std::log(1.0 - Uniform(n)); }

 private:
  static constexpr std::uint64_t kStep = 0x9e3779b97f4a7c15u;
  static std::uint64_t Mix(std::uint64_t z) {
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
  }

  std::uint64_t key_;
};

}  // namespace gfr
