// SimilarWatch: counts which items co-occur (retrieve/cooccurrence.h) from what is new in the log, beside serving, for
// the source `similar` and GET /v1/similar/ITEM. It does so while a feed of the configuration uses that source.
//
// The counts are kept in data/store/cooccurrence, and a server that starts again goes on from there as if it had never
// stopped; without a usable file the log is read from its begin. Thread safety: any thread; one look at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/sync.h"
#include "base/time.h"
#include "retrieve/cooccurrence.h"
#include "runtime/scheduler.h"
#include "runtime/telemetry.h"
#include "serve/http_message.h"

namespace gfr {

struct ServiceState;

class SimilarWatch {
 public:
  static constexpr std::int64_t kPeriodMs = 5 * kSecondMs, kSaveMs = 10 * kMinuteMs;

  explicit SimilarWatch(ServiceState& s);
  // Reads what is new in the log, and hands the lists to what makes those of the next epoch. Errors: those of the log,
  // and of the file of the counts. Goes on at the next look where it was stopped.
  Status Look(ServiceState& s, const JobRun& run);
  // One that looks every kPeriodMs, by the server's scheduler.
  static std::shared_ptr<SimilarWatch> Start(ServiceState& s);

  // GET /v1/similar/ITEM. 404: no such item is known; 409: no feed uses the source.
  HttpResponse Get(const ServiceState& s, const HttpRequest& request) const;

 private:
  Status Load(ServiceState& s);
  Status Follow(ServiceState& s, const JobRun& run);
  Status Save(ServiceState& s);

  Mutex looking_;  // Of a look; before mutex_.
  std::int64_t saved_ms_ = 0;
  std::uint64_t saved_offset_ = 0, listed_offset_ = 0;
  std::shared_ptr<const CooccurrenceLists> lists_;
  Gauge &items_, &bytes_;

  mutable Mutex mutex_;
  std::optional<CooccurrenceCounts> counts_;  // Nothing before the first look.
};

}  // namespace gfr
