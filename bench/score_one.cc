// Times one system on one model: gfr's scorers, and peers through their C interfaces. Called by score_vs_peers.py, one
// process a system, since each peer brings its own OpenMP.
//
// score_one SYSTEM MODEL ROWS COLUMNS OWN OURS REPEATS BATCH... [with the peer's library in the environment]
//   SYSTEM  gfr-auto, gfr-avx512, ...; xgboost, lightgbm, onnxruntime (PEER_LIBRARY); tl2cgen, lleaves (MODEL is their
//           library)
//   ROWS    a file of float32, row-major
//   OWN     threads among which the system itself shares a call's rows (xgboost, lightgbm, onnxruntime; else 1)
//   OURS    threads that call it at the same time, each with batches of its own
// Prints a JSON line a batch: ns a row of each repeat, a repeat being enough calls for 20 ms; and the first margins.
// One thread is timed by its processor time.
#include <dlfcn.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fstream>
#include <functional>
#include <iterator>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/file_system.h"
#include "score/scorer.h"

namespace {

[[noreturn]] void Die(const std::string& what) {
  std::fprintf(stderr, "score_one: %s\n", what.c_str());
  std::exit(1);
}

void* Library(const char* path) {
  void* library = path ? ::dlopen(path, RTLD_NOW | RTLD_LOCAL) : nullptr;
  if (!library) Die(std::string("no library: ") + (path ? ::dlerror() : "PEER_LIBRARY is not set"));
  return library;
}
template <typename F>
F* Function(void* library, const char* name) {
  void* at = ::dlsym(library, name);
  if (!at) Die(std::string("no function ") + name);
  return reinterpret_cast<F*>(at);
}

struct Table {
  std::vector<float> values;
  std::size_t columns, count;
};
// Scores rows [begin, begin + count) into out, one margin a row; may be called by several threads.
using Score = std::function<void(std::size_t begin, std::size_t count, float* out)>;

Score Gfr(const std::string& kind, const std::string& model, const Table& table) {
  const auto forest = gfr::ParseForest(gfr::PosixFileSystem().ReadAll(model).value());
  if (!forest.ok()) Die(forest.error().message);
  auto made = gfr::Scorer::Make(forest.value(), gfr::ParseScorerKind(kind).value());
  if (!made.ok()) Die(made.error().message);
  const std::shared_ptr<const gfr::Scorer> scorer = std::move(made).value();
  return [scorer, &table](std::size_t begin, std::size_t count, float* out) {
    scorer->Margins(table.values.data() + begin * table.columns, count, table.columns, out);
  };
}

Score Xgboost(const std::string& model, const Table& table, int threads) {
  void* library = Library(std::getenv("PEER_LIBRARY"));
  void* booster = nullptr;
  Function<int(void* const*, std::uint64_t, void**)>(library, "XGBoosterCreate")(nullptr, 0, &booster);
  if (Function<int(void*, const char*)>(library, "XGBoosterLoadModel")(booster, model.c_str()))
    Die("the model is not read");
  Function<int(void*, const char*, const char*)>(library, "XGBoosterSetParam")(booster, "nthread",
                                                                               std::to_string(threads).c_str());
  auto* predict =
      Function<int(void*, const char*, const char*, void*, const std::uint64_t**, std::uint64_t*, const float**)>(
          library, "XGBoosterPredictFromDense");
  return [=, &table](std::size_t begin, std::size_t count, float* out) {
    char rows[200];
    std::snprintf(rows, sizeof rows, "{\"data\":[%zu,true],\"shape\":[%zu,%zu],\"typestr\":\"<f4\",\"version\":3}",
                  reinterpret_cast<std::size_t>(table.values.data() + begin * table.columns), count, table.columns);
    const std::uint64_t* shape;
    std::uint64_t dim;
    const float* result;
    if (predict(booster, rows,
                "{\"type\":1,\"training\":false,\"iteration_begin\":0,\"iteration_end\":0,\"strict_shape\":false,"
                "\"cache_id\":0,\"missing\":NaN}",
                nullptr, &shape, &dim, &result))
      Die("XGBoost does not predict");
    std::copy_n(result, count, out);
  };
}

Score Lightgbm(const std::string& model, const Table& table, int threads) {
  void* library = Library(std::getenv("PEER_LIBRARY"));
  void* booster = nullptr;
  int rounds = 0;
  if (Function<int(const char*, int*, void**)>(library, "LGBM_BoosterCreateFromModelfile")(model.c_str(), &rounds,
                                                                                           &booster))
    Die("the model is not read");
  auto* predict = Function<int(void*, const void*, int, std::int32_t, std::int32_t, int, int, int, int, const char*,
                               std::int64_t*, double*)>(library, "LGBM_BoosterPredictForMat");
  // For a single row it has a call that is set up once, for a thread each.
  auto* prepare = Function<int(void*, int, int, int, int, std::int32_t, const char*, void**)>(
      library, "LGBM_BoosterPredictForMatSingleRowFastInit");
  auto* predict_one =
      Function<int(void*, const void*, std::int64_t*, double*)>(library, "LGBM_BoosterPredictForMatSingleRowFast");
  const std::string options = "num_threads=" + std::to_string(threads);
  return [=, &table](std::size_t begin, std::size_t count, float* out) {
    thread_local std::vector<double> doubles;
    thread_local void* prepared = nullptr;
    doubles.resize(count);
    std::int64_t size = 0;
    const float* rows = table.values.data() + begin * table.columns;
    const auto columns = static_cast<std::int32_t>(table.columns);
    if (count == 1 && !prepared && prepare(booster, 1, 0, -1, 0, columns, options.c_str(), &prepared))
      Die("LightGBM does not prepare");
    if (count == 1 ? predict_one(prepared, rows, &size, doubles.data())
                   : predict(booster, rows, 0, static_cast<std::int32_t>(count), columns, 1, 1, 0, -1, options.c_str(),
                             &size, doubles.data()))
      Die("LightGBM does not predict");
    std::copy_n(doubles.data(), count, out);
  };
}

// Their libraries read rows in a form of their own, which is made beforehand and not timed.
Score Tl2cgen(const std::string& model, const Table& table) {
  union Entry {
    int missing;
    float value;
    int category;
  };
  auto* predict = Function<void(Entry*, int, float*)>(Library(model.c_str()), "predict");
  auto entries = std::make_shared<std::vector<Entry>>(table.values.size());
  for (std::size_t i = 0; i < table.values.size(); ++i) {
    if (table.values[i] != table.values[i])
      (*entries)[i].missing = -1;
    else
      (*entries)[i].value = table.values[i];
  }
  return [=, &table](std::size_t begin, std::size_t count, float* out) {
    thread_local std::vector<Entry> row;  // A copy: a library made with quantize writes ranks over the values.
    std::fill_n(out, count, 0.0f);        // It adds to what is there.
    for (std::size_t i = 0; i < count; ++i) {
      const auto at = entries->begin() + static_cast<std::ptrdiff_t>((begin + i) * table.columns);
      row.assign(at, at + static_cast<std::ptrdiff_t>(table.columns));
      predict(row.data(), 1, out + i);
    }
  };
}
Score Lleaves(const std::string& model, const Table& table) {
  auto* root = Function<void(double*, double*, std::int32_t, std::int32_t)>(Library(model.c_str()), "forest_root");
  auto rows = std::make_shared<std::vector<double>>(table.values.begin(), table.values.end());
  return [=, &table](std::size_t begin, std::size_t count, float* out) {
    thread_local std::vector<double> doubles;
    doubles.assign(count, 0);
    root(rows->data() + begin * table.columns, doubles.data(), 0, static_cast<std::int32_t>(count));
    std::copy_n(doubles.data(), count, out);
  };
}

// Its functions are a table whose order does not change (struct OrtApi of onnxruntime_c_api.h); gives the odds of the
// second class.
Score Onnxruntime(const std::string& model, const Table& table, int threads) {
  enum {
    kErrorMessage = 2,
    kCreateEnv = 3,
    kCreateSession = 7,
    kRun = 9,
    kCreateOptions = 10,
    kSetThreads = 24,
    kOutputCount = 31,
    kOutputName = 37,
    kCreateTensor = 49,
    kMemoryInfo = 69,
    kAllocator = 78,
    kReleaseValue = 96
  };
  struct Base {
    void* const* (*api)(std::uint32_t version);
    const char* (*version)();
  };
  void* const* api = Function<const Base*()>(Library(std::getenv("PEER_LIBRARY")), "OrtGetApiBase")()->api(1);
  const auto call = [api](int which, auto... arguments) {
    if (void* failed = reinterpret_cast<void* (*)(decltype(arguments)...)>(api[which])(arguments...))
      Die(reinterpret_cast<const char* (*)(void*)>(api[kErrorMessage])(failed));
  };
  void *env = nullptr, *options = nullptr, *session = nullptr, *memory = nullptr, *allocator = nullptr;
  constexpr int kWarnings = 2, kArena = 1, kDefaultMemory = 0, kFloat = 1;
  call(kCreateEnv, kWarnings, "bench", &env);
  call(kCreateOptions, &options);
  call(kSetThreads, options, threads);
  call(kCreateSession, env, model.c_str(), options, &session);
  call(kMemoryInfo, kArena, kDefaultMemory, &memory);
  call(kAllocator, &allocator);
  std::size_t outputs = 0;
  char* name = nullptr;
  call(kOutputCount, session, &outputs);
  call(kOutputName, session, outputs - 1, allocator, &name);
  const auto tensor = [=](const float* data, std::size_t rows, std::size_t columns) {
    const std::int64_t shape[] = {static_cast<std::int64_t>(rows), static_cast<std::int64_t>(columns)};
    void* value = nullptr;
    call(kCreateTensor, memory, const_cast<float*>(data), rows * columns * sizeof(float), &shape[0], std::size_t{2},
         kFloat, &value);
    return value;
  };
  auto* release = reinterpret_cast<void (*)(void*)>(api[kReleaseValue]);
  return [=, &table](std::size_t begin, std::size_t count, float* out) {
    thread_local std::vector<float> probabilities;
    probabilities.resize(2 * count);
    const char *input = "x", *output = name;
    void *rows = tensor(table.values.data() + begin * table.columns, count, table.columns),
         *result = tensor(probabilities.data(), count, 2);
    call(kRun, session, static_cast<void*>(nullptr), &input, &rows, std::size_t{1}, &output, std::size_t{1}, &result);
    release(rows);
    release(result);
    for (std::size_t i = 0; i < count; ++i) out[i] = probabilities[2 * i + 1] / probabilities[2 * i];
  };
}

// Of several threads wall time, of one thread processor time, which other programs on the machine hardly touch.
double Seconds(const std::function<void()>& work, bool of_processor) {
  const auto now = [&] {
    if (of_processor) return static_cast<double>(std::clock()) / CLOCKS_PER_SEC;
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
  };
  const double begin = now();
  work();
  return now() - begin;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 9) Die("SYSTEM MODEL ROWS COLUMNS OWN OURS REPEATS BATCH...");
  const std::string name = argv[1], model = argv[2];
  std::ifstream in(argv[3], std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(in)), {});
  Table table{std::vector<float>(bytes.size() / sizeof(float)), static_cast<std::size_t>(std::atoi(argv[4])), 0};
  std::memcpy(table.values.data(), bytes.data(), table.values.size() * sizeof(float));
  table.count = table.values.size() / table.columns;
  const int own = std::atoi(argv[5]), repeats = std::atoi(argv[7]);
  const auto ours = static_cast<std::size_t>(std::atoi(argv[6]));
  const Score score = name.starts_with("gfr-") ? Gfr(name.substr(4), model, table)
                      : name == "xgboost"      ? Xgboost(model, table, own)
                      : name == "lightgbm"     ? Lightgbm(model, table, own)
                      : name == "tl2cgen"      ? Tl2cgen(model, table)
                      : name == "lleaves"      ? Lleaves(model, table)
                      : name == "onnxruntime"  ? Onnxruntime(model, table, own)
                                               : throw std::runtime_error("no such system");
  std::vector<std::vector<float>> outs(ours, std::vector<float>(table.count));
  for (int a = 8; a < argc; ++a) {
    const std::size_t batch = std::min(static_cast<std::size_t>(std::atoi(argv[a])), table.count);
    std::vector<float> first(batch);
    score(0, batch, first.data());
    if (name == "onnxruntime")
      for (float& odds : first) odds = std::log(odds);
    const auto calls = [&](std::size_t thread, std::size_t count) {
      for (std::size_t c = 0; c < count; ++c) {
        const std::size_t begin = (c + thread * 7) * batch % (table.count - batch + 1);
        score(begin, batch, outs[thread].data() + begin);
      }
    };
    const auto run = [&](std::size_t count) {
      std::vector<std::thread> workers;
      for (std::size_t t = 1; t < ours; ++t) workers.emplace_back(calls, t, count);
      calls(0, count);
      for (std::thread& worker : workers) worker.join();
    };
    const bool alone = own == 1 && ours == 1;
    std::size_t count = 1;
    while (Seconds([&] { run(count); }, alone) < 0.02 && count < 1u << 20) count *= 2;
    std::printf("{\"batch\":%zu,\"ns_per_row\":[", batch);
    for (int r = 0; r < repeats; ++r)
      std::printf("%s%.3f", r ? "," : "",
                  Seconds([&] { run(count); }, alone) * 1e9 / static_cast<double>(count * batch * ours));
    std::printf("],\"margins\":[");
    for (std::size_t i = 0; i < std::min<std::size_t>(batch, 5); ++i)
      std::printf("%s%.9g", i ? "," : "", static_cast<double>(first[i]));
    std::printf("]}\n");
    std::fflush(stdout);
  }
}
