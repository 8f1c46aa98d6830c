#include "base/sync.h"

#include <gtest/gtest.h>

#include <vector>

#include "base/clock.h"

namespace gfr {
namespace {

TEST(SyncTest, AMutexLetsOneThreadInAtATime) {
  Mutex mutex;
  int count = 0;
  {
    std::vector<Thread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back("adds", [&] {
        for (int n = 0; n < 1000; ++n) {
          const MutexLock lock(mutex);
          ++count;
        }
      });
    }
  }
  EXPECT_EQ(count, 4000);
}

TEST(SyncTest, ALockLetsGoAndTakesAgain) {
  Mutex mutex;
  MutexLock lock(mutex);
  EXPECT_FALSE(mutex.TryLock());
  lock.Unlock();
  EXPECT_TRUE(mutex.TryLock());
  mutex.Unlock();
  lock.Lock();
  EXPECT_FALSE(mutex.TryLock());
}

TEST(SyncTest, AWaitSeesTheNotificationOfEveryKindOfWaiter) {
  Mutex mutex;
  CondVar changed;
  bool ready = false;
  int seen = 0;
  const auto see = [&](bool in_time) {
    const MutexLock lock(mutex);
    seen += in_time;
  };
  const auto is_ready = [&] { return ready; };
  {
    const Thread plain("plain", [&] {
      MutexLock lock(mutex);
      changed.Wait(lock, is_ready);
      lock.Unlock();
      see(true);
    });
    const Thread timed("timed", [&] {
      MutexLock lock(mutex);
      const bool in_time = changed.WaitUntil(lock, MonotonicMs() + 600'000, is_ready);
      lock.Unlock();
      see(in_time);
    });
    const std::stop_source never;
    const Thread stoppable("stoppable", [&] {
      MutexLock lock(mutex);
      const bool in_time = changed.Wait(lock, never.get_token(), is_ready);
      lock.Unlock();
      see(in_time);
    });
    const MutexLock lock(mutex);
    ready = true;
    changed.NotifyAll();
  }
  EXPECT_EQ(seen, 3);
}

TEST(SyncTest, AWaitEndsAtItsDeadlineWithTheConditionsValue) {
  Mutex mutex;
  CondVar changed;
  MutexLock lock(mutex);
  const std::int64_t deadline_ms = MonotonicMs() + 5;
  EXPECT_FALSE(changed.WaitUntil(lock, deadline_ms, [] { return false; }));
  EXPECT_GE(MonotonicMs(), deadline_ms);
  EXPECT_FALSE(mutex.TryLock());  // The caller's again.
}

TEST(SyncTest, DestroyingAThreadStopsItsWaits) {
  Mutex mutex;
  CondVar changed;
  bool stopped = false;
  {
    const Thread waits("waits", [&](const std::stop_token& stop) {
      {
        MutexLock lock(mutex);
        EXPECT_FALSE(changed.Wait(lock, stop, [] { return false; }));
      }
      stopped = !WaitUntil(MonotonicMs() + 600'000, stop);
    });
  }
  EXPECT_TRUE(stopped);
}

}  // namespace
}  // namespace gfr
