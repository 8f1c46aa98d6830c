// The currency of a log: that of its first event that names one. Where gfr.toml declares none, events in another one
// are refused (event/event_rules.h, CheckCurrency).
//
// `note` is a file that says up to which offset no event names one, so that the log is not read twice for it; a missing
// or damaged one costs a reading; an empty name is none. A server renews it with each snapshot. Whoever changes offsets
// removes it. Thread safety: none.
#pragma once

#include <string>

#include "base/file_system.h"
#include "log/event_source.h"

namespace gfr {

// Empty: no event names one. Errors: of reading the log.
Result<std::string> CurrencyOf(FileSystem& fs, EventSource& log, const std::string& note);

// No event before `offset` names one. Errors: of writing; they cost no more than a reading.
Status NoteNoCurrency(FileSystem& fs, const std::string& note, std::uint64_t offset);

}  // namespace gfr
