#include "serve/reply_deadlines.h"

#include <gtest/gtest.h>

#include "base/clock.h"

namespace gfr {
namespace {

TEST(ReplyDeadlines, RunEachCallInOrderAndNotBeforeItsWaitHasPassed) {
  Mutex mutex;
  CondVar changed;
  std::vector<int> ran;
  ReplyDeadlines deadlines(20);
  const std::int64_t begin_ms = MonotonicMs();
  for (int i = 0; i < 3; ++i)
    deadlines.Add([&, i] {
      const MutexLock lock(mutex);
      ran.push_back(i);
      changed.NotifyAll();
    });
  MutexLock lock(mutex);
  changed.Wait(lock, [&] { return ran.size() == 3; });
  EXPECT_GE(MonotonicMs() - begin_ms, 20);
  EXPECT_EQ(ran, (std::vector{0, 1, 2}));
}

TEST(ReplyDeadlines, DropsWhatIsNotDueWhenItEnds) {
  bool ran = false;
  {
    ReplyDeadlines(3'600'000).Add([&] { ran = true; });
  }
  EXPECT_FALSE(ran);
}

}  // namespace
}  // namespace gfr
