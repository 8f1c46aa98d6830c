#include "event/slate_sources.h"

#include <gtest/gtest.h>

#include "event/event_codec.h"

namespace gfr {
namespace {

Event ARequest(const std::vector<std::string>& sources) {
  Event e{.id = "r", .type = EventType::kFeedRequest, .user_id = "u", .request_id = "r"};
  for (std::size_t i = 0; i < sources.size(); ++i) e.items.push_back({.item_id = "i" + std::to_string(i)});
  e.served.positions = {{0, 7}};
  SetSources(sources, &e.served);
  return e;
}

TEST(SlateSources, AreThereAfterTheRecordWasWrittenAndReadTwice) {
  const std::vector<std::string> sources{"affinity", "affinity", "", "similar", "similar", "similar", "recent"};
  Event e = ARequest(sources);
  for (int n = 0; n < 2; ++n) {
    std::string bytes;
    EncodeEvent(e, &bytes);
    auto read = DecodeEvent(bytes);
    ASSERT_TRUE(read.ok());
    e = std::move(read).value();
    EXPECT_EQ(SourcesOf(e.served, sources.size()), sources);
  }
  EXPECT_EQ(SourcesOf(e.served, 3), (std::vector<std::string>{"affinity", "affinity", ""})) << "of fewer items";
}

TEST(SlateSources, OfARecordWithoutThemAreEmpty) {
  EXPECT_EQ(SourcesOf(ARequest({"", ""}).served, 2), std::vector<std::string>(2));
  ServedSlate broken;
  broken.unknown = std::string("\x1e\x05\x02\xff", 4);
  EXPECT_EQ(SourcesOf(broken, 2), std::vector<std::string>(2));
}

}  // namespace
}  // namespace gfr
