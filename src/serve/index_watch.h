// IndexWatch: the indexes that the registry calls champion: the embeddings, searched by the source `embedding`, and the
// first stage, which the source `catalogue` asks, each while a feed of the configuration uses its source. Another
// champion is loaded beside serving and swapped whole; when it cannot be loaded the last one stays, and the error says
// why.
//
// Thread safety: any thread; one look at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/sync.h"
#include "base/time.h"
#include "registry/registry.h"
#include "retrieve/embedding_index.h"
#include "retrieve/first_stage.h"
#include "retrieve/list_maker.h"
#include "runtime/scheduler.h"
#include "runtime/telemetry.h"

namespace gfr {

struct ServiceState;

class IndexWatch {
 public:
  static constexpr std::int64_t kPeriodMs = 5 * kSecondMs;

  explicit IndexWatch(ServiceState& s);
  // Errors: those of the registry's store; kCorrupt, the champion is no index.
  Status Look(ServiceState& s);
  // One that looks every kPeriodMs, by the server's scheduler.
  static void Start(ServiceState& s);

 private:
  Status LookAtEmbeddings(Registry& registry, ListMaker& maker);
  Status LookAtFirstStage(Registry& registry, ListMaker& maker);

  Mutex looking_;  // Of a look.
  std::shared_ptr<const EmbeddingIndex> embeddings_;
  std::shared_ptr<const FirstStage> first_stage_;
  std::string embeddings_version_, first_stage_version_;
  Gauge &items_, &bytes_, &version_number_, &first_stage_items_, &first_stage_number_;
};

}  // namespace gfr
