#include "base/fault_file_system.h"

#include <gtest/gtest.h>

#include <set>

namespace gfr {
namespace {

TEST(FaultFileSystemTest, APowerCutKeepsWhatWasSyncedAndAnyPartOfTheRest) {
  bool lost = false, torn = false, reordered = false, kept = false;
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    FaultFileSystem disk(seed);
    const auto file = disk.OpenForWrite("d/f", false).value();
    ASSERT_TRUE(file->Append(std::string(700, 's')).ok() && file->Sync().ok() && disk.SyncDirectory("d").ok());
    ASSERT_TRUE(file->Append(std::string(1500, 'a')).ok() && file->Append(std::string(1500, 'b')).ok());
    disk.PowerCut();
    const std::string bytes = disk.ReadAll("d/f").value();
    ASSERT_EQ(bytes.substr(0, 700), std::string(700, 's'));
    lost |= bytes.size() == 700;
    torn |= bytes.size() > 700 && bytes.size() < 2200;
    kept |= bytes.size() == 3700 && bytes.find('\0') == bytes.npos;
    const std::size_t zero = bytes.find('\0');
    reordered |= zero != bytes.npos && bytes.find_first_of("ab", zero) != bytes.npos;
  }
  EXPECT_TRUE(lost && torn && reordered && kept);
}

TEST(FaultFileSystemTest, NamesAreKeptUpToOneOfTheirChangesAndARenameIsWhole) {
  std::set<std::string> seen;
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    FaultFileSystem disk(seed);
    ASSERT_TRUE(PublishFile(disk, "d/f", "old").ok());
    const auto file = disk.OpenForWrite("d/f.tmp", false).value();
    ASSERT_TRUE(file->Append("new").ok() && file->Sync().ok());
    ASSERT_TRUE(disk.Rename("d/f.tmp", "d/f").ok() && disk.Remove("d/other").ok());
    disk.PowerCut();
    seen.insert(disk.ReadAll("d/f").value() + (disk.Exists("d/f.tmp") ? " and tmp" : ""));
  }
  EXPECT_EQ(seen, (std::set<std::string>{"old", "old and tmp", "new"}));
}

TEST(FaultFileSystemTest, AfterAPowerCutATruncateThatNoSyncFollowedMayNotHaveBeen) {
  std::set<std::string> seen, synced;
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    FaultFileSystem disk(seed);
    ASSERT_TRUE(PublishFile(disk, "d/f", "abcd").ok());
    const auto file = disk.OpenForWrite("d/f", true).value();
    ASSERT_TRUE(file->Truncate(2).ok());
    disk.PowerCut();
    seen.insert(disk.ReadAll("d/f").value());
    const auto again = disk.OpenForWrite("d/f", true).value();
    ASSERT_TRUE(again->Truncate(1).ok() && again->Sync().ok());
    disk.PowerCut();
    synced.insert(disk.ReadAll("d/f").value());
  }
  EXPECT_EQ(seen, (std::set<std::string>{"ab", "abcd"}));
  EXPECT_EQ(synced, std::set<std::string>{"a"});
}

TEST(FaultFileSystemTest, AKilledProcessLosesItsLocksAndNoBytes) {
  FaultFileSystem disk(1);
  auto held = disk.Lock("d/LOCK").value();
  EXPECT_FALSE(disk.Lock("d/LOCK").ok());
  EXPECT_TRUE(disk.Lock("d/OTHER").ok());
  ASSERT_TRUE(disk.OpenForWrite("d/f", false).value()->Append("x").ok());
  disk.Kill();
  EXPECT_EQ(disk.ReadAll("d/f").value(), "x");
  const auto next = disk.Lock("d/LOCK");
  EXPECT_TRUE(next.ok());
  held.reset();  // The dead one's takes nothing from the next one.
  EXPECT_FALSE(disk.Lock("d/LOCK").ok());
}

}  // namespace
}  // namespace gfr
