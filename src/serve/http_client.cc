#include "serve/http_client.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <chrono>

namespace gfr {
namespace {

namespace net = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;

}  // namespace

struct HttpClient::State {
  std::string host;
  int port, timeout_ms;
  net::io_context io{1};
  std::unique_ptr<beast::tcp_stream> stream;  // Null: not connected.
  beast::flat_buffer buffer;

  // Asynchronous calls, waited for: only those have deadlines (a blocking read of Asio polls for ever).
  beast::error_code Connect() {
    beast::error_code ec;
    net::ip::tcp::resolver resolver(io);
    const auto found = resolver.resolve(host, std::to_string(port), ec);
    if (ec) return ec;
    buffer.clear();
    stream = std::make_unique<beast::tcp_stream>(io);
    stream->expires_after(std::chrono::milliseconds(timeout_ms));
    stream->async_connect(found, [&ec](beast::error_code e, const auto&) { ec = e; });
    Run();
    if (!ec) stream->socket().set_option(net::ip::tcp::no_delay(true), ec);
    return ec;
  }
  beast::error_code Exchange(const http::request<http::string_body>& request,
                             http::response_parser<http::string_body>& parser) {
    beast::error_code ec;
    stream->expires_after(std::chrono::milliseconds(timeout_ms));
    http::async_write(*stream, request, [&](beast::error_code written, std::size_t) {
      ec = written;
      if (!ec) http::async_read(*stream, buffer, parser, [&ec](beast::error_code e, std::size_t) { ec = e; });
    });
    Run();
    return ec;
  }
  void Run() {
    io.restart();
    io.run();
  }
};

HttpClient::HttpClient(std::string host, int port, int timeout_ms) : state_(std::make_unique<State>()) {
  state_->host = std::move(host);
  state_->port = port;
  state_->timeout_ms = timeout_ms;
}
HttpClient::~HttpClient() = default;

Result<HttpResponse> HttpClient::Send(const std::string& method, const std::string& path, const std::string& body,
                                      const std::string& content_type, const std::string& authorization) {
  State& s = *state_;
  beast::error_code ec;
  for (int attempt = 0; attempt < 2; ++attempt) {  // A kept connection may have been closed meanwhile.
    const bool fresh = s.stream == nullptr;
    if (fresh) ec = s.Connect();
    if (!ec) {
      http::request<http::string_body> request{http::string_to_verb(method), path, 11};
      request.set(http::field::host, s.host.find(':') == std::string::npos ? s.host : "[" + s.host + "]");
      request.set(http::field::content_type, content_type);
      if (!authorization.empty()) request.set(http::field::authorization, authorization);
      request.body() = body;
      request.prepare_payload();
      http::response_parser<http::string_body> parser;
      parser.body_limit(256u << 20);
      ec = s.Exchange(request, parser);
      if (!ec) {
        auto response = parser.release();
        if (!response.keep_alive()) s.stream = nullptr;
        HttpResponse answer{.status = static_cast<int>(response.result_int()),
                            .content_type = std::string(response[http::field::content_type]),
                            .body = std::move(response.body())};
        if (const auto at = response.find(http::field::retry_after); at != response.end())
          answer.headers = {{"Retry-After", std::string(at->value())}};
        return answer;
      }
    }
    s.stream = nullptr;
    if (fresh || ec == beast::error::timeout) break;
    ec = {};
  }
  return Error{ErrorCode::kUnavailable, method + " " + path + ": " + ec.message()};
}

}  // namespace gfr
