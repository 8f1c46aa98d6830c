// ReplyDeadlines: calls that are due after a wait which is the same for all, for replies that do not wait any longer
// than that.
//
// Thread safety: all calls. A call runs on the thread of this object; what it must not do twice it guards itself.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>

#include "base/sync.h"

namespace gfr {

class ReplyDeadlines {
 public:
  explicit ReplyDeadlines(std::int64_t wait_ms);
  ~ReplyDeadlines();  // Calls that are not due yet are dropped.

  // `call` runs once the wait has passed.
  void Add(std::function<void()> call);

 private:
  struct Due {
    std::int64_t at_ms;  // Of MonotonicMs(). In the queue they rise.
    std::function<void()> call;
  };
  void Run(const std::stop_token& stop);

  const std::int64_t wait_ms_;
  Mutex mutex_;
  CondVar added_;
  std::deque<Due> queue_;
  Thread thread_;  // The last member: it uses the others.
};

}  // namespace gfr
