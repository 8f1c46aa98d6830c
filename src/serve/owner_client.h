// OwnerClient: calls of a reader to its owner, over kept connections.
//
// After a call that found nobody the next ones fail at once for a second. Thread safety: Send from any thread.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "base/sync.h"
#include "serve/http_client.h"

namespace gfr {

class OwnerClient {
 public:
  OwnerClient(std::string host, int port);
  // kUnavailable: nobody answered.
  Result<HttpResponse> Send(const std::string& method, const std::string& path, const std::string& body = "",
                            const std::string& content_type = "application/json",
                            const std::string& authorization = "");
  const std::string& address() const { return address_; }

 private:
  const std::string host_, address_;
  const int port_;
  Mutex mutex_;
  std::vector<std::unique_ptr<HttpClient>> idle_;
  std::atomic<std::int64_t> away_until_ms_ = 0;
};

}  // namespace gfr
