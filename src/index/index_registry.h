// Versions of embeddings and of first stages in a project's registry: NAME is `embedding` or `first_stage`, the
// champion is what servers search.
//
// Their files: `embedding.bin` (docs/formats/embedding.md) and `first_stage.bin` (docs/formats/first-stage.md). Thread
// safety: as the registry's.
#pragma once

#include <memory>
#include <string>

#include "registry/registry.h"
#include "retrieve/embedding_index.h"
#include "retrieve/first_stage.h"

namespace gfr {

inline constexpr const char *kEmbeddingName = "embedding", *kFirstStageName = "first_stage";

// The registry of the same store that calls what it keeps an index.
Registry IndexRegistry(std::shared_ptr<ObjectStore> store, const Clock& clock);

// The new version, which is not the champion yet.
Result<std::string> RegisterEmbeddings(Registry& registry, const EmbeddingIndex& index,
                                       const Registry::Lineage& lineage);
// kNotFound: there is no such version. kCorrupt: its file is not what was written.
Result<std::shared_ptr<const EmbeddingIndex>> LoadEmbeddings(Registry& registry, const std::string& version);

// The same of first stages.
Result<std::string> RegisterFirstStage(Registry& registry, const FirstStage& stage, const Registry::Lineage& lineage);
Result<std::shared_ptr<const FirstStage>> LoadFirstStage(Registry& registry, const std::string& version);

}  // namespace gfr
