#include "server_process.h"

#include <cstdlib>

#include "base/clock.h"
#include "runtime/http_client.h"
#include "runtime/subprocess.h"

namespace gfr {
namespace {

constexpr std::int64_t kStartMs = 120'000, kCallMs = 60'000;

class ServerProcess final : public DemoServer {
 public:
  ServerProcess(std::unique_ptr<Subprocess> process, std::string url)
      : process_(std::move(process)), url_(std::move(url)) {}
  Result<std::string> Post(const std::string& path, const std::string& body, int expected) override {
    HttpCall call{.method = "POST", .url = url_ + path, .headers = {"Content-Type: application/json"}, .body = body};
    call.deadline_ms = MonotonicMs() + kCallMs;
    GFR_ASSIGN(const HttpAnswer response, caller_->Send(call));
    if (response.status != expected)
      return Error{ErrorCode::kInternal,
                   path + " answered " + std::to_string(response.status) + ": " + response.body.substr(0, 300)};
    return response.body;
  }

 private:
  const std::unique_ptr<Subprocess> process_;  // Ended with this object.
  const std::string url_;
  const std::unique_ptr<HttpCaller> caller_ = MakeHttpCaller({.allow_private = true});
};

}  // namespace

Result<std::unique_ptr<DemoServer>> StartServerProcess(const Workspace& workspace) {
  SubprocessOptions options{.command = {"/proc/self/exe", "serve", "--project", workspace.folder(), "--listen",
                                        "127.0.0.1:0", "--clock", "log"},
                            .environment = {}};
  options.grace_ms = kStartMs;  // It ends what it has begun, and writes its snapshot.
  options.out = SubprocessOptions::Stream::kRead;
  GFR_ASSIGN(auto process, Subprocess::Start(options));
  static constexpr std::string_view kSays = "listening on ";
  const auto line = process->ReadLine(MonotonicMs() + kStartMs);
  if (!line.ok() || !line.value().starts_with(kSays))
    return Error{ErrorCode::kUnavailable, "`gfr serve` did not start"};
  return std::unique_ptr<DemoServer>(
      std::make_unique<ServerProcess>(std::move(process), line.value().substr(kSays.size())));
}

}  // namespace gfr
