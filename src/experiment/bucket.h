// Bucket: where an id stands, by a salt: one of 10,000 equal parts of [0, 1), by GrowthBook's hash of version 2, so
// that client libraries come to the same one (docs.growthbook.io/lib/build-your-own).
// Texts are hashed by the characters of UTF-16, as JavaScript has them.
//
// Each purpose (an experiment, the variants, the holdout, a namespace) has a salt of its own, so that no purpose goes
// with another. Thread safety: pure functions.
#pragma once

#include <string_view>
#include <vector>

namespace gfr {

inline constexpr int kBuckets = 10'000;

// fnv1a32 of the decimal text of fnv1a32(salt + id), modulo 10,000.
int BucketNumber(std::string_view salt, std::string_view id);
// The same as a share in [0, 1).
double Bucket(std::string_view salt, std::string_view id);

// A part of [0, 1): low is in it, high is not.
struct BucketRange {
  double low = 0, high = 0;
  bool Has(double bucket) const { return bucket >= low && bucket < high; }
  bool operator==(const BucketRange&) const = default;
};

// Of each arm where `share` of all units take part: its own part of the line begins where it would with everyone, so a
// greater share moves no unit from arm to arm. `weights` are relative. The same arithmetic as GrowthBook's
// getBucketRanges, to the last bit.
std::vector<BucketRange> ArmRanges(double share, const std::vector<double>& weights);

}  // namespace gfr
