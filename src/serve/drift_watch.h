// DriftWatch: what the champion serves, counted by the hour beside serving, judged against its reference as each hour
// ends, and told in GET /v1/drift, /metrics, the program's log and [monitor.webhook].
//
// What the server logs is counted a moment later (monitor/live_fold.h) from its own memory (event/recent_records.h), so
// no request waits for it and nothing is decoded again; what is not there any more is read from the log. When an hour
// is over, its windows are judged (monitor/live_judgement.h), and the fold is kept in data/monitor/NAME-VERSION.live: a
// server that starts again goes on from there, as if it had never stopped. A promotion begins anew, with the new
// version's reference; the windows of the one before stay on disk, and a rollback goes on with them.
// Events are counted and judged beside it, whatever model is served (monitor/live_traffic.h): data/monitor/events.live.
// Thread safety: any thread; one look at a time.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/sync.h"
#include "model/model.h"
#include "monitor/alert.h"
#include "monitor/live_fold.h"
#include "monitor/live_judgement.h"
#include "monitor/live_traffic.h"
#include "monitor/monitor_config.h"
#include "monitor/traffic_judgement.h"
#include "runtime/telemetry.h"
#include "serve/http_message.h"

namespace gfr {

struct ServiceState;

class DriftWatch {
 public:
  static constexpr std::int64_t kPeriodMs = 20 * kSecondMs;
  static constexpr std::int64_t kTakeMs = 250;  // So often what is recent is counted.
  static constexpr std::size_t kMostUntold = 100;
  static constexpr std::int64_t kSettledMs = 5 * kSecondMs;  // After an hour, until all of its records are in the log.

  explicit DriftWatch(ServiceState& s);
  // Reads what is new; judges when an hour has ended. Errors: those of the log and of the registry's store.
  // Stops between two records when it is asked to, and goes on there at the next look.
  Status Look(ServiceState& s, const std::stop_token& stop = {});
  // Counts what the server has logged since, as far as it has it in memory. The first look comes before.
  Status TakeRecent(ServiceState& s, const std::stop_token& stop = {});
  // One that takes every kTakeMs and looks every kPeriodMs, by the server's scheduler.
  static std::shared_ptr<DriftWatch> Start(ServiceState& s);

  nlohmann::ordered_json Json() const;  // GET /v1/drift.
  std::vector<DriftAlert> OpenAlerts() const;

 private:
  struct Watched {
    std::string model;  // "name/version".
    References references;
    std::optional<LiveFold> fold;  // None: the version keeps no reference; `why` says so.
    std::string why;
  };
  Status Watch(ServiceState& s, const Model& model);
  Status WatchEvents(ServiceState& s);
  // Of both: what they have not counted yet, up to the end of what is recent, or before this offset of the log. False:
  // they were asked to stop.
  Result<bool> CountRecent(ServiceState& s, const std::stop_token& stop);
  Result<bool> Read(ServiceState& s, std::uint64_t until, const std::stop_token& stop);
  void Count(const LogRecord& record);
  std::uint64_t next() const;  // The first offset that one of them has not counted.
  Status Judge(ServiceState& s, std::int64_t until_ms);
  Result<LiveJudgement> JudgeModel(const MonitorConfig& config, std::int64_t until_ms);
  void Tell(const LiveJudgement& judgement, std::int64_t until_ms);
  void SetModelMetrics(const LiveJudgement& judgement);
  void CallWebhooks(ServiceState& s, const std::stop_token& stop);

  Mutex looking_;  // Of what follows; before mutex_.
  std::unique_ptr<Watched> watched_;
  std::optional<LiveTraffic> traffic_;
  std::int64_t judged_ms_ = INT64_MIN;                    // End of the last hour that was judged.
  std::uint64_t refused_ = 0, twice_ = 0, accepted_ = 0;  // Of the counters, at the last look.
  std::vector<std::string> told_;                         // Ids of open alerts.
  std::optional<AlertWebhook> webhook_;
  struct Untold {
    std::string id, data;
  };
  std::deque<Untold> untold_;  // Events that the webhook's server has not taken; at most kMostUntold.
  Gauge &open_, &threshold_, &rows_;
  Counter& opened_;
  Family<Gauge>& scores_;
  Gauge& ratio_;
  Family<Gauge>&quality_, &coverage_;

  mutable Mutex mutex_;
  std::string model_, why_ = "no model is served";
  std::optional<LiveJudgement> latest_;
  std::optional<TrafficJudgement> events_;
  std::vector<DriftAlert> alerts_;  // Of both.
};

// GET /v1/drift.
HttpResponse GetDrift(const DriftWatch& watch);

}  // namespace gfr
