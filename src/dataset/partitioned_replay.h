// A log replayed by partitions of users, on several threads and within a bound of memory; rows come out as from one
// pass.
//
//   1 route     the log once: each record to the file of its user's partition; the catalogue's epochs to a file
//   2 lines     each partition: its lines fold into open epochs, whose integers go to a file
//   3 merge     the epochs of all partitions added up: one file of shared state, epoch by epoch
//   4 rows      each partition: labels, then users folded and rows read, shared state being advanced from that file
//   5 collect   rows of all partitions merged by their place in the log
// A partition holds whole persons: partition = hash(user after all aliases, else session) mod partitions.
#pragma once

#include <functional>

#include "base/file_system.h"
#include "dataset/log_survey.h"

namespace gfr {

// As many partitions as `survey` says. `each`: is given every record once, in log order. Errors: those of the log and
// of the scratch files.
Status ReplayPartitions(FileSystem& fs, EventSource& log, std::shared_ptr<const FeatureSet> features,
                        const std::vector<ObjectiveConfig>& objectives, const DatasetOptions& options,
                        const LogSurvey& survey, const std::function<void(const LogRecord&)>& each, RowSink& sink);

}  // namespace gfr
