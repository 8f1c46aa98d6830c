#include "operations/interleaving_credits.h"

#include <algorithm>

#include "log/local_log.h"

namespace gfr {

Result<LoggedCredits> ReadInterleavingCredits(const Workspace& workspace, const Experiment& experiment) {
  LoggedCredits read{.credits = InterleavingCredits(experiment.name, experiment.window_ms)};
  LocalLog log(workspace.fs(), workspace.log_folder());
  GFR_ASSIGN(const auto reader, log.OpenAll());
  for (LogRecord record;;) {
    GFR_ASSIGN(const bool more, reader->More(&record));
    if (!more) return read;
    read.credits.Add(record.event);
    read.last_arrival_ms = std::max(read.last_arrival_ms, record.arrival_ms);
  }
}

}  // namespace gfr
