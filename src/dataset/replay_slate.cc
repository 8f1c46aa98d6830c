#include "dataset/replay_slate.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "base/hash.h"
#include "base/progress.h"
#include "dataset/start_at_base.h"
#include "feature/served_columns.h"
#include "state/slate_check.h"
#include "store/snapshot.h"

namespace gfr {
namespace {

// The newest state that the slate can be read from: neither records nor epochs are behind it. Without a snapshot that
// can be used it is that of the log's begin. Only what a snapshot says of its instant is read of the others.
Result<std::unique_ptr<OnlineStore>> StateBefore(FileSystem& fs, EventSource& log,
                                                 const std::shared_ptr<const FeatureSet>& features,
                                                 const ServedSlate& slate, const std::vector<std::string>& snapshots) {
  GFR_ASSIGN(const Positions begin, log.Begin());
  const auto first = static_cast<std::int64_t>(begin[0]);
  if (first > slate.as_of() + 1)
    return Error{ErrorCode::kInvalidArgument, "the slate was read before what is left of the log"};
  std::vector<std::pair<std::int64_t, std::string>> usable;  // Offset and path.
  for (const std::string& path : snapshots) {
    const auto instant = ReadSnapshotInstant(fs, path);
    if (!instant.ok()) continue;
    const auto& [arrival_ms, next_offset, epoch_end_ms] = instant.value();
    if (next_offset >= first && next_offset <= slate.as_of() + 1 && epoch_end_ms <= slate.epoch_end_ms)
      usable.emplace_back(next_offset, path);
  }
  std::ranges::sort(usable, std::greater());
  for (const auto& [offset, path] : usable) {
    auto store = std::make_unique<OnlineStore>(features);
    std::string extra;
    if (ReadSnapshot(fs, path, store.get(), &extra).ok()) return store;
  }
  auto store = std::make_unique<OnlineStore>(features);
  GFR_TRY(StartAtBase(log, store.get()));
  return store;
}

// Which features' values are not those that were served, by the checksums over all candidates.
void CompareColumns(const Event& request, const FeatureSet& set, ReplayedSlate* slate) {
  const std::vector<int> served = FindServedColumns(request.served, set);
  std::vector<float> column(request.items.size());
  for (std::size_t k = 0; k < set.columns(); ++k) {
    const std::string& name = set.features[k].view->spec().name;
    if (served[k] < 0) {
      slate->unknown.push_back(name);
      continue;
    }
    for (std::size_t i = 0; i < column.size(); ++i) column[i] = slate->features[i * set.columns() + k];
    if (Crc32c(column.data(), column.size() * sizeof(float)) !=
        request.served.columns[static_cast<std::size_t>(served[k])].crc)
      slate->different.push_back(name);
  }
}

}  // namespace

std::vector<float> ReadServed(OnlineStore& store, const Event& request) {
  const ServedSlate& s = request.served;
  std::vector<float> values(request.items.size() * store.features().columns());
  store.AdvanceTo(s.epoch_end_ms);
  // Of a slate without candidates of the caller, the order is not the caller's.
  const bool supplied = !request.items.empty() && request.items[0].channel == "supplied";
  store.Read({.now_ms = s.now_ms,
              .user = KeyOf(request.user_id),
              .session = KeyOf(request.session_id),
              .surface = KeyOf(request.surface),
              .context = request.context,
              .items = request.items,
              .supplied = supplied},
             values.data());
  return values;
}

Result<ReplayedSlate> ReplaySlate(FileSystem& fs, EventSource& log, const std::shared_ptr<const FeatureSet>& features,
                                  const LogRecord& request, const std::vector<std::string>& snapshots,
                                  const std::stop_token& stop) {
  const ServedSlate& served = request.event.served;
  if (!served.exists())
    return Error{ErrorCode::kInvalidArgument,
                 "request '" + request.event.request_id.substr(0, 200) + "' was not served by gfr: it has no features"};
  if (const std::string problem = SlateProblem(request); !problem.empty())
    return Error{ErrorCode::kInvalidArgument,
                 "request '" + request.event.request_id.substr(0, 200) + "' cannot be replayed: " + problem};
  const std::int64_t as_of = served.as_of();
  GFR_ASSIGN(const auto store, StateBefore(fs, log, features, served, snapshots));
  ReplayedSlate slate;
  slate.from = static_cast<std::uint64_t>(store->next_offset());
  GFR_ASSIGN(const auto reader, log.Open({slate.from}));
  Progress progress("replay the log", static_cast<std::uint64_t>(as_of + 1), "events");
  LogRecord record;
  while (store->next_offset() <= as_of) {
    if (stop.stop_requested()) return Error{ErrorCode::kUnavailable, "the replay was stopped"};
    GFR_ASSIGN(const bool more, reader->More(&record));
    if (!more) return Error{ErrorCode::kCorrupt, "the log ends before record " + std::to_string(as_of)};
    store->Fold(record);
    ++slate.records;
    progress.Update(record.offset + 1);
  }
  // The next one, which is the request itself at the latest.
  GFR_ASSIGN(const bool more, reader->More(&record));
  if (const std::string problem = EpochProblem(served, more ? record.arrival_ms : INT64_MAX); !problem.empty())
    return Error{ErrorCode::kInvalidArgument,
                 "request '" + request.event.request_id.substr(0, 200) + "' cannot be replayed: " + problem};
  slate.features = ReadServed(*store, request.event);
  CompareColumns(request.event, *features, &slate);
  return slate;
}

}  // namespace gfr
