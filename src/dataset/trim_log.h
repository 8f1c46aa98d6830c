// Retention: the oldest segments of a log are deleted, and a base stands for them.
//
// The base is a snapshot of all states at the first record that is kept (store/snapshot.h), in a file beside the
// segments. It is published first; from then on the log begins there, for everyone who reads it. Then the segments
// before it are removed, and the bases before it. After a crash the next run goes on. Only whole segments go, and never
// the last one. The lake keeps its exports,
// and what was not exported yet is before it goes.
#pragma once

#include <string>
#include <vector>

#include "feature/feature_set.h"
#include "log/local_log.h"

namespace gfr {

struct TrimReport {
  std::vector<std::string> segments;  // Names of those that go.
  std::uint64_t records = 0, bytes = 0;
  std::uint64_t begin = 0;                // The log's first offset then.
  std::int64_t begin_ms = 0, end_ms = 0;  // Arrival of the first record kept, and of the log's last one.
  std::string base;                       // Path; empty: nothing goes.
};

// `keep_ms`: by arrival, back from the log's last record. The base is folded from the one before, so it takes as much
// memory as a server's states. Safe beside a running server. Errors: kUnavailable, another process rewrites the log.
Result<TrimReport> TrimLog(LocalLog& log, const std::string& lake_folder, std::shared_ptr<const FeatureSet> features,
                           std::int64_t keep_ms, bool dry_run);

// Users are forgotten in the base too. Nothing where there is none.
Status ForgetInBase(LocalLog& log, std::shared_ptr<const FeatureSet> features, const std::vector<Key>& users);

}  // namespace gfr
