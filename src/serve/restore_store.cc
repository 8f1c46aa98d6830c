#include "serve/restore_store.h"

#include <utility>

#include "base/progress.h"
#include "dataset/start_at_base.h"
#include "store/snapshot.h"

namespace gfr {

Result<RestoredStore> RestoreStore(FileSystem& fs, const std::string& snapshot, EventSource& log, std::uint64_t log_end,
                                   std::shared_ptr<const FeatureSet> features, const std::stop_token& stop) {
  RestoredStore made{.store = std::make_unique<OnlineStore>(std::move(features))};
  GFR_ASSIGN(Restored restored, RestoreSnapshot(fs, snapshot, made.store.get()));
  const auto end = static_cast<std::uint64_t>(made.store->next_offset());
  GFR_ASSIGN(const Positions begin, log.Begin());
  if (end < begin[0])
    return Error{ErrorCode::kNotFound, "the snapshot is older than what is left of the log", {snapshot, 0}};
  if (end > log_end) return Error{ErrorCode::kNotFound, "the snapshot is not of this log", {snapshot, 0}};
  made.extra = std::move(restored.extra);
  if (!restored.lacking) return made;

  made.filled = restored.states;
  OnlineStore lacking(restored.lacking);
  GFR_TRY(StartAtBase(log, &lacking));
  GFR_ASSIGN(const auto reader, log.OpenAll());
  Progress progress("fill " + std::to_string(restored.states) + " new states", end, "events");
  for (LogRecord record; made.read < end; ++made.read) {
    GFR_ASSIGN(const bool more, reader->More(&record));
    if (!more || record.offset >= end) break;
    lacking.Fold(record);
    progress.Update(record.offset + 1);
    if (stop.stop_requested()) return Error{ErrorCode::kUnavailable, "the server is being stopped"};
  }
  if (lacking.next_offset() != made.store->next_offset())
    return Error{ErrorCode::kNotFound, "the log does not begin at its first record", {snapshot, 0}};
  GFR_TRY(AddStates(lacking, made.store.get()));
  return made;
}

}  // namespace gfr
