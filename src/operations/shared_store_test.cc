#include "operations/shared_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/test_folder.h"
#include "base/time.h"
#include "log/event_log.h"
#include "log/seal.h"

namespace gfr {
namespace {

class SharedStoreTest : public testing::Test {
 protected:
  static std::uint64_t EventsOf(const Workspace& workspace) {
    LocalLog log(workspace.fs(), workspace.log_folder());
    return log.End().value()[0];
  }

  const TestFolder folder_;
  FileSystem& fs_ = PosixFileSystem();
  const FixedClock clock_{1'767'225'600'000};
  const Workspace here_{folder_ / "here", fs_, clock_}, there_{folder_ / "there", fs_, clock_};
  const std::shared_ptr<ObjectStore> store_ = LocalObjectStore(fs_, folder_ / "store");
};

TEST_F(SharedStoreTest, AMachineWithoutALogGetsTheProjectOnce) {
  {
    const auto log = EventLog::Open(fs_, clock_, {.folder = here_.log_folder()}).value();
    std::vector<Event> events;
    for (int i = 0; i < 50; ++i) {
      Event e{.id = std::to_string(i), .source = "shop", .type = EventType::kItemView};
      e.time_ms = 1000 + i;
      e.user_id = "u";
      e.items = {{.item_id = "a"}};
      events.push_back(std::move(e));
    }
    std::uint64_t duplicates = 0;
    ASSERT_TRUE(log->AppendImported(
                       std::move(events), [](std::uint64_t) {}, &duplicates)
                    .ok());
    ASSERT_TRUE(SealSegments(log->source(), here_.lake_folder()).ok());
  }
  ASSERT_TRUE(PublishFile(fs_, here_.erased_path(), "erased ids\n").ok());
  ASSERT_TRUE(fs_.MakeFolders(here_.definitions_folder()).ok());
  ASSERT_TRUE(PublishFile(fs_, JoinPath(here_.definitions_folder(), "one.toml"), "# columns\n").ok());
  ASSERT_TRUE(PushProject(here_, *store_).ok());
  const auto fetched = FetchProject(there_, *store_);
  ASSERT_TRUE(fetched.ok()) << fetched.error().ToString();
  EXPECT_EQ(fetched.value().log_events, 50u);
  EXPECT_EQ(EventsOf(there_), 50u);
  EXPECT_EQ(fs_.ReadAll(there_.erased_path()).value(), "erased ids\n");
  EXPECT_EQ(fs_.ReadAll(JoinPath(there_.definitions_folder(), "one.toml")).value(), "# columns\n");
  EXPECT_EQ(FetchProject(there_, *store_).value().log_events, 0u) << "it has a log now";
  // What was changed is sent again.
  ASSERT_TRUE(PublishFile(fs_, here_.erased_path(), "more ids\n").ok());
  ASSERT_TRUE(PushProject(here_, *store_).ok());
  EXPECT_EQ(store_->Get("project/erased").value(), "more ids\n");
  // An event more: the log that was made of the lake goes on as any other does.
  const auto log = EventLog::Open(fs_, clock_, {.folder = there_.log_folder()}).value();
  EXPECT_EQ(log->next_offset(), 50u);
}

TEST_F(SharedStoreTest, AnEmptyStoreGivesNothing) {
  const auto fetched = FetchProject(there_, *store_);
  ASSERT_TRUE(fetched.ok()) << fetched.error().ToString();
  EXPECT_EQ(fetched.value().log_events, 0u);
  EXPECT_EQ(EventsOf(there_), 0u);
  EXPECT_TRUE(PushProject(here_, *store_).ok());
  EXPECT_TRUE(store_->List("").value().empty());
}

}  // namespace
}  // namespace gfr
