#include "automation/scaling.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace gfr {
namespace {

int CeilOf(double value) { return static_cast<int>(std::ceil(value - 1e-9)); }

}  // namespace

Result<ScalingRules> ScalingRules::Read(Config& project) {
  ScalingRules rules;
  Config table = project.Table("scale");
  rules.min_replicas = static_cast<int>(table.Integer("min_replicas", rules.min_replicas, 1, 10'000));
  rules.max_replicas = static_cast<int>(table.Integer("max_replicas", rules.max_replicas, 1, 10'000));
  rules.requests_per_minute = table.Number("requests_per_minute", rules.requests_per_minute, 1, 1e9);
  rules.p99_ms = table.Number("p99_ms", rules.p99_ms, 0, 1e6);
  rules.queued = table.Number("queued", rules.queued, 0, 1e6);
  rules.out_samples = static_cast<int>(table.Integer("out_samples", rules.out_samples, 1, 100));
  rules.in_cooldown_ms = table.DurationMs("in_cooldown", rules.in_cooldown_ms);
  rules.out_cooldown_ms = table.DurationMs("out_cooldown", rules.out_cooldown_ms);
  if (rules.max_replicas < rules.min_replicas) table.Fail("max_replicas", "it is below min_replicas");
  GFR_TRY(table.Finish());
  return rules;
}

ScalingDecision ScalingPolicy::Decide(const ScalingSample& s) {
  const int there = s.ready + s.starting;
  const double ready = std::max(1, s.ready);
  // What each target asks for, by what is ready: only that serves.
  struct Target {
    std::string what;
    double ratio;  // Metric over target.
    bool saturates;
  };
  const Target targets[]{{fmt::format("{:.0f} requests a minute and replica of {:.0f}", s.requests_per_minute / ready,
                                      rules_.requests_per_minute),
                          s.requests_per_minute / ready / rules_.requests_per_minute, false},
                         {fmt::format("p99 {:.1f} ms of {:.1f}", s.p99_ms, rules_.p99_ms),
                          rules_.p99_ms > 0 ? s.p99_ms / rules_.p99_ms : 0, true},
                         {fmt::format("{:.1f} waiting a replica of {:.1f}", s.queued / ready, rules_.queued),
                          rules_.queued > 0 ? s.queued / ready / rules_.queued : 0, true}};
  int out = 0, in = 0;
  const Target* by = targets;
  for (const Target& target : targets) {
    // Latency is not in proportion to the load: below its target it takes nobody away by itself, but more than the load
    // asks for is not needed either.
    const double ratio = target.saturates ? std::min(target.ratio, 2.0) : target.ratio;
    const int wants = target.saturates && ratio <= 1 ? 0 : CeilOf(ready * ratio);
    if (wants > out) {
      out = wants;
      by = &target;
    }
    in = std::max(in,
                  target.saturates ? (ratio > rules_.in_below ? s.ready : 0) : CeilOf(ready * ratio / rules_.in_below));
  }
  const auto bounded = [&](int replicas) { return std::clamp(replicas, rules_.min_replicas, rules_.max_replicas); };
  out = bounded(out);
  wanted_.push_back({s.now_ms, bounded(in)});
  // The first one is as old as the cool-down, however samples fall into it.
  while (wanted_.size() > 1 && wanted_[1].at_ms <= s.now_ms - rules_.in_cooldown_ms) wanted_.pop_front();
  above_ = out > there ? above_ + 1 : 0;
  if (there < rules_.min_replicas) return changed_ms_ = s.now_ms, ScalingDecision{rules_.min_replicas, "the least"};
  if (there > rules_.max_replicas) return changed_ms_ = s.now_ms, ScalingDecision{rules_.max_replicas, "the most"};
  if (out > there) {
    if (above_ < rules_.out_samples) return {there, by->what + ", for the first time"};
    if (s.now_ms < changed_ms_ + rules_.out_cooldown_ms) return {there, by->what + ", but it cools down"};
    changed_ms_ = s.now_ms;
    return {out, by->what};
  }
  const int most = std::ranges::max_element(wanted_, {}, &Wanted::replicas)->replicas;
  const bool watched = s.now_ms - wanted_.front().at_ms >= rules_.in_cooldown_ms * 9 / 10;
  if (most < there && s.starting == 0 && watched && s.now_ms >= changed_ms_ + rules_.in_cooldown_ms) {
    changed_ms_ = s.now_ms;
    return {most, fmt::format("no target asked for more than {} in {}", most, FormatDuration(rules_.in_cooldown_ms))};
  }
  return {there, by->what};
}

}  // namespace gfr
