#include "serve/serve_config.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "base/test_folder.h"
#include "project/project.h"
#include "project/templates.h"

namespace gfr {
namespace {

TEST(ServeConfig, EveryConfigurationOfAnEarlierReleaseStillLoads) {
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(GFR_SOURCE_DIR "/tests/configurations")) {
    if (entry.path().extension() != ".toml") continue;
    TestFolder folder;
    std::filesystem::copy_file(entry.path(), folder.path() + "/gfr.toml");
    ServeConfig serve;
    const auto project = Project::Open(folder.path(), ServeConfig::Reader(&serve));
    EXPECT_TRUE(project.ok()) << entry.path() << ": " << project.error().ToString();
    ++files;
  }
  EXPECT_GE(files, 2u);
}

TEST(ServeConfig, IsReadBesideTheTablesOfTheModulesBelow) {
  auto file = Config::Parse("[serve]\nclock = \"log\"\nmax_connections = 7\nverify = \"5m\"\n", "gfr.toml").value();
  const auto serve = ServeConfig::Read(file);
  ASSERT_TRUE(serve.ok()) << serve.error().ToString();
  EXPECT_EQ(serve.value().clock, "log");
  EXPECT_EQ(serve.value().max_connections, 7);
  EXPECT_EQ(serve.value().verify_ms, 5 * kMinuteMs);
  EXPECT_EQ(serve.value().listen, ServeConfig().listen);
}

TEST(ServeConfig, ReadsTokensByScopeAndTheAdminTokenOfEarlierReleases) {
  auto file = Config::Parse(
                  "[serve]\nadmin_token = \"old\"\nidle_timeout = \"1s\"\n[serve.tokens]\n"
                  "feed = \"0123456789abcdef\"\n",
                  "gfr.toml")
                  .value();
  const auto serve = ServeConfig::Read(file);
  ASSERT_TRUE(serve.ok()) << serve.error().ToString();
  EXPECT_EQ(serve.value().tokens.at("admin"), "old");
  EXPECT_EQ(serve.value().tokens.at("feed"), "0123456789abcdef");
  EXPECT_EQ(serve.value().idle_timeout_ms, 1000);
  auto operations = Config::Parse(
                        "[serve]\naccess_log = true\nlog_wait = \"5ms\"\nstore_wait = \"7ms\"\ncors_origins = "
                        "[\"https://a.example\"]\n"
                        "[serve.rate_limits]\nfeed = 100\n",
                        "gfr.toml")
                        .value();
  const auto read = ServeConfig::Read(operations);
  ASSERT_TRUE(read.ok()) << read.error().ToString();
  EXPECT_TRUE(read.value().access_log);
  EXPECT_EQ(read.value().log_wait_ms, 5);
  EXPECT_EQ(read.value().store_wait_ms, 7);
  EXPECT_EQ(read.value().cors_origins, (std::vector<std::string>{"https://a.example"}));
  EXPECT_EQ(read.value().rate_limits.at("feed"), 100);
  for (const char* bad :
       {"[serve]\ncors_origins = [\"*\"]\n", "[serve]\ncors_origins = [\"https://a.example/path\"]\n",
        "[serve.rate_limits]\nfeed = 0\n", "[serve.rate_limits]\nroot = 1\n", "[serve]\nlog_wait = \"0ms\"\n",
        "[serve]\nstore_wait = \"0ms\"\n", "[serve.tokens]\nfeed = \"short\"\n",
        "[serve.tokens]\nroot = \"0123456789abcdef\"\n", "[serve]\nidle_timeout = \"2h\"\n",
        "[serve]\ntls_certificate = \"a.pem\"\n", "[serve]\ntls_key = \"a.key\"\n", "[serve]\nmax_connections = 0\n"}) {
    auto wrong = Config::Parse(bad, "gfr.toml").value();
    EXPECT_FALSE(ServeConfig::Read(wrong).ok()) << bad;
  }
}

TEST(ServeConfig, AMistakeInItIsRefusedWhenTheProjectIsOpenedWithItsReader) {
  const TestFolder folder;
  std::string text = TemplateText("shop").value();
  text.replace(text.find("[serve]\n"), 8, "[serve]\nmax_conections = 7\n");
  ASSERT_TRUE(PublishFile(PosixFileSystem(), folder / "gfr.toml", text).ok());
  ServeConfig serve;
  const auto project = Project::Open(folder.path(), ServeConfig::Reader(&serve));
  ASSERT_FALSE(project.ok());
  EXPECT_EQ(project.error().where.line, 3);
  EXPECT_NE(project.error().message.find("max_conections"), std::string::npos);
  EXPECT_TRUE(Project::Open(folder.path()).ok());  // A program without servers does not look into [serve].
}

}  // namespace
}  // namespace gfr
