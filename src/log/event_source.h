// EventSource: what a log of events can be read from: the local log, a log in memory, a foreign one.
//
// A log has partitions; a record's position is (partition, offset). The offsets of a partition are consecutive: a gap
// or a step back is kCorrupt. A user's records lie in one partition. Several partitions are read by (arrival,
// partition, offset) as far as they reach now, so that two reads up to the same end give the same order. Errors:
// kCorrupt, what is there is not what was written; kUnavailable, it cannot be read now. Thread safety: an EventSource
// from any thread; an EventReader from one, and beside appends.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "base/file_system.h"
#include "event/event.h"

namespace gfr {

using Positions = std::vector<std::uint64_t>;  // Offsets, by partition.

constexpr std::uint32_t TypeBit(EventType type) { return 1u << static_cast<unsigned>(type); }
inline constexpr std::uint32_t kEveryType = ~0u;

enum class ReadState : std::uint8_t {
  kRecord,
  kNotYet,  // All that is durable was read; more may come.
  kEnd,     // All before ReadOptions::until was read.
};

struct ReadOptions {
  std::uint32_t types = kEveryType;     // Bit t: EventType t. Records of others are passed over, undecoded.
  std::optional<Positions> until = {};  // The first offset that is not read, by partition.
};

class EventReader {
 public:
  virtual ~EventReader() = default;
  // On kRecord, `record` is the next one.
  virtual Result<ReadState> Next(LogRecord* record) = 0;
  // Waits after kNotYet. False: nothing came before `deadline_ms` of MonotonicMs().
  virtual bool WaitFor(std::int64_t deadline_ms) = 0;
  // Of the record that Next gave: its partition, and its event as event_codec.h encodes it. Until the next call.
  virtual int partition() const = 0;
  virtual std::string_view encoded() const = 0;

  // For those who stop at what is there now: whether Next gave a record.
  Result<bool> More(LogRecord* record);
};

class EventSource {
 public:
  virtual ~EventSource() = default;
  virtual int partitions() const = 0;
  // The first offset of each partition, and the one behind its last durable record.
  virtual Result<Positions> Begin() = 0;
  virtual Result<Positions> End() = 0;
  // About how many bytes are kept; for estimates of cost.
  virtual Result<std::uint64_t> SizeBytes() = 0;
  // The log's base: the states of all that lay before Begin, where records were deleted (store/snapshot.h). Null:
  // none were. Whoever folds the log from its begin starts with it (dataset/start_at_base.h).
  virtual Result<std::unique_ptr<RandomAccessFile>> OpenBase() { return std::unique_ptr<RandomAccessFile>(); }
  // REQUIRES: `from` (and `until`) have an offset for each partition, not before its begin.
  virtual Result<std::unique_ptr<EventReader>> Open(const Positions& from, ReadOptions options) = 0;

  Result<std::unique_ptr<EventReader>> Open(const Positions& from) { return Open(from, ReadOptions()); }
  Result<std::unique_ptr<EventReader>> OpenAll(std::uint32_t types = kEveryType);  // From the begin.
};

// Gives every record whose type is in `types` that is there now to `each`, in order, until that returns an error.
Status ForEachRecord(EventSource& log, std::uint32_t types, const std::function<Status(const LogRecord&)>& each);

}  // namespace gfr
