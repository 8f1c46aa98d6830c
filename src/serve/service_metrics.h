// ServiceMetrics: what a server counts and times, and GET /metrics gives. Labels have the values named here; any other
// is "other", so that no client can make a series.
//
// Thread safety: all.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "event/served_slate.h"
#include "experiment/experiments.h"
#include "feed/feed_config.h"
#include "feed/slate_outcome.h"
#include "runtime/telemetry.h"
#include "serve/http_server_metrics.h"
#include "serve/request_durations.h"

namespace gfr {

// Upper bounds, in seconds, of freshness: an epoch takes a minute.
inline const std::vector<double> kFreshnessS{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5,
                                             1,     2.5,    5,     10,   30,    60,   90,  120,  300};

struct FeedItem;

class ServiceMetrics {
 public:
  ServiceMetrics();
  ServiceMetrics(const ServiceMetrics&) = delete;

  // The routes that Answered is told of.
  void Declare(const std::vector<Route>& routes) { DeclareRoutes(routes, &requests_); }
  // A call that was answered. `endpoint`: its route's path.
  void Answered(std::string_view endpoint, int status, double seconds);
  // A feed of each experiment, variant and arm that it was assigned, and how long its ranking took.
  void Assigned(const std::vector<ServedExperiment>& of, bool degraded, double seconds);
  // One that got no slate all the same: its answer is an error.
  void AssignedFailed(const std::vector<ServedExperiment>& of);
  // Names that Assigned may give series of from now on.
  void Declare(const Experiments& experiments);
  // A shadow that was scored, and the share of what was shown that is among its own best (NaN: nothing was shown).
  void Shadowed(const std::string& name, double seconds, double overlap);
  void ShadowsDropped(std::string_view reason, std::size_t count);  // "load", "budget" or "queue".
  void BesideAnswers(double seconds);                               // Shadows and checks of what was served.
  // What a feed showed, by channel and source.
  void Shown(const std::vector<FeedItem>& items);
  // What a feed's rules left out. Names that it may give series of from now on.
  void LeftOut(std::string_view feed, const std::vector<LeftOutByRule>& rules);
  void Declare(const Feeds& feeds);
  // A stage of ranking: "candidates", "features", "scores", "values", "policy", "record".
  void Ranked(std::string_view stage, double seconds);

  std::string Text() const { return telemetry_.Text(); }
  Telemetry& telemetry() { return telemetry_; }

 private:
  Telemetry telemetry_;
  Counter& Count(const char* name, const char* help) { return *telemetry_.AddCounter(name, help); }
  Family<Histogram>& requests_;
  Family<Histogram>& stages_;
  Family<Counter>& shown_;
  Family<Histogram>& assigned_;
  Family<Counter>& assigned_degraded_;
  Family<Counter>& assigned_failed_;
  Family<Histogram>& shadows_;
  Family<Histogram>& shadow_overlap_;
  Family<Counter>& shadows_dropped_;
  Family<Gauge>& beside_s_;
  Family<Histogram>& freshness_;
  Family<Counter>& left_out_;

 public:
  HttpServerMetrics http{telemetry_};
  // From when an event is durable to when feeds read it: `store` is "embedded" or "redis"; `state` is "user" (of users
  // and sessions, each event) or "shared" (of items and the like, each epoch).
  Histogram& Freshness(std::string_view store, std::string_view state) { return freshness_.With({store, state}); }
  Counter& accepted = Count("gfr_events_accepted_total", "Events taken into the log.");
  Counter& duplicates = Count("gfr_events_duplicate_total", "Events that were in the log already.");
  Counter& rejected = Count("gfr_events_rejected_total", "Events that were refused, each with its reason.");
  Counter& feeds = Count("gfr_feeds_total", "Feeds served.");
  Counter& degraded = Count("gfr_feeds_degraded_total", "Feeds served with something missing, which they name.");
  Counter& reloaded = Count("gfr_feed_reloads_total",
                            "Feeds answered with the slate of before, under its request id ([[feed]] reload).");
  Counter& unlogged =
      Count("gfr_unlogged_total", "Feeds answered before their record was in the log, which failed or was slow.");
  Counter& undeclared = Count("gfr_undeclared_names_total", "Properties in requests that gfr.toml does not declare.");
  Counter& unknown_surfaces =
      Count("gfr_unknown_surfaces_total", "Feeds of a surface that no [[feed]] is named after.");
  Counter& exposures = Count("gfr_exposures_total", "Evaluations of a flag that put a unit in an arm.");
  Counter& reloads = Count("gfr_reloads_total", "Times that gfr.toml was read anew and taken.");
  Counter& reloads_refused =
      Count("gfr_reloads_refused_total", "Times that gfr.toml was read anew and refused, with its reason in the log.");
  Counter& verified = Count("gfr_skew_values_total", "Served values compared with those of a replay.");
  Counter& different = Count("gfr_skew_different_total", "Served values that a replay did not give again.");
  Counter& verify_unfinished = Count(
      "gfr_skew_unfinished_total",
      "Checks of what was served that did not come to their end in time: they are to take little of the processors.");
  Counter& torn_batches =
      Count("gfr_log_torn_batches_total",
            "Batches that were not written whole when the process ended, and were cut at the start.");
  Counter& clock_jumps = Count("gfr_clock_jumps_total",
                               "Jumps of the system's clock ahead of elapsed time; followed once they have lasted.");
  Gauge& disk_free_bytes = *telemetry_.AddGauge("gfr_disk_free_bytes", "Free on the file system of the log.");
  Gauge& log_records = *telemetry_.AddGauge("gfr_log_records", "Records in the log.");
  Gauge& log_waiting =
      *telemetry_.AddGauge("gfr_log_waiting_records", "Records that are not on disk or not folded yet.");
  Gauge& state_bytes = *telemetry_.AddGauge("gfr_state_bytes", "What the states take in memory.");
  Gauge& state_limit_bytes =
      *telemetry_.AddGauge("gfr_state_limit_bytes", "What [store] memory lets the states take; 0: no limit.");
  Gauge& lists_bytes = *telemetry_.AddGauge("gfr_lists_bytes", "What the lists of candidates take in memory.");
  Gauge& prepared_bytes =
      *telemetry_.AddGauge("gfr_prepared_bytes", "What the prepared columns of items take in memory.");
  Gauge& lists_epoch_end =
      *telemetry_.AddGauge("gfr_lists_epoch_end_seconds", "End of the epoch of the newest lists of candidates.");
};

}  // namespace gfr
