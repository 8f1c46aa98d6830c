// A redis-server of a test's or benchmark's own, on a unix socket in its folder; ended by its process id.
#pragma once

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "base/clock.h"
#include "base/test_folder.h"
#include "store/redis_connection.h"

namespace gfr {

class TestRedis {
 public:
  TestRedis() { Start(); }
  ~TestRedis() { Stop(); }
  TestRedis(const TestRedis&) = delete;

  RedisAddress address() const { return {.host = "", .path = folder_ / "r.sock", .prefix = "test:"}; }

  // Empty: nothing is kept over a stop.
  void Start() {
    const std::string socket = folder_ / "r.sock", folder = folder_ / "";
    pid_ = fork();
    if (pid_ == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);  // A test that is killed leaves no server behind.
      execlp("redis-server", "redis-server", "--port", "0", "--unixsocket", socket.c_str(), "--dir", folder.c_str(),
             "--save", "", "--appendonly", "no", "--logfile", "redis.log", "--daemonize", "no", nullptr);
      _exit(127);
    }
    for (int i = 0; i < 1000; ++i) {
      if (auto c = RedisConnection::Open(address(), MonotonicMs() + 1000); c.ok()) {
        c.value()->Command({"PING"});
        if (c.value()->Next(MonotonicMs() + 1000).ok()) return;
      }
      usleep(10000);
    }
    std::fprintf(stderr, "redis-server does not start: tools/setup installs it\n");
    std::abort();
  }
  void Stop() {
    if (pid_ <= 0) return;
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }
  void Hang() { kill(pid_, SIGSTOP); }
  void GoOn() { kill(pid_, SIGCONT); }

  // A command's answer, outside all readers and owners; its error message when it is one.
  std::string Do(std::initializer_list<std::string_view> words) {
    auto connection = RedisConnection::Open(address(), MonotonicMs() + 5000);
    if (!connection.ok()) return connection.error().message;
    connection.value()->Command(words);
    const auto reply = connection.value()->Next(MonotonicMs() + 5000);
    return reply.ok() ? std::string(reply.value().text()) : reply.error().message;
  }

 private:
  TestFolder folder_;
  pid_t pid_ = 0;
};

}  // namespace gfr
