#include "server_process.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <vector>

#include "base/clock.h"
#include "runtime/http_client.h"

extern char** environ;

namespace gfr {
namespace {

class ServerProcess final : public DemoServer {
 public:
  ServerProcess(pid_t pid, int port) : pid_(pid), url_("http://127.0.0.1:" + std::to_string(port)) {}
  ~ServerProcess() override {
    ::kill(pid_, SIGTERM);
    ::waitpid(pid_, nullptr, 0);
  }
  Result<std::string> Post(const std::string& path, const std::string& body, int expected) override {
    HttpCall call{.method = "POST", .url = url_ + path, .headers = {"Content-Type: application/json"}, .body = body};
    call.deadline_ms = MonotonicMs() + kTimeoutMs;
    GFR_ASSIGN(const HttpAnswer response, caller_->Send(call));
    if (response.status != expected)
      return Error{ErrorCode::kInternal,
                   path + " answered " + std::to_string(response.status) + ": " + response.body.substr(0, 300)};
    return response.body;
  }

 private:
  static constexpr std::int64_t kTimeoutMs = 60'000;
  const pid_t pid_;
  const std::string url_;
  const std::unique_ptr<HttpCaller> caller_ = MakeHttpCaller({.allow_private = true});
};

// Starts `gfr serve`; its standard output is the read end in `out`.
Result<pid_t> Spawn(const std::string& project, int* out) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return Error{ErrorCode::kUnavailable, "no pipe"};
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
  std::string arguments[] = {"gfr", "serve", "--project", project, "--listen", "127.0.0.1:0", "--clock", "log"};
  std::vector<char*> argv;
  for (std::string& a : arguments) argv.push_back(a.data());
  argv.push_back(nullptr);
  pid_t pid = -1;
  const int failed = ::posix_spawn(&pid, "/proc/self/exe", &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  ::close(ends[1]);
  if (failed != 0) {
    ::close(ends[0]);
    return Error{ErrorCode::kUnavailable, "cannot start `gfr serve`"};
  }
  *out = ends[0];
  return pid;
}

}  // namespace

Result<std::unique_ptr<DemoServer>> StartServerProcess(const Workspace& workspace) {
  int out = -1;
  GFR_ASSIGN(const pid_t pid, Spawn(workspace.folder(), &out));
  std::string line;  // "listening on http://127.0.0.1:PORT"
  for (char c = 0; ::read(out, &c, 1) == 1 && c != '\n';) line += c;
  ::close(out);
  const std::size_t colon = line.rfind(':');
  if (!line.starts_with("listening on ") || colon == std::string::npos) {
    ::kill(pid, SIGTERM);
    ::waitpid(pid, nullptr, 0);
    return Error{ErrorCode::kUnavailable, "`gfr serve` did not start"};
  }
  return std::unique_ptr<DemoServer>(std::make_unique<ServerProcess>(pid, std::atoi(line.c_str() + colon + 1)));
}

}  // namespace gfr
