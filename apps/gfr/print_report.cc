#include "print_report.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/time.h"

namespace gfr {
namespace {

std::string Text(const Estimate& e) {
  return std::isnan(e.value) ? "-" : fmt::format("{:.4f} [{:.4f}, {:.4f}]", e.value, e.interval.low, e.interval.high);
}

void PrintPositionBias(const ObjectiveReport& o) {
  if (o.position_bias.places.empty()) return;
  const auto& swapped = o.swapped_bias.places;
  fmt::print("  {}: position k is examined (k + 1)^-x as often as the first, x = {}; from pairs ordered at random {}\n",
             o.name, Text(o.position_bias.exponent),
             swapped.empty() ? "unknown: there are too few" : Text(o.swapped_bias.exponent));
  for (std::size_t k = 0; k < std::max(o.position_bias.places.size(), swapped.size()); ++k)
    fmt::print("    {:>3}  {:<26}{}\n", k,
               k < o.position_bias.places.size() ? Text(o.position_bias.places[k].examined) : "",
               k < swapped.size() ? Text(swapped[k].examined) : "");
}

}  // namespace

void PrintReport(const EvaluationReport& r) {
  fmt::print("\nModel {}{} on rows of {} to {} (95 % intervals, bootstrap over users)\n", r.model,
             r.simulated ? ", simulated events" : "", FormatTime(r.from_ms), FormatTime(r.to_ms));
  if (r.sampled)
    fmt::print(
        "  slates are sampled: made of the log, not shown by a feed. Only their order means something, and it is "
        "judged "
        "against all items on sale\n");
  if (r.position_reference >= 0)
    fmt::print("  probabilities are judged at the place shown, order with all items at place {}\n",
               r.position_reference);
  fmt::print("  {:<10}{:>9}{:>10}  {:<25}{:<25}{:<25}{:<25}{}\n", "objective", "rows", "positives", "AUC-ROC", "AUC-PR",
             "log loss", "ECE", "observed/expected");
  const auto objective = [](const std::string& name, const BinaryMetrics& m) {
    fmt::print("  {:<10}{:>9}{:>10}  {:<25}{:<25}{:<25}{:<25}{}\n", name, m.rows, m.positives, Text(m.auc_roc),
               Text(m.auc_pr), Text(m.log_loss), Text(m.ece), Text(m.observed_over_expected));
  };
  for (const ObjectiveReport& o : r.objectives) objective(o.name, o.metrics);
  for (const ObjectiveReport& o : r.objectives) {
    if (o.early_window_ms > 0)
      fmt::print("  {}: learnt from labels within {}, which are {:.1f} % of those within {}, by which it is judged\n",
                 o.name, FormatDuration(o.early_window_ms), 100 * o.maturation, FormatDuration(o.window_ms));
  }
  for (const ObjectiveReport& o : r.objectives) {
    if (o.is_mean)
      fmt::print("  {}: amounts of {:.4g} on average, Tweedie deviance {} of a constant's, RMSE {}\n", o.name,
                 o.mean.mean, Text(o.mean.deviance_share), Text(o.mean.rmse));
  }
  for (const EntireSpaceReport& e : r.entire_space) objective("product", e.metrics);
  for (const EntireSpaceReport& e : r.entire_space)
    fmt::print("  product: {} x {}, of impressions that led to both\n", e.first, e.then);
  for (const ObjectiveReport& o : r.objectives) {
    for (const TriedLoss& t : o.tried)
      fmt::print(
          "  {} learnt by {}, calibrated: log loss {:.5f} on the calibration part, NDCG@10 in requests {:.4f}{}\n",
          o.name, t.loss, t.log_loss, t.ndcg, t.kept ? "; kept" : "");
  }
  fmt::print("  {:<26}{:>9}  {:<25}{:<25}{:<25}{}\n", "ranking", "requests", "MRR", "MRR last of session",
             "MRR untouched", "NDCG@10");
  const auto line = [](const std::string& name, const RankingMetrics& m) {
    fmt::print("  {:<26}{:>9}  {:<25}{:<25}{:<25}{}\n", name, m.requests, Text(m.mrr), Text(m.mrr_last_of_session),
               Text(m.mrr_untouched), Text(m.ndcg_10));
  };
  line("model", r.ranking);
  for (const auto& [name, metrics] : r.baselines) line(name, metrics);
  for (const ObjectiveReport& o : r.objectives) PrintPositionBias(o);
  if (!r.against.empty()) {
    fmt::print("  against {} (this model less that one, paired): MRR {}\n", r.against, Text(r.mrr_difference));
    for (const ObjectiveReport& o : r.objectives) {
      if (o.difference.rows > 0)
        fmt::print("    {:<10} AUC-ROC {}, AUC-PR {}, log loss {}\n", o.name, Text(o.difference.auc_roc),
                   Text(o.difference.auc_pr), Text(o.difference.log_loss));
    }
  }
  for (const auto& [name, o] : r.off_policy) {
    fmt::print(
        "  places filled by chance: {} of {} users, clicked {}; {} would have earned\n"
        "    ipw {}, snipw {}, clipped {}, doubly robust {}\n"
        "    effective sample {:.0f}, mean weight {}\n",
        o.rows, o.users, Text(o.logged), name, Text(o.ipw), Text(o.snipw), Text(o.clipped), Text(o.doubly_robust),
        o.effective_sample, Text(o.mean_weight));
    for (const std::string& why : o.refusals) fmt::print("    no evidence, canary only: {}\n", why);
  }
  for (const auto& f : r.folds) {
    fmt::print(
        "  rolling fold {}: {} requests, MRR {:.4f}; over most recent interaction {}; untouched, over order shown {}\n",
        f.name, f.requests, f.mrr, Text(f.difference), Text(f.difference_untouched_order_shown));
  }
  if (!r.folds.empty())
    fmt::print("  all folds: over most recent interaction {}; untouched, over order shown {}\n",
               Text(r.folds_difference), Text(r.folds_difference_untouched));
}

}  // namespace gfr
