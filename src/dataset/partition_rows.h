// The steps of a replay by partitions of users, for those who bring the records and take the rows themselves: Spark and
// Dask, by the Python extension (python/extension). Neither a log, nor Arrow, nor a network is behind it.
//
//   1 ReplayPlan      gfr.toml and who is whom: every step has the same
//   2 CatalogueFold   any records, in any parts        -> epochs of the catalogue
//   3 EpochMerge      epochs of all parts, by their end -> one of each end: a file (epoch_file.h) for steps 4 and 5
//   4 LinesFold       a partition's records, in order   -> epochs of its lines, merged with the catalogue's by 3
//   5 PartitionRows   a partition's records, in order   -> its training rows
// A partition holds whole groups (ReplayPlan::GroupOf). Any number of partitions gives the rows of `gfr dataset`, bit
// for bit. Thread safety: a plan that is not added to, by any thread; all else by one.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "dataset/activity_history.h"
#include "dataset/epoch_file.h"
#include "dataset/row_builder.h"

namespace gfr {

class ReplayPlan {
 public:
  // `toml`: gfr.toml's text. Rows are those that arrived in [from_ms, to_ms). kInvalidArgument: what the text says is
  // no features and objectives; other tables are not looked into.
  // `drop_immature`: no rows of what is younger than its objective's horizon.
  static Result<std::shared_ptr<ReplayPlan>> Make(const std::string& toml, std::int64_t from_ms, std::int64_t to_ms,
                                                  bool drop_immature = true);

  // Of all records, in log order: those of these types, before any step.
  std::uint32_t needed_types() const;  // user.alias; item.update where gfr.toml declares parents.
  void Add(const LogRecord& record);
  // Arrival of the last record of all.
  void set_end_ms(std::int64_t end_ms) { end_ms_ = end_ms; }
  // Of each epoch that has records the first record, by offset: slates that had not read all of their epoch make no
  // rows then, as in `gfr dataset`.
  void SetEpochStarts(std::span<const std::int64_t> offsets, std::span<const std::int64_t> arrivals_ms);

  std::uint32_t catalogue_types() const;  // What CatalogueFold has a use for.
  // The partition key of a record; 0: no partition needs it, as it is about the catalogue alone.
  Key GroupOf(const Event& event) const;

  std::shared_ptr<const FeatureSet> features() const { return features_; }
  const std::vector<ObjectiveConfig>& objectives() const { return objectives_; }

 private:
  friend class PartitionRows;
  std::shared_ptr<const FeatureSet> features_;
  std::vector<ObjectiveConfig> objectives_;
  DatasetOptions options_;
  AliasHistory people_;
  std::shared_ptr<const EpochStarts> epoch_starts_;
  ItemParents parents_;
  std::int64_t end_ms_ = INT64_MIN;
};

// An epoch's end and its bytes (SharedState::TakeDelta).
using EpochDelta = std::pair<std::int64_t, std::string>;

class CatalogueFold {
 public:
  explicit CatalogueFold(std::shared_ptr<const ReplayPlan> plan);
  void Add(const LogRecord& record) { store_.FoldCatalogueOf(record); }
  // What was folded so far. An epoch may come in several parts.
  std::vector<EpochDelta> Take();
  std::size_t open_epochs() const { return store_.shared().OpenEpochs().size(); }

 private:
  OnlineStore store_;
};

class EpochMerge {
 public:
  explicit EpochMerge(const ReplayPlan& plan) : sum_(plan.features()) {}
  // Epochs in rising order of their ends, those of one end one after the other; gives the epochs that are whole now.
  // kCorrupt: they are out of order, or not what was taken.
  Status Add(std::int64_t end_ms, std::string_view delta, std::vector<EpochDelta>* whole);
  void Finish(std::vector<EpochDelta>* whole);

 private:
  SharedState sum_;
  std::int64_t end_ms_ = INT64_MIN;
};

class LinesFold {
 public:
  // `catalogue`: the file of step 3. It must stay there.
  LinesFold(std::shared_ptr<const ReplayPlan> plan, const std::string& catalogue);
  Status Add(const LogRecord& record, std::vector<EpochDelta>* out);
  Status Finish(std::vector<EpochDelta>* out);

 private:
  void Take(std::vector<EpochDelta>* out);
  std::string taken_;
  LinesOut epochs_;
  OnlineStore store_;
};

// Rows come in log order. Memory: the states and open requests of the partition's users, and the rows that Read gives
// at once; its records lie in a scratch file.
class PartitionRows {
 public:
  struct Rows {
    std::vector<std::int32_t> objective;
    std::vector<RowPlace> place;
    std::vector<float> label;
    std::vector<float> features;  // Rows x columns.
  };

  // `epochs`: the file of all merged epochs; `scratch`: a path for the records, removed at the end.
  PartitionRows(std::shared_ptr<const ReplayPlan> plan, const std::string& epochs, const std::string& scratch);
  ~PartitionRows();
  // The next record of the partition. `encoded`: its event as event_codec.h encodes it.
  Status Add(std::uint64_t offset, std::int64_t arrival_ms, std::string_view encoded);
  // After the last one: rows, until there are `enough` or the records end. False: there are none left.
  Result<bool> Read(std::size_t enough, Rows* rows);
  // Lines that made no row, by objective and reason, once Read gave false.
  const std::vector<std::pair<std::string, std::uint64_t>>& dropped() const;

 private:
  struct State;
  const std::unique_ptr<State> state_;
};

}  // namespace gfr
