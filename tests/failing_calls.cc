// failing_calls: a server of which one allocation or one system call fails, at each ordinal of a run of 1,000 events
// (SQLite's method). Usage: failing_calls [FIRST DRAWN]: each of the first FIRST, and DRAWN more of the whole run.
//
// A child of this process serves; one call in it fails, once. It may end, or answer with an error; but what it
// acknowledged is in the log afterwards, once, a feed that it answers is the one that it always was, and it never
// hangs. Syncs do nothing here: no power is cut.
#include <fcntl.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <new>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/rng.h"
#include "base/test_folder.h"
#include "log/event_log.h"
#include "log/local_log.h"
#include "runtime/logger.h"
#include "serve/access.h"
#include "serve/service.h"

namespace {

// Counted while `armed`; the one that brings it to 0 fails.
std::atomic<bool> armed{false};
std::atomic<long> allocations_left{0}, calls_left{0}, allocations{0}, calls{0};

bool AllocationFails() {
  if (!armed.load(std::memory_order_relaxed)) return false;
  ++allocations;
  return --allocations_left == 0;
}
bool CallFails() {
  if (!armed.load(std::memory_order_relaxed)) return false;
  ++calls;
  return --calls_left == 0;
}

}  // namespace

void* operator new(std::size_t size) {
  void* const made = AllocationFails() ? nullptr : std::malloc(size > 0 ? size : 1);
  if (made == nullptr) throw std::bad_alloc();
  return made;
}
void* operator new(std::size_t size, std::align_val_t align) {
  const auto to = static_cast<std::size_t>(align);
  void* const made = AllocationFails() ? nullptr : std::aligned_alloc(to, (size + to - 1) / to * to);
  if (made == nullptr) throw std::bad_alloc();
  return made;
}
void operator delete(void* p) noexcept { std::free(p); }
void operator delete(void* p, std::size_t) noexcept { std::free(p); }
void operator delete(void* p, std::align_val_t) noexcept { std::free(p); }
void operator delete(void* p, std::size_t, std::align_val_t) noexcept { std::free(p); }

extern "C" {
ssize_t write(int fd, const void* bytes, size_t size) {
  return CallFails() ? (errno = EIO, -1) : ::syscall(SYS_write, fd, bytes, size);
}
ssize_t pread(int fd, void* bytes, size_t size, off_t at) {
  return CallFails() ? (errno = EIO, -1) : ::syscall(SYS_pread64, fd, bytes, size, at);
}
int fdatasync(int) { return CallFails() ? (errno = EIO, -1) : 0; }
int fsync(int) { return CallFails() ? (errno = EIO, -1) : 0; }
int rename(const char* from, const char* to) noexcept {
  return CallFails() ? (errno = EIO, -1) : static_cast<int>(::syscall(SYS_rename, from, to));
}
int ftruncate(int fd, off_t size) noexcept {
  return CallFails() ? (errno = EIO, -1) : static_cast<int>(::syscall(SYS_ftruncate, fd, size));
}
int open(const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const int mode = va_arg(arguments, int);
  va_end(arguments);
  return CallFails() ? (errno = EMFILE, -1) : static_cast<int>(::syscall(SYS_openat, AT_FDCWD, path, flags, mode));
}
}

namespace gfr {
namespace {

constexpr int kEvents = 1000, kBatch = 4, kFeedEvery = 10;
constexpr unsigned kHangS = 60;
constexpr char kToken[] = "the admin's token";
constexpr char kFailingToml[] = R"(
[serve]
verify = "0s"
log_wait = "1h"
[[feature]]
name = "user_clicks"
type = "count"
scope = "user"
events = ["feed.click"]
[[feature]]
name = "item_clicks"
type = "count"
scope = "item"
events = ["feed.click"]
[[objective]]
name = "pctr"
)";

struct Fault {
  long allocation = 0, call = 0;  // The ordinal of the one that fails; 0: none.
};

[[noreturn]] void Die(const std::string& why) {
  std::printf("FAILED: %s\n", why.c_str());
  std::fflush(stdout);
  std::_Exit(1);
}

// To the parent, past the calls that fail.
void Say(int to, const std::string& line) { (void)::syscall(SYS_write, to, line.data(), line.size()); }

HttpResponse Post(Service& service, const std::string& path, const std::string& query, const std::string& body) {
  return Call(service, {.method = "POST",
                        .path = path,
                        .query = query,
                        .headers = {{"host", "localhost"}, {"content-type", "application/json"}},
                        .body = body,
                        .client = "127.0.0.1"});
}

std::string BatchOf(int first) {
  std::string body = "[";
  for (int n = first; n < first + kBatch; ++n) {
    body += std::string(n > first ? "," : "") + R"({"specversion":"1.0","id":"e)" + std::to_string(n) +
            R"(","source":"t","type":"feed.click","time":"2026-01-01T11:00:00Z","data":{"user_id":"u)" +
            std::to_string(n % 9) + R"(","items":[{"item_id":"i)" + std::to_string(n % 11) + R"("}]}})";
  }
  return body + "]";
}

// The child: serves and asks itself. Lines to `to`: "a ID" acknowledged, "f ID BODY" a feed, "c ALLOCATIONS CALLS".
void Serve(const std::string& folder, const Fault& fault, int to) {
  ServeConfig config;
  auto project = Project::Open(folder, ServeConfig::Reader(&config));
  if (!project.ok()) Die(project.error().ToString());
  config.compute_threads = config.blocking_threads = 2;
  const auto access = Access::Open(PosixFileSystem(), {.tokens = {{"admin", kToken}}});
  auto opened = Service::Open(*project.value(), config, "fixed:2026-01-01T12:00:00Z", *access.value());
  if (!opened.ok()) Die(opened.error().ToString());
  Service& service = *opened.value();
  allocations_left = fault.allocation;
  calls_left = fault.call;
  armed = true;
  for (int n = 0; n < kEvents; n += kBatch) {
    const HttpResponse answer = Post(service, "/v1/events", "", BatchOf(n));
    if (answer.status == 202) {
      for (int e = n; e < n + kBatch; ++e) Say(to, "a e" + std::to_string(e) + "\n");
    }
    if (n / kBatch % kFeedEvery != 0) continue;
    // Of nobody that the events are of: whatever came of them, its answer is the same.
    const std::string id = "f" + std::to_string(n);
    const HttpResponse feed =
        Post(service, "/v1/feed", "explain=true",
             R"({"user_id":"nobody","request_id":")" + id + R"(","candidates":["x1","x2","x3"]})");
    if (feed.status == 200) Say(to, "f " + id + " " + feed.body);
  }
  armed = false;
  Say(to, "c " + std::to_string(allocations) + " " + std::to_string(calls) + "\n");
  opened.value().reset();
  std::_Exit(0);
}

struct Outcome {
  std::set<std::string> acknowledged;
  std::map<std::string, std::string> feeds;
  long allocations = 0, calls = 0;
  bool ended_early = false;
};

Outcome RunOnce(const std::string& folder, const Fault& fault) {
  int ends[2];
  if (::pipe(ends) != 0) Die("no pipe");
  const pid_t child = ::fork();
  if (child < 0) Die("no child");
  if (child == 0) {
    ::close(ends[0]);
    ::alarm(kHangS);
    Serve(folder, fault, ends[1]);
  }
  ::close(ends[1]);
  std::string said;
  char bytes[65536];
  for (ssize_t n; (n = ::read(ends[0], bytes, sizeof bytes)) > 0;) said.append(bytes, static_cast<std::size_t>(n));
  ::close(ends[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM) Die("it hangs");
  if (WIFEXITED(status) && WEXITSTATUS(status) != 0) Die("it ended with " + std::to_string(WEXITSTATUS(status)));
  Outcome outcome{.ended_early = WIFSIGNALED(status)};
  for (std::size_t at = 0; at < said.size();) {
    const std::size_t end = std::min(said.find('\n', at), said.size());
    const std::string line = said.substr(at, end - at);
    at = end + 1;
    if (line.starts_with("a ")) outcome.acknowledged.insert(line.substr(2));
    if (line.starts_with("f ")) outcome.feeds[line.substr(2, line.find(' ', 2) - 2)] = line.substr(line.find(' ', 2));
    if (line.starts_with("c ")) std::sscanf(line.c_str(), "c %ld %ld", &outcome.allocations, &outcome.calls);
  }
  return outcome;
}

// What the outcome breaks; empty: nothing.
std::string Broken(const std::string& folder, const Outcome& outcome, const Outcome& good) {
  for (const auto& [id, body] : outcome.feeds) {
    // One that says that something is missing is another answer, and says so.
    if (body != good.feeds.at(id) && body.find("\"degraded\":[]") != std::string::npos)
      return "feed " + id + " is\n" + body + "\ninstead of\n" + good.feeds.at(id);
  }
  const FixedClock clock(0);
  const std::string log_folder = folder + "/data/log";
  if (const auto log = EventLog::Open(PosixFileSystem(), clock, {.folder = log_folder}); !log.ok())
    return "the log does not open: " + log.error().message;
  std::map<std::string, int> times;
  LocalLog log(PosixFileSystem(), log_folder);
  const Status read = ForEachRecord(log, kEveryType, [&](const LogRecord& record) {
    ++times[record.event.id];
    return Status();
  });
  if (!read.ok()) return "the log cannot be read: " + read.error().message;
  for (const std::string& id : outcome.acknowledged) {
    if (!times.contains(id)) return id + " was acknowledged and is lost";
  }
  for (const auto& [id, count] : times) {
    if (count > 1) return id + " is there " + std::to_string(count) + " times";
  }
  return "";
}

Outcome RunInNewFolder(const Fault& fault, const Outcome* good) {
  const TestFolder folder;
  const std::string project = folder / "p";
  if (!PosixFileSystem().MakeFolders(project + "/data/log").ok() ||
      !PublishFile(PosixFileSystem(), project + "/gfr.toml", kFailingToml).ok())
    Die("no project");
  Outcome outcome = RunOnce(project, fault);
  if (const std::string broken = good != nullptr ? Broken(project, outcome, *good) : ""; !broken.empty())
    Die("allocation " + std::to_string(fault.allocation) + ", call " + std::to_string(fault.call) + ": " + broken);
  return outcome;
}

int Main(long first, long drawn) {
  ConfigureLog(LogFormat::kText, LogLevel::kError);
  if (std::freopen("/dev/null", "w", stderr) == nullptr) return 1;  // Processes that end have much to say there.
  const Outcome good = RunInNewFolder({}, nullptr);
  if (good.acknowledged.size() != kEvents || good.feeds.empty()) {
    std::printf("FAILED: without a fault %zu events were acknowledged\n", good.acknowledged.size());
    return 1;
  }
  std::vector<Fault> faults;
  for (long n = 1; n <= first; ++n) faults.push_back({.allocation = n});
  for (long n = 1; n <= std::min(first, good.calls); ++n) faults.push_back({.call = n});
  Rng rng(1);
  for (long n = 0; n < drawn; ++n) {
    if (n % 2 == 0)
      faults.push_back({.allocation = 1 + static_cast<long>(rng.Below(static_cast<std::uint64_t>(good.allocations)))});
    else
      faults.push_back({.call = 1 + static_cast<long>(rng.Below(static_cast<std::uint64_t>(good.calls)))});
  }
  int ended = 0, refused = 0;
  for (const Fault& fault : faults) {
    const Outcome outcome = RunInNewFolder(fault, &good);
    ended += outcome.ended_early;
    refused += !outcome.ended_early && outcome.acknowledged.size() < kEvents;
  }
  std::printf(
      "%zu faults in runs of %ld allocations and %ld calls: %d ended the process, %d were answered with an error, %zu "
      "did not show; nothing acknowledged is lost\n",
      faults.size(), good.allocations, good.calls, ended, refused,
      faults.size() - static_cast<std::size_t>(ended + refused));
  return 0;
}

}  // namespace
}  // namespace gfr

int main(int argc, char** argv) {
  return gfr::Main(argc > 2 ? std::atol(argv[1]) : 2000, argc > 2 ? std::atol(argv[2]) : 5000);
}
