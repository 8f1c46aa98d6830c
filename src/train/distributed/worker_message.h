// Messages between `gfr train` and its workers, over TCP: a line of JSON and bytes.
//
// On the wire: the head's size (4 bytes), the body's (8), the head, the body; numbers little-endian. There is no
// encryption: a network of one's own, or a tunnel. Thread safety: Send from any thread; all else from one at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/sync.h"

namespace gfr {

struct Message {
  std::string head;  // JSON.
  std::string body;
};

class WorkerConnection {
 public:
  // "HOST:PORT". Tries again for `patience_s`: the other side may not be up yet.
  static Result<std::unique_ptr<WorkerConnection>> Open(const std::string& address, int patience_s);
  explicit WorkerConnection(int socket);
  ~WorkerConnection();
  WorkerConnection(const WorkerConnection&) = delete;

  // Errors: kUnavailable when the other side is gone, or takes (or, within a message, gives) nothing for
  // kStalledSeconds.
  Status Send(std::string_view head, std::string_view body = {});
  Result<Message> Receive(std::size_t most_body_bytes = 1u << 30);
  bool Readable(int timeout_ms) const;  // A message, or the end.
  int socket() const { return socket_; }

  static constexpr int kStalledSeconds = 30;

 private:
  int socket_;
  Mutex sending_;
};

class WorkerListener {
 public:
  // "HOST:PORT"; port 0 is any free one. kInvalidArgument: no such address of this machine.
  static Result<std::unique_ptr<WorkerListener>> Open(const std::string& address);
  ~WorkerListener();
  WorkerListener(const WorkerListener&) = delete;
  const std::string& host() const { return host_; }
  std::string address() const { return host_ + ":" + std::to_string(port_); }
  // The next one that connects; null when none does within `timeout_ms`.
  Result<std::unique_ptr<WorkerConnection>> Accept(int timeout_ms);

 private:
  WorkerListener() = default;
  int socket_ = -1, port_ = 0;
  std::string host_;
};

}  // namespace gfr
