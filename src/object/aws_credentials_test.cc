#include "object/aws_credentials.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "base/file_system.h"
#include "base/test_folder.h"
#include "base/time.h"
#include "runtime/test_http_peer.h"

namespace gfr {
namespace {

constexpr std::int64_t kNowMs = 1'798'761'600'000;  // 2027-01-01.

class AwsCredentialsTest : public testing::Test {
 protected:
  Result<AwsKeys> Keys() { return chain_.Keys(); }
  void WriteFile(const char* name, const std::string& text) {
    ASSERT_TRUE(PosixFileSystem().MakeFolders(folder_.path()).ok());
    ASSERT_TRUE(PublishFile(PosixFileSystem(), folder_ / name, text).ok());
  }
  static std::string RoleReply(const std::string& key, std::int64_t until_ms) {
    const std::string body = R"({"AccessKeyId": ")" + key +
                             R"(", "SecretAccessKey": "s", "Token": "t", "Expiration": ")" + FormatTime(until_ms) +
                             "\"}";
    return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  }

  const TestFolder folder_;
  // No test asks the metadata service of the machine that it runs on.
  std::map<std::string, std::string> variables_ = {{"AWS_EC2_METADATA_DISABLED", "true"}};
  FixedClock clock_{kNowMs};
  AwsCredentials chain_{[this](const char* name) { return variables_[name]; }, clock_};
};

TEST_F(AwsCredentialsTest, TheEnvironmentComesBeforeAProfile) {
  variables_["AWS_SHARED_CREDENTIALS_FILE"] = folder_ / "credentials";
  WriteFile("credentials", "[default]\naws_access_key_id = of the file\naws_secret_access_key = s\n");
  EXPECT_EQ(Keys().value().access_key, "of the file");
  AwsCredentials other([this](const char* name) { return variables_[name]; }, clock_);
  variables_["AWS_ACCESS_KEY_ID"] = "of the environment";
  variables_["AWS_SECRET_ACCESS_KEY"] = "s";
  EXPECT_EQ(other.Keys().value().access_key, "of the environment");
}

TEST_F(AwsCredentialsTest, ANamedProfileIsReadFromBothFiles) {
  variables_["HOME"] = folder_.path();
  variables_["AWS_PROFILE"] = "shop";
  ASSERT_TRUE(PosixFileSystem().MakeFolders(folder_ / ".aws").ok());
  WriteFile(".aws/credentials",
            "[default]\naws_access_key_id=d\naws_secret_access_key=d\n\n[shop]\r\n# a word\r\n"
            "aws_access_key_id = a\r\naws_secret_access_key = b+/=\r\naws_session_token=c\r\n");
  WriteFile(".aws/config", "[default]\nregion = r1\n[profile shop]\nregion = eu-central-1\n");
  const AwsKeys keys = Keys().value();
  EXPECT_EQ(keys.access_key + " " + keys.secret_key + " " + keys.session_token, "a b+/= c");
  EXPECT_EQ(chain_.Region(), "eu-central-1");
  variables_["AWS_REGION"] = "us-west-2";
  EXPECT_EQ(chain_.Region(), "us-west-2");
}

TEST_F(AwsCredentialsTest, AProfileWithoutKeysIsAnErrorThatNamesIt) {
  variables_["AWS_PROFILE"] = "none of these";
  const auto keys = Keys();
  EXPECT_EQ(keys.error().code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(keys.error().message, testing::HasSubstr("none of these"));
}

TEST_F(AwsCredentialsTest, WithoutAnyTheErrorSaysWhatCanBeSet) {
  EXPECT_THAT(Keys().error().message, testing::HasSubstr("AWS_ACCESS_KEY_ID"));
}

TEST_F(AwsCredentialsTest, KeysOfAContainersRoleAreAskedForAgainFiveMinutesBeforeTheyEnd) {
  TestHttpPeer peer(RoleReply("role", kNowMs + kHourMs));
  variables_["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = peer.url() + "/keys";
  variables_["AWS_CONTAINER_AUTHORIZATION_TOKEN"] = "permit";
  for (int i = 0; i < 3; ++i) EXPECT_EQ(Keys().value().access_key, "role");
  const auto asked = [&] {
    int times = 0;
    const std::string received = peer.received();
    for (std::size_t at = 0; (at = received.find("GET /keys", at)) != std::string::npos; ++at) ++times;
    return times;
  };
  EXPECT_EQ(asked(), 1);
  EXPECT_THAT(peer.received(), testing::HasSubstr("Authorization: permit"));
  clock_.Set(kNowMs + kHourMs - 4 * kMinuteMs);
  EXPECT_EQ(Keys().value().access_key, "role");
  EXPECT_EQ(asked(), 2);
}

TEST_F(AwsCredentialsTest, OldKeysAreUsedWhileTheServerThatGivesNewOnesIsAway) {
  {
    TestHttpPeer peer(RoleReply("role", kNowMs + kHourMs));
    variables_["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = peer.url();
    EXPECT_TRUE(Keys().ok());
  }
  clock_.Set(kNowMs + kHourMs - kMinuteMs);
  EXPECT_EQ(Keys().value().access_key, "role");
  clock_.Set(kNowMs + kHourMs);
  EXPECT_EQ(Keys().error().code, ErrorCode::kUnavailable);
}

TEST_F(AwsCredentialsTest, ATokenIsNotSentInTheClearToAnotherMachine) {
  for (const char* url : {"http://169.254.170.2.example.com/", "http://example.com/keys", "ftp://127.0.0.1/"}) {
    variables_["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = url;
    EXPECT_EQ(Keys().error().code, ErrorCode::kInvalidArgument) << url;
  }
}

}  // namespace
}  // namespace gfr
