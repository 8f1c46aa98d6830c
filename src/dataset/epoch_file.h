// Epochs of shared state in a file, rising: of each i64 end, u64 size, then the bytes of SharedState::TakeDelta. What
// passes between the steps of a replay by partitions (partitioned_replay.h, partition_rows.h).
//
// Thread safety: none; a file that is written no more may be read by several at once.
#pragma once

#include <string>

#include "dataset/spill.h"
#include "state/online_store.h"

namespace gfr {

void AppendEpoch(std::int64_t end_ms, std::string_view delta, std::string* out);

class EpochReader {
 public:
  explicit EpochReader(const Spill& spill) : in_(spill) {}
  EpochReader(FileSystem& fs, const std::string& path) : in_(fs, path) {}
  // The end of the next epoch; INT64_MAX behind the last.
  Result<std::int64_t> PeekEnd();
  // REQUIRES: PeekEnd gave one.
  Status AddTo(SharedState& shared) { return Take(shared, &SharedState::AddDelta); }
  // REQUIRES: of that epoch nothing is open.
  Status SealIn(SharedState& shared) { return Take(shared, &SharedState::SealDelta); }

 private:
  Status Take(SharedState& shared, Status (SharedState::*take)(std::int64_t, std::string_view));
  Piecewise in_;
};

// A store's shared state from a file of merged epochs.
class MergedEpochs final : public EpochSource {
 public:
  explicit MergedEpochs(EpochReader epochs) : epochs_(std::move(epochs)) {}
  Status Before(std::int64_t epoch_end_ms, SharedState& shared) override;

 private:
  EpochReader epochs_;
};

// Lines of open epochs go out to `out`, the catalogue's epochs come in.
class LinesOut final : public EpochSource {
 public:
  LinesOut(EpochReader catalogue, std::string* out) : catalogue_(std::move(catalogue)), out_(out) {}
  Status Before(std::int64_t epoch_end_ms, SharedState& shared) override;

 private:
  MergedEpochs catalogue_;
  std::string* const out_;
};

}  // namespace gfr
