#include "serve/jobs.h"

#include <gtest/gtest.h>

#include <atomic>

namespace gfr {
namespace {

Jobs::View Await(const Jobs& jobs, const std::string& id) {
  for (;;) {
    const auto view = jobs.Find(id);
    if (!view || view->state == Jobs::State::kDone || view->state == Jobs::State::kFailed)
      return view.value_or(Jobs::View());
    YieldThread();
  }
}

// A job that runs until it is let go, or stopped.
struct Gate {
  std::atomic<bool> open = false, entered = false;
  Jobs::Work Work() {
    return [this](const std::stop_token& stop) -> Result<std::string> {
      entered = true;
      while (!open && !stop.stop_requested()) YieldThread();
      return std::string("\"gate\"");
    };
  }
};

TEST(Jobs, OneThatThrowsHasFailedAndTheNextOneRuns) {
  Jobs jobs;
  const auto thrown = jobs.Start("a", [](const std::stop_token&) -> Result<std::string> { throw std::bad_alloc(); });
  const Jobs::View failed = Await(jobs, thrown.value());
  EXPECT_EQ(failed.state, Jobs::State::kFailed);
  EXPECT_NE(failed.error.find("bad_alloc"), std::string::npos) << failed.error;
  const auto next = jobs.Start("b", [](const std::stop_token&) -> Result<std::string> { return std::string("1"); });
  EXPECT_EQ(Await(jobs, next.value()).answer, "1");
}

TEST(Jobs, GiveTheirAnswerAndRunOnceAKey) {
  Jobs jobs;
  int runs = 0;
  const Jobs::Work work = [&](const std::stop_token&) -> Result<std::string> { return std::to_string(++runs); };
  const std::string id = jobs.Start("explain r1", work).value();
  EXPECT_EQ(Await(jobs, id).answer, "1");
  EXPECT_EQ(jobs.Start("explain r1", work).value(), id);
  EXPECT_EQ(Await(jobs, jobs.Start("explain r2", work).value()).answer, "2");
  EXPECT_FALSE(jobs.Find("j99"));
}

TEST(Jobs, AFailedOneSaysWhyAndRunsAgain) {
  Jobs jobs;
  bool fails = true;
  const Jobs::Work work = [&](const std::stop_token&) -> Result<std::string> {
    if (fails) return Error{ErrorCode::kUnavailable, "the log cannot be read"};
    return std::string("{}");
  };
  const std::string first = jobs.Start("k", work).value();
  const Jobs::View failed = Await(jobs, first);
  EXPECT_EQ(failed.state, Jobs::State::kFailed);
  EXPECT_EQ(failed.error, "the log cannot be read");
  fails = false;
  const std::string second = jobs.Start("k", work).value();
  EXPECT_NE(second, first);
  EXPECT_EQ(Await(jobs, second).answer, "{}");
}

TEST(Jobs, ABoundedNumberWaitsAndAStopEndsWhatRuns) {
  Gate gate;
  Jobs jobs;
  const Jobs::Work none = [](const std::stop_token&) -> Result<std::string> { return std::string("{}"); };
  ASSERT_TRUE(jobs.Start("first", gate.Work()).ok());
  while (!gate.entered) YieldThread();
  for (std::size_t n = 0; n < Jobs::kMostWaiting; ++n) ASSERT_TRUE(jobs.Start("w" + std::to_string(n), none).ok());
  EXPECT_EQ(jobs.Start("one too many", none).error().code, ErrorCode::kResourceExhausted);
  EXPECT_TRUE(jobs.Start("w3", none).ok()) << "it waits already";
}  // The gate never opens: destruction ends it.

TEST(Jobs, TheOldestAnswersAreForgotten) {
  Jobs jobs;
  const Jobs::Work none = [](const std::stop_token&) -> Result<std::string> { return std::string("{}"); };
  const std::string first = jobs.Start("k0", none).value();
  for (std::size_t n = 1; n <= Jobs::kKept; ++n)
    EXPECT_EQ(Await(jobs, jobs.Start("k" + std::to_string(n), none).value()).answer, "{}");
  EXPECT_FALSE(jobs.Find(first));
  EXPECT_NE(jobs.Start("k0", none).value(), first) << "it runs again";
}

}  // namespace
}  // namespace gfr
