// OwnerClient: calls of a reader to its owner, each with a deadline.
//
// A call that finds nobody says so, and the next ones fail at once for a second. Then one call finds out whether the
// owner is back, while the others still fail at once: an owner that hangs holds up one call a second. Thread safety:
// all calls.
#pragma once

#include <atomic>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/http_client.h"
#include "serve/http_message.h"

namespace gfr {

struct OwnerCall {
  std::string method, path;  // With its query.
  std::string_view body = {};
  std::string content_type = "application/json", authorization = {};
  std::int64_t timeout_ms = 5000;                                 // From now to the end of the answer.
  std::vector<std::pair<std::string, std::string>> headers = {};  // Beside these.
  std::string traceparent = {};                                   // As it came; goes on with a span of its own.
  // Finds out nothing for other calls: a slow answer keeps none of them from the owner.
  bool alone = false;
  bool every_header = false;  // The answer has all headers that the owner gave.
};

class OwnerClient {
 public:
  static constexpr std::int64_t kAwayMs = 1000;

  // `owner`: HOST:PORT, or https://HOST:PORT. kInvalidArgument: it is none.
  static Result<std::unique_ptr<OwnerClient>> Make(const std::string& owner, std::unique_ptr<HttpCaller> caller);
  // What the owner answered, with its Retry-After, its ETag and the variant that it names, or all but those that
  // belong to the connection. kUnavailable: nobody
  // answered in time, or a stop was requested.
  Result<HttpResponse> Send(const OwnerCall& call, const std::stop_token& stop = {});
  const std::string& address() const { return address_; }
  bool away() const { return away_; }  // The last call found nobody.

 private:
  OwnerClient(std::string scheme, std::string address, std::unique_ptr<HttpCaller> caller);
  Result<HttpAnswer> SendOnce(const OwnerCall& call, const std::stop_token& stop);

  const std::string scheme_, address_;
  const std::unique_ptr<HttpCaller> caller_;
  std::atomic<std::int64_t> away_until_ms_ = 0;
  std::atomic<bool> away_ = false;     // The last call found nobody.
  std::atomic<bool> probing_ = false;  // A call finds out whether it still does.
};

}  // namespace gfr
