// Trains one forest from a file of rows through XgboostTrainer, for train_vs_python.py: its time and memory in a
// process of its own.
//
// train_one ROWS LABELS COLUMNS TRAIN ROUNDS DEPTH ETA BINS THREADS HOW OUT
//   ROWS    float32, row-major; the first TRAIN rows are learnt from, the others judge every round
//   HOW     batches: read from the file each time they are asked for; memory: held as they are, as `gfr train` does
//   OUT     gets the forest (UBJSON)
// Prints a JSON line: seconds of reading and of training, processor seconds, peak memory.
#include <sys/resource.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include "base/clock.h"
#include "train/engine/xgboost_api.h"
#include "train/engine/xgboost_trainer.h"

namespace {

constexpr std::size_t kBatchBytes = 4u << 20;

[[noreturn]] void Die(const std::string& what) {
  std::fprintf(stderr, "train_one: %s\n", what.c_str());
  std::exit(1);
}

// Rows [first, first + count) of a file.
class FileRows final : public gfr::MatrixRows {
 public:
  FileRows(const std::string& path, std::size_t columns, std::size_t first, std::size_t count)
      : file_(path, std::ios::binary), row_bytes_(columns * sizeof(float)), first_(first), count_(count) {}
  void Reset() override { done_ = 0; }
  gfr::Result<std::span<const float>> Next() override {
    const std::size_t rows = std::min(kBatchBytes / row_bytes_, count_ - done_);
    batch_.resize(rows * row_bytes_ / sizeof(float));
    file_.seekg(static_cast<std::streamoff>((first_ + done_) * row_bytes_));
    if (!file_.read(reinterpret_cast<char*>(batch_.data()), static_cast<std::streamsize>(rows * row_bytes_)))
      return gfr::Error{gfr::ErrorCode::kUnavailable, "the rows cannot be read"};
    done_ += rows;
    return std::span<const float>(batch_);
  }

 private:
  std::ifstream file_;
  const std::size_t row_bytes_, first_, count_;
  std::size_t done_ = 0;
  std::vector<float> batch_;
};

std::vector<float> ReadFloats(const std::string& path) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file) Die("no file " + path);
  std::vector<float> values(static_cast<std::size_t>(file.tellg()) / sizeof(float));
  file.seekg(0);
  file.read(reinterpret_cast<char*>(values.data()), static_cast<std::streamsize>(values.size() * sizeof(float)));
  return values;
}

double CpuSeconds(const rusage& used) {
  return static_cast<double>(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
         1e-6 * static_cast<double>(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 12) Die("eleven arguments");
  const std::size_t columns = std::stoul(argv[3]), train_rows = std::stoul(argv[4]);
  gfr::ForestParams params{.depth = std::atoi(argv[6]), .eta = std::atof(argv[7]), .max_rounds = std::atoi(argv[5])};
  params.early_stopping = params.max_rounds;
  params.max_bin = std::atoi(argv[8]);
  params.threads = std::atoi(argv[9]);
  const bool batches = std::string(argv[10]) == "batches";
  const auto engine = gfr::XgboostTrainer::Load(gfr::FindXgboostLibrary());
  if (!engine.ok()) Die(engine.error().message);
  const double begin_s = gfr::MonotonicSeconds();
  const std::vector<float> labels = ReadFloats(argv[2]), values = batches ? std::vector<float>() : ReadFloats(argv[1]);
  const auto part = [&](std::size_t first, std::size_t count) {
    gfr::TrainMatrix m{.count = count, .columns = columns, .labels = labels.data() + first, .weights = nullptr};
    if (batches)
      m.rows = std::make_shared<FileRows>(argv[1], columns, first, count);
    else
      m.rows = std::make_shared<gfr::DenseRows>(std::span(values).subspan(first * columns, count * columns), columns);
    return m;
  };
  const gfr::TrainMatrix train = part(0, train_rows), validation = part(train_rows, labels.size() - train_rows);
  const double read_s = gfr::MonotonicSeconds();
  rusage before{}, after{};
  ::getrusage(RUSAGE_SELF, &before);
  double first_round_s = 0;
  const auto trained = engine.value()->Train(train, &validation, params, [&](int round, double) {
    if (round == 0) first_round_s = gfr::MonotonicSeconds();
  });
  if (!trained.ok()) Die(trained.error().message);
  const double end_s = gfr::MonotonicSeconds();
  ::getrusage(RUSAGE_SELF, &after);
  std::ofstream(argv[11], std::ios::binary) << trained.value().bytes;
  std::printf(
      "{\"read_s\":%.3f,\"train_s\":%.3f,\"first_round_s\":%.3f,\"cpu_s\":%.3f,\"peak_mb\":%.1f,\"rounds\":%d,"
      "\"log_loss\":%.9g}\n",
      read_s - begin_s, end_s - read_s, first_round_s - read_s, CpuSeconds(after) - CpuSeconds(before),
      static_cast<double>(after.ru_maxrss) / 1024, trained.value().rounds, trained.value().best_log_loss);
  return 0;
}
