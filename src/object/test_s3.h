// An S3 server (moto) on this machine for the time of a test, with one bucket. For tests only.
//
// It is in build/peers-venv, which `tools/setup --test-peers` (part of `make test`) makes; without it tests skip.
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <thread>

#include "object/object_store.h"

extern char** environ;

namespace gfr {

class TestS3 {
 public:
  static std::string Python() { return GFR_SOURCE_DIR "/build/peers-venv/bin/python"; }
  static bool Installed() { return std::filesystem::exists(Python()); }

  TestS3() {
    const int probe = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{.sin_family = AF_INET};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    ::bind(probe, reinterpret_cast<sockaddr*>(&address), size);
    ::getsockname(probe, reinterpret_cast<sockaddr*>(&address), &size);
    ::close(probe);
    const std::string port = std::to_string(ntohs(address.sin_port)), python = Python();
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    for (const int fd : {1, 2}) posix_spawn_file_actions_addopen(&actions, fd, "/dev/null", O_WRONLY, 0);
    std::string arguments[] = {python, "-m", "moto.server", "-H", "127.0.0.1", "-p", port};
    std::vector<char*> argv;
    for (std::string& a : arguments) argv.push_back(a.data());
    argv.push_back(nullptr);
    ::posix_spawn(&pid_, python.c_str(), &actions, nullptr, argv.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    endpoint_ = "http://127.0.0.1:" + port;
    for (int wait = 0; wait < 600 && !ready_; ++wait) {
      const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
      ready_ = ::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
      ::close(fd);
      if (!ready_) std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
    // The bucket itself: an object of no name.
    const std::string make = "'" + python + "' -c \"import urllib.request as r; r.urlopen(r.Request('" + endpoint_ +
                             "/bucket', method='PUT'))\" 2>/dev/null";
    ready_ = ready_ && std::system(make.c_str()) == 0;
  }
  ~TestS3() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGTERM);
    ::waitpid(pid_, nullptr, 0);
  }
  TestS3(const TestS3&) = delete;
  TestS3& operator=(const TestS3&) = delete;

  bool ready() const { return ready_; }
  const std::string& endpoint() const { return endpoint_; }
  std::shared_ptr<ObjectStore> Store(const std::string& prefix) const {
    return S3ObjectStore({.bucket = "bucket",
                          .prefix = prefix,
                          .endpoint = endpoint_,
                          .access_key = "key",
                          .secret_key = "secret"})
        .value();
  }

 private:
  pid_t pid_ = -1;
  bool ready_ = false;
  std::string endpoint_;
};

}  // namespace gfr
