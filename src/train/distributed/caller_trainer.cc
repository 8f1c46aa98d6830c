#include "train/distributed/caller_trainer.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>
#include <unordered_map>

#include "base/json_text.h"
#include "model/forest.h"
#include "table/parquet_writer.h"
#include "train/engine/xgboost_trainer.h"

namespace gfr {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kBatchBytes = 16u << 20;
constexpr std::size_t kLeastBatches = 64;  // So many that workers have like shares.

// A Parquet file of rows, a row group a batch.
class RowsFile {
 public:
  static Result<RowsFile> Open(FileSystem& fs, const std::string& path, const TrainMatrix& m) {
    RowsFile file;
    file.most_ = std::clamp<std::size_t>(m.count / kLeastBatches, 256, kBatchBytes / (m.columns * 4 + 12));
    for (const char* name : {"label", "weight", "first_of_request"})
      file.batch_.push_back({name, std::vector<float>()});
    for (std::size_t k = 0; k < m.columns; ++k) file.batch_.push_back({"f" + std::to_string(k), std::vector<float>()});
    GFR_ASSIGN(file.writer_, ParquetWriter::Open(fs, path, file.batch_));
    return file;
  }
  void Add(float label, float weight, bool first, const float* row) {
    values(0).push_back(label);
    values(1).push_back(weight);
    values(2).push_back(first ? 1.0f : 0.0f);
    for (std::size_t c = 3; c < batch_.size(); ++c) values(c).push_back(row[c - 3]);
  }
  // Here a row group may end.
  Status EndOfRequest() { return values(0).size() < most_ ? Status() : Flush(); }
  Status Close() {
    if (!values(0).empty()) GFR_TRY(Flush());
    return writer_->Close();
  }

 private:
  std::vector<float>& values(std::size_t c) { return std::get<std::vector<float>>(batch_[c].values); }
  Status Flush() {
    GFR_TRY(writer_->Append(batch_));
    for (std::size_t c = 0; c < batch_.size(); ++c) values(c).clear();
    return {};
  }
  std::vector<NamedColumn> batch_;
  std::size_t most_ = 0;
  std::unique_ptr<ParquetWriter> writer_;
};

// The rows in their order; with requests, those of a request together, when its last one has come.
Status WriteRows(FileSystem& fs, const std::string& path, const TrainMatrix& m) {
  GFR_ASSIGN(RowsFile file, RowsFile::Open(fs, path, m));
  const auto request_of = m.requests ? m.requests->GroupOfRows() : std::vector<std::uint32_t>();
  std::unordered_map<std::uint32_t, std::vector<float>> open;  // Rows of requests that go on.
  const auto weight = [&](std::size_t i) { return m.weights ? m.weights[i] : 1.0f; };
  std::size_t i = 0;
  m.rows->Reset();
  while (i < m.count) {
    GFR_ASSIGN(const std::span<const float> batch, m.rows->Next());
    if (batch.empty()) return Error{ErrorCode::kInternal, "a matrix has fewer rows than it says"};
    for (std::size_t at = 0; at < batch.size(); at += m.columns, ++i) {
      const float* row = batch.data() + at;
      if (!m.requests) {
        file.Add(m.labels[i], weight(i), true, row);
        GFR_TRY(file.EndOfRequest());
        continue;
      }
      const auto rows = m.requests->rows(request_of[i]);
      std::vector<float>& kept = open[request_of[i]];
      kept.insert(kept.end(), row, row + m.columns);
      if (i != rows.back()) continue;
      for (std::size_t k = 0; k < rows.size(); ++k)
        file.Add(m.labels[rows[k]], weight(rows[k]), k == 0, kept.data() + k * m.columns);
      open.erase(request_of[i]);
      GFR_TRY(file.EndOfRequest());
    }
  }
  return file.Close();
}

Json Describe(const std::string& path, const TrainMatrix& m) {
  return {{"path", path},
          {"rows", m.count},
          {"positives", static_cast<std::uint64_t>(std::accumulate(m.labels, m.labels + m.count, 0.0))}};
}

}  // namespace

Result<TrainedForest> CallerTrainer::Train(const TrainMatrix& train, const TrainMatrix* validation,
                                           const ForestParams& params, const std::function<void(int, double)>&) const {
  GFR_TRY(CheckLoss(train.loss, *this));
  const std::string folder = JoinPath(folder_, "forest-" + std::to_string(++asked_));
  GFR_TRY(fs_.MakeFolders(folder));
  Json asked{{"forest", asked_},
             {"columns", train.columns},
             {"link", train.requests ? "softmax" : "logistic"},
             {"rounds", params.max_rounds},
             {"early_stopping", validation ? Json(params.early_stopping) : Json()},
             {"parameters", Json::object()},
             {"base_margin", nullptr},
             {"weighted", train.weights != nullptr},
             {"train", Describe(JoinPath(folder, "train.parquet"), train)},
             {"validation", nullptr},
             {"answer", JoinPath(folder, "forest.ubj")}};
  for (const auto& [name, value] : XgboostParameters(params)) asked["parameters"][name] = value;
  if (train.requests) asked["parameters"]["base_score"] = "0.5";
  if (train.negatives < 1) {
    const float base = BaseRate(train);
    asked["parameters"]["base_score"] = DumpJson(Json(base));
    asked["base_margin"] = std::log(base / (1.0 - base)) - std::log(train.negatives);
  }
  GFR_TRY(WriteRows(fs_, asked["train"]["path"], train));
  if (validation) {
    asked["validation"] = Describe(JoinPath(folder, "validation.parquet"), *validation);
    GFR_TRY(WriteRows(fs_, asked["validation"]["path"], *validation));
  }
  GFR_ASSIGN(const std::string line, ask_(DumpJson(asked)));
  const Json answer = ParseJson<Json>(line, /*throws=*/false);
  const auto fail = [&](const std::string& what) {
    return Error{ErrorCode::kUnavailable, "forest " + std::to_string(asked_) + " was not trained: " + what};
  };
  if (!answer.is_object()) return fail("the caller answered '" + line.substr(0, 200) + "', which is no JSON object");
  if (answer.contains("error")) return fail(answer["error"].is_string() ? answer["error"].get<std::string>() : line);
  if (!answer.contains("log_loss") || !(answer["log_loss"].is_number() || answer["log_loss"].is_null()))
    return fail("the answer has no number 'log_loss' (null without validation)");
  TrainedForest trained;
  trained.best_log_loss = answer["log_loss"].is_number() ? answer["log_loss"].get<double>() : INFINITY;
  GFR_ASSIGN(trained.bytes, fs_.ReadAll(asked["answer"]));
  GFR_ASSIGN(const Forest forest, ParseXgboost(trained.bytes));
  trained.rounds = forest.rounds;
  if (forest.objective != "binary:logistic" || forest.classes != 1 || forest.rounds < 1 ||
      forest.rounds > params.max_rounds || static_cast<std::size_t>(forest.columns) != train.columns)
    return Error{ErrorCode::kInvalidArgument,
                 "'" + asked["answer"].get<std::string>() + "' is a forest of " + forest.objective + " with " +
                     std::to_string(forest.columns) + " columns and " + std::to_string(forest.rounds) +
                     " rounds; asked for was binary:logistic with " + std::to_string(train.columns) +
                     " columns and at most " + std::to_string(params.max_rounds) + " rounds"};
  GFR_TRY(fs_.RemoveTree(folder));
  return trained;
}

}  // namespace gfr
