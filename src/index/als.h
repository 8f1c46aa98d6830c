// Implicit ALS: factors of users and items from what users interacted with (Hu, Koren and Volinsky 2008).
//
// A pair of weight w > 0 has preference 1 and confidence 1 + alpha * log2(1 + w) (their equation 6 with base 2); all
// other pairs have preference 0 and confidence 1. Least squares with ridge `regularization`, users and items in turn;
// each row takes `steps` steps of conjugate gradients from where it was (Takacs, Pilaszy and Tikk 2011), as the library
// `implicit` does. Numbers begin as those of a hash of seed and item, and every sum has one order: equal interactions
// give equal factors to the bit. Thread safety: pure functions.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "base/hash.h"

namespace gfr {

// Who interacted with which items: a sparse matrix by users.
struct Interactions {
  struct Entry {
    std::uint32_t item;  // Place in `items`.
    float weight;        // Above 0.
  };
  std::vector<Key> items;             // Rising.
  std::vector<Key> users;             // Rising.
  std::vector<std::uint64_t> begins;  // users + 1: of each user's entries.
  std::vector<Entry> entries;         // Of one user by rising item.
};

struct AlsOptions {
  int factors = 64, iterations = 15, steps = 3;
  double regularization = 0.01, alpha = 10;
  std::uint64_t seed = 1;
};

struct AlsFactors {
  std::vector<float> users, items;  // Row by row.
  // The inverse of (sum of y yT over all items + regularization): a user's row is made with it (embedding_index.h).
  std::vector<float> inverse;
};

// What a pair of this weight has.
double AlsConfidence(const AlsOptions& options, float weight);

// `stopped`: asked once an iteration; when it says so, what is there so far is given. REQUIRES: factors >= 1.
AlsFactors TrainAls(const Interactions& interactions, const AlsOptions& options,
                    const std::function<bool()>& stopped = {});

}  // namespace gfr
