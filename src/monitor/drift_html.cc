#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/time.h"
#include "evaluate/html.h"
#include "monitor/bin_names.h"
#include "monitor/drift_report.h"

namespace gfr {
namespace {

constexpr std::size_t kMapRows = 60, kMapWindows = 240, kPictures = 16, kQualityWindows = 60;

std::string Figure(double x) { return std::isfinite(x) ? fmt::format("{:.4g}", x) : "-"; }
std::string Percent(double x) { return std::isfinite(x) ? fmt::format("{:.2f} %", 100 * x) : "-"; }

// White up to no more than usual, blue up to the threshold, red above it.
std::string Colour(double score, double threshold) {
  if (!std::isfinite(score)) return "#eee";
  if (!std::isfinite(threshold)) threshold = 6;
  if (score > threshold) return score > 2 * threshold ? "#a50f15" : "#ef3b2c";
  const int shade = 255 - static_cast<int>(120 * std::clamp(score / threshold, 0.0, 1.0));
  return fmt::format("#{:02x}{:02x}ff", shade, shade);
}

// A line a column, a cell a window (the highest of several, where there are too many).
std::string HeatMap(const DriftReport& r) {
  if (r.windows.empty()) return "<p>No window has enough rows.</p>";
  constexpr double kHeight = 13, kLeft = 250;
  const std::size_t each = (r.windows.size() + kMapWindows - 1) / kMapWindows,
                    cells = (r.windows.size() + each - 1) / each, rows = std::min(kMapRows, r.columns.size());
  const double width = std::clamp(900.0 / static_cast<double>(cells), 3.0, 24.0);
  std::string svg;
  for (std::size_t c = 0; c < rows; ++c) {
    const ReportedColumn& column = r.columns[c];
    const double y = kHeight * static_cast<double>(c);
    svg += fmt::format("<text x='0' y='{:.1f}'>{}</text>", y + kHeight - 3, EscapeHtml(column.drift.name));
    for (std::size_t cell = 0; cell < cells; ++cell) {
      const std::size_t first = cell * each, end = std::min(r.windows.size(), first + each);
      const auto from = column.scores.begin() + static_cast<std::ptrdiff_t>(first),
                 to = column.scores.begin() + static_cast<std::ptrdiff_t>(end);
      double score = std::numeric_limits<double>::quiet_NaN();
      for (auto s = from; s != to; ++s) score = std::isnan(score) || *s > score ? *s : score;
      svg += fmt::format(
          "<rect x='{:.1f}' y='{:.1f}' width='{:.1f}' height='{}' fill='{}'><title>{}, {} to {}: {:.1f}</title></rect>",
          kLeft + width * static_cast<double>(cell), y, width - 0.5, kHeight - 1, Colour(score, r.threshold),
          EscapeHtml(column.drift.name), FormatTime(r.windows[first].from_ms), FormatTime(r.windows[end - 1].to_ms),
          score);
    }
  }
  return fmt::format("<svg viewBox='0 0 {0:.0f} {1:.0f}' width='{0:.0f}'>{2}</svg>",
                     kLeft + width * static_cast<double>(cells) + 10, kHeight * static_cast<double>(rows) + 10, svg);
}

// Two bars a bin: the reference grey, the rows blue (red where the bin is missing, unseen or out of range).
std::string DistributionPicture(const ReportedColumn& column, const ReferenceColumn& reference) {
  constexpr double kWidth = 38, kHeight = 110, kTop = 6;
  const auto all = static_cast<double>(std::max<std::uint64_t>(1, column.counts.rows())),
             before = static_cast<double>(std::max<std::uint64_t>(1, reference.counts.rows()));
  double most = 1e-12;
  const std::size_t bins = column.counts.counts.size();
  const auto now = [&](std::size_t b) { return static_cast<double>(column.counts.counts[b]) / all; };
  const auto then = [&](std::size_t b) { return static_cast<double>(reference.counts.counts[b]) / before; };
  for (std::size_t b = 0; b < bins; ++b) most = std::max({most, now(b), then(b)});
  std::string svg;
  for (std::size_t b = 0; b < bins; ++b) {
    const double x = 8 + kWidth * static_cast<double>(b);
    const bool odd = b + 2 >= bins || (b == 0 && !column.drift.categorical);
    const std::string name = BinName(reference, b);
    const auto bar = [&](double left, double share, const char* colour, const char* of) {
      const double height = kHeight * share / most;
      svg += fmt::format(
          "<rect x='{:.1f}' y='{:.1f}' width='15' height='{:.1f}' fill='{}'><title>{}, {}: {:.2f} %</title></rect>",
          left, kTop + kHeight - height, height, colour, EscapeHtml(name), of, 100 * share);
    };
    bar(x, then(b), "#ccc", "reference");
    bar(x + 16, now(b), odd ? "#d94801" : "#0b63ce", "now");
    svg += fmt::format("<text transform='translate({:.1f},{:.1f}) rotate(40)'>{}</text>", x + 6, kTop + kHeight + 12,
                       EscapeHtml(name.substr(0, 20)));
  }
  return fmt::format("<svg viewBox='0 0 {0:.0f} 210' width='{0:.0f}'>{1}</svg>",
                     kWidth * static_cast<double>(bins) + 80, svg);
}

std::string AlertTable(const DriftReport& r) {
  if (r.alerts.empty()) return "<p>No alerts.</p>";
  std::string html =
      "<table><tr><th>what<th>since<th>found<th>until<th>measure<th>value<th>usually<th>labels a day<th>moved "
      "with it</tr>";
  for (const DriftAlert& a : r.alerts) {
    html += fmt::format(
        "<tr><td>{} {}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td><small>{}"
        "</small></td></tr>",
        AlertKindName(a.kind), EscapeHtml(a.name), FormatTime(a.since_ms), FormatTime(a.found_ms),
        a.open ? "open" : FormatTime(a.until_ms), EscapeHtml(a.metric), Figure(a.value), Figure(a.expected),
        Figure(a.price_a_day), EscapeHtml(fmt::format("{}", fmt::join(a.grouped, ", "))));
  }
  return html + "</table>";
}

std::string ObjectiveTable(const DriftReport& r) {
  std::string html =
      "<table><tr><th>objective<th>rows<th>base rate<th>of the reference<th>mean prediction<th>observed/expected</tr>";
  for (const ReportedObjective& o : r.objectives)
    html += fmt::format("<tr><td>{}</td><td>{}</td>{}<td>{}</td><td>{}</td>{}</tr>", EscapeHtml(o.name), o.all.rows,
                        HtmlCell(o.base_rate), Figure(o.reference_rate), Figure(o.all.mean_prediction),
                        HtmlCell(o.observed_over_expected));
  return html + "</table>";
}

// Each window's expected quality with its interval, and what was measured once labels were known.
std::string QualityTables(const DriftReport& r) {
  std::string html;
  for (const ReportedObjective& o : r.objectives) {
    const ReportedQuality& q = o.quality;
    if (q.windows.empty()) continue;
    html += fmt::format("<h3>{}</h3><table><tr><th>from<th>rows", EscapeHtml(o.name));
    for (const char* name : kQualityNames) html += fmt::format("<th>{} expected<th>measured", name);
    const bool valued = std::ranges::any_of(
        q.windows, [](const QualityWindow& window) { return !std::isnan(window.expected_value.value); });
    if (valued) html += "<th>ranking value an impression, expected<th>measured";
    html += "</tr>";
    const std::size_t first = q.windows.size() - std::min(kQualityWindows, q.windows.size());
    for (std::size_t w = first; w < q.windows.size(); ++w) {
      const QualityWindow& window = q.windows[w];
      html += fmt::format("<tr><td>{}</td><td>{}</td>", FormatTime(window.from_ms), window.rows);
      for (std::size_t m = 0; m < kQualityMetrics; ++m)
        html += fmt::format("{}<td>{}</td>", HtmlCell(window.expected[m]),
                            window.graded ? Figure(window.measured[m]) : "not known yet");
      if (valued)
        html += fmt::format("{}<td>{}</td>", HtmlCell(window.expected_value),
                            window.graded ? Figure(window.measured_value) : "not known yet");
      html += "</tr>";
    }
    html += "</table><p>Intervals that held what was measured:";
    for (std::size_t m = 0; m < kQualityMetrics; ++m)
      html += fmt::format(" {} {} of {} windows;", kQualityNames[m], Percent(q.grades.Coverage(m).value),
                          q.grades.graded(m));
    if (valued)
      html += fmt::format(" ranking value {} of {} windows;", Percent(q.value_grades.Coverage().value),
                          q.value_grades.graded());
    html += "</p>";
  }
  return html.empty() ? html : "<h2>Quality before labels, if still calibrated</h2>" + html;
}

}  // namespace

std::string DriftToHtml(const DriftReport& r) {
  const Reference& reference = r.references.features;
  std::string html = HtmlHead("Drift of " + r.project + (r.simulated ? " (simulated)" : ""));
  html += fmt::format(
      "<p>{} rows of {}, {} to {}, against {} ({} rows, {} to {}). Windows of {} with at least {} rows; an alert is a "
      "score above {} in two of them in a row.</p>",
      r.rows, EscapeHtml(reference.objective), FormatTime(r.from_ms), FormatTime(r.to_ms), EscapeHtml(r.against),
      reference.rows, FormatTime(reference.from_ms), FormatTime(reference.to_ms), FormatDuration(r.options.period_ms),
      r.options.min_rows, Figure(r.threshold));
  for (const std::string& note : r.notes) html += "<p><b>" + EscapeHtml(note) + "</b></p>";
  html += "<h2>Alerts</h2>" + AlertTable(r) + "<h2>Labels</h2>" + ObjectiveTable(r) + QualityTables(r);
  html +=
      "<h2>Columns over time</h2><p>Score of each window: how many deviations its distribution is further from the "
      "reference than is usual at that hour and number of rows. Red is above the threshold.</p>" +
      HeatMap(r);
  html +=
      "<h2>Columns</h2><p>By price: at most so many labels a day are expected wrongly because of the column alone. ";
  if (!std::isnan(r.label_worth)) html += fmt::format("A label is worth {} in ranking value. ", Figure(r.label_worth));
  html +=
      "PSI 0.1 and 0.25 are often called small and large.</p><table><tr><th>column<th>first seen<th>labels a "
      "day<th>score<th>PSI<th>KS<th>Wasserstein<th>missing<th>before<th>unseen or out of range<th></tr>";
  for (const ReportedColumn& c : r.columns) {
    const Distances& d = c.drift.distances;
    html += fmt::format(
        "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}"
        "</td><td><small>{}{}</small></td></tr>",
        EscapeHtml(c.drift.name), c.first_seen_ms == 0 ? "-" : FormatTime(c.first_seen_ms),
        Figure(c.drift.labels_a_day), Figure(c.drift.score), Figure(d.psi), Figure(d.ks), Figure(d.wasserstein),
        Percent(d.missing), Percent(d.reference_missing), Percent(d.out_of_range),
        c.drift.moves ? "moves by itself: judged against the week before" : "",
        c.unseen.empty() ? "" : EscapeHtml(fmt::format("unseen: {}", fmt::join(c.unseen, ", "))));
  }
  html += "</table>";
  for (std::size_t c = 0; c < std::min(kPictures, r.columns.size()); ++c)
    html += fmt::format("<figure>{}<figcaption>{}: {} {}, grey is the reference</figcaption></figure>",
                        DistributionPicture(r.columns[c], reference.columns[r.columns[c].at]),
                        EscapeHtml(r.columns[c].drift.name), EscapeHtml(r.columns[c].drift.metric),
                        Figure(r.columns[c].drift.value));
  return html + "</html>\n";
}

}  // namespace gfr
