// Jobs: work that an admin's call starts and a later call asks after (GET /v1/jobs/ID): what takes longer than a reply
// may. One runs at a time, in the order in which they were started.
//
// A job that was started is found by its key until its answer is forgotten: asking again does not run it again. The
// answers of the last kKept jobs are kept. Thread safety: all calls.
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "base/result.h"
#include "base/sync.h"

namespace gfr {

class Jobs {
 public:
  static constexpr std::size_t kMostWaiting = 16, kKept = 64;
  // Gives the answer, a JSON document. It returns soon after a stop is requested.
  using Work = std::function<Result<std::string>(const std::stop_token&)>;

  enum class State { kWaiting, kRunning, kDone, kFailed };
  struct View {
    std::string id;
    State state = State::kWaiting;
    std::string answer;  // Of kDone.
    std::string error;   // Of kFailed.
  };

  Jobs();
  ~Jobs();  // Stops.

  // The id of the job of that key; a new one unless one of the key waits, runs or is done. A failed one runs again.
  // kResourceExhausted: kMostWaiting wait already.
  Result<std::string> Start(const std::string& key, Work work);
  // Stops what runs, drops what waits, and returns once neither goes on. Nothing is to be started after it.
  void Stop();
  std::optional<View> Find(const std::string& id) const;  // None: there was none, or it is forgotten.

 private:
  struct Job {
    View view;
    std::string key;
    Work work;
  };
  void Run(const std::stop_token& stop);

  mutable Mutex mutex_;
  CondVar changed_;
  std::map<std::string, std::shared_ptr<Job>> by_id_;
  std::map<std::string, std::string> by_key_;
  std::deque<std::string> order_;  // Ids, oldest first.
  std::deque<std::shared_ptr<Job>> waiting_;
  std::uint64_t started_ = 0;
  Thread thread_;  // The last member: it uses the others.
};

}  // namespace gfr
