// Allocation: which units are whose: of the production variants the owner of each of 10,000 buckets, of each running
// experiment its arms' ranges. It is kept from one configuration to the next, so that units stay where they are.
//
// Variants' weights may change: then the fewest possible buckets change their owner. A running experiment may only grow
// into units that are nobody's: what would move one of its units is refused. From when on which shares held is kept: a
// unit is compared with those of the period of its first exposure (results.h).
// Thread safety: pure functions of plain values.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "experiment/experiments.h"

namespace gfr {

struct Allocation {
  static constexpr const char* kSalt = "variant";  // Of the variants' buckets.

  struct Arms {
    std::string salt, name_space, when;
    BucketRange range;
    std::map<std::string, BucketRange> by_name;
    // Empty: of units with fixed weights. "bandit": units go by versions, and the arms' ranges are the experiment's
    // share. "clusters/BY/PERIOD": of clusters.
    std::string design;
    bool is_bandit() const { return design == "bandit"; }
    bool operator==(const Arms&) const = default;
  };
  // Shares of all units, by arm or variant, of those that were exposed first from then on. Of a bandit: a version of
  // its allocation, of those that take part; versions are numbered from 1.
  struct Period {
    std::int64_t from_ms = 0;
    std::map<std::string, double> shares;
    bool operator==(const Period&) const = default;
  };
  std::vector<std::string> variants;  // Owner of each bucket; empty: there are no variants.
  std::map<std::string, Arms> running;
  std::map<std::string, std::vector<Period>> periods;  // Of the variants (kVariantName) and of experiments, in order.
  bool operator==(const Allocation&) const = default;

  std::string ToJson() const;
  // kCorrupt: not what ToJson gave.
  static Result<Allocation> FromJson(std::string_view text);
};

// Of the experiments, after `before`, from `now_ms` on. kInvalidArgument names the experiment whose units would move.
Result<Allocation> Allocate(const Experiments& experiments, const Allocation& before, std::int64_t now_ms);

// The next version of a bandit's allocation, from `now_ms` on: `probabilities` of the arms in the order of the
// experiment, rounded to buckets. False: they are those of the last one. REQUIRES: they sum to 1.
bool AddVersion(const Experiment& bandit, const std::vector<double>& probabilities, std::int64_t now_ms,
                Allocation* allocation);

// `before` (kBuckets owners, or none) with the weights' shares: as few buckets change their owner as possible. Shares
// are rounded to whole buckets, the largest remainders up.
std::vector<std::string> AllocateVariants(const std::vector<Treatment>& variants,
                                          const std::vector<std::string>& before);

}  // namespace gfr
