#include "serve/access.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cctype>
#include <cmath>

#include "base/clock.h"
#include "base/private_file.h"
#include "serve/http_wire.h"

namespace gfr {

bool EqualInConstantTime(std::string_view a, std::string_view b) {
  unsigned different = a.size() != b.size();
  for (std::size_t i = 0; i < a.size(); ++i)
    different |= static_cast<unsigned char>(a[i]) ^ static_cast<unsigned char>(b.empty() ? '\0' : b[i % b.size()]);
  return different == 0;
}

namespace {

// "name:80" to "name", "[::1]:80" to "::1"; in lower case, without a last dot.
std::string HostOf(std::string_view authority) {
  if (authority.starts_with('[')) return LowerCase(authority.substr(1, authority.find(']') - 1));
  std::string host = LowerCase(authority.substr(0, authority.rfind(':')));
  if (host.ends_with('.')) host.pop_back();
  return host;
}

bool IsAddress(const std::string& host) {
  unsigned char bytes[16];
  return inet_pton(AF_INET, host.c_str(), bytes) == 1 || inet_pton(AF_INET6, host.c_str(), bytes) == 1;
}

std::string WithoutLastSpaces(std::string text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back()))) text.pop_back();
  return text;
}

}  // namespace

Result<std::unique_ptr<Access>> Access::Open(FileSystem& fs, AccessOptions options) {
  auto access = std::unique_ptr<Access>(new Access(fs, std::move(options)));
  GFR_TRY(access->Reload());
  return access;
}

Status Access::Reload() {
  std::map<std::string, std::string, std::less<>> tokens(options_.tokens.begin(), options_.tokens.end());
  std::erase_if(tokens, [](const auto& named) { return named.second.empty(); });
  for (const std::string_view name : kTokenNames) {
    if (options_.folder.empty()) break;
    const std::string path = JoinPath(options_.folder, std::string(name));
    if (tokens.contains(name) || !fs_.Exists(path)) continue;
    GFR_ASSIGN(const std::string text, fs_.ReadAll(path));
    const std::string token = WithoutLastSpaces(text);
    if (token.empty())
      return Error{ErrorCode::kCorrupt,
                   path + " holds no token; `gfr token rotate " + std::string(name) + "` makes one"};
    tokens.emplace(name, token);
  }
  const MutexLock lock(mutex_);
  tokens_ = std::move(tokens);
  return {};
}

Result<std::vector<std::string>> Access::MakeMissing() {
  std::vector<std::string> made;
  for (const char* name : {"admin", "reader"}) {
    if (!Token(name).empty()) continue;
    const std::string path = JoinPath(options_.folder, name);
    GFR_TRY(fs_.MakeFolders(options_.folder));
    const Status status = WritePrivateFile(path, RandomToken() + "\n", /*replace=*/false);
    if (status.ok())
      made.push_back(path);
    else if (status.error().code != ErrorCode::kAlreadyExists)  // Another process made it at the same moment.
      return status.error();
  }
  GFR_TRY(Reload());
  return made;
}

std::string Access::Token(std::string_view name) const {
  const MutexLock lock(mutex_);
  const auto at = tokens_.find(name);
  return at == tokens_.end() ? "" : at->second;
}

std::string_view BearerOf(const HttpRequest& head) {
  const std::string_view authorization = head.Header("authorization");
  if (authorization.size() < 7 || LowerCase(authorization.substr(0, 7)) != "bearer ") return {};
  return authorization.substr(7);
}

std::string_view Access::Opens(std::string_view given, std::initializer_list<std::string_view> names) const {
  if (given.empty()) return {};
  const MutexLock lock(mutex_);
  std::string_view opens;
  for (const std::string_view name : names) {
    const auto at = tokens_.find(name);
    if (at != tokens_.end() && EqualInConstantTime(at->second, given)) opens = name;
  }
  return opens;
}

std::optional<HttpResponse> Access::CheckRate(std::string_view token) const {
  const auto limit = options_.rate_limits.find(std::string(token));
  if (limit == options_.rate_limits.end() || limit->second <= 0) return std::nullopt;
  const double rate = limit->second, most = std::max(rate, 1.0);
  const std::int64_t now_us = MonotonicUs();
  const MutexLock lock(mutex_);
  auto [at, is_new] = buckets_.try_emplace(std::string(token), Bucket{most, now_us});
  Bucket& bucket = at->second;
  bucket.calls = std::min(most, bucket.calls + rate * static_cast<double>(now_us - bucket.at_us) / 1e6);
  bucket.at_us = now_us;
  if (bucket.calls >= 1) {
    bucket.calls -= 1;
    return std::nullopt;
  }
  return ProblemResponse(429, "Too Many Requests",
                         "more calls with the " + std::string(token) + " token than [serve.rate_limits] lets through",
                         static_cast<int>(std::ceil((1 - bucket.calls) / rate)));
}

std::optional<HttpResponse> Access::CheckToken(AccessScope scope, const HttpRequest& head) const {
  return CheckGivenToken(scope, BearerOf(head));
}

std::optional<HttpResponse> Access::CheckGivenToken(AccessScope scope, std::string_view token) const {
  std::string_view needed = "admin", by;
  switch (scope) {
    case AccessScope::kOpen:
      return std::nullopt;
    case AccessScope::kEvents:
    case AccessScope::kFeed:
      needed = scope == AccessScope::kEvents ? "events" : "feed";
      by = Opens(token, {needed, "reader", "admin"});
      if (by.empty() && (options_.open || Token(needed).empty())) by = needed;
      break;
    case AccessScope::kReader:
      needed = "reader";
      by = Opens(token, {"reader", "admin"});
      break;
    case AccessScope::kAdmin:
      by = Opens(token, {"admin"});
      break;
  }
  if (!by.empty()) return CheckRate(by);
  const std::string name(needed);
  HttpResponse denied = ProblemResponse(
      401, "Unauthorized",
      "this call needs the " + name + " token as a bearer token: " +
          (options_.folder.empty()
               ? "that of the server's --token-file"
               : "that of [serve.tokens], or of the file data/tokens/" + name + " in the project's folder"));
  denied.headers = {{"WWW-Authenticate", "Bearer"}};
  return denied;
}

std::string Access::AllowedOrigin(AccessScope scope, const HttpRequest& head) const {
  const std::string_view origin = head.Header("origin");
  const bool pages_call_it = scope == AccessScope::kEvents || scope == AccessScope::kFeed;
  if (origin.empty() || !pages_call_it) return "";
  return std::ranges::find(options_.cors_origins, origin) == options_.cors_origins.end() ? "" : std::string(origin);
}

std::optional<HttpResponse> Access::CheckSite(AccessScope scope, const HttpRequest& head) const {
  const std::string_view authority = head.Header("host");
  const std::string host = HostOf(authority);
  const bool known = authority.empty() || host == "localhost" || host.ends_with(".localhost") || IsAddress(host) ||
                     std::ranges::any_of(options_.hosts, [&](const std::string& h) { return LowerCase(h) == host; });
  if (!known)
    return ProblemResponse(421, "Misdirected Request",
                           "this server is not known as '" + host.substr(0, 200) +
                               "'; [serve] hosts names what else than addresses and localhost it is called by");
  if (!AllowedOrigin(scope, head).empty()) return std::nullopt;
  const auto other = [] {
    return ProblemResponse(403, "Forbidden", "pages of another origin may not call this server");
  };
  if (const std::string_view origin = head.Header("origin"); !origin.empty()) {
    const std::size_t at = origin.find("://");
    if (at == std::string_view::npos || LowerCase(origin.substr(at + 3)) != LowerCase(authority)) return other();
  }
  const std::string_view site = head.Header("sec-fetch-site");
  if (head.method != "GET" && !site.empty() && site != "same-origin" && site != "none") return other();
  return std::nullopt;
}

Status Access::CheckListen(const std::string& address, std::span<const std::string_view> scopes) const {
  unsigned char v4[4];
  const bool loopback = address == "::1" || (inet_pton(AF_INET, address.c_str(), v4) == 1 && v4[0] == 127);
  if (loopback || options_.open) return {};
  std::string missing;
  for (const std::string_view name : scopes) {
    if (Token(name).empty()) missing += (missing.empty() ? "" : " and ") + std::string(name);
  }
  if (missing.empty()) return {};
  if (options_.folder.empty())
    return Error{ErrorCode::kInvalidArgument,
                 "others reach " + address +
                     ", and calls need no token; give one with --token-file, or let everyone call with --open"};
  return Error{ErrorCode::kInvalidArgument,
               "others reach " + address + ", and the scopes " + missing +
                   " have no token; make them with `gfr token rotate events` and `gfr token rotate feed`, set them in "
                   "[serve.tokens], or let everyone call with --open"};
}

Result<std::string> RotateToken(FileSystem& fs, const std::string& folder, const std::string& name) {
  if (std::ranges::find(kTokenNames, name) == std::end(kTokenNames))
    return Error{ErrorCode::kInvalidArgument, "'" + name + "' is no scope; valid are events, feed, reader and admin"};
  GFR_TRY(fs.MakeFolders(folder));
  const std::string path = JoinPath(folder, name);
  GFR_TRY(WritePrivateFile(path, RandomToken() + "\n", /*replace=*/true));
  return path;
}

}  // namespace gfr
