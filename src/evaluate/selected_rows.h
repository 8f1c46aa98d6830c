// SelectedRows: rows of one objective, chosen by time and by the age of their labels, with categories as a model's own
// codes. The rows stay where they are: batches of them are copied and encoded as they are read.
//
// Thread safety: immutable once selected; Read from any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "dataset/dataset.h"
#include "model/model.h"
#include "model/softmax_link.h"

namespace gfr {

struct SelectedRows {
  const ObjectiveRows* all = nullptr;
  const Model* model = nullptr;
  std::vector<std::uint32_t> indices;  // Of its rows in `all`, rising.
  std::vector<float> labels;
  std::vector<Key> users, requests;
  std::vector<int> positions;                   // Where its item was shown, from 0.
  std::unique_ptr<const RequestGroups> groups;  // When the rows of a request are read together; else null.
  std::size_t columns = 0;

  std::size_t size() const { return labels.size(); }
  // Rows [first, first + count) to `out`, row-major. With `at_reference` a column of the position shown has the model's
  // reference.
  void Read(std::size_t first, std::size_t count, std::vector<float>& out, bool at_reference = false) const;
  // One value, encoded.
  float Value(std::size_t row, std::size_t column) const;
};

// The rows of [from_ms, to_ms) that have a label. `by_request`: they are read a request at a time (the softmax link).
// Rows without a positive label are kept at the rate `negatives`, by hash, so that every call keeps the same ones.
// REQUIRES: `all` and `model` outlive what is selected; fewer than 2^32 rows.
SelectedRows SelectRows(const ObjectiveRows& all, bool by_request, const Model& model, std::int64_t from_ms,
                        std::int64_t to_ms, double negatives = 1);
// Those that are as old as the whole window, with their labels within it: what a model is judged by.
SelectedRows SelectWholeWindow(const ObjectiveRows& all, bool by_request, const Model& model, std::int64_t from_ms,
                               std::int64_t to_ms);

}  // namespace gfr
