#include "serve/owner_client.h"

#include <algorithm>

#include "base/clock.h"
#include "runtime/host_port.h"
#include "serve/http_wire.h"
#include "serve/trace_context.h"

namespace gfr {
namespace {

// A '#' would end what a URL sends.
std::string UrlOf(const std::string& server, const std::string& path) {
  std::string url = server;
  for (const char c : path) url += c == '#' ? "%23" : std::string(1, c);
  return url;
}

// Headers that the server writes itself for each of its own connections.
bool IsOfConnection(std::string_view name) {
  static constexpr std::string_view kNames[] = {"connection", "content-length",    "content-type",
                                                "date",       "keep-alive",        "server",
                                                "trailer",    "transfer-encoding", "upgrade"};
  return std::ranges::find(kNames, name) != std::end(kNames);
}

HttpResponse ResponseOf(HttpAnswer answer, bool every_header) {
  HttpResponse response{
      .status = answer.status, .content_type = std::move(answer.content_type), .body = std::move(answer.body)};
  if (every_header) {
    for (const auto& [name, value] : answer.headers) {
      if (!IsOfConnection(name)) response.headers.emplace_back(name, value);
    }
    return response;
  }
  for (const char* name : {"Retry-After", "ETag", "x-Amzn-Invoked-Production-Variant"}) {
    if (const std::string_view value = answer.Header(LowerCase(name)); !value.empty())
      response.headers.emplace_back(name, std::string(value));
  }
  return response;
}

}  // namespace

OwnerClient::OwnerClient(std::string scheme, std::string address, std::unique_ptr<HttpCaller> caller)
    : scheme_(std::move(scheme)), address_(std::move(address)), caller_(std::move(caller)) {}

Result<std::unique_ptr<OwnerClient>> OwnerClient::Make(const std::string& owner, std::unique_ptr<HttpCaller> caller) {
  const std::string scheme = owner.starts_with("https://") ? "https://" : "http://";
  const auto address = ParseHostPort(owner.starts_with(scheme) ? owner.substr(scheme.size()) : owner);
  if (!address.ok())
    return Error{ErrorCode::kInvalidArgument,
                 "owner is '" + owner + "'; valid is HOST:PORT or https://HOST:PORT of the server that has the log"};
  return std::unique_ptr<OwnerClient>(new OwnerClient(scheme, FormatHostPort(address.value()), std::move(caller)));
}

Result<HttpAnswer> OwnerClient::SendOnce(const OwnerCall& call, const std::stop_token& stop) {
  HttpCall sent{.method = call.method, .url = UrlOf(scheme_ + address_, call.path), .headers = {}, .body = call.body};
  sent.deadline_ms = MonotonicMs() + call.timeout_ms;
  if (call.method != "GET") sent.headers.push_back("Content-Type: " + call.content_type);
  if (!call.authorization.empty()) sent.headers.push_back("Authorization: " + call.authorization);
  for (const auto& [name, value] : call.headers) sent.headers.push_back(name + ": " + value);
  if (const auto trace = TraceContext::Parse(call.traceparent))
    sent.headers.push_back("traceparent: " + trace->ForCall());
  return caller_->Send(sent, stop);
}

Result<HttpResponse> OwnerClient::Send(const OwnerCall& call, const std::stop_token& stop) {
  const Error nobody{ErrorCode::kUnavailable, "the owner of the log at " + address_ + " does not answer"};
  if (call.alone) {
    auto answer = SendOnce(call, stop);
    if (!answer.ok() && answer.error().code == ErrorCode::kUnavailable) return nobody;
    GFR_TRY(answer);
    return ResponseOf(std::move(answer).value(), call.every_header);
  }
  const bool probes = away_;
  if (probes && (MonotonicMs() < away_until_ms_ || probing_.exchange(true))) return nobody;
  auto answer = SendOnce(call, stop);
  const bool away = !answer.ok() && answer.error().code == ErrorCode::kUnavailable;
  if (away) away_until_ms_ = MonotonicMs() + kAwayMs;
  away_ = away;
  if (probes) probing_ = false;
  if (away) return nobody;
  GFR_TRY(answer);
  return ResponseOf(std::move(answer).value(), call.every_header);
}

}  // namespace gfr
