// Offline feature store: the values that models were trained on, and that were served, as Parquet by view and date.
//
//   ROOT/source=replayed/view=item/definition=1f…/date=2026-01-31/pctr.parquet
//                                                                 manifest.json
// A view holds the features of one entity ("user", "item", "item.category_x_user.city", "request"); `definition` is the
// hash of their fingerprints, so that values of other definitions lie in another folder and nothing mixes. Of each
// objective one file, its rows in log order: keys (XXH3-64 of ids) user, session, item, request; log_offset, line,
// arrival_ms, as_of, now_ms; then the values. A date is there when its manifest is; one that the log had not finished
// is made again. source=served: the same of what servers logged with their requests (served.parquet).
#pragma once

#include <string>
#include <vector>

#include "dataset/dataset.h"

namespace gfr {

// Features that lie in one folder.
struct OfflineView {
  std::string name;
  std::uint64_t definition;
  std::vector<std::size_t> columns;  // Of the feature set.
};
std::vector<OfflineView> OfflineViews(const FeatureSet& features);

// Dates of one folder of values that are there, rising.
struct OfflineDates {
  std::string source, view, definition;  // "replayed" or "served"; the folder's hash in hexadecimal.
  bool current;                    // The definition is the feature set's; of another it is not read as if it were.
  std::vector<std::string> dates;  // "2026-01-31".
};
// Of all sources, views and definitions below `root`; dates without a manifest are not there.
Result<std::vector<OfflineDates>> ListOffline(FileSystem& fs, const std::string& root, const FeatureSet& features);

struct MaterializeOptions {
  std::int64_t from_ms = 0, to_ms = 0;  // Whole UTC days; kInvalidArgument otherwise.
  std::vector<std::string> views;       // Names; empty: all.
  bool served = false;
  DatasetOptions replay;  // Memory and workers.
};

// What a materialisation costs, before it runs.
struct MaterializePlan {
  std::vector<std::int64_t> dates;  // To make: midnights.
  std::size_t dates_there = 0;      // Of the range, whole already.
  std::uint64_t events = 0, rows = 0, log_bytes = 0;
  double seconds = 0;       // By the rate of folding and reading the first 20,000 events, measured now.
  std::uint64_t bytes = 0;  // Before compression.
};
Result<MaterializePlan> PlanMaterialize(FileSystem& fs, EventSource& log, const std::string& root,
                                        std::shared_ptr<const FeatureSet> features,
                                        const std::vector<ObjectiveConfig>& objectives,
                                        const MaterializeOptions& options);

struct Materialized {
  std::uint64_t rows = 0, files = 0, other_definitions = 0;  // Served requests of other definitions are left out.
};
Result<Materialized> Materialize(FileSystem& fs, EventSource& log, const std::string& root,
                                 std::shared_ptr<const FeatureSet> features,
                                 const std::vector<ObjectiveConfig>& objectives, const MaterializeOptions& options,
                                 const MaterializePlan& plan);

}  // namespace gfr
