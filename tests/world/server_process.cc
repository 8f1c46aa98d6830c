#include "world/server_process.h"

#include <bit>
#include <optional>

#include "base/config.h"
#include "base/hash.h"
#include "store/snapshot.h"

namespace gfr {
namespace {

constexpr const char* kFeatures = R"(
[item]
category = "category"
[user]
city = "category"
[[feature]]
name = "user_clicks"
type = "count"
scope = "user"
events = ["feed.click"]
[[feature]]
name = "item_clicks"
type = "count"
scope = "item"
events = ["feed.click"]
[[feature]]
name = "price"
type = "property"
property = "price"
[[feature]]
name = "city_item_clicks"
type = "count"
scope = "user.city x item"
events = ["feed.click"]
)";
constexpr int kUsers = 6, kItems = 5, kColumns = 4;

std::shared_ptr<const FeatureSet> Features() {
  auto config = Config::Parse(kFeatures, "gfr.toml");
  return FeatureSet::Make(config.value()).value();
}

// What requests would read: the bits of every user's and item's features.
std::vector<std::uint32_t> Values(OnlineStore& store, std::int64_t now_ms) {
  std::vector<EventItem> items;
  for (int i = 0; i < kItems; ++i) items.push_back({.item_id = "i" + std::to_string(i)});
  const std::vector<Property> context{{.name = "city", .text = "rome"}};
  std::vector<std::uint32_t> bits;
  std::vector<float> values(kItems * kColumns);
  for (int u = 0; u < kUsers; ++u) {
    store.Read({.now_ms = now_ms, .user = KeyOf("u" + std::to_string(u)), .context = context, .items = items},
               values.data());
    for (const float v : values) bits.push_back(std::bit_cast<std::uint32_t>(v));
  }
  return bits;
}

}  // namespace

Status ServerProcess::Start() {
  auto log = EventLog::Open(s_.disk, clock_, {.folder = kLogFolder, .segment_bytes = 8 << 10});
  if (!log.ok()) {
    if (log.error().code == ErrorCode::kCorrupt) s_.broken("the log does not open: " + log.error().message);
    return log.error();
  }
  log_ = std::move(log).value();
  store_ = std::make_unique<OnlineStore>(Features());
  std::string extra;
  if (const Status read = ReadSnapshot(s_.disk, kSnapshotPath, store_.get(), &extra); !read.ok()) {
    if (read.error().code == ErrorCode::kCorrupt) s_.broken("the snapshot is corrupt: " + read.error().message);
    store_ = std::make_unique<OnlineStore>(Features());
  }
  if (store_->next_offset() > static_cast<std::int64_t>(log_->next_offset()))
    s_.broken("the snapshot is of offset " + std::to_string(store_->next_offset()) + ", the log ends at " +
              std::to_string(log_->next_offset()));
  s_.note("starts from offset " + std::to_string(store_->next_offset()));
  GFR_ASSIGN(const auto reader, log_->source().Open({static_cast<std::uint64_t>(store_->next_offset())}));
  for (LogRecord record;;) {
    GFR_ASSIGN(const bool more, reader->More(&record));
    if (!more) break;
    store_->Fold(record);
  }
  CompareWithReplay();
  store_->Share();
  return {};
}

void ServerProcess::CompareWithReplay() {
  OnlineStore replayed(Features());
  const Status read = ForEachRecord(log_->source(), kEveryType, [&](const LogRecord& record) {
    replayed.Fold(record);
    return Status();
  });
  if (!read.ok()) return s_.broken("the log cannot be replayed: " + read.error().message);
  const std::int64_t now_ms = std::max(clock_.now_ms(), store_->last_arrival_ms());
  store_->AdvanceTo(EpochEndAt(now_ms));
  replayed.AdvanceTo(EpochEndAt(now_ms));
  if (replayed.next_offset() != store_->next_offset() || replayed.last_arrival_ms() != store_->last_arrival_ms() ||
      Values(replayed, now_ms) != Values(*store_, now_ms))
    s_.broken("snapshot and log give other values than a replay of the log");
}

Status ServerProcess::Run(const std::stop_token& stop) {
  if (Status started = Start(); !started.ok()) return started;
  {
    std::vector<Thread> threads;
    for (int i = 0; i < 2; ++i) threads.emplace_back("calls", [this](const std::stop_token& s) { TakeCalls(s); });
    threads.emplace_back("epochs", [this](const std::stop_token& s) { SealEpochs(s); });
    threads.emplace_back("snapshots", [this](const std::stop_token& s) { SaveSnapshots(s); });
    threads.emplace_back("champion", [this](const std::stop_token& s) { LookAtChampion(s); });
    (void)WaitUntil(kNoDeadline, stop);
  }
  return SaveSnapshot();
}

void ServerProcess::TakeCalls(const std::stop_token& stop) {
  while (const auto call = s_.mailbox.Take(stop)) {
    auto appended = log_->Append(call->events());
    bool accepted = appended.ok();
    if (appended.ok()) {
      for (const AppendResult result : appended.value().results)
        accepted &= result == AppendResult::kAccepted || result == AppendResult::kDuplicate;
      FoldDurable(std::move(appended.value().records));
    }
    call->Answer(accepted);
  }
}

void ServerProcess::FoldDurable(std::vector<LogRecord> records) {
  if (records.empty()) return;
  const auto last = static_cast<std::int64_t>(records.back().offset);
  MutexLock lock(mutex_);
  for (LogRecord& r : records) waiting_.emplace(r.offset, std::move(r));
  while (!waiting_.empty() && static_cast<std::int64_t>(waiting_.begin()->first) == store_->next_offset()) {
    store_->Fold(waiting_.begin()->second);
    waiting_.erase(waiting_.begin());
  }
  store_->Publish();
  folded_.NotifyAll();
  folded_.Wait(lock, [&] { return store_->next_offset() > last; });
}

void ServerProcess::SealEpochs(const std::stop_token& stop) {
  while (WaitUntil(MonotonicMs() + 1000, stop)) {
    const std::int64_t now_ms = clock_.now_ms();
    const MutexLock lock(mutex_);
    if (store_->next_offset() == static_cast<std::int64_t>(log_->next_offset())) store_->AdvanceTo(EpochEndAt(now_ms));
  }
}

void ServerProcess::SaveSnapshots(const std::stop_token& stop) {
  while (WaitUntil(MonotonicMs() + 1000, stop)) (void)SaveSnapshot();  // On a failed disk the last one stays.
}

Status ServerProcess::SaveSnapshot() {
  std::optional<Snapshot> snapshot;
  {
    const MutexLock lock(mutex_);
    snapshot.emplace(Snapshot::Take(*store_));
  }
  return snapshot->Write(s_.disk, kSnapshotPath);
}

void ServerProcess::LookAtChampion(const std::stop_token& stop) {
  Registry registry(s_.disk, clock_, kRegistryFolder);
  do {
    const bool expected = s_.had_champion;
    const auto version = registry.Champion(kModel);
    if (!version.ok()) {
      if (expected || version.error().code != ErrorCode::kNotFound)
        s_.broken("the champion cannot be found: " + version.error().message);
      continue;
    }
    const auto files = registry.Load(kModel, version.value());
    if (!files.ok()) {
      s_.broken("champion " + version.value() + " is not whole: " + files.error().message);
    } else if (files.value().at("forest") !=
               files.value().at("calibrator")) {  // The world's trainer writes them alike.
      s_.broken("champion " + version.value() + " has the files of two trainings");
    }
  } while (WaitUntil(MonotonicMs() + 1000, stop));
}

}  // namespace gfr
