// LineOutput: lines to a file descriptor whose reader may hang. A server whose log nobody reads goes on serving: what
// cannot be written within a moment is dropped and counted.
//
// A pipe or socket that took nothing for 100 ms is given up until it can be written to again; meanwhile a line costs
// one poll. Thread safety: one thread at a time; dropped() from any.
#pragma once

#include <atomic>
#include <cstdint>
#include <string_view>

namespace gfr {

class LineOutput {
 public:
  explicit LineOutput(int fd) : fd_(fd) {}
  // `line` ends with '\n'. False: it, or its end, was dropped.
  bool Write(std::string_view line);
  std::uint64_t dropped() const { return dropped_; }

 private:
  bool WriteAll(std::string_view text);

  const int fd_;
  bool stuck_ = false, within_line_ = false;
  std::atomic<std::uint64_t> dropped_ = 0;
};

// Of the program's log (runtime/logger.h), which writes to stderr by one of these. A later line says how many too.
std::uint64_t DroppedLogLines();

}  // namespace gfr
