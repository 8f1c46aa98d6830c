// Whether a slate's record says what can have been. What it says is read by every replay of the log: an epoch of the
// future, say, would be the epoch of all that is read behind it.
//
// Thread safety: pure functions.
#pragma once

#include <cstdint>
#include <string>

#include "event/event.h"

namespace gfr {

// What is wrong with `request.served` of an event at `offset` in the log, which arrived at `arrival_ms`; empty:
// nothing. A server checks it before it appends a slate (with the next offset and its clock), a replay before it reads
// by it.
std::string SlateProblem(const Event& request, std::uint64_t offset, std::int64_t arrival_ms);
inline std::string SlateProblem(const LogRecord& record) {
  return SlateProblem(record.event, record.offset, record.arrival_ms);
}

// What is wrong with a slate that was read after one record and before the next, which arrived at `next_arrival_ms`
// (INT64_MAX: there is none); empty: nothing. An epoch that a row is read in has every record that arrived before its
// end, so that the next record belongs to a later one. Only a replay knows.
std::string EpochProblem(const ServedSlate& served, std::int64_t next_arrival_ms);

}  // namespace gfr
