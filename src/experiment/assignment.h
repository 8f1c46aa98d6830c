// Assignment: what a request is answered with: holdout, production variant, arms of experiments; decided once, before
// the pipeline, from the unit, the feed and what the request says.
//
//   first      the override header: "EXPERIMENT=ARM, variant=NAME, holdout=in"
//   then       the holdout: its part of the units gets the popularity feed and is in nothing else
//   then       the production variant, by the unit's bucket
//   then       each running experiment that the unit's namespace bucket, `when` and share let it into; of a bandit by
//   the
//              version of its allocation that was in force at the unit's first exposure; of clusters and switchbacks by
//              the request's cluster and period in place of the unit
// All is by hashes of the unit: every server comes to the same, and so does a client library with the same salts. What
// an override decided is marked, and so is all else that the same request got: it is in no analysis.
// Thread safety: immutable but for a cache of its own; any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/sync.h"
#include "event/event.h"
#include "experiment/allocation.h"
#include "experiment/experiments.h"
#include "experiment/unit.h"

namespace gfr {

using Overrides = std::map<std::string, std::string>;  // By experiment, "variant" or "holdout".

// What it is assigned by. REQUIRES: outlives the call.
struct AssignmentQuery {
  const Unit& unit;
  std::span<const Property> context;
  std::string_view surface;
  std::int64_t now_ms = 0;
  Overrides overrides = {};
  // The version of a bandit's allocation that the unit was exposed under first (state/allocation_note.h); 0: it was
  // not. Asked only for bandits that it may be in; absent: every unit is new.
  std::function<std::uint32_t(std::string_view experiment)> version_of = {};
};

// The second of two rankings that a request's slate is merged of; the first is the assignment's own.
struct AssignedPair {
  std::string experiment;
  std::shared_ptr<const FeedConfig> feed;
  std::string model;  // A version; empty: the champion.
  double examination = 0.5;
};

struct Assignment {
  std::vector<ServedExperiment> experiments;  // For the record and the reply: whatever the unit is in.
  std::shared_ptr<const FeedConfig> feed;  // With what variant and arms set; the one asked about where they set none.
  std::string variant;                     // The production variant; empty: there are none.
  std::string model;                       // A version; empty: the champion.
  bool holdout = false;
  std::string policy;  // For the record: versions of allocations by which arms were given (event/allocation_version.h).
  std::optional<AssignedPair> pair;  // Of an interleaving that the unit is in.
};

// One flag of one unit, as OFREP tells it.
struct FlagValue {
  enum class Reason { kDisabled, kDefault, kTargetingMatch, kSplit, kStatic };
  Reason reason = Reason::kDefault;
  std::string variant;        // The arm; empty: none.
  std::string value;          // JSON.
  std::uint32_t version = 0;  // Of a bandit's allocation; 0: it has none.
};

class Assigner {
 public:
  static constexpr std::size_t kMaxCombinations = 256;  // Of feeds with what is set, kept made.

  // `experiments` are of the configuration whose feeds are asked about; `allocation` is theirs.
  Assigner(Experiments experiments, Allocation allocation);

  // REQUIRES: `feed` outlives what is made.
  Assignment Assign(const AssignmentQuery& query, const FeedConfig& feed) const;
  // kNotFound: no experiment has the name (and it is not "variant", or there are no variants).
  Result<FlagValue> Evaluate(std::string_view flag, const AssignmentQuery& query) const;
  std::vector<std::string> Flags() const;

  // "price=high, variant=green". kInvalidArgument names what is not known, and what is valid.
  Result<Overrides> ReadOverrides(std::string_view header) const;

  const Experiments& experiments() const { return experiments_; }
  const Allocation& allocation() const { return allocation_; }

 private:
  bool IsHeldOut(const AssignmentQuery& query) const;
  const Treatment* VariantOf(const AssignmentQuery& query) const;
  struct Given {
    const Treatment* arm = nullptr;
    std::uint32_t version = 0;  // Of a bandit.
  };
  Given ArmOf(const Experiment& e, const AssignmentQuery& query) const;
  Given BanditArmOf(const Experiment& e, const AssignmentQuery& query) const;
  std::shared_ptr<const FeedConfig> Combine(const FeedConfig& feed, const std::vector<const Treatment*>& treatments,
                                            bool holdout) const;

  const Experiments experiments_;
  const Allocation allocation_;
  std::vector<std::vector<BucketRange>> ranges_;  // By experiment.
  std::vector<const Treatment*> owners_;          // By bucket.
  mutable Mutex mutex_;
  mutable std::map<std::string, std::shared_ptr<const FeedConfig>> combinations_;
};

}  // namespace gfr
