#include "base/simulation.h"

#include <gtest/gtest.h>

#include <set>
#include <vector>

#include "base/clock.h"
#include "base/fault_file_system.h"
#include "base/sync.h"

namespace gfr {
namespace {

// Four threads append their number under a lock; gives the order and the trace's hash.
std::pair<std::string, std::uint64_t> OrderOf(std::uint64_t seed) {
  std::string order;
  Simulation simulation({.seed = seed});
  simulation.Run([&] {
    Mutex mutex;
    std::vector<Thread> threads;
    for (char name = 'a'; name < 'e'; ++name) {
      threads.emplace_back(std::string(1, name), [&, name] {
        for (int i = 0; i < 3; ++i) {
          const MutexLock lock(mutex);
          order += name;
        }
      });
    }
  });
  return {order, simulation.trace_hash()};
}

TEST(SimulationTest, ASeedDecidesTheOrderOfThreadsAndSeedsDiffer) {
  std::set<std::string> orders;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const auto first = OrderOf(seed);
    EXPECT_EQ(first, OrderOf(seed));
    orders.insert(first.first);
  }
  EXPECT_GT(orders.size(), 15u);
}

TEST(SimulationTest, TimeMovesToTheNearestDeadlineWhenAllWait) {
  Simulation simulation({.wall_ms = 1'600'000'000'000});
  simulation.Run([&] {
    const WallClock clock;
    const std::int64_t wall_ms = clock.now_ms(), start_ms = clock.monotonic_ms();
    EXPECT_NEAR(static_cast<double>(wall_ms), 1.6e12, 10);
    const Thread hourly("hourly", [&] { WaitUntil(start_ms + 3'600'000); });
    EXPECT_TRUE(clock.WaitUntil(start_ms + 24 * 3'600'000));
    EXPECT_NEAR(static_cast<double>(clock.now_ms() - wall_ms), 24 * 3.6e6, 10);
    simulation.JumpWallMs(-3'600'000);
    EXPECT_NEAR(static_cast<double>(clock.now_ms() - wall_ms), 23 * 3.6e6, 10);
    EXPECT_NEAR(static_cast<double>(clock.monotonic_ms() - start_ms), 24 * 3.6e6, 10);
  });
}

TEST(SimulationTest, WaitsAreNotifiedStoppedAndTimedOut) {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    Simulation simulation({.seed = seed});
    simulation.Run([&] {
      Mutex mutex;
      CondVar changed;
      int value = 0;
      bool notified = false, timed_out = false, stopped = false;
      {
        const Thread notify("notified", [&] {
          MutexLock lock(mutex);
          notified = changed.WaitUntil(lock, MonotonicMs() + 1000, [&] { return value == 1; });
        });
        const Thread timed("timed", [&] {
          MutexLock lock(mutex);
          timed_out = !changed.WaitUntil(lock, MonotonicMs() + 50, [&] { return value == 2; });
        });
        Thread stop("stopped", [&](const std::stop_token& token) {
          MutexLock lock(mutex);
          stopped = !changed.Wait(lock, token, [&] { return value == 3; });
        });
        WaitUntil(MonotonicMs() + 10);
        MutexLock lock(mutex);
        value = 1;
        changed.NotifyAll();
        lock.Unlock();
        stop.RequestStop();
      }
      EXPECT_TRUE(notified && timed_out && stopped) << seed;
    });
  }
}

TEST(SimulationTest, AKilledProcessDoesNothingMoreAndOthersGoOn) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Simulation simulation({.seed = seed});
    simulation.Run([&] {
      FaultFileSystem disk(seed);
      const int process = simulation.StartProcess("writer", [&] {
        Mutex mutex;
        const auto file = disk.OpenForWrite("d/file", false).value();
        const auto write = [&] {
          for (;;) {
            const MutexLock lock(mutex);
            EXPECT_TRUE(file->Append("x").ok());
            EXPECT_TRUE(file->Sync().ok());
          }
        };
        const Thread second("second", write);
        write();
      });
      WaitUntil(MonotonicMs() + 100);
      EXPECT_TRUE(simulation.running(process));
      simulation.Kill(process);
      EXPECT_FALSE(simulation.running(process));
      simulation.WaitFor(process);
      const std::string written = disk.ReadAll("d/file").value();
      EXPECT_GT(written.size(), 10u);
      WaitUntil(MonotonicMs() + 1000);
      EXPECT_EQ(disk.ReadAll("d/file").value(), written);
    });
  }
}

TEST(SimulationTest, AProcessThatEndsIsWaitedFor) {
  Simulation simulation({.seed = 3});
  simulation.Run([&] {
    bool done = false;
    const int process = simulation.StartProcess("short", [&] {
      WaitUntil(MonotonicMs() + 500);
      done = true;
    });
    simulation.WaitFor(process);
    EXPECT_TRUE(done);
    EXPECT_FALSE(simulation.running(process));
  });
}

TEST(SimulationDeathTest, ADeadlockNamesItsSeedAndThreads) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        Simulation simulation({.seed = 77});
        simulation.Run([] {
          Mutex mutex;
          const MutexLock lock(mutex);
          const Thread other("other", [&] { const MutexLock waits(mutex); });
        });
      },
      "seed 77: every thread waits(.|\n)*'other' of process 0: waits at 'locked'");
}

TEST(SimulationTest, AFactChangesTheTrace) {
  const auto run = [](const char* fact) {
    Simulation simulation({.seed = 5});
    simulation.Run([&] { simulation.Note(fact); });
    return simulation.trace_hash();
  };
  EXPECT_EQ(run("a"), run("a"));
  EXPECT_NE(run("a"), run("b"));
}

}  // namespace
}  // namespace gfr
