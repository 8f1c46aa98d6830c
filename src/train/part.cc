#include "train/part.h"

#include <algorithm>
#include <cmath>
#include <unordered_map>

namespace gfr {
namespace {

constexpr std::size_t kPartBatchBytes = 4u << 20;  // Stays in the cache while XGBoost reads it.

class PartRows final : public MatrixRows {
 public:
  explicit PartRows(const Part& part)
      : part_(part), batch_rows_(std::max<std::size_t>(64, kPartBatchBytes / (part.columns * sizeof(float)))) {}
  void Reset() override { done_ = 0; }
  Result<std::span<const float>> Next() override {
    const std::size_t count = std::min(batch_rows_, part_.size() - done_);
    part_.Read(done_, count, batch_);
    done_ += count;
    return std::span<const float>(batch_);
  }

 private:
  const Part& part_;
  const std::size_t batch_rows_;
  std::size_t done_ = 0;
  std::vector<float> batch_;
};

void Weigh(const SampleConfig& sample, const ObjectiveRows& all, Part& part) {
  if (part.size() == 0 || (sample.half_life_ms == 0 && sample.max_user_rows == 0)) return;
  part.weights.assign(part.size(), 1.0f);
  std::unordered_map<Key, double> rows_of;
  for (const Key user : part.users) ++rows_of[user];
  const std::int64_t newest_ms = all.arrival_ms[part.indices.back()];
  for (std::size_t i = 0; i < part.size(); ++i) {
    double weight = 1;
    if (sample.half_life_ms > 0)
      weight = std::exp2(-static_cast<double>(newest_ms - all.arrival_ms[part.indices[i]]) /
                         static_cast<double>(sample.half_life_ms));
    if (sample.max_user_rows > 0) weight *= std::min(1.0, sample.max_user_rows / rows_of[part.users[i]]);
    part.weights[i] = static_cast<float>(weight);
  }
}

// The rows of a request together, requests in the order of their first.
void PutTogether(Part& part) {
  std::vector<std::uint32_t> order;
  for (std::size_t g = 0; g < part.groups->size(); ++g) {
    const auto rows = part.groups->rows(g);
    order.insert(order.end(), rows.begin(), rows.end());
  }
  const auto arrange = [&](auto& values) {
    auto old = values;
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = old[order[i]];
  };
  arrange(part.indices);
  arrange(part.labels);
  arrange(part.weights);
  arrange(part.users);
  arrange(part.requests);
  arrange(part.positions);
  part.groups = std::make_unique<const RequestGroups>(part.requests);
}

}  // namespace

TrainMatrix Part::matrix() const {
  return {.rows = std::make_shared<PartRows>(*this),
          .count = size(),
          .columns = columns,
          .labels = labels.data(),
          .weights = weights.empty() ? nullptr : weights.data(),
          .negatives = negatives,
          .categorical = model->categorical,
          .requests = groups.get(),
          .loss = loss};
}

Part Select(const ObjectiveRows& all, Loss loss, const Model& model, std::int64_t from_ms, std::int64_t to_ms,
            const SampleConfig& sample) {
  Part part{SelectRows(all, ComparesItems(loss), model, from_ms, to_ms, sample.negatives)};
  part.loss = loss;
  part.negatives = sample.negatives;
  Weigh(sample, all, part);
  if (IsRanking(loss)) PutTogether(part);
  return part;
}

}  // namespace gfr
