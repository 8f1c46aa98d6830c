#include "train/distributed/train_worker.h"

#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>

#include "base/clock.h"
#include "base/json_text.h"
#include "base/sync.h"
#include "runtime/logger.h"
#include "train/distributed/worker_job.h"
#include "train/distributed/worker_json.h"
#include "train/engine/xgboost_api.h"
#include "train/engine/xgboost_trainer.h"

namespace gfr {
namespace {

using Json = WorkerJson;

constexpr int kLifeMs = 2000;

// Tells `gfr train` every two seconds that this process runs, and ends the process when nobody is there to be told.
class SignsOfLife {
 public:
  explicit SignsOfLife(WorkerConnection& connection)
      : thread_("signs-of-life", [this, &connection] { Run(connection); }) {}
  ~SignsOfLife() {
    {
      const MutexLock lock(mutex_);
      done_ = true;
    }
    changed_.NotifyAll();
    thread_.Join();
  }

 private:
  void Run(WorkerConnection& connection) {
    MutexLock lock(mutex_);
    while (!changed_.WaitUntil(lock, MonotonicMs() + kLifeMs, [this] { return done_; })) {
      if (connection.Send("{\"alive\":true}").ok()) continue;
      LogError("train", "`gfr train` is gone; this worker ends");
      ::_exit(1);
    }
  }
  Mutex mutex_;
  CondVar changed_;
  bool done_ = false;
  Thread thread_;
};

std::string Used() {
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  const double cpu_s = static_cast<double>(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
                       1e-6 * static_cast<double>(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
  char text[80];
  std::snprintf(text, sizeof text, "peak memory %.1f MB, processor time %.2f s",
                static_cast<double>(used.ru_maxrss) / 1024, cpu_s);
  return text;
}

Status Train(WorkerConnection& connection, const XgboostApi& api, const XgboostTrainer& engine, const WorkerJob& job,
             int worker) {
  MatrixShare train(job), validation(job);
  for (;;) {
    GFR_ASSIGN(Message message, connection.Receive());
    const Json head = ParseHead(message.head);
    if (head.contains("train")) break;
    MatrixShare& share = HeadValue(head, "rows", 0) == 0 ? train : validation;
    GFR_TRY(share.Add(std::move(message.body), HeadValue(head, "count", std::size_t{0})));
  }
  const TrainMatrix held = validation.matrix();
  GFR_TRY(api.Join(job.tracker, worker));
  const auto progress = [&](int round, double loss) {
    if (worker == 0) (void)connection.Send(DumpJson(Json{{"round", round}, {"loss", loss}}));
  };
  GFR_ASSIGN(const TrainedForest forest,
             engine.Train(train.matrix(), job.validation ? &held : nullptr, job.params, progress));
  GFR_TRY(api.Leave());
  Json done{{"rounds", forest.rounds}, {"used", Used()}};
  if (worker == 0) {
    done["gain"] = forest.gain;
    if (job.validation) done["loss"] = forest.best_log_loss;
  }
  return connection.Send(DumpJson(done), worker == 0 ? std::string_view(forest.bytes) : std::string_view());
}

}  // namespace

Status RunTrainWorker(const TrainWorkerConfig& config, const std::string& library_path) {
  GFR_ASSIGN(const auto api, XgboostApi::Load(library_path));
  const XgboostTrainer engine(api);
  GFR_ASSIGN(const auto connection, WorkerConnection::Open(config.address, config.patience_s));
  char host[256] = "";
  ::gethostname(host, sizeof host - 1);
  GFR_TRY(connection->Send(DumpJson(Json{
      {"hello", 1}, {"token", config.token}, {"engine", api->Version()}, {"host", host}, {"process", ::getpid()}})));
  int worker = -1;
  const SignsOfLife life(*connection);
  for (;;) {
    const auto message = connection->Receive();
    if (!message.ok()) {
      if (worker >= 0) return message.error();
      return Error{ErrorCode::kUnavailable,
                   "not taken as a worker (" + message.error().message + "): is GFR_TRAIN_TOKEN that of `gfr train`?"};
    }
    const Json head = ParseHead(message.value().head);
    if (head.contains("worker")) worker = HeadValue(head, "worker", 0);
    if (head.contains("end")) return {};
    if (!head.contains("job")) continue;
    auto job = WorkerJob::FromJson(message.value().head);
    if (job.ok() && config.threads > 0) job.value().params.threads = config.threads;
    const Status trained = job.ok() ? Train(*connection, *api, engine, job.value(), worker) : job.error();
    if (trained.ok()) continue;
    (void)connection->Send(DumpJson(Json{{"error", trained.error().ToString()}}));
    return trained;
  }
}

}  // namespace gfr
