// LogCountsWatch: counts from what is new in the log, beside serving, which items co-occur (retrieve/cooccurrence.h)
// and what is trending in which segment (retrieve/trends.h): for the sources `similar` and `trending`, and for GET
// /v1/similar/ITEM. It counts what a feed of the configuration uses.
//
// The counts are kept in data/store (counts_follower.h). Thread safety: any thread; one look at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/sync.h"
#include "base/time.h"
#include "retrieve/cooccurrence.h"
#include "retrieve/list_maker.h"
#include "retrieve/trends.h"
#include "runtime/scheduler.h"
#include "runtime/telemetry.h"
#include "serve/counts_follower.h"
#include "serve/http_message.h"

namespace gfr {

struct ServiceState;

class LogCountsWatch {
 public:
  static constexpr std::int64_t kPeriodMs = 5 * kSecondMs;

  explicit LogCountsWatch(ServiceState& s);
  // Reads what is new in the log, and hands the lists to what makes those of the next epoch. Errors: those of the log,
  // and of the files of the counts.
  Status Look(ServiceState& s, const JobRun& run);
  // One that looks every kPeriodMs, by the server's scheduler.
  static std::shared_ptr<LogCountsWatch> Start(ServiceState& s);

  // GET /v1/similar/ITEM. 404: no such item is known; 409: no feed uses the source `similar`.
  HttpResponse GetSimilar(const ServiceState& s, const HttpRequest& request) const;

 private:
  Status LookAtSimilar(ServiceState& s, const JobRun& run);
  Status LookAtTrends(ServiceState& s, const JobRun& run);

  Mutex looking_;  // Of a look.
  LogLists lists_;
  std::uint64_t similar_listed_ = 0, trends_listed_ = 0;  // The offsets that the lists are as of.
  std::shared_ptr<const FeatureSet> trends_of_;           // Whose properties of [user] the trends are of.
  std::optional<CountsFollower<TrendCounts>> trends_;
  CountsFollower<CooccurrenceCounts> similar_;
  Gauge &items_, &bytes_, &trends_bytes_;
};

}  // namespace gfr
