// Doctor: reads the event log once and says what is wrong with the instrumentation: events that do not join, ids that
// are missing or used twice, clocks that lie, users that look like robots, days without events.
//
// Memory is bounded by `memory_bytes` whatever the log's size: when the ids do not fit, a share of them is followed
// completely and the others not at all (KeySample), and the report says which share; counts by type, day and delay are
// always of the whole log. Duplicates and rejected events never entered the log, so it cannot tell of them: the
// server's gfr_events_duplicate_total and the importer's report do. Thread safety: none.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/file_system.h"
#include "event/event.h"
#include "log/event_source.h"
#include "stats/interval.h"

namespace gfr {

enum class Severity : std::uint8_t { kOk, kLook, kBad };
const char* SeverityName(Severity severity);  // ok, look, bad

struct Finding {
  std::string check;  // "click.unknown_request"
  Severity severity = Severity::kOk;
  double figure = std::numeric_limits<double>::quiet_NaN();  // A share, unless the text says otherwise.
  Interval interval = {};                                    // Where the figure is of a sample of ids.
  std::uint64_t count = 0, of = 0;                           // What the figure is made of.
  std::string text;                                          // The figure in words.
  std::string meaning, action;
  std::vector<std::string> examples;  // Ids, days or sources to look at; at most 5.
};

struct DoctorOptions {
  std::size_t memory_bytes = 512u << 20;
};

struct DoctorReport {
  std::uint64_t events = 0;
  std::int64_t first_arrival_ms = 0, last_arrival_ms = 0;
  bool simulated = false;
  double share_of_requests = 1, share_of_users = 1, share_of_items = 1;  // Of the ids that were followed.
  std::vector<Finding> findings;                                         // Worst first, else in the order of checks.
  struct Day {
    std::string date;
    std::vector<std::uint64_t> events;  // By EventType.
  };
  std::vector<Day> days;  // Every day between the first and the last, at most 3,660.
  Severity worst() const;
};

struct Observations;

class Doctor {
 public:
  explicit Doctor(const DoctorOptions& options);
  ~Doctor();
  void Add(const LogRecord& record);  // In log order.
  DoctorReport Finish() const;

 private:
  std::unique_ptr<Observations> observations_;
};

// The whole log of a folder.
Result<DoctorReport> Diagnose(EventSource& log, const DoctorOptions& options);

std::string DoctorToJson(const DoctorReport& report);  // One object.

}  // namespace gfr
