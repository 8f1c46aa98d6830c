// Subprocess: a child process. Nothing of this process leaks into it, and it does not outlive this process.
//
// The child has its standard streams and no other descriptor (but a listener that it is given), default signal handlers
// and an empty signal mask. When this process ends, however it ends, the child is killed. What it writes is read up to
// a bound. Every wait has a deadline and a stop token. Thread safety: none of one Subprocess; Start and Run from any
// thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/sync.h"

namespace gfr {

struct SubprocessOptions {
  enum class Stream {
    kInherit,  // This process's own.
    kDiscard,
    kRead,  // By ReadLine, Finish or Run.
  };
  std::vector<std::string> command;      // The program's path, or its name in PATH; then its arguments.
  std::vector<std::string> environment;  // "NAME=value": beside this process's own, or instead of them.
  // This process's own variables that the child gets too; without a list all of them, with an empty one none.
  std::optional<std::vector<std::string>> inherit = {};
  Stream out = Stream::kInherit, err = Stream::kInherit;
  std::size_t max_output_bytes = 1u << 20;  // Of each stream that is read. What is over it is dropped.
  std::int64_t grace_ms = 10'000;           // After SIGTERM, when its object goes; then it is killed.
  int nice = 0;                             // Added to this process's: 19 runs when nothing else wants to.
  // A descriptor that the child has too, as its number 3: a socket that this process has bound; -1: none.
  int listener = -1;
  std::uint64_t max_memory_bytes = 0;  // Of its address space (RLIMIT_AS); 0: no other limit than this process's.
};

struct SubprocessEnd {
  bool killed = false;  // By a signal.
  int code = 0;         // The signal, or the exit code.
  bool ok() const { return !killed && code == 0; }
  std::string ToString() const;  // "ended with code 2", "killed by signal 9 (Killed)".
};

class Subprocess {
 public:
  // Errors: kNotFound, there is no such program; kUnavailable, no process or pipe can be had.
  static Result<std::unique_ptr<Subprocess>> Start(const SubprocessOptions& options);
  // Ends it, if it has not ended: SIGTERM, and SIGKILL after grace_ms.
  ~Subprocess();
  Subprocess(const Subprocess&) = delete;

  long id() const { return id_; }
  void Signal(int signal);  // Nothing happens if it has ended.

  // Its end; none: it has not ended by `deadline_ms` (of MonotonicMs(); 0: it is only looked at), or before a stop.
  std::optional<SubprocessEnd> Wait(std::int64_t deadline_ms, const std::stop_token& stop = {});
  // The next line of its standard output, without its end. Errors: kNotFound, there is none any more; kUnavailable, the
  // deadline passed or a stop was requested; kResourceExhausted, the line is longer than max_output_bytes. REQUIRES:
  // the output is read.
  Result<std::string> ReadLine(std::int64_t deadline_ms, const std::stop_token& stop = {});
  // Reads what it writes until both streams have ended. False: the deadline passed or a stop was requested.
  bool Finish(std::int64_t deadline_ms, const std::stop_token& stop = {});

  // What was read, but for lines that ReadLine gave.
  const std::string& out() const { return out_.text; }
  const std::string& err() const { return err_.text; }
  bool truncated() const { return out_.truncated || err_.truncated; }

 private:
  struct Pipe {
    int fd = -1;  // -1: not read, or at its end.
    std::string text;
    bool truncated = false;
  };
  Subprocess(long id, const SubprocessOptions& options)
      : id_(id), max_output_bytes_(options.max_output_bytes), grace_ms_(options.grace_ms) {}
  // Waits for output for a moment, and takes it. False: both streams have ended.
  bool TakeOutput(std::int64_t deadline_ms);

  const long id_;
  const std::size_t max_output_bytes_;
  const std::int64_t grace_ms_;
  Pipe out_, err_;
  std::optional<SubprocessEnd> end_;
};

struct SubprocessResult {
  SubprocessEnd end;
  std::string out, err;  // Of the streams that are read.
  bool truncated = false;
};
// Starts it and waits for its end. kUnavailable also: the deadline passed or a stop was requested; it is ended then.
Result<SubprocessResult> RunSubprocess(const SubprocessOptions& options, std::int64_t deadline_ms,
                                       const std::stop_token& stop = {});
// What runs a program in its place: a simulation has no processes of the system.
using SubprocessRunner =
    std::function<Result<SubprocessResult>(const SubprocessOptions&, std::int64_t deadline_ms, const std::stop_token&)>;

}  // namespace gfr
