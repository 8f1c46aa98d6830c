#include "serve/reload.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "base/json_text.h"
#include "dataset/start_at_base.h"
#include "feature/served_columns.h"
#include "operations/check_models.h"
#include "runtime/logger.h"
#include "serve/allocations.h"
#include "serve/restore_store.h"

namespace gfr {
namespace {

constexpr std::int64_t kFewRecords = 1000;  // Folded in a few milliseconds.

// As `gfr check`: the champion that the registry names can be used.
Status CheckChampion(const Project& project) {
  Registry registry = project.registry();
  GFR_ASSIGN(const auto models, CheckModels(project.workspace(), registry, *project.features()));
  for (const CheckedModel& model : models) {
    if (model.role == "champion" && !model.usable.ok())
      return Error{model.usable.error().code,
                   "champion " + model.version + " could not be served: " + model.usable.error().message};
  }
  return {};
}

Error CannotServe(const std::string& version, const Error& why) {
  return {why.code,
          "version " + version + ", which a variant or an experiment names, could not be served: " + why.message};
}

// Likewise the versions that variants and experiments name.
Status CheckVersions(const Project& project) {
  Registry registry = project.registry();
  for (const std::string& version : project.configuration().experiments.Versions()) {
    const auto model = LoadBoundModel(project.workspace(), registry, version, *project.features());
    if (!model.ok()) return CannotServe(version, model.error());
  }
  return {};
}

// What only a start can change is as it was.
Status CheckFixed(const Configuration& now, const Configuration& next) {
  std::set<std::string> keys;
  for (const auto* fixed : {&now.fixed, &next.fixed}) {
    for (const auto& [key, text] : *fixed) keys.insert(key);
  }
  for (const std::string& key : keys) {
    const auto was = now.fixed.find(key), is = next.fixed.find(key);
    if (was != now.fixed.end() && is != next.fixed.end() && was->second == is->second) continue;
    return Error{ErrorCode::kInvalidArgument,
                 key + " cannot change while the server runs; put it back, or restart the server"};
  }
  return {};
}

// The feature definitions stay: store and lists go on, with what the new configuration wants beside.
Status Swap(ServiceState& s, const std::shared_ptr<const Project>& project, NextAllocation units, const Serving& now) {
  GFR_TRY(LoadVersions(now.project->configuration(), project->configuration(), *now.models));
  const auto assigner = MakeAssigner(*project, std::move(units), /*write=*/true);
  if (!assigner.ok()) {
    now.models->Name(now.project->configuration().experiments.Versions());
    return assigner.error();
  }
  now.lists->Add(ChannelsOf(project->configuration()));
  now.lists->Update();
  s.counters.Declare(project->feeds());
  s.counters.Declare(assigner.value()->experiments());
  s.Publish(std::make_shared<const Serving>(Serving{.project = project,
                                                    .store = now.store,
                                                    .reader = now.reader,
                                                    .lists = now.lists,
                                                    .models = now.models,
                                                    .assigner = assigner.value()}));
  now.models->Name(project->configuration().experiments.Versions());
  LogInfo("configuration", "gfr.toml was read anew and is in use");
  return {};
}

std::vector<std::string> NewColumns(const FeatureSet& now, const FeatureSet& next) {
  const std::vector<std::uint64_t> before = ColumnFingerprints(now), after = ColumnFingerprints(next);
  std::vector<std::string> names;
  for (std::size_t k = 0; k < after.size(); ++k) {
    if (std::ranges::find(before, after[k]) == before.end()) names.push_back(next.features[k].view->spec().name);
  }
  return names;
}

// Folds what the store in use has folded already, up to `end`.
Status FoldUpTo(ServiceState& s, std::int64_t end, const std::stop_token& stop, OnlineStore* store) {
  if (store->next_offset() >= end) return {};
  GFR_ASSIGN(const auto reader, s.log->source().Open({static_cast<std::uint64_t>(store->next_offset())}));
  for (LogRecord record; store->next_offset() < end;) {
    if (record.offset % 1024 == 0 && stop.stop_requested())
      return Error{ErrorCode::kUnavailable, "the server is being stopped"};
    GFR_ASSIGN(const bool more, reader->More(&record));
    if (!more) return Error{ErrorCode::kUnavailable, "the log cannot be read as far as it was folded"};
    store->Fold(record);
  }
  return {};
}

// A store of the project's features, a few records behind the one in use, and shared.
Result<std::shared_ptr<OnlineStore>> MakeStore(ServiceState& s, const Project& project, const std::stop_token& stop) {
  GFR_TRY(s.SaveSnapshot());
  auto restored =
      RestoreStore(s.fs(), s.project.snapshot_path(), s.log->source(), s.log->next_offset(), project.features(), stop);
  std::shared_ptr<OnlineStore> store;
  if (restored.ok()) {
    store = std::move(restored.value().store);
  } else {
    LogWarning("store", "the snapshot is not used; the whole log is read", {{"reason", restored.error().ToString()}});
    store = std::make_shared<OnlineStore>(project.features());
    GFR_TRY(StartAtBase(s.log->source(), store.get()));
  }
  do {
    GFR_TRY(FoldUpTo(s, s.next_offset, stop, store.get()));
  } while (s.next_offset - store->next_offset() > kFewRecords);
  store->Share();
  return store;
}

// Puts the configuration in use once the states of its features are whole.
Result<std::string> Fill(ServiceState& s, const std::shared_ptr<const Project>& project, const std::stop_token& stop) {
  GFR_ASSIGN(const std::shared_ptr<OnlineStore> store, MakeStore(s, *project, stop));
  const auto reader = std::make_shared<const StoreReader>(*store);
  const auto lists = std::make_shared<ListMaker>(store->shared(), store->features().schema,
                                                 ChannelsOf(project->configuration()), reader);
  lists->Update();
  GFR_TRY(project->WriteDefinitions());
  const std::shared_ptr<ModelPool> models = MakeModelPool(project);
  models->LookNow();
  if (!models->champion() && s.serving()->models->champion()) {
    const auto degraded = models->models()->degraded;
    return Error{ErrorCode::kUnavailable, degraded.empty() ? "the champion cannot be loaded" : degraded.front()};
  }
  GFR_TRY(FoldUpTo(s, s.next_offset, stop, store.get()));
  // Anew: an experiment may have ended meanwhile.
  GFR_ASSIGN(NextAllocation units, AllocationOf(*project, s.now_ms()));
  GFR_ASSIGN(const auto assigner, MakeAssigner(*project, std::move(units), /*write=*/true));
  s.counters.Declare(project->feeds());
  s.counters.Declare(assigner->experiments());
  const auto next = std::make_shared<const Serving>(Serving{
      .project = project, .store = store, .reader = reader, .lists = lists, .models = models, .assigner = assigner});
  {
    const MutexLock lock(s.mutex);
    GFR_TRY(FoldUpTo(s, s.store->next_offset(), stop, store.get()));
    store->AdvanceTo(s.store->epoch_end_ms());
    store->Publish();
    s.store = store;
    s.Publish(next);
  }
  {
    const MutexLock lock(s.snapshot_mutex);
    s.snapshot_at = -1;  // The one on disk lacks the new states.
  }
  LogInfo("configuration", "gfr.toml was read anew and is in use", {{"columns", store->features().columns()}});
  if (const Status saved = s.SaveSnapshot(); !saved.ok())
    LogError("serve", "the snapshot cannot be written", {{"error", saved.error().ToString()}});
  return DumpJson(nlohmann::json{{"state", "in use"}, {"columns", store->features().columns()}});
}

Result<Reloaded> ReloadLocked(ServiceState& s) {
  if (s.filling)
    return Error{ErrorCode::kUnavailable, "the states of the configuration that was read last are still being filled"};
  const std::shared_ptr<const Serving> now = s.serving();
  GFR_ASSIGN(const std::shared_ptr<const Project> project, OpenNext(*now->project));
  GFR_ASSIGN(NextAllocation units, AllocationOf(*project, s.now_ms()));  // Refused before anything is begun.
  if (project->configuration().feature_text == now->project->configuration().feature_text) {
    GFR_TRY(Swap(s, project, std::move(units), *now));
    return Reloaded();
  }
  if (s.redis)
    return Error{ErrorCode::kInvalidArgument,
                 "features cannot change while [store] online is a Redis, whose readers have the definitions of "
                 "before; restart the server and its readers"};
  GFR_TRY(CheckChampion(*project));
  GFR_TRY(CheckVersions(*project));
  Reloaded reloaded{.filling = NewColumns(now->features(), *project->features()), .job = {}};
  s.filling = reloaded.filling.size() + 1;
  auto job = s.jobs.Start("reload " + std::to_string(++s.reloads), [&s, project](const std::stop_token& stop) {
    auto filled = Fill(s, project, stop);
    if (!filled.ok())
      LogError("configuration", "gfr.toml was read anew and is not in use: its states cannot be filled",
               {{"error", filled.error().ToString()}});
    s.filling = 0;
    return filled;
  });
  if (!job.ok()) {
    s.filling = 0;
    return job.error();
  }
  reloaded.job = std::move(job).value();
  return reloaded;
}

}  // namespace

Result<std::shared_ptr<const Project>> OpenNext(const Project& now) {
  ServeConfig config;
  GFR_ASSIGN(auto next, Project::Open(now.folder(), ServeConfig::Reader(&config)));
  GFR_TRY(CheckFixed(now.configuration(), next->configuration()));
  return std::shared_ptr<const Project>(std::move(next));
}

Status LoadVersions(const Configuration& now, const Configuration& next, ModelPool& pool) {
  const std::set<std::string> wanted = next.experiments.Versions();
  if (wanted.empty()) return {};
  std::set<std::string> both = now.experiments.Versions();
  both.insert(wanted.begin(), wanted.end());
  pool.Name(both);
  pool.LookNow();
  const std::shared_ptr<const ServedModels> loaded = pool.models();
  for (const std::string& version : wanted) {
    if (loaded->Find(version)) continue;
    const Status status = pool.Check(version);  // What the look met; now and then it has passed since.
    if (status.ok()) continue;
    pool.Name(now.experiments.Versions());
    return CannotServe(version, status.error());
  }
  return {};
}

Result<Reloaded> Reload(ServiceState& s) {
  const MutexLock lock(s.reload_mutex);
  auto reloaded = ReloadLocked(s);
  ++(reloaded.ok() ? s.counters.reloads : s.counters.reloads_refused);
  if (!reloaded.ok())
    LogWarning("configuration", "gfr.toml was not taken; what was read before stays in use",
               {{"error", reloaded.error().ToString()}});
  return reloaded;
}

}  // namespace gfr
