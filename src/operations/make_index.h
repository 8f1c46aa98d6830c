// Index: the project's log, or a file, becomes a new version of embeddings in the registry (index/index_registry.h).
#pragma once

#include <memory>
#include <string>

#include "dataset/dataset.h"
#include "event/alias.h"
#include "index/index_config.h"
#include "object/object_store.h"
#include "workspace/workspace.h"

namespace gfr {

struct IndexSettings {
  IndexConfig index;
  LeaveOutConfig leave_out;
  AliasRule alias;
  std::shared_ptr<ObjectStore> registry;
  std::string run = {};  // That the version is made by, for its lineage; empty: none.
};

struct MadeIndex {
  std::string version;
  std::size_t users = 0, items = 0, pairs = 0, dimensions = 0;  // Users and pairs: of what was trained.
  std::uint64_t events = 0;
  std::size_t items_left_out = 0;  // Beyond EmbeddingIndex::kMostItems.
  std::string nothing = {};        // Why there is nothing to train on yet, and no version was made; else empty.
};

// Trains embeddings on the log's clicks, views, carts and purchases. `promote`: the version becomes the champion, which
// servers search. `nothing` is set where the log has no such event within [index] window.
Result<MadeIndex> TrainIndex(const Workspace& workspace, const IndexSettings& settings, bool promote);

// The vectors of a file (index/read_embeddings.h); `ids`: with a .npy file. kInvalidArgument: what is wrong, and where.
struct IndexFile {
  std::string path, ids;
  bool normalized = false;
};
Result<MadeIndex> ImportIndex(const Workspace& workspace, const IndexSettings& settings, const IndexFile& file,
                              bool promote);

}  // namespace gfr
