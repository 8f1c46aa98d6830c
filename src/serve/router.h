// Router: which call a request is for. One table of routes says each call's method, path, scope and handler.
//
// Thread safety: Handle from any thread.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "serve/http_server.h"

namespace gfr {

struct BadRequest {  // Thrown by a handler; the call is answered 400.
  std::string why;
};

enum class AccessScope {
  kOpen,   // Anyone.
  kAdmin,  // Needs the admin token; without one configured, a client on this machine.
};

struct Route {
  std::string method;  // GET, POST, or "*": any.
  std::string path;    // One that ends in '/' stands for everything below it: the rest is the parameter.
  AccessScope scope;
  std::function<HttpResponse(const HttpRequest&, const std::string& parameter)> call;
};

class Router {
 public:
  Router(std::vector<Route> routes, std::string admin_token);
  // 404: no route has the path; 405: none has the path and the method; 401: outside the scope; 400: BadRequest.
  HttpResponse Handle(const HttpRequest& request) const;

 private:
  std::vector<Route> routes_;
  std::string admin_token_;
};

std::string UrlDecode(std::string_view text);  // "a%2Fb" to "a/b"; what is not two hex digits stays as it is.

}  // namespace gfr
