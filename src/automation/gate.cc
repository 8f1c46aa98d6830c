#include "automation/gate.h"

#include <fmt/format.h>

#include <cmath>
#include <optional>

#include "base/json_text.h"

namespace gfr {
namespace {

constexpr double kOneSided95 = 1.6448536269514722;  // Of the normal distribution.
constexpr double kTwoSided95 = 1.959963984540054;

GateCheck CheckLogLoss(const Judgement::Objective& o, bool must_be_better, double margin) {
  const PairedLogLoss& p = o.paired;
  const double upper = p.difference + kOneSided95 * p.standard_error, bound = must_be_better ? 0 : margin * p.champion;
  // A comparison with NaN is false: what cannot be compared does not pass.
  GateCheck check{.name = "log loss of " + o.name, .passed = upper < bound};
  check.why = fmt::format(
      "the candidate's is {:+.4f} % (upper bound {:+.4f} % at 95 %), {}", 100 * p.difference / p.champion,
      100 * upper / p.champion,
      must_be_better ? std::string("which must be below 0") : fmt::format("which must be below {:g} %", 100 * margin));
  return check;
}

GateCheck CheckCalibration(const Judgement::Objective& o, double most) {
  const PairedLogLoss& p = o.paired;
  const double band = std::log1p(most), error = kTwoSided95 * p.candidate_log_oe_error;
  const bool outside = p.candidate_log_oe - error > band || p.candidate_log_oe + error < -band;
  const bool nearer = std::abs(p.candidate_log_oe) < std::abs(p.champion_log_oe);
  return {
      "calibration of " + o.name, std::isfinite(p.candidate_log_oe) && (!outside || nearer),
      fmt::format("observed over expected {:.3f} ({:.3f} to {:.3f}), of the champion {:.3f}; valid is {:.3f} to {:.3f}"
                  "{}",
                  std::exp(p.candidate_log_oe), std::exp(p.candidate_log_oe - error),
                  std::exp(p.candidate_log_oe + error), std::exp(p.champion_log_oe), std::exp(-band), std::exp(band),
                  outside && nearer ? ", or nearer to 1 than the champion's, which it is" : "")};
}

// Nothing: it is no evidence.
std::optional<GateCheck> CheckOffPolicy(const ComparedOffPolicy& off) {
  if (!off.evidence()) return std::nullopt;
  return GateCheck{"off-policy value", off.high >= 0,
                   fmt::format("{:.4f} clicks a draw against the champion's {:.4f}, from {} draws: the difference is "
                               "{:+.4f} (upper bound {:+.4f} at 95 %), which must not be shown to be below 0",
                               off.candidate, off.champion, off.draws, off.difference, off.high)};
}

}  // namespace

const char* DecisionName(GateVerdict::Decision decision) {
  switch (decision) {
    case GateVerdict::Decision::kPromote:
      return "promote";
    case GateVerdict::Decision::kRefuse:
      return "refuse";
    case GateVerdict::Decision::kNoEvidence:
      return "no evidence";
    case GateVerdict::Decision::kCanaryOnly:
      return "canary only";
  }
  return "";
}

std::string GateVerdict::Summary() const {
  std::string text = fmt::format("{} by the rule \"{}\"", DecisionName(decision), rule);
  for (const GateCheck& check : checks) {
    if (decision == Decision::kPromote || decision == Decision::kCanaryOnly || !check.passed)
      text += fmt::format("; {}: {}", check.name, check.why);
  }
  return text;
}

GateVerdict DecideGates(const JudgedWithOffPolicy& judged, const GateRules& rules) {
  const Judgement& judgement = judged.judgement;
  GateVerdict verdict;
  const bool better = rules.rule == GateRules::Rule::kBetter ||
                      (rules.rule == GateRules::Rule::kAuto && !judgement.equal_configuration);
  verdict.rule = better ? "better" : "not_worse";
  verdict.rule_why = rules.rule == GateRules::Rule::kAuto ? judgement.configuration_why : "the step's `rule` says so";
  if (judgement.objectives.empty()) {
    verdict.checks.push_back({"evidence", false, judgement.why_none});
    return verdict;
  }
  const PairedLogLoss& first = judgement.objectives[0].paired;
  const bool enough = first.rows >= rules.min_rows && first.positives >= rules.min_positives;
  verdict.checks.push_back(
      {"evidence", enough,
       fmt::format("{} rows of {} with {} positives that neither version has learnt from; needed are {} and {}",
                   first.rows, judgement.objectives[0].name, first.positives, rules.min_rows, rules.min_positives)});
  if (!enough) return verdict;
  for (const std::string& name : judgement.lost)
    verdict.checks.push_back({"objective " + name, false, "the champion has it, and the candidate has not"});
  for (std::size_t o = 0; o < judgement.objectives.size(); ++o) {
    const Judgement::Objective& objective = judgement.objectives[o];
    // Objectives behind the first may have too few rows to show anything: these are not held to it.
    const bool shown = objective.paired.positives >= rules.min_positives && objective.paired.rows >= rules.min_rows;
    if (o > 0 && !shown) continue;
    if (o == 0) {
      verdict.checks.push_back(CheckLogLoss(objective, better, rules.margin));
    } else {
      // Shown to be worse: its lower bound lies above the margin.
      const PairedLogLoss& p = objective.paired;
      const double lower = p.difference - kOneSided95 * p.standard_error;
      verdict.checks.push_back(
          {"log loss of " + objective.name, lower <= rules.margin * p.champion,
           fmt::format("the candidate's is {:+.4f} % (lower bound {:+.4f} % at 95 %), which must "
                       "not be above {:g} %",
                       100 * p.difference / p.champion, 100 * lower / p.champion, 100 * rules.margin)});
    }
    verdict.checks.push_back(CheckCalibration(objective, rules.max_miscalibration));
  }
  verdict.checks.push_back({"speed", judgement.slowdown <= rules.max_slowdown,
                            fmt::format("scoring takes {:.2f} times the champion's time; valid is up to {:g}",
                                        judgement.slowdown, rules.max_slowdown)});
  const std::optional<GateCheck> off_policy = CheckOffPolicy(judged.off_policy);
  verdict.checks.push_back(off_policy ? *off_policy
                                      : GateCheck{"off-policy value", true,
                                                  "no evidence (" + judged.off_policy.refusal + "): canary only" +
                                                      (rules.needs_off_policy ? "" : ", which the step does without")});
  verdict.decision = GateVerdict::Decision::kPromote;
  for (const GateCheck& check : verdict.checks) {
    if (!check.passed) verdict.decision = GateVerdict::Decision::kRefuse;
  }
  if (!off_policy && rules.needs_off_policy && verdict.decision == GateVerdict::Decision::kPromote)
    verdict.decision = GateVerdict::Decision::kCanaryOnly;
  return verdict;
}

std::string VerdictJson(const JudgedWithOffPolicy& judged, const GateVerdict& verdict) {
  using Json = nlohmann::ordered_json;
  Json json{{"decision", DecisionName(verdict.decision)},
            {"rule", verdict.rule},
            {"rule_why", verdict.rule_why},
            {"summary", verdict.Summary()},
            {"checks", Json::array()},
            {"judgement", ParseJson<Json>(JudgementJson(judged.judgement))},
            {"off_policy", ParseJson<Json>(OffPolicyJson(judged.off_policy))}};
  const auto& objectives = judged.judgement.objectives;
  if (!objectives.empty()) json["log_loss_difference"] = objectives[0].paired.difference;
  for (const GateCheck& check : verdict.checks)
    json["checks"].push_back({{"check", check.name}, {"passed", check.passed}, {"why", check.why}});
  return DumpJson(json);
}

}  // namespace gfr
