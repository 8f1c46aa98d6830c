// Rows to train on that a test makes. For tests only.
#pragma once

#include <algorithm>
#include <cmath>
#include <memory>
#include <span>
#include <vector>

#include "base/rng.h"
#include "train/forest_trainer.h"

namespace gfr {

struct LabelledRows {
  static constexpr std::size_t kColumns = 6;
  std::vector<float> values, labels;
  TrainMatrix matrix() const {
    return {std::make_shared<DenseRows>(values, kColumns), labels.size(), kColumns, labels.data(), nullptr};
  }
};

// The first column has whole numbers below 5; a fifth of all values is missing.
inline LabelledRows RandomRows(std::uint64_t seed, std::size_t count) {
  Rng rng(seed);
  LabelledRows rows;
  for (std::size_t i = 0; i < count; ++i) {
    double z = -1;
    for (std::size_t k = 0; k < LabelledRows::kColumns; ++k) {
      const double x = k == 0 ? static_cast<double>(rng.Below(5)) : rng.Normal();
      const bool missing = rng.Chance(0.2);
      rows.values.push_back(missing ? std::nanf("") : static_cast<float>(x));
      if (!missing) z += (k % 2 ? 0.8 : -0.5) * x;
    }
    rows.labels.push_back(rng.Chance(1 / (1 + std::exp(-z))));
  }
  return rows;
}

// Amounts instead of labels: 0 for most, else spread widely around a mean that goes by the values.
struct AmountRows : LabelledRows {
  TrainMatrix amounts() const {
    TrainMatrix m = matrix();
    m.loss = Loss::kTweedie;
    return m;
  }
  static double Mean(const float* row) {
    return std::exp(1 + (std::isnan(row[1]) ? 0 : 0.6 * row[1]) - (std::isnan(row[2]) ? 0.3 : 0.4 * row[2]));
  }
};

inline AmountRows RandomAmounts(std::uint64_t seed, std::size_t count) {
  AmountRows rows{RandomRows(seed, count)};
  Rng rng(seed + 1000);
  for (std::size_t i = 0; i < count; ++i) {
    const double mean = AmountRows::Mean(rows.values.data() + i * LabelledRows::kColumns);
    rows.labels[i] = rng.Chance(0.3) ? static_cast<float>(rng.Exponential(mean / 0.3)) : 0.0f;
  }
  return rows;
}

// Requests of 2 to 9 items with one click each, which goes by the items' values within their request alone.
struct RequestRows : LabelledRows {
  std::vector<std::uint64_t> request;
  std::unique_ptr<const RequestGroups> groups;
  TrainMatrix grouped() const {
    TrainMatrix m = matrix();
    m.requests = groups.get();
    m.loss = Loss::kSoftmax;
    return m;
  }
};

inline RequestRows RandomRequests(std::uint64_t seed, std::uint64_t count) {
  Rng rng(seed);
  RequestRows rows;
  for (std::uint64_t r = 0; r < count; ++r) {
    std::vector<double> utility;
    const double level = rng.Normal();  // Of the whole request: says nothing of which item is clicked.
    for (std::uint64_t i = 2 + rng.Below(8); i > 0; --i) {
      utility.push_back(0);
      for (std::size_t k = 0; k < LabelledRows::kColumns; ++k) {
        const double x = k == 5 ? level : rng.Normal();
        rows.values.push_back(static_cast<float>(x));
        if (k < 3) utility.back() += (k == 1 ? -1.0 : 0.7) * x;
      }
      utility.back() += -std::log(-std::log(0.5 / (1 << 30) + rng.Uniform()));  // Gumbel noise: a conditional logit.
      rows.request.push_back(r);
      rows.labels.push_back(0);
    }
    rows.labels[rows.labels.size() - utility.size() +
                static_cast<std::size_t>(std::ranges::max_element(utility) - utility.begin())] = 1;
  }
  rows.groups = std::make_unique<const RequestGroups>(rows.request);
  return rows;
}

// Gives rows in batches of random sizes, the same in every pass.
class RaggedRows final : public MatrixRows {
 public:
  RaggedRows(std::span<const float> values, std::size_t columns) : values_(values), columns_(columns) {}
  void Reset() override {
    done_ = 0;
    rng_ = Rng(5);
  }
  Result<std::span<const float>> Next() override {
    const std::size_t left = values_.size() / columns_ - done_, rows = std::min(left, 1 + rng_.Below(500));
    done_ += rows;
    ++batches;
    return values_.subspan((done_ - rows) * columns_, rows * columns_);
  }
  int batches = 0;

 private:
  std::span<const float> values_;
  std::size_t columns_, done_ = 0;
  Rng rng_{5};
};

}  // namespace gfr
