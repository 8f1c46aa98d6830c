#include <gtest/gtest.h>

#include <cstring>
#include <map>

#include "base/file_system.h"
#include "base/rng.h"
#include "serve/request_index.h"
#include "serve/slates.h"

namespace gfr {
namespace {

std::vector<Event> Slates() {
  Event slate{.id = "r1",
              .source = "gfr",
              .type = EventType::kFeedRequest,
              .time_ms = 5,
              .user_id = "u",
              .request_id = "r1",
              .items = {{.item_id = "a", .index = 0}, {.item_id = "b"}}};
  slate.served.positions = {{0, 7}};
  slate.served.now_ms = 5;
  slate.served.feature_fingerprint = 9;
  SetColumns({11, 12}, {1, 2, 3, 4}, 2, {0, 1}, &slate.served);
  slate.served.models = {{"feed/1", ModelRole::kChampion}};
  slate.served.scored = {0, 1};
  slate.served.scores = {{0, "pctr", {0.5f, 0.25f}, {}}};
  slate.served.value = {1, 2};
  slate.served.propensity = {1, 1};
  Event impression{
      .id = "r1/impression", .source = "gfr", .type = EventType::kFeedImpression, .items = {{.item_id = "a"}}};
  return {slate, impression};
}

TEST(SlatesTest, ComeBackAsTheyWereSent) {
  const auto back = DecodeSlates(EncodeSlates(Slates()));
  ASSERT_TRUE(back.ok()) << back.error().ToString();
  ASSERT_EQ(back.value().size(), 2u);
  EXPECT_EQ(back.value()[0].served.columns[1].values, (std::vector<float>{2, 4}));
  EXPECT_EQ(back.value()[0].served.as_of(), 7);
  EXPECT_EQ(back.value()[1].id, "r1/impression");
}

TEST(SlatesTest, WhatIsCutOrOfAnotherTypeIsRefused) {
  const std::string body = EncodeSlates(Slates());
  for (std::size_t size = 0; size < body.size(); ++size) {
    const auto cut = DecodeSlates(std::string_view(body).substr(0, size));
    EXPECT_TRUE(!cut.ok() || cut.value().size() == 1) << "the first slate alone is whole";
  }
  std::vector<Event> clicks = Slates();
  clicks[1].type = EventType::kFeedClick;
  EXPECT_EQ(DecodeSlates(EncodeSlates(clicks)).error().message, "'feed.click' is not a slate that was served");
}

TEST(RequestIndexTest, WhatWasFrozenStaysWhileMoreIsAdded) {
  RequestIndex index;
  std::map<Key, std::uint64_t> expected;
  Rng rng(1);
  const auto add = [&](std::uint64_t offset) {
    const Key key = 1 + rng.Below(6000);
    index.Add(key, offset);
    expected[key] = offset;
  };
  for (std::uint64_t n = 0; n < 9000; ++n) add(n);
  const RequestIndex::Frozen frozen = index.Freeze();
  const auto then = expected;
  for (std::uint64_t n = 9000; n < 20'000; ++n) add(n);
  RequestIndex back;
  const std::string bytes = frozen.Bytes();
  ASSERT_EQ(bytes.size(), 9000u * 16);
  for (std::size_t i = 0; i < bytes.size(); i += 16) {
    std::uint64_t pair[2];
    std::memcpy(pair, bytes.data() + i, 16);
    back.Add(pair[0], pair[1]);
  }
  for (Key key = 1; key <= 6000; ++key) {
    EXPECT_EQ(then.contains(key), back.Find(key) != nullptr);
    EXPECT_TRUE(!then.contains(key) || *back.Find(key) == then.at(key));
    EXPECT_TRUE(!expected.contains(key) || *index.Find(key) == expected.at(key));
  }
  EXPECT_EQ(index.Find(7000), nullptr);
}

}  // namespace
}  // namespace gfr
