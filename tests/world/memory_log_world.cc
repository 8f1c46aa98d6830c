#include "world/memory_log_world.h"

#include <map>
#include <set>
#include <tuple>

#include "base/rng.h"
#include "base/simulation.h"
#include "log/memory_log.h"

namespace gfr {
namespace {

constexpr int kAppenders = 4, kReaders = 2, kBatches = 40;

class MemoryLogWorld {
 public:
  explicit MemoryLogWorld(std::uint64_t seed)
      : seed_(seed), log_(clock_, {.partitions = 1 + static_cast<int>(seed % 3)}), simulation_({.seed = seed}) {}

  MemoryLogReport Run() {
    simulation_.Run([this] { Live(); });
    report_.trace_hash = simulation_.trace_hash();
    return report_;
  }

 private:
  void Live() {
    std::vector<Thread> readers, appenders;
    for (int r = 0; r < kReaders; ++r) readers.emplace_back("reader", [this](const std::stop_token& s) { Follow(s); });
    for (int a = 0; a < kAppenders; ++a) appenders.emplace_back("appender", [this, a] { Append(a); });
    appenders.clear();  // Joins.
    readers.clear();
    Check();
  }

  // Sends each batch again until it is acknowledged, as the clients of a server do.
  void Append(int appender) {
    Rng rng(seed_ * 100 + static_cast<std::uint64_t>(appender));
    for (int batch = 0; batch < kBatches; ++batch) {
      std::vector<Event> events(1 + rng.Below(3));
      for (std::size_t i = 0; i < events.size(); ++i) {
        events[i].id = std::to_string(appender) + "-" + std::to_string(batch) + "-" + std::to_string(i);
        events[i].source = "world";
        events[i].type = EventType::kItemView;
        events[i].time_ms = clock_.now_ms();
        events[i].user_id = "u" + std::to_string(rng.Below(7));
      }
      if (rng.Chance(0.2)) log_.FailNext(1, /*kept=*/rng.Chance(0.5));
      while (!log_.Append(events).ok()) {
        const MutexLock lock(mutex_);
        ++report_.failed;
      }
      const MutexLock lock(mutex_);
      for (const Event& e : events) acknowledged_.insert(e.id);
      report_.acknowledged += events.size();
    }
  }

  void Broken(const std::string& what) {
    simulation_.Note("broken: " + what);
    const MutexLock lock(mutex_);
    report_.broken.push_back(what);
  }

  // To the end of the appends, which a stop says; then all that is there must have come.
  void Follow(const std::stop_token& stop) {
    const auto reader = log_.OpenAll().value();
    std::map<int, std::uint64_t> next;
    for (bool last = false;;) {
      LogRecord record;
      const auto state = reader->Next(&record);
      if (!state.ok()) return Broken("a reader fails: " + state.error().message);
      if (state.value() == ReadState::kRecord) {
        if (record.offset != next[reader->partition()]++)
          Broken("a reader saw offset " + std::to_string(record.offset));
        const MutexLock lock(mutex_);
        ++report_.followed;
        continue;
      }
      if (last) break;
      last = stop.stop_requested();  // Nothing is appended any more: one more look gives the rest.
      if (!last) (void)reader->WaitFor(MonotonicMs() + 10);
    }
    const Positions end = log_.End().value();
    for (std::size_t p = 0; p < end.size(); ++p) {
      if (next[static_cast<int>(p)] != end[p])
        Broken("a reader stopped before the end of partition " + std::to_string(p));
    }
  }

  void Check() {
    const auto reader = log_.OpenAll().value();
    std::set<std::string> seen;
    std::tuple<std::int64_t, int, std::uint64_t> before{INT64_MIN, 0, 0};
    for (LogRecord record; reader->More(&record).value();) {
      if (!seen.insert(record.event.id).second) Broken("event " + record.event.id + " is in the log twice");
      const std::tuple<std::int64_t, int, std::uint64_t> at{record.arrival_ms, reader->partition(), record.offset};
      if (at <= before) Broken("the merged read goes back at " + record.event.id);
      before = at;
    }
    for (const std::string& id : acknowledged_) {
      if (!seen.contains(id)) Broken("event " + id + " was acknowledged and is lost");
    }
  }

  const std::uint64_t seed_;
  const WallClock clock_;
  MemoryLog log_;
  MemoryLogReport report_;
  Mutex mutex_;  // Of what follows, and of report_.
  std::set<std::string> acknowledged_;
  Simulation simulation_;
};

}  // namespace

MemoryLogReport RunMemoryLogWorld(std::uint64_t seed) { return MemoryLogWorld(seed).Run(); }

}  // namespace gfr
