// AnalyzeSummary: effects, intervals, sample ratio and decision from an experiment's sums.
//
// Effects are of each arm against the control (the first). Watched (`sequential`): the asymptotic confidence sequence,
// always-valid p values, the sequential sample ratio test. Else Welch's t test (z for proportions without CUPED) and
// chi-square. p, intervals and errors of an effect are its own; the decision adjusts the arms' p values by Holm.
//
// Decision, more being better:
//   invalid       the sample ratio is flagged (p < 0.001)
//   ship          an arm is better than the control at alpha; the reason names it
//   roll back     no arm is better, and one is worse
//   keep running  neither is shown. Also while a watched arm has fewer than 150 units with a value other than zero:
//                 then proportions are judged by which arm each conversion falls in (stats/early_conversions.h), and
//                 means and ratios wait. The count is `nonzero` where it is given, else what the sums prove,
//                 sum^2 / sum_squares.
// What does not exist (no units, no variation, a control of 0 for relative effects) is NaN, and null in JSON.
// Thread safety: pure functions.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "experiment/summary_statistics.h"
#include "stats/difference.h"

namespace gfr {

enum class Verdict { kShip, kRollBack, kKeepRunning, kInvalid };
const char* NameOf(Verdict verdict);  // "ship", "roll back", "keep running", "invalid".

struct SummaryEffect {
  std::string arm;
  Difference absolute, relative;
  TestedDifference tested_absolute = {}, tested_relative = {};
  double theta = std::numeric_limits<double>::quiet_NaN();       // Of CUPED; NaN without.
  double decision_p = std::numeric_limits<double>::quiet_NaN();  // What the decision uses, before Holm; NaN: it waits.
  bool early = false;                                            // It is that of the early conversions.
};

struct SummaryAnalysis {
  double sample_ratio_p = 1;
  bool sample_ratio_flagged = false;
  std::vector<SummaryEffect> effects;
  double variance_removed = std::numeric_limits<double>::quiet_NaN();  // By CUPED, as a share.
  Verdict verdict = Verdict::kKeepRunning;
  std::string reason;
};

// REQUIRES: what FromJson gives, or the like.
SummaryAnalysis AnalyzeSummary(const SummaryStatistics& summary);

// {"srm": {"p", "flagged"}, "effects": [{"arm", "absolute", "se_absolute", "interval_absolute", "p", "relative",
//  "se_relative", "interval_relative", "p_relative", "theta"}], "decision", "reason", "notes"}
nlohmann::ordered_json SummaryJson(const SummaryStatistics& summary, const SummaryAnalysis& analysis);

}  // namespace gfr
