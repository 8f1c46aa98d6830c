// log: check, repair, compact, drop, trim, dump.
#include <fmt/format.h>

#include <charconv>
#include <cstdio>

#include "base/progress.h"
#include "base/time.h"
#include "commands.h"
#include "dataset/trim_log.h"
#include "event/event_json.h"
#include "log/compact_log.h"
#include "log/event_log.h"
#include "operations/check_log.h"
#include "operations/drop_events.h"
#include "shared_project.h"

namespace gfr {
namespace {

int DumpLog(const Common& common) {
  const auto project = OpenProject(common.project);
  if (!project.ok()) return Fail(project.error());
  LocalLog log(PosixFileSystem(), project.value()->log_folder());
  const auto reader = log.OpenAll();
  if (!reader.ok()) return Fail(reader.error());
  for (LogRecord record;;) {
    const auto more = reader.value()->More(&record);
    if (!more.ok()) return Fail(more.error());
    if (!more.value()) return 0;
    std::printf("%s\n", EventToJson(record.event).c_str());
  }
}

int CheckLog(bool repair, const Common& common) {
  auto project = OpenProject(common.project);
  if (!project.ok()) return Fail(project.error());
  const auto checked = CheckProjectLog(project.value()->workspace(), repair);
  if (!checked.ok()) return Fail(checked.error());
  const LogCheck& log = checked.value();
  if (common.json)
    PrintJson({{"records", log.records}, {"bad_at", log.bad_at}, {"cut", log.cut}});
  else
    std::printf("%llu good records%s\n%s", static_cast<unsigned long long>(log.records),
                log.bad_at.empty() ? "" : ("; bad at " + log.bad_at).c_str(),
                log.cut.empty() ? "" : ("what follows was moved to " + log.cut + "\n").c_str());
  return log.bad_at.empty() || repair ? 0 : 1;
}

int CompactLog(const Common& common) {
  const auto project = OpenProject(common.project);
  if (!project.ok()) return Fail(project.error());
  LocalLog log(PosixFileSystem(), project.value()->log_folder());
  const auto total = log.SizeBytes();
  if (!total.ok()) return Fail(total.error());
  Progress progress("compact", total.value(), "bytes");
  const auto compacted = gfr::CompactLog(log, [&](std::uint64_t done) { progress.Update(done); });
  if (!compacted.ok()) return Fail(compacted.error());
  const Compacted& c = compacted.value();
  if (common.json)
    PrintJson({{"segments", c.segments},
               {"records", c.records},
               {"bytes_before", c.bytes_before},
               {"bytes_after", c.bytes_after}});
  else
    std::printf("%d segments with %llu records compacted: %llu bytes became %llu\n", c.segments,
                static_cast<unsigned long long>(c.records), static_cast<unsigned long long>(c.bytes_before),
                static_cast<unsigned long long>(c.bytes_after));
  return 0;
}

// "17", or "17:40": from 17 up to but not 40.
Result<OffsetRange> ParseOffsets(const std::string& text) {
  OffsetRange range;
  const char* const end = text.data() + text.size();
  auto [at, error] = std::from_chars(text.data(), end, range.begin);
  range.end = range.begin + 1;
  if (error == std::errc() && at != end && *at == ':') {
    const auto second = std::from_chars(at + 1, end, range.end);
    at = second.ptr;
    error = second.ec;
  }
  if (error != std::errc() || at != end || range.end <= range.begin)
    return Error{ErrorCode::kInvalidArgument,
                 "--offset is '" + text + "'; valid are an offset (17) and a range (17:40, without its end)"};
  return range;
}

// As it is given on the command line.
struct DropArguments {
  std::vector<std::string> offsets, types, sources;
  std::string before, after;
  bool ahead = false, dry_run = false;
};

Result<DropCriteria> ParseCriteria(const DropArguments& arguments) {
  DropCriteria criteria{.sources = arguments.sources};
  for (const std::string& text : arguments.offsets) {
    GFR_ASSIGN(const OffsetRange range, ParseOffsets(text));
    criteria.offsets.push_back(range);
  }
  for (const std::string& name : arguments.types) {
    GFR_ASSIGN(const EventType type, ParseEventType(name));
    criteria.types.push_back(type);
  }
  if (!arguments.before.empty()) {
    GFR_ASSIGN(criteria.before_ms, ParseTime(arguments.before));
  }
  if (!arguments.after.empty()) {
    GFR_ASSIGN(criteria.after_ms, ParseTime(arguments.after));
  }
  if (criteria.empty() && !arguments.ahead)
    return Error{ErrorCode::kInvalidArgument,
                 "nothing is named; valid are --offset, --before, --after, --type, --source, and --ahead, which "
                 "repairs arrival times and drops nothing"};
  return criteria;
}

void PrintDrop(const DropReport& r, bool dry_run) {
  const DroppedRecords& log = r.log;
  if (!log.any()) fmt::print("nothing of the log changes\n");
  if (log.records > 0) {
    fmt::print("{} events of {} to {} {}:\n", log.records, FormatTime(log.first_ms), FormatTime(log.last_ms),
               dry_run ? "would be dropped" : "were dropped");
    for (std::size_t t = 0; t < log.by_type.size(); ++t) {
      if (log.by_type[t] > 0) fmt::print("  {:<20}{:>10}\n", EventTypeName(static_cast<EventType>(t)), log.by_type[t]);
    }
  }
  if (log.arrivals > 0)
    fmt::print("{} events that stay {} another arrival time; the log {} at {}, before at {}\n", log.arrivals,
               dry_run ? "would get" : "got", dry_run ? "would end" : "ends", FormatTime(log.end_ms),
               FormatTime(log.end_before_ms));
  if (log.slates_read_wrong > 0)
    fmt::print("{} slates were read at a wrong time and count as those of an imported log\n", log.slates_read_wrong);
  if (log.slates_not_verified > 0)
    fmt::print("{} slates behind offset {} are left out of `gfr features verify`\n", log.slates_not_verified,
               log.changed_from);
  if (log.any())
    fmt::print("{} log segments and {} files of the lake {}\n", log.segments.size(), r.lake_files.size(),
               dry_run ? "would be made anew" : "were made anew");
  for (const std::string& path : r.removed) fmt::print("{} {}\n", path, dry_run ? "would be removed" : "was removed");
}

int DropFromLog(const DropArguments& arguments, const Common& common) {
  const auto criteria = ParseCriteria(arguments);
  if (!criteria.ok()) return Fail(criteria.error());
  const auto project = OpenFetchedProject(common.project);
  if (!project.ok()) return Fail(project.error());
  const auto dropped = DropEvents(project.value()->workspace(), criteria.value(), arguments.dry_run);
  if (!dropped.ok()) return Fail(dropped.error());
  if (!arguments.dry_run) {
    if (const Status sent = PushToStore(*project.value()); !sent.ok()) return Fail(sent.error());
  }
  if (!common.json) {
    PrintDrop(dropped.value(), arguments.dry_run);
    return 0;
  }
  const DroppedRecords& log = dropped.value().log;
  Json types = Json::object();
  for (std::size_t t = 0; t < log.by_type.size(); ++t) {
    if (log.by_type[t] > 0) types[std::string(EventTypeName(static_cast<EventType>(t)))] = log.by_type[t];
  }
  Json json{{"dry_run", arguments.dry_run},
            {"events", log.records},
            {"types", types},
            {"arrivals", log.arrivals},
            {"slates_read_wrong", log.slates_read_wrong},
            {"slates_not_verified", log.slates_not_verified},
            {"segments", log.segments.size()},
            {"lake_files", dropped.value().lake_files},
            {"removed", dropped.value().removed}};
  if (log.any()) {
    json["changed_from"] = log.changed_from;
    json["log_end_before"] = FormatTime(log.end_before_ms);
    json["log_end"] = FormatTime(log.end_ms);
  }
  PrintJson(json);
  return 0;
}

int TrimLog(bool dry_run, const Common& common) {
  const auto project = OpenProject(common.project);
  if (!project.ok()) return Fail(project.error());
  const std::int64_t keep_ms = project.value()->configuration().log.keep_ms;
  if (keep_ms == 0)
    return Fail(Error{ErrorCode::kInvalidArgument,
                      "gfr.toml does not say how much of the log is to be kept; set [log] keep, as \"400d\""});
  LocalLog log(PosixFileSystem(), project.value()->log_folder());
  const auto trimmed = gfr::TrimLog(log, project.value()->lake_folder(), project.value()->features(), keep_ms, dry_run);
  if (!trimmed.ok()) return Fail(trimmed.error());
  if (!dry_run) {
    if (const Status sent = PushToStore(*project.value()); !sent.ok()) return Fail(sent.error());
  }
  const TrimReport& r = trimmed.value();
  if (common.json) {
    PrintJson({{"dry_run", dry_run},
               {"segments", r.segments},
               {"records", r.records},
               {"bytes", r.bytes},
               {"begin", r.begin},
               {"base", r.base}});
    return 0;
  }
  if (r.segments.empty()) {
    fmt::print("no whole segment is older than {}\n", FormatDuration(keep_ms));
    return 0;
  }
  fmt::print("{} segments with {} records ({} bytes) {}; the log {} at offset {}, {}\n", r.segments.size(), r.records,
             r.bytes, dry_run ? "would be deleted" : "were deleted", dry_run ? "would begin" : "begins", r.begin,
             FormatTime(r.begin_ms));
  return 0;
}

void AddTrim(CLI::App& log, Command& run) {
  static Common common;
  static bool dry_run = false;
  CLI::App* c = AddCommand(log, "trim", "Delete events older than [log] keep; a base keeps the states that they made",
                           "gfr log trim --dry-run --project demo", common);
  c->add_flag("--dry-run", dry_run, "Only report what would be deleted");
  c->callback([&run] { run = [] { return TrimLog(dry_run, common); }; });
}

void AddDrop(CLI::App& log, Command& run) {
  static Common common;
  static DropArguments arguments;
  CLI::App* c = AddCommand(log, "drop",
                           "Take events out of the log for good, and repair arrival times that were ahead of the clock",
                           "gfr log drop --after 2030-01-01 --dry-run --project demo", common);
  c->add_option("--offset", arguments.offsets, "Only these: an offset, or FROM:TO without TO; repeatable");
  c->add_option("--before", arguments.before, "Only events whose time is earlier than this");
  c->add_option("--after", arguments.after, "Only events whose time is later than this");
  c->add_option("--type", arguments.types, "Only events of this type, as purchase; repeatable");
  c->add_option("--source", arguments.sources, "Only events of this source; repeatable");
  c->add_flag("--ahead", arguments.ahead, "Drop nothing if nothing is named: only repair arrival times");
  c->add_flag("--dry-run", arguments.dry_run, "Only report what would be dropped and changed");
  c->callback([&run] { run = [] { return DropFromLog(arguments, common); }; });
}

}  // namespace

void AddLog(CLI::App& app, Command& run) {
  CLI::App* log = AddGroup(app, "log", "Check, repair, compact, trim or print the event log, or drop events of it",
                           "gfr log repair --project demo");
  static Common common;
  AddCommand(*log, "check", "Read every record; exit code 1 and the place if one is bad",
             "gfr log check --project demo", common)
      ->alias("verify")
      ->callback([&run] { run = [] { return CheckLog(/*repair=*/false, common); }; });
  AddCommand(*log, "repair", "Cut the log at its first bad record; what follows is moved to a file that ends in .cut",
             "gfr log repair --project demo", common)
      ->callback([&run] { run = [] { return CheckLog(/*repair=*/true, common); }; });
  AddCommand(*log, "compact",
             "Compress the closed segments of the log; nothing is lost, and a server may run meanwhile",
             "gfr log compact --project demo", common)
      ->callback([&run] { run = [] { return CompactLog(common); }; });
  AddDrop(*log, run);
  AddTrim(*log, run);
  AddCommand(*log, "dump", "Print the log's events, one line of JSON each", "gfr log dump --project demo", common)
      ->callback([&run] { run = [] { return DumpLog(common); }; });
}

}  // namespace gfr
