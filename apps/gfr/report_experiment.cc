// experiment report, plan, start, stop: what the log says of the experiments, how long one would take, and its end.
#include "report_experiment.h"

#include <fmt/format.h>

#include "base/file_system.h"
#include "base/json_text.h"
#include "log/local_log.h"
#include "operations/experiment_erasures.h"
#include "operations/experiment_plan.h"
#include "operations/experiment_results.h"
#include "serve/allocations.h"

namespace gfr {

Result<Json> MakeExperimentReport(const Project& project, const ReportFlags& flags) {
  GFR_ASSIGN(const Conclusions conclusions, ConclusionsOf(project));
  LocalLog log(project.workspace().fs(), project.log_folder());
  const ExperimentSettings settings = project.experiment_settings();
  FileSystem& fs = project.workspace().fs();
  GFR_ASSIGN(KeptUnits kept, KeptUnits::Load(fs, KeptUnitsFolder(project.workspace()), settings.metrics));
  ExperimentPass pass(settings, std::move(kept));
  GFR_TRY(pass.Advance(log));
  GFR_ASSIGN(const AllocationPeriods periods, PeriodsOf(project));
  ExperimentReport report = pass.Report(periods, flags.surface);
  std::vector<ExperimentResults>& results = report.results;
  if (!flags.name.empty()) {
    std::string names;
    for (const ExperimentResults& r : results) names += (names.empty() ? "" : ", ") + r.design.name;
    std::erase_if(results, [&](const ExperimentResults& r) { return r.design.name != flags.name; });
    if (results.empty()) {
      return Error{ErrorCode::kInvalidArgument, "no experiment with two arms is named '" + flags.name + "'; " +
                                                    (names.empty() ? "there are none" : "valid are " + names)};
    }
  }
  Json json = pass.Json(report, conclusions);
  GFR_TRY(AddErasures(fs, ErasuresPath(project.workspace()), &json));
  return json;
}

namespace {

std::string PercentText(const Json& value) {
  return value.is_number() ? fmt::format("{:+.2f} %", 100 * value.get<double>()) : "-";
}

void PrintMetric(const Json& m) {
  const Json& bounds = m["interval_relative"];
  fmt::print("  {} ({}) of {}: {}{}, {} + {} mature units\n", m["metric"].get<std::string>(),
             m["role"].get<std::string>(), m["arm"].get<std::string>(), PercentText(m["relative"]),
             bounds.is_array() ? fmt::format(" [{}, {}]", PercentText(bounds[0]), PercentText(bounds[1])) : "",
             m["units"][0].get<double>(), m["units"][1].get<double>());
}

void PrintErasures(const Json& erasures) {
  for (const Json& one : erasures) {
    std::string left;
    for (const auto& [arm, units] : one["users_left"].items())
      left += fmt::format("{}{} of {}", left.empty() ? "" : ", ", units.get<double>(), arm);
    fmt::print("  erased at {}: units {}\n", one["at"].get<std::string>(), left);
  }
}

}  // namespace

void PrintExperimentReport(const Json& report) {
  for (const Json& e : report["experiments"]) {
    fmt::print("{}: {}: {}\n", e["experiment"].get<std::string>(), e["decision"].get<std::string>(),
               e["reason"].get<std::string>());
    if (e.contains("concluded"))
      fmt::print("  concluded at {}: {}: {}\n", e["concluded"]["at"].get<std::string>(),
                 e["concluded"]["decision"].get<std::string>(), e["concluded"]["reason"].get<std::string>());
    for (const Json& arm : e["arms"])
      fmt::print("  arm {}: {} units exposed\n", arm["name"].get<std::string>(), arm["exposed"].get<double>());
    fmt::print("  sample ratio: p = {:.3g}\n", e["srm"]["p"].get<double>());
    for (const Json& m : e["metrics"]) PrintMetric(m);
    if (e.contains("pooled")) {
      for (const Json& m : e["pooled"]) PrintMetric(m);
    }
    if (e.contains("bandit")) {
      const Json& bandit = e["bandit"];
      fmt::print("  bandit: version {} of the allocation, by {}\n", bandit["version"].get<std::size_t>(),
                 bandit["reward"].get<std::string>());
      for (const Json& arm : bandit["arms"])
        fmt::print("    {}: {:.1f} % of new units; mean {} [{:.4g}, {:.4g}] of {:.0f} mature units\n",
                   arm["name"].get<std::string>(), 100 * arm["probability"].get<double>(), DumpJson(arm["mean"]),
                   arm["interval"][0].get<double>(), arm["interval"][1].get<double>(),
                   arm["mature_units"].get<double>());
    }
    if (e.contains("erasures")) PrintErasures(e["erasures"]);
    for (const Json& warning : e["warnings"]) fmt::print("  warning: {}\n", warning.get<std::string>());
  }
  if (report["experiments"].empty()) fmt::print("no experiment has two arms\n");
  if (report.contains("holdout")) {
    fmt::print("holdout of {:g} % of the units, by periods of {:g} d\n", 100 * report["holdout"]["share"].get<double>(),
               report["holdout"]["period_days"].get<double>());
    for (const Json& m : report["holdout"]["metrics"])
      fmt::print("  {}: cumulative uplift a user {} [{}, {}] over {} periods\n", m["metric"].get<std::string>(),
                 DumpJson(m["cumulative"]), DumpJson(m["interval"][0]), DumpJson(m["interval"][1]),
                 m["periods"].size());
  }
  if (report.contains("portfolio")) {
    fmt::print("concluded experiments together, {}:\n", report["portfolio"]["metric"].get<std::string>());
    for (const Json& e : report["portfolio"]["effects"])
      fmt::print("  {} {}: measured {}, expected {}\n", e["experiment"].get<std::string>(), e["arm"].get<std::string>(),
                 PercentText(e["measured"]), PercentText(e["expected"]));
  }
}

namespace {

int RunReport(const ReportFlags& flags, const Common& common) {
  const auto project = OpenProject(common.project);
  if (!project.ok()) return Fail(project.error());
  const auto report = MakeExperimentReport(*project.value(), flags);
  if (!report.ok()) return Fail(report.error());
  if (!flags.html.empty()) {
    if (const Status s = PublishFile(PosixFileSystem(), flags.html, ReportHtml(report.value())); !s.ok())
      return Fail(s.error());
  }
  if (common.json)
    PrintJson(report.value());
  else
    PrintExperimentReport(report.value());
  return 0;
}

int RunPlan(const PlanRequest& request, const Common& common) {
  const auto project = OpenProject(common.project);
  if (!project.ok()) return Fail(project.error());
  LocalLog log(project.value()->workspace().fs(), project.value()->log_folder());
  const auto plan = PlanExperiment(log, project.value()->experiment_settings(), request);
  if (!plan.ok()) return Fail(plan.error());
  const Json json = PlanJson(plan.value(), request);
  if (common.json) {
    PrintJson(json);
    return 0;
  }
  fmt::print("{} is {:.4g} a unit (standard deviation {:.4g}), {:.0f} units a day\n", request.metric,
             plan.value().baseline, plan.value().deviation, plan.value().units_a_day);
  fmt::print("{:+.2f} % at {:.0f} % power: {:.0f} units of both arms, watched (a fixed horizon: {:.0f})\n",
             100 * request.relative, 100 * request.power, plan.value().watched_units, plan.value().fixed_units);
  fmt::print("that takes {:.1f} days, of which {:.1f} are the metric's window and lateness\n",
             plan.value().watched_days, plan.value().maturity_days);
  fmt::print("put `planned_units = {:.0f}` in the [[experiment]]\n", plan.value().watched_units);
  return 0;
}

int RunEnd(const std::string& name, bool start, const Common& common) {
  const auto project = OpenProject(common.project);
  if (!project.ok()) return Fail(project.error());
  const Project& p = *project.value();
  const Status done = start
                          ? Restart(p, name)
                          : Conclude(p, name, {"stopped", "by `gfr experiment stop`", p.workspace().clock().now_ms()});
  if (!done.ok()) return Fail(done.error());
  if (common.json)
    PrintJson({{"experiment", name}, {"running", start}});
  else
    fmt::print("{} {}; a running server takes it with SIGHUP or POST /v1/reload\n", name,
               start ? "runs as gfr.toml says" : "is stopped: everyone gets the default");
  return 0;
}

}  // namespace

void AddExperimentReport(CLI::App& experiment, Command& run) {
  static Common report, plan, start, stop;
  static ReportFlags flags;
  static PlanRequest request;
  static std::string started, stopped;
  CLI::App* c = AddCommand(experiment, "report", "Exposures, metrics, intervals and decision, from the log",
                           "gfr experiment report --project demo --html experiments.html", report);
  c->add_option("name", flags.name, "The experiment; all when left out");
  c->add_option("--html", flags.html, "Also draw it as this HTML file");
  c->add_option("--surface", flags.surface, "A slice: units first exposed on this surface");
  c->callback([&run] { run = [] { return RunReport(flags, report); }; });
  c = AddCommand(experiment, "plan", "Units and days that an effect takes, from the metric's own history",
                 "gfr experiment plan --metric conversion --effect 0.035 --project demo", plan);
  c->add_option("--metric", request.metric, "A [[metric]]")->required();
  c->add_option("--effect", request.relative, "The relative effect to be found, 0.035 for 3.5 %")->required();
  c->add_option("--power", request.power, "The probability of finding it")
      ->capture_default_str()
      ->check(CLI::Range(0.5, 0.99));
  c->add_option("--alpha", request.alpha, "The level")->capture_default_str()->check(CLI::Range(0.0001, 0.2));
  c->add_option("--share", request.share, "Of the units that take part")
      ->capture_default_str()
      ->check(CLI::Range(0.001, 1.0));
  c->add_option("--treatment", request.treatment, "The treatment's part of those")
      ->capture_default_str()
      ->check(CLI::Range(0.001, 0.999));
  c->callback([&run] { run = [] { return RunPlan(request, plan); }; });
  c = AddCommand(experiment, "stop", "End an experiment: everyone gets the default",
                 "gfr experiment stop price --project demo", stop);
  c->add_option("name", stopped, "The experiment")->required();
  c->callback([&run] { run = [] { return RunEnd(stopped, false, stop); }; });
  c = AddCommand(experiment, "start", "Let an experiment that was stopped or rolled back run again",
                 "gfr experiment start price --project demo", start);
  c->add_option("name", started, "The experiment")->required();
  c->callback([&run] { run = [] { return RunEnd(started, true, start); }; });
}

}  // namespace gfr
