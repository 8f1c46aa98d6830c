#include "index/index_registry.h"

#include <utility>

namespace gfr {
namespace {

constexpr const char *kEmbeddingFile = "embedding.bin", *kFirstStageFile = "first_stage.bin";

Result<std::string> FileOf(Registry& registry, const char* name, const std::string& version, const char* file) {
  GFR_ASSIGN(const Registry::Files files, registry.Load(name, version));
  const auto at = files.find(file);
  if (at == files.end())
    return Error{ErrorCode::kCorrupt, "version " + version + " of index '" + name + "' has no " + file};
  return at->second;
}

}  // namespace

Registry IndexRegistry(std::shared_ptr<ObjectStore> store, const Clock& clock) {
  return {std::move(store), clock, {.thing = "index", .commands = "gfr index", .make = "gfr index train"}};
}

Result<std::string> RegisterEmbeddings(Registry& registry, const EmbeddingIndex& index,
                                       const Registry::Lineage& lineage) {
  return registry.Register(kEmbeddingName, {{kEmbeddingFile, index.Encode()}}, lineage);
}

Result<std::shared_ptr<const EmbeddingIndex>> LoadEmbeddings(Registry& registry, const std::string& version) {
  GFR_ASSIGN(const std::string bytes, FileOf(registry, kEmbeddingName, version, kEmbeddingFile));
  return EmbeddingIndex::Decode(bytes);
}

Result<std::string> RegisterFirstStage(Registry& registry, const FirstStage& stage, const Registry::Lineage& lineage) {
  return registry.Register(kFirstStageName, {{kFirstStageFile, stage.Encode()}}, lineage);
}

Result<std::shared_ptr<const FirstStage>> LoadFirstStage(Registry& registry, const std::string& version) {
  GFR_ASSIGN(const std::string bytes, FileOf(registry, kFirstStageName, version, kFirstStageFile));
  return FirstStage::Decode(bytes);
}

}  // namespace gfr
