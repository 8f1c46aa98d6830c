#include "serve/index_watch.h"

#include <cstdlib>
#include <optional>
#include <utility>

#include "index/index_registry.h"
#include "runtime/logger.h"
#include "serve/service_state.h"

namespace gfr {
namespace {

// The champion where it is another one than `version`; none: it is the same, or there is none.
Result<std::optional<std::string>> OtherChampion(Registry& registry, const char* name, const std::string& version) {
  auto champion = registry.Champion(name);
  if (champion.ok() && champion.value() != version) return std::optional(std::move(champion).value());
  if (champion.ok() || champion.error().code == ErrorCode::kNotFound) return std::optional<std::string>();
  return champion.error();
}

}  // namespace

IndexWatch::IndexWatch(ServiceState& s)
    : items_(*s.counters.telemetry().AddGauge("gfr_embedding_items", "Items whose embeddings are searched.")),
      bytes_(*s.counters.telemetry().AddGauge("gfr_embedding_bytes", "What the embeddings take in memory.")),
      version_number_(*s.counters.telemetry().AddGauge("gfr_embedding_version",
                                                       "The version of the embeddings that are searched; 0: none.")),
      first_stage_items_(
          *s.counters.telemetry().AddGauge("gfr_first_stage_items", "Items that the first stage reads for a feed.")),
      first_stage_number_(*s.counters.telemetry().AddGauge("gfr_first_stage_version",
                                                           "The version of the first stage in use; 0: none.")) {}

void IndexWatch::Start(ServiceState& s) {
  const auto watch = std::make_shared<IndexWatch>(s);
  s.background.Add({"load-indexes", kPeriodMs, kMinuteMs, [&s, watch](const JobRun&) { return watch->Look(s); }});
}

Status IndexWatch::Look(ServiceState& s) {
  const MutexLock looking(looking_);
  const std::shared_ptr<ListMaker> maker = s.serving()->lists;
  Registry registry = IndexRegistry(s.project.shared_objects(), s.project.workspace().clock());
  if (maker->Uses("embedding")) {
    GFR_TRY(LookAtEmbeddings(registry, *maker));
  }
  if (maker->Uses("catalogue")) {
    GFR_TRY(LookAtFirstStage(registry, *maker));
  }
  return {};
}

Status IndexWatch::LookAtEmbeddings(Registry& registry, ListMaker& maker) {
  GFR_ASSIGN(const auto other, OtherChampion(registry, kEmbeddingName, embeddings_version_));
  if (other) {
    GFR_ASSIGN(embeddings_, LoadEmbeddings(registry, *other));
    embeddings_version_ = *other;
    items_.Set(static_cast<double>(embeddings_->items().size()));
    bytes_.Set(static_cast<double>(embeddings_->memory_bytes()));
    version_number_.Set(std::atof(other->c_str()));
    LogInfo("indexes", "another version of the embeddings is searched",
            {{"version", *other}, {"items", std::to_string(embeddings_->items().size())}});
  }
  maker.SetEmbeddings(embeddings_, embeddings_version_);
  return {};
}

Status IndexWatch::LookAtFirstStage(Registry& registry, ListMaker& maker) {
  GFR_ASSIGN(const auto other, OtherChampion(registry, kFirstStageName, first_stage_version_));
  if (other) {
    GFR_ASSIGN(first_stage_, LoadFirstStage(registry, *other));
    first_stage_version_ = *other;
    first_stage_items_.Set(static_cast<double>(first_stage_->items()));
    first_stage_number_.Set(std::atof(other->c_str()));
    LogInfo("indexes", "another first stage is used", {{"version", *other}, {"model", first_stage_->model()}});
  }
  maker.SetFirstStage(first_stage_);
  return {};
}

}  // namespace gfr
