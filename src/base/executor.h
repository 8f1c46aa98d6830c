// Executor: a fixed number of threads that run tasks in the order of Post, and a bounded queue before them.
//
// The bound makes overload visible: Post refuses at once, and its caller answers "later" instead of holding ever more
// memory. Tasks must not throw, and must not wait for another task of the same executor. Thread safety: all calls.
#pragma once

#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/sync.h"

namespace gfr {

class Executor {
 public:
  struct Options {
    std::string name;  // Of the threads.
    int threads = 1;
    std::size_t max_queued = 1024;  // Waiting, not counting those that run.
  };
  explicit Executor(Options options);
  ~Executor();  // Drains.

  // Errors: kResourceExhausted when max_queued tasks wait, kUnavailable once Drain has begun. The task is not run then.
  Status Post(std::function<void()> task);
  // Takes no more tasks, and returns once all that were taken have run. REQUIRES: not called from a task.
  void Drain();

  std::size_t queued() const;
  std::size_t running() const;
  int threads() const { return options_.threads; }

 private:
  void Work();
  const Options options_;
  mutable Mutex mutex_;
  CondVar changed_, idle_;
  std::deque<std::function<void()>> tasks_;
  std::size_t running_ = 0;
  bool draining_ = false;
  std::vector<Thread> threads_;
};

}  // namespace gfr
