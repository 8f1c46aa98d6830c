#include "dataset/verify_served.h"

#include <algorithm>
#include <cstring>
#include <map>

#include "base/hash.h"
#include "base/progress.h"
#include "dataset/replay_slate.h"
#include "dataset/start_at_base.h"
#include "feature/served_columns.h"
#include "state/slate_check.h"
#include "store/snapshot.h"

namespace gfr {
namespace {

constexpr std::uint64_t kAskEvery = 64;  // Records.
constexpr std::size_t kItemsARequest =
    50;  // On average, of a sample: feeds of thousands of candidates make a smaller one.

// The values that the record keeps, each; of the others, whether all together give the checksum.
void CompareColumn(const Event& e, const ServedColumn& served, const FeatureSet& set, std::size_t k,
                   const std::vector<float>& replayed, ServedCheck& check) {
  const std::size_t n = e.items.size();
  const auto differs = [&](const std::string& where, const std::string& what) {
    if (check.different++ == 0)
      check.first_difference =
          "request " + e.request_id + ", " + where + ", feature " + set.features[k].view->spec().name + ": " + what;
  };
  std::vector<float> column(n);
  for (std::size_t i = 0; i < n; ++i) column[i] = replayed[i * set.columns() + k];
  check.values += n;
  const std::uint64_t before = check.different;
  for (std::size_t row = 0; row < e.served.kept.size(); ++row) {
    const std::size_t i = e.served.kept[row];
    if (std::memcmp(&column[i], &served.values[row], sizeof(float)) == 0) continue;
    differs("item " + e.items[i].item_id,
            "served " + std::to_string(served.values[row]) + ", replayed " + std::to_string(column[i]));
  }
  if (check.different == before && Crc32c(column.data(), n * sizeof(float)) != served.crc)
    differs("all " + std::to_string(n) + " candidates", "the checksum served is not that of the replayed values");
}

void Compare(OnlineStore& store, const Event& e, ServedCheck& check) {
  const ServedSlate& s = e.served;
  const FeatureSet& set = store.features();
  const std::vector<int> columns = FindServedColumns(s, set);
  if (std::ranges::all_of(columns, [](int column) { return column < 0; })) {
    ++check.other_definitions;
    return;
  }
  const std::vector<float> replayed = ReadServed(store, e);
  ++check.requests;
  for (std::size_t k = 0; k < columns.size(); ++k) {
    if (columns[k] >= 0) CompareColumn(e, s.columns[static_cast<std::size_t>(columns[k])], set, k, replayed, check);
  }
}

}  // namespace

Result<ServedCheck> VerifyServed(FileSystem& fs, EventSource& log, std::shared_ptr<const FeatureSet> features,
                                 const VerifyOptions& options) {
  const auto goes_on = [&] { return !options.go_on || options.go_on(); };
  ServedCheck check;
  auto store = std::make_unique<OnlineStore>(features);
  std::string extra;
  if (!options.snapshot.empty() && !ReadSnapshot(fs, options.snapshot, store.get(), &extra).ok())
    store = std::make_unique<OnlineStore>(features);
  GFR_ASSIGN(const Positions begin, log.Begin());
  if (static_cast<std::uint64_t>(store->next_offset()) < begin[0] || store->next_offset() == 0) {
    store = std::make_unique<OnlineStore>(features);
    GFR_TRY(StartAtBase(log, store.get()));
  }
  const auto from = static_cast<std::uint64_t>(store->next_offset());
  // By as_of: a request is in the log behind the record that it was read at.
  std::multimap<std::int64_t, Event> served;
  std::size_t items = 0;  // Of `served`.
  std::uint64_t total = from;
  {
    GFR_ASSIGN(const auto reader, log.Open({from}));
    for (LogRecord record;;) {
      GFR_ASSIGN(const bool more, reader->More(&record));
      if (!more) break;
      if (record.offset % kAskEvery == 0 && !goes_on()) {
        check.finished = false;
        return check;
      }
      total = record.offset + 1;
      const ServedSlate& s = record.event.served;
      if (record.event.type != EventType::kFeedRequest || !s.exists()) continue;
      if (std::ranges::any_of(options.drops, [&](const OffsetRange& range) {
            return record.offset >= range.begin && record.offset < range.end;
          })) {
        ++check.before_drop;
        continue;
      }
      if (const std::string problem = SlateProblem(record); !problem.empty()) {
        if (check.bad_slates++ == 0) check.first_bad = "request " + record.event.request_id + ": " + problem;
        continue;
      }
      // One read before the snapshot, or in an epoch before the snapshot's, is of a state that is not there any more.
      if (from > 0 && (s.as_of() + 1 < static_cast<std::int64_t>(from) || s.epoch_end_ms < store->epoch_end_ms()))
        continue;
      items += record.event.items.size();
      served.emplace(s.as_of(), std::move(record.event));
      // Evenly: of twice as many as wanted, every other one goes.
      if (options.max_requests == 0) continue;
      if (served.size() < 2 * options.max_requests && items < 2 * options.max_requests * kItemsARequest) continue;
      bool keep = false;
      items = 0;
      std::erase_if(served, [&](const auto& one) {
        keep = !keep;
        if (!keep) items += one.second.items.size();
        return keep;
      });
    }
  }
  GFR_ASSIGN(const auto reader, log.Open({from}));
  Progress progress("verify", total, "events");
  auto as_of = static_cast<std::int64_t>(from) - 1;
  const auto compare_before = [&](std::int64_t next_arrival_ms) {
    for (auto [at, end] = served.equal_range(as_of); at != end; ++at) {
      if (const std::string problem = EpochProblem(at->second.served, next_arrival_ms); problem.empty())
        Compare(*store, at->second, check);
      else if (check.bad_slates++ == 0)
        check.first_bad = "request " + at->second.request_id + ": " + problem;
    }
  };
  for (LogRecord record;;) {
    GFR_ASSIGN(const bool more, reader->More(&record));
    if (!more || record.offset >= total) break;  // What arrived meanwhile is another time's.
    if (record.offset % kAskEvery == 0 && !goes_on()) {
      check.finished = false;
      return check;
    }
    progress.Update(record.offset + 1);
    compare_before(record.arrival_ms);
    store->Fold(record);
    as_of = static_cast<std::int64_t>(record.offset);
  }
  compare_before(INT64_MAX);
  return check;
}

}  // namespace gfr
