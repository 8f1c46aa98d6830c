#include "state/slate_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/time.h"
#include "state/shared_state.h"

namespace gfr {
namespace {

constexpr std::int64_t kNow = 28'000'000 * kMinuteMs;

// As a server makes it, at offset 9 of the log.
LogRecord Good() {
  Event e{.id = "r", .type = EventType::kFeedRequest, .request_id = "r"};
  e.items = {{.item_id = "a", .index = 1}, {.item_id = "b", .index = 0}, {.item_id = "c"}};
  e.served.positions = {{0, 8}};
  e.served.now_ms = kNow;
  e.served.epoch_end_ms = EpochEndAt(kNow);
  SetColumns({1, 2}, {1, 2, 3, 4, 5, 6}, 3, {0, 1}, &e.served);
  e.served.models = {{"feed/1", ModelRole::kChampion}};
  e.served.scored = {0, 1};
  e.served.scores = {{0, "pctr", {1, 2, 3}, {}}};
  e.served.value = {1, 2, 3};
  e.served.propensity = {1, 0.5f, 1};
  e.served.draws = {{0, {1, 2}, {}}};
  e.served.swaps = {0};
  return {9, kNow, e};
}

TEST(SlateProblem, ThereIsNoneOfAServersOwnNorOfARequestThatWasNotServed) {
  EXPECT_EQ(SlateProblem(Good()), "");
  EXPECT_EQ(SlateProblem({9, kNow, {.type = EventType::kFeedRequest}}), "");
}

TEST(SlateProblem, NamesWhatCannotHaveBeen) {
  const auto problem = [](auto change) {
    LogRecord record = Good();
    change(record.event.served);
    return SlateProblem(record);
  };
  using testing::HasSubstr;
  EXPECT_THAT(problem([](ServedSlate& s) { s.positions[0].offset = 9; }),
              HasSubstr("as of record 9, which is not before"));
  EXPECT_THAT(problem([](ServedSlate& s) { s.positions[0].offset = -2; }), HasSubstr("offset -2"));
  EXPECT_THAT(problem([](ServedSlate& s) { s.epoch_end_ms += kEpochMs; }), HasSubstr("in an epoch that ends at"));
  EXPECT_THAT(problem([](ServedSlate& s) { s.epoch_end_ms = INT64_MAX; }), HasSubstr("in an epoch that ends at"));
  EXPECT_EQ(problem([](ServedSlate& s) { s.epoch_end_ms = INT64_MIN; }), "") << "none had been sealed";
  EXPECT_THAT(problem([](ServedSlate& s) { s.now_ms = INT64_MIN; }), HasSubstr("more than ten years"));
  EXPECT_THAT(problem([](ServedSlate& s) { s.now_ms = INT64_MAX; }), HasSubstr("more than ten years"));
}

TEST(SlateProblem, NamesListsThatDoNotFitTheItems) {
  const auto fits = [](auto change) {
    LogRecord record = Good();
    change(record.event.served);
    return SlateProblem(record).empty();
  };
  EXPECT_FALSE(fits([](ServedSlate& s) { s.columns[1].values.pop_back(); }));
  EXPECT_FALSE(fits([](ServedSlate& s) { s.kept = {1, 0}; }));
  EXPECT_FALSE(fits([](ServedSlate& s) { s.kept = {0, 3}; }));
  EXPECT_FALSE(fits([](ServedSlate& s) { s.scores[0].values.pop_back(); }));
  EXPECT_FALSE(fits([](ServedSlate& s) { s.scores[0].at_shown = {1}; }));
  EXPECT_FALSE(fits([](ServedSlate& s) { s.scores[0].model = 1; }));
  EXPECT_FALSE(fits([](ServedSlate& s) { s.value = {1}; }));
  EXPECT_FALSE(fits([](ServedSlate& s) { s.propensity = {1}; }));
  EXPECT_FALSE(fits([](ServedSlate& s) { s.draws[0].pool = {3}; }));
  EXPECT_FALSE(fits([](ServedSlate& s) { s.draws[0].probability = {1}; }));
  EXPECT_FALSE(fits([](ServedSlate& s) { s.draws[0].position = -1; }));
  EXPECT_FALSE(fits([](ServedSlate& s) { s.swaps = {2}; }));
  EXPECT_FALSE(fits([](ServedSlate& s) { s.swaps = {-1}; }));
}

}  // namespace
}  // namespace gfr
