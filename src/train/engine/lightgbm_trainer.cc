#include "train/engine/lightgbm_trainer.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "train/engine/lightgbm_api.h"
#include "train/engine/wheel_library.h"

namespace gfr {
namespace {

constexpr int kGain = 1;  // LightGBM's number of the importance that is a column's total gain.

std::string ParameterText(const TrainMatrix& train, const ForestParams& p) {
  std::string text = "num_threads=" + std::to_string(p.threads), categories;
  for (const auto& [name, value] : LightgbmParameters(p)) {
    // The softmax's gradients are ours.
    const bool objective = name == "objective" || name == "metric";
    text += " " + name + "=" +
            (train.loss == Loss::kSoftmax && objective   ? "none"
             : train.loss == Loss::kTweedie && objective ? "tweedie"
                                                         : value);
  }
  if (train.loss == Loss::kTweedie) text += " tweedie_variance_power=1.5";
  for (std::size_t k = 0; k < train.categorical.size(); ++k) {
    if (train.categorical[k]) categories += (categories.empty() ? "" : ",") + std::to_string(k);
  }
  return categories.empty() ? text : text + " categorical_feature=" + categories;
}

// Calls `use` with each batch of the rows and the place of its first.
Status ForBatches(const TrainMatrix& m,
                  const std::function<Status(std::span<const float> rows, std::size_t count, std::size_t first)>& use) {
  m.rows->Reset();
  for (std::size_t done = 0;;) {
    GFR_ASSIGN(const std::span<const float> rows, m.rows->Next());
    if (rows.empty()) {
      if (done == m.count) return {};
      return Error{ErrorCode::kInternal,
                   "a matrix of " + std::to_string(m.count) + " rows gave " + std::to_string(done)};
    }
    GFR_TRY(use(rows, rows.size() / m.columns, done));
    done += rows.size() / m.columns;
  }
}

// An empty data set with the bins of `m`, which are cut by the rows that LightGBM samples: those of the whole matrix.
Status MakeBins(const LightgbmApi& api, const TrainMatrix& m, const std::string& parameters, void** out) {
  const auto rows = static_cast<std::int32_t>(m.count);
  int most = 0;
  GFR_TRY(api.Check(api.LGBM_GetSampleCount(rows, parameters.c_str(), &most)));
  std::vector<std::int32_t> sampled(static_cast<std::size_t>(most));  // Rising.
  std::int32_t count = 0;
  GFR_TRY(api.Check(api.LGBM_SampleIndices(rows, parameters.c_str(), sampled.data(), &count)));
  sampled.resize(static_cast<std::size_t>(count));
  // A column's sampled values that are not zero, and which of the sampled rows they are of.
  constexpr double kZero = 1e-35;
  std::vector<std::vector<double>> values(m.columns);
  std::vector<std::vector<int>> places(m.columns);
  std::size_t next = 0;
  GFR_TRY(ForBatches(m, [&](std::span<const float> batch, std::size_t n, std::size_t first) -> Status {
    for (; next < sampled.size() && static_cast<std::size_t>(sampled[next]) < first + n; ++next) {
      const float* row = batch.data() + (static_cast<std::size_t>(sampled[next]) - first) * m.columns;
      for (std::size_t k = 0; k < m.columns; ++k) {
        if (std::fabs(row[k]) <= kZero) continue;  // NaN goes on.
        values[k].push_back(row[k]);
        places[k].push_back(static_cast<int>(next));
      }
    }
    return {};
  }));
  std::vector<double*> value_of(m.columns);
  std::vector<int*> place_of(m.columns);
  std::vector<int> counts(m.columns);
  for (std::size_t k = 0; k < m.columns; ++k) {
    value_of[k] = values[k].data();
    place_of[k] = places[k].data();
    counts[k] = static_cast<int>(values[k].size());
  }
  return api.Check(api.LGBM_DatasetCreateFromSampledColumn(value_of.data(), place_of.data(),
                                                           static_cast<std::int32_t>(m.columns), counts.data(), count,
                                                           rows, rows, parameters.c_str(), out));
}

// Fills a data set; `start` is the margin that its rows begin at, NaN: as LightGBM begins.
Status Fill(const LightgbmApi& api, const TrainMatrix& m, double start, void* set) {
  GFR_TRY(ForBatches(m, [&](std::span<const float> batch, std::size_t n, std::size_t first) {
    return api.Check(api.LGBM_DatasetPushRows(set, batch.data(), LightgbmApi::kFloat32, static_cast<std::int32_t>(n),
                                              static_cast<std::int32_t>(m.columns), static_cast<std::int32_t>(first)));
  }));
  const auto count = static_cast<int>(m.count);
  GFR_TRY(api.Check(api.LGBM_DatasetSetField(set, "label", m.labels, count, LightgbmApi::kFloat32)));
  if (m.weights) GFR_TRY(api.Check(api.LGBM_DatasetSetField(set, "weight", m.weights, count, LightgbmApi::kFloat32)));
  if (std::isnan(start)) return {};
  const std::vector<double> margin(m.count, start);
  return api.Check(api.LGBM_DatasetSetField(set, "init_score", margin.data(), count, LightgbmApi::kFloat64));
}

Result<std::string> Save(const LightgbmApi& api, void* booster, int rounds) {
  std::string text(1 << 20, '\0');
  for (;;) {
    std::int64_t size = 0;  // With the 0 at its end.
    GFR_TRY(api.Check(api.LGBM_BoosterSaveModelToString(booster, 0, rounds, kGain,
                                                        static_cast<std::int64_t>(text.size()), &size, text.data())));
    const bool all = static_cast<std::size_t>(size) <= text.size();
    text.resize(static_cast<std::size_t>(all ? size - 1 : size));
    if (all) return text;
  }
}

// Adds `base` to every leaf of the first tree.
Status AddBase(const LightgbmApi& api, void* booster, double base) {
  GFR_ASSIGN(const std::string first, Save(api, booster, 1));
  GFR_ASSIGN(const Forest tree, ParseLightgbm(first));
  const auto leaves = std::ranges::count(tree.feature, -1);
  for (int leaf = 0; leaf < leaves; ++leaf) {
    double value = 0;
    GFR_TRY(api.Check(api.LGBM_BoosterGetLeafValue(booster, 0, leaf, &value)));
    GFR_TRY(api.Check(api.LGBM_BoosterSetLeafValue(booster, 0, leaf, value + base)));
  }
  return {};
}

// The margins of the training rows (0) or of those of validation (1), as softmax gradients read them.
Status Margins(const LightgbmApi& api, void* booster, int data, std::size_t count, std::vector<float>* out) {
  std::vector<double> margins(count);
  std::int64_t got = 0;
  GFR_TRY(api.Check(api.LGBM_BoosterGetPredict(booster, data, &got, margins.data())));
  out->assign(margins.begin(), margins.end());
  return {};
}

}  // namespace

std::vector<std::pair<std::string, std::string>> LightgbmParameters(const ForestParams& p) {
  return {{"objective", "binary"},
          {"metric", "binary_logloss"},
          {"max_depth", std::to_string(p.depth)},
          {"num_leaves", std::to_string(1 << p.depth)},
          {"learning_rate", std::to_string(p.eta)},
          {"min_sum_hessian_in_leaf", std::to_string(p.min_child_weight)},
          {"min_data_in_leaf", "1"},  // min_child_weight alone bounds a leaf.
          {"lambda_l2", std::to_string(p.lambda)},
          {"bagging_fraction", std::to_string(p.subsample)},
          {"bagging_freq", p.subsample < 1 ? "1" : "0"},
          {"feature_fraction", std::to_string(p.colsample)},
          {"max_bin", std::to_string(p.max_bin)},
          {"seed", std::to_string(p.seed)},
          {"deterministic", "true"},
          {"force_row_wise", "true"},
          {"verbosity", "-1"}};
}

Result<std::unique_ptr<LightgbmTrainer>> LightgbmTrainer::Load(const std::string& path) {
  GFR_ASSIGN(auto api, LightgbmApi::Load(path));
  return std::make_unique<LightgbmTrainer>(std::move(api));
}

Result<TrainedForest> LightgbmTrainer::Train(const TrainMatrix& train, const TrainMatrix* validation,
                                             const ForestParams& p,
                                             const std::function<void(int, double)>& progress) const {
  for (const TrainMatrix* m : {&train, validation}) {
    if (m && m->count > static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max()))
      return Error{ErrorCode::kInvalidArgument,
                   std::to_string(m->count) + " rows are more than LightGBM reads, which is 2^31 - 1"};
  }
  GFR_TRY(CheckLoss(train.loss, *this));
  const std::string parameters = ParameterText(train, p);
  LibraryHandle d(api_->LGBM_DatasetFree), v(api_->LGBM_DatasetFree), booster(api_->LGBM_BoosterFree);
  // Where negatives were left out, training begins at their log odds, and the forest with those of all rows.
  const double rate = BaseRate(train), nowhere = std::nan("");
  const double base = train.negatives < 1 ? std::log(rate / (1 - rate)) : nowhere;
  GFR_TRY(MakeBins(*api_, train, parameters, &d.handle));
  GFR_TRY(Fill(*api_, train, base - std::log(train.negatives), d.handle));
  GFR_TRY(api_->Check(api_->LGBM_BoosterCreate(d.handle, parameters.c_str(), &booster.handle)));
  if (validation) {
    GFR_TRY(api_->Check(
        api_->LGBM_DatasetCreateByReference(d.handle, static_cast<std::int64_t>(validation->count), &v.handle)));
    GFR_TRY(Fill(*api_, *validation, base, v.handle));
    GFR_TRY(api_->Check(api_->LGBM_BoosterAddValidData(booster.handle, v.handle)));
  }
  const bool softmax = train.loss == Loss::kSoftmax;
  std::vector<float> margins, gradient(softmax ? train.count : 0), hessian(gradient.size());
  BestRounds best{.rounds = validation ? 1 : p.max_rounds};
  for (int round = 0; round < p.max_rounds; ++round) {
    int finished = 0;
    if (softmax) {
      GFR_TRY(Margins(*api_, booster.handle, 0, train.count, &margins));
      SoftmaxGradients(train, margins.data(), &gradient, &hessian);
      GFR_TRY(api_->Check(
          api_->LGBM_BoosterUpdateOneIterCustom(booster.handle, gradient.data(), hessian.data(), &finished)));
    } else {
      GFR_TRY(api_->Check(api_->LGBM_BoosterUpdateOneIter(booster.handle, &finished)));
    }
    if (finished) break;  // No leaf can be split: this round added nothing.
    if (!validation) continue;
    double loss = INFINITY;
    if (softmax) {
      GFR_TRY(Margins(*api_, booster.handle, 1, validation->count, &margins));
      const LossSum sum = SoftmaxGradients(*validation, margins.data(), nullptr, nullptr);
      loss = sum.loss / sum.positives;
    } else {
      int count = 0;
      GFR_TRY(api_->Check(api_->LGBM_BoosterGetEval(booster.handle, 1, &count, &loss)));
    }
    progress(round, loss);
    if (best.IsOver(round, loss, p.early_stopping)) break;
  }
  if (train.negatives < 1) GFR_TRY(AddBase(*api_, booster.handle, base));
  TrainedForest trained{.best_log_loss = best.loss, .gain = std::vector<double>(train.columns)};
  GFR_TRY(api_->Check(api_->LGBM_BoosterGetCurrentIteration(booster.handle, &trained.rounds)));
  trained.rounds = std::min(trained.rounds, best.rounds);
  GFR_ASSIGN(trained.bytes, Save(*api_, booster.handle, trained.rounds));
  GFR_TRY(api_->Check(api_->LGBM_BoosterFeatureImportance(booster.handle, trained.rounds, kGain, trained.gain.data())));
  return trained;
}

Result<ForestTrainer::Importance> LightgbmTrainer::Explain(const std::string& forest, const float* rows,
                                                           std::size_t count, std::size_t columns) const {
  LibraryHandle booster(api_->LGBM_BoosterFree);
  int rounds = 0;
  GFR_TRY(api_->Check(api_->LGBM_BoosterLoadModelFromString(forest.c_str(), &rounds, &booster.handle)));
  Importance importance{.gain = std::vector<double>(columns),
                        .mean_abs_shap = std::vector<double>(columns, std::nan(""))};
  GFR_TRY(api_->Check(api_->LGBM_BoosterFeatureImportance(booster.handle, rounds, kGain, importance.gain.data())));
  if (count == 0) return importance;
  std::vector<double> parts(count * (columns + 1));  // The last of a row is the bias.
  std::int64_t got = 0;
  GFR_TRY(api_->Check(api_->LGBM_BoosterPredictForMat(
      booster.handle, rows, LightgbmApi::kFloat32, static_cast<std::int32_t>(count), static_cast<std::int32_t>(columns),
      /*row_major=*/1, LightgbmApi::kContribution, 0, 0, "verbosity=-1", &got, parts.data())));
  importance.mean_abs_shap = MeanSizes(parts.data(), count, columns);
  return importance;
}

}  // namespace gfr
