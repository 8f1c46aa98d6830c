#include "store/redis_connection.h"

#include <fcntl.h>
#include <hiredis/hiredis.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/clock.h"

namespace gfr {
namespace {

Error Unavailable(std::string what) { return Error{ErrorCode::kUnavailable, "redis: " + std::move(what)}; }

// Events that came, 0 at the deadline.
short Wait(int fd, short events, std::int64_t deadline_ms) {
  for (;;) {
    const std::int64_t left = deadline_ms - MonotonicMs();
    pollfd p{fd, events, 0};
    const int n = poll(&p, 1, static_cast<int>(std::clamp<std::int64_t>(left, 0, 1 << 30)));
    if (n > 0) return p.revents;
    if (n == 0 || errno != EINTR) return 0;
  }
}

// A connected socket, or -1 and errno.
int Connect(const sockaddr* to, socklen_t size, int family, std::int64_t deadline_ms) {
  const int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  int error = connect(fd, to, size) == 0 ? 0 : errno;
  if (error == EINPROGRESS) {
    socklen_t n = sizeof error;
    if (Wait(fd, POLLOUT, deadline_ms) == 0) {
      error = ETIMEDOUT;
    } else {
      getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &n);
    }
  }
  if (error == 0) return fd;
  close(fd);
  errno = error;
  return -1;
}

}  // namespace

bool RedisReply::error() const { return reply_->type == REDIS_REPLY_ERROR; }
bool RedisReply::null() const { return reply_->type == REDIS_REPLY_NIL; }
std::string_view RedisReply::text() const {
  return reply_->str == nullptr ? std::string_view() : std::string_view(reply_->str, reply_->len);
}
std::size_t RedisReply::size() const { return reply_->type == REDIS_REPLY_ARRAY ? reply_->elements : 0; }
bool RedisReply::is_text(std::size_t i) const { return reply_->element[i]->type == REDIS_REPLY_STRING; }
std::string_view RedisReply::text(std::size_t i) const {
  const redisReply& r = *reply_->element[i];
  return r.str == nullptr ? std::string_view() : std::string_view(r.str, r.len);
}
std::vector<std::string_view> RedisReply::list(std::size_t i) const {
  const redisReply& r = *reply_->element[i];
  std::vector<std::string_view> texts;
  for (std::size_t k = 0; r.type == REDIS_REPLY_ARRAY && k < r.elements; ++k)
    texts.emplace_back(r.element[k]->str == nullptr ? "" : r.element[k]->str, r.element[k]->len);
  return texts;
}
void RedisReply::Free::operator()(redisReply* reply) const { freeReplyObject(reply); }

RedisConnection::RedisConnection(int fd) : fd_(fd), reader_(redisReaderCreate()) {}

RedisConnection::~RedisConnection() {
  redisReaderFree(reader_);
  close(fd_);
}

Result<std::unique_ptr<RedisConnection>> RedisConnection::Open(const RedisAddress& address, std::int64_t deadline_ms) {
  int fd = -1;
  std::string name = address.path;
  if (address.host.empty()) {
    sockaddr_un to{.sun_family = AF_UNIX, .sun_path = {}};
    std::memcpy(to.sun_path, address.path.data(), std::min(address.path.size(), sizeof to.sun_path - 1));
    fd = Connect(reinterpret_cast<const sockaddr*>(&to), sizeof to, AF_UNIX, deadline_ms);
  } else {
    const std::string port = std::to_string(address.port);
    name = address.host + ":" + port;
    addrinfo hints{}, *found = nullptr;
    hints.ai_socktype = SOCK_STREAM;
    if (const int error = getaddrinfo(address.host.c_str(), port.c_str(), &hints, &found); error != 0)
      return Unavailable(name + ": " + gai_strerror(error));
    for (const addrinfo* a = found; a != nullptr && fd < 0; a = a->ai_next)
      fd = Connect(a->ai_addr, a->ai_addrlen, a->ai_family, deadline_ms);
    const int error = errno;
    freeaddrinfo(found);
    errno = error;
    const int on = 1;
    if (fd >= 0) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  if (fd < 0) return Unavailable(name + ": " + std::strerror(errno));
  return std::unique_ptr<RedisConnection>(new RedisConnection(fd));
}

void RedisConnection::Begin(std::size_t words) { out_ += "*" + std::to_string(words) + "\r\n"; }

void RedisConnection::Add(std::string_view word) {
  out_ += "$" + std::to_string(word.size()) + "\r\n";
  out_.append(word);
  out_ += "\r\n";
}

void RedisConnection::Command(std::initializer_list<std::string_view> words) {
  Begin(words.size());
  for (const std::string_view word : words) Add(word);
}

Result<RedisReply> RedisConnection::Next(std::int64_t deadline_ms) {
  char in[1 << 16];
  for (;;) {
    void* reply = nullptr;
    if (redisReaderGetReply(reader_, &reply) != REDIS_OK) return Unavailable("what came is no reply");
    if (reply != nullptr) return RedisReply(static_cast<redisReply*>(reply));
    const short ready = Wait(fd_, POLLIN | (unsent() > 0 ? POLLOUT : 0), deadline_ms);
    if (ready == 0) return Unavailable("no answer in time");
    if (ready & POLLOUT) {
      const ssize_t n = send(fd_, out_.data() + sent_, unsent(), MSG_NOSIGNAL);
      if (n < 0 && errno != EAGAIN && errno != EINTR) return Unavailable(std::strerror(errno));
      if (n > 0) sent_ += static_cast<std::size_t>(n);
      if (unsent() == 0) {
        out_.clear();
        sent_ = 0;
      }
    }
    if (ready & (POLLIN | POLLHUP | POLLERR)) {
      const ssize_t n = recv(fd_, in, sizeof in, 0);
      if (n == 0) return Unavailable("the server closed the connection");
      if (n < 0 && errno != EAGAIN && errno != EINTR) return Unavailable(std::strerror(errno));
      if (n > 0 && redisReaderFeed(reader_, in, static_cast<std::size_t>(n)) != REDIS_OK)
        return Unavailable("no memory for a reply");
    }
  }
}

}  // namespace gfr
