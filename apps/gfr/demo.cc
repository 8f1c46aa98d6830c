// demo: the whole pipeline in one run, and its report.
#include "operations/demo.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/json_text.h"
#include "commands.h"
#include "print_report.h"
#include "server_process.h"

namespace gfr {
namespace {

double RowsPerSecond(const StageTime& s) { return static_cast<double>(s.rows) / std::max(s.seconds, 1e-9); }

void PrintDemoJson(const DemoReport& report) {
  Json json = ParseJson<Json>(ReportToJson(report.trained.report));
  json["stages"] = Json::array();
  for (const StageTime& s : report.stages)
    json["stages"].push_back(
        {{"stage", s.name}, {"rows", s.rows}, {"seconds", s.seconds}, {"rows_per_second", RowsPerSecond(s)}});
  json["feed_before"] = report.feeds.before;
  json["clicked"] = report.feeds.clicked;
  json["feed_after"] = report.feeds.after;
  json["report"] = report.trained.html_path;
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

void PrintDemo(const DemoReport& report, bool simulated, const std::string& project) {
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
  fmt::print(
      "\nThe report{}: {}\n`gfr serve --project {}` serves it; `gfr explain {} --project {}` shows what lies behind "
      "the feed above.\n",
      what, report.trained.html_path, project, before["request_id"].get<std::string>(), project);
}

Result<DemoReport> MakeDemo(const DemoOptions& options, const std::string& folder) {
  const Workspace workspace(folder);
  GFR_TRY(RemoveDemo(workspace));
  GFR_TRY(Project::Init(folder, options.template_name()));
  GFR_TRY(MarkDemo(workspace));
  GFR_ASSIGN(const auto project, OpenProject(folder));
  DemoOptions with_rules = options;
  with_rules.rules = project->configuration().event_rules;
  return RunDemo(workspace, project->train_settings(), with_rules, StartServerProcess);
}

}  // namespace

void AddDemo(CLI::App& app, Command& run) {
  static Common common{.project = "demo"};
  static DemoOptions options;
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
  c->callback([&run] {
    run = [] {
      const auto report = MakeDemo(options, common.project);
      if (!report.ok()) return Fail(report.error());
      if (common.json)
        PrintDemoJson(report.value());
      else
        PrintDemo(report.value(), options.simulated(), common.project);
      return 0;
    };
  });
}

}  // namespace gfr
