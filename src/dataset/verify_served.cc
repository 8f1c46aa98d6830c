#include "dataset/verify_served.h"

#include <cstring>
#include <map>

#include "base/progress.h"
#include "store/snapshot.h"

namespace gfr {
namespace {

void Compare(OnlineStore& store, const Event& e, ServedCheck& check) {
  const ServedSlate& s = e.served;
  const FeatureSet& set = store.features();
  if (!set.HasRowsOf(s.feature_fingerprint) || s.columns != set.columns()) {
    ++check.other_definitions;
    return;
  }
  std::vector<float> replayed(e.items.size() * set.columns());
  store.AdvanceTo(s.epoch_end_ms);
  const bool supplied = !e.items.empty() && e.items[0].channel == "supplied";
  store.Read({.now_ms = s.now_ms,
              .user = KeyOf(e.user_id),
              .session = KeyOf(e.session_id),
              .surface = KeyOf(e.surface),
              .context = e.context,
              .items = e.items,
              .supplied = supplied},
             replayed.data());
  ++check.requests;
  for (std::size_t k = 0; k < replayed.size(); ++k) {
    ++check.values;
    if (k < s.features.size() && std::memcmp(&replayed[k], &s.features[k], sizeof(float)) == 0) continue;
    if (check.different++ > 0) continue;
    check.first_difference = "request " + e.request_id + ", item " + e.items[k / set.columns()].item_id + ", feature " +
                             set.features[k % set.columns()].view->spec().name + ": served " +
                             (k < s.features.size() ? std::to_string(s.features[k]) : "nothing") + ", replayed " +
                             std::to_string(replayed[k]);
  }
}

}  // namespace

Result<ServedCheck> VerifyServed(FileSystem& fs, EventSource& log, std::shared_ptr<const FeatureSet> features,
                                 const VerifyOptions& options) {
  ServedCheck check;
  auto store = std::make_unique<OnlineStore>(features);
  std::string extra;
  if (!options.snapshot.empty() && !ReadSnapshot(fs, options.snapshot, store.get(), &extra).ok())
    store = std::make_unique<OnlineStore>(features);
  const auto from = static_cast<std::uint64_t>(store->next_offset());
  // By as_of: a request is in the log behind the record that it was read at.
  std::multimap<std::int64_t, Event> served;
  std::uint64_t total = from;
  {
    GFR_ASSIGN(const auto reader, log.Open({from}));
    for (LogRecord record;;) {
      GFR_ASSIGN(const bool more, reader->More(&record));
      if (!more) break;
      total = record.offset + 1;
      const ServedSlate& s = record.event.served;
      if (record.event.type != EventType::kFeedRequest || s.columns == 0) continue;
      // One read before the snapshot, or without rows, is of a state that is not there any more.
      if (from > 0 && s.as_of + 1 < static_cast<std::int64_t>(from)) continue;
      served.emplace(s.as_of, std::move(record.event));
      // Evenly: of twice as many as wanted, every other one goes.
      if (options.max_requests == 0 || served.size() < 2 * options.max_requests) continue;
      bool keep = false;
      std::erase_if(served, [&](const auto&) { return keep = !keep; });
    }
  }
  GFR_ASSIGN(const auto reader, log.Open({from}));
  Progress progress("verify", total, "events");
  const auto compare = [&](std::int64_t as_of) {
    for (auto [at, end] = served.equal_range(as_of); at != end; ++at) Compare(*store, at->second, check);
  };
  compare(static_cast<std::int64_t>(from) - 1);
  for (LogRecord record;;) {
    GFR_ASSIGN(const bool more, reader->More(&record));
    if (!more || record.offset >= total) break;  // What arrived meanwhile is another time's.
    progress.Update(record.offset + 1);
    store->Fold(record);
    compare(static_cast<std::int64_t>(record.offset));
  }
  return check;
}

}  // namespace gfr
