#include "experiment/analyze_summary.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "stats/early_conversions.h"
#include "stats/multiple_testing.h"
#include "stats/sample_ratio.h"

namespace gfr {
namespace {

using Json = nlohmann::ordered_json;
using Kind = SummaryStatistics::Kind;

void JudgeSampleRatio(const SummaryStatistics& summary, SummaryAnalysis* analysis) {
  std::vector<double> counts, weights;
  for (const SummaryArm& arm : summary.arms) {
    counts.push_back(arm.value.n);
    weights.push_back(arm.weight);
  }
  analysis->sample_ratio_p =
      summary.sequential ? SequentialSampleRatioP(counts, weights) : ChiSquareSampleRatioP(counts, weights);
  analysis->sample_ratio_flagged = analysis->sample_ratio_p < kSampleRatioAlpha;
}

std::vector<ArmEstimate> EstimateArms(const SummaryStatistics& summary, SummaryAnalysis* analysis, double* theta) {
  std::vector<ArmEstimate> estimates;
  if (summary.arms.front().before) {
    std::vector<PairSums> pairs;
    for (const SummaryArm& arm : summary.arms) pairs.push_back(*arm.before);
    const Cuped cuped = FitCuped(pairs);
    for (const PairSums& pair : pairs) estimates.push_back(EstimateCuped(pair, cuped));
    *theta = cuped.theta;
    analysis->variance_removed = cuped.variance_removed;
    return estimates;
  }
  for (const SummaryArm& arm : summary.arms) {
    switch (summary.kind) {
      case Kind::kMean:
        estimates.push_back(EstimateMean(arm.value));
        break;
      case Kind::kProportion:
        estimates.push_back(EstimateProportion(arm.value.n, arm.value.sum));
        break;
      case Kind::kRatio:
        estimates.push_back(EstimateRatio({arm.value, arm.denominator, arm.products}));
        break;
    }
  }
  return estimates;
}

double NonzeroUnits(const SummaryArm& arm) {
  return arm.nonzero ? *arm.nonzero : std::min(arm.value.n, arm.value.NonzeroAtLeast());
}

bool HasEnough(const SummaryArm& arm) {
  return NonzeroUnits(arm) >= ConfidenceSequence::kNonzeroUnits * (1 - 1e-9);  // The bound has rounding in it.
}

// What the decision may use of an effect now.
void SetDecisionP(const SummaryStatistics& summary, const SummaryArm& arm, SummaryEffect* effect) {
  const SummaryArm& control = summary.arms.front();
  if (!summary.sequential || (HasEnough(control) && HasEnough(arm))) {
    effect->decision_p = effect->tested_absolute.p;
    return;
  }
  if (summary.kind != Kind::kProportion || control.value.n == 0 || arm.value.n == 0) return;
  effect->early = true;
  effect->decision_p =
      EarlyConversionsP(control.value.sum, arm.value.sum, arm.weight / (control.weight + arm.weight), Side::kBoth);
}

// Whether it points up: by the rates, and early by the conversions against the design.
bool IsBetter(const SummaryStatistics& summary, const SummaryArm& arm, const SummaryEffect& effect) {
  if (!effect.early) return effect.absolute.value > 0;
  const SummaryArm& control = summary.arms.front();
  return arm.value.sum * control.weight > control.value.sum * arm.weight;
}

std::string ExplainWaiting(const SummaryStatistics& summary) {
  for (const SummaryArm& arm : summary.arms) {
    if (arm.value.n == 0) return "arm '" + arm.name + "' has no units";
  }
  if (summary.sequential) {
    for (const SummaryArm& arm : summary.arms) {
      if (HasEnough(arm)) continue;
      const bool bound = !arm.nonzero && summary.kind != Kind::kProportion;
      return fmt::format(
          "arm '{}' has {}{:.0f} units with a value other than zero, and {:.0f} are needed in each arm{}{}", arm.name,
          bound ? "by its sums at least " : "", std::floor(NonzeroUnits(arm)), ConfidenceSequence::kNonzeroUnits,
          bound ? "; give `nonzero` where the count is known" : "",
          summary.kind == Kind::kProportion ? "; by which arm each conversion falls in, no difference is shown" : "");
    }
  }
  return "";
}

void Decide(const SummaryStatistics& summary, SummaryAnalysis* analysis) {
  const std::string level = fmt::format("at level {:g}", summary.alpha);
  if (analysis->sample_ratio_flagged) {
    analysis->verdict = Verdict::kInvalid;
    analysis->reason =
        fmt::format("the arms' units are not in the designed proportions (sample ratio p = {:.3g} < {:g})",
                    analysis->sample_ratio_p, kSampleRatioAlpha);
    return;
  }
  std::vector<double> p;
  for (const SummaryEffect& effect : analysis->effects) p.push_back(effect.decision_p);
  const std::vector<double> adjusted = AdjustByHolm(p);
  const SummaryEffect *better = nullptr, *worse = nullptr;
  double better_p = 1, worse_p = 1;
  for (std::size_t e = 0; e < adjusted.size(); ++e) {
    const SummaryEffect& effect = analysis->effects[e];
    if (!(adjusted[e] < summary.alpha)) continue;
    if (IsBetter(summary, summary.arms[e + 1], effect)) {
      if (!better || effect.absolute.value > better->absolute.value) better = &effect, better_p = adjusted[e];
    } else if (!worse || effect.absolute.value < worse->absolute.value) {
      worse = &effect, worse_p = adjusted[e];
    }
  }
  const auto shown = [&](const SummaryEffect& effect, const char* word, double adjusted_p) {
    return fmt::format("arm '{}' is {} than the control {} ({}p = {:.3g}{}{})", effect.arm, word, level,
                       summary.sequential ? "always-valid " : "", adjusted_p, adjusted.size() > 1 ? ", by Holm" : "",
                       effect.early ? ", by which arm each conversion falls in" : "");
  };
  if (better) {
    analysis->verdict = Verdict::kShip;
    analysis->reason = shown(*better, "better", better_p);
    if (worse) analysis->reason += "; " + shown(*worse, "worse", worse_p);
  } else if (worse) {
    analysis->verdict = Verdict::kRollBack;
    analysis->reason = shown(*worse, "worse", worse_p);
  } else if (std::string waiting = ExplainWaiting(summary); !waiting.empty()) {
    analysis->reason = waiting;
  } else if (std::isnan(adjusted.front())) {
    analysis->reason = "the values of an arm and of the control do not vary, or are too few: no error can be stated";
  } else {
    analysis->reason = "no difference from the control is shown " + level;
  }
}

Json NumberJson(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }
Json IntervalJson(const Interval& interval) {
  if (!std::isfinite(interval.low) || !std::isfinite(interval.high)) return nullptr;
  return Json::array({interval.low, interval.high});
}

}  // namespace

const char* NameOf(Verdict verdict) {
  switch (verdict) {
    case Verdict::kShip:
      return "ship";
    case Verdict::kRollBack:
      return "roll back";
    case Verdict::kInvalid:
      return "invalid";
    case Verdict::kKeepRunning:
      break;
  }
  return "keep running";
}

SummaryAnalysis AnalyzeSummary(const SummaryStatistics& summary) {
  SummaryAnalysis analysis;
  JudgeSampleRatio(summary, &analysis);
  double theta = std::numeric_limits<double>::quiet_NaN();
  const std::vector<ArmEstimate> estimates = EstimateArms(summary, &analysis, &theta);
  const ConfidenceSequence sequence(summary.alpha, summary.planned_n);
  const bool by_z = summary.kind == Kind::kProportion && !summary.arms.front().before;
  const auto test = [&](Difference& difference) {
    if (by_z) difference.df = std::numeric_limits<double>::infinity();
    return summary.sequential ? TestWatched(difference, sequence) : TestAtFixedHorizon(difference, summary.alpha);
  };
  for (std::size_t a = 1; a < estimates.size(); ++a) {
    SummaryEffect effect{.arm = summary.arms[a].name,
                         .absolute = AbsoluteDifference(estimates.front(), estimates[a]),
                         .relative = RelativeDifference(estimates.front(), estimates[a]),
                         .theta = theta};
    effect.tested_absolute = test(effect.absolute);
    effect.tested_relative = test(effect.relative);
    SetDecisionP(summary, summary.arms[a], &effect);
    analysis.effects.push_back(std::move(effect));
  }
  Decide(summary, &analysis);
  return analysis;
}

Json SummaryJson(const SummaryStatistics& summary, const SummaryAnalysis& analysis) {
  Json json;
  json["srm"] = {{"p", NumberJson(analysis.sample_ratio_p)},
                 {"flagged", analysis.sample_ratio_flagged},
                 {"test", summary.sequential ? "sequential Dirichlet-multinomial" : "chi-square"}};
  json["effects"] = Json::array();
  for (const SummaryEffect& effect : analysis.effects) {
    json["effects"].push_back({{"arm", effect.arm},
                               {"absolute", NumberJson(effect.absolute.value)},
                               {"se_absolute", NumberJson(effect.absolute.se)},
                               {"interval_absolute", IntervalJson(effect.tested_absolute.interval)},
                               {"p", NumberJson(effect.tested_absolute.p)},
                               {"relative", NumberJson(effect.relative.value)},
                               {"se_relative", NumberJson(effect.relative.se)},
                               {"interval_relative", IntervalJson(effect.tested_relative.interval)},
                               {"p_relative", NumberJson(effect.tested_relative.p)},
                               {"theta", NumberJson(effect.theta)}});
  }
  json["decision"] = NameOf(analysis.verdict);
  json["reason"] = analysis.reason;
  if (std::isfinite(analysis.variance_removed)) json["variance_removed"] = analysis.variance_removed;
  json["notes"] = summary.notes;
  return json;
}

}  // namespace gfr
