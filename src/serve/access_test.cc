#include "serve/access.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "base/test_folder.h"

namespace gfr {
namespace {

HttpRequest With(std::string_view token) {
  HttpRequest head{.method = "POST", .path = "/", .headers = {{"host", "127.0.0.1:80"}}};
  if (!token.empty()) head.headers.emplace_back("authorization", "Bearer " + std::string(token));
  return head;
}

int SiteStatus(std::vector<std::pair<std::string, std::string>> headers, const std::string& method = "POST") {
  const auto access = Access::Open(PosixFileSystem(), {.hosts = {"Feeds.Example.com"}}).value();
  const auto refused =
      access->CheckSite(AccessScope::kAdmin, {.method = method, .path = "/", .headers = std::move(headers)});
  return refused ? refused->status : 0;
}

TEST(Access, MakesAdminAndReaderTokensOnceForTheOwnersEyesOnly) {
  const TestFolder folder;
  const std::string tokens = JoinPath(folder.path(), "data/tokens");
  const auto access = Access::Open(PosixFileSystem(), {.folder = tokens}).value();
  EXPECT_EQ(access->MakeMissing().value().size(), 2u);
  EXPECT_TRUE(access->MakeMissing().value().empty());
  for (const char* name : {"admin", "reader"}) {
    struct stat found {};
    ASSERT_EQ(::stat(JoinPath(tokens, name).c_str(), &found), 0);
    EXPECT_EQ(found.st_mode & 0777, 0600u);
    EXPECT_EQ(access->Token(name).size(), 64u);
  }
  EXPECT_NE(access->Token("admin"), access->Token("reader"));
  EXPECT_EQ(PosixFileSystem().List(tokens).value().size(), 2u) << "nothing else is left beside them";
}

TEST(Access, OpensEachScopeToItsTokenAndTheAdminsOnly) {
  const auto access =
      Access::Open(PosixFileSystem(), {.tokens = {{"admin", "a"}, {"reader", "r"}, {"events", "e"}, {"feed", "f"}}})
          .value();
  const std::pair<AccessScope, std::string> good[] = {{AccessScope::kOpen, "earf"},
                                                      {AccessScope::kEvents, "ear"},
                                                      {AccessScope::kFeed, "far"},
                                                      {AccessScope::kReader, "ar"},
                                                      {AccessScope::kAdmin, "a"}};
  for (const auto& [scope, opens] : good) {
    for (const char* token : {"a", "r", "e", "f", "x", "aa", ""}) {
      const bool expected = scope == AccessScope::kOpen || (*token != '\0' && opens.find(token) != std::string::npos);
      const auto refused = access->CheckToken(scope, With(token));
      EXPECT_EQ(!refused, expected) << static_cast<int>(scope) << " with '" << token << "'";
      EXPECT_TRUE(!refused || refused->status == 401);
    }
  }
  HttpRequest basic = With("");
  basic.headers.emplace_back("authorization", "Basic a");
  EXPECT_TRUE(access->CheckToken(AccessScope::kAdmin, basic).has_value());
}

TEST(Access, NeverOpensAdminAndReaderCallsWithoutATokenWhateverElseIsOpen) {
  const auto access = Access::Open(PosixFileSystem(), {.tokens = {{"feed", "f"}}, .open = true}).value();
  EXPECT_FALSE(access->CheckToken(AccessScope::kEvents, With("")).has_value());
  EXPECT_FALSE(access->CheckToken(AccessScope::kFeed, With("")).has_value());
  EXPECT_TRUE(access->CheckToken(AccessScope::kReader, With("")).has_value());
  EXPECT_TRUE(access->CheckToken(AccessScope::kAdmin, With("")).has_value());
  EXPECT_TRUE(access->CheckToken(AccessScope::kAdmin, With("f")).has_value());
}

TEST(Access, TakesARotatedTokenAndNoOlderOne) {
  const TestFolder folder;
  const auto access = Access::Open(PosixFileSystem(), {.folder = folder.path()}).value();
  ASSERT_TRUE(access->MakeMissing().ok());
  const std::string before = access->Token("admin");
  ASSERT_TRUE(RotateToken(PosixFileSystem(), folder.path(), "admin").ok());
  ASSERT_TRUE(access->Reload().ok());
  EXPECT_TRUE(access->CheckToken(AccessScope::kAdmin, With(before)).has_value());
  EXPECT_FALSE(access->CheckToken(AccessScope::kAdmin, With(access->Token("admin"))).has_value());
  EXPECT_EQ(RotateToken(PosixFileSystem(), folder.path(), "root").error().code, ErrorCode::kInvalidArgument);
}

TEST(Access, KeepsTheTokensReadBeforeWhenAFileIsEmpty) {
  const TestFolder folder;
  const auto access = Access::Open(PosixFileSystem(), {.folder = folder.path()}).value();
  ASSERT_TRUE(access->MakeMissing().ok());
  auto file = PosixFileSystem().OpenForWrite(JoinPath(folder.path(), "admin"), /*append=*/false).value();
  EXPECT_EQ(access->Reload().error().code, ErrorCode::kCorrupt);
  EXPECT_EQ(access->Token("admin").size(), 64u);
}

TEST(Access, ListensToOthersOnlyWithTokensOfEveryScopeOrOpen) {
  const auto none = Access::Open(PosixFileSystem(), {}).value();
  for (const char* loopback : {"127.0.0.1", "127.8.8.8", "::1"}) EXPECT_TRUE(none->CheckListen(loopback).ok());
  for (const char* others : {"0.0.0.0", "::", "192.0.2.1"})
    EXPECT_EQ(none->CheckListen(others).error().code, ErrorCode::kInvalidArgument) << others;
  EXPECT_TRUE(Access::Open(PosixFileSystem(), {.open = true}).value()->CheckListen("0.0.0.0").ok());
  const TestFolder folder;
  const auto half = Access::Open(PosixFileSystem(), {.folder = folder.path(), .tokens = {{"feed", "f"}}}).value();
  EXPECT_NE(half->CheckListen("0.0.0.0").error().message.find("the scopes events have no token"), std::string::npos);
  EXPECT_TRUE(
      Access::Open(PosixFileSystem(), {.tokens = {{"feed", "f"}, {"events", "e"}}}).value()->CheckListen("::").ok());
}

TEST(Access, WithoutAProjectsFolderItsOneTokenIsEnoughAndNoFileIsRead) {
  const TestFolder folder;
  const std::string before = std::filesystem::current_path();
  std::filesystem::current_path(folder.path());
  std::ofstream(folder / "admin") << "";  // An empty token file, where there were one.
  static constexpr std::string_view kFeed[] = {"feed"};
  const auto none = Access::Open(PosixFileSystem(), {});
  std::filesystem::current_path(before);
  ASSERT_TRUE(none.ok()) << none.error().message;
  EXPECT_NE(none.value()->CheckListen("0.0.0.0", kFeed).error().message.find("--token-file"), std::string::npos);
  const auto one = Access::Open(PosixFileSystem(), {.tokens = {{"feed", "f"}}}).value();
  EXPECT_TRUE(one->CheckListen("0.0.0.0", kFeed).ok());
}

TEST(Access, AnswersOnlyToNamesThatAreItsOwn) {
  for (const char* host : {"localhost", "LOCALHOST:8080", "a.localhost", "127.0.0.1", "10.1.2.3:80", "[::1]:8080",
                           "[2001:db8::1]", "feeds.example.com:443", "FEEDS.example.com."})
    EXPECT_EQ(SiteStatus({{"host", host}}), 0) << host;
  for (const char* host : {"evil.example", "example.com", "127.0.0.1.evil.example", "localhost.evil.example", "x"})
    EXPECT_EQ(SiteStatus({{"host", host}}), 421) << host;
}

TEST(Access, LetsPagesOfADeclaredOriginPostEventsAndAskForFeedsAlone) {
  const auto access = Access::Open(PosixFileSystem(), {.cors_origins = {"https://shop.example"}}).value();
  const HttpRequest page{
      .method = "POST",
      .path = "/",
      .headers = {{"host", "localhost"}, {"origin", "https://shop.example"}, {"sec-fetch-site", "cross-site"}}};
  HttpRequest other = page;
  other.headers[1].second = "https://shop.example.evil";
  for (const AccessScope scope : {AccessScope::kEvents, AccessScope::kFeed}) {
    EXPECT_EQ(access->AllowedOrigin(scope, page), "https://shop.example");
    EXPECT_FALSE(access->CheckSite(scope, page));
    EXPECT_EQ(access->CheckSite(scope, other)->status, 403);
    EXPECT_EQ(access->AllowedOrigin(scope, other), "");
  }
  for (const AccessScope scope : {AccessScope::kOpen, AccessScope::kReader, AccessScope::kAdmin}) {
    EXPECT_EQ(access->AllowedOrigin(scope, page), "");
    EXPECT_EQ(access->CheckSite(scope, page)->status, 403);
  }
}

TEST(Access, LimitsTheCallsOfEachTokenByTheSecond) {
  const auto access = Access::Open(PosixFileSystem(), {.tokens = {{"admin", "a"}, {"feed", "f"}},
                                                       .rate_limits = {{"feed", 0.002}, {"events", 0.002}}})
                          .value();
  EXPECT_FALSE(access->CheckToken(AccessScope::kFeed, With("f")));
  const auto refused = access->CheckToken(AccessScope::kFeed, With("f"));
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->status, 429);
  EXPECT_EQ(refused->headers.at(0).first, "Retry-After");
  EXPECT_GT(std::stoi(refused->headers.at(0).second), 1);
  EXPECT_FALSE(access->CheckToken(AccessScope::kEvents, With(""))) << "open, and within the limit of its scope";
  EXPECT_EQ(access->CheckToken(AccessScope::kEvents, With(""))->status, 429);
  for (int i = 0; i < 10; ++i)
    EXPECT_FALSE(access->CheckToken(AccessScope::kFeed, With("a"))) << "the admin's has none";
  EXPECT_EQ(access->CheckToken(AccessScope::kFeed, With("wrong"))->status, 401);
}

TEST(Access, LetsPagesOfAnotherOriginDoNothing) {
  EXPECT_EQ(SiteStatus({{"host", "localhost:8080"}, {"origin", "http://localhost:8080"}}), 0);
  for (const char* origin :
       {"http://localhost:3000", "https://evil.example", "null", "http://localhost:8080.evil.example"})
    EXPECT_EQ(SiteStatus({{"host", "localhost:8080"}, {"origin", origin}}), 403) << origin;
  EXPECT_EQ(SiteStatus({{"host", "localhost"}, {"sec-fetch-site", "cross-site"}}), 403);
  EXPECT_EQ(SiteStatus({{"host", "localhost"}, {"sec-fetch-site", "same-origin"}}), 0);
}

}  // namespace
}  // namespace gfr
