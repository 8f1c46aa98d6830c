#include "log/log_currency.h"

#include <algorithm>
#include <charconv>

namespace gfr {

Result<std::string> CurrencyOf(FileSystem& fs, EventSource& log, const std::string& note) {
  GFR_ASSIGN(Positions from, log.Begin());
  GFR_ASSIGN(const Positions end, log.End());
  if (from.size() != 1) return std::string();  // Of the local log alone.
  if (const auto text = !note.empty() && fs.Exists(note) ? fs.ReadAll(note) : std::string(); text.ok()) {
    std::uint64_t offset = 0;
    (void)std::from_chars(text.value().data(), text.value().data() + text.value().size(), offset);
    if (offset <= end[0]) from[0] = std::max(from[0], offset);
  }
  std::string currency;
  const std::uint64_t begun = from[0];
  std::uint64_t at = begun;
  GFR_ASSIGN(const auto reader, log.Open(from));
  for (LogRecord record; currency.empty();) {
    GFR_ASSIGN(const bool more, reader->More(&record));
    if (!more) {
      at = end[0];
      break;
    }
    at = record.offset;
    currency = record.event.currency;
  }
  // Only saves time, so a failure costs no more than that.
  if (at > begun && !note.empty()) (void)NoteNoCurrency(fs, note, at);
  return currency;
}

Status NoteNoCurrency(FileSystem& fs, const std::string& note, std::uint64_t offset) {
  return PublishFile(fs, note, std::to_string(offset));
}

}  // namespace gfr
