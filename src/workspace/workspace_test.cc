#include "workspace/workspace.h"

#include <gtest/gtest.h>

#include "base/test_folder.h"

namespace gfr {
namespace {

TEST(Workspace, HasItsPartsInItsFolder) {
  const Workspace workspace("shop");
  EXPECT_EQ(workspace.configuration_path(), "shop/gfr.toml");
  EXPECT_EQ(workspace.log_folder(), "shop/data/log");
  EXPECT_EQ(workspace.Resolve("models"), "shop/models");
  EXPECT_EQ(workspace.Resolve("/srv/models"), "/srv/models");
}

TEST(Workspace, AFolderWithoutAConfigurationSaysHowToMakeOne) {
  const TestFolder folder;
  const auto config = Workspace(folder.path()).ReadConfiguration();
  ASSERT_FALSE(config.ok());
  EXPECT_EQ(config.error().code, ErrorCode::kInvalidArgument);
  EXPECT_NE(config.error().message.find("gfr init " + folder.path()), std::string::npos);
}

TEST(Workspace, AConfigurationThatCannotBeReadIsNotTakenForNone) {
  const TestFolder folder;
  ASSERT_TRUE(PosixFileSystem().MakeFolders(folder / "gfr.toml").ok());  // A folder: reading it fails.
  const auto config = Workspace(folder.path()).ReadConfiguration();
  ASSERT_FALSE(config.ok());
  EXPECT_EQ(config.error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(config.error().message.find("gfr init"), std::string::npos) << config.error().message;
}

TEST(Workspace, AConfigurationThatIsNoTomlIsRefusedWithItsLine) {
  const TestFolder folder;
  ASSERT_TRUE(PublishFile(PosixFileSystem(), folder / "gfr.toml", "[serve]\nlisten = \n").ok());
  const auto config = Workspace(folder.path()).ReadConfiguration();
  ASSERT_FALSE(config.ok());
  EXPECT_EQ(config.error().where.file, folder / "gfr.toml");
  EXPECT_EQ(config.error().where.line, 2);
}

}  // namespace
}  // namespace gfr
