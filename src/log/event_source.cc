#include "log/event_source.h"

namespace gfr {

Result<bool> EventReader::More(LogRecord* record) {
  GFR_ASSIGN(const ReadState state, Next(record));
  return state == ReadState::kRecord;
}

Result<std::unique_ptr<EventReader>> EventSource::OpenAll(std::uint32_t types) {
  GFR_ASSIGN(const Positions begin, Begin());
  return Open(begin, {.types = types});
}

Status ForEachRecord(EventSource& log, std::uint32_t types, const std::function<Status(const LogRecord&)>& each) {
  GFR_ASSIGN(const auto reader, log.OpenAll(types));
  for (LogRecord record;;) {
    GFR_ASSIGN(const bool more, reader->More(&record));
    if (!more) return {};
    GFR_TRY(each(record));
  }
}

}  // namespace gfr
