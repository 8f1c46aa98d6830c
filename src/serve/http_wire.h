// HTTP/1.1 as bytes: RequestParser reads a request, ResponseHead writes a response's header. RFC 9112; Beast's parser
// does the reading. No sockets here.
//
// Thread safety: none of a parser; ResponseHead is a pure function.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "serve/http_message.h"

namespace gfr {

// As names of headers, hosts and content types are compared: ASCII letters in lower case.
std::string LowerCase(std::string_view text);

// One request, fed as its bytes come. It stops behind the header, so that the header can be judged before the body is
// read, and behind the end of the request.
class RequestParser {
 public:
  enum class State { kHeader, kBody, kDone, kMalformed, kHeaderTooLarge, kBodyTooLarge };

  // `body_limit` holds for what Content-Length says and for what comes in chunks.
  RequestParser(std::size_t header_limit, std::size_t body_limit);
  ~RequestParser();

  // Takes bytes from the front of `bytes` and gives how many; those that are left come again with the next call, before
  // those that follow them. REQUIRES: state() is kHeader or kBody.
  std::size_t Put(std::string_view bytes);
  // In kBody, of a body whose length is known: where its next bytes, at most `most`, may be read to instead, without a
  // copy; CameIn then says how many did. Empty: only Put takes them. REQUIRES: what was read before went to Put.
  std::span<char> Room(std::size_t most);
  void CameIn(std::size_t bytes);
  State state() const { return state_; }
  std::string error() const;  // Of kMalformed.

  // From kBody or kDone on. Method, path, query and headers (names in lower case); not the body.
  HttpRequest& head() { return head_; }
  bool has_path() const { return has_path_; }    // False: the target is no path.
  unsigned version() const { return version_; }  // 10 or 11.
  bool keep_alive() const;
  std::optional<std::uint64_t> content_length() const;
  std::string& body() { return body_; }  // What has come of it. It grows with that, not with what Content-Length says.

 private:
  class Beast;
  HttpRequest head_;
  std::string body_;
  std::size_t room_ = 0;  // Bytes at body_'s end that have not come.
  bool has_path_ = false;
  unsigned version_ = 11;
  State state_ = State::kHeader;
  std::unique_ptr<Beast> beast_;
};

// Status line and headers, to the empty line. `length` of the body; none: it comes in chunks, or (HTTP/1.0) ends with
// the connection. `version`: 10 or 11.
std::string ResponseHead(const HttpResponse& response, unsigned version, bool keep_alive,
                         std::optional<std::size_t> length);

}  // namespace gfr
