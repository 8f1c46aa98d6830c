#include "event/recent_records.h"

#include <utility>

namespace gfr {
namespace {

// Texts are taken to lie within their strings, as ids mostly do.
std::size_t MemoryOf(const LogRecord& record) {
  const auto properties = [](const std::vector<Property>& list) {
    std::size_t bytes = list.size() * sizeof(Property);
    for (const Property& property : list) bytes += property.text.size() + property.vector.size() * sizeof(float);
    return bytes;
  };
  const Event& e = record.event;
  std::size_t bytes = sizeof(LogRecord) + properties(e.context) + e.items.size() * sizeof(EventItem);
  for (const EventItem& item : e.items) bytes += properties(item.properties);
  const ServedSlate& slate = e.served;
  bytes += slate.columns.size() * (sizeof(ServedColumn) + slate.kept.size() * sizeof(float));
  for (const ServedScores& scores : slate.scores)
    bytes += sizeof scores + (scores.values.size() + scores.at_shown.size()) * sizeof(float);
  for (const ServedDraw& draw : slate.draws)
    bytes += sizeof draw + draw.pool.size() * sizeof draw.pool[0] + draw.probability.size() * sizeof(float);
  return bytes + (slate.value.size() + slate.propensity.size() + slate.scored.size()) * sizeof(float);
}

}  // namespace

void RecentRecords::Begin() {
  const MutexLock lock(mutex_);
  taken_ = true;
}

void RecentRecords::Add(std::vector<LogRecord> records) {
  if (records.empty()) return;
  std::size_t bytes = 0;
  for (const LogRecord& record : records) bytes += MemoryOf(record);
  std::vector<std::vector<LogRecord>> dropped;  // Freed behind the lock.
  const MutexLock lock(mutex_);
  if (!taken_) return;
  const bool follows = batches_.empty() || batches_.back().back().offset + 1 == records.front().offset;
  if (!follows || bytes_ + bytes > most_bytes_) {
    dropped.swap(batches_);
    bytes_ = 0;
  }
  bytes_ += bytes;
  batches_.push_back(std::move(records));
}

std::vector<std::vector<LogRecord>> RecentRecords::Take() {
  const MutexLock lock(mutex_);
  bytes_ = 0;
  return std::exchange(batches_, {});
}

}  // namespace gfr
