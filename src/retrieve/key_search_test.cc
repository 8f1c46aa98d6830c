#include "retrieve/key_search.h"

#include <gtest/gtest.h>

#include <vector>

#include "base/rng.h"

namespace gfr {
namespace {

void ExpectAsByHalving(const std::vector<Key>& keys, Key key) {
  EXPECT_EQ(PlaceAmongHashes(keys, key), static_cast<std::size_t>(std::ranges::lower_bound(keys, key) - keys.begin()))
      << key << " among " << keys.size();
}

TEST(KeySearch, FindsThePlaceAmongKeysThatLieEvenlyAndAmongOthers) {
  Rng rng(3);
  for (const std::size_t size : {0u, 1u, 2u, 9u, 100u, 5000u}) {
    for (const int shift : {0, 20, 50}) {  // Hashes; small numbers, all below what their values say.
      std::vector<Key> keys;
      for (std::size_t i = 0; i < size; ++i) keys.push_back((rng.Below(UINT64_MAX) >> shift) + 1);
      std::ranges::sort(keys);
      for (std::size_t n = 0; n < 200; ++n) ExpectAsByHalving(keys, rng.Below(UINT64_MAX) >> shift);
      for (std::size_t i = 0; i < size; i += 1 + size / 100) {
        for (const Key beside : {keys[i] - 1, keys[i], keys[i] + 1}) ExpectAsByHalving(keys, beside);
      }
      for (const Key end : {Key{0}, UINT64_MAX}) ExpectAsByHalving(keys, end);
    }
  }
  const std::vector<Key> great(300, UINT64_MAX - 1);
  for (const Key key : {Key{5}, UINT64_MAX - 1, UINT64_MAX}) ExpectAsByHalving(great, key);
}

}  // namespace
}  // namespace gfr
