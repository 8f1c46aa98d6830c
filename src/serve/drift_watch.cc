#include "serve/drift_watch.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/clock.h"
#include "base/json_text.h"
#include "monitor/alert_groups.h"
#include "monitor/drift_report.h"
#include "operations/drift_of_log.h"
#include "runtime/logger.h"
#include "runtime/webhook.h"
#include "serve/feed_json.h"
#include "serve/service_state.h"

namespace gfr {
namespace {

constexpr std::int64_t kWebhookMs = 10 * kSecondMs;  // Of one call.

std::string LiveFolder(const ServiceState& s) { return JoinPath(s.project.folder(), "data/monitor"); }

std::string EventsPath(const ServiceState& s) { return JoinPath(LiveFolder(s), "events.live"); }

// Of "name/version".
std::string LivePath(const ServiceState& s, std::string model) {
  std::ranges::replace(model, '/', '-');
  return JoinPath(LiveFolder(s), model + ".live");
}

Status KeepLive(ServiceState& s, const std::string& model, const LiveFold& fold) {
  GFR_TRY(s.fs().MakeFolders(LiveFolder(s)));
  return PublishFile(s.fs(), LivePath(s, model), fold.Encode());
}

// Which labels of the compared objective come soon enough to be watched.
LiveFold::Label LabelOf(const Project& project, const std::string& objective) {
  for (const ObjectiveConfig& o : project.objectives()) {
    if (o.name == objective && o.window_ms <= LiveFold::kMostLabelMs) return {o.label, o.window_ms};
  }
  return {};
}

}  // namespace

DriftWatch::DriftWatch(ServiceState& s)
    : open_(*s.counters.telemetry().AddGauge("gfr_drift_alerts_open", "Alerts of drift that are open.")),
      threshold_(*s.counters.telemetry().AddGauge(
          "gfr_drift_threshold", "Score above which a column of the request alerts; +Inf: it has none.")),
      rows_(*s.counters.telemetry().AddGauge("gfr_drift_rows", "Rows of the champion that were judged for drift.")),
      opened_(*s.counters.telemetry().AddCounter("gfr_drift_alerts_total", "Alerts of drift that were opened.")),
      scores_(s.counters.telemetry().AddGauge(
          "gfr_drift_score", "Deviations of a column's last hour from what is usual.", {{"column", {}}})),
      ratio_(*s.counters.telemetry().AddGauge("gfr_drift_observed_over_expected",
                                              "Labels over those expected, of the last 7 days that have them.")),
      quality_(s.counters.telemetry().AddGauge(
          "gfr_quality_before_labels", "Expected of rows without labels yet, if still calibrated.",
          {{"metric", {kQualityNames[0], kQualityNames[1], kQualityNames[2], kRankingValue}}})),
      coverage_(s.counters.telemetry().AddGauge(
          "gfr_quality_coverage", "Share of earlier intervals of it that held what was measured.",
          {{"metric", {kQualityNames[0], kQualityNames[1], kQualityNames[2], kRankingValue}}})) {}

Status DriftWatch::Watch(ServiceState& s, const Model& model) {
  const std::string &name = model.name, &version = model.version;
  const std::shared_ptr<const Serving> serving = s.serving();
  GFR_ASSIGN(const auto files, serving->project->registry().Load(name, version));
  const bool sampled = model.card.contains("slates");
  auto next = std::make_unique<Watched>();
  next->model = name + "/" + version;
  if (const auto file = files.find(kReferenceFile); file == files.end()) {
    next->why = "version " + version + " was trained before gfr kept a reference with it; train a new one";
  } else if (sampled) {
    next->why = "version " + version + " was trained on sampled slates, which what is served cannot be compared with";
  } else {
    GFR_ASSIGN(next->references, DecodeReferences(file->second));
    next->fold.emplace(next->references.features, next->model,
                       LabelOf(*serving->project, next->references.features.objective));
    const auto kept = s.fs().ReadAll(LivePath(s, next->model));
    if (!kept.ok() && kept.error().code != ErrorCode::kNotFound) return kept.error();  // Tried again at the next look.
    const Status restored = kept.ok() ? next->fold->Restore(kept.value()) : Status(kept.error());
    if (!restored.ok()) {
      GFR_ASSIGN(const Positions end, s.log->source().End());
      next->fold->StartAt(end[0]);
      GFR_TRY(KeepLive(s, next->model, *next->fold));  // From where a server that starts again reads.
      if (kept.ok()) LogWarning("drift", restored.error().message, {{"model", next->model}});
    }
    for (const ReferenceColumn& column : next->references.features.columns) scores_.Declare("column", column.name);
  }
  const MutexLock lock(mutex_);
  watched_ = std::move(next);
  judged_ms_ = INT64_MIN;
  // Alerts of events are of no model.
  std::erase_if(told_, [](const std::string& id) {
    return !id.starts_with(AlertKindName(AlertKind::kVolume)) &&
           !id.starts_with(AlertKindName(AlertKind::kInstrumentation));
  });
  model_ = watched_->model;
  why_ = watched_->why;
  latest_.reset();
  std::erase_if(alerts_, [](const DriftAlert& alert) { return !alert.model.empty(); });
  // Until its first hour is judged: nothing of the model before.
  open_.Set(static_cast<double>(told_.size()));
  rows_.Set(0);
  threshold_.Set(INFINITY);
  ratio_.Set(NAN);
  for (const char* metric : {kQualityNames[0], kQualityNames[1], kQualityNames[2], kRankingValue}) {
    quality_.With({metric}).Set(NAN);
    coverage_.With({metric}).Set(NAN);
  }
  return {};
}

Status DriftWatch::WatchEvents(ServiceState& s) {
  const auto kept = s.fs().ReadAll(EventsPath(s));
  if (!kept.ok() && kept.error().code != ErrorCode::kNotFound) return kept.error();  // Tried again at the next look.
  LiveTraffic traffic;
  const Status restored = kept.ok() ? traffic.Restore(kept.value()) : Status(kept.error());
  if (!restored.ok()) {
    if (kept.ok()) LogWarning("drift", restored.error().message);
    GFR_ASSIGN(const Positions end, s.log->source().End());
    traffic.StartAt(end[0]);
    GFR_TRY(s.fs().MakeFolders(LiveFolder(s)));
    GFR_TRY(PublishFile(s.fs(), EventsPath(s), traffic.Encode()));  // From where a server that starts again reads.
  }
  traffic_ = std::move(traffic);
  return {};
}

std::uint64_t DriftWatch::next() const {
  return watched_ && watched_->fold ? std::min(traffic_->next(), watched_->fold->next()) : traffic_->next();
}

void DriftWatch::Count(const LogRecord& record) {
  if (watched_ && watched_->fold && record.offset >= watched_->fold->next()) watched_->fold->Fold(record);
  traffic_->Fold(record);
}

Result<bool> DriftWatch::Read(ServiceState& s, std::uint64_t until, const std::stop_token& stop) {
  GFR_ASSIGN(const Positions begin, s.log->source().Begin());
  const std::uint64_t from = std::max(begin[0], next());
  if (from >= until) return true;
  GFR_ASSIGN(const auto records, s.log->source().Open({from}, {.until = Positions{until}}));
  for (LogRecord record;;) {
    GFR_ASSIGN(const bool more, records->More(&record));
    if (!more) return true;
    Count(record);
    if (stop.stop_requested()) return false;
  }
}

Result<bool> DriftWatch::CountRecent(ServiceState& s, const std::stop_token& stop) {
  const std::vector<std::vector<LogRecord>> recent = s.recent.Take();
  if (recent.empty()) return true;
  // What was too much for the memory, and what came before the first look.
  GFR_ASSIGN(const bool read, Read(s, recent.front().front().offset, stop));
  if (!read) return false;
  for (const std::vector<LogRecord>& batch : recent) {
    for (const LogRecord& record : batch) Count(record);
    if (stop.stop_requested()) return false;
  }
  return true;
}

Status DriftWatch::TakeRecent(ServiceState& s, const std::stop_token& stop) {
  const MutexLock lock(looking_);
  if (!traffic_) return {};
  GFR_TRY(CountRecent(s, stop));
  return {};
}

Status DriftWatch::Look(ServiceState& s, const std::stop_token& stop) {
  const MutexLock lock(looking_);
  CallWebhooks(s, stop);  // What was not taken at the last look.
  if (!traffic_) GFR_TRY(WatchEvents(s));
  const std::shared_ptr<const BoundModel> champion = s.serving()->models->champion();
  if (champion) {
    const Model& model = champion->model();
    if (!watched_ || watched_->model != model.name + "/" + model.version) GFR_TRY(Watch(s, model));
  }
  // An hour ends by the clock before its last records are read, so that each of them is in the log by then.
  const std::int64_t ended_ms = (s.clock.now_ms() - kSettledMs) / kHourMs * kHourMs;
  GFR_ASSIGN(const bool taken, CountRecent(s, stop));
  if (!taken) return {};
  GFR_ASSIGN(const bool read, Read(s, UINT64_MAX, stop));
  if (!read) return {};
  const std::uint64_t refused = s.counters.rejected.value(), twice = s.counters.duplicates.value(),
                      accepted = s.counters.accepted.value();
  const std::uint64_t new_refused = refused - refused_, new_twice = twice - twice_;
  traffic_->AddRefused(s.clock.now_ms(), new_refused, new_twice, new_refused + new_twice + accepted - accepted_);
  refused_ = refused;
  twice_ = twice;
  accepted_ = accepted;
  if (judged_ms_ >= ended_ms) return {};
  GFR_TRY(Judge(s, ended_ms));
  CallWebhooks(s, stop);
  return {};
}

Result<LiveJudgement> DriftWatch::JudgeModel(const MonitorConfig& config, std::int64_t until_ms) {
  const auto over = [until_ms](std::vector<ReferenceWindow> windows, std::int64_t later_ms) {
    std::erase_if(windows, [&](const ReferenceWindow& w) { return w.to_ms + later_ms > until_ms; });
    return windows;
  };
  LiveFold& fold = *watched_->fold;
  fold.Advance(until_ms);
  LiveJudgement judgement = JudgeLive(watched_->references, over(fold.windows(), 0),
                                      over(fold.label_windows(), fold.settle_ms()), watched_->model, config.options);
  AddCalibration(fold.slices(), fold.values(), watched_->references.features.objective, watched_->model, until_ms,
                 until_ms - fold.settle_ms(), config.options, &judgement);
  if (fold.left_out() > 0)
    judgement.notes.push_back(std::to_string(fold.left_out()) +
                              " slates were left out: too many waited for impressions");
  return judgement;
}

Status DriftWatch::Judge(ServiceState& s, std::int64_t until_ms) {
  GFR_ASSIGN(const MonitorConfig config, ReadMonitorConfig(s.serving()->project->workspace()));
  const bool has_model = watched_ && watched_->fold;
  LiveJudgement judgement;
  if (has_model) {
    GFR_ASSIGN(judgement, JudgeModel(config, until_ms));
  }
  traffic_->Advance(until_ms);
  TrafficJudgement events = JudgeTraffic(*traffic_, until_ms, config.options.AlertsADay(kLiveTracks));
  judgement.alerts.insert(judgement.alerts.end(), events.alerts.begin(), events.alerts.end());
  judgement.alerts = GroupCauses(std::move(judgement.alerts));
  config.LeaveOutSilenced(s.clock.now_ms(), &judgement.alerts, &judgement.notes);
  webhook_ = config.webhook;
  Tell(judgement, until_ms);
  if (has_model) {
    SetModelMetrics(judgement);
    GFR_TRY(KeepLive(s, watched_->model, *watched_->fold));
  }
  GFR_TRY(s.fs().MakeFolders(LiveFolder(s)));
  GFR_TRY(PublishFile(s.fs(), EventsPath(s), traffic_->Encode()));
  judged_ms_ = until_ms;
  const MutexLock lock(mutex_);
  alerts_ = judgement.alerts;
  events_ = std::move(events);
  if (has_model) latest_ = std::move(judgement);
  return {};
}

// The id is the same each time that it is sent: whoever takes it may see it twice, also after a restart.
void DriftWatch::CallWebhooks(ServiceState& s, const std::stop_token& stop) {
  if (!webhook_) untold_.clear();
  while (!untold_.empty() && !stop.stop_requested()) {
    const Untold& event = untold_.front();
    const auto secret = WebhookSecret(webhook_->secret_env);
    const auto called = secret.ok() ? CallWebhook({.url = webhook_->url,
                                                   .secret = secret.value(),
                                                   .type = "gfr.drift.alert",
                                                   .id = event.id,
                                                   .data = event.data,
                                                   .allow_private = webhook_->allow_private,
                                                   .deadline_ms = MonotonicMs() + kWebhookMs,
                                                   .now_ms = s.clock.now_ms()},
                                                  stop)
                                    : Result<int>(secret.error());
    if (!called.ok())
      LogWarning("drift", "the webhook was not told", {{"event", event.id}, {"error", called.error().message}});
    if (!called.ok() && called.error().code == ErrorCode::kUnavailable) return;  // At the next look.
    untold_.pop_front();
  }
}

void DriftWatch::Tell(const LiveJudgement& judgement, std::int64_t until_ms) {
  const auto tell = [&](const DriftAlert& alert) {
    if (!webhook_) return;
    nlohmann::ordered_json data = AlertToJson(alert);
    data["see"] = "/v1/drift";
    untold_.push_back({alert.id + (alert.open ? "/open" : "/over"), DumpJson(data)});
    if (untold_.size() > kMostUntold) untold_.pop_front();
  };
  std::vector<std::string> open;
  for (const DriftAlert& alert : judgement.alerts) {
    const bool known = std::ranges::count(told_, alert.id) > 0;
    if (alert.open) open.push_back(alert.id);
    // A start judges the kept hours again: what opened long ago was told then.
    const bool news = (alert.model.empty() ? until_ms : judgement.last_ms) - alert.found_ms < kDayMs;
    if (alert.open && !known && news) {
      ++opened_;
      LogError("drift", "ALERT: " + alert.text, {{"alert", alert.id}, {"model", alert.model}, {"see", "/v1/drift"}});
      tell(alert);
    } else if (!alert.open && known) {
      LogInfo("drift", "an alert is over", {{"alert", alert.id}});
      tell(alert);
    }
  }
  told_ = std::move(open);
  open_.Set(static_cast<double>(told_.size()));
}

void DriftWatch::SetModelMetrics(const LiveJudgement& judgement) {
  threshold_.Set(judgement.threshold);
  rows_.Set(static_cast<double>(judgement.rows));
  const LiveCalibration& calibration = judgement.calibration;
  if (!calibration.slices.empty()) ratio_.Set(calibration.slices[0].observed_over_expected.value);
  for (std::size_t m = 0; m < kQualityMetrics; ++m) {
    quality_.With({kQualityNames[m]}).Set(calibration.quality.pending[m].value);
    coverage_.With({kQualityNames[m]}).Set(calibration.quality.grades.Coverage(m).value);
  }
  quality_.With({kRankingValue}).Set(calibration.quality.pending_value.value);
  coverage_.With({kRankingValue}).Set(calibration.quality.value_grades.Coverage().value);
  for (const ColumnDrift& column : judgement.columns) {
    if (!std::isnan(column.score)) scores_.With({column.name}).Set(column.score);
  }
}

std::shared_ptr<DriftWatch> DriftWatch::Start(ServiceState& s) {
  const auto watch = std::make_shared<DriftWatch>(s);
  s.recent.Begin();
  s.background.Add({"watch-drift", kPeriodMs, kMinuteMs,
                    [watch, &s](const JobRun& run) { return watch->Look(s, run.stop); }, kSecondMs});
  s.background.Add({"count-served", kTakeMs, kMinuteMs,
                    [watch, &s](const JobRun& run) { return watch->TakeRecent(s, run.stop); }, kTakeMs});
  return watch;
}

nlohmann::ordered_json DriftWatch::Json() const {
  using DriftJson = nlohmann::ordered_json;
  const MutexLock lock(mutex_);
  DriftJson json{{"model", model_.empty() ? DriftJson() : DriftJson(model_)}};
  if (latest_) {
    json["state"] = "watching";
    json.update(LiveToJson(*latest_));
  } else {
    json["state"] = why_.empty() ? "waiting for the first hour to end" : why_;
  }
  if (events_) json["events"] = TrafficToJson(*events_);
  return json;
}

std::vector<DriftAlert> DriftWatch::OpenAlerts() const {
  const MutexLock lock(mutex_);
  std::vector<DriftAlert> open;
  std::ranges::copy_if(alerts_, std::back_inserter(open), &DriftAlert::open);
  return open;
}

HttpResponse GetDrift(const DriftWatch& watch) { return JsonResponse(200, watch.Json()); }

}  // namespace gfr
