// erase: forgetting people, and what went.
#include <fmt/format.h>

#include "base/time.h"
#include "commands.h"
#include "log/local_log.h"
#include "operations/erase_users.h"
#include "operations/experiment_erasures.h"
#include "serve/allocations.h"
#include "shared_project.h"

namespace gfr {
namespace {

void Print(const EraseReport& r, bool dry_run) {
  const char* verb = dry_run ? "would be erased" : "were erased";
  for (const ErasedPerson& person : r.people) {
    std::string ids;
    for (const auto& [key, id] : person.ids)
      ids += (ids.empty() ? "" : ", ") + (id.text.empty() ? "an id erased earlier" : "'" + id.text + "'") +
             (id.is_shared ? " (while it was theirs)" : "");
    fmt::print("user '{}', with the ids {}\n", person.id, ids);
  }
  if (!r.found()) fmt::print("nothing of {} is in this project\n", r.people.size() == 1 ? "this user" : "them");
  if (r.log.records > 0) {
    fmt::print("{} events of {} to {} {}, {} of them slates that were served:\n", r.log.records,
               FormatTime(r.log.first_ms), FormatTime(r.log.last_ms), verb, r.log.slates);
    for (std::size_t t = 0; t < r.log.by_type.size(); ++t) {
      if (r.log.by_type[t] > 0)
        fmt::print("  {:<20}{:>10}\n", EventTypeName(static_cast<EventType>(t)), r.log.by_type[t]);
    }
    fmt::print("{} log segments and {} files of the lake {}\n", r.log.segments.size(), r.lake_files.size(),
               dry_run ? "would be made anew" : "were made anew");
  }
  for (const auto& [path, rows] : r.offline_rows) fmt::print("{} rows of {} {}\n", rows, path, verb);
  for (const std::string& path : r.removed) fmt::print("{} {}\n", path, dry_run ? "would be removed" : "was removed");
  if (r.found()) fmt::print("Models and their reports stay as they are; `gfr train` makes one that never saw them.\n");
}

void PrintAsJson(const EraseReport& r, bool dry_run) {
  Json people = Json::array(), types = Json::object();
  for (const ErasedPerson& person : r.people) {
    Json ids = Json::array();
    for (const auto& [key, id] : person.ids) {
      if (!id.text.empty()) ids.push_back(id.text);
    }
    people.push_back({{"user", person.id}, {"ids", ids}});
  }
  for (std::size_t t = 0; t < r.log.by_type.size(); ++t) {
    if (r.log.by_type[t] > 0) types[std::string(EventTypeName(static_cast<EventType>(t)))] = r.log.by_type[t];
  }
  Json json{{"dry_run", dry_run},         {"people", people},
            {"events", r.log.records},    {"types", types},
            {"slates", r.log.slates},     {"segments", r.log.segments.size()},
            {"lake_files", r.lake_files}, {"offline_rows", r.offline_rows},
            {"removed", r.removed}};
  if (r.log.records > 0) {
    json["from"] = FormatTime(r.log.first_ms);
    json["to"] = FormatTime(r.log.last_ms);
  }
  PrintJson(json);
}

// The experiments by the log as it is; none configured: no reading.
Result<ExperimentReport> ReportOf(const Project& project) {
  const ExperimentSettings settings = project.experiment_settings();
  if (settings.experiments.all.empty() && settings.experiments.variants.size() < 2) return ExperimentReport();
  const Workspace& workspace = project.workspace();
  LocalLog log(workspace.fs(), workspace.log_folder());
  GFR_ASSIGN(KeptUnits kept, KeptUnits::Load(workspace.fs(), KeptUnitsFolder(workspace), settings.metrics));
  ExperimentPass pass(settings, std::move(kept));
  GFR_TRY(pass.Advance(log));
  GFR_ASSIGN(const AllocationPeriods periods, PeriodsOf(project));
  return pass.Report(periods);
}

Result<EraseReport> Erase(const Project& project, const EraseOptions& options) {
  const Workspace& workspace = project.workspace();
  if (options.dry_run) return EraseUsers(workspace, project.features(), options);
  GFR_ASSIGN(const ExperimentReport before, ReportOf(project));
  GFR_ASSIGN(EraseReport report, EraseUsers(workspace, project.features(), options));
  GFR_ASSIGN(const ExperimentReport after, ReportOf(project));
  GFR_TRY(RecordErasure(workspace.fs(), ErasuresPath(workspace),
                        ErasureOf(before, after, project.experiment_settings().metrics), workspace.clock().now_ms()));
  return report;
}

}  // namespace

void AddErase(CLI::App& app, Command& run) {
  static Common common;
  static EraseOptions options;
  CLI::App* c =
      AddCommand(app, "erase",
                 "Remove a user and every id joined to it from log, lake, rows and snapshot; report what was removed",
                 "gfr erase u100001 --dry-run --project demo", common);
  auto* user = c->add_option("USER", options.user, "The user's id, or one that user.alias joined to it");
  c->add_flag("--deleted", options.deleted, "Everyone whom a user.delete event in the log names")->excludes(user);
  c->add_flag("--dry-run", options.dry_run, "Only report what would be removed");
  c->callback([&run] {
    run = [] {
      if (options.user.empty() && !options.deleted)
        return Fail(Error{ErrorCode::kInvalidArgument, "nobody is named; valid are a USER or --deleted"});
      auto project = OpenFetchedProject(common.project);
      if (!project.ok()) return Fail(project.error());
      const auto report = Erase(*project.value(), options);
      if (!report.ok()) return Fail(report.error());
      if (!options.dry_run) {
        if (const Status sent = PushToStore(*project.value()); !sent.ok()) return Fail(sent.error());
      }
      if (common.json)
        PrintAsJson(report.value(), options.dry_run);
      else
        Print(report.value(), options.dry_run);
      return 0;
    };
  });
}

}  // namespace gfr
