// Rng: a seeded stream of random numbers, the same on every machine (xoshiro256**, Blackman and Vigna 2018; seeded by
// SplitMix64).
//
// The distributions are our own: those of <random> differ between standard libraries. Thread safety: none.
#pragma once

#include <cmath>
#include <cstdint>

namespace gfr {

class Rng {
 public:
  explicit Rng(std::uint64_t seed) {
    for (std::uint64_t& word : state_) word = SplitMix(seed);
  }

  std::uint64_t Next() {
    const std::uint64_t result = Rotate(state_[1] * 5, 7) * 9, t = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= t;
    state_[3] = Rotate(state_[3], 45);
    return result;
  }

  double Uniform() { return static_cast<double>(Next() >> 11) * 0x1.0p-53; }  // [0, 1)

  // [0, bound). REQUIRES: bound > 0.
  std::uint64_t Below(std::uint64_t bound) {
    return static_cast<std::uint64_t>((static_cast<unsigned __int128>(Next()) * bound) >> 64);
  }

  bool Chance(double probability) { return Uniform() < probability; }

  double Normal() {  // Box and Muller, one of the pair.
    const double u = 1.0 - Uniform(), v = Uniform();
    return std::sqrt(-2.0 * std::log(u)) * std::cos(6.283185307179586 * v);
  }

  double Exponential(double mean) { return -mean * std::log(1.0 - Uniform()); }

  std::uint64_t Poisson(double mean) {  // Knuth for small means, normal approximation above 50.
    if (mean > 50) return static_cast<std::uint64_t>(std::fmax(0.0, std::round(mean + std::sqrt(mean) * Normal())));
    const double limit = std::exp(-mean);
    std::uint64_t count = 0;
    for (double product = Uniform(); product > limit; product *= Uniform()) ++count;
    return count;
  }

 private:
  static std::uint64_t Rotate(std::uint64_t x, int k) { return x << k | x >> (64 - k); }
  static std::uint64_t SplitMix(std::uint64_t& x) {
    std::uint64_t z = x += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
  }

  std::uint64_t state_[4];
};

}  // namespace gfr
