// HttpConnection: one client of an HttpServer, from accept to close. HttpServerState: what the connections of a server
// share. Both are parts of http_server.cc; nobody else uses them.
//
// Thread safety: none. The server's I/O thread alone calls them, but where a comment says otherwise.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <deque>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>

#include "base/sync.h"
#include "serve/http_head.h"
#include "serve/http_server.h"
#include "serve/http_server_metrics.h"
#include "serve/http_wire.h"
#include "serve/tls.h"

namespace gfr {

// Asio's types with the executor named, so that no call goes through a type-erased one.
using IoExecutor = boost::asio::io_context::executor_type;
using TcpSocket = boost::asio::basic_stream_socket<boost::asio::ip::tcp, IoExecutor>;
using TlsStream = boost::asio::ssl::stream<TcpSocket&>;
template <typename T>
using Task = boost::asio::awaitable<T, IoExecutor>;
inline constexpr boost::asio::use_awaitable_t<IoExecutor> kAwait;

class HttpConnection;

// One request that a handler has. Owned by its connection; a reply finds it as long as the connection waits.
struct HttpExchange {
  std::optional<HttpResponse> response;
  std::function<void()> resume;  // Lets the connection go on that waits. Null: it does not wait yet, or any more.
  void Resume() {
    if (auto call = std::exchange(resume, nullptr)) call();
  }
};

// Where replies from other threads go: shut when the I/O thread is gone. Replies hold it, and may come later.
//
// A sync of the log answers a thousand clients at once. Their replies are given a few at a time, and the sockets are
// looked at in between: a probe does not wait until all are written. Thread safety: Put from any thread, with `mutex`.
struct ReplyGate : std::enable_shared_from_this<ReplyGate> {
  Mutex mutex;
  boost::asio::io_context* io = nullptr;
  // REQUIRES: `mutex` is held, and `io` is set.
  void Put(std::weak_ptr<HttpExchange> of, HttpResponse response);

 private:
  static constexpr std::size_t kAtOnce = 16;  // Half a millisecond of writing.
  struct Waiting {
    std::weak_ptr<HttpExchange> of;
    HttpResponse response;
  };
  void GiveSome();
  std::deque<Waiting> waiting_;
  bool giving_ = false;  // A GiveSome is posted.
};

struct HttpServerState {
  HttpServerState(HttpServerOptions o, HttpHandler& h);
  const HttpServerOptions options;
  HttpHandler& handler;
  AddressSet proxies;
  std::unique_ptr<Telemetry> own_telemetry;  // When the options name no metrics.
  std::unique_ptr<HttpServerMetrics> own_metrics;
  HttpServerMetrics& metrics;
  const std::shared_ptr<ReplyGate> gate = std::make_shared<ReplyGate>();
  boost::asio::io_context io{1};
  int max_connections = 0;
  std::shared_ptr<TlsIdentity> tls;  // For connections from now on; null: HTTP without TLS.

  std::list<HttpConnection*> waiting;  // Without a whole request; the one that has been longest so is first.
  std::set<HttpConnection*> all;
  std::map<std::string, int> by_address;
  bool stopping = false;
  bool draining = false;  // Takes no connection; those that are there have one more answer.
  bool closing() const { return stopping || draining; }
  int connections = 0;
  std::size_t small_bytes = 0, large_bytes = 0;  // Of bodies in flight.

  // Closes the connection that has been longest without a whole request. False: every one is being handled.
  bool EvictOne();
  bool CountsByAddress(const std::string& address) const;
  // A refusal of `client`, which is behind a proxy and has as many requests as it may; "" never has.
  bool IsOverLimit(const std::string& client) const;
};

class HttpConnection {
 public:
  static constexpr int kProbeReserve = 64;  // Connections beyond the limit that may ask how the server is.

  HttpConnection(HttpServerState& server, TcpSocket socket, bool probe_only);
  HttpConnection(const HttpConnection&) = delete;

  // Serves it until it ends. REQUIRES: a shared_ptr of the caller's frame holds it.
  Task<void> Run();
  // Ends it before its time.
  void Close();
  // Tells it when its deadline has passed.
  void Look(std::int64_t now_ms);
  // The server stops: what has not sent a whole header yet has kStoppingHeaderMs for the rest.
  void Hurry();
  bool idle() const { return phase_ == Phase::kIdle; }

 private:
  enum class Phase { kHandshake, kIdle, kHeader, kBody, kHandler, kWrite, kLinger };
  class Progress;

  Task<bool> ShakeHands();
  Task<void> EndTls();
  Task<bool> ServeOne();  // False: the connection ends.
  Task<bool> ReadHeader(RequestParser& parser);
  Task<bool> ReadBody(RequestParser& parser);
  std::optional<HttpResponse> Judge(RequestParser& parser, std::string* client);
  Task<HttpResponse> Ask(HttpRequest request);
  Task<bool> Write(const HttpResponse& response, unsigned version, bool keep, bool is_head);
  Task<bool> WriteStream(const HttpResponse& response, unsigned version, bool keep, bool is_head);
  Task<bool> Send(std::string_view first, std::string_view second);
  Task<void> Refuse(const HttpResponse& response, unsigned version, bool is_head);
  Task<void> RefuseUnread(RequestParser& parser);

  // Reads more behind what is there. False: the client is gone, or the deadline passed.
  Task<bool> ReadSome();
  // The same, into a body.
  Task<bool> ReadInto(std::span<char> room, RequestParser& parser);
  Task<std::size_t> ReadFromSocket(std::span<char> room, boost::system::error_code* ec);
  std::string_view unread() const { return std::string_view(buffer_).substr(begin_, end_ - begin_); }

  void SetDeadline(Phase phase, int after_ms);
  void Wait();
  void StopWaiting();
  void Uncount();
  void Hold(std::size_t bytes);
  void LetGo();
  Counter& timeouts() const;

  HttpServerState& server_;
  TcpSocket socket_;
  const std::shared_ptr<TlsIdentity> identity_;
  const std::unique_ptr<TlsStream> tls_;  // Over the socket; null: HTTP without TLS.
  std::string peer_;
  std::string buffer_;  // What was read and not taken is from begin_ to end_.
  std::size_t begin_ = 0, end_ = 0;

  Phase phase_ = Phase::kIdle;
  std::int64_t deadline_ms_ = INT64_MAX;
  bool expired_ = false;       // The deadline passed.
  bool waits_ = false;         // For a whole request: in server_.waiting, at `place_`.
  bool counted_ = true;        // Among the connections.
  bool closed_ = false;        // By the server, before its time.
  const bool probe_only_;      // Beyond the limit.
  bool over_address_ = false;  // Beyond the limit of its address.
  std::list<HttpConnection*>::iterator place_;
  std::weak_ptr<HttpExchange> exchange_;
  std::size_t* budget_ = nullptr;  // Which one holds `held_`.
  std::size_t held_ = 0;
};

}  // namespace gfr
