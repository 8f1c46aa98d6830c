// Single events by the second: POST /v1/events of one event each, by 8 and by 64 clients that wait for their answers,
// beside the syncs that the same disk does alone.
//
// An event is answered once it is on disk and folded, so that one client gets at most one event a sync. Group commit is
// what lets several clients have more: the last column is how many events a sync of the disk alone would have to take
// to be as fast. Rounds are interleaved; medians. Then the same of 1,000 clients on a disk whose syncs take 500 ms,
// with what a probe of /livez waits meanwhile, and without them: what the machine alone makes it wait. Usage:
// event_rate_bench [--tiny].
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/sync.h"
#include "base/test_folder.h"
#include "base/test_synced_disk.h"
#include "runtime/http_client.h"
#include "serve/http_server.h"
#include "serve/service.h"

namespace gfr {
namespace {

[[noreturn]] void Fail(const char* what) {
  std::fprintf(stderr, "event_rate: %s\n", what);
  std::exit(1);
}
void OrExit(const Status& status) {
  if (!status.ok()) Fail(status.error().message.c_str());
}
template <typename T>
T OrExit(Result<T> result) {
  if (!result.ok()) Fail(result.error().message.c_str());
  return std::move(result).value();
}

class Clients {
 public:
  Clients(int port, int count) : poll_(::epoll_create1(EPOLL_CLOEXEC)) {
    sockaddr_in to{.sin_family = AF_INET, .sin_port = htons(static_cast<std::uint16_t>(port))};
    ::inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
    for (int i = 0; i < count; ++i) {
      const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
      ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      if (::connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to) != 0) Fail("connect");
      epoll_event wanted{.events = EPOLLIN, .data = {.fd = fd}};
      ::epoll_ctl(poll_, EPOLL_CTL_ADD, fd, &wanted);
      sockets_.push_back(fd);
    }
  }
  ~Clients() {
    for (const int fd : sockets_) ::close(fd);
    ::close(poll_);
  }

  // Events answered a second.
  double Run(std::int64_t for_ms) {
    const std::int64_t begin_us = MonotonicUs(), end_us = begin_us + for_ms * 1000;
    for (const int fd : sockets_) Send(fd);
    std::size_t answered = 0, open = sockets_.size();
    while (open > 0) {
      epoll_event ready[64];
      const int n = ::epoll_wait(poll_, ready, 64, 10'000);
      if (n <= 0) Fail("no answer in 10 s");
      for (int i = 0; i < n; ++i) {
        char reply[4096];
        const ssize_t size = ::recv(ready[i].data.fd, reply, sizeof reply - 1, 0);
        reply[std::max<ssize_t>(size, 0)] = '\0';
        if (std::strstr(reply, " 202 ") == nullptr || std::strstr(reply, "\"accepted\":1") == nullptr) Fail(reply);
        ++answered;
        if (MonotonicUs() < end_us)
          Send(ready[i].data.fd);
        else
          --open;
      }
    }
    return static_cast<double>(answered) * 1e6 / static_cast<double>(MonotonicUs() - begin_us);
  }

 private:
  static void Send(int fd) {
    static std::uint64_t id = 0;
    const std::string n = std::to_string(++id);
    const std::string body = R"({"specversion":"1.0","id":")" + n + R"(","source":"bench","type":"feed.click",)" +
                             R"("time":"2026-01-01T11:00:00Z","data":{"user_id":"u)" + std::to_string(id % 1500) +
                             R"(","session_id":"s","items":[{"item_id":"i)" + std::to_string(id % 1500) + R"("}]}})";
    const std::string request =
        "POST /v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        "Content-Length: " +
        std::to_string(body.size()) + "\r\n\r\n" + body;
    if (::send(fd, request.data(), request.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(request.size())) Fail("send");
  }

  const int poll_;
  std::vector<int> sockets_;
};

// Appends of an event's size, each with a sync of its own.
double SyncsAlone(const std::string& path, std::int64_t for_ms) {
  const auto file = OrExit(PosixFileSystem().OpenForWrite(path, /*append=*/true));
  const std::string bytes(200, 'x');
  const std::int64_t begin_us = MonotonicUs();
  std::size_t count = 0;
  do {
    OrExit(file->Append(bytes));
    OrExit(file->Sync());
    ++count;
  } while (MonotonicUs() < begin_us + for_ms * 1000);
  return static_cast<double>(count) * 1e6 / static_cast<double>(MonotonicUs() - begin_us);
}

// Whose syncs take longer.
class SlowSyncs final : public SyncedDisk {
 public:
  explicit SlowSyncs(std::int64_t sync_ms) : sync_ms_(sync_ms) {}

 private:
  Status BeforeSync() override {
    (void)WaitUntil(MonotonicMs() + sync_ms_);
    return {};
  }
  const std::int64_t sync_ms_;
};

// Milliseconds that /livez takes over a kept connection, one probe after the other with a pause, until it is stopped.
std::vector<double> Probe(int port, const std::stop_token& stop) {
  const auto caller = MakeHttpCaller({.allow_private = true});
  std::vector<double> times;
  do {
    const std::int64_t begin_us = MonotonicUs();
    const auto answer = OrExit(caller->Send({.url = "http://127.0.0.1:" + std::to_string(port) + "/livez"}));
    if (answer.status != 200) Fail("/livez");
    times.push_back(static_cast<double>(MonotonicUs() - begin_us) / 1000);
  } while (WaitUntil(MonotonicMs() + 10, stop));
  std::ranges::sort(times);
  return times;
}

void PrintProbes(const char* when, const std::vector<double>& ms) {
  std::printf(
      "/livez %s, ms: p50 %.2f, p99 %.2f, highest of %zu %.2f; %.1f %% within 10 ms\n", when, ms[ms.size() / 2],
      ms[ms.size() * 99 / 100], ms.size(), ms.back(),
      100.0 * static_cast<double>(std::ranges::upper_bound(ms, 10.0) - ms.begin()) / static_cast<double>(ms.size()));
}

void BesideSlowSyncs(const Project& project, const ServeConfig& config, const Access& access, bool tiny) {
  SlowSyncs disk(tiny ? 5 : 500);
  const auto service = OrExit(Service::Open(project, config, "fixed:2026-01-01T12:00:00Z", access, &disk));
  const auto server = OrExit(HttpServer::Start({}, *service));
  const std::int64_t for_ms = tiny ? 20 : 5000;
  std::vector<double> probes;
  const auto probe = [&](const std::stop_token& stop) { probes = Probe(server->port(), stop); };
  Thread alone("probe", probe);
  (void)WaitUntil(MonotonicMs() + for_ms);
  alone.RequestStop();
  alone.Join();
  PrintProbes("without clients", probes);
  Clients clients(server->port(), tiny ? 20 : 1000);
  Thread prober("probe", probe);
  const int before = disk.syncs;
  const std::int64_t begin_us = MonotonicUs();
  const double rate = clients.Run(for_ms);
  const double answered = rate * static_cast<double>(MonotonicUs() - begin_us) / 1e6;
  const int syncs = disk.syncs - before;
  prober.RequestStop();
  prober.Join();
  std::printf("%d clients beside syncs of %d ms: %.0f events in %d syncs, %.0f a sync\n", tiny ? 20 : 1000,
              tiny ? 5 : 500, answered, syncs, answered / syncs);
  PrintProbes("beside them", probes);
}

double Median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

void Main(bool tiny) {
  const TestFolder folder;
  OrExit(Project::Init(folder / "p", "shop"));
  ServeConfig config;
  const auto project = OrExit(Project::Open(folder / "p", ServeConfig::Reader(&config)));
  const auto access = OrExit(Access::Open(PosixFileSystem(), {.tokens = {{"admin", "not asked for here"}}}));
  const auto service = OrExit(Service::Open(*project, config, "fixed:2026-01-01T12:00:00Z", *access));
  const auto server = OrExit(HttpServer::Start({}, *service));
  const int rounds = tiny ? 1 : 7;
  const std::int64_t for_ms = tiny ? 50 : 1000;
  std::vector<double> alone, few, many;
  for (int round = 0; round < rounds; ++round) {
    alone.push_back(SyncsAlone(folder / "syncs", for_ms / 2));
    few.push_back(Clients(server->port(), 8).Run(for_ms));
    many.push_back(Clients(server->port(), 64).Run(for_ms));
  }
  std::printf("clients  events/s  syncs/s of the disk alone  events a sync\n");
  for (const auto& [count, rates] : {std::pair{8, few}, std::pair{64, many}})
    std::printf("%7d  %8.0f  %25.0f  %13.2f\n", count, Median(rates), Median(alone), Median(rates) / Median(alone));
  OrExit(Project::Init(folder / "slow", "shop"));
  ServeConfig slow_config;
  const auto slow = OrExit(Project::Open(folder / "slow", ServeConfig::Reader(&slow_config)));
  BesideSlowSyncs(*slow, slow_config, *access, tiny);
}

}  // namespace
}  // namespace gfr

int main(int argc, char** argv) { gfr::Main(argc > 1 && std::strcmp(argv[1], "--tiny") == 0); }
