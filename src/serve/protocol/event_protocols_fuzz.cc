// Any body to any call of a foreign protocol is answered, with a status of HTTP that is not the server's fault. The
// first byte chooses the call.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <string>

#include "base/test_folder.h"
#include "serve/service.h"
#include "serve/test_service.h"

namespace {

using gfr::kAdmin;

constexpr const char* kCalls[] = {"POST /mp/collect",
                                  "POST /v1/track",
                                  "POST /v1/batch",
                                  "POST /v1/identify",
                                  "POST /v1/alias",
                                  "POST /api/feedback",
                                  "POST /api/items",
                                  "POST /api/users",
                                  "POST /feedback",
                                  "POST /rank/home",
                                  "POST /events",
                                  "POST /get-online-features",
                                  "POST /ofrep/v1/evaluate/flags",
                                  "POST /v1/feed",
                                  "POST /v1/events"};

class Fuzzed {
 public:
  Fuzzed() {
    if (!gfr::Project::Init(folder_ / "p", "shop").ok()) std::abort();
    project_ = gfr::Project::Open(folder_ / "p", gfr::ServeConfig::Reader(&config_)).value();
    config_.verify_ms = 0;
    config_.log_wait_ms = 60'000;
    access_ =
        gfr::Access::Open(gfr::PosixFileSystem(), {.tokens = {{"admin", kAdmin}, {"events", kToken}, {"feed", kToken}}})
            .value();
    service_ = gfr::Service::Open(*project_, config_, gfr::kClock, *access_).value();
  }
  void Ask(const std::string& call, std::string body) {
    const std::size_t blank = call.find(' ');
    const gfr::HttpResponse response = gfr::Call(*service_, {.method = call.substr(0, blank),
                                                             .path = call.substr(blank + 1),
                                                             .query = "api_secret=a+token",
                                                             .headers = {{"host", "localhost"},
                                                                         {"content-type", "application/json"},
                                                                         {"authorization", "Bearer a token"},
                                                                         {"x-api-key", kToken}},
                                                             .body = std::move(body),
                                                             .client = "127.0.0.1"});
    if (response.status >= 200 && response.status < 500) return;
    std::fprintf(stderr, "%s is answered %d: %s\n", call.c_str(), response.status, response.body.c_str());
    std::abort();
  }

 private:
  static constexpr char kToken[] = "a token";
  const gfr::TestFolder folder_;
  gfr::ServeConfig config_;
  std::unique_ptr<gfr::Project> project_;
  std::unique_ptr<gfr::Access> access_;
  std::unique_ptr<gfr::Service> service_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static Fuzzed server;
  if (size == 0) return 0;
  server.Ask(kCalls[data[0] % std::size(kCalls)], std::string(reinterpret_cast<const char*>(data) + 1, size - 1));
  return 0;
}
