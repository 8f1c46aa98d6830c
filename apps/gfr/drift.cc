// drift: what moved in the log's rows since a model was trained, or between two ranges.
#include "drift.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/time.h"
#include "operations/drift_of_log.h"
#include "shared_project.h"

namespace gfr {
namespace {

constexpr std::size_t kPrintedColumns = 25;

std::string Figure(double x) { return std::isfinite(x) ? fmt::format("{:.4g}", x) : "-"; }

std::string Range(const Estimate& e) {
  return fmt::format("{} ({} to {})", Figure(e.value), Figure(e.interval.low), Figure(e.interval.high));
}

// How well estimates of earlier windows did, and what is expected of the rows whose labels are not complete.
void PrintQuality(const ReportedObjective& o) {
  const ReportedQuality& q = o.quality;
  if (q.windows.empty()) return;
  fmt::print("\n  quality of {} before labels, if still calibrated", o.name);
  if (!q.corrected_by.empty()) fmt::print(" (corrected by {})", fmt::join(q.corrected_by, ", "));
  fmt::print("\n");
  for (std::size_t m = 0; m < kQualityMetrics; ++m) {
    const auto graded = q.grades.graded(m);
    fmt::print("    {:<18} {}; the intervals held what was measured in {} of {} windows\n", kQualityNames[m],
               q.pending.rows == 0 ? "every label is known" : Range(q.pending.expected[m]),
               std::lround(graded == 0 ? 0 : q.grades.Coverage(m).value * static_cast<double>(graded)), graded);
  }
  if (const std::uint64_t graded = q.value_grades.graded(); graded > 0)
    fmt::print("    {:<18} {} an impression; the intervals held what was measured in {} of {} windows\n",
               "ranking value", q.pending.rows == 0 ? "every label is known" : Range(q.pending.expected_value),
               std::lround(q.value_grades.Coverage().value * static_cast<double>(graded)), graded);
  if (q.pending.rows == 0) return;
  const Estimate& early = q.pending.early_observed_over_expected;
  fmt::print("    {:<18} {}\n", "O/E",
             std::isnan(early.value) ? "cannot know without early labels" : Range(early) + " by early labels");
}

void Print(const DriftReport& r) {
  const Reference& reference = r.references.features;
  fmt::print("{} rows of {}{}, {} to {}\nagainst {}: {} rows, {} to {}\n", r.rows, reference.objective,
             r.simulated ? " (simulated)" : "", FormatTime(r.from_ms), FormatTime(r.to_ms), r.against, reference.rows,
             FormatTime(reference.from_ms), FormatTime(reference.to_ms));
  for (const std::string& note : r.notes) fmt::print("note: {}\n", note);
  fmt::print("\n{} alert{} by {} windows of {} and a threshold of {}\n", r.alerts.size(),
             r.alerts.size() == 1 ? "" : "s", r.windows.size(), FormatDuration(r.options.period_ms),
             Figure(r.threshold));
  for (const DriftAlert& a : r.alerts)
    fmt::print("  {}{}; at most {} labels a day\n", a.text,
               a.open ? "" : " (over since " + FormatTime(a.until_ms) + ")", Figure(a.price_a_day));
  fmt::print("\n  {:<14}{:>10}{:>12}{:>12}{:>12}{:>8}  {}\n", "objective", "rows", "base rate", "reference",
             "predicted", "O/E", "95 % interval");
  for (const ReportedObjective& o : r.objectives)
    fmt::print("  {:<14}{:>10}{:>12}{:>12}{:>12}{:>8}  {} to {}\n", o.name, o.all.rows, Figure(o.base_rate.value),
               Figure(o.reference_rate), Figure(o.all.mean_prediction),
               std::isnan(o.observed_over_expected.value) ? "-" : fmt::format("{:.3f}", o.observed_over_expected.value),
               Figure(o.observed_over_expected.interval.low), Figure(o.observed_over_expected.interval.high));
  for (const ReportedObjective& o : r.objectives) PrintQuality(o);
  fmt::print("\n  {:<34}{:<22}{:>11}{:>9}{:>9}{:>9}{:>10}{:>10}{:>9}  {}\n", "column", "first seen", "labels/day",
             "score", "PSI", "missing", "before", "outside", "measure", "");
  for (std::size_t i = 0; i < std::min(kPrintedColumns, r.columns.size()); ++i) {
    const ReportedColumn& c = r.columns[i];
    const Distances& d = c.drift.distances;
    fmt::print("  {:<34}{:<22}{:>11}{:>9}{:>9}{:>8.2f}%{:>9.2f}%{:>9.2f}%{:>9}  {}{}\n", c.drift.name,
               c.first_seen_ms == 0 ? "-" : FormatTime(c.first_seen_ms), Figure(c.drift.labels_a_day),
               Figure(c.drift.score), Figure(d.psi), 100 * d.missing, 100 * d.reference_missing, 100 * d.out_of_range,
               c.drift.metric, c.drift.moves ? "moves by itself " : "",
               c.unseen.empty() ? "" : fmt::format("unseen: {}", fmt::join(c.unseen, ", ")));
  }
  if (!std::isnan(r.label_worth))
    fmt::print("  a label is worth {} in ranking value: labels/day times it is what a drift may cost\n",
               Figure(r.label_worth));
  if (r.columns.size() > kPrintedColumns)
    fmt::print("  (the first {} of {}; --json has all)\n", kPrintedColumns, r.columns.size());
}

struct DriftFlags {
  std::string from, to, against, html;
};

Result<DriftQuestion> QuestionOf(const DriftFlags& flags) {
  DriftQuestion question;
  GFR_ASSIGN(question.from_ms, TimeOption(flags.from, INT64_MIN));
  GFR_ASSIGN(question.to_ms, TimeOption(flags.to, INT64_MAX));
  GFR_ASSIGN(question.range, ParseTimeRange(flags.against));
  if (!question.range) question.version = flags.against;
  return question;
}

int RunDrift(const DriftFlags& flags, const Common& common) {
  const auto question = QuestionOf(flags);
  if (!question.ok()) return Fail(question.error());
  const auto project = OpenFetchedProject(common.project);
  if (!project.ok()) return Fail(project.error());
  const Workspace& workspace = project.value()->workspace();
  const auto config = ReadMonitorConfig(workspace);
  if (!config.ok()) return Fail(config.error());
  auto report = DriftOfLog(workspace,
                           {.dataset = project.value()->dataset_settings(),
                            .registry = project.value()->evaluate_settings().registry,
                            .options = config.value().options,
                            .feed = &project.value()->feeds().all[0]},
                           question.value());
  if (!report.ok()) return Fail(report.error());
  config.value().LeaveOutSilenced(workspace.clock().now_ms(), &report.value().alerts, &report.value().notes);
  if (!flags.html.empty()) {
    const Status written = PublishFile(PosixFileSystem(), flags.html, DriftToHtml(report.value()));
    if (!written.ok()) return Fail(written.error());
  }
  if (common.json)
    fmt::print("{}\n", DriftToJson(report.value()));
  else
    Print(report.value());
  return 0;
}

}  // namespace

void AddDrift(CLI::App& app, Command& run) {
  static Common common;
  static DriftFlags flags;
  CLI::App* c = AddCommand(app, "drift", "What moved in the log since a model was trained, or between two ranges",
                           "gfr drift --from 2026-02-01 --html drift.html --project demo", common);
  c->add_option("--from", flags.from,
                "Rows that arrived from here on (RFC 3339); from the reference's end if left out");
  c->add_option("--to", flags.to, "Rows that arrived before this; to the log's end if left out");
  c->add_option("--against", flags.against,
                "The version whose training they are compared with (the champion if left out), or a range FROM..TO");
  c->add_option("--html", flags.html, "A file for the report as one page");
  c->callback([&run] { run = [] { return RunDrift(flags, common); }; });
}

}  // namespace gfr
