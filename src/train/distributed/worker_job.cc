#include "train/distributed/worker_job.h"

#include <cstring>

#include "base/json_text.h"
#include "train/distributed/worker_json.h"

namespace gfr {
namespace {

using Json = WorkerJson;

class BlockRows final : public MatrixRows {
 public:
  BlockRows(const std::vector<std::string>& blocks, const std::vector<std::size_t>& counts, std::size_t columns)
      : blocks_(blocks), counts_(counts), columns_(columns) {}
  void Reset() override { next_ = 0; }
  Result<std::span<const float>> Next() override {
    if (next_ == blocks_.size()) return std::span<const float>();
    const auto* values = reinterpret_cast<const float*>(blocks_[next_].data());  // A string's heap is aligned for it.
    return std::span<const float>(values, counts_[next_++] * columns_);
  }

 private:
  const std::vector<std::string>& blocks_;
  const std::vector<std::size_t>& counts_;
  const std::size_t columns_;
  std::size_t next_ = 0;
};

template <typename T>
void Append(std::string& bytes, const std::vector<T>& values) {
  bytes.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T));
}

}  // namespace

std::string WorkerJob::ToJson() const {
  const ForestParams& p = params;
  return DumpJson(Json{{"job", tracker},
                       {"columns", columns},
                       {"requests", requests},
                       {"weights", weights},
                       {"validation", validation},
                       {"negatives", negatives},
                       {"depth", p.depth},
                       {"eta", p.eta},
                       {"max_rounds", p.max_rounds},
                       {"early_stopping", p.early_stopping},
                       {"min_child_weight", p.min_child_weight},
                       {"lambda", p.lambda},
                       {"subsample", p.subsample},
                       {"colsample", p.colsample},
                       {"max_bin", p.max_bin},
                       {"threads", p.threads},
                       {"seed", p.seed}});
}

Result<WorkerJob> WorkerJob::FromJson(const std::string& text) {
  try {
    const Json json = ParseJson<Json>(text);
    WorkerJob job;
    ForestParams& p = job.params;
    const auto read = [&](const char* key, auto& value) { json.at(key).get_to(value); };
    read("job", job.tracker);
    read("columns", job.columns);
    read("requests", job.requests);
    read("weights", job.weights);
    read("validation", job.validation);
    read("negatives", job.negatives);
    read("depth", p.depth);
    read("eta", p.eta);
    read("max_rounds", p.max_rounds);
    read("early_stopping", p.early_stopping);
    read("min_child_weight", p.min_child_weight);
    read("lambda", p.lambda);
    read("subsample", p.subsample);
    read("colsample", p.colsample);
    read("max_bin", p.max_bin);
    read("threads", p.threads);
    read("seed", p.seed);
    return job;
  } catch (const Json::exception& e) {
    return Error{ErrorCode::kCorrupt, std::string("what to train cannot be read: ") + e.what()};
  }
}

Result<std::vector<std::uint16_t>> DealRows(const TrainMatrix& m, int workers) {
  std::vector<std::uint16_t> worker_of(m.count);
  std::vector<std::size_t> dealt(static_cast<std::size_t>(workers));
  const auto worker_at = [&](std::size_t row) {
    const std::size_t w = row * static_cast<std::size_t>(workers) / m.count;
    return static_cast<std::uint16_t>(w);
  };
  if (m.requests) {
    std::size_t before = 0;
    for (std::size_t g = 0; g < m.requests->size(); ++g) {
      const std::uint16_t w = worker_at(before);
      for (const std::uint32_t row : m.requests->rows(g)) worker_of[row] = w;
      before += m.requests->rows(g).size();
      dealt[w] += m.requests->rows(g).size();
    }
  } else {
    for (std::size_t i = 0; i < m.count; ++i) ++dealt[worker_of[i] = worker_at(i)];
  }
  for (const std::size_t rows : dealt) {
    if (rows == 0)
      return Error{ErrorCode::kInvalidArgument, std::to_string(m.count) + " rows cannot be dealt to " +
                                                    std::to_string(workers) + " workers; take fewer"};
  }
  return worker_of;
}

std::string RowBlock::ToBytes() const {
  std::string bytes;
  bytes.reserve((values.size() + labels.size() + weights.size() + requests.size()) * 4);
  Append(bytes, values);
  Append(bytes, labels);
  Append(bytes, weights);
  Append(bytes, requests);
  return bytes;
}

void RowBlock::Clear() {
  values.clear();
  labels.clear();
  weights.clear();
  requests.clear();
}

Status MatrixShare::Add(std::string body, std::size_t count) {
  const std::size_t row = job_.columns + 1 + job_.weights + job_.requests;
  if (count == 0 || body.size() / 4 / row != count || body.size() != count * row * 4)
    return Error{ErrorCode::kCorrupt,
                 std::to_string(body.size()) + " bytes are not " + std::to_string(count) + " rows"};
  const char* at = body.data() + count * job_.columns * 4;
  const auto floats = [&](std::vector<float>& to) {
    to.resize(to.size() + count);
    std::memcpy(to.data() + to.size() - count, at, count * 4);
    at += count * 4;
  };
  floats(labels_);
  if (job_.weights) floats(weights_);
  for (std::size_t i = 0; job_.requests && i < count; ++i) {
    std::uint32_t request = 0;
    std::memcpy(&request, at + i * 4, 4);
    requests_.push_back(request);
  }
  blocks_.push_back(std::move(body));
  counts_.push_back(count);
  return {};
}

TrainMatrix MatrixShare::matrix() {
  if (job_.requests) groups_ = std::make_unique<const RequestGroups>(requests_);
  return {.rows = std::make_shared<BlockRows>(blocks_, counts_, job_.columns),
          .count = size(),
          .columns = job_.columns,
          .labels = labels_.data(),
          .weights = job_.weights ? weights_.data() : nullptr,
          .negatives = job_.negatives,
          .requests = groups_.get(),
          .loss = LossOfLink(groups_ != nullptr)};
}

}  // namespace gfr
