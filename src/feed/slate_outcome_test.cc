#include "feed/slate_outcome.h"

#include <gtest/gtest.h>

#include "event/event_codec.h"

namespace gfr {
namespace {

SlateOutcome SomeOutcome() {
  SlateOutcome outcome;
  outcome.left_out = {{"off_sale", 2, {}, {"x", "y"}}, {"bought", 1, {1}, {}}};
  outcome.value = 1.5;
  outcome.bound = 1.75;
  outcome.relaxed = {{"floor new", 2}};
  outcome.parts = {{"boost b", {0, 2}, 2, 0.5}};
  return outcome;
}

TEST(SlateOutcome, GoesThroughTheLogWithItsRecord) {
  Event e{.id = "1", .type = EventType::kFeedRequest, .items = {{.item_id = "a"}, {.item_id = "b"}, {.item_id = "c"}}};
  e.served.positions = {{0, 3}};
  const SlateOutcome outcome = SomeOutcome();
  WriteOutcome(outcome, &e.served);
  std::string bytes, again;
  EncodeEvent(e, &bytes);
  const Event read = DecodeEvent(bytes).value();
  const SlateOutcome got = ReadOutcome(read.served, 3).value();
  EXPECT_EQ(got.left_out, outcome.left_out);
  EXPECT_EQ(got.value, 1.5);
  EXPECT_EQ(got.bound, 1.75);
  EXPECT_EQ(got.relaxed, outcome.relaxed);
  EXPECT_EQ(got.parts, outcome.parts);
  EncodeEvent(read, &again);
  EXPECT_EQ(again, bytes);
}

TEST(SlateOutcome, ARecordWithoutOneHasAnEmptyOneAndFieldsOfLaterVersionsArePassedOver) {
  ServedSlate slate;
  EXPECT_TRUE(ReadOutcome(slate, 3).value().left_out.empty());
  EXPECT_FALSE(ReadOutcome(slate, 3).value().is_solved());
  slate.unknown = std::string("\x4d\x02hi", 4);
  EXPECT_FALSE(ReadOutcome(slate, 3).value().is_solved());
}

TEST(SlateOutcome, BytesThatAreNoneAreRefused) {
  ServedSlate slate;
  WriteOutcome(SomeOutcome(), &slate);
  EXPECT_FALSE(ReadOutcome(slate, 2).ok()) << "item 2 of 2";
  const std::string whole = slate.unknown;
  for (std::size_t cut = 1; cut < whole.size(); ++cut) {
    slate.unknown = whole.substr(0, cut);
    const auto read = ReadOutcome(slate, 3);
    if (read.ok()) {
      EXPECT_FALSE(read.value().is_solved()) << cut;
    }
  }
}

}  // namespace
}  // namespace gfr
