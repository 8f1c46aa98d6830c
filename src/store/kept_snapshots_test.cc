#include "store/kept_snapshots.h"

#include <gtest/gtest.h>

#include <fstream>

#include "base/test_folder.h"
#include "base/time.h"

namespace gfr {
namespace {

constexpr std::int64_t kFirstDay = 20'454 * kDayMs;  // 2026-01-01.

// A store that gets one click whenever it is told to, and is saved then.
class KeptSnapshotsTest : public testing::Test {
 protected:
  KeptSnapshotsTest() {
    auto config = Config::Parse(
        "[[feature]]\nname = \"clicks\"\ntype = \"count\"\nscope = \"user\"\nevents = [\"feed.click\"]\n", "gfr.toml");
    store_ = std::make_unique<OnlineStore>(FeatureSet::Make(config.value()).value());
    store_->Share();
  }
  Status SaveAt(std::int64_t arrival_ms, std::size_t count) {
    store_->Fold({static_cast<std::uint64_t>(store_->next_offset()),
                  arrival_ms,
                  {.type = EventType::kFeedClick, .time_ms = arrival_ms, .user_id = "u", .items = {{.item_id = "i"}}}});
    store_->Publish();
    return KeepSnapshot(PosixFileSystem(), days_, count, Snapshot::Take(*store_));
  }
  std::vector<std::string> Kept() {
    std::vector<std::string> names = ListKeptSnapshots(PosixFileSystem(), days_).value();
    for (std::string& name : names) name = name.substr(days_.size() + 1);
    return names;
  }
  std::int64_t OffsetOf(const std::string& name) {
    return ReadSnapshotInstant(PosixFileSystem(), JoinPath(days_, name)).value().next_offset;
  }

  const TestFolder folder_;
  const std::string days_ = folder_ / "days";
  std::unique_ptr<OnlineStore> store_;
};

TEST_F(KeptSnapshotsTest, TheFirstOfEachDayIsKeptAndTheOldestGo) {
  for (int day = 0; day < 5; ++day) {
    for (const std::int64_t hour : {1, 5, 23}) ASSERT_TRUE(SaveAt(kFirstDay + day * kDayMs + hour * kHourMs, 3).ok());
  }
  EXPECT_EQ(Kept(), (std::vector<std::string>{"2026-01-05", "2026-01-04", "2026-01-03"}));
  EXPECT_EQ(OffsetOf("2026-01-04"), 10) << "three records a day, and the first of the fourth one";
  ASSERT_TRUE(SaveAt(kFirstDay + 5 * kDayMs, 2).ok());
  EXPECT_EQ(Kept(), (std::vector<std::string>{"2026-01-06", "2026-01-05"}));
  ASSERT_TRUE(SaveAt(kFirstDay + 6 * kDayMs, 0).ok());
  EXPECT_TRUE(Kept().empty());
}

TEST_F(KeptSnapshotsTest, AStoreWithoutRecordsKeepsNone) {
  ASSERT_TRUE(KeepSnapshot(PosixFileSystem(), days_, 7, Snapshot::Take(*store_)).ok());
  EXPECT_TRUE(Kept().empty());
}

TEST_F(KeptSnapshotsTest, SaysItsInstantWithoutItsRows) {
  ASSERT_TRUE(SaveAt(kFirstDay + kHourMs, 7).ok());
  const SnapshotInstant instant = ReadSnapshotInstant(PosixFileSystem(), JoinPath(days_, "2026-01-01")).value();
  EXPECT_EQ(instant.last_arrival_ms, kFirstDay + kHourMs);
  EXPECT_EQ(instant.next_offset, 1);
  EXPECT_EQ(instant.epoch_end_ms, store_->epoch_end_ms());
}

TEST_F(KeptSnapshotsTest, OnlyThoseOfBeforeAChangeOfTheLogStay) {
  for (int day = 0; day < 4; ++day) ASSERT_TRUE(SaveAt(kFirstDay + day * kDayMs, 7).ok());
  std::ofstream(JoinPath(days_, "2025-12-31")) << "no snapshot";
  std::ofstream(JoinPath(days_, "2026-01-05.tmp")) << "interrupted";
  // The record at offset 2 changes: the states of the first two days do not have it.
  const auto would = RemoveKeptSnapshots(PosixFileSystem(), days_, 2, /*dry_run=*/true).value();
  EXPECT_EQ(Kept().size(), 5u);
  EXPECT_EQ(RemoveKeptSnapshots(PosixFileSystem(), days_, 2).value(), would);
  EXPECT_EQ(Kept(), (std::vector<std::string>{"2026-01-02", "2026-01-01"}));
  EXPECT_EQ(PosixFileSystem().List(days_).value().size(), 2u);
}

}  // namespace
}  // namespace gfr
