#include "serve/http_server.h"

#include <netinet/tcp.h>
#include <sys/socket.h>

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <condition_variable>
#include <mutex>
#include <nlohmann/json.hpp>
#include <set>
#include <thread>

namespace gfr {
namespace {

namespace net = boost::asio;
namespace http = boost::beast::http;
using Socket = net::ip::tcp::socket;

constexpr std::size_t kHeaderLimit = 16 << 10;

void SetTimeout(Socket& socket, int seconds) {
  const timeval t{seconds, 0};
  ::setsockopt(socket.native_handle(), SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t);
  ::setsockopt(socket.native_handle(), SOL_SOCKET, SO_SNDTIMEO, &t, sizeof t);
}

void Write(Socket& socket, const HttpResponse& from, unsigned version, bool keep_alive, bool head) {
  http::response<http::string_body> response{static_cast<http::status>(from.status), version};
  response.set(http::field::content_type, from.content_type);
  for (const auto& [name, value] : from.headers) response.set(name, value);
  response.keep_alive(keep_alive);
  response.body() = from.body;
  response.prepare_payload();
  if (head) response.body().clear();
  boost::beast::error_code ignored;
  http::write(socket, response, ignored);
}

// Answers, then reads what the client still sends for a moment, so that it sees the answer and not a reset.
void WriteAndDrain(Socket& socket, const HttpResponse& response) {
  Write(socket, response, 11, false, false);
  boost::beast::error_code ec;
  socket.shutdown(Socket::shutdown_send, ec);
  SetTimeout(socket, 2);
  char sink[1 << 16];
  for (std::size_t total = 0; !ec && total < (128u << 20);) total += socket.read_some(net::buffer(sink), ec);
}

}  // namespace

HttpResponse ProblemResponse(int status, const std::string& title, const std::string& detail, int retry_after_s) {
  const nlohmann::ordered_json json{{"type", "about:blank"}, {"title", title}, {"status", status}, {"detail", detail}};
  HttpResponse response{.status = status,
                        .content_type = "application/problem+json",
                        .body = json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace)};
  if (retry_after_s > 0) response.headers = {{"Retry-After", std::to_string(retry_after_s)}};
  return response;
}

struct HttpServer::State {
  explicit State(HttpServerOptions o, Handler h) : options(std::move(o)), handler(std::move(h)), acceptor(io) {}
  const HttpServerOptions options;
  const Handler handler;
  net::io_context io;
  net::ip::tcp::acceptor acceptor;
  std::thread accepting;
  std::atomic<bool> stopping = false;
  std::mutex mutex;
  std::condition_variable changed;
  std::set<int> idle;  // Connections waiting for a request: Stop() closes them.
  int connections = 0;
  int bound_port = 0;

  HttpResponse Handle(const HttpRequest& request) const {
    try {
      return handler(request);
    } catch (const std::exception& e) {
      return ProblemResponse(500, "Internal Server Error", e.what());
    }
  }

  void SetIdle(Socket& socket, bool is_idle) {
    const std::lock_guard lock(mutex);
    if (is_idle)
      idle.insert(socket.native_handle());
    else
      idle.erase(socket.native_handle());
    if (is_idle && stopping) ::shutdown(socket.native_handle(), SHUT_RD);
  }

  void Serve(Socket socket) {
    boost::beast::flat_buffer buffer;
    SetTimeout(socket, 60);
    boost::beast::error_code ec;
    socket.set_option(net::ip::tcp::no_delay(true), ec);
    const bool loopback = socket.remote_endpoint(ec).address().is_loopback();
    for (bool keep = true; keep;) {
      http::request_parser<http::string_body> parser;
      parser.header_limit(kHeaderLimit);
      parser.body_limit(options.body_limit);
      SetIdle(socket, true);
      http::read_header(socket, buffer, parser, ec);
      SetIdle(socket, false);
      if (!ec) http::read(socket, buffer, parser, ec);
      if (ec == http::error::body_limit) {
        WriteAndDrain(socket, ProblemResponse(413, "Content Too Large",
                                              "too_large: the body is larger than " +
                                                  std::to_string(options.body_limit) + " bytes"));
        return;
      }
      if (ec) {
        const bool gone = ec == http::error::end_of_stream || ec == http::error::partial_message ||
                          ec.category() == boost::system::system_category();
        if (!gone) WriteAndDrain(socket, ProblemResponse(400, "Bad Request", "not HTTP/1.1: " + ec.message()));
        return;
      }
      const auto message = parser.release();
      HttpRequest request{.method = std::string(message.method_string()),
                          .content_type = std::string(message[http::field::content_type]),
                          .authorization = std::string(message[http::field::authorization]),
                          .body = message.body(),
                          .from_loopback = loopback};
      const std::string target(message.target());
      const std::size_t question = target.find('?');
      request.path = target.substr(0, question);
      if (question != std::string::npos) request.query = target.substr(question + 1);
      keep = message.keep_alive() && !stopping;
      const bool head = request.method == "HEAD";
      if (head) request.method = "GET";
      Write(socket, Handle(request), message.version(), keep, head);
    }
  }
};

HttpServer::HttpServer(std::shared_ptr<State> state) : state_(std::move(state)) {}
HttpServer::~HttpServer() { Stop(); }
int HttpServer::port() const { return state_->bound_port; }

Result<std::unique_ptr<HttpServer>> HttpServer::Start(HttpServerOptions options, Handler handler) {
  auto state = std::make_shared<State>(std::move(options), std::move(handler));
  boost::beast::error_code ec;
  const auto address = net::ip::make_address(state->options.address, ec);
  if (ec) return Error{ErrorCode::kInvalidArgument, "'" + state->options.address + "' is not an address"};
  const net::ip::tcp::endpoint endpoint(address, static_cast<unsigned short>(state->options.port));
  state->acceptor.open(endpoint.protocol(), ec);
  if (!ec) state->acceptor.set_option(net::socket_base::reuse_address(true), ec);
  if (!ec) state->acceptor.bind(endpoint, ec);
  if (!ec) state->acceptor.listen(net::socket_base::max_listen_connections, ec);
  if (ec)
    return Error{ErrorCode::kUnavailable, "cannot listen on " + state->options.address + ":" +
                                              std::to_string(state->options.port) + ": " + ec.message()};
  state->bound_port = state->acceptor.local_endpoint().port();
  state->accepting = std::thread([state] {
    for (;;) {
      boost::beast::error_code error;
      Socket socket(state->io);
      state->acceptor.accept(socket, error);
      if (state->stopping) return;
      if (error) continue;
      {
        const std::lock_guard lock(state->mutex);
        if (state->connections >= state->options.max_connections) {
          Write(socket, ProblemResponse(503, "Service Unavailable", "too many connections", /*retry_after_s=*/1), 11,
                false, false);
          continue;
        }
        ++state->connections;
      }
      std::thread([state, s = std::move(socket)]() mutable {
        state->Serve(std::move(s));
        const std::lock_guard lock(state->mutex);
        --state->connections;
        state->changed.notify_all();
      }).detach();
    }
  });
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(state)));
}

void HttpServer::Stop() {
  State& s = *state_;
  if (s.stopping.exchange(true)) return;
  ::shutdown(s.acceptor.native_handle(), SHUT_RDWR);
  s.accepting.join();
  std::unique_lock lock(s.mutex);
  for (const int fd : s.idle) ::shutdown(fd, SHUT_RD);
  s.changed.wait_for(lock, std::chrono::seconds(30), [&] { return s.connections == 0; });
}

struct HttpClient::State {
  std::string host;
  int port, timeout_s;
  net::io_context io;
  Socket socket{io};
  boost::beast::flat_buffer buffer;
};

HttpClient::HttpClient(std::string host, int port, int timeout_s) : state_(std::make_unique<State>()) {
  state_->timeout_s = timeout_s;
  state_->host = std::move(host);
  state_->port = port;
}
HttpClient::~HttpClient() = default;

Result<HttpResponse> HttpClient::Send(const std::string& method, const std::string& path, const std::string& body,
                                      const std::string& content_type, const std::string& authorization) {
  State& s = *state_;
  boost::beast::error_code ec;
  for (int attempt = 0; attempt < 2; ++attempt) {  // A kept connection may have been closed meanwhile.
    const bool fresh = !s.socket.is_open();
    if (fresh) {
      s.buffer.clear();
      net::ip::tcp::resolver resolver(s.io);
      const auto found = resolver.resolve(s.host, std::to_string(s.port), ec);
      if (!ec) {
        s.socket.open(found.begin()->endpoint().protocol(), ec);
        SetTimeout(s.socket, s.timeout_s);
        const int again = 1;  // A host that does not answer is given up after some 3 s, not 2 minutes.
        ::setsockopt(s.socket.native_handle(), IPPROTO_TCP, TCP_SYNCNT, &again, sizeof again);
        s.socket.connect(found.begin()->endpoint(), ec);
      }
      if (ec) {
        s.socket = Socket(s.io);
        break;
      }
    }
    http::request<http::string_body> request{http::string_to_verb(method), path, 11};
    request.set(http::field::host, s.host);
    request.set(http::field::content_type, content_type);
    if (!authorization.empty()) request.set(http::field::authorization, authorization);
    request.body() = body;
    request.prepare_payload();
    http::write(s.socket, request, ec);
    http::response_parser<http::string_body> parser;
    parser.body_limit(256u << 20);
    if (!ec) http::read(s.socket, s.buffer, parser, ec);
    if (!ec) {
      const auto response = parser.release();
      if (!response.keep_alive()) s.socket = Socket(s.io);
      HttpResponse answer{.status = static_cast<int>(response.result_int()),
                          .content_type = std::string(response[http::field::content_type]),
                          .body = response.body()};
      if (const auto at = response.find(http::field::retry_after); at != response.end())
        answer.headers = {{"Retry-After", std::string(at->value())}};
      return answer;
    }
    s.socket = Socket(s.io);
    if (fresh) break;
  }
  return Error{ErrorCode::kUnavailable, method + " " + path + ": " + ec.message()};
}

}  // namespace gfr
