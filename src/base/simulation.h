// Simulation: runs a program's threads one at a time, in an order and at a virtual time that a seed decides. Tests
// only.
//
// Inside Run every thread, lock, wait, sleep and clock of base (sync.h, clock.h) belongs to the simulation. At each of
// them, and at each operation of FaultFileSystem, it picks the thread that goes on. When all wait, virtual time jumps
// to the nearest deadline; so an hour passes in no time. The same seed gives the same order, and the same trace_hash().
// docs/design/simulated-time.md says how this works and what it cannot see (atomics, calls past base).
//
// A process is a group of threads that can be killed at once: none of them runs again, and what they held on their
// stacks is never destroyed, as after SIGKILL. So a process owns its state on the stack of its body. Killed threads
// stay parked until the test program ends.
//
// A deadlock, or more than max_steps, prints the seed, each thread's place and the end of the trace, and aborts.
// Thread safety: Run by one thread; the rest by simulated threads.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace gfr {

class Simulation {
 public:
  struct Options {
    std::uint64_t seed = 1;
    std::int64_t wall_ms = 1'700'000'000'000;  // The time of day at the start.
    std::uint64_t max_steps = 50'000'000;
  };
  explicit Simulation(Options options);
  ~Simulation();

  // Runs `body` as the first simulated thread, on the calling one. REQUIRES: when it returns, every thread has been
  // joined, and every process has ended or was killed.
  void Run(const std::function<void()>& body);

  // Starts a process: `body` in a thread of its own. Threads that it starts belong to it. Gives its number.
  int StartProcess(std::string name, std::function<void()> body);
  // REQUIRES: not the caller's own.
  void Kill(int process);
  // Waits until the process's body has returned, or it was killed.
  void WaitFor(int process);
  bool running(int process) const;

  // Sets the time of day ahead or back; monotonic time is as it was.
  void JumpWallMs(std::int64_t by_ms);
  // Adds a fact to the trace: two runs are equal only if their facts are.
  void Note(std::string_view fact);

  std::uint64_t steps() const;
  std::uint64_t trace_hash() const;  // Of each step's thread, place and time, and of each fact.

 private:
  class Core;
  std::shared_ptr<Core> core_;  // Killed threads hold it too.
};

}  // namespace gfr
