// What a WorkerPool's workers are told to train, and the shares of rows that go with it, as messages.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "train/distributed/worker_message.h"
#include "train/forest_trainer.h"

namespace gfr {

struct WorkerJob {
  std::string tracker;  // XgboostTracker::worker_args.
  std::size_t columns = 0;
  bool requests = false, weights = false, validation = false;
  double negatives = 1;
  ForestParams params;

  std::string ToJson() const;
  static Result<WorkerJob> FromJson(const std::string& json);
};

// Which worker each row goes to: as many to each, rows of one request to one. kInvalidArgument: a worker would get
// none.
Result<std::vector<std::uint16_t>> DealRows(const TrainMatrix& matrix, int workers);

// A worker's share of one matrix, as it arrives. A block of rows: count x columns values, then of each row its label,
// its weight where there are any, and its request (a number, 4 bytes) where there are any.
class MatrixShare {
 public:
  explicit MatrixShare(const WorkerJob& job) : job_(job) {}
  // kCorrupt: not `count` rows.
  Status Add(std::string body, std::size_t count);
  std::size_t size() const { return labels_.size(); }
  TrainMatrix matrix();  // Call once, after the last block. REQUIRES: it does not outlive this.

 private:
  const WorkerJob& job_;
  std::vector<std::string> blocks_;  // Values first.
  std::vector<std::size_t> counts_;
  std::vector<float> labels_, weights_;
  std::vector<std::uint64_t> requests_;
  std::unique_ptr<const RequestGroups> groups_;
};

// The block that MatrixShare reads.
struct RowBlock {
  std::vector<float> values, labels, weights;
  std::vector<std::uint32_t> requests;
  std::string ToBytes() const;
  void Clear();
};

}  // namespace gfr
