#include "runtime/subprocess.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include "base/clock.h"
#include "base/executor.h"
#include "base/sync.h"

extern char** environ;

namespace gfr {
namespace {

constexpr std::int64_t kLookMs = 20;  // How often a stop is looked for.

// What the child needs, made before it is there: it may not allocate.
struct Plan {
  std::string program;
  std::vector<char*> arguments, environment;
  int out = -1, err = -1;  // That become its streams; -1: inherited.
  int listener = -1;       // That becomes its number 3; -1: none.
  pid_t parent = 0;
  int nice = 0;
  rlim_t max_memory_bytes = 0;
};

// The only code that runs in the child before its program: system calls alone. It shares this process's memory until
// then, so that it costs the same however large this process is.
[[noreturn]] void BeChild(const Plan& plan, volatile int* failed) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != plan.parent) ::_exit(127);  // The parent ended before the line above.
  for (int signal = 1; signal < NSIG; ++signal) ::signal(signal, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  // By the system calls themselves: no library function that takes a lock, and none of this thread's own state.
  if (plan.nice != 0) ::syscall(SYS_setpriority, PRIO_PROCESS, 0, plan.nice);
  if (plan.max_memory_bytes > 0) {
    const rlimit limit{plan.max_memory_bytes, plan.max_memory_bytes};
    if (::setrlimit(RLIMIT_AS, &limit) != 0) {
      *failed = errno;
      ::_exit(127);
    }
  }
  if (plan.out >= 0) ::dup2(plan.out, STDOUT_FILENO);
  if (plan.err >= 0) ::dup2(plan.err, STDERR_FILENO);
  unsigned first_closed = STDERR_FILENO + 1;
  if (plan.listener >= 0) {
    if (plan.listener == static_cast<int>(first_closed))
      ::fcntl(plan.listener, F_SETFD, 0);  // It is there already, but would be closed with the program's start.
    else
      ::dup2(plan.listener, static_cast<int>(first_closed));
    ++first_closed;
  }
  ::syscall(SYS_close_range, first_closed, ~0u,
            /*CLOSE_RANGE_CLOEXEC*/ 4u);  // Those that a library opened without the flag too.
  ::execve(plan.program.c_str(), plan.arguments.data(), plan.environment.data());
  *failed = errno;
  ::_exit(127);
}

// The child of a thread is killed when that *thread* ends, so that all are made by one that lives as long as the
// process.
pid_t Fork(const Plan& plan, int* failed) {
  static Executor spawner({.name = "spawn", .threads = 1, .max_queued = 1024});
  struct Made {
    Mutex mutex;
    CondVar changed;
    pid_t id = 0;
    bool done = false;
  } made;
  volatile int error = 0;
  const Status posted = spawner.Post([&] {
    sigset_t all, before;
    sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);  // No handler of ours runs in the child.
    const pid_t id = ::vfork();                     // NOLINT: this thread waits until the child has its own memory.
    if (id == 0) BeChild(plan, &error);
    if (id < 0) error = errno;
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    const MutexLock lock(made.mutex);
    made.id = id;
    made.done = true;
    made.changed.NotifyOne();  // Under the lock: `made` ends with the waiting thread's call.
  });
  if (!posted.ok()) {
    *failed = EAGAIN;
    return -1;
  }
  MutexLock lock(made.mutex);
  made.changed.Wait(lock, [&] { return made.done; });
  *failed = error;
  return made.id;
}

// The path of a program; empty: there is none.
std::string FindProgram(const std::string& name) {
  if (name.find('/') != std::string::npos) return name;
  const char* path = std::getenv("PATH");
  std::string_view left = path != nullptr ? path : "/usr/bin:/bin";
  while (!name.empty() && !left.empty()) {
    const std::string_view folder = left.substr(0, left.find(':'));
    left.remove_prefix(std::min(left.size(), folder.size() + 1));
    std::string candidate = std::string(folder) + "/" + name;
    if (!folder.empty() && ::access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  return "";
}

std::string_view NameOf(std::string_view variable) { return variable.substr(0, variable.find('=')); }

struct Ends {
  int read = -1, write = -1;
  ~Ends() {
    if (read >= 0) ::close(read);
    if (write >= 0) ::close(write);
  }
  // False: no descriptor.
  bool Open(SubprocessOptions::Stream stream) {
    int ends[2];
    if (stream == SubprocessOptions::Stream::kDiscard) return (write = ::open("/dev/null", O_WRONLY | O_CLOEXEC)) >= 0;
    if (stream == SubprocessOptions::Stream::kInherit) return true;
    if (::pipe2(ends, O_CLOEXEC) != 0) return false;
    read = ends[0];
    write = ends[1];
    return ::fcntl(read, F_SETFL, O_NONBLOCK) == 0;
  }
};

}  // namespace

std::string SubprocessEnd::ToString() const {
  if (killed) return "killed by signal " + std::to_string(code) + " (" + ::strsignal(code) + ")";
  return "ended with code " + std::to_string(code);
}

Result<std::unique_ptr<Subprocess>> Subprocess::Start(const SubprocessOptions& options) {
  std::vector<std::string> command = options.command;
  const std::string name = command.empty() ? "" : command[0];
  Plan plan{.program = FindProgram(name), .arguments = {}, .environment = {}, .parent = ::getpid()};
  plan.max_memory_bytes = options.max_memory_bytes;
  if (options.nice != 0) plan.nice = std::clamp(::getpriority(PRIO_PROCESS, 0) + options.nice, -20, 19);
  if (plan.program.empty()) return Error{ErrorCode::kNotFound, "there is no program '" + name + "'"};
  for (std::string& argument : command) plan.arguments.push_back(argument.data());
  plan.arguments.push_back(nullptr);
  std::vector<std::string> given = options.environment;
  for (char** own = environ; *own != nullptr; ++own) {
    if (options.inherit && std::ranges::find(*options.inherit, NameOf(*own)) == options.inherit->end()) continue;
    if (std::ranges::none_of(given, [&](const std::string& v) { return NameOf(v) == NameOf(*own); }))
      plan.environment.push_back(*own);
  }
  for (std::string& variable : given) plan.environment.push_back(variable.data());
  plan.environment.push_back(nullptr);

  Ends out, err;
  if (!out.Open(options.out) || !err.Open(options.err))
    return Error{ErrorCode::kUnavailable, "no descriptor for the output of '" + name + "'"};
  plan.out = out.write;
  plan.err = err.write;
  plan.listener = options.listener;
  int failed = 0;
  const pid_t id = Fork(plan, &failed);
  if (id > 0 && failed != 0) ::waitpid(id, nullptr, 0);
  if (failed != 0)
    return Error{failed == ENOENT ? ErrorCode::kNotFound : ErrorCode::kUnavailable,
                 "'" + name + "' cannot be started: " + std::strerror(failed)};
  std::unique_ptr<Subprocess> child(new Subprocess(id, options));
  child->out_.fd = std::exchange(out.read, -1);
  child->err_.fd = std::exchange(err.read, -1);
  return child;
}

Subprocess::~Subprocess() {
  if (!Wait(0)) {
    Signal(SIGTERM);
    if (!Wait(MonotonicMs() + grace_ms_)) {
      Signal(SIGKILL);
      Wait(INT64_MAX);
    }
  }
  for (const Pipe* pipe : {&out_, &err_}) {
    if (pipe->fd >= 0) ::close(pipe->fd);
  }
}

void Subprocess::Signal(int signal) {
  if (!Wait(0)) ::kill(static_cast<pid_t>(id_), signal);
}

std::optional<SubprocessEnd> Subprocess::Wait(std::int64_t deadline_ms, const std::stop_token& stop) {
  for (std::int64_t pause_ms = 1; !end_; pause_ms = std::min(2 * pause_ms, kLookMs)) {
    int status = 0;
    if (::waitpid(static_cast<pid_t>(id_), &status, WNOHANG) == id_)
      end_ = SubprocessEnd{WIFSIGNALED(status), WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status)};
    else if (const std::int64_t now_ms = MonotonicMs(); now_ms >= deadline_ms || stop.stop_requested())
      return std::nullopt;
    else
      WaitUntil(std::min(deadline_ms, now_ms + pause_ms), stop);
  }
  return end_;
}

bool Subprocess::TakeOutput(std::int64_t deadline_ms) {
  std::array<pollfd, 2> ready{pollfd{.fd = out_.fd, .events = POLLIN}, pollfd{.fd = err_.fd, .events = POLLIN}};
  if (out_.fd < 0 && err_.fd < 0) return false;
  const std::int64_t wait_ms = std::clamp<std::int64_t>(deadline_ms - MonotonicMs(), 0, kLookMs);
  if (::poll(ready.data(), ready.size(), static_cast<int>(wait_ms)) <= 0) return true;
  for (Pipe* pipe : {&out_, &err_}) {
    char bytes[16384];
    const ssize_t n = pipe->fd < 0 ? 0 : ::read(pipe->fd, bytes, sizeof bytes);
    if (n > 0) {
      const std::size_t room = max_output_bytes_ - pipe->text.size(),
                        taken = std::min(room, static_cast<std::size_t>(n));
      pipe->text.append(bytes, taken);
      pipe->truncated |= taken < static_cast<std::size_t>(n);
    } else if (pipe->fd >= 0 && (n == 0 || (errno != EAGAIN && errno != EINTR))) {
      ::close(pipe->fd);
      pipe->fd = -1;
    }
  }
  return true;
}

Result<std::string> Subprocess::ReadLine(std::int64_t deadline_ms, const std::stop_token& stop) {
  for (;;) {
    if (const std::size_t end = out_.text.find('\n'); end != std::string::npos) {
      std::string line = out_.text.substr(0, end);
      out_.text.erase(0, end + 1);
      return line;
    }
    if (out_.truncated) return Error{ErrorCode::kResourceExhausted, "a line of the child is too long"};
    if (out_.fd < 0) break;
    if (MonotonicMs() >= deadline_ms || stop.stop_requested())
      return Error{ErrorCode::kUnavailable, "the child has not written a line in time"};
    TakeOutput(deadline_ms);
  }
  if (out_.text.empty()) return Error{ErrorCode::kNotFound, "the child has closed its output"};
  return std::exchange(out_.text, "");  // The last one, without an end.
}

bool Subprocess::Finish(std::int64_t deadline_ms, const std::stop_token& stop) {
  while (TakeOutput(deadline_ms)) {
    if (MonotonicMs() >= deadline_ms || stop.stop_requested()) return false;
  }
  return true;
}

Result<SubprocessResult> RunSubprocess(const SubprocessOptions& options, std::int64_t deadline_ms,
                                       const std::stop_token& stop) {
  GFR_ASSIGN(const auto child, Subprocess::Start(options));
  const bool read = child->Finish(deadline_ms, stop);
  const auto end = read ? child->Wait(deadline_ms, stop) : std::nullopt;
  if (!end)
    return Error{ErrorCode::kUnavailable, "'" + options.command[0] + "' did not end in time, or a stop was requested"};
  return SubprocessResult{*end, child->out(), child->err(), child->truncated()};
}

}  // namespace gfr
