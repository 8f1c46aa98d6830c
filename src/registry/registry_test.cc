#include "registry/registry.h"

#include <gtest/gtest.h>

#include "base/test_folder.h"

namespace gfr {
namespace {

class RegistryTest : public testing::Test {
 protected:
  TestFolder folder;
  const FixedClock clock{42};
  Registry registry{PosixFileSystem(), clock, folder / "models"};
};

TEST_F(RegistryTest, KeepsVersionsAndGivesBackTheirFiles) {
  EXPECT_EQ(registry.Register("feed", {{"a.txt", "one"}}).value(), "1");
  EXPECT_EQ(registry.Register("feed", {{"a.txt", "two"}}).value(), "2");
  EXPECT_EQ(registry.Load("feed", "1").value().at("a.txt"), "one");
  EXPECT_EQ(registry.Load("feed", "2").value().at("a.txt"), "two");
  EXPECT_EQ(registry.List("feed").value().size(), 2u);
  EXPECT_EQ(registry.Load("feed", "3").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(registry.Load("feed", "../feed").error().code, ErrorCode::kInvalidArgument);
}

TEST_F(RegistryTest, RollsBackThroughTheChampionsBefore) {
  for (const char* text : {"a", "b", "c"}) ASSERT_TRUE(registry.Register("feed", {{"f", text}}).ok());
  EXPECT_EQ(registry.Champion("feed").error().code, ErrorCode::kNotFound);
  for (const char* version : {"1", "3", "2"}) ASSERT_TRUE(registry.Promote("feed", version).ok());
  EXPECT_EQ(registry.Champion("feed").value(), "2");
  EXPECT_EQ(registry.Rollback("feed").value(), "3");
  EXPECT_EQ(registry.Rollback("feed").value(), "1");
  EXPECT_FALSE(registry.Rollback("feed").ok());
  EXPECT_EQ(registry.Champion("feed").value(), "1");
  EXPECT_FALSE(registry.Promote("feed", "9").ok());
}

TEST_F(RegistryTest, RefusesAVersionWhoseFileWasChanged) {
  ASSERT_TRUE(registry.Register("feed", {{"f", "true"}}).ok());
  ASSERT_TRUE(PublishFile(PosixFileSystem(), folder / "models/feed/1/f", "fake").ok());
  EXPECT_EQ(registry.Load("feed", "1").error().code, ErrorCode::kCorrupt);
}

TEST_F(RegistryTest, AVersionWithoutItsManifestIsNotThere) {
  ASSERT_TRUE(PosixFileSystem().MakeFolders(folder / "models/feed/7").ok());
  EXPECT_TRUE(registry.List("feed").value().empty());
  EXPECT_FALSE(registry.Load("feed", "7").ok());
  EXPECT_EQ(registry.Register("feed", {{"f", "x"}}).value(), "8") << "a number is never used twice";
}

}  // namespace
}  // namespace gfr
