#include "base/executor.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/clock.h"
#include "base/simulation.h"

namespace gfr {
namespace {

TEST(ExecutorTest, OneThreadRunsTasksInTheOrderOfPost) {
  std::vector<int> order;
  Executor executor({.name = "test", .threads = 1});
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(executor.Post([&order, i] { order.push_back(i); }).ok());
  executor.Drain();
  ASSERT_EQ(order.size(), 100u);
  EXPECT_TRUE(std::ranges::is_sorted(order));
}

TEST(ExecutorTest, AFullQueueRefusesAndADrainingOneToo) {
  Mutex gate;
  MutexLock closed(gate);
  Executor executor({.name = "test", .threads = 1, .max_queued = 2});
  const auto wait_at_gate = [&] { const MutexLock lock(gate); };
  ASSERT_TRUE(executor.Post(wait_at_gate).ok());
  while (executor.running() == 0) YieldThread();
  ASSERT_TRUE(executor.Post(wait_at_gate).ok());
  ASSERT_TRUE(executor.Post(wait_at_gate).ok());
  bool ran = false;
  const Status full = executor.Post([&] { ran = true; });
  ASSERT_FALSE(full.ok());
  EXPECT_EQ(full.error().code, ErrorCode::kResourceExhausted);
  EXPECT_EQ(executor.queued(), 2u);
  closed.Unlock();
  executor.Drain();
  EXPECT_EQ(executor.Post([&] { ran = true; }).error().code, ErrorCode::kUnavailable);
  EXPECT_FALSE(ran);
}

TEST(ExecutorTest, DrainWaitsForWhatWasPostedUnderEveryOrderOfThreads) {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    Simulation simulation({.seed = seed});
    simulation.Run([&] {
      Mutex mutex;
      int ran = 0;
      const std::int64_t start_ms = MonotonicMs();
      Executor executor({.name = "test", .threads = 3});
      for (int i = 0; i < 20; ++i) {
        ASSERT_TRUE(executor
                        .Post([&] {
                          WaitUntil(MonotonicMs() + 1000);
                          const MutexLock lock(mutex);
                          ++ran;
                        })
                        .ok());
      }
      executor.Drain();
      EXPECT_EQ(ran, 20);
      EXPECT_GE(MonotonicMs() - start_ms, 7000);  // Seven rounds of three threads; no time of ours.
      EXPECT_LT(MonotonicMs() - start_ms, 7500);
    });
  }
}

}  // namespace
}  // namespace gfr
