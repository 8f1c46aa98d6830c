#include "serve/router.h"

#include <algorithm>
#include <charconv>
#include <memory>

#include "base/clock.h"
#include "serve/check_query.h"
#include "serve/http_wire.h"
#include "serve/url_query.h"

namespace gfr {
namespace {

// 415, with what is valid. Types that a page may send to another origin without asking are in no list.
std::optional<HttpResponse> CheckContentType(const Route& route, const HttpRequest& head) {
  if (route.content_types.empty()) return std::nullopt;
  const std::string_view sent = head.Header("content-type");
  std::string type(sent.substr(0, sent.find(';')));
  while (type.ends_with(' ')) type.pop_back();
  type = LowerCase(type);
  if (std::ranges::find(route.content_types, type) != route.content_types.end()) return std::nullopt;
  std::string valid;
  for (const std::string& t : route.content_types) valid += (valid.empty() ? "" : ", ") + t;
  return ProblemResponse(415, "Unsupported Media Type",
                         "content type is '" + type.substr(0, 100) + "'; valid is " + valid);
}

// 413. A body of events, feeds or slates may be as large as the server takes; the other calls' bodies name a version or
// nothing, and 15 MiB of '[' would become a gigabyte of lists.
std::optional<HttpResponse> CheckBody(const Route& route, std::size_t bytes) {
  constexpr std::size_t kMost = 64u << 10;
  if (bytes <= kMost || route.large_bodies || (route.scope != AccessScope::kAdmin && route.scope != AccessScope::kOpen))
    return std::nullopt;
  return ProblemResponse(413, "Content Too Large",
                         "too_large: the body is larger than " + std::to_string(kMost) + " bytes");
}

bool IsAt(const Route& route, const std::string& path) {
  return route.path.ends_with('/') ? path.starts_with(route.path) : path == route.path;
}

// Lets the page read the response.
void AllowPage(const std::string& origin, HttpResponse* response) {
  if (origin.empty()) return;
  response->headers.emplace_back("Access-Control-Allow-Origin", origin);
  response->headers.emplace_back("Vary", "Origin");
}

}  // namespace

Router::Router(std::vector<Route> routes, Lanes& lanes, const Access& access, Answered answered)
    : routes_(std::move(routes)), lanes_(lanes), access_(access), answered_(std::move(answered)) {}

const Route* Router::Find(const HttpRequest& head, bool* known) const {
  for (const Route& route : routes_) {
    if (!IsAt(route, head.path)) continue;
    *known = true;
    if (route.method == "*" || route.method == head.method) return &route;
  }
  return nullptr;
}

// What a browser asks before a page of another origin calls: no body and no token, so that it never reaches a handler.
std::optional<HttpResponse> Router::Preflight(const HttpRequest& head) const {
  const std::string method(head.Header("access-control-request-method"));
  if (head.method != "OPTIONS" || method.empty()) return std::nullopt;
  HttpRequest call = head;
  call.method = method;
  bool known = false;
  const Route* route = Find(call, &known);
  const std::string origin = route != nullptr ? access_.AllowedOrigin(route->scope, head) : "";
  if (origin.empty()) return std::nullopt;
  HttpResponse allowed{.status = 204};
  AllowPage(origin, &allowed);
  allowed.headers.emplace_back("Access-Control-Allow-Methods", route->method);
  allowed.headers.emplace_back("Access-Control-Allow-Headers",
                               "Authorization, Content-Type, If-None-Match, traceparent, X-API-Key");
  allowed.headers.emplace_back("Access-Control-Max-Age", "600");
  return allowed;
}

HttpResponse Router::NotAllowed(const HttpRequest& head) const {
  HttpResponse refused =
      ProblemResponse(405, "Method Not Allowed", head.method.substr(0, 50) + " is not for " + head.path.substr(0, 200));
  std::string allowed;
  for (const Route& route : routes_) {
    if (IsAt(route, head.path)) allowed += (allowed.empty() ? "" : ", ") + route.method;
  }
  refused.headers.emplace_back("Allow", allowed);
  return refused;
}

std::optional<HttpResponse> Router::Admit(const HttpRequest& head) const {
  bool known = false;
  const Route* route = Find(head, &known);
  std::optional<HttpResponse> refused = Refusal(head, route, known);
  if (refused && route != nullptr) AllowPage(access_.AllowedOrigin(route->scope, head), &*refused);
  if (refused && answered_)
    answered_({.method = head.method,
               .endpoint = route != nullptr ? std::string_view(route->path) : std::string_view(),
               .status = refused->status,
               .bytes = refused->body.size(),
               .traceparent = head.Header("traceparent")});
  return refused;
}

std::optional<HttpResponse> Router::Refusal(const HttpRequest& head, const Route* route, bool known) const {
  if (std::optional<HttpResponse> preflight = Preflight(head)) return preflight;
  if (route == nullptr && known) return NotAllowed(head);
  if (route == nullptr) return ProblemResponse(404, "Not Found", "there is nothing at " + head.path.substr(0, 200));
  if (!route->probe) {
    if (auto refused = access_.CheckSite(route->scope, head)) return refused;
  }
  if (auto refused = route->token ? access_.CheckGivenToken(route->scope, route->token(head))
                                  : access_.CheckToken(route->scope, head))
    return refused;
  if (auto refused = CheckContentType(*route, head)) return refused;
  const std::string_view length = head.Header("content-length");
  std::size_t bytes = 0;
  std::from_chars(length.data(), length.data() + length.size(), bytes);
  if (auto refused = CheckBody(*route, bytes)) return refused;
  if (head.query.empty() || !route->operation) return std::nullopt;
  const auto wrong = CheckQuery(*route->operation, head.query);
  return wrong ? std::optional(ProblemResponse(400, "Bad Request", *wrong)) : std::nullopt;
}

void Router::Handle(HttpRequest request, HttpReply reply) const {
  bool known = false;
  const Route* route = Find(request, &known);
  if (route == nullptr) return reply(ProblemResponse(404, "Not Found", "there is nothing there"));
  if (auto refused = CheckBody(*route, request.body.size())) return reply(*std::move(refused));  // It came in chunks.
  if (route->path.ends_with('/')) request.parameter = UrlDecode(request.path.substr(route->path.size()));
  if (const std::string origin = access_.AllowedOrigin(route->scope, request); !origin.empty()) {
    reply = [origin, next = std::move(reply)](HttpResponse response) {
      AllowPage(origin, &response);
      next(std::move(response));
    };
  }
  if (answered_) {
    reply = [this, route, begin_s = MonotonicSeconds(), method = request.method,
             traceparent = std::string(request.Header("traceparent")), next = std::move(reply)](HttpResponse response) {
      answered_({.method = method,
                 .endpoint = route->path,
                 .status = response.status,
                 .seconds = MonotonicSeconds() - begin_s,
                 .bytes = response.body.size(),
                 .traceparent = traceparent});
      next(std::move(response));
    };
  }
  const Lane lane = route->is_short && route->is_short(request) ? Lane::kInline : route->lane;
  const auto run = [route, r = std::make_shared<HttpRequest>(std::move(request)), reply] {
    try {
      route->call(std::move(*r), reply);
    } catch (const BadRequest& bad) {
      reply(ProblemResponse(400, "Bad Request", bad.why));
    } catch (const std::exception& e) {
      reply(ProblemResponse(503, "Service Unavailable", e.what(), /*retry_after_s=*/1));
    }
  };
  if (const Status posted = lanes_.Post(lane, run); !posted.ok())
    reply(ProblemResponse(503, "Service Unavailable", "more calls wait than the server holds; send it again later",
                          /*retry_after_s=*/1));
}

}  // namespace gfr
