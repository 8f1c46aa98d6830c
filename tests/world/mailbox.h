// Mailbox: the network between the world's clients and its server: requests wait here, and a killed server leaves its
// clients without an answer, as does one that is down. Thread safety: all calls.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <stop_token>

#include "base/clock.h"
#include "base/sync.h"
#include "serve/http_message.h"

namespace gfr {

// One request on its way, and its response.
class Exchange {
 public:
  explicit Exchange(HttpRequest request) : request_(std::move(request)) {}
  const HttpRequest& request() const { return request_; }
  void Answer(HttpResponse response) {
    const MutexLock lock(mutex_);
    response_ = std::move(response);
    answered_.NotifyAll();
  }
  // Empty: nobody answered in time, and it is not known what became of the request.
  std::optional<HttpResponse> Await(std::int64_t deadline_ms) {
    MutexLock lock(mutex_);
    (void)answered_.WaitUntil(lock, deadline_ms, [&] { return response_.has_value(); });
    return response_;
  }

 private:
  const HttpRequest request_;
  Mutex mutex_;
  CondVar answered_;
  std::optional<HttpResponse> response_;
};

class Mailbox {
 public:
  void Send(std::shared_ptr<Exchange> exchange) {
    const MutexLock lock(mutex_);
    waiting_.push_back(std::move(exchange));
    sent_.NotifyOne();
  }
  // What waits is lost, as connections are that no server accepts: nobody answers it.
  void Clear() {
    const MutexLock lock(mutex_);
    waiting_.clear();
  }
  // Null: a stop was requested.
  std::shared_ptr<Exchange> Take(const std::stop_token& stop) {
    MutexLock lock(mutex_);
    if (!sent_.Wait(lock, stop, [&] { return !waiting_.empty(); })) return nullptr;
    auto exchange = std::move(waiting_.front());
    waiting_.pop_front();
    return exchange;
  }

 private:
  Mutex mutex_;
  CondVar sent_;
  std::deque<std::shared_ptr<Exchange>> waiting_;
};

}  // namespace gfr
