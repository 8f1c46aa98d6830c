// import.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "base/file_system.h"
#include "base/json_text.h"
#include "commands.h"
#include "doctor/doctor.h"
#include "operations/import_events.h"
#include "shared_project.h"

namespace gfr {
namespace {

Json ImportJson(const Imported& imported, std::uint64_t unmapped, bool dry_run) {
  const ImportReport& r = imported.report;
  Json json{{"rows", r.rows},
            {"events", r.events},
            {"events_by_type", imported.by_type},
            {"rejected", r.rejected},
            {"rejections", r.rejections},
            {"unmapped", unmapped},
            {"unmapped_types", r.unmapped},
            {"mapped_columns", r.mapped_columns},
            {"unmapped_columns", r.unmapped_columns},
            {"warnings", Json::array()},
            {"skipped_files", r.skipped_files},
            {"duplicates", imported.duplicates},
            {"erased", imported.erased},
            {"clicks", imported.clicks},
            {"clicks_in_slate", imported.clicks_in_slate},
            {"dry_run", dry_run}};
  for (const auto& [what, warning] : r.warnings)
    json["warnings"].push_back({{"warning", what}, {"rows", warning.rows}, {"first", warning.first}});
  return json;
}

void PrintImport(const Imported& imported, std::uint64_t unmapped, bool dry_run) {
  const ImportReport& r = imported.report;
  fmt::print(
      "{} {} rows: {} events, {} unmapped rows, {} rejected, {} duplicates; {}{} of {} clicks find their slate\n",
      dry_run ? "read" : "imported", r.rows, r.events, unmapped, r.rejected, imported.duplicates,
      imported.clicks_are_sample ? "about " : "", imported.clicks_in_slate, imported.clicks);
  for (const auto& [type, events] : imported.by_type) fmt::print("  {:<20} {:>12}\n", type, events);
  if (imported.duplicates > 0)
    fmt::print("  {} events were there already, by their source and id or by the content of their row\n",
               imported.duplicates);
  if (imported.erased > 0)
    fmt::print("  {} events of erased users from before their erasure were not taken\n", imported.erased);
  for (const std::string& file : r.skipped_files) fmt::print("  {}: not read again\n", file);
  for (const auto& [value, rows] : r.unmapped) fmt::print("  type '{}' is not in the map: {} rows\n", value, rows);
  for (const std::string& column : r.unmapped_columns) fmt::print("  column '{}' is not in the map\n", column);
  PrintClockHint(imported.last_arrival_ms);
}

// What a dry run says of each objective: the events it needs that are not there.
std::vector<std::string> MissingFor(const std::vector<ObjectiveConfig>& objectives, const Imported& imported) {
  std::vector<std::string> missing;
  for (const ObjectiveConfig& o : objectives) {
    std::string types;
    for (const EventType type : {o.population, o.label}) {
      const std::string name(EventTypeName(type));
      if (!imported.by_type.contains(name)) types += (types.empty() ? "" : " and ") + name;
    }
    if (!types.empty())
      missing.push_back(fmt::format("{} cannot be trained from these files: there is no {}", o.name, types));
  }
  return missing;
}

void PrintDryRun(const DoctorReport& doctor, const std::vector<std::string>& missing) {
  for (const std::string& line : missing) fmt::print("  {}\n", line);
  for (const Finding& f : doctor.findings) {
    if (f.severity == Severity::kOk) continue;
    fmt::print("  doctor: {:<5} {}: {}\n         {}\n", SeverityName(f.severity), f.check, f.text, f.action);
  }
}

int RunImport(EventImportOptions& options, const std::string& format, const std::vector<std::string>& files,
              const std::string& map, const Common& common) {
  auto inputs = ParseInputs(format, files, map);
  if (!inputs.ok()) return Fail(inputs.error());
  options.inputs = std::move(inputs.value());
  auto project = OpenFetchedProject(common.project);
  if (!project.ok()) return Fail(project.error());
  options.rules = project.value()->configuration().event_rules;
  Doctor doctor({});
  if (options.dry_run) options.sees = [&](const LogRecord& record) { doctor.Add(record); };
  const auto imported = ImportEvents(project.value()->workspace(), options);
  if (!imported.ok()) return Fail(imported.error());
  if (!options.dry_run) {
    if (const Status sent = PushToStore(*project.value()); !sent.ok()) return Fail(sent.error());
  }
  const ImportReport& r = imported.value().report;
  std::uint64_t unmapped = 0;
  for (const auto& [value, rows] : r.unmapped) unmapped += rows;
  for (const std::string& why : r.rejections) fmt::print(stderr, "rejected {}\n", why);
  if (r.rejected > r.rejections.size()) fmt::print(stderr, "and {} more\n", r.rejected - r.rejections.size());
  for (const auto& [what, warning] : r.warnings)
    fmt::print(stderr, "warning: {} ({} rows, first {})\n", what, warning.rows, warning.first);
  const std::vector<std::string> missing = MissingFor(project.value()->objectives(), imported.value());
  if (common.json) {
    Json json = ImportJson(imported.value(), unmapped, options.dry_run);
    if (options.dry_run) {
      json["missing"] = missing;
      json["doctor"] = ParseJson<Json>(DoctorToJson(doctor.Finish()))["findings"];
    }
    PrintJson(json);
  } else {
    PrintImport(imported.value(), unmapped, options.dry_run);
    if (options.dry_run) PrintDryRun(doctor.Finish(), missing);
  }
  if (r.rows > 0 && r.events == 0)
    return Fail({ErrorCode::kUnavailable, fmt::format("none of {} rows became an event: {} were rejected, {} are of "
                                                      "types that the map does not name; nothing was written",
                                                      r.rows, r.rejected, unmapped)});
  return 0;
}

// Writes the map to `path`, which must be new, and shows it.
int RunGuess(const std::vector<std::string>& files, const std::string& path, const Common& common) {
  if (files.size() != 1)
    return Fail({ErrorCode::kInvalidArgument, "`gfr import guess` takes one file, of CSV or Parquet"});
  const auto map = GuessMapOf(files[0]);
  if (!map.ok()) return Fail(map.error());
  FileSystem& fs = PosixFileSystem();
  if (fs.Exists(path))
    return Fail({ErrorCode::kAlreadyExists, fmt::format("'{}' is there already; --map names another file", path)});
  if (const Status written = PublishFile(fs, path, map.value()); !written.ok()) return Fail(written.error());
  if (common.json)
    PrintJson({{"file", files[0]}, {"map", path}, {"text", map.value()}});
  else
    fmt::print("{}", map.value());
  fmt::print(stderr, "wrote {}; try it: gfr import csv {} --map {} --dry-run\n", path, files[0], path);
  return 0;
}

}  // namespace

void AddImport(CLI::App& app, Command& run) {
  static Common common;
  static EventImportOptions options;
  static std::string format, map;
  static std::vector<std::string> files;
  CLI::App* c = AddCommand(app, "import", "Import an outside log (.xz, .gz and .zst are read directly)",
                           "gfr import csv events.csv:events.toml items.csv:items.toml --project demo", common);
  c->add_option("FORMAT", format, "trivago, ndjson, csv or parquet; or guess, which proposes a map for a file")
      ->required()
      ->check(CLI::IsMember({"trivago", "ndjson", "csv", "parquet", "guess"}));
  c->add_option("FILES", files, "The files, of csv and parquet each as FILE or FILE:MAP.toml")->required();
  c->add_option("--map", map,
                "csv and parquet: which column is which field of an event (docs/importing.md); guess: the file to "
                "write (map.toml)");
  c->add_flag("--dry-run", options.dry_run, "Only read and report");
  c->add_flag("--rebuild", options.rebuild,
              "Make the log anew from what it holds and the files, in order of arrival; the old one stays in "
              "data/log.old");
  c->add_option("--memory", options.memory_bytes, "What sorting may use, as 1GiB; more is sorted on disk (512MiB)")
      ->transform(CLI::AsSizeValue(false));
  c->callback([&run] {
    run = [] {
      if (format != "guess") return RunImport(options, format, files, map, common);
      if (options.dry_run || options.rebuild)
        return Fail({ErrorCode::kInvalidArgument,
                     "`gfr import guess` only writes a map; --dry-run and --rebuild are of an import"});
      return RunGuess(files, map.empty() ? "map.toml" : map, common);
    };
  });
}

}  // namespace gfr
