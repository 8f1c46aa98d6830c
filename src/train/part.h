// Part: some rows of an objective as a forest reads them: chosen by time and by sampling, weighed, categories as the
// model's own codes. The rows stay where they are: batches of them are copied and encoded as they are read.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "base/config.h"
#include "dataset/dataset.h"
#include "model/model.h"
#include "train/forest_trainer.h"

namespace gfr {

// [dataset]: which rows a forest learns from, and how much each counts. Rows that stop, calibrate and judge are all,
// and count alike.
struct SampleConfig {
  double negatives = 1;           // The rate at which rows without a label are kept, by hash.
  std::int64_t half_life_ms = 0;  // A row counts half as much as one so much later; 0: alike.
  double max_user_rows = 0;       // A user's rows count for no more than so many together; 0: no bound.
};

inline constexpr SampleConfig kAllAlike;

struct Part {
  const ObjectiveRows* all = nullptr;
  const Model* model = nullptr;
  std::vector<std::uint32_t> places;   // Of its rows in `all`, rising but to rank.
  std::vector<float> labels, weights;  // No weights: 1 each.
  std::vector<Key> users, requests;
  std::vector<int> positions;                   // Where its item was shown, from 0.
  std::unique_ptr<const RequestGroups> groups;  // For the softmax and to rank; else null.
  Loss loss = Loss::kLogistic;
  std::size_t columns = 0;
  double negatives = 1;

  std::size_t size() const { return labels.size(); }
  // Rows [first, first + count) to `out`, row-major. With `at_reference` a column of the place shown has the model's
  // reference.
  void Read(std::size_t first, std::size_t count, std::vector<float>& out, bool at_reference = false) const;
  // One value, encoded.
  float Value(std::size_t row, std::size_t column) const;
  TrainMatrix matrix() const;  // REQUIRES: it does not outlive this.
};

// The rows of [from, to), as `loss` wants them: to rank, those of a request together. REQUIRES: `all` and `model`
// outlive the part; fewer than 2^32 rows.
Part Select(const ObjectiveRows& all, Loss loss, const Model& model, std::int64_t from_ms, std::int64_t to_ms,
            const SampleConfig& sample = kAllAlike);
// All of them that are as old as the whole window, with their labels within it: what a model is judged by.
Part SelectWhole(const ObjectiveRows& all, Loss loss, const Model& model, std::int64_t from_ms, std::int64_t to_ms);

}  // namespace gfr
