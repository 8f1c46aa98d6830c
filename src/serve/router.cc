#include "serve/router.h"

#include <charconv>

namespace gfr {
namespace {

bool IsAdmin(const HttpRequest& request, const std::string& token) {
  return token.empty() ? request.from_loopback : request.authorization == "Bearer " + token;
}

HttpResponse Denied() {
  HttpResponse denied = ProblemResponse(401, "Unauthorized",
                                        "this call needs the token of [serve] admin_token as a bearer token; without "
                                        "one it works from this machine only");
  denied.headers = {{"WWW-Authenticate", "Bearer"}};
  return denied;
}

}  // namespace

std::string UrlDecode(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    unsigned value = 0;
    if (text[i] == '%' && i + 2 < text.size() &&
        std::from_chars(text.data() + i + 1, text.data() + i + 3, value, 16).ptr == text.data() + i + 3) {
      out += static_cast<char>(value);
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

Router::Router(std::vector<Route> routes, std::string admin_token)
    : routes_(std::move(routes)), admin_token_(std::move(admin_token)) {}

HttpResponse Router::Handle(const HttpRequest& request) const try {
  bool known = false;
  for (const Route& route : routes_) {
    const bool below = route.path.ends_with('/');
    if (below ? !request.path.starts_with(route.path) : request.path != route.path) continue;
    known = true;
    if (route.method != "*" && route.method != request.method) continue;
    if (route.scope == AccessScope::kAdmin && !IsAdmin(request, admin_token_)) return Denied();
    return route.call(request, below ? UrlDecode(request.path.substr(route.path.size())) : "");
  }
  if (known) return ProblemResponse(405, "Method Not Allowed", request.method + " is not for " + request.path);
  return ProblemResponse(404, "Not Found", "there is nothing at " + request.path.substr(0, 200));
} catch (const BadRequest& bad) {
  return ProblemResponse(400, "Bad Request", bad.why);
}

}  // namespace gfr
