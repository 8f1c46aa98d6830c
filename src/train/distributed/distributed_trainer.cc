#include "train/distributed/distributed_trainer.h"

#include "base/json_text.h"
#include "train/distributed/worker_job.h"
#include "train/distributed/worker_json.h"
#include "train/engine/xgboost_api.h"

namespace gfr {
namespace {

using Json = WorkerJson;

constexpr std::size_t kBlockBytes = 1 << 20;

}  // namespace

Status DistributedTrainer::Deal(const TrainMatrix& m, int which) const {
  GFR_ASSIGN(const auto worker_of, DealRows(m, pool_->size()));
  const auto request_of = m.requests ? m.requests->GroupOfRows() : std::vector<std::uint32_t>();
  std::vector<RowBlock> blocks(static_cast<std::size_t>(pool_->size()));
  const auto send = [&](std::size_t w) -> Status {
    RowBlock& block = blocks[w];
    if (block.labels.empty()) return {};
    GFR_TRY(pool_->Send(static_cast<int>(w), DumpJson(Json{{"rows", which}, {"count", block.labels.size()}}),
                        block.ToBytes()));
    block.Clear();
    return {};
  };
  std::size_t row = 0;
  m.rows->Reset();
  for (;;) {
    GFR_ASSIGN(const std::span<const float> batch, m.rows->Next());
    if (batch.empty()) break;
    for (std::size_t i = 0; i < batch.size(); i += m.columns, ++row) {
      RowBlock& block = blocks[worker_of[row]];
      block.values.insert(block.values.end(), batch.data() + i, batch.data() + i + m.columns);
      block.labels.push_back(m.labels[row]);
      if (m.weights) block.weights.push_back(m.weights[row]);
      if (m.requests) block.requests.push_back(request_of[row]);
      if (block.values.size() * sizeof(float) >= kBlockBytes) GFR_TRY(send(worker_of[row]));
    }
  }
  for (std::size_t w = 0; w < blocks.size(); ++w) GFR_TRY(send(w));
  return {};
}

Result<TrainedForest> DistributedTrainer::Train(const TrainMatrix& train, const TrainMatrix* validation,
                                                const ForestParams& params,
                                                const std::function<void(int, double)>& progress) const {
  GFR_TRY(CheckLoss(train.loss, *this));
  GFR_ASSIGN(const auto tracker, XgboostTracker::Start(api_, pool_->host(), pool_->size()));
  const WorkerJob job{.tracker = tracker->worker_args(),
                      .columns = train.columns,
                      .requests = train.requests != nullptr,
                      .weights = train.weights != nullptr,
                      .validation = validation != nullptr,
                      .negatives = train.negatives,
                      .params = params};
  for (int w = 0; w < pool_->size(); ++w) GFR_TRY(pool_->Send(w, job.ToJson()));
  GFR_TRY(Deal(train, 0));
  if (validation) {
    TrainMatrix judged = *validation;
    const std::vector<float> alike(train.weights && !judged.weights ? judged.count : 0, 1.0f);
    if (!alike.empty()) judged.weights = alike.data();
    if (!train.weights) judged.weights = nullptr;
    GFR_TRY(Deal(judged, 1));
  }
  for (int w = 0; w < pool_->size(); ++w) GFR_TRY(pool_->Send(w, "{\"train\":true}"));
  TrainedForest forest;
  for (int left = pool_->size(); left > 0;) {
    GFR_ASSIGN(const auto received, pool_->Receive());
    const Json head = ParseHead(received.second.head);
    if (head.contains("round")) progress(HeadValue(head, "round", 0), HeadValue(head, "loss", 0.0));
    if (!head.contains("rounds")) continue;
    --left;
    if (received.first != 0) continue;  // They are equal.
    forest.bytes = received.second.body;
    forest.rounds = HeadValue(head, "rounds", 0);
    forest.best_log_loss = HeadValue(head, "loss", 0.0);
    forest.gain = HeadValue(head, "gain", std::vector<double>());
  }
  GFR_TRY(tracker->Wait());
  return forest;
}

}  // namespace gfr
