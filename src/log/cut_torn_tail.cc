#include "log/cut_torn_tail.h"

#include "log/event_log.h"

namespace gfr {

Status CutTornTail(FileSystem& fs, const Clock& clock, const std::string& folder, const std::string& to) {
  const auto log = EventLog::Open(fs, clock, {.folder = folder});
  if (log.ok()) return {};
  return Error{log.error().code, "the log cannot be taken; stop the server (or wait for the import) and " + to +
                                     " then: " + log.error().message};
}

}  // namespace gfr
