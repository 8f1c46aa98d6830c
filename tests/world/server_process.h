// ServerProcess: `gfr serve` at its router: the Service as it is, with its log, store, snapshots, jobs and model pool;
// requests come from a mailbox instead of a socket. It is to be run as a process of a Simulation, and may be killed at
// any step.
//
// Beside it, it looks at the registry: the champion has to be there and whole.
#pragma once

#include <functional>
#include <memory>
#include <stop_token>
#include <string>

#include "base/clock.h"
#include "base/file_system.h"
#include "project/project.h"
#include "runtime/subprocess.h"
#include "world/mailbox.h"

namespace gfr {

inline constexpr const char* kProjectFolder = "p";
// Writes the project's gfr.toml, as `gfr init` would; empty: that of the world.
Status MakeProject(FileSystem& disk, const Clock& clock, const std::string& toml = "");
// As it is on the disk.
Result<std::unique_ptr<Project>> OpenProject(FileSystem& disk, const Clock& clock);

struct ServerSettings {
  FileSystem& disk;
  Mailbox& mailbox;
  std::function<void(const std::string& what)> broken;  // An invariant does not hold.
  const bool& had_champion;                             // A promotion has been acknowledged.
  bool versions_alike = true;  // The trainer writes all files of a version alike: a champion that has others is mixed.
  SubprocessRunner run_child = RunSubprocess;  // Of triggers.
};

class ServerProcess {
 public:
  explicit ServerProcess(ServerSettings settings) : s_(std::move(settings)) {}
  // Serves until `stop`, then ends as SIGTERM would end it. An error at the start: it could not come up this time.
  Status Run(const std::stop_token& stop);

 private:
  void LookAtChampion(Registry registry, const std::stop_token& stop);

  const ServerSettings s_;
  const WallClock clock_;
};

}  // namespace gfr
