#include "train/distributed/worker_message.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/clock.h"
#include "base/sync.h"

namespace gfr {
namespace {

constexpr std::size_t kMostHead = 1u << 20;

Error Gone(const std::string& what) {
  return {ErrorCode::kUnavailable, what + ": " + (errno == EAGAIN ? "no answer" : std::strerror(errno))};
}

// The addresses of "HOST:PORT".
struct Addresses {
  static Result<Addresses> Of(const std::string& address, bool passive) {
    const std::size_t colon = address.rfind(':');
    Addresses found;
    found.host = address.substr(0, colon);
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = passive ? AI_PASSIVE : 0;
    if (colon == std::string::npos || found.host.empty())
      return Error{ErrorCode::kInvalidArgument, "'" + address + "' is not HOST:PORT"};
    if (const int code = ::getaddrinfo(found.host.c_str(), address.c_str() + colon + 1, &hints, &found.list))
      return Error{ErrorCode::kInvalidArgument, "'" + address + "' is not HOST:PORT: " + ::gai_strerror(code)};
    return found;
  }
  Addresses() = default;
  Addresses(Addresses&& other) noexcept : host(std::move(other.host)), list(std::exchange(other.list, nullptr)) {}
  ~Addresses() {
    if (list) ::freeaddrinfo(list);
  }
  std::string host;
  addrinfo* list = nullptr;
};

// A peer that stops, or whose machine goes, is an error within kStalledSeconds.
void SetTimeouts(int socket) {
  const auto set = [&](int level, int name, int value) { ::setsockopt(socket, level, name, &value, sizeof value); };
  const timeval stalled{.tv_sec = WorkerConnection::kStalledSeconds};
  ::setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &stalled, sizeof stalled);
  set(IPPROTO_TCP, TCP_NODELAY, 1);
  set(SOL_SOCKET, SO_KEEPALIVE, 1);
  set(IPPROTO_TCP, TCP_KEEPIDLE, 10);
  set(IPPROTO_TCP, TCP_KEEPINTVL, 5);
  set(IPPROTO_TCP, TCP_KEEPCNT, 3);
  set(IPPROTO_TCP, TCP_USER_TIMEOUT, WorkerConnection::kStalledSeconds * 1000);
}

Status WriteAll(int socket, const char* data, std::size_t size) {
  while (size > 0) {
    const ssize_t n = ::send(socket, data, size, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return Gone("the connection is lost");
    data += n;
    size -= static_cast<std::size_t>(n);
  }
  return {};
}

Status ReadAll(int socket, char* data, std::size_t size, bool begun) {
  while (size > 0) {
    pollfd ready{.fd = socket, .events = POLLIN};
    // Between messages there is no hurry.
    if (begun && ::poll(&ready, 1, WorkerConnection::kStalledSeconds * 1000) == 0)
      return Error{ErrorCode::kUnavailable, "the connection stalled within a message"};
    const ssize_t n = ::recv(socket, data, size, 0);
    if (n < 0 && errno == EINTR) continue;
    if (n == 0) return Error{ErrorCode::kUnavailable, "the connection was closed"};
    if (n < 0) return Gone("the connection is lost");
    data += n;
    size -= static_cast<std::size_t>(n);
    begun = true;
  }
  return {};
}

}  // namespace

WorkerConnection::WorkerConnection(int socket) : socket_(socket) { SetTimeouts(socket); }
WorkerConnection::~WorkerConnection() { ::close(socket_); }

Result<std::unique_ptr<WorkerConnection>> WorkerConnection::Open(const std::string& address, int patience_s) {
  for (const double until_s = MonotonicSeconds() + patience_s;;) {
    GFR_ASSIGN(const Addresses found, Addresses::Of(address, false));
    for (const addrinfo* a = found.list; a; a = a->ai_next) {
      const int socket = ::socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC, a->ai_protocol);
      if (socket < 0) continue;
      if (::connect(socket, a->ai_addr, a->ai_addrlen) == 0) return std::make_unique<WorkerConnection>(socket);
      const int error = errno;
      ::close(socket);
      errno = error;
    }
    if (MonotonicSeconds() >= until_s) return Gone("no `gfr train` at " + address);
    WaitUntil(MonotonicMs() + 200);
  }
}

Status WorkerConnection::Send(std::string_view head, std::string_view body) {
  char sizes[12];
  const auto head_size = static_cast<std::uint32_t>(head.size());
  const auto body_size = static_cast<std::uint64_t>(body.size());
  std::memcpy(sizes, &head_size, 4);
  std::memcpy(sizes + 4, &body_size, 8);
  const MutexLock lock(sending_);
  GFR_TRY(WriteAll(socket_, sizes, sizeof sizes));
  GFR_TRY(WriteAll(socket_, head.data(), head.size()));
  return WriteAll(socket_, body.data(), body.size());
}

Result<Message> WorkerConnection::Receive(std::size_t most_body_bytes) {
  char sizes[12];
  GFR_TRY(ReadAll(socket_, sizes, sizeof sizes, false));
  std::uint32_t head_size = 0;
  std::uint64_t body_size = 0;
  std::memcpy(&head_size, sizes, 4);
  std::memcpy(&body_size, sizes + 4, 8);
  if (head_size > kMostHead || body_size > most_body_bytes)
    return Error{ErrorCode::kUnavailable, "what was received is not a message of a gfr worker"};
  Message message{std::string(head_size, '\0'), std::string(body_size, '\0')};
  GFR_TRY(ReadAll(socket_, message.head.data(), head_size, true));
  GFR_TRY(ReadAll(socket_, message.body.data(), body_size, true));
  return message;
}

bool WorkerConnection::Readable(int timeout_ms) const {
  pollfd ready{.fd = socket_, .events = POLLIN};
  return ::poll(&ready, 1, timeout_ms) > 0;
}

Result<std::unique_ptr<WorkerListener>> WorkerListener::Open(const std::string& address) {
  GFR_ASSIGN(const Addresses found, Addresses::Of(address, true));
  std::unique_ptr<WorkerListener> listener(new WorkerListener);
  listener->host_ = found.host;
  const addrinfo& a = *found.list;
  listener->socket_ = ::socket(a.ai_family, a.ai_socktype | SOCK_CLOEXEC, a.ai_protocol);
  const int on = 1;
  ::setsockopt(listener->socket_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (::bind(listener->socket_, a.ai_addr, a.ai_addrlen) != 0 || ::listen(listener->socket_, 128) != 0)
    return Error{ErrorCode::kInvalidArgument, "cannot listen at " + address + ": " + std::strerror(errno)};
  sockaddr_storage bound{};
  socklen_t size = sizeof bound;
  ::getsockname(listener->socket_, reinterpret_cast<sockaddr*>(&bound), &size);
  listener->port_ = ntohs(bound.ss_family == AF_INET6 ? reinterpret_cast<sockaddr_in6*>(&bound)->sin6_port
                                                      : reinterpret_cast<sockaddr_in*>(&bound)->sin_port);
  return listener;
}

WorkerListener::~WorkerListener() {
  if (socket_ >= 0) ::close(socket_);
}

Result<std::unique_ptr<WorkerConnection>> WorkerListener::Accept(int timeout_ms) {
  pollfd ready{.fd = socket_, .events = POLLIN};
  if (::poll(&ready, 1, timeout_ms) <= 0) return std::unique_ptr<WorkerConnection>();
  const int accepted = ::accept4(socket_, nullptr, nullptr, SOCK_CLOEXEC);
  if (accepted < 0) return std::unique_ptr<WorkerConnection>();
  return std::make_unique<WorkerConnection>(accepted);
}

}  // namespace gfr
