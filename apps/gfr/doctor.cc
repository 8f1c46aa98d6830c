// doctor: what is wrong with the events, and what to do about it.
#include "doctor/doctor.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "base/size.h"
#include "base/time.h"
#include "commands.h"
#include "dataset/kept_rows.h"
#include "log/local_log.h"

namespace gfr {
namespace {

void Print(const DoctorReport& r) {
  fmt::print("{} events{}, {} to {}\n", r.events, r.simulated ? " (simulated)" : "", FormatTime(r.first_arrival_ms),
             FormatTime(r.last_arrival_ms));
  if (r.share_of_requests < 1 || r.share_of_users < 1 || r.share_of_items < 1)
    fmt::print(
        "To keep within memory {:.4g} % of the request ids, {:.4g} % of the users and {:.4g} % of the items were "
        "followed.\n",
        100 * r.share_of_requests, 100 * r.share_of_users, 100 * r.share_of_items);
  for (const Finding& f : r.findings) {
    fmt::print("\n{:<5} {}: {}\n", SeverityName(f.severity), f.check, f.text);
    for (const std::string& e : f.examples) fmt::print("        {}\n", e);
    if (f.severity != Severity::kOk) fmt::print("      {}\n      To do: {}\n", f.meaning, f.action);
  }
  if (r.days.empty()) return;
  std::vector<std::size_t> types;
  for (std::size_t t = 1; t < r.days[0].events.size(); ++t) {
    for (const auto& day : r.days) {
      if (day.events[t] == 0) continue;
      types.push_back(t);
      break;
    }
  }
  fmt::print("\nEvents a day\n  {:<11}", "day");
  for (const std::size_t t : types) fmt::print("{:>17}", EventTypeName(static_cast<EventType>(t)));
  const std::size_t skipped = r.days.size() > 60 ? r.days.size() - 60 : 0;
  fmt::print("{}\n", skipped > 0 ? fmt::format("   (the last 60 of {}; --json has all)", r.days.size()) : "");
  for (std::size_t d = skipped; d < r.days.size(); ++d) {
    fmt::print("  {:<11}", r.days[d].date);
    for (const std::size_t t : types) fmt::print("{:>17}", r.days[d].events[t]);
    fmt::print("\n");
  }
}

// What the next training finds of the last one's replay, and what it takes; nothing where no rows were kept.
Result<std::vector<Finding>> CheckKeptRows(const Workspace& workspace, LocalLog& log) {
  const KeptRowsSize kept = MeasureKeptRows(workspace.fs(), KeptRowsFolder(workspace.log_folder()));
  if (kept.bytes == 0) return std::vector<Finding>();
  GFR_ASSIGN(const std::uint64_t log_bytes, log.SizeBytes());
  const double times = static_cast<double>(kept.bytes) / static_cast<double>(std::max<std::uint64_t>(1, log_bytes));
  Finding finding{.check = "dataset.kept_rows", .figure = times, .count = kept.bytes, .of = log_bytes};
  finding.text = fmt::format(
      "{} in data/log.rows ({:.1f} times the log) save the next training a part of its replay; `[dataset] incremental "
      "= false` keeps none, and the folder may be removed",
      FormatSize(kept.bytes), times);
  return std::vector<Finding>{std::move(finding)};
}

}  // namespace

void AddDoctor(CLI::App& app, Command& run) {
  static Common common;
  static std::size_t memory_mb = 512;
  CLI::App* c = AddCommand(app, "doctor",
                           "Check the events for broken joins, ids, clocks, bots and missing days, with what to do",
                           "gfr doctor --project demo", common);
  c->add_option("--memory-mb", memory_mb, "Ids that do not fit are sampled")
      ->capture_default_str()
      ->check(CLI::Range(1, 1 << 20));
  c->callback([&run] {
    run = [] {
      auto project = OpenProject(common.project);
      if (!project.ok()) return Fail(project.error());
      LocalLog log(PosixFileSystem(), project.value()->log_folder());
      auto report = Diagnose(log, {.memory_bytes = memory_mb << 20});
      if (!report.ok()) return Fail(report.error());
      auto kept = CheckKeptRows(project.value()->workspace(), log);
      if (!kept.ok()) return Fail(kept.error());
      std::ranges::move(kept.value(), std::back_inserter(report.value().findings));
      if (common.json)
        fmt::print("{}\n", DoctorToJson(report.value()));
      else
        Print(report.value());
      return 0;
    };
  });
}

}  // namespace gfr
