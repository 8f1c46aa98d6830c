// TestHttpPeer: a server on 127.0.0.1 that gives each connection's requests the same raw answer, and keeps what it was
// sent. For tests.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

#include "base/sync.h"

namespace gfr {

class TestHttpPeer {
 public:
  // An empty `answer` is silence.
  explicit TestHttpPeer(std::string answer) : answer_(std::move(answer)) {
    sockaddr_in address{.sin_family = AF_INET};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 || ::listen(listener_, 16) != 0 ||
        ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0)
      std::abort();
    port_ = ntohs(address.sin_port);
    thread_ = Thread("peer", [this](const std::stop_token& stop) { Run(stop); });
  }
  ~TestHttpPeer() {
    thread_.RequestStop();
    thread_.Join();
    ::close(listener_);
  }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
  int connections() {
    const MutexLock lock(mutex_);
    return connections_;
  }
  std::string received() {
    const MutexLock lock(mutex_);
    return received_;
  }

 private:
  static bool Readable(int fd, const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      pollfd ready{.fd = fd, .events = POLLIN};
      if (::poll(&ready, 1, 10) > 0) return true;
    }
    return false;
  }
  void Run(const std::stop_token& stop) {
    while (Readable(listener_, stop)) {
      const int fd = ::accept(listener_, nullptr, nullptr);
      {
        const MutexLock lock(mutex_);
        ++connections_;
      }
      Serve(fd, stop);
      ::close(fd);
    }
  }
  void Serve(int fd, const std::stop_token& stop) {
    std::string request;
    while (Readable(fd, stop)) {
      char bytes[65536];
      const ssize_t n = ::recv(fd, bytes, sizeof bytes, 0);
      if (n <= 0) return;
      request.append(bytes, static_cast<std::size_t>(n));
      const std::size_t head = request.find("\r\n\r\n"), length = request.find("Content-Length: ");
      if (head == std::string::npos) continue;
      const std::size_t body = length < head ? std::strtoul(request.c_str() + length + 16, nullptr, 10) : 0;
      if (request.size() < head + 4 + body) continue;
      {
        const MutexLock lock(mutex_);
        received_ += request;
      }
      request.clear();
      if (!answer_.empty() && ::send(fd, answer_.data(), answer_.size(), MSG_NOSIGNAL) < 0) return;
    }
  }

  const std::string answer_;
  const int listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  int port_ = 0;
  Mutex mutex_;
  int connections_ = 0;
  std::string received_;
  Thread thread_;
};

}  // namespace gfr
