// ServerProcess: what `gfr serve` rests on, without its HTTP: the log, the store folded from it, its snapshots, and the
// champion of the registry. It is to be run as a process of a Simulation, and may be killed at any step.
//
// It checks itself as it goes: at the start, that snapshot and log give what a replay of the whole log gives; at each
// look at the registry, that the champion is there and whole.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <stop_token>
#include <string>

#include "base/clock.h"
#include "base/file_system.h"
#include "base/sync.h"
#include "log/event_log.h"
#include "registry/registry.h"
#include "state/online_store.h"
#include "world/mailbox.h"

namespace gfr {

inline constexpr const char* kLogFolder = "data/log";
inline constexpr const char* kSnapshotPath = "data/store/snapshot";
inline constexpr const char* kRegistryFolder = "data/models";
inline constexpr const char* kModel = "feed";

struct ServerSettings {
  FileSystem& disk;
  Mailbox& mailbox;
  std::function<void(const std::string& what)> broken;  // An invariant does not hold.
  std::function<void(const std::string& fact)> note;
  const bool& had_champion;  // A promotion has been acknowledged.
};

class ServerProcess {
 public:
  explicit ServerProcess(ServerSettings settings) : s_(std::move(settings)) {}
  // Serves until `stop`, then ends as SIGTERM would end it. An error at the start: it could not come up this time.
  Status Run(const std::stop_token& stop);

 private:
  Status Start();
  void TakeCalls(const std::stop_token& stop);
  void FoldDurable(std::vector<LogRecord> records);
  void SealEpochs(const std::stop_token& stop);
  void SaveSnapshots(const std::stop_token& stop);
  Status SaveSnapshot();
  void LookAtChampion(const std::stop_token& stop);
  void CompareWithReplay();

  const ServerSettings s_;
  const WallClock clock_;
  std::unique_ptr<EventLog> log_;
  Mutex mutex_;  // Of those that fold.
  CondVar folded_;
  std::unique_ptr<OnlineStore> store_;
  std::map<std::uint64_t, LogRecord> waiting_;
};

}  // namespace gfr
