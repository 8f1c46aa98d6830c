// log: check, repair, compact, dump.
#include <cstdio>

#include "base/progress.h"
#include "commands.h"
#include "event/event_json.h"
#include "log/compact_log.h"
#include "log/event_log.h"
#include "operations/check_log.h"

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

}  // namespace

void AddLog(CLI::App& app, Command& run) {
  CLI::App* log =
      AddGroup(app, "log", "Check, repair, compact or print the event log", "gfr log repair --project demo");
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
  AddCommand(*log, "dump", "Print the log's events, one line of JSON each", "gfr log dump --project demo", common)
      ->callback([&run] { run = [] { return DumpLog(common); }; });
}

}  // namespace gfr
