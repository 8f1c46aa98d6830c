#include "operations/make_index.h"

#include <utility>

#include "base/number_text.h"
#include "base/time.h"
#include "event/csv.h"
#include "index/index_registry.h"
#include "index/read_embeddings.h"
#include "index/read_interactions.h"
#include "log/local_log.h"
#include "table/parquet_rows.h"

namespace gfr {
namespace {

Result<MadeIndex> KeepIndex(const Workspace& workspace, const IndexSettings& settings, const EmbeddingIndex& index,
                            Registry::Lineage lineage, bool promote, MadeIndex made) {
  Registry registry = IndexRegistry(settings.registry, workspace.clock());
  made.items = index.items().size();
  made.dimensions = index.dimensions();
  lineage["items"] = std::to_string(made.items);
  lineage["dimensions"] = std::to_string(made.dimensions);
  if (!settings.run.empty()) lineage["run"] = settings.run;
  GFR_ASSIGN(made.version, RegisterEmbeddings(registry, index, lineage));
  if (promote) {
    GFR_TRY(registry.Promote(kEmbeddingName, made.version));
  }
  return made;
}

Result<std::shared_ptr<const EmbeddingIndex>> ReadIndexFile(FileSystem& fs, const IndexFile& file) {
  if (file.path.ends_with(".npy")) {
    if (file.ids.empty())
      return Error{ErrorCode::kInvalidArgument, "a .npy file has no ids: give --ids FILE with an item's id a line"};
    GFR_ASSIGN(const std::string npy, fs.ReadAll(file.path));
    GFR_ASSIGN(const std::string ids, fs.ReadAll(file.ids));
    return ReadNumPyEmbeddings(npy, ids, file.normalized);
  }
  if (file.path.ends_with(".parquet")) {
    GFR_ASSIGN(const std::unique_ptr<RowSource> rows, OpenParquet(file.path));
    return ReadEmbeddings(*rows, file.normalized);
  }
  GFR_ASSIGN(const std::unique_ptr<RowSource> rows, OpenCsv(file.path));
  return ReadEmbeddings(*rows, file.normalized);
}

}  // namespace

Result<MadeIndex> TrainIndex(const Workspace& workspace, const IndexSettings& settings, bool promote) {
  LocalLog log(workspace.fs(), workspace.log_folder());
  GFR_ASSIGN(ReadInteractionsResult read, ReadInteractions(log, settings.index, settings.leave_out, settings.alias));
  const Interactions& in = read.interactions;
  if (in.entries.empty())
    return MadeIndex{
        .nothing =
            "the log has no click, view, cart or purchase that counts within [index] window (see [index.weights])"};
  const AlsOptions& als = settings.index.als;
  AlsFactors factors = TrainAls(in, als);
  GFR_ASSIGN(const auto index, EmbeddingIndex::Make({.items = in.items,
                                                     .dimensions = static_cast<std::size_t>(als.factors),
                                                     .vectors = std::move(factors.items),
                                                     .inverse = std::move(factors.inverse),
                                                     .confidence = static_cast<float>(als.alpha)}));
  const Registry::Lineage lineage{{"made", "als"},
                                  {"users", std::to_string(in.users.size())},
                                  {"pairs", std::to_string(in.entries.size())},
                                  {"events", std::to_string(read.events)},
                                  {"log_until", FormatTime(read.last_arrival_ms)},
                                  {"iterations", std::to_string(als.iterations)},
                                  {"regularization", NumberText(als.regularization)},
                                  {"alpha", NumberText(als.alpha)}};
  return KeepIndex(workspace, settings, *index, lineage, promote,
                   {.users = in.users.size(),
                    .pairs = in.entries.size(),
                    .events = read.events,
                    .items_left_out = read.items_left_out});
}

Result<MadeIndex> ImportIndex(const Workspace& workspace, const IndexSettings& settings, const IndexFile& file,
                              bool promote) {
  GFR_ASSIGN(const auto index, ReadIndexFile(workspace.fs(), file));
  return KeepIndex(workspace, settings, *index, {{"made", "import"}, {"file", file.path}}, promote, {});
}

}  // namespace gfr
