// WorkerPool: the processes that train together, seen from the `gfr train` that leads them: some it starts itself, some
// join from other machines. Each is given its share of the rows and has no other source of them.
//
// A worker that ends, falls silent or cannot go on ends the pool: the call under way and every later one return
// kUnavailable, which names it and says how it ended, and the local ones are killed. Within kStalledSeconds of a
// stopped process or a lost machine, at once of a process that died. Thread safety: none.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "runtime/subprocess.h"
#include "train/distributed/worker_message.h"

namespace gfr {

struct WorkersConfig {
  int local = 0;                       // Started here.
  int remote = 0;                      // That join from elsewhere.
  std::string listen = "127.0.0.1:0";  // An address of this machine that all workers reach.
  std::string token;                   // Who does not know it does not join. Empty: one is made, for local ones.
  std::vector<std::string> command;    // Of a local worker; the address is added, GFR_TRAIN_TOKEN is set.
  int join_timeout_s = 60;
  bool any() const { return local + remote > 0; }
};

class WorkerPool {
 public:
  // kUnavailable: not all joined in time.
  static Result<std::unique_ptr<WorkerPool>> Start(const WorkersConfig& config);
  ~WorkerPool();  // Ends the workers.

  int size() const { return static_cast<int>(workers_.size()); }
  const std::string& host() const { return listener_->host(); }
  Status Send(int worker, const std::string& head, std::string_view body = {});
  // The next message of any of them, signs of life aside.
  Result<std::pair<int, Message>> Receive();

  static constexpr const char* kTokenVariable = "GFR_TRAIN_TOKEN";

 private:
  struct Worker {
    std::unique_ptr<WorkerConnection> connection;
    std::string host, engine;  // Which XGBoost it has.
    long process = 0;
    bool local = false;
    double heard_s = 0;
    std::string used;  // What it said of its memory and processor time.
  };
  WorkerPool() = default;
  Status Spawn(const WorkersConfig& config);
  Status AwaitAll(const WorkersConfig& config);
  Status Welcome(std::unique_ptr<WorkerConnection> connection, const std::string& token);
  std::string NameOf(int worker) const;
  Error Lost(int worker, const std::string& why);
  void KillLocal();
  Subprocess* FindChild(long process) const;  // Null: it is none.

  std::unique_ptr<WorkerListener> listener_;
  std::vector<Worker> workers_;
  std::vector<std::unique_ptr<Subprocess>> children_;  // Started here.
  int wanted_ = 0;
  Status status_;
};

}  // namespace gfr
