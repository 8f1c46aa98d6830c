// Workspace: one project folder: where its parts lie, and the file system and the clock that operations on it use.
//
//   gfr.toml         what is configured        data/log/       the event log
//   data/models/     model versions            data/events/    its closed segments as Parquet
//   data/features/   the offline feature store data/erased     who was erased
//   data/store/      the server's snapshots    data/reports/   evaluation reports
//   data/training/   forests of a training that has not ended
//   data/definitions/ which columns older model versions name
//
// Workspace only names paths: it opens nothing and keeps nothing open. `fs` and `clock` must outlive it. Thread safety:
// all calls, from any thread.
#pragma once

#include <string>

#include "base/clock.h"
#include "base/config.h"
#include "base/file_system.h"

namespace gfr {

const Clock& SystemClock();  // The one WallClock of this process.

class Workspace {
 public:
  explicit Workspace(std::string folder, FileSystem& fs = PosixFileSystem(), const Clock& clock = SystemClock())
      : folder_(std::move(folder)), fs_(&fs), clock_(&clock) {}

  FileSystem& fs() const { return *fs_; }
  const Clock& clock() const { return *clock_; }

  const std::string& folder() const { return folder_; }
  std::string configuration_path() const { return In("gfr.toml"); }
  std::string data_folder() const { return In("data"); }
  std::string log_folder() const { return In("data/log"); }
  std::string lake_folder() const { return In("data/events"); }
  std::string models_folder() const { return In("data/models"); }
  std::string offline_folder() const { return In("data/features"); }
  std::string definitions_folder() const { return In("data/definitions"); }  // feature/definitions.h
  std::string reports_folder() const { return In("data/reports"); }
  std::string training_folder() const { return In("data/training"); }
  std::string snapshot_path() const { return In("data/store/snapshot"); }          // The server's; of one log only.
  std::string kept_snapshots_folder() const { return In("data/store/days"); }      // store/kept_snapshots.h
  std::string erased_path() const { return In("data/erased"); }                    // ErasedIds.
  std::string currency_path() const { return In("data/currency"); }                // log/log_currency.h
  std::string automation_lock_path() const { return In("data/automation.lock"); }  // Held by whoever runs triggers.
  // A path as gfr.toml gives it: absolute, or in this folder.
  std::string Resolve(const std::string& path) const { return path.starts_with('/') ? path : In(path); }

  // gfr.toml, parsed and not yet read. kInvalidArgument: there is none (the message says how to make one), or it is no
  // TOML (with the line).
  Result<Config> ReadConfiguration() const;

 private:
  std::string In(std::string_view name) const { return JoinPath(folder_, name); }

  std::string folder_;
  FileSystem* fs_;
  const Clock* clock_;
};

}  // namespace gfr
