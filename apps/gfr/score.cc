// predict, score bench, score inspect.
#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "base/clock.h"
#include "base/column_source.h"
#include "base/file_system.h"
#include "base/json_text.h"
#include "base/sync.h"
#include "commands.h"
#include "event/import_map.h"
#include "model/link.h"
#include "model/load_forest.h"
#include "score/feature_rows.h"
#include "score/predict_rows.h"
#include "score/rows_of_forest.h"
#include "score/scorer.h"
#include "table/parquet_columns.h"

namespace gfr {
namespace {

struct PredictFlags {
  std::string model, data, scorer = "auto";
  std::string project, version, objective = "pctr";
  bool margin = false, by_order = false, codes = false, no_header = false;
  ImportOptions import;
};

template <typename T>
void AppendNumber(double value, std::string& out) {
  char text[32];
  out.append(text, std::to_chars(text, text + sizeof text, static_cast<T>(value)).ptr);
}

// `names`: of the columns, to find the delimiter by. `header`: of a CSV file without one, its columns.
Result<std::unique_ptr<ColumnSource>> OpenTable(const std::string& path, const std::vector<std::string>& names,
                                                const std::vector<std::string>& header = {}) {
  if (path.ends_with(".parquet")) return OpenParquetColumns(path);
  if (std::filesystem::is_directory(path))
    return Error{ErrorCode::kInvalidArgument, "'" + path + "' is a folder; valid is a CSV or Parquet file"};
  GFR_ASSIGN(auto rows, OpenCsv(path, {.encoding = {}, .header = header, .wanted = names}));
  return ColumnsOfRows(std::move(rows), path);
}

Status PredictByVersion(const PredictFlags& flags) {
  GFR_ASSIGN(const auto project, OpenProject(flags.project));
  GFR_ASSIGN(const Model model, project->LoadModel(flags.version));
  std::string out;
  return PredictRows(
      model, flags.objective, flags.data, [&] { return OpenTable(flags.data, model.columns); },
      [&](std::span<const float> probabilities) -> Status {
        out.clear();
        for (const float p : probabilities) {
          AppendNumber<float>(p, out);
          out += '\n';
        }
        if (std::fwrite(out.data(), 1, out.size(), stdout) != out.size())
          return Error{ErrorCode::kUnavailable, "stdout cannot be written"};
        return {};
      });
}

// So many that a batch's values and margins take 64 MiB at most, for a model of a million columns or many classes too.
std::size_t RowsABatch(const Forest& forest) {
  const auto cells = static_cast<std::size_t>(std::max(forest.columns, forest.classes));
  return std::clamp<std::size_t>((std::size_t{1} << 23) / cells, 1, 4096);
}

Status Predict(const PredictFlags& flags) {
  if (!flags.project.empty()) return PredictByVersion(flags);
  if (flags.model.empty())
    return Error{ErrorCode::kInvalidArgument, "`gfr predict` needs --model FILE, or --project DIR for a version"};
  GFR_ASSIGN(const Forest forest, LoadForest(PosixFileSystem(), flags.model, flags.import));
  if (flags.import.rounds == 0 && forest.rounds < forest.rounds_in_file)
    std::fprintf(stderr, "%d of the model's %d rounds are used, up to its best_iteration; --rounds %d uses all\n",
                 forest.rounds, forest.rounds_in_file, forest.rounds_in_file);
  GFR_ASSIGN(const ScorerKind kind, ParseScorerKind(flags.scorer));
  GFR_ASSIGN(const auto scorer, Scorer::Make(forest, kind));
  std::vector<std::string> header;
  for (int k = 0; flags.no_header && k < forest.columns; ++k) header.push_back(std::to_string(k));
  GFR_ASSIGN(const auto source, OpenTable(flags.data, forest.column_names, header));
  GFR_ASSIGN(FeatureRows table,
             FeatureRows::Make(*source, forest, flags.data,
                               {.by_order = flags.by_order || flags.no_header, .codes = flags.codes}));
  const auto classes = static_cast<std::size_t>(forest.classes);
  const std::size_t shown = flags.margin ? classes : PredictionsPerRow(forest);
  const std::size_t batch = RowsABatch(forest);
  std::vector<double> margins(batch * classes);
  std::string out;
  while (true) {
    GFR_ASSIGN(const std::size_t count, table.Next(batch));
    if (count == 0) return {};
    scorer->Margins(table.rows(), margins.data());
    if (!flags.margin) ApplyLink(forest, margins.data(), count);
    out.clear();
    for (std::size_t i = 0; i < count; ++i) {
      for (std::size_t k = 0; k < shown; ++k) {
        if (k > 0) out += ',';
        const double value = margins[i * classes + k];
        forest.engine == Forest::Engine::kXgboost ? AppendNumber<float>(value, out) : AppendNumber<double>(value, out);
      }
      out += '\n';
    }
    if (std::fwrite(out.data(), 1, out.size(), stdout) != out.size())
      return Error{ErrorCode::kUnavailable, "stdout cannot be written"};
  }
}

constexpr double kMostBenchCells = 1 << 28;  // 1 GiB of rows.

struct BenchFlags {
  std::string model, scorer = "auto";
  int rows = 10000, batch = 1000, threads = 1;
  ImportOptions import;
  double missing = 0.1;
  bool json = false;
};

// Every batch once, shared out to the threads; seconds of wall time.
double ScoreAll(const Scorer& scorer, const Forest& forest, const std::vector<float>& rows, const BenchFlags& flags,
                std::vector<double>& margins) {
  const auto batch = static_cast<std::size_t>(flags.batch), count = static_cast<std::size_t>(flags.rows),
             columns = static_cast<std::size_t>(forest.columns), classes = static_cast<std::size_t>(forest.classes);
  const auto work = [&](std::size_t thread) {
    for (std::size_t at = thread * batch; at < count; at += batch * static_cast<std::size_t>(flags.threads))
      scorer.Margins(Rows(rows.data() + at * columns, std::min(batch, count - at), columns),
                     margins.data() + at * classes);
  };
  const double begin_s = MonotonicSeconds();
  if (flags.threads == 1) {
    work(0);
  } else {
    std::vector<Thread> threads;
    for (int t = 0; t < flags.threads; ++t)
      threads.emplace_back("score", [&work, t] { work(static_cast<std::size_t>(t)); });
    threads.clear();
  }
  return MonotonicSeconds() - begin_s;
}

Status Bench(const BenchFlags& flags) {
  GFR_ASSIGN(const Forest forest, LoadForest(PosixFileSystem(), flags.model, flags.import));
  const auto cells =
      static_cast<double>(flags.rows) * static_cast<double>(std::max(forest.columns, 4 * forest.classes));
  if (cells > kMostBenchCells)
    return Error{ErrorCode::kInvalidArgument,
                 "--rows " + std::to_string(flags.rows) + " of a model with " + std::to_string(forest.columns) +
                     " columns and " + std::to_string(forest.classes) + " classes; valid are at most " +
                     std::to_string(static_cast<int>(kMostBenchCells / (cells / flags.rows))) + " rows"};
  GFR_ASSIGN(const ScorerKind kind, ParseScorerKind(flags.scorer));
  GFR_ASSIGN(const auto scorer, Scorer::Make(forest, kind));
  GFR_ASSIGN(const auto reference, Scorer::Make(forest, ScorerKind::kScalar));
  const std::vector<float> rows = RowsOfForest(forest, static_cast<std::size_t>(flags.rows), flags.missing, 1);
  std::vector<double> margins(static_cast<std::size_t>(flags.rows) * static_cast<std::size_t>(forest.classes)),
      want(margins.size());
  BenchFlags once = flags;
  once.threads = 1;
  ScoreAll(*reference, forest, rows, once, want);
  std::vector<double> seconds;
  double total = 0;
  ScoreAll(*scorer, forest, rows, flags, margins);  // Warms up.
  while (seconds.size() < 5 || (total < 0.5 && seconds.size() < 1000)) {
    seconds.push_back(ScoreAll(*scorer, forest, rows, flags, margins));
    total += seconds.back();
  }
  std::ranges::nth_element(seconds, seconds.begin() + static_cast<std::ptrdiff_t>(seconds.size() / 2));
  const double ns_per_row = seconds[seconds.size() / 2] * 1e9 / flags.rows;
  const double ns_per_row_tree = ns_per_row / static_cast<double>(std::max<std::size_t>(forest.trees(), 1));
  const bool equal = std::memcmp(margins.data(), want.data(), margins.size() * sizeof(double)) == 0;
  const std::string name =
      flags.scorer == "auto" ? std::string("auto/") + ScorerKindName(scorer->kind()) : flags.scorer;
  if (flags.json) {
    PrintJson({{"scorer", name},
               {"rows", flags.rows},
               {"batch", flags.batch},
               {"threads", flags.threads},
               {"trees", forest.trees()},
               {"ns_per_row", ns_per_row},
               {"ns_per_row_tree", ns_per_row_tree},
               {"equal_to_reference", equal}});
  } else {
    std::printf(
        "%s: %.1f ns a row, %.3f ns a row and tree (median of %zu; %d rows, batches of %d, %d threads); %s the "
        "reference\n",
        name.c_str(), ns_per_row, ns_per_row_tree, seconds.size(), flags.rows, flags.batch, flags.threads,
        equal ? "equal to" : "NOT EQUAL to");
  }
  if (!equal) return Error{ErrorCode::kInternal, "the margins are not those of the scalar reference"};
  return {};
}

Status Inspect(const std::string& path, const ImportOptions& import, bool json) {
  GFR_ASSIGN(const Forest forest, LoadForest(PosixFileSystem(), path, import));
  const ForestSummary summary = Summarize(forest);
  Json report{{"maker", EngineName(forest.engine)},
              {"objective", forest.objective},
              {"trees", forest.trees()},
              {"rounds", forest.rounds},
              {"classes", forest.classes},
              {"depth", summary.depth},
              {"leaves", summary.leaves},
              {"features", forest.columns},
              {"features_used", summary.columns_used},
              {"categorical_features", summary.categorical_columns},
              {"cut_points", summary.cut_points},
              {"most_cut_points", summary.most_cut_points}};
  if (forest.best_round >= 0) report["best_round"] = forest.best_round;
  if (forest.rounds < forest.rounds_in_file) report["rounds_in_file"] = forest.rounds_in_file;
  if (!forest.column_names.empty()) report["feature_names"] = forest.column_names;
  for (const ScorerKind kind :
       {ScorerKind::kScalar, ScorerKind::kCompact, ScorerKind::kPortable, ScorerKind::kAvx2, ScorerKind::kAvx512}) {
    if (!IsSupported(kind)) continue;
    const auto scorer = Scorer::Make(forest, kind);
    report["memory_bytes"][ScorerKindName(kind)] = scorer.ok() ? Json(scorer.value()->memory_bytes()) : Json(nullptr);
  }
  const auto scorer = Scorer::Make(forest);
  if (scorer.ok()) report["scorer"] = ScorerKindName(scorer.value()->kind());
  if (json) {
    PrintJson(report);
    return {};
  }
  for (const auto& [key, value] : report.items())
    std::printf("%-22s %s\n", key.c_str(),
                value.is_string() ? value.get<std::string>().c_str() : DumpJson(value).c_str());
  return {};
}

int ExitCode(const Status& status) { return status.ok() ? 0 : Fail(status.error()); }

void AddImportOptions(CLI::App* command, ImportOptions* import) {
  command->add_option("--rounds", import->rounds, "Boosting rounds used; 0: up to the model's best iteration, else all")
      ->check(CLI::NonNegativeNumber);
  command->add_flag("--any-version", import->any_version,
                    "Read a file of a newer XGBoost than those that were compared with their maker");
}

constexpr const char* kScorerHelp = "auto, scalar, compact, portable, avx2 or avx512";

}  // namespace

void AddPredict(CLI::App& app, Command& run) {
  auto flags = std::make_shared<PredictFlags>();
  CLI::App* command =
      app.add_subcommand("predict", "Predictions for a table, one line a row, by a model file or a project's version");
  CLI::Option* file = command->add_option("--model", flags->model, "XGBoost JSON or UBJSON, or LightGBM text");
  CLI::Option* project =
      command->add_option("--project", flags->project, "A project: calibrated probabilities")->excludes(file);
  command->add_option("--version", flags->version, "Of the project; the champion when left out")->needs(project);
  command->add_option("--objective", flags->objective, "Of the version")->capture_default_str()->needs(project);
  command->add_option("--data", flags->data, "FILE.csv with a header, or FILE.parquet")->required();
  command->add_flag("--margin", flags->margin, "The trees' sum, before the objective's link function");
  command->add_option("--scorer", flags->scorer, kScorerHelp)->capture_default_str();
  AddImportOptions(command, &flags->import);
  command->add_flag("--by-order", flags->by_order, "Take columns in their order, whatever they are named");
  command->add_flag("--no-header", flags->no_header, "The CSV file's first line is a row; columns in their order");
  command->add_flag("--codes", flags->codes, "Columns of categories hold the model's codes instead of categories");
  command->footer("Example: gfr predict --model model.ubj --data rows.csv");
  command->callback([flags, &run] { run = [flags] { return ExitCode(Predict(*flags)); }; });
}

void AddScore(CLI::App& app, Command& run) {
  CLI::App* score = app.add_subcommand("score", "The speed and the shape of an XGBoost or LightGBM model");
  score->require_subcommand(1);
  auto flags = std::make_shared<BenchFlags>();
  CLI::App* bench =
      score->add_subcommand("bench", "Time a model on random rows around its thresholds, against the scalar reference");
  bench->add_option("--model", flags->model, "XGBoost JSON or UBJSON, or LightGBM text")->required();
  bench->add_option("--rows", flags->rows, "Rows scored")->capture_default_str()->check(CLI::Range(1, 1 << 24));
  bench->add_option("--batch", flags->batch, "Rows a call")->capture_default_str()->check(CLI::Range(1, 1 << 24));
  bench->add_option("--threads", flags->threads, "Threads that share the batches")
      ->capture_default_str()
      ->check(CLI::Range(1, 256));
  bench->add_option("--missing", flags->missing, "Share of the values that are missing")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 1.0));
  bench->add_option("--scorer", flags->scorer, kScorerHelp)->capture_default_str();
  AddImportOptions(bench, &flags->import);
  bench->add_flag("--json", flags->json, "One JSON object on stdout");
  bench->footer("Example: gfr score bench --model model.ubj --rows 10000 --batch 1000 --threads 1 --json");
  bench->callback([flags, &run] { run = [flags] { return ExitCode(Bench(*flags)); }; });

  struct InspectFlags {
    std::string model;
    ImportOptions import;
    bool json = false;
  };
  auto inspected = std::make_shared<InspectFlags>();
  CLI::App* inspect = score->add_subcommand("inspect", "Trees, depth, features, cut points and memory of a model");
  inspect->add_option("model", inspected->model, "XGBoost JSON or UBJSON, or LightGBM text")->required();
  AddImportOptions(inspect, &inspected->import);
  inspect->add_flag("--json", inspected->json, "One JSON object on stdout");
  inspect->footer("Example: gfr score inspect model.ubj");
  inspect->callback([inspected, &run] {
    run = [inspected] { return ExitCode(Inspect(inspected->model, inspected->import, inspected->json)); };
  });
}

}  // namespace gfr
