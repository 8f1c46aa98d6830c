#include "doctor/doctor.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "base/progress.h"
#include "base/time.h"
#include "doctor/checks.h"
#include "doctor/observations.h"

namespace gfr {

const char* SeverityName(Severity severity) {
  static constexpr const char* kNames[] = {"ok", "look", "bad"};
  return kNames[static_cast<int>(severity)];
}

Severity DoctorReport::worst() const { return findings.empty() ? Severity::kOk : findings.front().severity; }

Doctor::Doctor(const DoctorOptions& options) : observations_(std::make_unique<Observations>(options)) {}
Doctor::~Doctor() = default;

void Doctor::Add(const LogRecord& record) { observations_->Add(record); }

DoctorReport Doctor::Finish() const {
  const Observations& s = *observations_;
  DoctorReport report{.events = s.events, .first_arrival_ms = s.first_ms, .last_arrival_ms = s.last_ms};
  report.simulated = s.simulated > 0;
  report.share_of_requests = std::exp2(-s.requests.level());
  report.share_of_users = std::exp2(-s.users.level());
  report.share_of_items = std::exp2(-s.items.level());
  if (s.events == 0) {
    report.findings.push_back({.check = "log.empty",
                               .severity = Severity::kBad,
                               .text = "the log has no events",
                               .meaning = "There is nothing to look at.",
                               .action = "`gfr import`, `gfr simulate` or a server fills it."});
    return report;
  }
  for (std::int64_t d = s.first_ms / kDayMs; d <= s.last_ms / kDayMs && report.days.size() < 3660; ++d) {
    const auto day = s.days.find(d);
    report.days.push_back({FormatDate(d * kDayMs), std::vector<std::uint64_t>(kEventTypes)});
    if (day != s.days.end()) report.days.back().events.assign(day->second.begin(), day->second.end());
  }
  for (const Check check : AllChecks()) check(s, report.findings);
  std::ranges::stable_sort(report.findings, std::greater<>(), &Finding::severity);
  return report;
}

Result<DoctorReport> Diagnose(EventSource& log, const DoctorOptions& options) {
  Doctor doctor(options);
  GFR_ASSIGN(const auto reader, log.OpenAll());
  Progress progress("doctor", 0, "events");
  std::uint64_t done = 0;
  for (LogRecord record;;) {
    GFR_ASSIGN(const bool more, reader->More(&record));
    if (!more) return doctor.Finish();
    doctor.Add(record);
    progress.Update(++done);
  }
}

}  // namespace gfr
