#include "train/engine/xgboost_trainer.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <numeric>

#include "train/engine/wheel_library.h"
#include "train/engine/xgboost_api.h"

namespace gfr {
namespace {

// NumPy's array interface of an array, by default of floats.
std::string Interface(const void* data, std::size_t rows, std::size_t columns, const char* type = "<f4") {
  std::string shape = std::to_string(rows) + (columns > 0 ? "," + std::to_string(columns) : "");
  return "{\"data\":[" + std::to_string(reinterpret_cast<std::uintptr_t>(data)) + ",true],\"shape\":[" + shape +
         "],\"typestr\":\"" + type + "\",\"version\":3}";
}

// What XGBoost reads a matrix through.
struct Batches {
  Batches(const TrainMatrix& matrix) : m(matrix) {}
  const TrainMatrix& m;
  const float* base_margin = nullptr;
  void* proxy = nullptr;
  std::function<Status(const char* field, const float* values, std::size_t count)> set;
  std::function<Status(std::span<const float> rows)> give;
  std::size_t done = 0;
  Status status;

  Result<bool> Next() {
    GFR_ASSIGN(const std::span<const float> rows, m.rows->Next());
    const std::size_t count = rows.size() / m.columns;
    if (count == 0) {
      if (done == m.count) return false;
      return Error{ErrorCode::kInternal,
                   "a matrix of " + std::to_string(m.count) + " rows gave " + std::to_string(done)};
    }
    GFR_TRY(give(rows));
    GFR_TRY(set("label", m.labels + done, count));
    if (m.weights && !IsRanking(m.loss)) GFR_TRY(set("weight", m.weights + done, count));
    if (base_margin) GFR_TRY(set("base_margin", base_margin + done, count));
    done += count;
    return true;
  }
};

// Which request each row is of, and what each request weighs: as its first row. Only to rank.
Status SetRequests(const XgboostApi& api, const TrainMatrix& m, void* matrix) {
  if (!IsRanking(m.loss)) return {};
  const std::vector<std::uint32_t> request = m.requests->GroupOfRows();
  GFR_TRY(api.Check(
      api.XGDMatrixSetInfoFromInterface(matrix, "qid", Interface(request.data(), m.count, 0, "<u4").c_str())));
  if (!m.weights) return {};
  std::vector<float> weights;
  for (std::size_t g = 0; g < m.requests->size(); ++g) weights.push_back(m.weights[m.requests->rows(g)[0]]);
  return api.Check(
      api.XGDMatrixSetInfoFromInterface(matrix, "weight", Interface(weights.data(), weights.size(), 0).c_str()));
}

// What is learnt from is kept as its quantiles, filled batch by batch.
Status MakeQuantiles(const XgboostApi& api, const TrainMatrix& m, const float* base_margin, const ForestParams& p,
                     void** out) {
  LibraryHandle proxy(api.XGDMatrixFree);
  GFR_TRY(api.Check(api.XGProxyDMatrixCreate(&proxy.handle)));
  Batches batches(m);
  batches.base_margin = base_margin;
  batches.set = [&](const char* field, const float* values, std::size_t count) {
    return api.Check(api.XGDMatrixSetInfoFromInterface(proxy.handle, field, Interface(values, count, 0).c_str()));
  };
  batches.give = [&](std::span<const float> rows) {
    return api.Check(api.XGProxyDMatrixSetDataDense(
        proxy.handle, Interface(rows.data(), rows.size() / m.columns, m.columns).c_str()));
  };
  const std::string config =
      "{\"missing\":NaN,\"nthread\":" + std::to_string(p.threads) + ",\"max_bin\":" + std::to_string(p.max_bin) + "}";
  const int code = api.XGQuantileDMatrixCreateFromCallback(
      &batches, proxy.handle, nullptr,
      [](void* b) {
        static_cast<Batches*>(b)->m.rows->Reset();
        static_cast<Batches*>(b)->done = 0;
      },
      [](void* b) {
        auto& self = *static_cast<Batches*>(b);
        const auto more = self.Next();
        if (!more.ok() && self.status.ok()) self.status = more.error();
        return more.ok() && more.value() ? 1 : 0;
      },
      config.c_str(), out);
  GFR_TRY(batches.status);
  GFR_TRY(api.Check(code));
  return SetRequests(api, m, *out);
}

// What is only judged after every round is kept as values: XGBoost is slow at predicting from quantiles.
Status MakeValues(const XgboostApi& api, const TrainMatrix& m, const ForestParams& p, void** out) {
  std::vector<float> values;
  values.reserve(m.count * m.columns);
  m.rows->Reset();
  for (;;) {
    GFR_ASSIGN(const std::span<const float> rows, m.rows->Next());
    if (rows.empty()) break;
    values.insert(values.end(), rows.begin(), rows.end());
  }
  const std::string config = "{\"missing\":NaN,\"nthread\":" + std::to_string(p.threads) + "}";
  GFR_TRY(api.Check(
      api.XGDMatrixCreateFromDense(Interface(values.data(), m.count, m.columns).c_str(), config.c_str(), out)));
  GFR_TRY(api.Check(api.XGDMatrixSetInfoFromInterface(*out, "label", Interface(m.labels, m.count, 0).c_str())));
  if (IsRanking(m.loss)) return SetRequests(api, m, *out);
  if (!m.weights) return {};
  return api.Check(api.XGDMatrixSetInfoFromInterface(*out, "weight", Interface(m.weights, m.count, 0).c_str()));
}

Result<std::vector<double>> TotalGain(const XgboostApi& api, void* booster, std::size_t columns) {
  std::vector<double> gain(columns);
  std::uint64_t features = 0, dim = 0;
  const char** names = nullptr;
  const std::uint64_t* shape = nullptr;
  const float* scores = nullptr;
  std::string numbered;  // Whatever the forest's file calls them.
  for (std::size_t k = 0; k < columns; ++k) numbered += (k == 0 ? "\"f" : ",\"f") + std::to_string(k) + "\"";
  const std::string config = "{\"importance_type\":\"total_gain\",\"feature_names\":[" + numbered + "]}";
  GFR_TRY(api.Check(api.XGBoosterFeatureScore(booster, config.c_str(), &features, &names, &dim, &shape, &scores)));
  for (std::uint64_t i = 0; i < features; ++i) {
    const auto k = static_cast<std::size_t>(std::atoi(names[i] + 1));  // "f12"
    if (names[i][0] == 'f' && k < columns) gain[k] = scores[i];
  }
  return gain;
}

}  // namespace

std::vector<std::pair<std::string, std::string>> XgboostParameters(const ForestParams& p) {
  return {{"objective", "binary:logistic"},
          {"tree_method", "hist"},
          {"max_depth", std::to_string(p.depth)},
          {"eta", std::to_string(p.eta)},
          {"min_child_weight", std::to_string(p.min_child_weight)},
          {"lambda", std::to_string(p.lambda)},
          {"subsample", std::to_string(p.subsample)},
          {"colsample_bytree", std::to_string(p.colsample)},
          {"max_bin", std::to_string(p.max_bin)},
          {"seed", std::to_string(p.seed)},
          {"eval_metric", "logloss"}};
}

Result<std::unique_ptr<XgboostTrainer>> XgboostTrainer::Load(const std::string& path) {
  GFR_ASSIGN(auto api, XgboostApi::Load(path));
  return std::make_unique<XgboostTrainer>(std::move(api));
}

Result<TrainedForest> XgboostTrainer::Train(const TrainMatrix& train, const TrainMatrix* validation,
                                            const ForestParams& p,
                                            const std::function<void(int, double)>& progress) const {
  LibraryHandle d(api_->XGDMatrixFree), v(api_->XGDMatrixFree), booster(api_->XGBoosterFree), kept(api_->XGBoosterFree);
  // Of all rows, the odds of a label and the margin that they are.
  double totals[] = {std::accumulate(train.labels, train.labels + train.count, 0.0), static_cast<double>(train.count)};
  GFR_TRY(api_->SumOverProcesses(totals));
  const float base = BaseRate(totals[0], totals[1], train.negatives);
  const std::vector<float> sampled_margin(
      train.negatives < 1 ? train.count : 0,
      static_cast<float>(std::log(base / (1.0 - base)) - std::log(train.negatives)));
  GFR_TRY(MakeQuantiles(*api_, train, sampled_margin.empty() ? nullptr : sampled_margin.data(), p, &d.handle));
  if (validation) GFR_TRY(MakeValues(*api_, *validation, p, &v.handle));
  void* matrices[] = {d.handle, v.handle};
  GFR_TRY(api_->Check(api_->XGBoosterCreate(matrices, validation ? 2 : 1, &booster.handle)));
  auto parameters = XgboostParameters(p);
  parameters.insert(parameters.end(), {{"nthread", std::to_string(p.threads)}, {"verbosity", "0"}});
  for (const auto& [name, value] : parameters) {
    if ((IsRanking(train.loss) || train.loss == Loss::kTweedie) && (name == "objective" || name == "eval_metric"))
      continue;
    GFR_TRY(api_->Check(api_->XGBoosterSetParam(booster.handle, name.c_str(), value.c_str())));
  }
  const bool softmax = train.loss == Loss::kSoftmax, ranking = IsRanking(train.loss);
  // Only differences within a request matter: margins begin at 0, and no base score is estimated.
  if (softmax) GFR_TRY(api_->Check(api_->XGBoosterSetParam(booster.handle, "base_score", "0.5")));
  if (ranking) {
    for (const auto& [name, value] : {std::pair{"objective", LossName(train.loss)}, {"eval_metric", "ndcg"}})
      GFR_TRY(api_->Check(api_->XGBoosterSetParam(booster.handle, name, value)));
    GFR_TRY(api_->Check(api_->XGBoosterSetParam(booster.handle, "base_score", "0")));
  }
  if (train.loss == Loss::kTweedie) {
    // Begins at the mean of all labels, in whatever unit they are.
    char mean[32];
    std::snprintf(mean, sizeof mean, "%.9g", totals[0] / totals[1]);
    for (const auto& [name, value] : {std::pair{"objective", "reg:tweedie"},
                                      {"tweedie_variance_power", "1.5"},
                                      {"eval_metric", "tweedie-nloglik@1.5"},
                                      {"base_score", static_cast<const char*>(mean)}})
      GFR_TRY(api_->Check(api_->XGBoosterSetParam(booster.handle, name, value)));
    static_assert(kTweediePower == 1.5);
  }
  if (train.negatives < 1) {
    char text[32];
    std::snprintf(text, sizeof text, "%.9g", static_cast<double>(base));
    GFR_TRY(api_->Check(api_->XGBoosterSetParam(booster.handle, "base_score", text)));
  }
  std::vector<float> gradient(softmax ? train.count : 0), hessian(gradient.size());
  const auto margins_of = [&](void* matrix, const float** out) {
    const std::uint64_t* shape = nullptr;
    std::uint64_t dim = 0;
    return api_->Check(
        api_->XGBoosterPredictFromDMatrix(booster.handle, matrix,
                                          "{\"type\":1,\"training\":true,\"iteration_begin\":0,\"iteration_"
                                          "end\":0,\"strict_shape\":false}",
                                          &shape, &dim, out));
  };
  BestRounds best{.rounds = p.max_rounds};
  for (int round = 0; round < p.max_rounds; ++round) {
    const float* margins = nullptr;
    if (softmax) {
      GFR_TRY(margins_of(d.handle, &margins));
      SoftmaxGradients(train, margins, &gradient, &hessian);
      GFR_TRY(api_->Check(api_->XGBoosterTrainOneIter(booster.handle, d.handle, round,
                                                      Interface(gradient.data(), train.count, 0).c_str(),
                                                      Interface(hessian.data(), train.count, 0).c_str())));
    } else {
      GFR_TRY(api_->Check(api_->XGBoosterUpdateOneIter(booster.handle, round, d.handle)));
    }
    if (!validation) continue;
    double loss = INFINITY;
    if (softmax) {
      GFR_TRY(margins_of(v.handle, &margins));
      const LossSum sum = SoftmaxGradients(*validation, margins, nullptr, nullptr);
      double sums[] = {sum.loss, sum.positives};
      GFR_TRY(api_->SumOverProcesses(sums));
      loss = sums[0] / sums[1];
    } else {
      const char* names[] = {"validation"};
      const char* text = nullptr;
      GFR_TRY(api_->Check(api_->XGBoosterEvalOneIter(booster.handle, round, &v.handle, names, 1, &text)));
      if (const char* at = std::strstr(text, "validation-logloss:")) loss = std::atof(at + 19);
      if (const char* at = std::strstr(text, "validation-ndcg:")) loss = 1 - std::atof(at + 16);
      if (const char* at = std::strstr(text, "validation-tweedie-nloglik@1.5:")) loss = std::atof(at + 31);
    }
    progress(round, loss);
    if (best.IsOver(round, loss, p.early_stopping)) break;
  }
  GFR_TRY(api_->Check(api_->XGBoosterSlice(booster.handle, 0, best.rounds, 1, &kept.handle)));
  TrainedForest trained{.rounds = best.rounds, .best_log_loss = best.loss, .gain = std::vector<double>(train.columns)};
  std::uint64_t size = 0;
  const char* bytes = nullptr;
  GFR_TRY(api_->Check(api_->XGBoosterSaveModelToBuffer(kept.handle, "{\"format\":\"ubj\"}", &size, &bytes)));
  trained.bytes.assign(bytes, size);
  GFR_ASSIGN(trained.gain, TotalGain(*api_, kept.handle, train.columns));
  return trained;
}

Result<std::vector<float>> XgboostTrainer::PredictMargins(const std::string& forest, const float* rows,
                                                          std::size_t count, std::size_t columns) const {
  LibraryHandle booster(api_->XGBoosterFree);
  GFR_TRY(api_->Check(api_->XGBoosterCreate(nullptr, 0, &booster.handle)));
  GFR_TRY(api_->Check(api_->XGBoosterLoadModelFromBuffer(booster.handle, forest.data(), forest.size())));
  LibraryHandle proxy(api_->XGDMatrixFree);
  const std::uint64_t* shape = nullptr;
  std::uint64_t dim = 0;
  const float* out = nullptr;
  GFR_TRY(
      api_->Check(api_->XGBoosterPredictFromDense(booster.handle, Interface(rows, count, columns).c_str(),
                                                  "{\"type\":1,\"training\":false,\"iteration_begin\":0,\"iteration_"
                                                  "end\":0,\"strict_shape\":false,\"cache_id\":0,\"missing\":NaN}",
                                                  nullptr, &shape, &dim, &out)));
  return std::vector<float>(out, out + count);
}

Result<XgboostTrainer::Importance> XgboostTrainer::Explain(const std::string& forest, const float* rows,
                                                           std::size_t count, std::size_t columns) const {
  LibraryHandle booster(api_->XGBoosterFree), matrix(api_->XGDMatrixFree);
  GFR_TRY(api_->Check(api_->XGBoosterCreate(nullptr, 0, &booster.handle)));
  GFR_TRY(api_->Check(api_->XGBoosterLoadModelFromBuffer(booster.handle, forest.data(), forest.size())));
  Importance importance;
  GFR_ASSIGN(importance.gain, TotalGain(*api_, booster.handle, columns));
  importance.mean_abs_shap.resize(columns, std::nan(""));
  if (count == 0) return importance;
  GFR_TRY(api_->Check(
      api_->XGDMatrixCreateFromDense(Interface(rows, count, columns).c_str(), "{\"missing\":NaN}", &matrix.handle)));
  const std::uint64_t* shape = nullptr;
  std::uint64_t dim = 0;
  const float* out = nullptr;  // count x (columns + 1): the last is the bias.
  GFR_TRY(
      api_->Check(api_->XGBoosterPredictFromDMatrix(booster.handle, matrix.handle,
                                                    "{\"type\":2,\"training\":false,\"iteration_begin\":0,\"iteration_"
                                                    "end\":0,\"strict_shape\":false}",
                                                    &shape, &dim, &out)));
  importance.mean_abs_shap = MeanSizes(out, count, columns);
  return importance;
}

}  // namespace gfr
