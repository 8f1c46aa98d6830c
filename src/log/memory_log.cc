#include "log/memory_log.h"

#include <algorithm>

#include "event/event_codec.h"
#include "log/passed_records.h"

namespace gfr {

// Of the partitions' next records gives the first by (arrival, partition).
class MemoryLog::Reader final : public EventReader, public PassedRecords {
 public:
  Reader(MemoryLog& log, Positions from, ReadOptions options)
      : log_(log), next_(std::move(from)), options_(std::move(options)) {}

  Result<ReadState> Next(LogRecord* record) override {
    const MutexLock lock(log_.mutex_);
    for (;;) {
      const Record* first = nullptr;
      bool end = options_.until.has_value();
      for (std::size_t p = 0; p < next_.size(); ++p) {
        const bool over = options_.until && next_[p] >= (*options_.until)[p];
        end = end && over;
        if (over || next_[p] >= log_.partitions_[p].size()) continue;
        const Record& candidate = log_.partitions_[p][next_[p]];
        if (first && first->arrival_ms <= candidate.arrival_ms) continue;
        first = &candidate;
        partition_ = static_cast<int>(p);
      }
      if (!first) return end ? ReadState::kEnd : ReadState::kNotYet;
      const std::uint64_t offset = next_[static_cast<std::size_t>(partition_)]++;
      if (!(options_.types & TypeBit(first->type))) {
        if (passed_) passed_(offset, first->arrival_ms);
        continue;
      }
      GFR_ASSIGN(Event event, DecodeEvent(first->encoded));
      *record = {offset, first->arrival_ms, std::move(event)};
      encoded_ = first->encoded;
      return ReadState::kRecord;
    }
  }

  bool WaitFor(std::int64_t deadline_ms) override {
    MutexLock lock(log_.mutex_);
    return log_.appended_.WaitUntil(lock, deadline_ms, [&] {
      for (std::size_t p = 0; p < next_.size(); ++p) {
        if (next_[p] < log_.partitions_[p].size()) return true;
      }
      return false;
    });
  }

  void OnPassed(PassedRecord passed) override { passed_ = std::move(passed); }
  int partition() const override { return partition_; }
  std::string_view encoded() const override { return encoded_; }

 private:
  MemoryLog& log_;
  Positions next_;
  const ReadOptions options_;
  PassedRecord passed_;
  int partition_ = 0;
  std::string encoded_;
};

MemoryLog::MemoryLog(const Clock& clock, MemoryLogOptions options)
    : clock_(clock), options_(options), partitions_(static_cast<std::size_t>(options.partitions)) {}

Result<Appended> MemoryLog::Take(std::vector<Event> events) {
  const MutexLock lock(mutex_);
  const bool fails = fail_ > 0;
  const Error failed{ErrorCode::kUnavailable, "the log cannot be written: made to fail"};
  if (fails) --fail_;
  if (fails && !fail_kept_) return failed;
  Appended appended;
  const std::int64_t arrival_ms = std::max(clock_.now_ms(), last_arrival_ms_);
  for (Event& event : events) {
    if (event.time_ms > arrival_ms + options_.max_future_ms) {
      appended.results.push_back(AppendResult::kFutureTime);
      continue;
    }
    if (options_.refuses_duplicates && !keys_.Insert(DuplicateKeys::Of(event), arrival_ms)) {
      appended.results.push_back(AppendResult::kDuplicate);
      continue;
    }
    const Key key = KeyOf(event.user_id.empty() ? event.session_id : event.user_id);
    auto& partition = partitions_[key % partitions_.size()];
    partition.push_back({.arrival_ms = arrival_ms, .type = event.type, .encoded = {}});
    EncodeEvent(event, &partition.back().encoded);
    appended.results.push_back(AppendResult::kAccepted);
    appended.partitions.push_back(static_cast<std::int32_t>(key % partitions_.size()));
    appended.records.push_back({partition.size() - 1, arrival_ms, std::move(event)});
    last_arrival_ms_ = arrival_ms;
  }
  appended_.NotifyAll();
  if (fails) return failed;
  return appended;
}

void MemoryLog::AppendAsync(std::vector<Event> events, Done done) { done(Take(std::move(events))); }

void MemoryLog::FailNext(int batches, bool kept) {
  const MutexLock lock(mutex_);
  fail_ = batches;
  fail_kept_ = kept;
}

Result<Positions> MemoryLog::Begin() { return Positions(partitions_.size(), 0); }

Result<Positions> MemoryLog::End() {
  const MutexLock lock(mutex_);
  Positions end;
  for (const auto& partition : partitions_) end.push_back(partition.size());
  return end;
}

Result<std::uint64_t> MemoryLog::SizeBytes() {
  const MutexLock lock(mutex_);
  std::uint64_t bytes = 0;
  for (const auto& partition : partitions_) {
    for (const Record& record : partition) bytes += record.encoded.size();
  }
  return bytes;
}

Result<std::unique_ptr<EventReader>> MemoryLog::Open(const Positions& from, ReadOptions options) {
  return std::unique_ptr<EventReader>(std::make_unique<Reader>(*this, from, std::move(options)));
}

}  // namespace gfr
