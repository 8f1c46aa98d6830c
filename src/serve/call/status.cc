// GET /v1/status: how a server is, for people and `gfr status`.
#include <algorithm>

#include "base/hex.h"
#include "base/time.h"
#include "serve/call/calls.h"
#include "serve/feed_json.h"

namespace gfr {
namespace {

using StatusJson = nlohmann::ordered_json;

StatusJson TimeOrNull(std::int64_t ms) { return ms > 0 ? StatusJson(FormatTime(ms)) : StatusJson(nullptr); }

// How far the states are, for readers that fold the same log: all that arrived before the end of the epoch lies before
// that record. Null: the states are being written, and the next call says it.
StatusJson FoldedJson(ServiceState& s) {
  if (!s.mutex.TryLock()) return nullptr;
  const std::int64_t next = s.store->next_offset(), epoch_end_ms = s.store->epoch_end_ms();
  s.mutex.Unlock();
  return {{"records", next}, {"epoch_end", TimeOrNull(epoch_end_ms)}};
}

// Seconds; null while no event came.
StatusJson FreshnessJson(ServiceMetrics& counters, const char* store) {
  StatusJson json = StatusJson::object();
  for (const char* state : {"user", "shared"}) {
    const Histogram& h = counters.Freshness(store, state);
    if (h.count() > 0) json[state] = {{"p50_s", h.Quantile(0.5)}, {"p99_s", h.Quantile(0.99)}};
  }
  return json;
}

}  // namespace

nlohmann::ordered_json JobsStatus(const Scheduler& background) {
  StatusJson jobs = StatusJson::array();
  for (const Scheduler::View& job : background.Views()) {
    jobs.push_back({{"job", job.name},
                    {"state", job.overdue   ? "overdue"
                              : job.running ? "running"
                                            : "waiting"},
                    {"last_success", TimeOrNull(job.last_success_ms)},
                    {"took_ms", job.last_took_ms}});
    if (!job.last_error.empty()) jobs.back()["error"] = job.last_error;
  }
  return jobs;
}

nlohmann::ordered_json ModelsStatus(const ServedModels& models) {
  StatusJson json{{"champion", nullptr}, {"loaded", StatusJson::array()}, {"degraded", models.degraded}};
  for (const ServedModels::Entry& entry : models.entries) {
    json["loaded"].push_back({{"version", entry.version}, {"roles", entry.roles}});
    if (entry.model == models.champion) json["champion"] = entry.version;
  }
  return json;
}

HttpResponse StatusResponse(nlohmann::ordered_json json, const std::vector<std::string>& not_ready,
                            const std::vector<std::string>& degraded) {
  StatusJson whole{{"state", !not_ready.empty() ? "not ready"
                             : degraded.empty() ? "ready"
                                                : "degraded"},
                   {"why", StatusJson::array()}};
  for (const auto* reasons : {&not_ready, &degraded}) {
    for (const std::string& reason : *reasons) whole["why"].push_back(reason);
  }
  whole.update(json);
  return JsonResponse(200, whole);
}

HttpResponse GetStatus(ServiceState& s) {
  const std::shared_ptr<const Serving> serving = s.serving();
  const std::shared_ptr<const ServedModels> models = serving->models->models();
  std::vector<std::string> not_ready, degraded = models->degraded;
  if (!s.log->healthy()) not_ready.emplace_back("the log cannot be written");
  if (s.disk_full) not_ready.emplace_back("the disk is nearly full: events are refused, and feeds are not logged");
  if (s.memory_full) degraded.emplace_back("the states take more than [store] memory: events are refused");
  if (s.redis_lost) degraded.emplace_back("the Redis of [store] online does not take rows");
  const auto next = static_cast<std::uint64_t>(s.next_offset.load());
  const std::uint64_t limit = serving->project->configuration().store.memory_bytes;
  StatusJson json{
      {"role", "owner"},
      {"process", ProcessName()},
      {"model", ModelsStatus(*models)},
      {"log",
       {{"records", next},
        {"waiting", s.log->next_offset() - std::min(s.log->next_offset(), next)},
        {"last_arrival", TimeOrNull(s.last_arrival_ms)},
        {"folded", FoldedJson(s)}}},
      {"queue",
       {{"compute", s.lanes.queued(Lane::kCompute)},
        {"ingest", s.lanes.queued(Lane::kIngest)},
        {"blocking", s.lanes.queued(Lane::kBlocking)}}},
      {"store",
       {{"online", s.redis ? "redis" : "embedded"},
        {"bytes", s.memory_bytes.load()},
        {"limit_bytes", limit > 0 ? StatusJson(limit) : StatusJson(nullptr)},
        {"lists_bytes", serving->lists->memory_bytes()},
        {"freshness", FreshnessJson(s.counters, s.redis ? "redis" : "embedded")}}},
      {"configuration",
       {{"fingerprint", HexText(serving->project->configuration().fingerprint)}, {"filling", s.filling.load() > 0}}},
      {"jobs", JobsStatus(s.background)}};
  return StatusResponse(std::move(json), not_ready, degraded);
}

}  // namespace gfr
