#include "train/resuming_trainer.h"

#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/hash.h"
#include "base/json_text.h"
#include "runtime/logger.h"

namespace gfr {
namespace {

using RoundsJson = nlohmann::json;

// Goes on from `hash`.
template <typename T>
std::uint64_t HashOf(std::span<const T> values, std::uint64_t hash) {
  return Hash64(values.data(), values.size_bytes(), hash);
}

Result<std::uint64_t> HashOf(const TrainMatrix& m, std::uint64_t hash) {
  const double shape[] = {static_cast<double>(m.count), static_cast<double>(m.columns), m.negatives,
                          static_cast<double>(m.loss), m.weights ? 1.0 : 0.0};
  hash = HashOf(std::span<const double>(shape), hash);
  hash = HashOf(std::span<const float>(m.labels, m.count), hash);
  if (m.weights) hash = HashOf(std::span<const float>(m.weights, m.count), hash);
  hash = HashOf(m.categorical, hash);
  if (m.requests) {
    const auto requests = m.requests->GroupOfRows();
    hash = HashOf(std::span<const std::uint32_t>(requests), hash);
  }
  m.rows->Reset();
  for (;;) {
    GFR_ASSIGN(const std::span<const float> batch, m.rows->Next());
    if (batch.empty()) return hash;
    hash = HashOf(batch, hash);
  }
}

std::string ToText(const TrainedForest& forest) {
  const RoundsJson head{
      {"rounds", forest.rounds},
      {"log_loss", std::isfinite(forest.best_log_loss) ? RoundsJson(forest.best_log_loss) : RoundsJson()},
      {"gain", forest.gain},
      {"size", forest.bytes.size()},
      {"hash", Hash64(forest.bytes.data(), forest.bytes.size())}};
  return DumpJson(head) + "\n" + forest.bytes;
}

bool FromText(const std::string& text, TrainedForest* forest) try {
  const std::size_t end = text.find('\n');
  if (end == std::string::npos) return false;
  const RoundsJson head = ParseJson<RoundsJson>(text.substr(0, end));
  forest->bytes = text.substr(end + 1);
  forest->rounds = head.at("rounds");
  forest->best_log_loss = head.at("log_loss").is_null() ? INFINITY : head.at("log_loss").get<double>();
  forest->gain = head.at("gain").get<std::vector<double>>();
  return head.at("size") == forest->bytes.size() &&
         head.at("hash") == Hash64(forest->bytes.data(), forest->bytes.size());
} catch (const std::exception&) {
  return false;
}

}  // namespace

Result<TrainedForest> ResumingTrainer::Train(const TrainMatrix& train, const TrainMatrix* validation,
                                             const ForestParams& p,
                                             const std::function<void(int, double)>& progress) const {
  const RoundsJson settings{
      engine_,     p.depth,     p.eta,     p.max_rounds, p.early_stopping, p.min_child_weight,   p.lambda,
      p.subsample, p.colsample, p.max_bin, p.threads,    p.seed,           validation != nullptr};
  const std::string text = DumpJson(settings);
  GFR_ASSIGN(std::uint64_t hash, HashOf(train, Hash64(text.data(), text.size())));
  if (validation) {
    GFR_ASSIGN(hash, HashOf(*validation, hash));
  }
  char name[32];
  std::snprintf(name, sizeof name, "%016llx.forest", static_cast<unsigned long long>(hash));
  const std::string path = JoinPath(folder_, name);
  if (const auto kept = fs_.ReadAll(path); kept.ok()) {
    TrainedForest forest;
    if (FromText(kept.value(), &forest)) {
      LogInfo("train", "goes on with a forest of " + std::to_string(forest.rounds) +
                           " rounds that an earlier training of these rows made");
      return forest;
    }
  }
  GFR_ASSIGN(TrainedForest forest, trainer_.Train(train, validation, p, progress));
  Status written = fs_.MakeFolders(folder_);
  if (written.ok()) written = PublishFile(fs_, path, ToText(forest));
  if (!written.ok())
    LogWarning("train", "a forest is not kept for a training that goes on", {{"error", written.error().message}});
  return forest;
}

}  // namespace gfr
