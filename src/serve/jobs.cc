#include "serve/jobs.h"

#include <utility>

namespace gfr {

Jobs::Jobs() : thread_("gfr-jobs", [this](const std::stop_token& stop) { Run(stop); }) {}

Jobs::~Jobs() { Stop(); }

void Jobs::Stop() {
  if (!thread_.joinable()) return;
  thread_.RequestStop();
  thread_.Join();
}

Result<std::string> Jobs::Start(const std::string& key, Work work) {
  const MutexLock lock(mutex_);
  if (const auto at = by_key_.find(key); at != by_key_.end()) {
    if (by_id_.at(at->second)->view.state != State::kFailed) return at->second;
  }
  if (waiting_.size() >= kMostWaiting)
    return Error{ErrorCode::kResourceExhausted,
                 std::to_string(kMostWaiting) + " jobs wait already; start it again when they have run"};
  auto job = std::make_shared<Job>();
  job->view.id = "j" + std::to_string(++started_);
  job->key = key;
  job->work = std::move(work);
  by_id_[job->view.id] = job;
  by_key_[key] = job->view.id;
  order_.push_back(job->view.id);
  waiting_.push_back(job);
  // The oldest answers go; what waits or runs is among the newest.
  while (order_.size() > kKept) {
    const auto old = by_id_.find(order_.front());
    if (const auto at = by_key_.find(old->second->key); at != by_key_.end() && at->second == old->first)
      by_key_.erase(at);
    by_id_.erase(old);
    order_.pop_front();
  }
  changed_.NotifyAll();
  return job->view.id;
}

std::optional<Jobs::View> Jobs::Find(const std::string& id) const {
  const MutexLock lock(mutex_);
  const auto at = by_id_.find(id);
  if (at == by_id_.end()) return std::nullopt;
  return at->second->view;
}

void Jobs::Run(const std::stop_token& stop) {
  MutexLock lock(mutex_);
  while (changed_.Wait(lock, stop, [&] { return !waiting_.empty(); }) && !stop.stop_requested()) {
    const std::shared_ptr<Job> job = waiting_.front();
    waiting_.pop_front();
    job->view.state = State::kRunning;
    const Work work = std::exchange(job->work, nullptr);
    lock.Unlock();
    auto answer = [&]() -> Result<std::string> {
      try {
        return work(stop);
      } catch (const std::exception& e) {  // No memory, mostly: the job has failed, the process goes on.
        return Error{ErrorCode::kUnavailable, e.what()};
      }
    }();
    lock.Lock();
    if (answer.ok())
      job->view.answer = std::move(answer).value();
    else
      job->view.error = answer.error().ToString();
    job->view.state = answer.ok() ? State::kDone : State::kFailed;
  }
}

}  // namespace gfr
