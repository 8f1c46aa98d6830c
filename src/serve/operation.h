// Operation: what /openapi.json says of a route beside what the router knows (its path, method, scope and types): its
// parameters, the body it takes and what it answers. Bodies are the shapes that the calls check requests by.
//
// Thread safety: a plain value.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "serve/json_shape.h"

namespace gfr {

struct OperationParameter {
  std::string name;
  std::string in;  // "query", "header"; "path": the rest of a path that ends in '/'.
  JsonShape shape;
  std::string says;
};

struct OperationReply {
  std::string says;
  JsonShape shape;
  std::string content_type = "application/json";  // Empty: there is no body.
};

struct Operation {
  std::string id;              // Unique: "postFeed".
  std::string says;            // One line.
  std::string tag = "native";  // The protocol.
  std::string reference = {};  // Where the protocol is described; empty: in docs/http.md.
  std::vector<OperationParameter> parameters = {};
  std::map<std::string, JsonShape> bodies = {};             // By content type; empty: it takes no body.
  std::map<int, std::vector<OperationReply>> replies = {};  // By status; those that every call may give are added.
  std::vector<int> problems = {};  // Statuses that are answered with application/problem+json, beside those.
};

}  // namespace gfr
