#include "train/part.h"

#include <algorithm>
#include <cmath>
#include <unordered_map>

#include "model/encode.h"

namespace gfr {
namespace {

constexpr std::size_t kBatchBytes = 4u << 20;  // Stays in the cache while XGBoost reads it.

class PartRows final : public MatrixRows {
 public:
  explicit PartRows(const Part& part)
      : part_(part), batch_rows_(std::max<std::size_t>(64, kBatchBytes / (part.columns * sizeof(float)))) {}
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
  const std::int64_t newest_ms = all.arrival_ms[part.places.back()];
  for (std::size_t i = 0; i < part.size(); ++i) {
    double weight = 1;
    if (sample.half_life_ms > 0)
      weight = std::exp2(-static_cast<double>(newest_ms - all.arrival_ms[part.places[i]]) /
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
  arrange(part.places);
  arrange(part.labels);
  arrange(part.weights);
  arrange(part.users);
  arrange(part.requests);
  arrange(part.positions);
  part.groups = std::make_unique<const RequestGroups>(part.requests);
}

}  // namespace

void Part::Read(std::size_t first, std::size_t count, std::vector<float>& out, bool at_reference) const {
  out.resize(count * columns);
  for (std::size_t i = 0; i < count; ++i)
    std::copy_n(all->features.data() + places[first + i] * columns, columns, out.data() + i * columns);
  EncodeCategories(*model, out.data(), count);
  for (std::size_t i = 0; at_reference && model->position_column >= 0 && i < count; ++i)
    out[i * columns + static_cast<std::size_t>(model->position_column)] = model->position_reference;
}

float Part::Value(std::size_t row, std::size_t column) const {
  const float value = all->features[places[row] * columns + column];
  if (!model->categorical[column] || value != value) return value;
  const auto code = model->categories[column].find(value);
  return code == model->categories[column].end() ? std::nanf("") : code->second;
}

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

namespace {

Part SelectBy(std::span<const float> labels, const ObjectiveRows& all, Loss loss, const Model& model,
              std::int64_t from_ms, std::int64_t to_ms, const SampleConfig& sample) {
  Part part{.all = &all, .model = &model, .loss = loss, .columns = model.columns.size(), .negatives = sample.negatives};
  std::uint64_t line = 0;
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (all.arrival_ms[i] < from_ms || all.arrival_ms[i] >= to_ms) continue;
    if (i == 0 || all.offset[i] != all.offset[i - 1]) line = 0;
    const Key key = PairKey(all.offset[i], ++line);
    if (labels[i] != labels[i]) continue;
    if (sample.negatives < 1 && labels[i] == 0 && static_cast<double>(key >> 11) * 0x1p-53 >= sample.negatives)
      continue;
    part.places.push_back(static_cast<std::uint32_t>(i));
    part.labels.push_back(labels[i]);
    part.users.push_back(all.user[i]);
    part.requests.push_back(all.request[i]);
    part.positions.push_back(all.position[i]);
  }
  Weigh(sample, all, part);
  if (loss != Loss::kLogistic) part.groups = std::make_unique<const RequestGroups>(part.requests);
  if (IsRanking(loss)) PutTogether(part);
  return part;
}

}  // namespace

Part Select(const ObjectiveRows& all, Loss loss, const Model& model, std::int64_t from_ms, std::int64_t to_ms,
            const SampleConfig& sample) {
  return SelectBy(all.label, all, loss, model, from_ms, to_ms, sample);
}

Part SelectWhole(const ObjectiveRows& all, Loss loss, const Model& model, std::int64_t from_ms, std::int64_t to_ms) {
  return SelectBy(all.whole.empty() ? all.label : all.whole, all, loss, model, from_ms, to_ms, kAllAlike);
}

}  // namespace gfr
