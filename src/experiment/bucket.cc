#include "experiment/bucket.h"

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <string>
#include <utility>

namespace gfr {
namespace {

constexpr std::uint32_t kFnvBasis = 2166136261u, kFnvPrime = 16777619u;

// The character that `text` begins with, and how many bytes it has in UTF-8; of what is no UTF-8, its first byte.
std::pair<std::uint32_t, std::size_t> FirstCharacter(std::string_view text) {
  const auto byte = [&](std::size_t k) { return static_cast<std::uint8_t>(text[k]); };
  const std::uint32_t first = byte(0);
  const std::size_t bytes = first < 0x80 ? 1 : first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc2 ? 2 : 0;
  if (bytes <= 1 || bytes > text.size() || first > 0xf4) return {first, 1};
  std::uint32_t character = first & (0x7fu >> bytes);
  for (std::size_t k = 1; k < bytes; ++k) {
    if ((byte(k) & 0xc0) != 0x80) return {first, 1};
    character = character << 6 | (byte(k) & 0x3fu);
  }
  return {character, bytes};
}

// FNV-1a (Fowler, Noll, Vo), going on from `hash`. JavaScript's characters are what is hashed, the parts of a pair one
// by one: the client libraries hash these, not bytes.
std::uint32_t Fnv1a32(std::string_view text, std::uint32_t hash = kFnvBasis) {
  const auto add = [&](std::uint32_t unit) { hash = (hash ^ unit) * kFnvPrime; };
  while (!text.empty()) {
    const auto [character, bytes] = FirstCharacter(text);
    text.remove_prefix(bytes);
    if (character < 0x10000) {
      add(character);
    } else {
      add(0xd800 + ((character - 0x10000) >> 10));
      add(0xdc00 + ((character - 0x10000) & 0x3ff));
    }
  }
  return hash;
}

}  // namespace

int BucketNumber(std::string_view salt, std::string_view id) {
  return static_cast<int>(Fnv1a32(std::to_string(Fnv1a32(id, Fnv1a32(salt)))) % kBuckets);
}

double Bucket(std::string_view salt, std::string_view id) {
  return BucketNumber(salt, id) / static_cast<double>(kBuckets);
}

std::vector<BucketRange> ArmRanges(double share, const std::vector<double>& weights) {
  share = std::clamp(share, 0.0, 1.0);
  const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
  std::vector<BucketRange> ranges;
  double begin = 0;
  for (const double weight : weights) {
    const double part = sum > 0 ? weight / sum : 1.0 / static_cast<double>(weights.size());
    ranges.push_back({begin, begin + share * part});
    begin += part;
  }
  return ranges;
}

}  // namespace gfr
