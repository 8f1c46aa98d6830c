#include "serve/http_connection.h"

#include <algorithm>
#include <array>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <charconv>

#include "base/clock.h"

namespace gfr {
namespace {

namespace net = boost::asio;
using net::ip::tcp;
using IoError = boost::system::error_code;

constexpr std::size_t kSmallBody = 64u << 10;
constexpr int kStoppingHeaderMs = 1000;
constexpr int kLingerMs = 2000;  // A client that still sends gets so long to read why it was refused.
constexpr std::size_t kLingerBytes = 128u << 20;
constexpr std::size_t kTlsRecord = 16u << 10;
constexpr std::size_t kLeastBodyPiece = 16u << 10, kMostBodyPiece = 128u << 10;
constexpr std::size_t kLeastBuffer = 4096, kMostBuffer = 64u << 10, kKeptBuffer = 8192;

bool IsProbe(const HttpRequest& head) {
  return (head.method == "GET" || head.method == "HEAD") && (head.path == "/livez" || head.path == "/readyz");
}

HttpResponse Later(const std::string& why) {
  return ProblemResponse(503, "Service Unavailable", why, /*retry_after_s=*/1);
}

std::string AddressOf(const TcpSocket& socket) {
  IoError ec;
  const auto remote = socket.remote_endpoint(ec).address();
  return remote.is_v6() && remote.to_v6().is_v4_mapped()
             ? net::ip::make_address_v4(net::ip::v4_mapped, remote.to_v6()).to_string()
             : remote.to_string();
}

}  // namespace

void ReplyGate::Put(std::weak_ptr<HttpExchange> of, HttpResponse response) {
  waiting_.push_back({std::move(of), std::move(response)});
  if (!std::exchange(giving_, true)) net::post(*io, [gate = shared_from_this()] { gate->GiveSome(); });
}

// Posts itself again behind what has become ready on the sockets meanwhile.
void ReplyGate::GiveSome() {
  std::vector<Waiting> some;
  {
    const MutexLock lock(mutex);
    for (; !waiting_.empty() && some.size() < kAtOnce; waiting_.pop_front())
      some.push_back(std::move(waiting_.front()));
    giving_ = !waiting_.empty() && io != nullptr;
    if (giving_) net::post(*io, [gate = shared_from_this()] { gate->GiveSome(); });
  }
  for (Waiting& reply : some) {
    const auto waits = reply.of.lock();
    if (waits == nullptr || waits->response) continue;
    waits->response = std::move(reply.response);
    waits->Resume();
  }
}

HttpServerState::HttpServerState(HttpServerOptions o, HttpHandler& h)
    : options(std::move(o)),
      handler(h),
      own_telemetry(options.metrics ? nullptr : std::make_unique<Telemetry>()),
      own_metrics(options.metrics ? nullptr : std::make_unique<HttpServerMetrics>(*own_telemetry)),
      metrics(options.metrics ? *options.metrics : *own_metrics) {}

bool HttpServerState::EvictOne() {
  if (waiting.empty()) return false;
  waiting.front()->Close();
  ++metrics.evicted;
  return true;
}

bool HttpServerState::CountsByAddress(const std::string& address) const {
  return options.connections_by_address > 0 && !IsLoopback(address) && !proxies.Contains(address);
}

bool HttpServerState::IsOverLimit(const std::string& client) const {
  const auto of = by_address.find(client);
  return !client.empty() && of != by_address.end() && of->second >= options.connections_by_address;
}

// A deadline that moves on as long as bytes do.
class HttpConnection::Progress {
 public:
  Progress(HttpConnection& of, Phase phase, int span_ms, std::size_t rate)
      : of_(of),
        phase_(phase),
        span_ms_(span_ms),
        least_(std::max<std::size_t>(1, rate * static_cast<std::size_t>(span_ms) / 1000)) {
    of_.SetDeadline(phase_, span_ms_);
  }
  void Moved(std::size_t total) {
    if (total - start_ < least_) return;
    start_ = total;
    of_.SetDeadline(phase_, span_ms_);
  }

 private:
  HttpConnection& of_;
  const Phase phase_;
  const int span_ms_;
  const std::size_t least_;
  std::size_t start_ = 0;
};

HttpConnection::HttpConnection(HttpServerState& server, TcpSocket socket, bool probe_only)
    : server_(server),
      socket_(std::move(socket)),
      identity_(server.tls),
      tls_(identity_ ? std::make_unique<TlsStream>(socket_, identity_->context) : nullptr),
      peer_(AddressOf(socket_)),
      probe_only_(probe_only) {
  IoError ignored;
  socket_.set_option(tcp::no_delay(true), ignored);
  socket_.non_blocking(true, ignored);
  if (server_.CountsByAddress(peer_))
    over_address_ = ++server_.by_address[peer_] > server_.options.connections_by_address;
  server_.metrics.connections.Set(++server_.connections);
  server_.all.insert(this);
}

Task<void> HttpConnection::Run() {
  Wait();
  try {
    const bool speaks = tls_ == nullptr || co_await ShakeHands();
    SetDeadline(Phase::kIdle, server_.options.header_timeout_ms);
    while (speaks && !closed_ && co_await ServeOne()) {
      if (begin_ == end_) {
        begin_ = end_ = 0;
        if (buffer_.size() > kKeptBuffer) buffer_ = {};
      }
      SetDeadline(Phase::kIdle, server_.options.idle_timeout_ms);
    }
    if (speaks && tls_ != nullptr && !closed_) co_await EndTls();
  } catch (const std::exception&) {  // No memory for this one: it ends, the others go on.
  }
  StopWaiting();
  LetGo();
  Uncount();
  server_.all.erase(this);
  if (server_.CountsByAddress(peer_) && --server_.by_address[peer_] == 0) server_.by_address.erase(peer_);
  IoError ignored;
  if (!closed_) {
    socket_.shutdown(tcp::socket::shutdown_both, ignored);
    socket_.close(ignored);
  }
}

Task<bool> HttpConnection::ShakeHands() {
  SetDeadline(Phase::kHandshake, server_.options.header_timeout_ms);
  IoError ec;
  co_await tls_->async_handshake(net::ssl::stream_base::server, net::redirect_error(kAwait, ec));
  if (ec && !expired_ && !closed_) ++server_.metrics.tls_failures;
  co_return !ec && !expired_ && !closed_;
}

// Says that nothing more comes, so that the client knows it from a cut connection. It may say so too, for a moment.
Task<void> HttpConnection::EndTls() {
  Wait();
  SetDeadline(Phase::kLinger, kLingerMs);
  IoError ec;
  co_await tls_->async_shutdown(net::redirect_error(kAwait, ec));
}

Task<bool> HttpConnection::ServeOne() {
  if (begin_ == end_) {
    if (server_.stopping) co_return false;
    if (!co_await ReadSome()) co_return false;
  }
  RequestParser parser(server_.options.header_limit, server_.options.body_limit);
  if (!co_await ReadHeader(parser)) co_return false;
  const unsigned version = parser.version();
  const bool is_head = parser.head().method == "HEAD";
  std::string client;
  if (const std::optional<HttpResponse> refusal = Judge(parser, &client)) {
    // Without a body the connection is still of use.
    if (parser.state() == RequestParser::State::kDone && refusal->status != 501 && !probe_only_ && !over_address_) {
      StopWaiting();
      co_return co_await Write(*refusal, version, parser.keep_alive() && !server_.closing(), is_head);
    }
    co_await Refuse(*refusal, version, is_head);
    co_return false;
  }
  if (parser.state() == RequestParser::State::kBody && !co_await ReadBody(parser)) co_return false;
  StopWaiting();
  struct Counted {  // By address, while it is handled and answered.
    std::map<std::string, int>& counts;
    const std::string& of;
    Counted(std::map<std::string, int>& m, const std::string& a) : counts(m), of(a) {
      if (!of.empty()) ++counts[of];
    }
    ~Counted() {
      if (!of.empty() && --counts[of] == 0) counts.erase(of);
    }
  } const counted(server_.by_address, client);
  parser.head().body = std::move(parser.body());
  const HttpResponse response = co_await Ask(std::move(parser.head()));
  if (closed_) co_return false;
  LetGo();
  co_return co_await Write(response, version, parser.keep_alive() && !server_.closing() && !probe_only_, is_head);
}

Task<bool> HttpConnection::ReadHeader(RequestParser& parser) {
  SetDeadline(Phase::kHeader, server_.options.header_timeout_ms);
  if (server_.stopping) Hurry();
  begin_ += parser.Put(unread());
  while (parser.state() == RequestParser::State::kHeader) {
    if (!co_await ReadSome()) {
      if (expired_) co_await RefuseUnread(parser);
      co_return false;
    }
    begin_ += parser.Put(unread());
  }
  const bool whole = parser.state() == RequestParser::State::kBody || parser.state() == RequestParser::State::kDone;
  if (!whole) co_await RefuseUnread(parser);
  co_return whole;
}

// 400, 408, 413 or 431 for a request that is not read any further.
Task<void> HttpConnection::RefuseUnread(RequestParser& parser) {
  const HttpServerOptions& o = server_.options;
  HttpResponse response;
  switch (parser.state()) {
    case RequestParser::State::kBodyTooLarge:
      ++server_.metrics.too_large;
      response = ProblemResponse(413, "Content Too Large",
                                 "too_large: the body is larger than " + std::to_string(o.body_limit) + " bytes");
      break;
    case RequestParser::State::kHeaderTooLarge:
      ++server_.metrics.too_large;
      response = ProblemResponse(431, "Request Header Fields Too Large",
                                 "the header is larger than " + std::to_string(o.header_limit) + " bytes");
      break;
    case RequestParser::State::kMalformed:
      ++server_.metrics.malformed;
      response = ProblemResponse(400, "Bad Request", "not HTTP/1.1: " + parser.error());
      break;
    case RequestParser::State::kHeader:
      response = ProblemResponse(408, "Request Timeout",
                                 "the header was not whole within " + std::to_string(o.header_timeout_ms) + " ms");
      break;
    default:
      response = ProblemResponse(408, "Request Timeout",
                                 "the body came slower than " + std::to_string(o.body_min_rate) + " bytes a second");
  }
  LetGo();
  parser.body() = {};
  co_await Refuse(response, parser.version(), false);
}

// Before its body is read. Empty: it may go on; then `client` is whom it counts for, if it came through a proxy.
std::optional<HttpResponse> HttpConnection::Judge(RequestParser& parser, std::string* client) {
  HttpServerMetrics& metrics = server_.metrics;
  HttpRequest& head = parser.head();
  if (!parser.has_path()) {
    ++metrics.malformed;
    return ProblemResponse(400, "Bad Request", "the request's target is not a path");
  }
  if (auto refusal = CheckHead(head, parser.version(), {.body_bytes = server_.options.body_limit})) {
    ++(refusal->status == 413 ? metrics.too_large : metrics.malformed);
    return refusal;
  }
  head.client = ClientAddress(head, peer_, server_.proxies);
  if (probe_only_ && !IsProbe(head)) {
    ++metrics.over_connections;
    return Later("too many connections");
  }
  if (over_address_ && !IsProbe(head)) {
    ++metrics.over_address;
    return Later("too many connections from this address");
  }
  if (head.method == "HEAD") head.method = "GET";
  if (auto refusal = server_.handler.Admit(head)) {
    metrics.not_admitted += refusal->status >= 400;
    return refusal;
  }
  // By the address behind a proxy what counts is requests, which share the proxy's connections.
  if (head.client != peer_ && server_.CountsByAddress(head.client)) *client = head.client;
  if (server_.IsOverLimit(*client)) {
    ++metrics.over_address;
    return Later("too many requests from this address");
  }
  return std::nullopt;
}

Task<bool> HttpConnection::ReadBody(RequestParser& parser) {
  if (!parser.head().Header("expect").empty() && !co_await Send("HTTP/1.1 100 Continue\r\n\r\n", "")) co_return false;
  const auto length = parser.content_length();
  budget_ = length && *length <= kSmallBody ? &server_.small_bytes : &server_.large_bytes;
  Progress progress(*this, Phase::kBody, server_.options.body_timeout_ms, server_.options.body_min_rate);
  while (parser.state() == RequestParser::State::kBody) {
    if (begin_ < end_) begin_ += parser.Put(unread());
    Hold(parser.body().size());
    if (*budget_ > server_.options.body_budget) {
      ++server_.metrics.over_bytes;
      LetGo();
      parser.body() = {};
      const HttpResponse full = Later("the bodies of all clients take more than the server holds; send it again later");
      co_await Refuse(full, parser.version(), false);
      co_return false;
    }
    progress.Moved(held_);
    if (parser.state() != RequestParser::State::kBody) break;
    const std::span<char> room =  // In proportion to what has come: a client that sends nothing holds little.
        parser.Room(std::clamp(parser.body().size(), kLeastBodyPiece, kMostBodyPiece));
    const bool more = room.empty() ? co_await ReadSome() : co_await ReadInto(room, parser);
    if (!more) {
      if (expired_) co_await RefuseUnread(parser);
      co_return false;
    }
  }
  const bool whole = parser.state() == RequestParser::State::kDone;
  if (!whole) co_await RefuseUnread(parser);
  co_return whole;
}

Task<HttpResponse> HttpConnection::Ask(HttpRequest request) {
  const auto exchange = std::make_shared<HttpExchange>();
  exchange_ = exchange;
  SetDeadline(Phase::kHandler, server_.options.handler_timeout_ms);
  HttpReply reply = [gate = server_.gate, weak = std::weak_ptr<HttpExchange>(exchange)](HttpResponse response) {
    const MutexLock lock(gate->mutex);
    if (gate->io == nullptr) return;
    if (gate->io->get_executor().running_in_this_thread()) {
      // From within Handle: the connection does not wait yet, and finds the response there.
      if (const auto waits = weak.lock(); waits && !waits->response && !waits->resume) {
        waits->response = std::move(response);
        return;
      }
    }
    gate->Put(weak, std::move(response));
  };
  try {
    server_.handler.Handle(std::move(request), std::move(reply));
  } catch (const std::exception& e) {
    co_return ProblemResponse(500, "Internal Server Error", e.what());
  }
  if (!exchange->response && !closed_) {
    co_await net::async_initiate<const net::use_awaitable_t<IoExecutor>, void()>(
        [&exchange](auto handler) {
          const auto shared = std::make_shared<decltype(handler)>(std::move(handler));
          exchange->resume = [shared] { std::move (*shared)(); };
        },
        kAwait);
  }
  if (exchange->response) co_return *std::move(exchange->response);
  co_return Later("the answer takes too long; what was begun goes on, and may be sent again later");
}

Task<bool> HttpConnection::Write(const HttpResponse& response, unsigned version, bool keep, bool is_head) {
  Wait();
  if (response.stream) co_return co_await WriteStream(response, version, keep, is_head);
  const std::string head = ResponseHead(response, version, keep, response.body.size());
  const bool sent = co_await Send(head, is_head ? std::string_view() : response.body);
  co_return sent&& keep;
}

Task<bool> HttpConnection::WriteStream(const HttpResponse& response, unsigned version, bool keep, bool is_head) {
  const bool chunked = version >= 11;
  keep = keep && chunked;
  const std::string head = ResponseHead(response, version, keep, std::nullopt);
  bool sent = co_await Send(head, "");
  for (bool more = !is_head; more && sent;) {
    std::string piece;
    more = response.stream(&piece);
    if (piece.empty()) continue;  // An empty chunk would end the body.
    std::string size;
    if (chunked) {
      char hex[16];
      size.assign(hex, std::to_chars(hex, hex + sizeof hex, piece.size(), 16).ptr);
      size += "\r\n";
      piece += "\r\n";
    }
    sent = co_await Send(size, piece);
  }
  if (sent && chunked && !is_head) sent = co_await Send("0\r\n\r\n", "");
  co_return keep&& sent;
}

Task<bool> HttpConnection::Send(std::string_view first, std::string_view second) {
  Progress progress(*this, Phase::kWrite, server_.options.write_timeout_ms, server_.options.body_min_rate);
  std::string record;  // TLS sends each buffer as a record of its own: a small reply is one.
  if (tls_ != nullptr && !first.empty() && !second.empty() && first.size() + second.size() <= kTlsRecord) {
    record.append(first).append(second);
    first = record;
    second = {};
  }
  for (std::size_t total = 0; !first.empty() || !second.empty();) {
    const std::array<net::const_buffer, 2> buffers{net::const_buffer(first.data(), first.size()),
                                                   net::const_buffer(second.data(), second.size())};
    IoError ec;
    std::size_t n = 0;
    if (tls_ != nullptr) {
      n = co_await tls_->async_write_some(buffers, net::redirect_error(kAwait, ec));
    } else {
      n = socket_.write_some(buffers, ec);  // The buffer of the socket is seldom full.
      if (ec == net::error::would_block || ec == net::error::try_again) {
        ec = {};
        n = co_await socket_.async_write_some(buffers, net::redirect_error(kAwait, ec));
      }
    }
    if (ec || expired_ || closed_) co_return false;
    total += n;
    progress.Moved(total);
    const std::size_t of_first = std::min(n, first.size());
    first.remove_prefix(of_first);
    second.remove_prefix(n - of_first);
  }
  co_return true;
}

// Answers, then reads what the client still sends for a moment, so that it sees the answer and not a reset.
Task<void> HttpConnection::Refuse(const HttpResponse& response, unsigned version, bool is_head) {
  co_await Write(response, version, /*keep=*/false, is_head);
  if (closed_) co_return;
  IoError ignored;
  if (tls_ == nullptr) socket_.shutdown(tcp::socket::shutdown_send, ignored);
  begin_ = end_ = 0;
  SetDeadline(Phase::kLinger, kLingerMs);
  for (std::size_t total = 0; total < kLingerBytes && co_await ReadSome(); begin_ = end_ = 0) total += end_;
}

Task<bool> HttpConnection::ReadSome() {
  std::copy(buffer_.begin() + static_cast<std::ptrdiff_t>(begin_), buffer_.begin() + static_cast<std::ptrdiff_t>(end_),
            buffer_.begin());
  end_ -= std::exchange(begin_, 0);
  if (buffer_.size() < end_ + kLeastBuffer) buffer_.resize(end_ + kLeastBuffer);
  const std::size_t room = buffer_.size() - end_;
  IoError ec;
  const std::size_t n = co_await ReadFromSocket({buffer_.data() + end_, room}, &ec);
  end_ += n;
  if (n == room && buffer_.size() < kMostBuffer) buffer_.resize(2 * buffer_.size());  // There is more to come.
  co_return !ec && !expired_ && !closed_;
}

Task<bool> HttpConnection::ReadInto(std::span<char> room, RequestParser& parser) {
  IoError ec;
  parser.CameIn(co_await ReadFromSocket(room, &ec));
  co_return !ec && !expired_ && !closed_;
}

Task<std::size_t> HttpConnection::ReadFromSocket(std::span<char> room, IoError* ec) {
  const auto into = net::buffer(room.data(), room.size());
  if (tls_ != nullptr) co_return co_await tls_->async_read_some(into, net::redirect_error(kAwait, *ec));
  co_return co_await socket_.async_read_some(into, net::redirect_error(kAwait, *ec));
}

void HttpConnection::Close() {
  closed_ = true;
  StopWaiting();
  Uncount();
  IoError ignored;
  socket_.close(ignored);
  if (const auto exchange = exchange_.lock()) net::post(server_.io, [exchange] { exchange->Resume(); });
}

void HttpConnection::Look(std::int64_t now_ms) {
  if (closed_ || now_ms < deadline_ms_) return;
  deadline_ms_ = INT64_MAX;
  expired_ = true;
  if (phase_ != Phase::kLinger) ++timeouts();
  IoError ignored;
  if (phase_ != Phase::kHandler)
    socket_.cancel(ignored);
  else if (const auto exchange = exchange_.lock())
    net::post(server_.io, [exchange] { exchange->Resume(); });
}

Counter& HttpConnection::timeouts() const {
  switch (phase_) {
    case Phase::kHandshake:
      return server_.metrics.handshake_timeouts;
    case Phase::kHeader:
      return server_.metrics.header_timeouts;
    case Phase::kBody:
      return server_.metrics.body_timeouts;
    case Phase::kHandler:
      return server_.metrics.handler_timeouts;
    case Phase::kWrite:
      return server_.metrics.write_timeouts;
    default:
      return server_.metrics.idle_timeouts;
  }
}

void HttpConnection::SetDeadline(Phase phase, int after_ms) {
  phase_ = phase;
  deadline_ms_ = MonotonicMs() + after_ms;
  expired_ = false;
}

void HttpConnection::Hurry() {
  if (phase_ != Phase::kHeader && phase_ != Phase::kHandshake) return;
  deadline_ms_ = std::min(deadline_ms_, MonotonicMs() + kStoppingHeaderMs);
}

void HttpConnection::Wait() {
  if (waits_) return;
  waits_ = true;
  place_ = server_.waiting.insert(server_.waiting.end(), this);
}
void HttpConnection::StopWaiting() {
  if (waits_) server_.waiting.erase(place_);
  waits_ = false;
}
void HttpConnection::Uncount() {
  if (counted_) server_.metrics.connections.Set(--server_.connections);
  counted_ = false;
}
void HttpConnection::Hold(std::size_t bytes) {
  *budget_ += bytes - held_;
  held_ = bytes;
  server_.metrics.body_bytes.Set(static_cast<double>(server_.small_bytes + server_.large_bytes));
}
void HttpConnection::LetGo() {
  if (budget_ != nullptr) Hold(0);
  budget_ = nullptr;
}

}  // namespace gfr
