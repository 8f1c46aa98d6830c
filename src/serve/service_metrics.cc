#include "serve/service_metrics.h"

#include <algorithm>
#include <cmath>

#include "base/cpu_time.h"
#include "feed/feed.h"
#include "feed/feed_policy.h"
#include "retrieve/sources.h"
#include "runtime/line_output.h"

namespace gfr {
namespace {

const std::vector<std::string> kStages{"candidates", "features", "scores", "values", "policy", "record"};

// Of items that the caller brings, both names.
constexpr const char* kSupplied = "supplied";

std::vector<std::string> Channels() {
  std::vector<std::string> names{kSupplied};
  for (const SourceEntry& source : AllSources()) {
    if (std::ranges::find(names, source.channel) == names.end()) names.emplace_back(source.channel);
  }
  return names;
}

std::vector<std::string> Sources() {
  std::vector<std::string> names{kSupplied};
  for (const SourceEntry& source : AllSources()) names.emplace_back(source.name);
  return names;
}

}  // namespace

ServiceMetrics::ServiceMetrics()
    : requests_(AddRequestDurations(telemetry_)),
      stages_(telemetry_.AddHistogram("gfr_rank_stage_duration_seconds", "Time of one stage of a feed's ranking.",
                                      kDurationsS, {{"stage", kStages}})),
      shown_(telemetry_.AddCounter("gfr_feed_items_total", "Items that feeds showed, by what found them.",
                                   {{"channel", Channels()}, {"source", Sources()}})),
      assigned_(telemetry_.AddHistogram("gfr_assigned_feed_duration_seconds",
                                        "Time of ranking a feed, by what its unit was assigned.", kDurationsS,
                                        {{"experiment", {}}, {"variant", {}}})),
      assigned_degraded_(telemetry_.AddCounter("gfr_assigned_feeds_degraded_total",
                                               "Feeds served with something missing, by what their unit was assigned.",
                                               {{"experiment", {}}, {"variant", {}}})),
      assigned_failed_(telemetry_.AddCounter("gfr_assigned_feeds_failed_total",
                                             "Feeds answered by an error, by what their unit was assigned.",
                                             {{"experiment", {}}, {"variant", {}}})),
      shadows_(telemetry_.AddHistogram("gfr_shadow_duration_seconds", "Time of ranking a request's shadow.",
                                       kDurationsS, {{"shadow", {}}})),
      shadow_overlap_(telemetry_.AddHistogram("gfr_shadow_overlap_ratio",
                                              "Share of the items shown that are among the shadow's own best.",
                                              {0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1}, {{"shadow", {}}})),
      shadows_dropped_(telemetry_.AddCounter("gfr_shadows_dropped_total", "Shadows of requests that were not scored.",
                                             {{"reason", {"load", "budget", "queue"}}})),
      beside_s_(telemetry_.AddGauge("gfr_beside_answers_seconds",
                                    "Processor time of shadows and of checks of what was served.")),
      freshness_(telemetry_.AddHistogram(
          "gfr_freshness_seconds", "From when an event is on disk, which its 202 follows, to when feeds read it.",
          kFreshnessS, {{"store", {"embedded", "redis"}}, {"state", {"user", "shared"}}})),
      left_out_(telemetry_.AddCounter("gfr_feed_left_out_total",
                                      "Candidates that were not to be shown, by the feed and the rule that said so.",
                                      {{"feed", {}}, {"rule", {kOffSaleRule, kHiddenRule, kExcludedRule}}})) {
  Family<Gauge>& process = telemetry_.AddGauge("gfr_process_cpu_seconds", "Processor time of the whole process.");
  Family<Gauge>& dropped = telemetry_.AddGauge("gfr_log_lines_dropped", "Lines for stderr that nobody read in time.");
  telemetry_.BeforeText([&process, &dropped] {
    process->Set(ProcessCpuSeconds());
    dropped->Set(static_cast<double>(DroppedLogLines()));
  });
}

void ServiceMetrics::Shadowed(const std::string& name, double seconds, double overlap) {
  shadows_.With({name}).Observe(seconds);
  if (!std::isnan(overlap)) shadow_overlap_.With({name}).Observe(overlap);
}

void ServiceMetrics::ShadowsDropped(std::string_view reason, std::size_t count) {
  shadows_dropped_.With({reason}) += count;
}

void ServiceMetrics::BesideAnswers(double seconds) { (*beside_s_).Add(seconds); }

void ServiceMetrics::Assigned(const std::vector<ServedExperiment>& of, bool degraded, double seconds) {
  for (const ServedExperiment& e : of) {
    assigned_.With({e.experiment, e.variant}).Observe(seconds);
    if (degraded) ++assigned_degraded_.With({e.experiment, e.variant});
  }
}

void ServiceMetrics::AssignedFailed(const std::vector<ServedExperiment>& of) {
  for (const ServedExperiment& e : of) ++assigned_failed_.With({e.experiment, e.variant});
}

void ServiceMetrics::Declare(const Experiments& experiments) {
  const auto declare = [&](const std::string& name, const std::vector<Treatment>& treatments) {
    assigned_.Declare("experiment", name);
    assigned_degraded_.Declare("experiment", name);
    assigned_failed_.Declare("experiment", name);
    for (const Treatment& t : treatments) {
      assigned_.Declare("variant", t.name);
      assigned_degraded_.Declare("variant", t.name);
      assigned_failed_.Declare("variant", t.name);
    }
  };
  if (experiments.holdout) declare(kHoldoutName, {{.name = "in"}, {.name = "out"}});
  declare(kVariantName, experiments.variants);
  for (const Experiment& e : experiments.all) {
    declare(e.name, e.arms);
    if (e.interleaves) declare(e.name, {{.name = kInterleavedName}});
  }
  for (const Shadow& shadow : experiments.Shadows()) {
    shadows_.Declare("shadow", shadow.name);
    shadow_overlap_.Declare("shadow", shadow.name);
  }
}

void ServiceMetrics::LeftOut(std::string_view feed, const std::vector<LeftOutByRule>& rules) {
  for (const LeftOutByRule& one : rules) left_out_.With({feed, one.rule}) += one.count;
}

void ServiceMetrics::Declare(const Feeds& feeds) {
  for (const FeedConfig& feed : feeds.all) {
    left_out_.Declare("feed", feed.name);
    if (!feed.policy) continue;
    for (const FeedRule& rule : feed.policy->rules) left_out_.Declare("rule", rule.name);
  }
}

void ServiceMetrics::Answered(std::string_view endpoint, int status, double seconds) {
  requests_.With({endpoint, std::to_string(status)}).Observe(seconds);
}

void ServiceMetrics::Shown(const std::vector<FeedItem>& items) {
  for (std::size_t begin = 0, end = 0; begin < items.size(); begin = end) {
    while (end < items.size() && items[end].source == items[begin].source && items[end].channel == items[begin].channel)
      ++end;
    const std::string_view source = items[begin].source.empty() ? kSupplied : std::string_view(items[begin].source);
    shown_.With({items[begin].channel, source}) += end - begin;
  }
}

void ServiceMetrics::Ranked(std::string_view stage, double seconds) { stages_.With({stage}).Observe(seconds); }

}  // namespace gfr
