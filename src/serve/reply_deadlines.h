// ReplyDeadlines: replies that are due after a wait which is the same for all, for callers that do not wait any longer.
//
// A reply that is given before its time costs no thread's waking: it is only forgotten here. Thread safety: all calls.
// ReplyLate runs on the thread of this object; what it must not do twice it guards itself.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>

#include "base/sync.h"

namespace gfr {

class LateReply {
 public:
  virtual ~LateReply() = default;
  virtual void ReplyLate() = 0;
};

class ReplyDeadlines {
 public:
  explicit ReplyDeadlines(std::int64_t wait_ms);
  ~ReplyDeadlines();  // Replies that are not due yet are dropped.

  // ReplyLate is called once the wait has passed, unless the reply is gone by then.
  void Add(std::weak_ptr<LateReply> reply);

 private:
  struct Due {
    std::int64_t at_ms;  // Of MonotonicMs(). In the queue they rise.
    std::weak_ptr<LateReply> reply;
  };
  void Run(const std::stop_token& stop);

  const std::int64_t wait_ms_;
  Mutex mutex_;
  CondVar added_;
  std::deque<Due> queue_;
  Thread thread_;  // The last member: it uses the others.
};

}  // namespace gfr
