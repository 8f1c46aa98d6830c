// ScalingPolicy: how many replicas a load needs, by target tracking.
//
// Each target gives a number of replicas by the rule of AWS's target tracking, ceil(replicas x metric / target); the
// largest counts. Three targets: requests a minute and replica (SageMakerVariantInvocationsPerInstance), the 99th
// percentile of latency, and requests that wait for a thread of each replica.
//   out   when the load asks for more than is there or on its way, `out_samples` samples in a row; what is warming up
//         counts as there, so that one surge is not answered twice. Latency and queue ask for at most twice as many at
//         once: above saturation they say that there is too little, not how much
//   in    when every target asked for less in each sample of `in_cooldown_ms`, to the most that any of them asked for;
//         not within `in_cooldown_ms` of the last change
// Thread safety: one thread; time comes with each sample.
#pragma once

#include <cstdint>
#include <deque>
#include <string>

#include "base/config.h"
#include "base/time.h"

namespace gfr {

struct ScalingRules {
  int min_replicas = 1, max_replicas = 10;
  double requests_per_minute = 6000;  // Of a replica.
  double p99_ms = 0;                  // 0: no target.
  double queued = 0;                  // Of a replica; 0: no target.
  int out_samples = 2;
  std::int64_t in_cooldown_ms = 300 * kSecondMs, out_cooldown_ms = 0;
  double in_below = 0.9;  // Of the target: a load just below it takes nobody away.

  // [scale] of gfr.toml. kInvalidArgument names the line.
  static Result<ScalingRules> Read(Config& project);
  bool operator==(const ScalingRules&) const = default;
};

struct ScalingSample {
  std::int64_t now_ms = 0;
  int ready = 0;                   // Replicas that serve.
  int starting = 0;                // That are on their way.
  double requests_per_minute = 0;  // Of all replicas.
  double p99_ms = 0;
  double queued = 0;  // Of all replicas.
};

struct ScalingDecision {
  int desired = 0;
  std::string why;
};

class ScalingPolicy {
 public:
  explicit ScalingPolicy(const ScalingRules& rules) : rules_(rules) {}
  ScalingDecision Decide(const ScalingSample& sample);
  // From now on; what was measured before counts on.
  void SetRules(const ScalingRules& rules) { rules_ = rules; }
  const ScalingRules& rules() const { return rules_; }

 private:
  struct Wanted {
    std::int64_t at_ms;
    int replicas;
  };
  ScalingRules rules_;
  std::deque<Wanted> wanted_;  // Of the last in_cooldown_ms.
  std::int64_t changed_ms_ = INT64_MIN / 2;
  int above_ = 0;  // Samples in a row that asked for more.
};

}  // namespace gfr
