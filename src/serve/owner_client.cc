#include "serve/owner_client.h"

#include "base/clock.h"

namespace gfr {
namespace {

constexpr int kTimeoutMs = 5000;
constexpr std::int64_t kAwayMs = 1000;

}  // namespace

OwnerClient::OwnerClient(std::string host, int port)
    : host_(std::move(host)), address_(host_ + ":" + std::to_string(port)), port_(port) {}

Result<HttpResponse> OwnerClient::Send(const std::string& method, const std::string& path, const std::string& body,
                                       const std::string& content_type, const std::string& authorization) {
  const Error away{ErrorCode::kUnavailable, "the owner of the log at " + address_ + " does not answer"};
  if (MonotonicMs() < away_until_ms_) return away;
  std::unique_ptr<HttpClient> client;
  {
    const MutexLock lock(mutex_);
    if (!idle_.empty()) {
      client = std::move(idle_.back());
      idle_.pop_back();
    }
  }
  if (client == nullptr) client = std::make_unique<HttpClient>(host_, port_, kTimeoutMs);
  auto answer = client->Send(method, path, body, content_type, authorization);
  if (!answer.ok()) {
    away_until_ms_ = MonotonicMs() + kAwayMs;
    return away;
  }
  const MutexLock lock(mutex_);
  idle_.push_back(std::move(client));
  return answer;
}

}  // namespace gfr
