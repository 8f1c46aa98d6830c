#include "event/event_slices.h"

#include <gtest/gtest.h>

#include "base/rng.h"

namespace gfr {
namespace {

constexpr JsonLimits kSliceLimits{.body_bytes = 1 << 16, .event_bytes = 600, .from_client = true};

std::string EventOfSlice(Rng& rng, int n) {
  switch (rng.Below(12)) {
    case 0:
      return "{}";
    case 1:
      return "7";
    case 2:
      return R"("[a text, {with] brackets \" and \\")";
    case 3:
      return std::string("\"") + std::string(rng.Below(1500), 'x') + "\"";  // Also larger than a slice.
    default:
      break;
  }
  return R"({"id":"e)" + std::to_string(n) +
         R"(","source":"s","type":"item.view","time":"2026-01-05T10:00:00Z","data":{"user_id":"u,]}\"","items":[{"item_id":"i"}],)" +
         R"("context":{"a":")" + std::string(rng.Below(200), ',') + "\"}}}";
}

std::string BodyOfSlices(Rng& rng, BodyFormat format) {
  const bool lines = format == BodyFormat::kNdjson;
  std::string body = lines ? "" : rng.Chance(0.5) ? " [" : "[";
  const int events = static_cast<int>(rng.Below(40));
  for (int n = 0; n < events; ++n) {
    if (!lines && n > 0) body += rng.Chance(0.3) ? " ,\n" : ",";
    body += EventOfSlice(rng, n);
    if (lines) body += rng.Chance(0.1) ? "\n\n \n" : "\n";
  }
  if (!lines) body += "]";
  if (rng.Chance(0.2)) body += " ";
  // Now and then it is broken somewhere.
  if (!body.empty() && rng.Chance(0.3)) {
    const std::size_t at = rng.Below(body.size());
    rng.Chance(0.5) ? body.erase(at, 1) : body.insert(at, 1, "[]{},\"\\x"[rng.Below(8)]);
  }
  return body;
}

ParsedEvents InSlices(const std::string& body, BodyFormat format, const JsonLimits& limits, int* slices) {
  EventSlices reader(body, format, limits);
  if (auto refused = reader.Refusal()) return *std::move(refused);
  ParsedEvents all, slice;
  while (reader.Next(&slice)) {
    ++*slices;
    for (std::size_t i = 0; i < slice.events.size(); ++i) {
      all.events.push_back(std::move(slice.events[i]));
      all.indexes.push_back(slice.indexes[i]);
    }
    const std::size_t count = slice.rejected_count;
    for (Rejection& r : slice.rejected) all.Reject(r.index, r.code, r.message);
    all.rejected_count += count - slice.rejected.size();
  }
  return all;
}

TEST(EventSlices, GiveTogetherWhatTheWholeBodyGives) {
  Rng rng(7);
  int slices = 0;
  for (int round = 0; round < 4000; ++round) {
    const BodyFormat format = rng.Chance(0.5) ? BodyFormat::kJson : BodyFormat::kNdjson;
    const std::string body = BodyOfSlices(rng, format);
    const ParsedEvents whole = ParseEvents(body, format, kSliceLimits);
    const ParsedEvents parts = InSlices(body, format, kSliceLimits, &slices);
    ASSERT_EQ(parts.indexes, whole.indexes) << body;
    ASSERT_EQ(parts.rejected_count, whole.rejected_count) << body;
    for (std::size_t i = 0; i < whole.events.size(); ++i)
      ASSERT_EQ(EventToJson(parts.events[i]), EventToJson(whole.events[i])) << body;
    ASSERT_EQ(parts.rejected.size(), whole.rejected.size());
    for (std::size_t i = 0; i < whole.rejected.size(); ++i) {
      ASSERT_EQ(parts.rejected[i].index, whole.rejected[i].index) << body;
      ASSERT_EQ(parts.rejected[i].code, whole.rejected[i].code) << body;
    }
  }
  EXPECT_GT(slices, 8000);
}

TEST(EventSlices, ABrokenEndRefusesAWholeListBeforeItsFirstEventIsGiven) {
  Rng rng(3);
  std::string body = "[";
  for (int n = 0; n < 30; ++n) body += EventOfSlice(rng, n) + ",";
  EventSlices reader(body, BodyFormat::kJson, kSliceLimits);  // It ends with a comma.
  ParsedEvents slice;
  ASSERT_TRUE(!reader.Refusal().has_value()) << "its last bracket is missing: it is one slice";
  ASSERT_TRUE(reader.Next(&slice));
  EXPECT_TRUE(slice.events.empty());
  ASSERT_EQ(slice.rejected.size(), 1u);
  EXPECT_EQ(slice.rejected[0].code, "bad_json");
  body += "]";
  EventSlices closed(body, BodyFormat::kJson, kSliceLimits);
  const auto refused = closed.Refusal();
  ASSERT_TRUE(refused.has_value());
  EXPECT_TRUE(refused->events.empty());
  EXPECT_EQ(refused->rejected[0].code, "bad_json");
}

// Of a list's element that is larger than an event may be, nothing is kept that grows with it.
TEST(EventSlices, AnElementThatIsTooLargeIsCheckedAndToldAndOneOfBlanksIsRead) {
  const std::string wide = "[" + std::string(3000, ' ') + "{}" + std::string(3000, ' ') + "]";
  std::string numbers = "[1";
  for (int n = 0; n < 2000; ++n) numbers += ",1";
  int slices = 0;
  const std::string large = "[7," + numbers + "]," + wide + ",8]";
  const ParsedEvents parts = InSlices(large, BodyFormat::kJson, kSliceLimits, &slices);
  const ParsedEvents whole = ParseEvents(large, BodyFormat::kJson, kSliceLimits);
  ASSERT_EQ(parts.rejected.size(), 4u);
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(parts.rejected[i].code, whole.rejected[i].code) << i;
  EXPECT_EQ(parts.rejected[1].code, "too_large");
  EXPECT_EQ(parts.rejected[1].message, whole.rejected[1].message);
  EXPECT_EQ(parts.rejected[2].code, "bad_type");
  const std::string broken = "[7," + numbers + "1 2]," + wide + ",8]";
  EventSlices reader(broken, BodyFormat::kJson, kSliceLimits);
  const auto refused = reader.Refusal();
  ASSERT_TRUE(refused.has_value());
  EXPECT_EQ(refused->rejected[0].code, "bad_json");
}

TEST(EventSlices, EachIsAsLargeAsAnEventMayBe) {
  std::string body = "[";
  for (int n = 0; n < 200; ++n) body += std::string(n ? "," : "") + "{\"a\":" + std::to_string(n) + "}";
  body += "]";
  EventSlices reader(body, BodyFormat::kJson, kSliceLimits);
  ASSERT_FALSE(reader.Refusal().has_value());
  ParsedEvents slice;
  std::size_t last = 0, slices = 0;
  while (reader.Next(&slice)) {
    ++slices;
    EXPECT_LE(slice.rejected_count, kSliceLimits.event_bytes / 8);
    last = slice.rejected.back().index;
  }
  EXPECT_EQ(last, 199u);
  EXPECT_GE(slices, body.size() / kSliceLimits.event_bytes);
  EXPECT_LE(slices, body.size() / kSliceLimits.event_bytes + 2);
}

}  // namespace
}  // namespace gfr
