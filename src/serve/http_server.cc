#include "serve/http_server.h"

#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <cctype>
#include <list>
#include <map>
#include <set>

#include "base/clock.h"
#include "base/sync.h"
#include "serve/http_head.h"

namespace gfr {
namespace {

namespace net = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using net::ip::tcp;
using ErrorCodeOf = beast::error_code;

constexpr std::size_t kSmallBody = 64u << 10;
constexpr int kProbeReserve = 64;  // Connections beyond the limit that may ask how the server is.
constexpr int kLingerMs = 2000;    // A client that still sends gets so long to read why it was refused.
constexpr std::size_t kLingerBytes = 128u << 20;
constexpr int kDescriptorReserve = 256;  // For the log, the store, the models.

std::chrono::milliseconds Ms(int ms) { return std::chrono::milliseconds(ms); }

// Raises the limit of descriptors; gives how many connections fit below it.
int ConnectionsThatFit(int wanted) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return wanted;
  const auto needed = static_cast<rlim_t>(wanted + kProbeReserve + kDescriptorReserve);
  if (limit.rlim_cur < needed) {
    rlimit raised = limit;
    raised.rlim_cur = limit.rlim_max == RLIM_INFINITY ? needed : std::min(needed, limit.rlim_max);
    if (::setrlimit(RLIMIT_NOFILE, &raised) == 0) limit = raised;
  }
  if (limit.rlim_cur >= needed) return wanted;
  return std::max(8, static_cast<int>(limit.rlim_cur) - kProbeReserve - kDescriptorReserve);
}

// Where replies go: shut when the I/O thread is gone. Replies hold it, and may come later.
struct Gate {
  Mutex mutex;
  net::io_context* io = nullptr;
};

// One request that a handler has. Owned by its connection; a reply finds it as long as the connection waits.
struct Exchange {
  explicit Exchange(net::io_context& io) : timer(io) {}
  net::steady_timer timer;
  std::optional<HttpResponse> response;
};

// A body that grows with what arrives; Beast's own takes what Content-Length promises at once.
struct GrowingBody {
  using value_type = std::string;
  class reader {
   public:
    template <bool kIsRequest, typename Fields>
    reader(http::header<kIsRequest, Fields>&, value_type& body) : body_(body) {}
    void init(const boost::optional<std::uint64_t>&, ErrorCodeOf& ec) { ec = {}; }
    template <typename Buffers>
    std::size_t put(const Buffers& buffers, ErrorCodeOf& ec) {
      const std::size_t before = body_.size();
      for (const auto buffer : beast::buffers_range_ref(buffers))
        body_.append(static_cast<const char*>(buffer.data()), buffer.size());
      ec = {};
      return body_.size() - before;
    }
    void finish(ErrorCodeOf& ec) { ec = {}; }

   private:
    value_type& body_;
  };
};
using Parser = http::request_parser<GrowingBody>;

struct Connection {
  explicit Connection(tcp::socket socket) : stream(std::move(socket)) {}
  beast::tcp_stream stream;
  beast::flat_buffer buffer{1u << 17};
  std::string peer;
  enum class Phase { kIdle, kBusy, kLingering } phase = Phase::kIdle;
  bool waits = false;       // For a whole request: in State::waiting, at `place`.
  bool counted = false;     // Among the connections.
  bool closed = false;      // By the server, before its time.
  bool probe_only = false;  // Beyond the limit.
  bool refused = false;     // By address.
  std::list<Connection*>::iterator place;
  std::weak_ptr<Exchange> exchange;
  std::size_t* budget = nullptr;  // Which one holds `held`.
  std::size_t held = 0;
};

// A deadline that moves on as long as bytes do.
class Progress {
 public:
  Progress(beast::tcp_stream& stream, int span_ms, std::size_t rate)
      : stream_(stream),
        span_ms_(span_ms),
        least_(std::max<std::size_t>(1, rate * static_cast<std::size_t>(span_ms) / 1000)) {
    stream_.expires_after(Ms(span_ms_));
  }
  void Moved(std::size_t total) {
    if (total - start_ < least_) return;
    start_ = total;
    stream_.expires_after(Ms(span_ms_));
  }

 private:
  beast::tcp_stream& stream_;
  const int span_ms_;
  const std::size_t least_;
  std::size_t start_ = 0;
};

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return lower;
}

// False: the target is no path.
template <typename Message>
bool HeadOf(const Message& message, const std::string& peer, HttpRequest* head) {
  head->method = std::string(message.method_string());
  head->client = peer;
  for (const auto& field : message) head->headers.emplace_back(Lower(field.name_string()), std::string(field.value()));
  return SplitTarget(std::string_view(message.target().data(), message.target().size()), head);
}

bool IsSyntaxError(const ErrorCodeOf& ec) {
  return ec.category() == http::make_error_code(http::error::bad_chunk).category() &&
         ec != http::error::end_of_stream && ec != http::error::partial_message;
}

bool IsProbe(const HttpRequest& head) {
  return (head.method == "GET" || head.method == "HEAD") && (head.path == "/livez" || head.path == "/readyz");
}

HttpResponse TooLarge(std::size_t limit) {
  return ProblemResponse(413, "Content Too Large",
                         "too_large: the body is larger than " + std::to_string(limit) + " bytes");
}

HttpResponse TooManyConnections(const std::string& why) {
  return ProblemResponse(503, "Service Unavailable", why, /*retry_after_s=*/1);
}

}  // namespace

struct HttpServer::State {
  State(HttpServerOptions o, HttpHandler& h) : options(std::move(o)), handler(h), acceptor(io), accept_timer(io) {}
  const HttpServerOptions options;
  HttpHandler& handler;
  AddressSet proxies;
  const std::shared_ptr<Gate> gate = std::make_shared<Gate>();
  net::io_context io{1};
  tcp::acceptor acceptor;
  net::steady_timer accept_timer;
  int bound_port = 0, max_connections = 0;

  // Only the I/O thread has these.
  std::list<Connection*> waiting;  // Without a whole request; the one that has been longest so is first.
  std::set<Connection*> all;
  std::map<std::string, int> by_address;
  bool stopping = false;

  std::atomic<std::uint64_t> accepted = 0, evicted = 0, timed_out = 0, refused = 0;
  std::atomic<int> connections = 0;
  std::size_t small_bytes = 0, large_bytes = 0;
  std::atomic<std::size_t> body_bytes = 0;

  net::executor_work_guard<net::io_context::executor_type> work{io.get_executor()};
  Mutex mutex;
  CondVar changed;
  bool stop_called = false, ended = false;
  Thread thread;

  Status Listen();
  net::awaitable<void> Accept();
  void Take(tcp::socket socket);
  net::awaitable<void> Run(std::shared_ptr<Connection> c);
  net::awaitable<bool> ServeOne(Connection& c);  // False: the connection ends.
  net::awaitable<bool> ReadBody(Connection& c, Parser& parser);
  net::awaitable<HttpResponse> Ask(Connection& c, HttpRequest request);
  net::awaitable<bool> Write(Connection& c, HttpResponse response, unsigned version, bool keep, bool head);
  net::awaitable<bool> WriteStream(Connection& c, const HttpResponse& response, unsigned version, bool keep, bool head);
  net::awaitable<void> Refuse(Connection& c, HttpResponse response, unsigned version, bool head);

  void Wait(Connection& c) {
    if (c.waits) return;
    c.waits = true;
    c.place = waiting.insert(waiting.end(), &c);
  }
  void StopWaiting(Connection& c) {
    if (c.waits) waiting.erase(c.place);
    c.waits = false;
  }
  void Uncount(Connection& c) {
    if (c.counted) --connections;
    c.counted = false;
  }
  void Hold(Connection& c, std::size_t bytes) {
    *c.budget += bytes - c.held;
    body_bytes += bytes - c.held;
    c.held = bytes;
  }
  void LetGo(Connection& c) {
    if (c.budget != nullptr) Hold(c, 0);
    c.budget = nullptr;
  }
  void Close(Connection& c) {
    c.closed = true;
    StopWaiting(c);
    Uncount(c);
    ErrorCodeOf ignored;
    c.stream.socket().close(ignored);
    if (const auto exchange = c.exchange.lock()) exchange->timer.cancel();
  }
  // Closes the connection that has been longest without a whole request. False: every one is being handled.
  bool EvictOne() {
    if (waiting.empty()) return false;
    Close(*waiting.front());
    ++evicted;
    return true;
  }
  bool CountsByAddress(const std::string& address) const {
    return options.connections_by_address > 0 && !IsLoopback(address) && !proxies.Contains(address);
  }
  bool TimedOut(const ErrorCodeOf& ec) {
    if (ec == beast::error::timeout) ++timed_out;
    return ec == beast::error::timeout;
  }
};

Status HttpServer::State::Listen() {
  GFR_ASSIGN(proxies, AddressSet::Parse(options.trusted_proxies));
  ErrorCodeOf ec;
  const auto address = net::ip::make_address(options.address, ec);
  if (ec) return Error{ErrorCode::kInvalidArgument, "'" + options.address + "' is not an address"};
  const tcp::endpoint endpoint(address, static_cast<unsigned short>(options.port));
  acceptor.open(endpoint.protocol(), ec);
  if (!ec) acceptor.set_option(net::socket_base::reuse_address(true), ec);
  if (!ec) acceptor.bind(endpoint, ec);
  if (!ec) acceptor.listen(net::socket_base::max_listen_connections, ec);
  if (ec)
    return Error{ErrorCode::kUnavailable,
                 "cannot listen on " + options.address + ":" + std::to_string(options.port) + ": " + ec.message()};
  bound_port = acceptor.local_endpoint().port();
  max_connections = ConnectionsThatFit(options.max_connections);
  return {};
}

net::awaitable<void> HttpServer::State::Accept() {
  while (!stopping) {
    ErrorCodeOf ec;
    tcp::socket socket(io);
    co_await acceptor.async_accept(socket, net::redirect_error(net::use_awaitable, ec));
    if (stopping) co_return;
    if (!ec) {
      ++accepted;
      Take(std::move(socket));
    } else if (ec != net::error::connection_aborted && !EvictOne()) {
      // No descriptor, and nobody to take one from: the listener stays readable, so that waiting is all there is.
      accept_timer.expires_after(Ms(50));
      co_await accept_timer.async_wait(net::redirect_error(net::use_awaitable, ec));
    }
  }
}

void HttpServer::State::Take(tcp::socket socket) {
  ErrorCodeOf ec;
  socket.set_option(tcp::no_delay(true), ec);
  const auto c = std::make_shared<Connection>(std::move(socket));
  const auto remote = c->stream.socket().remote_endpoint(ec).address();
  c->peer = remote.is_v6() && remote.to_v6().is_v4_mapped()
                ? net::ip::make_address_v4(net::ip::v4_mapped, remote.to_v6()).to_string()
                : remote.to_string();
  if (connections >= max_connections && !EvictOne()) {
    if (connections >= max_connections + kProbeReserve) return;  // Closes it.
    c->probe_only = true;
  }
  if (CountsByAddress(c->peer)) c->refused = ++by_address[c->peer] > options.connections_by_address;
  c->counted = true;
  ++connections;
  all.insert(c.get());
  net::co_spawn(io, Run(c), net::detached);
}

net::awaitable<void> HttpServer::State::Run(std::shared_ptr<Connection> c) {
  Wait(*c);
  try {
    c->stream.expires_after(Ms(options.header_timeout_ms));
    while (!c->closed && co_await ServeOne(*c)) {
      if (c->buffer.size() == 0 && c->buffer.capacity() > 8192) c->buffer.shrink_to_fit();
      c->stream.expires_after(Ms(options.idle_timeout_ms));
    }
  } catch (const std::exception&) {  // No memory for this one: it ends, the others go on.
  }
  StopWaiting(*c);
  LetGo(*c);
  Uncount(*c);
  all.erase(c.get());
  if (CountsByAddress(c->peer) && --by_address[c->peer] == 0) by_address.erase(c->peer);
  ErrorCodeOf ignored;
  if (!c->closed) {
    c->stream.socket().shutdown(tcp::socket::shutdown_both, ignored);
    c->stream.socket().close(ignored);
  }
  if (stopping && all.empty()) {
    const MutexLock lock(mutex);
    ended = true;
    changed.NotifyAll();
  }
}

net::awaitable<bool> HttpServer::State::ServeOne(Connection& c) {
  ErrorCodeOf ec;
  c.phase = Connection::Phase::kIdle;
  if (c.buffer.size() == 0) {
    if (stopping) co_return false;
    const std::size_t n =
        co_await c.stream.async_read_some(c.buffer.prepare(4096), net::redirect_error(net::use_awaitable, ec));
    if (ec) {
      TimedOut(ec);
      co_return false;
    }
    c.buffer.commit(n);
  }
  c.phase = Connection::Phase::kBusy;
  c.stream.expires_after(Ms(options.header_timeout_ms));
  Parser parser;
  parser.header_limit(static_cast<std::uint32_t>(options.header_limit));
  parser.body_limit(options.body_limit);
  co_await http::async_read_header(c.stream, c.buffer, parser, net::redirect_error(net::use_awaitable, ec));
  if (ec == http::error::body_limit) {  // From Content-Length.
    co_await Refuse(c, TooLarge(options.body_limit), 11, false);
    co_return false;
  }
  if (ec == http::error::header_limit || ec == http::error::buffer_overflow) {
    co_await Refuse(c,
                    ProblemResponse(431, "Request Header Fields Too Large",
                                    "the header is larger than " + std::to_string(options.header_limit) + " bytes"),
                    11, false);
    co_return false;
  }
  if (ec) {
    TimedOut(ec);
    if (!c.closed && IsSyntaxError(ec))
      co_await Refuse(c, ProblemResponse(400, "Bad Request", "not HTTP/1.1: " + ec.message()), 11, false);
    co_return false;
  }
  HttpRequest head;
  const unsigned version = parser.get().version();
  std::optional<HttpResponse> refusal;
  if (!HeadOf(parser.get(), c.peer, &head))
    refusal = ProblemResponse(400, "Bad Request", "the request's target is not a path");
  if (!refusal) refusal = CheckHead(head, version, {.body_bytes = options.body_limit});
  head.client = ClientAddress(head, c.peer, proxies);
  if (!refusal && c.probe_only && !IsProbe(head)) refusal = TooManyConnections("too many connections");
  if (!refusal && c.refused && !IsProbe(head)) refusal = TooManyConnections("too many connections from this address");
  const bool is_head = head.method == "HEAD";
  if (is_head) head.method = "GET";
  if (!refusal) refusal = handler.Admit(head);
  // By the address behind a proxy what counts is requests, which share the proxy's connections.
  const std::string client = head.client != c.peer && CountsByAddress(head.client) ? head.client : "";
  if (const auto of = by_address.find(client);
      !refusal && !client.empty() && of != by_address.end() && of->second >= options.connections_by_address)
    refusal = TooManyConnections("too many requests from this address");
  if (refusal) {
    ++refused;
    // Without a body the connection is still of use.
    if (parser.is_done() && refusal->status != 501 && !c.probe_only && !c.refused) {
      StopWaiting(c);
      co_return co_await Write(c, *std::move(refusal), version, parser.get().keep_alive() && !stopping, is_head);
    }
    co_await Refuse(c, *std::move(refusal), version, is_head);
    co_return false;
  }
  if (!parser.is_done()) {
    if (!head.Header("expect").empty()) {
      static constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
      co_await net::async_write(c.stream, net::buffer(kContinue), net::redirect_error(net::use_awaitable, ec));
      if (ec) co_return false;
    }
    if (!co_await ReadBody(c, parser)) co_return false;
  }
  StopWaiting(c);
  struct Counted {  // By address, while it is handled and answered.
    std::map<std::string, int>& counts;
    const std::string& of;
    Counted(std::map<std::string, int>& m, const std::string& a) : counts(m), of(a) {
      if (!of.empty()) ++counts[of];
    }
    ~Counted() {
      if (!of.empty() && --counts[of] == 0) counts.erase(of);
    }
  } const counted(by_address, client);
  const bool keep = parser.get().keep_alive();
  head.body = std::move(parser.get().body());
  HttpResponse response = co_await Ask(c, std::move(head));
  if (c.closed) co_return false;
  LetGo(c);
  co_return co_await Write(c, std::move(response), version, keep && !stopping && !c.probe_only, is_head);
}

net::awaitable<bool> HttpServer::State::ReadBody(Connection& c, Parser& parser) {
  const auto length = parser.content_length();
  const bool small = length.has_value() && *length <= kSmallBody;
  c.budget = small ? &small_bytes : &large_bytes;
  Progress progress(c.stream, options.body_timeout_ms, options.body_min_rate);
  while (!parser.is_done()) {
    ErrorCodeOf ec;
    co_await http::async_read_some(c.stream, c.buffer, parser, net::redirect_error(net::use_awaitable, ec));
    if (ec == http::error::body_limit) {
      co_await Refuse(c, TooLarge(options.body_limit), parser.get().version(), false);
      co_return false;
    }
    if (ec) {
      TimedOut(ec);
      if (!c.closed && IsSyntaxError(ec))
        co_await Refuse(c, ProblemResponse(400, "Bad Request", "not HTTP/1.1: " + ec.message()), parser.get().version(),
                        false);
      co_return false;
    }
    Hold(c, parser.get().body().size());
    if (*c.budget > options.body_budget) {
      ++refused;
      LetGo(c);
      parser.get().body() = {};
      co_await Refuse(c,
                      ProblemResponse(503, "Service Unavailable",
                                      "the bodies of all clients take more than the server holds; send it again later",
                                      /*retry_after_s=*/1),
                      parser.get().version(), false);
      co_return false;
    }
    progress.Moved(c.held);
  }
  co_return true;
}

net::awaitable<HttpResponse> HttpServer::State::Ask(Connection& c, HttpRequest request) {
  const auto exchange = std::make_shared<Exchange>(io);
  c.exchange = exchange;
  c.stream.expires_never();
  exchange->timer.expires_after(Ms(options.handler_timeout_ms));
  HttpReply reply = [gate = gate, weak = std::weak_ptr<Exchange>(exchange)](HttpResponse response) {
    const MutexLock lock(gate->mutex);
    if (gate->io == nullptr) return;
    net::post(*gate->io, [weak, r = std::move(response)]() mutable {
      const auto waits = weak.lock();
      if (waits == nullptr || waits->response) return;
      waits->response = std::move(r);
      waits->timer.cancel();
    });
  };
  try {
    handler.Handle(std::move(request), std::move(reply));
  } catch (const std::exception& e) {
    co_return ProblemResponse(500, "Internal Server Error", e.what());
  }
  ErrorCodeOf ec;
  while (!exchange->response && !c.closed) {
    ec = {};
    co_await exchange->timer.async_wait(net::redirect_error(net::use_awaitable, ec));
    if (!ec) break;  // Time is up.
  }
  if (exchange->response) co_return *std::move(exchange->response);
  ++timed_out;
  co_return ProblemResponse(503, "Service Unavailable",
                            "the answer takes too long; what was begun goes on, and may be sent again later",
                            /*retry_after_s=*/1);
}

net::awaitable<bool> HttpServer::State::Write(Connection& c, HttpResponse from, unsigned version, bool keep,
                                              bool head) {
  Wait(c);
  if (from.stream) co_return co_await WriteStream(c, from, version, keep, head);
  http::response<http::string_body> response{static_cast<http::status>(from.status), version};
  response.set(http::field::content_type, from.content_type);
  for (const auto& [name, value] : from.headers) response.set(name, value);
  response.keep_alive(keep);
  response.body() = std::move(from.body);
  response.prepare_payload();
  if (head) response.body().clear();
  http::response_serializer<http::string_body> serializer{response};
  Progress progress(c.stream, options.write_timeout_ms, options.body_min_rate);
  for (std::size_t total = 0; !serializer.is_done();) {
    ErrorCodeOf ec;
    total += co_await http::async_write_some(c.stream, serializer, net::redirect_error(net::use_awaitable, ec));
    if (ec) {
      TimedOut(ec);
      co_return false;
    }
    progress.Moved(total);
  }
  co_return keep;
}

net::awaitable<bool> HttpServer::State::WriteStream(Connection& c, const HttpResponse& from, unsigned version,
                                                    bool keep, bool head) {
  const bool chunked = version >= 11;
  http::response<http::empty_body> response{static_cast<http::status>(from.status), version};
  response.set(http::field::content_type, from.content_type);
  for (const auto& [name, value] : from.headers) response.set(name, value);
  keep = keep && chunked;
  response.keep_alive(keep);
  if (chunked) response.chunked(true);
  http::response_serializer<http::empty_body> serializer{response};
  c.stream.expires_after(Ms(options.write_timeout_ms));
  ErrorCodeOf ec;
  co_await http::async_write_header(c.stream, serializer, net::redirect_error(net::use_awaitable, ec));
  for (bool more = !head; more && !ec;) {
    std::string piece;
    more = from.stream(&piece);
    c.stream.expires_after(Ms(options.write_timeout_ms));
    if (piece.empty()) continue;  // An empty chunk would end the body.
    if (chunked)
      co_await net::async_write(c.stream, http::make_chunk(net::buffer(piece)),
                                net::redirect_error(net::use_awaitable, ec));
    else
      co_await net::async_write(c.stream, net::buffer(piece), net::redirect_error(net::use_awaitable, ec));
  }
  if (!ec && chunked && !head)
    co_await net::async_write(c.stream, http::make_chunk_last(), net::redirect_error(net::use_awaitable, ec));
  TimedOut(ec);
  co_return keep && !ec;
}

// Answers, then reads what the client still sends for a moment, so that it sees the answer and not a reset.
net::awaitable<void> HttpServer::State::Refuse(Connection& c, HttpResponse response, unsigned version, bool head) {
  co_await Write(c, std::move(response), version, /*keep=*/false, head);
  if (c.closed) co_return;
  c.phase = Connection::Phase::kLingering;
  ErrorCodeOf ec;
  c.stream.socket().shutdown(tcp::socket::shutdown_send, ec);
  c.buffer.consume(c.buffer.size());
  c.stream.expires_after(Ms(kLingerMs));
  for (std::size_t total = 0; !ec && total < kLingerBytes;)
    total +=
        co_await c.stream.async_read_some(c.buffer.prepare(32u << 10), net::redirect_error(net::use_awaitable, ec));
}

HttpServer::HttpServer(std::unique_ptr<State> state) : state_(std::move(state)) {}
HttpServer::~HttpServer() { Stop(0); }
int HttpServer::port() const { return state_->bound_port; }
int HttpServer::max_connections() const { return state_->max_connections; }

HttpServer::Figures HttpServer::figures() const {
  const State& s = *state_;
  return {.accepted = s.accepted,
          .evicted = s.evicted,
          .timed_out = s.timed_out,
          .refused = s.refused,
          .connections = s.connections,
          .body_bytes = s.body_bytes};
}

Result<std::unique_ptr<HttpServer>> HttpServer::Start(HttpServerOptions options, HttpHandler& handler) {
  auto state = std::make_unique<State>(std::move(options), handler);
  GFR_TRY(state->Listen());
  state->gate->io = &state->io;
  net::co_spawn(state->io, state->Accept(), net::detached);
  state->thread = Thread("http", [s = state.get()] { s->io.run(); });
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(state)));
}

void HttpServer::Stop(int drain_ms) {
  State& s = *state_;
  {
    const MutexLock lock(s.mutex);
    if (std::exchange(s.stop_called, true)) return;
  }
  net::post(s.io, [&s] {
    s.stopping = true;
    ErrorCodeOf ignored;
    s.acceptor.close(ignored);
    s.accept_timer.cancel();
    for (Connection* c : s.all) {
      if (c->phase == Connection::Phase::kIdle) s.Close(*c);
    }
    const MutexLock lock(s.mutex);
    s.ended = s.all.empty();
    s.changed.NotifyAll();
  });
  {
    MutexLock lock(s.mutex);
    s.changed.WaitUntil(lock, MonotonicMs() + drain_ms, [&] { return s.ended; });
  }
  net::post(s.io, [&s] {
    for (Connection* c : s.all) s.Close(*c);
    const MutexLock lock(s.mutex);
    s.ended = s.all.empty();
    s.changed.NotifyAll();
  });
  {
    MutexLock lock(s.mutex);
    s.changed.Wait(lock, [&] { return s.ended; });
  }
  {
    const MutexLock lock(s.gate->mutex);
    s.gate->io = nullptr;
  }
  net::post(s.io, [&s] { s.work.reset(); });  // The rest of what was posted runs, then the thread ends.
  s.thread.Join();
}

}  // namespace gfr
