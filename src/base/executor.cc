#include "base/executor.h"

#include <cassert>

namespace gfr {

Executor::Executor(Options options) : options_(std::move(options)) {
  assert(options_.threads > 0 && options_.max_queued > 0);
  try {
    for (int i = 0; i < options_.threads; ++i) threads_.emplace_back(options_.name, [this] { Work(); });
  } catch (...) {  // A thread that cannot be had: those that were must end, or destroying them waits for ever.
    Drain();
    throw;
  }
}

Executor::~Executor() { Drain(); }

Status Executor::Post(std::function<void()> task) {
  {
    const MutexLock lock(mutex_);
    if (draining_) return Error{ErrorCode::kUnavailable, options_.name + " is shutting down"};
    if (tasks_.size() >= options_.max_queued)
      return Error{ErrorCode::kResourceExhausted,
                   std::to_string(options_.max_queued) + " tasks wait for '" + options_.name + "'; try again later"};
    tasks_.push_back(std::move(task));
  }
  changed_.NotifyOne();
  return {};
}

void Executor::Drain() {
  {
    MutexLock lock(mutex_);
    draining_ = true;
    changed_.NotifyAll();
    idle_.Wait(lock, [&] { return tasks_.empty() && running_ == 0; });
  }
  for (Thread& thread : threads_) {
    if (thread.joinable()) thread.Join();
  }
}

void Executor::Work() {
  MutexLock lock(mutex_);
  for (;;) {
    changed_.Wait(lock, [&] { return !tasks_.empty() || draining_; });
    if (tasks_.empty()) return;
    std::function<void()> task = std::move(tasks_.front());
    tasks_.pop_front();
    ++running_;
    lock.Unlock();
    task();
    task = nullptr;  // What it holds goes before it counts as run.
    lock.Lock();
    if (--running_ == 0 && tasks_.empty()) idle_.NotifyAll();
  }
}

std::size_t Executor::queued() const {
  const MutexLock lock(mutex_);
  return tasks_.size();
}

std::size_t Executor::running() const {
  const MutexLock lock(mutex_);
  return running_;
}

}  // namespace gfr
