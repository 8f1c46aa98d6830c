#include "operations/train_in_container.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <vector>

#include "base/json_text.h"
#include "base/number_text.h"
#include "base/sync.h"
#include "event/csv.h"
#include "object/object_store.h"
#include "score/feature_rows.h"
#include "table/parquet_columns.h"
#include "train/forest_trainer.h"

namespace gfr {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kBatch = 4096, kFailureBytes = 1024;

// What may be said of a training, by XGBoost's names.
struct NumberRule {
  const char* name;
  double low, high;
  bool whole;
  void (*set)(ForestParams&, double);
};
constexpr NumberRule kNumbers[] = {
    {"num_round", 1, 100'000, true, [](ForestParams& p, double x) { p.max_rounds = static_cast<int>(x); }},
    {"early_stopping_rounds", 1, 100'000, true,
     [](ForestParams& p, double x) { p.early_stopping = static_cast<int>(x); }},
    {"eta", 1e-6, 1, false, [](ForestParams& p, double x) { p.eta = x; }},
    {"max_depth", 1, 16, true, [](ForestParams& p, double x) { p.depth = static_cast<int>(x); }},
    {"min_child_weight", 0, 1e9, false, [](ForestParams& p, double x) { p.min_child_weight = x; }},
    {"lambda", 0, 1e9, false, [](ForestParams& p, double x) { p.lambda = x; }},
    {"subsample", 0.001, 1, false, [](ForestParams& p, double x) { p.subsample = x; }},
    {"colsample_bytree", 0.001, 1, false, [](ForestParams& p, double x) { p.colsample = x; }},
    {"max_bin", 2, 65'536, true, [](ForestParams& p, double x) { p.max_bin = static_cast<int>(x); }},
    {"nthread", 1, 1024, true, [](ForestParams& p, double x) { p.threads = static_cast<int>(x); }},
    {"seed", 0, 2'147'483'647, true, [](ForestParams& p, double x) { p.seed = static_cast<std::uint64_t>(x); }}};

Error Wrong(std::string message, const std::string& path) {
  return {ErrorCode::kInvalidArgument, std::move(message), {path, 0}};
}

// An object of JSON; an empty one where the file is missing.
Result<Json> ReadConfig(FileSystem& fs, const std::string& path) {
  if (!fs.Exists(path)) return Json::object();
  GFR_ASSIGN(const std::string text, fs.ReadAll(path));
  Json json = ParseJson<Json>(text, /*throws=*/false);
  if (!json.is_object()) return Wrong("the file is not an object of JSON", path);
  return json;
}

std::string ValidNames() {
  std::string names = "objective";
  for (const NumberRule& rule : kNumbers) names += std::string(", ") + rule.name;
  return names;
}

Result<ForestParams> ReadHyperparameters(FileSystem& fs, const std::string& path) {
  GFR_ASSIGN(const Json json, ReadConfig(fs, path));
  // XGBoost's own defaults, where ours differ.
  ForestParams params{.eta = 0.3, .max_rounds = 100, .early_stopping = 0, .seed = 0};
  params.threads = HardwareThreads();
  for (const auto& [name, value] : json.items()) {
    const std::string text = value.is_string() ? value.get<std::string>() : DumpJson(value);
    if (name == "objective") {
      if (text != "binary:logistic")
        return Wrong("objective is '" + text.substr(0, 100) + "'; valid is binary:logistic", path);
      continue;
    }
    const auto rule = std::ranges::find(kNumbers, name, [](const NumberRule& r) { return std::string_view(r.name); });
    if (rule == std::end(kNumbers))
      return Wrong("hyperparameter '" + name.substr(0, 100) + "' is not known; valid are " + ValidNames(), path);
    double number = 0;
    if (!ParseNumber(text, &number) || number < rule->low || number > rule->high ||
        (rule->whole && std::trunc(number) != number))
      return Wrong(name + " is '" + text.substr(0, 100) + "'; valid is a " + (rule->whole ? "whole " : "") +
                       "number from " + NumberText(rule->low) + " to " + NumberText(rule->high),
                   path);
    rule->set(params, number);
  }
  if (params.early_stopping == 0) params.early_stopping = params.max_rounds;
  return params;
}

Status CheckHosts(FileSystem& fs, const std::string& path) {
  GFR_ASSIGN(const Json json, ReadConfig(fs, path));
  const auto hosts = json.find("hosts");
  if (hosts == json.end() || !hosts->is_array() || hosts->size() <= 1) return {};
  return Wrong(
      "the training has " + std::to_string(hosts->size()) + " hosts; this one runs on one: set its instance count to 1",
      path);
}

struct LabelledRows {
  std::size_t columns = 0;  // Without the label.
  std::vector<float> values, labels;
};

Result<std::unique_ptr<ColumnSource>> OpenTableWithoutHeader(const std::string& path, std::size_t* columns) {
  if (path.ends_with(".parquet")) {
    GFR_ASSIGN(auto source, OpenParquetColumns(path));
    *columns = source->columns().size();
    return source;
  }
  CsvFormat format;
  {
    GFR_ASSIGN(const auto first, OpenCsv(path));  // Whose first line says how many columns there are.
    *columns = first->columns().size();
  }
  for (std::size_t k = 0; k < *columns; ++k) format.header.push_back(std::to_string(k));
  GFR_ASSIGN(auto rows, OpenCsv(path, format));
  return ColumnsOfRows(std::move(rows), path);
}

Status AddTable(const std::string& path, LabelledRows* rows) {
  std::size_t columns = 0;
  GFR_ASSIGN(const auto source, OpenTableWithoutHeader(path, &columns));
  if (columns < 2) return Wrong("the table has one column; wanted are the label and at least one feature", path);
  if (rows->columns != 0 && rows->columns != columns - 1)
    return Wrong(
        "the table has " + std::to_string(columns) + " columns, another one " + std::to_string(rows->columns + 1),
        path);
  rows->columns = columns - 1;
  Forest all;  // What FeatureRows looks for: every column, in its order.
  all.columns = static_cast<int>(columns);
  GFR_ASSIGN(FeatureRows table, FeatureRows::Make(*source, all, path, {.by_order = true}));
  for (std::uint64_t line = 1;;) {
    GFR_ASSIGN(const std::size_t count, table.Next(kBatch));
    if (count == 0) return {};
    const Rows batch = table.rows();
    for (std::size_t i = 0; i < count; ++i, ++line) {
      const float* row = batch.f32 + i * columns;
      if (row[0] != 0 && row[0] != 1)
        return Error{ErrorCode::kInvalidArgument,
                     "the label, in the first column, is " + NumberText(row[0]) + "; valid are 0 and 1",
                     {path, static_cast<int>(line)}};
      rows->labels.push_back(row[0]);
      rows->values.insert(rows->values.end(), row + 1, row + columns);
    }
  }
}

// Of all files of a channel, in the order of their names. kNotFound: there is none.
Result<LabelledRows> ReadChannel(FileSystem& fs, const std::string& folder) {
  LabelledRows rows;
  GFR_ASSIGN(std::vector<std::string> names, fs.List(folder));
  std::ranges::sort(names);
  bool any = false;
  for (const std::string& name : names) {
    if (name.starts_with('.') || name.starts_with('_')) continue;  // Spark's markers.
    GFR_TRY(AddTable(JoinPath(folder, name), &rows));
    any = true;
  }
  if (!any) return Error{ErrorCode::kNotFound, "no table is there", {folder, 0}};
  if (rows.labels.empty()) return Wrong("the tables have no rows", folder);
  return rows;
}

TrainMatrix MatrixOf(const LabelledRows& rows) {
  return {.rows = std::make_shared<DenseRows>(rows.values, rows.columns),
          .count = rows.labels.size(),
          .columns = rows.columns,
          .labels = rows.labels.data(),
          .weights = nullptr};
}

Result<ContainerTraining> Train(FileSystem& fs, const std::string& ml,
                                const std::function<void(int round, double log_loss)>& progress) {
  const std::string config = JoinPath(ml, "input/config"), data = JoinPath(ml, "input/data");
  GFR_TRY(CheckHosts(fs, JoinPath(config, "resourceconfig.json")));
  GFR_ASSIGN(const ForestParams params, ReadHyperparameters(fs, JoinPath(config, "hyperparameters.json")));
  const std::string train_folder = JoinPath(data, "train"), validation_folder = JoinPath(data, "validation");
  if (!fs.Exists(train_folder))
    return Error{ErrorCode::kNotFound, "there is no channel 'train', which holds the tables", {train_folder, 0}};
  GFR_ASSIGN(const LabelledRows train, ReadChannel(fs, train_folder));
  std::optional<LabelledRows> validation;
  if (fs.Exists(validation_folder)) {
    GFR_ASSIGN(validation, ReadChannel(fs, validation_folder));
    if (validation->columns != train.columns)
      return Wrong("the tables have " + std::to_string(validation->columns) + " features, those of train " +
                       std::to_string(train.columns),
                   validation_folder);
  }
  if (std::ranges::all_of(train.labels, [&](float l) { return l == train.labels.front(); }))
    return Wrong("all labels are " + NumberText(train.labels.front()) + ": there is nothing to learn", train_folder);
  GFR_ASSIGN(const auto trainer, LoadForestTrainer(Forest::Engine::kXgboost));
  const TrainMatrix matrix = MatrixOf(train);
  std::optional<TrainMatrix> judged;
  if (validation) judged = MatrixOf(*validation);
  GFR_ASSIGN(const TrainedForest forest,
             trainer->Train(matrix, judged ? &*judged : nullptr, params, [&](int round, double log_loss) {
               if (progress) progress(round, judged ? log_loss : std::nan(""));
             }));
  GFR_TRY(LocalObjectStore(fs, JoinPath(ml, "model"))->Put("model.ubj", forest.bytes));
  return ContainerTraining{.rows = train.labels.size(),
                           .validation_rows = validation ? validation->labels.size() : 0,
                           .columns = train.columns,
                           .rounds = forest.rounds,
                           .log_loss = validation ? forest.best_log_loss : std::nan(""),
                           .model = JoinPath(ml, "model/model.ubj")};
}

}  // namespace

Result<ContainerTraining> TrainInContainer(FileSystem& fs, const std::string& root,
                                           const std::function<void(int round, double log_loss)>& progress) {
  const std::string ml = JoinPath(root, "opt/ml");
  auto trained = Train(fs, ml, progress);
  if (!trained.ok()) {
    const std::string why = trained.error().ToString().substr(0, kFailureBytes);
    GFR_TRY(LocalObjectStore(fs, JoinPath(ml, "output"))->Put("failure", why));
  }
  return trained;
}

}  // namespace gfr
