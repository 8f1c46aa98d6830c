#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "base/time.h"
#include "evaluate/html.h"
#include "evaluate/report.h"

namespace gfr {
namespace {

// A line through points of the unit square (scaled by `top`), with the diagonal when wanted.
std::string Plot(const std::string& title, const std::vector<CurvePoint>& points, double top, bool diagonal,
                 bool dots) {
  std::string path, marks;
  const auto x = [&](double v) { return 40 + 250 * std::clamp(v / top, 0.0, 1.0); };
  const auto y = [&](double v) { return 270 - 250 * std::clamp(v / top, 0.0, 1.0); };
  for (const CurvePoint& p : points) {
    path += fmt::format("{:.1f},{:.1f} ", x(p.x), y(p.y));
    if (dots) marks += fmt::format("<circle cx='{:.1f}' cy='{:.1f}' r='3'/>", x(p.x), y(p.y));
  }
  return fmt::format(
      "<figure><svg viewBox='0 0 310 300' width='310'><rect x='40' y='20' width='250' height='250' fill='none' "
      "stroke='#999'/>{}"
      "<polyline points='{}' fill='none' stroke='#0b63ce' stroke-width='2'/><g fill='#0b63ce'>{}</g>"
      "<text x='36' y='275' text-anchor='end'>0</text><text x='36' y='28' text-anchor='end'>{:.2g}</text>"
      "<text x='290' y='288' text-anchor='end'>{:.2g}</text></svg><figcaption>{}</figcaption></figure>",
      diagonal ? "<line x1='40' y1='270' x2='290' y2='20' stroke='#bbb' stroke-dasharray='4'/>" : "", path, marks, top,
      top, EscapeHtml(title));
}

std::string ReliabilityPlot(const std::vector<ReliabilityBin>& bins) {
  std::vector<CurvePoint> points;
  double top = 0;
  for (const ReliabilityBin& b : bins) {
    points.push_back({b.mean_probability, b.observed});
    top = std::max({top, b.mean_probability, b.observed});
  }
  return Plot("Reliability: observed against mean probability", points, top > 0 ? top : 1, true, true);
}

std::string BinaryTable(const BinaryMetrics& m) {
  return "<table><tr><th>rows<th>positives<th>AUC-ROC<th>AUC-PR<th>log loss<th>ECE<th>observed/expected<th>Brier"
         "<th>normalised entropy</tr>" +
         fmt::format("<tr><td>{}</td><td>{}</td>", m.rows, m.positives) + HtmlCell(m.auc_roc) + HtmlCell(m.auc_pr) +
         HtmlCell(m.log_loss) + HtmlCell(m.ece) + HtmlCell(m.observed_over_expected) + HtmlCell(m.brier) +
         HtmlCell(m.normalised_entropy) + "</tr></table>";
}

// Shares of the total, highest first.
std::string Bars(const std::string& title, std::vector<std::pair<std::string, double>> importance) {
  std::erase_if(importance, [](const auto& i) { return !(i.second > 0); });
  if (importance.empty()) return "";
  std::ranges::stable_sort(importance, std::greater<>(), [](const auto& i) { return i.second; });
  double total = 0;
  for (const auto& [name, gain] : importance) total += gain;
  std::string rows;
  int y = 0;
  for (const auto& [name, gain] : importance) {
    if (y >= 30 * 18) break;
    rows += fmt::format(
        "<text x='200' y='{}' text-anchor='end'>{}</text><rect x='206' y='{}' width='{:.1f}' height='12' "
        "fill='#0b63ce'/><text x='{:.1f}' y='{}'>{:.1f} %</text>",
        y + 14, EscapeHtml(name), y + 4, 300 * gain / importance[0].second, 212 + 300 * gain / importance[0].second,
        y + 14, 100 * gain / total);
    y += 18;
  }
  return fmt::format("<h3>{}</h3><svg viewBox='0 0 600 {}' width='600'>{}</svg>", EscapeHtml(title), y + 4, rows);
}

std::string MeanTable(const MeanMetrics& m) {
  return "<table><tr><th>observed/expected<th>Tweedie deviance<th>share of a constant's<th>RMSE<th>MAE</tr><tr>" +
         HtmlCell(m.observed_over_expected) + HtmlCell(m.deviance) + HtmlCell(m.deviance_share) + HtmlCell(m.rmse) +
         HtmlCell(m.mae) +
         fmt::format(
             "</tr></table><p>{} rows, {} with an amount above 0, {:.4g} on average. The deviance is least for the "
             "true "
             "means; under 1 its share beats the mean of all rows.</p>",
             m.rows, m.positives, m.mean);
}

std::string RankingHtml(const EvaluationReport& r) {
  std::string html = "<h2>Ranking</h2><table><tr><th><th>MRR<th>MRR, last of session<th>MRR, untouched<th>NDCG@10</tr>";
  const auto row = [&](const std::string& name, const RankingMetrics& m) {
    html += "<tr><th>" + EscapeHtml(name) + "</th>" + HtmlCell(m.mrr) + HtmlCell(m.mrr_last_of_session) +
            HtmlCell(m.mrr_untouched) + HtmlCell(m.ndcg_10) + "</tr>";
  };
  row("model", r.ranking);
  for (const auto& [name, metrics] : r.baselines) row(name, metrics);
  html += fmt::format("</table><p>{} requests, {} of them untouched.</p>", r.ranking.requests,
                      r.ranking.requests_untouched);
  html +=
      "<p>MRR is the mean of 1 / the place of the clicked item: 1 when it always comes first, 0.5 when second. "
      "Untouched are requests none of whose items was touched earlier in the session: what is right there was "
      "learnt, not seen.</p>";
  return html;
}

std::string AgainstHtml(const EvaluationReport& r) {
  if (r.against.empty()) return "";
  std::string html =
      "<h2>Against " + EscapeHtml(r.against) +
      "</h2><p>Differences on the same rows, this model less the other, with paired intervals: one that holds 0 is "
      "no difference.</p><table><tr><th><th>AUC-ROC<th>AUC-PR<th>log loss (lower is better)<th>Brier (lower is "
      "better)<th>MRR</tr>";
  for (const ObjectiveReport& o : r.objectives) {
    if (o.difference.rows == 0) continue;
    html += "<tr><th>" + EscapeHtml(o.name) + "</th>" + HtmlCell(o.difference.auc_roc) + HtmlCell(o.difference.auc_pr) +
            HtmlCell(o.difference.log_loss) + HtmlCell(o.difference.brier) + "<td></td></tr>";
  }
  html += "<tr><th>ranking</th><td></td><td></td><td></td><td></td>" + HtmlCell(r.mrr_difference) + "</tr></table>";
  return html;
}

std::string OffPolicyHtml(const EvaluationReport& r) {
  if (r.off_policy.empty()) return "";
  std::string html =
      "<h2>Off-policy: places filled by chance</h2><p>Clicks a place, had the model chosen among the candidates that "
      "could have been drawn there. The mean weight is 1 in truth; without evidence only a canary can tell.</p>"
      "<table><tr><th>model<th>choices<th>as logged<th>IPW<th>self-normalised<th>clipped<th>doubly robust<th>mean "
      "weight<th>effective sample<th>evidence</tr>";
  for (const auto& [name, o] : r.off_policy) {
    std::string why;
    for (const std::string& refusal : o.refusals) why += (why.empty() ? "no: " : "; ") + refusal;
    html += fmt::format("<tr><th>{}</th><td>{}</td>", EscapeHtml(name), o.rows) + HtmlCell(o.logged) + HtmlCell(o.ipw) +
            HtmlCell(o.snipw) + HtmlCell(o.clipped) + HtmlCell(o.doubly_robust) + HtmlCell(o.mean_weight) +
            fmt::format("<td>{:.0f}</td><td>{}</td></tr>", o.effective_sample, why.empty() ? "yes" : EscapeHtml(why));
  }
  html += "</table>";
  return html;
}

std::string FoldsHtml(const EvaluationReport& r) {
  if (r.folds.empty()) return "";
  std::string html =
      "<h2>Rolling-origin folds</h2><table><tr><th>fold<th>requests<th>MRR<th>most recent interaction<th>paired "
      "difference<th>untouched, to order shown</tr>";
  for (const auto& f : r.folds) {
    html += fmt::format("<tr><td>{}</td><td>{}</td><td>{:.4f}</td><td>{:.4f}</td>", EscapeHtml(f.name), f.requests,
                        f.mrr, f.mrr_baseline) +
            HtmlCell(f.difference) + HtmlCell(f.difference_untouched_order_shown) + "</tr>";
  }
  html += "</table>";
  return html;
}

std::string EntireSpaceHtml(const EntireSpaceReport& e) {
  return "<h2>" + EscapeHtml(e.first + " x " + e.then) + ", over all impressions</h2>" + BinaryTable(e.metrics) +
         fmt::format(
             "<p>{} is the chance after what {} ends in; the product is that of both, of every impression. Of {} "
             "impressions, {} led to both.</p>",
             EscapeHtml(e.then), EscapeHtml(e.first), e.metrics.rows, e.metrics.positives) +
         ReliabilityPlot(e.reliability);
}

std::string GroupsHtml(const ObjectiveReport& o) {
  if (o.by_request.groups + o.by_user.groups == 0) return "";
  std::string html =
      "<table><tr><th>within a<th>groups<th>AUC, by rows (GAUC)<th>MAP<th>MRR<th>NDCG@10<th>recall@10</tr>";
  for (const auto& [name, g] : {std::pair{"request", &o.by_request}, {"user", &o.by_user}}) {
    if (g->groups == 0) continue;
    html += fmt::format("<tr><th>{}</th><td>{}</td>", name, g->groups) + HtmlCell(g->auc) + HtmlCell(g->map) +
            HtmlCell(g->mrr) + HtmlCell(g->ndcg) + HtmlCell(g->recall) + "</tr>";
  }
  html += "</table>";
  return html;
}

std::string LiftHtml(const ObjectiveReport& o) {
  if (o.lift.empty()) return "";
  std::string html =
      "<h3>Lift by deciles of the rows</h3><p>The rows with the highest probabilities first: how much more often they "
      "are positive than the mean row, and which share of all positives is reached down to there.</p>"
      "<table><tr><th>tenth<th>rows<th>mean probability<th>observed<th>lift<th>captured</tr>";
  for (std::size_t i = 0; i < o.lift.size(); ++i) {
    const LiftBin& b = o.lift[i];
    html += fmt::format("<tr><td>{}</td><td>{}</td><td>{:.4f}</td><td>{:.4f}</td><td>{:.2f}</td><td>{:.1f} %</td></tr>",
                        i + 1, b.rows, b.mean_probability, b.observed, b.lift, 100 * b.captured);
  }
  html += "</table>";
  return html;
}

std::string TriedHtml(const ObjectiveReport& o) {
  if (o.tried.empty()) return "";
  std::string html =
      "<h3>What could be learnt</h3><p>Each on the calibration part, after its calibration; the lowest log loss is "
      "kept.</p><table><tr><th>loss<th>rounds<th>log loss<th>NDCG@10 in requests<th></tr>";
  for (const TriedLoss& t : o.tried)
    html += fmt::format("<tr><td>{}</td><td>{}</td><td>{:.5f}</td><td>{:.4f}</td><td>{}</td></tr>", t.loss, t.rounds,
                        t.log_loss, t.ndcg, t.kept ? "kept" : "");
  html += "</table>";
  return html;
}

std::string PositionBiasHtml(const ObjectiveReport& o) {
  if (o.position_bias.places.empty()) return "";
  std::string html =
      "<h3>Position bias</h3><p>How often a place is looked at, for each time that the first, place 0, is: "
      "positives over "
      "what the model expects, which does not know the place. Fair where equals are placed by chance. Pairs of "
      "neighbours that a coin put in order say it without a model.</p>"
      "<table><tr><th>place<th>rows<th>positives<th>looked at<th>pairs<th>clicks<th>looked at, by pairs</tr>";
  const auto& swapped = o.swapped_bias.places;
  for (std::size_t k = 0; k < std::max(o.position_bias.places.size(), swapped.size()); ++k) {
    html += fmt::format("<tr><td>{}</td>", k);
    for (const auto* places : {&o.position_bias.places, &swapped})
      html += k < places->size() ? fmt::format("<td>{}</td><td>{}</td>", (*places)[k].rows, (*places)[k].positives) +
                                       HtmlCell((*places)[k].examined)
                                 : "<td><td><td>";
    html += "</tr>";
  }
  html += "<tr><td>(place + 1)^-x<td><td>" + HtmlCell(o.position_bias.exponent) + "<td><td>" +
          (swapped.empty() ? "<td>" : HtmlCell(o.swapped_bias.exponent)) + "</tr></table>";
  return html;
}

std::string SlicesHtml(const ObjectiveReport& o) {
  if (o.slices.empty()) return "";
  std::string html =
      "<h3>Slices, worst first</h3><p>First those whose probabilities are off by more than "
      "chance.</p><table><tr><th>feature<th>value<th>rows<th>positives<th>AUC-ROC<th>observed/expected</tr>";
  for (const SliceReport& s : o.slices) {
    html += fmt::format("<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td>", EscapeHtml(s.feature), EscapeHtml(s.value),
                        s.metrics.rows, s.metrics.positives) +
            HtmlCell(s.metrics.auc_roc) + HtmlCell(s.metrics.observed_over_expected) +
            (s.pooled.rows > 0 ? fmt::format("<td>its own calibrator; that of all rows gave {:.4f}</td>",
                                             s.pooled.observed_over_expected.value)
                               : "") +
            "</tr>";
  }
  html += "</table>";
  return html;
}

std::string ImportanceHtml(const ObjectiveReport& o) {
  std::vector<std::pair<std::string, double>> gain, shap;
  for (const FeatureImportance& i : o.importance) {
    gain.push_back({i.feature, i.gain});
    shap.push_back({i.feature, i.shap});
  }
  return Bars("What moves a score: share of mean |SHAP value|", std::move(shap)) +
         Bars("What the trees split on: share of total gain", std::move(gain));
}

std::string ObjectiveHtml(const ObjectiveReport& o) {
  const BinaryMetrics& m = o.metrics;
  std::string html = "<h2>" + EscapeHtml(o.name) + "</h2>" + (o.is_mean ? MeanTable(o.mean) : BinaryTable(m));
  if (o.early_window_ms > 0)
    html += fmt::format(
        "<p>Learnt from labels within {}, which are {:.1f} % of those within {} on rows old enough to tell; judged "
        "within {}.</p>",
        FormatDuration(o.early_window_ms), 100 * o.maturation, FormatDuration(o.window_ms),
        FormatDuration(o.window_ms));
  html += GroupsHtml(o);
  html += fmt::format(
      "<p>Of {} rows, {} are positive. AUC-ROC is the chance that a positive is scored above a negative (0.5 is a "
      "guess); observed/expected is 1 when probabilities can be taken at their word.</p>",
      m.rows, m.positives);
  html += ReliabilityPlot(o.reliability) + Plot("ROC: true against false positive rate", o.roc, 1, true, false) +
          Plot("Precision against recall", o.pr, 1, false, false);
  return html + LiftHtml(o) + TriedHtml(o) + PositionBiasHtml(o) + SlicesHtml(o) + ImportanceHtml(o);
}

}  // namespace

std::string ReportToHtml(const EvaluationReport& r) {
  std::string html = HtmlHead("Evaluation of " + r.model + (r.simulated ? " (simulated)" : "")) +
                     "<p>Rows that arrived from " + FormatTime(r.from_ms) + " to " + FormatTime(r.to_ms) +
                     ". Intervals are 95 %, by bootstrap over users.</p>";
  if (r.sampled)
    html +=
        "<p><b>Slates are sampled</b> ([dataset] slates): the log has none. Probabilities are those of slates that "
        "were made of it, so that observed/expected and log loss say nothing of what a feed will see. Ranking is "
        "judged "
        "against all items on sale.</p>";
  if (!r.note.empty()) html += "<p>" + EscapeHtml(r.note) + "</p>";
  if (r.position_reference >= 0)
    html += fmt::format(
        "<p>The model reads the place at which an item is shown. Its probabilities are judged where each item was "
        "shown; "
        "its order (MRR, NDCG, what is within a request or a user) and the position bias as it ranks, all items at "
        "place "
        "{}.</p>",
        r.position_reference);
  html += RankingHtml(r) + AgainstHtml(r) + OffPolicyHtml(r) + FoldsHtml(r);
  for (const EntireSpaceReport& e : r.entire_space) html += EntireSpaceHtml(e);
  for (const ObjectiveReport& o : r.objectives) html += ObjectiveHtml(o);
  return html + "</html>\n";
}

}  // namespace gfr
