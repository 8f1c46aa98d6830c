#include "runtime/scheduler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/simulation.h"
#include "runtime/logger.h"

namespace gfr {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// Runs `body` under many orders of threads, in virtual time.
void InVirtualTime(const std::function<void(Telemetry&, Scheduler&)>& body) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Simulation simulation({.seed = seed});
    simulation.Run([&] {
      const WallClock clock;
      Telemetry telemetry;
      Scheduler scheduler(telemetry, clock);
      body(telemetry, scheduler);
    });
  }
}

void SleepMs(std::int64_t ms) { WaitUntil(MonotonicMs() + ms); }

std::size_t Times(const std::string& text, const std::string& part) {
  std::size_t count = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

TEST(SchedulerTest, EachJobRunsAtOnceAndThenEveryPeriod) {
  InVirtualTime([](Telemetry& telemetry, Scheduler& scheduler) {
    int fast = 0, slow = 0;
    scheduler.Add({"fast", 100, 1000, [&](const JobRun&) { return ++fast, Status(); }});
    scheduler.Add({"slow", 3'600'000, 1000, [&](const JobRun&) { return ++slow, Status(); }});
    SleepMs(10'050);
    EXPECT_EQ(fast, 101);
    EXPECT_EQ(slow, 1);
    EXPECT_TRUE(scheduler.RunNow("slow"));
    SleepMs(10);
    EXPECT_EQ(slow, 2);
    EXPECT_FALSE(scheduler.RunNow("none"));
    EXPECT_THAT(telemetry.Text(), HasSubstr("gfr_job_duration_seconds_count{job=\"slow\",status=\"ok\"} 2\n"));
    EXPECT_THAT(scheduler.Stop(), ElementsAre());
  });
}

TEST(SchedulerTest, AJobThatThrowsHasFailedAndIsRunAgain) {
  InVirtualTime([](Telemetry& telemetry, Scheduler& scheduler) {
    const LogCapture quiet;
    int runs = 0;
    scheduler.Add({"short of memory", 100, 1000, [&](const JobRun&) -> Status {
                     if (++runs < 3) throw std::bad_alloc();
                     return {};
                   }});
    SleepMs(50);
    EXPECT_THAT(scheduler.Views()[0].last_error, HasSubstr("bad_alloc"));
    SleepMs(1000);
    EXPECT_GT(runs, 5);
    EXPECT_EQ(scheduler.Views()[0].last_error, "");
    EXPECT_THAT(telemetry.Text(), HasSubstr("status=\"failed\"} 2\n"));
    EXPECT_THAT(scheduler.Stop(), ElementsAre());
  });
}

TEST(SchedulerTest, SaysHowEachJobIs) {
  InVirtualTime([](Telemetry&, Scheduler& scheduler) {
    bool fails = true;
    scheduler.Add({"good", 1000, 5000, [&](const JobRun&) { return SleepMs(30), Status(); }});
    scheduler.Add({"bad", 1000, 5000, [&](const JobRun&) {
                     return fails ? Status(Error{ErrorCode::kUnavailable, "no disk"}) : Status();
                   }});
    scheduler.Add(
        {"long", 1000, 100, [](const JobRun& run) { return WaitUntil(MonotonicMs() + 500, run.stop), Status(); }});
    SleepMs(200);
    const auto views = scheduler.Views();
    ASSERT_EQ(views.size(), 3u);
    EXPECT_EQ(views[0].name, "good");
    EXPECT_EQ(views[0].last_took_ms, 30);
    EXPECT_GT(views[0].last_success_ms, 0);
    EXPECT_FALSE(views[0].running);
    EXPECT_EQ(views[1].last_error, "no disk");
    EXPECT_EQ(views[1].last_success_ms, 0);
    EXPECT_TRUE(views[2].running && views[2].overdue);
    fails = false;
    SleepMs(1000);
    EXPECT_EQ(scheduler.Views()[1].last_error, "");
    EXPECT_FALSE(scheduler.Views()[2].overdue && !scheduler.Views()[2].running);
  });
}

TEST(SchedulerTest, AFirstRunMayBeLaterThanTheStart) {
  InVirtualTime([](Telemetry&, Scheduler& scheduler) {
    int runs = 0;
    scheduler.Add({"later", 100, 1000, [&](const JobRun&) { return ++runs, Status(); }, 1000});
    SleepMs(950);
    EXPECT_EQ(runs, 0);
    SleepMs(100);
    EXPECT_EQ(runs, 1);
  });
}

TEST(SchedulerTest, MissedPeriodsAreMadeUpByOneRun) {
  InVirtualTime([](Telemetry&, Scheduler& scheduler) {
    std::vector<std::int64_t> starts_ms;
    const std::int64_t begin_ms = MonotonicMs();
    scheduler.Add({"job", 100, 10'000, [&](const JobRun&) {
                     starts_ms.push_back((MonotonicMs() - begin_ms + 5) / 10 * 10);
                     if (starts_ms.size() == 1) SleepMs(450);
                     return Status();
                   }});
    SleepMs(720);
    (void)scheduler.Stop();
    EXPECT_THAT(starts_ms, ElementsAre(0, 450, 500, 600, 700));
  });
}

TEST(SchedulerTest, ARunOverItsDeadlineIsCountedAndLoggedOnceAndNotStartedTwice) {
  InVirtualTime([](Telemetry& telemetry, Scheduler& scheduler) {
    const LogCapture capture;
    int running = 0, most = 0, runs = 0;
    scheduler.Add({"stuck", 100, 200, [&](const JobRun& run) {
                     most = std::max(most, ++running);
                     EXPECT_LE(run.remaining_ms(), 200);
                     if (++runs == 1) {
                       SleepMs(5000);
                       EXPECT_EQ(run.remaining_ms(), 0);
                     }
                     --running;
                     return Status();
                   }});
    SleepMs(4900);
    EXPECT_EQ(runs, 1);
    SleepMs(400);
    (void)scheduler.Stop();
    EXPECT_GT(runs, 2);
    EXPECT_EQ(most, 1);
    EXPECT_THAT(telemetry.Text(), HasSubstr("gfr_job_overdue_total{job=\"stuck\"} 1\n"));
    EXPECT_EQ(Times(capture.text(), "over its deadline"), 1u);
  });
}

TEST(SchedulerTest, AnErrorIsLoggedWhenItIsNewAndWhenItIsOver) {
  InVirtualTime([](Telemetry& telemetry, Scheduler& scheduler) {
    const LogCapture capture;
    int runs = 0;
    scheduler.Add({"job", 100, 1000, [&](const JobRun&) {
                     return ++runs < 5 ? Status(Error{ErrorCode::kUnavailable, "no disk"}) : Status();
                   }});
    SleepMs(1050);
    (void)scheduler.Stop();
    EXPECT_EQ(Times(capture.text(), "a job failed job=job error=\"no disk\""), 1u);
    EXPECT_EQ(Times(capture.text(), "a job is well again job=job"), 1u);
    EXPECT_THAT(telemetry.Text(), HasSubstr("gfr_job_duration_seconds_count{job=\"job\",status=\"failed\"} 4\n"));
    EXPECT_THAT(telemetry.Text(), HasSubstr("gfr_job_last_success_timestamp_seconds{job=\"job\"} 17"));
  });
}

TEST(SchedulerTest, StoppingEndsWaitsAndNamesWhatDoesNotReturn) {
  InVirtualTime([](Telemetry&, Scheduler& scheduler) {
    bool stopped = false;
    scheduler.Add({"obeys", 100, 1000, [&](const JobRun& run) {
                     stopped = !WaitUntil(MonotonicMs() + 3'600'000, run.stop);
                     return Status();
                   }});
    scheduler.Add({"stuck", 100, 1000, [&](const JobRun&) { return SleepMs(60'000), Status(); }});
    SleepMs(50);
    const std::int64_t begin_ms = MonotonicMs();
    EXPECT_THAT(scheduler.Stop(10'000), ElementsAre("stuck"));
    EXPECT_TRUE(stopped);
    EXPECT_NEAR(static_cast<double>(MonotonicMs() - begin_ms), 10'000, 50);
    EXPECT_THAT(scheduler.Stop(60'000), ElementsAre());
  });
}

}  // namespace
}  // namespace gfr
