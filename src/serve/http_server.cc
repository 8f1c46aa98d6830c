#include "serve/http_server.h"

#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>

#include "base/clock.h"
#include "base/file_system.h"
#include "base/sync.h"
#include "serve/http_connection.h"

namespace gfr {
namespace {

namespace net = boost::asio;
using net::ip::tcp;
using IoError = boost::system::error_code;
using TcpAcceptor = net::basic_socket_acceptor<tcp, IoExecutor>;

constexpr int kDescriptorReserve = 256;  // For the log, the store, the models.

// Raises the limit of descriptors; gives how many connections fit below it.
int ConnectionsThatFit(int wanted) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return wanted;
  const auto needed = static_cast<rlim_t>(wanted + HttpConnection::kProbeReserve + kDescriptorReserve);
  if (limit.rlim_cur < needed) {
    rlimit raised = limit;
    raised.rlim_cur = limit.rlim_max == RLIM_INFINITY ? needed : std::min(needed, limit.rlim_max);
    if (::setrlimit(RLIMIT_NOFILE, &raised) == 0) limit = raised;
  }
  if (limit.rlim_cur >= needed) return wanted;
  return std::max(8, static_cast<int>(limit.rlim_cur) - HttpConnection::kProbeReserve - kDescriptorReserve);
}

// How often deadlines are looked at: a tenth of the shortest.
int LookPeriodMs(const HttpServerOptions& o) {
  const int shortest = std::min(
      {o.header_timeout_ms, o.body_timeout_ms, o.handler_timeout_ms, o.write_timeout_ms, o.idle_timeout_ms, 2000});
  return std::clamp(shortest / 10, 5, 200);
}

// The frame holds the connection.
Task<void> RunConnection(std::shared_ptr<HttpConnection> connection, std::function<void()> ended) {
  co_await connection->Run();
  ended();
}

}  // namespace

struct HttpServer::State : HttpServerState {
  State(HttpServerOptions o, HttpHandler& h)
      : HttpServerState(std::move(o), h), acceptor(io), accept_timer(io), look_timer(io) {}
  TcpAcceptor acceptor;
  net::steady_timer accept_timer, look_timer;
  int bound_port = 0;

  net::executor_work_guard<IoExecutor> work{io.get_executor()};
  Mutex mutex;
  CondVar changed;
  bool stop_called = false, drain_called = false, ended = false;
  Thread thread;

  Status Listen();
  Status TakeListener();
  Result<std::shared_ptr<TlsIdentity>> LoadTls() const {
    return TlsIdentity::Load(PosixFileSystem(), options.tls_certificate, options.tls_key);
  }
  bool has_tls() const { return !options.tls_certificate.empty() || !options.tls_key.empty(); }
  void SetTls(std::shared_ptr<TlsIdentity> identity) {
    metrics.tls_expires_s.Set(static_cast<double>(identity->expires_s));
    tls = std::move(identity);
  }
  Task<void> Accept();
  Task<void> LookAtDeadlines();
  void Take(TcpSocket socket);
  void WaitForEnd(int ms) {
    MutexLock lock(mutex);
    changed.WaitUntil(lock, MonotonicMs() + ms, [&] { return ended; });
  }
  // Runs on the I/O thread: `ended` says whether every connection has ended by now.
  void NoteEnd() {
    if (!closing()) return;
    const MutexLock lock(mutex);
    ended = all.empty();
    changed.NotifyAll();
  }
};

Status HttpServer::State::Listen() {
  GFR_ASSIGN(proxies, AddressSet::Parse(options.trusted_proxies));
  max_connections = ConnectionsThatFit(options.max_connections);
  IoError ec;
  if (options.listener >= 0) return TakeListener();
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
  return {};
}

Status HttpServer::State::TakeListener() {
  sockaddr_storage bound{};
  socklen_t size = sizeof bound;
  const bool is_bound = ::getsockname(options.listener, reinterpret_cast<sockaddr*>(&bound), &size) == 0;
  IoError ec;
  if (is_bound) acceptor.assign(bound.ss_family == AF_INET6 ? tcp::v6() : tcp::v4(), options.listener, ec);
  if (is_bound && !ec) acceptor.listen(net::socket_base::max_listen_connections, ec);
  if (!is_bound || ec)
    return Error{ErrorCode::kUnavailable,
                 "descriptor " + std::to_string(options.listener) + " is no socket that can be listened on"};
  bound_port = acceptor.local_endpoint().port();
  return {};
}

Task<void> HttpServer::State::Accept() {
  while (!closing()) {
    IoError ec;
    TcpSocket socket(io);
    co_await acceptor.async_accept(socket, net::redirect_error(kAwait, ec));
    // A connection that was taken just before a drain is one of its last.
    if (stopping || (draining && ec)) co_return;
    if (!ec) {
      ++metrics.accepted;
      Take(std::move(socket));
    } else if (ec != net::error::connection_aborted) {
      ++metrics.accept_failures;
      // No descriptor is free, which is said whether or not a client waits: nobody is closed for none.
      co_await acceptor.async_wait(tcp::socket::wait_read, net::redirect_error(kAwait, ec));
      if (closing()) co_return;
      if (EvictOne()) continue;
      // Nobody to take one from: the listener stays readable, so that waiting is all there is.
      accept_timer.expires_after(std::chrono::milliseconds(50));
      co_await accept_timer.async_wait(net::redirect_error(kAwait, ec));
    }
  }
}

void HttpServer::State::Take(TcpSocket socket) {
  bool probe_only = false;
  if (connections >= max_connections && !EvictOne()) {
    ++metrics.over_connections;
    if (connections >= max_connections + HttpConnection::kProbeReserve) return;  // Closes it.
    probe_only = true;
  }
  net::co_spawn(
      io.get_executor(),
      RunConnection(std::make_shared<HttpConnection>(*this, std::move(socket), probe_only), [this] { NoteEnd(); }),
      net::detached);
}

Task<void> HttpServer::State::LookAtDeadlines() {
  while (work.owns_work()) {
    look_timer.expires_after(std::chrono::milliseconds(LookPeriodMs(options)));
    IoError ec;
    co_await look_timer.async_wait(net::redirect_error(kAwait, ec));
    const std::int64_t now_ms = MonotonicMs();
    for (HttpConnection* connection : all) connection->Look(now_ms);
  }
}

HttpServer::HttpServer(std::unique_ptr<State> state) : state_(std::move(state)) {}
HttpServer::~HttpServer() { Stop(0); }
int HttpServer::port() const { return state_->bound_port; }
int HttpServer::max_connections() const { return state_->max_connections; }
const HttpServerMetrics& HttpServer::metrics() const { return state_->metrics; }

Result<std::unique_ptr<HttpServer>> HttpServer::Start(HttpServerOptions options, HttpHandler& handler) {
  auto state = std::make_unique<State>(std::move(options), handler);
  if (state->has_tls()) {
    GFR_ASSIGN(auto identity, state->LoadTls());
    state->SetTls(std::move(identity));
  }
  GFR_TRY(state->Listen());
  state->gate->io = &state->io;
  net::co_spawn(state->io.get_executor(), state->Accept(), net::detached);
  net::co_spawn(state->io.get_executor(), state->LookAtDeadlines(), net::detached);
  state->thread = Thread("http", [s = state.get()] { s->io.run(); });
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(state)));
}

Status HttpServer::ReloadTls() {
  State& s = *state_;
  if (!s.has_tls()) return {};
  GFR_ASSIGN(auto identity, s.LoadTls());
  net::post(s.io, [&s, next = std::move(identity)]() mutable { s.SetTls(std::move(next)); });
  return {};
}

void HttpServer::Drain(int ms) {
  State& s = *state_;
  {
    const MutexLock lock(s.mutex);
    if (s.stop_called || std::exchange(s.drain_called, true)) return;
  }
  net::post(s.io, [&s] {
    s.draining = true;
    IoError ignored;
    s.acceptor.close(ignored);
    s.accept_timer.cancel();
    s.NoteEnd();
  });
  s.WaitForEnd(ms);
}

void HttpServer::Stop(int drain_ms) {
  State& s = *state_;
  {
    const MutexLock lock(s.mutex);
    if (std::exchange(s.stop_called, true)) return;
  }
  net::post(s.io, [&s] {
    s.stopping = true;
    IoError ignored;
    s.acceptor.close(ignored);
    s.accept_timer.cancel();
    for (HttpConnection* c : s.all) {
      c->idle() ? c->Close() : c->Hurry();
    }
    s.NoteEnd();
  });
  s.WaitForEnd(drain_ms);
  net::post(s.io, [&s] {
    for (HttpConnection* c : s.all) c->Close();
    s.NoteEnd();
  });
  {
    MutexLock lock(s.mutex);
    s.changed.Wait(lock, [&] { return s.ended; });
  }
  {
    const MutexLock lock(s.gate->mutex);
    s.gate->io = nullptr;
  }
  net::post(s.io, [&s] {  // The rest of what was posted runs, then the thread ends.
    s.work.reset();
    s.look_timer.cancel();
  });
  s.thread.Join();
}

}  // namespace gfr
