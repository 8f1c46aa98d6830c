// demo: the whole pipeline in one run, and its report.
#include "operations/demo.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/json_text.h"
#include "base/time.h"
#include "commands.h"
#include "operations/drift_of_log.h"
#include "print_report.h"
#include "report_experiment.h"
#include "server_process.h"

namespace gfr {
namespace {

double RowsPerSecond(const StageTime& s) { return static_cast<double>(s.rows) / std::max(s.seconds, 1e-9); }

// The visitors of a simulated market meet an experiment: is the probability of a click alone enough to rank by? Its
// metric is of seconds, as the visit of a demo is.
constexpr const char* kDemoExperiment = R"(
[[experiment]]
name = "clicks_alone"
planned_units = 300
feeds = ["home"]
[[experiment.arm]]
name = "clicks_and_purchases"
[[experiment.arm]]
name = "clicks"
feed = { value = "pctr" }

[[metric]]
name = "clicks"
window = "2s"
lateness = "0s"
before = "28d"

[[metric]]
name = "took_long"
kind = "latency"
role = "exploration"
window = "2s"
lateness = "0s"
)";

Status AddDemoExperiment(const Workspace& workspace) {
  GFR_ASSIGN(const std::string text, workspace.fs().ReadAll(workspace.configuration_path()));
  return PublishFile(workspace.fs(), workspace.configuration_path(), text + kDemoExperiment);
}

struct Demo {
  DemoReport report;
  Json experiments;  // As `gfr experiment report --json`; null: an imported log has none.
};

// What the demo's trigger is, beside the template's own.
constexpr const char* kDemoTrigger = R"(
[[trigger]]
name = "demo"
on = "command"
[[trigger.step]]
do = "retrain"
[[trigger.step]]
do = "promote"
without_evidence = "promote"  # A few days of a small shop say nothing of off-policy value.
)";

// Lets a trigger retrain on the log with what the demo's server wrote, and judge the new version; gives its record.
Result<Json> RunDemoTrigger(const std::string& folder) {
  const Workspace workspace(folder);
  GFR_ASSIGN(const std::string text, workspace.fs().ReadAll(workspace.configuration_path()));
  GFR_TRY(PublishFile(workspace.fs(), workspace.configuration_path(), text + kDemoTrigger));
  GFR_ASSIGN(const auto project, OpenProject(folder));
  return RunTriggerToItsEnd(*project, "demo");
}

void PrintDemoJson(const DemoReport& report, const Json& experiments, const Json& run) {
  Json json = ParseJson<Json>(ReportToJson(report.trained.report));
  json["stages"] = Json::array();
  for (const StageTime& s : report.stages)
    json["stages"].push_back(
        {{"stage", s.name}, {"rows", s.rows}, {"seconds", s.seconds}, {"rows_per_second", RowsPerSecond(s)}});
  json["feed_before"] = report.feeds.before;
  json["clicked"] = report.feeds.clicked;
  json["feed_after"] = report.feeds.after;
  json["report"] = report.trained.html_path;
  if (!experiments.is_null()) json["experiments"] = experiments["experiments"];
  if (!run.is_null()) json["trigger_run"] = run;
  PrintJson(json);
}

std::string FeedLine(const Json& feed, std::size_t p, const std::string& clicked) {
  if (p >= feed["items"].size()) return "";
  const Json& item = feed["items"][p];
  const auto number = [&](const char* key) {
    const Json score = item["scores"].value(key, Json());
    return score.is_null() ? std::string("-") : fmt::format("{:.4f}", score.get<double>());
  };
  return fmt::format("{}{:<12} {:<10} {} {} {}", item["item_id"] == clicked ? "*" : " ",
                     item["item_id"].get<std::string>(), item["channel"].get<std::string>(), number("pctr"),
                     number("pcvr"), number("value"));
}

void PrintDemo(const DemoReport& report, const Json& experiments, bool simulated, const std::string& project) {
  const char* what = simulated ? " (simulated)" : "";
  fmt::print("\nStages{}\n  {:<30}{:>12}{:>10}{:>14}\n", what, "stage", "rows", "seconds", "rows/s");
  for (const StageTime& s : report.stages)
    fmt::print("  {:<30}{:>12}{:>10.2f}{:>14.0f}\n", s.name, s.rows, s.seconds, RowsPerSecond(s));
  PrintReport(report.trained.report);
  const Json &before = report.feeds.before, &after = report.feeds.after;
  fmt::print("\nOne user's feed before and after a click on {}{} (item, channel, pctr, pcvr, value)\n",
             report.feeds.clicked, what);
  const std::size_t shown = std::max(before["items"].size(), after["items"].size());
  for (std::size_t p = 0; p < std::min<std::size_t>(10, shown); ++p) {
    fmt::print("  {:>2}  {:<52}  {}\n", p + 1, FeedLine(before, p, report.feeds.clicked),
               FeedLine(after, p, report.feeds.clicked));
  }
  if (!experiments.is_null()) {
    fmt::print("\nAn A/B experiment on these feeds{} (`gfr experiment report --project {}`)\n", what, project);
    PrintExperimentReport(experiments);
  }
  fmt::print(
      "\nThe report{}: {}\n`gfr serve --project {}` serves it; `gfr explain {} --project {}` shows what lies behind "
      "the feed above.\n",
      what, report.trained.html_path, project, before["request_id"].get<std::string>(), project);
}

Result<Demo> MakeDemo(const DemoOptions& options, const std::string& folder) {
  const Workspace workspace(folder);
  GFR_TRY(RemoveDemo(workspace));
  GFR_TRY(Project::Init(folder, options.template_name()));
  GFR_TRY(MarkDemo(workspace));
  if (options.simulated()) {
    GFR_TRY(AddDemoExperiment(workspace));
  }
  GFR_ASSIGN(const auto project, OpenProject(folder));
  DemoOptions with_rules = options;
  with_rules.rules = project->configuration().event_rules;
  Demo demo;
  GFR_ASSIGN(demo.report, RunDemo(workspace, project->train_settings(), with_rules, StartServerProcess));
  if (options.simulated()) {
    GFR_ASSIGN(demo.experiments, MakeExperimentReport(*project, {}));
  }
  return demo;
}

constexpr std::int64_t kDriftWeekMs = 7 * kDayMs, kDriftReferenceMs = 28 * kDayMs;

// The last week of the log against the four before it, as a page beside the training's report.
Result<DriftReport> ReportDrift(const std::string& folder, std::int64_t end_ms, std::string* html_path) {
  GFR_ASSIGN(const auto project, OpenProject(folder));
  const Workspace& workspace = project->workspace();
  GFR_ASSIGN(const MonitorConfig config, ReadMonitorConfig(workspace));
  const std::int64_t week_ms = (end_ms - kDriftWeekMs) / kDayMs * kDayMs;
  GFR_ASSIGN(DriftReport report,
             DriftOfLog(workspace,
                        {.dataset = project->dataset_settings(),
                         .registry = project->evaluate_settings().registry,
                         .options = config.options,
                         .feed = &project->feeds().all[0]},
                        {.from_ms = week_ms, .range = std::pair(week_ms - kDriftReferenceMs, week_ms)}));
  *html_path = JoinPath(workspace.reports_folder(), "drift.html");
  GFR_TRY(PublishFile(workspace.fs(), *html_path, DriftToHtml(report)));
  return report;
}

void PrintDrift(const DriftReport& report, const std::string& html_path) {
  fmt::print("\nDrift of the last week against the four weeks before (simulated): {} alert{}\n", report.alerts.size(),
             report.alerts.size() == 1 ? "" : "s");
  for (const DriftAlert& alert : report.alerts) fmt::print("  {}\n", alert.text);
  for (std::size_t c = 0; c < std::min<std::size_t>(3, report.columns.size()); ++c) {
    const ColumnDrift& drift = report.columns[c].drift;
    fmt::print("  {:<30} PSI {:.3f}, at most {:.1f} labels a day\n", drift.name, drift.distances.psi,
               drift.labels_a_day);
  }
  fmt::print("As a page, with the columns over time: {}\n", html_path);
}

// A log of the user's own may take long to replay once more: `gfr drift` is for that.
int EndWithDrift(const DemoReport& demo, const std::string& folder) {
  std::string html_path;
  const auto drift = ReportDrift(folder, demo.trained.report.to_ms, &html_path);
  if (!drift.ok()) return Fail(drift.error());
  PrintDrift(drift.value(), html_path);
  return 0;
}

}  // namespace

void AddDemo(CLI::App& app, Command& run) {
  static Common common{.project = "demo"};
  static DemoOptions options;
  static bool trigger = false;
  CLI::App* c = AddCommand(app, "demo", "Run the whole pipeline, on simulated events or on a log of yours",
                           "gfr demo --project demo --log train.csv.xz --format trivago", common);
  c->add_option("--log", options.log, "A log to import; simulated events when left out");
  c->add_option("--format", options.format, "trivago, ndjson, csv or parquet")
      ->capture_default_str()
      ->check(CLI::IsMember({"trivago", "ndjson", "csv", "parquet"}));
  c->add_option("--map", options.map, "csv and parquet: which column is which field of an event (docs/importing.md)");
  c->add_option("--users", options.market.users, "Simulated users")
      ->capture_default_str()
      ->check(CLI::Range(10, 10'000'000));
  c->add_option("--items", options.market.items, "Simulated items")
      ->capture_default_str()
      ->check(CLI::Range(20, 10'000'000));
  c->add_option("--days", options.market.days, "Simulated days")->capture_default_str()->check(CLI::Range(1, 3650));
  c->add_option("--seed", options.market.seed, "Of the simulation")->capture_default_str();
  c->add_flag("--trigger", trigger,
              "Then let a trigger retrain, judge the new version and promote it, and show the run");
  c->callback([&run] {
    run = [] {
      const auto demo = MakeDemo(options, common.project);
      if (!demo.ok()) return Fail(demo.error());
      const auto& [report, experiments] = demo.value();
      const auto ran = trigger ? RunDemoTrigger(common.project) : Result<Json>(Json());
      if (!ran.ok()) return Fail(ran.error());
      if (common.json) {
        PrintDemoJson(report, experiments, ran.value());
        return 0;
      }
      PrintDemo(report, experiments, options.simulated(), common.project);
      if (options.simulated()) {
        if (const int code = EndWithDrift(report, common.project); code != 0) return code;
      }
      if (!trigger) return 0;
      fmt::print("\nWhat a trigger did with the log since (docs/automation.md){}\n",
                 options.simulated() ? " (simulated)" : "");
      PrintTriggerRun(ran.value());
      return 0;
    };
  });
}

}  // namespace gfr
