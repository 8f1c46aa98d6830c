// backup, restore: a project in another place.
#include "operations/backup.h"

#include <fmt/format.h>

#include "base/json_text.h"
#include "base/size.h"
#include "commands.h"
#include "object/open_object_store.h"

namespace gfr {
namespace {

int RunBackup(const std::string& place, bool without_lake, const Common& common) {
  const auto project = OpenProject(common.project);
  if (!project.ok()) return Fail(project.error());
  const auto target = OpenObjectStore(PosixFileSystem(), place);
  if (!target.ok()) return Fail(target.error());
  const auto made =
      BackupProject(project.value()->workspace(),
                    {.registry = project.value()->shared_objects(), .lake = !without_lake}, *target.value());
  if (!made.ok()) return Fail(made.error());
  const BackupReport& report = made.value();
  if (common.json)
    PrintJson(
        {{"backup", report.id}, {"files", report.files}, {"bytes", report.bytes}, {"new_bytes", report.new_bytes}});
  else
    fmt::print("backup {}: {} files, {}, of which {} are new\nrestore it: gfr restore {} FOLDER --backup {}\n",
               report.id, report.files, FormatSize(report.bytes), FormatSize(report.new_bytes), place, report.id);
  return 0;
}

int RunRestore(const std::string& place, const std::string& folder, const std::string& id, bool json) {
  const auto source = OpenObjectStore(PosixFileSystem(), place);
  if (!source.ok()) return Fail(source.error());
  const auto files = RestoreProject(*source.value(), id, PosixFileSystem(), folder);
  if (!files.ok()) return Fail(files.error());
  const auto project = OpenProject(folder);
  if (!project.ok()) return Fail(project.error());
  const auto registry = RestoreRegistry(*source.value(), files.value().id, project.value()->objects());
  if (!registry.ok()) return Fail(registry.error());
  const std::uint64_t bytes = files.value().bytes + registry.value().bytes;
  if (json)
    PrintJson({{"backup", files.value().id},
               {"files", files.value().files + registry.value().files},
               {"bytes", bytes},
               {"project", folder}});
  else
    fmt::print("restored backup {} into {}: {}; tokens are made anew at the first `gfr serve`\n", files.value().id,
               folder, FormatSize(bytes));
  return 0;
}

}  // namespace

void AddBackup(CLI::App& app, Command& run) {
  static Common common;
  static std::string place;
  static bool without_lake = false;
  CLI::App* c = AddCommand(app, "backup", "Back up a project to a folder or S3, also while its server runs",
                           "gfr backup s3://bucket/shop --project shop", common);
  c->add_option("TARGET", place, "A folder, or s3://BUCKET/PREFIX; a further backup adds only what is new")->required();
  c->add_flag("--without-lake", without_lake,
              "Leave out data/events, which holds what [log] keep deleted from the log");
  c->callback([&run] { run = [] { return RunBackup(place, without_lake, common); }; });
}

void AddRestore(CLI::App& app, Command& run) {
  static std::string place, folder, id;
  static bool json = false;
  CLI::App* c = app.add_subcommand("restore", "Make a project anew from a backup");
  c->add_option("SOURCE", place, "What `gfr backup` wrote to")->required();
  c->add_option("FOLDER", folder, "The project's new folder, empty or not there")->required();
  c->add_option("--backup", id, "Its id; the newest when left out");
  c->add_flag("--json", json, "One JSON object on stdout, all else on stderr");
  c->footer("Example: gfr restore s3://bucket/shop restored");
  c->callback([&run] { run = [] { return RunRestore(place, folder, id, json); }; });
}

}  // namespace gfr
