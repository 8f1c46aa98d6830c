// Invented embeddings like those that matrix factorisation gives: items of some hundred kinds, which differ in a few
// latent tastes, and whose lengths differ as those of items that many and few came to. For tests and benches.
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include "base/rng.h"

namespace gfr {

class InventedEmbeddings {
 public:
  static constexpr std::size_t kKinds = 300, kTastes = 24;

  InventedEmbeddings(std::uint64_t seed, std::size_t dimensions) : dimensions_(dimensions), rng_(seed) {
    for (std::size_t n = 0; n < kKinds * kTastes; ++n) kinds_.push_back(rng_.Normal());
    for (std::size_t n = 0; n < dimensions * kTastes; ++n)
      directions_.push_back(static_cast<float>(rng_.Normal() / std::sqrt(static_cast<double>(kTastes))));
  }
  // Appends the vector of one more item of the kind.
  void AppendItem(std::size_t kind, std::vector<float>* vectors) {
    std::vector<float> vector(dimensions_);
    for (std::size_t t = 0; t < kTastes; ++t) {
      const auto taste = static_cast<float>(kinds_[kind % kKinds * kTastes + t] + 0.7 * rng_.Normal());
      for (std::size_t k = 0; k < dimensions_; ++k) vector[k] += taste * directions_[t * dimensions_ + k];
    }
    const double length = std::exp(0.6 * rng_.Normal());
    for (const float v : vector) vectors->push_back(static_cast<float>(length * (v + 0.15 * rng_.Normal())));
  }
  // A user who came to some items of one kind, and half as much to others of any.
  std::vector<float> MakeUser() {
    std::vector<float> items, user(dimensions_);
    const std::size_t kind = rng_.Below(kKinds);
    for (std::size_t n = 0; n < 16; ++n) AppendItem(n % 2 == 0 ? kind : rng_.Below(kKinds), &items);
    for (std::size_t n = 0; n < 16; ++n) {
      for (std::size_t k = 0; k < dimensions_; ++k)
        user[k] += items[n * dimensions_ + k] * (n % 2 == 0 ? 1.0f : 0.5f) / 8;
    }
    return user;
  }

 private:
  const std::size_t dimensions_;
  Rng rng_;
  std::vector<double> kinds_;      // kKinds x kTastes.
  std::vector<float> directions_;  // kTastes x dimensions.
};

}  // namespace gfr
