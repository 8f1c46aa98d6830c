#include "serve/reply_deadlines.h"

#include <gtest/gtest.h>

#include "base/clock.h"
#include "base/simulation.h"

namespace gfr {
namespace {

struct NotedReply final : LateReply {
  NotedReply(std::vector<int>& to, int n) : ran(to), number(n) {}
  void ReplyLate() override { ran.push_back(number); }
  std::vector<int>& ran;
  const int number;
};

// In virtual time: `body` gets the deadlines, with a wait of 20 ms.
void WithDeadlines(const std::function<void(ReplyDeadlines&)>& body) {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    Simulation({.seed = seed}).Run([&] {
      ReplyDeadlines deadlines(20);
      body(deadlines);
    });
  }
}

TEST(ReplyDeadlines, GiveEachReplyInOrderAndNotBeforeItsWaitHasPassed) {
  WithDeadlines([](ReplyDeadlines& deadlines) {
    std::vector<int> ran;
    std::vector<std::shared_ptr<LateReply>> replies;
    for (int i = 0; i < 3; ++i) {
      replies.push_back(std::make_shared<NotedReply>(ran, i));
      deadlines.Add(replies.back());
    }
    WaitUntil(MonotonicMs() + 19);
    EXPECT_TRUE(ran.empty());
    WaitUntil(MonotonicMs() + 5);
    EXPECT_EQ(ran, (std::vector{0, 1, 2}));
  });
}

TEST(ReplyDeadlines, ForgetRepliesThatWereGivenAndStillGiveTheOthers) {
  WithDeadlines([](ReplyDeadlines& deadlines) {
    std::vector<int> ran;
    std::vector<std::shared_ptr<LateReply>> kept;
    for (int i = 0; i < 100; ++i) {
      const auto reply = std::make_shared<NotedReply>(ran, i);
      deadlines.Add(reply);
      if (i % 40 == 39) kept.push_back(reply);  // All others are given at once.
      WaitUntil(MonotonicMs() + 1);
    }
    WaitUntil(MonotonicMs() + 30);
    EXPECT_EQ(ran, (std::vector{39, 79}));
  });
}

TEST(ReplyDeadlines, DropWhatIsNotDueWhenTheyEnd) {
  std::vector<int> ran;
  const auto reply = std::make_shared<NotedReply>(ran, 1);
  { ReplyDeadlines(3'600'000).Add(reply); }
  EXPECT_TRUE(ran.empty());
}

}  // namespace
}  // namespace gfr
