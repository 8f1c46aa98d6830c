// KeptUnits: the metrics of matured units, exported by day, so that reports outlive the log's retention.
//
// Folder (data/experiments/units): of each experiment and UTC day of first exposure (by arrival) that is over and whose
// units are mature in every metric, DAY.EXPERIMENT.parquet, a row for each unit, and DAY.EXPERIMENT.json, which makes
// it complete: how each metric was defined and cut, and when the experiment began. docs/formats/experiment-units.md has
// the columns. A file is written once. Erasing a person takes their rows out, by the column "user"
// (operations/erase_users.h).
//
// While the log has every exposure, results are those of the log alone. Where it was trimmed, kept units stand for what
// it no longer has: results equal those of the whole log to the bit, but for units that had not matured when it was
// trimmed. A metric whose definition has changed since has no kept values. Thread safety: one writer; plain values.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/file_system.h"
#include "experiment/metric_fold.h"
#include "workspace/workspace.h"

namespace gfr {

// Where a project has them, and the record of what erasures took (experiment_erasures.h).
inline std::string KeptUnitsFolder(const Workspace& w) { return JoinPath(w.data_folder(), "experiments/units"); }
inline std::string ErasuresPath(const Workspace& w) { return JoinPath(w.data_folder(), "experiments/erasures.json"); }

class KeptUnits {
 public:
  // A missing folder has none. kCorrupt, kNeedsNewer: a file that was not written so.
  static Result<KeptUnits> Load(FileSystem& fs, const std::string& folder, const std::vector<MetricConfig>& metrics);
  // Exports the days of `units` (of a log, as of `now_ms`) that are complete and not there yet; how many. Units that
  // were read from here are not written again. `log_from_ms`: the first arrival that the log has; of an
  // experiment that is older, that day is not exported, since part of it may be gone.
  static Result<int> Write(FileSystem& fs, const std::string& folder, const std::vector<MetricConfig>& metrics,
                           const std::vector<ExperimentUnits>& units, std::int64_t log_from_ms, std::int64_t now_ms);

  // Whether the log, whose first arrival is `log_from_ms`, lacks exposures that are kept.
  bool StandsFor(std::int64_t log_from_ms) const;
  // First exposures, by experiment: MetricFold::Question::starts.
  std::map<std::string, std::int64_t> Starts() const;
  // Puts kept units in the place of those of the log that are the same person's (and cluster's), and adds the others.
  // `group`: MetricFold::people().GroupOf. REQUIRES: StandsFor.
  void Merge(const std::function<Key(Key)>& group, const std::function<bool(Key)>& left_out,
             std::vector<ExperimentUnits>* units) const;

 private:
  std::vector<ExperimentUnits> experiments_;  // As of the fold; units in the order of files.
};

}  // namespace gfr
