#include "operations/distill_index.h"

#include <algorithm>
#include <utility>

#include "base/number_text.h"
#include "index/index_registry.h"
#include "log/local_log.h"
#include "operations/check_log.h"
#include "operations/load_model.h"

namespace gfr {

Result<MadeFirstStage> DistillIndex(const Workspace& workspace, const DistillSettings& settings, bool promote) {
  Registry models(settings.registry, workspace.clock());
  GFR_ASSIGN(Model loaded, LoadBoundModel(workspace, models, settings.model_version, *settings.features));
  GFR_ASSIGN(const auto model, BoundModel::Make(std::move(loaded), *settings.features));
  LocalLog log(workspace.fs(), workspace.log_folder());
  GFR_ASSIGN(std::vector<FeedRequest> requests,
             SampleRequests(log, settings.feed->name, settings.requests, settings.options.seed));
  GFR_ASSIGN(const std::unique_ptr<OnlineStore> store, FoldLog(workspace, settings.features));
  const std::int64_t now_ms = std::max<std::int64_t>(store->last_arrival_ms(), 0);
  store->Share();
  store->AdvanceTo(EpochEndAt(now_ms));
  store->Publish();
  const StoreReader reader(*store);
  for (FeedRequest& request : requests) request.now_ms = now_ms;
  MadeFirstStage made;
  GFR_ASSIGN(made.distilled, DistillFirstStage(*store, reader.features(), *model, *settings.feed, requests,
                                               settings.budget_ms, settings.options));
  const Distilled& d = made.distilled;
  made.model = d.stage->model();
  Registry registry = IndexRegistry(settings.registry, workspace.clock());
  Registry::Lineage lineage{{"made", "distilled"},
                            {"model", made.model},
                            {"feed", settings.feed->name},
                            {"items", std::to_string(d.stage->items())},
                            {"dimensions", std::to_string(d.stage->anchors().size() + 1)},
                            {"on_sale", std::to_string(d.on_sale)},
                            {"requests", std::to_string(d.requests)},
                            {"held_out", std::to_string(d.held_out)},
                            {"ranked", std::to_string(d.ranked)},
                            {"recall", NumberText(d.recall)}};
  if (!settings.run.empty()) lineage["run"] = settings.run;
  GFR_ASSIGN(made.version, RegisterFirstStage(registry, *d.stage, lineage));
  if (promote) {
    GFR_TRY(registry.Promote(kFirstStageName, made.version));
  }
  return made;
}

}  // namespace gfr
