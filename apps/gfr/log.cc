// log: check, repair, dump.
#include <cstdio>

#include "commands.h"
#include "event/event_json.h"
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

}  // namespace

void AddLog(CLI::App& app, Command& run) {
  CLI::App* log = AddGroup(app, "log", "Check, repair or print the event log", "gfr log repair --project demo");
  static Common common;
  AddCommand(*log, "check", "Read every record; exit code 1 and the place if one is bad",
             "gfr log check --project demo", common)
      ->alias("verify")
      ->callback([&run] { run = [] { return CheckLog(/*repair=*/false, common); }; });
  AddCommand(*log, "repair", "Cut the log at its first bad record; what follows is moved to a file that ends in .cut",
             "gfr log repair --project demo", common)
      ->callback([&run] { run = [] { return CheckLog(/*repair=*/true, common); }; });
  AddCommand(*log, "dump", "Print the log's events, one line of JSON each", "gfr log dump --project demo", common)
      ->callback([&run] { run = [] { return DumpLog(common); }; });
}

}  // namespace gfr
