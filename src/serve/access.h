// Access: who may call what. Each call of a server has a scope; a token opens scopes. Tokens stand in [serve.tokens] of
// gfr.toml or, one a scope, in files of the project's data/tokens, which `gfr token rotate` replaces.
//
//   token    opens
//   events   POST /v1/events
//   feed     POST /v1/feed
//   reader   POST /v1/served, and what a reader forwards: events and feeds
//   admin    everything
// Events and feeds are open as long as they have no token; the others never are. A page of another origin can do
// nothing: Host must be a loopback name, an address or a declared name, Origin must be this server or declared (CORS).
// Tokens are compared in constant time and are in no message. The calls of each token can be limited by the second.
// Thread safety: all calls.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/file_system.h"
#include "base/result.h"
#include "base/sync.h"
#include "serve/http_message.h"

namespace gfr {

enum class AccessScope { kOpen, kEvents, kFeed, kReader, kAdmin };
constexpr std::string_view kTokenNames[] = {"events", "feed", "reader", "admin"};
constexpr std::string_view kOpenable[] = {"events", "feed"};  // Scopes that are open as long as they have no token.

struct AccessOptions {
  std::string folder;                         // Of token files; made when it is needed. Empty: there are none.
  std::map<std::string, std::string> tokens;  // By name, from the configuration: before those of files.
  bool open = false;                          // Events and feeds need no token even where they have one.
  std::vector<std::string> hosts;             // Names that clients call this server by.
  std::vector<std::string> cors_origins;      // Whose pages may post events and ask for feeds.
  std::map<std::string, double> rate_limits;  // Calls a second by token's name; a second's calls may come at once.
};

class Access {
 public:
  // Reads the tokens. kCorrupt: an empty token file.
  static Result<std::unique_ptr<Access>> Open(FileSystem& fs, AccessOptions options);
  // Makes the tokens of admin and reader where there are none; gives the paths of those made.
  Result<std::vector<std::string>> MakeMissing();
  // Reads the files again. After an error the tokens read last stay.
  Status Reload();

  // A response refuses the call: 401 no token or a wrong one; 429 more calls than its token's limit. Open calls have no
  // limit; those of a scope that needs no token have the scope's.
  std::optional<HttpResponse> CheckToken(AccessScope scope, const HttpRequest& head) const;
  // The same of a token that was shown in another way; empty: none.
  std::optional<HttpResponse> CheckGivenToken(AccessScope scope, std::string_view token) const;
  // 421 an unknown Host, 403 another Origin.
  std::optional<HttpResponse> CheckSite(AccessScope scope, const HttpRequest& head) const;
  // The Origin of a page that may make this call; empty: there is none.
  std::string AllowedOrigin(AccessScope scope, const HttpRequest& head) const;
  // kInvalidArgument: an address that others reach needs a token for each of these scopes, or `open`.
  Status CheckListen(const std::string& address, std::span<const std::string_view> scopes = kOpenable) const;
  std::string Token(std::string_view name) const;  // Empty: none.

 private:
  Access(FileSystem& fs, AccessOptions options) : fs_(fs), options_(std::move(options)) {}
  // The one of `names` whose token is given; empty: none.
  std::string_view Opens(std::string_view given, std::initializer_list<std::string_view> names) const;
  std::optional<HttpResponse> CheckRate(std::string_view token) const;
  struct Bucket {
    double calls = 0;  // That may be made now.
    std::int64_t at_us = 0;
  };
  FileSystem& fs_;
  const AccessOptions options_;
  mutable Mutex mutex_;
  std::map<std::string, std::string, std::less<>> tokens_;
  mutable std::map<std::string, Bucket, std::less<>> buckets_;
};

// Takes as long whichever byte differs.
bool EqualInConstantTime(std::string_view a, std::string_view b);

std::string_view BearerOf(const HttpRequest& head);  // The token of Authorization: Bearer; empty: none.

// A new token for `name` in the file of `folder`; gives its path. kInvalidArgument: no such token.
Result<std::string> RotateToken(FileSystem& fs, const std::string& folder, const std::string& name);

}  // namespace gfr
