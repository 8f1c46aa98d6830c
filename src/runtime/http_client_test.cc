#include "runtime/http_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/clock.h"
#include "runtime/test_http_peer.h"

namespace gfr {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

std::string Answer(const std::string& head, const std::string& body) {
  return "HTTP/1.1 " + head + "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}
std::unique_ptr<HttpCaller> Local() { return MakeHttpCaller({.allow_private = true}); }

TEST(HttpCallerTest, ACallSendsWhatItSaysAndGetsTheAnswerOverAKeptConnection) {
  TestHttpPeer peer(Answer("201 Created\r\nContent-Type: text/plain", "made"));
  const auto caller = Local();
  for (int i = 0; i < 3; ++i) {
    const auto answer = caller->Send(
        {.method = "PUT", .url = peer.url() + "/a?b=c", .headers = {"X-One: 1"}, .body = std::string("x\0y", 3)});
    ASSERT_TRUE(answer.ok()) << answer.error().message;
    EXPECT_EQ(answer.value().status, 201);
    EXPECT_EQ(answer.value().content_type, "text/plain");
    EXPECT_EQ(answer.value().body, "made");
  }
  EXPECT_THAT(peer.received(), StartsWith("PUT /a?b=c HTTP/1.1\r\n"));
  EXPECT_THAT(peer.received(), HasSubstr("X-One: 1\r\n"));
  EXPECT_THAT(peer.received(), HasSubstr(std::string("\r\n\r\nx\0y", 7)));
  EXPECT_EQ(peer.connections(), 1);
}

TEST(HttpCallerTest, AnErrorStatusIsAnAnswer) {
  TestHttpPeer peer(Answer("503 Service Unavailable", "later"));
  EXPECT_EQ(Local()->Send({.url = peer.url()}).value().status, 503);
}

TEST(HttpCallerTest, APrivateAddressIsNotConnectedToUnlessAllowed) {
  TestHttpPeer peer(Answer("200 OK", "secret"));
  const std::string port = peer.url().substr(peer.url().rfind(':'));
  for (const std::string host : {"127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "2130706433", "0.0.0.0"}) {
    const auto answer = MakeHttpCaller()->Send({.url = "http://" + host + port + "/"});
    ASSERT_FALSE(answer.ok()) << host;
    EXPECT_EQ(answer.error().code, ErrorCode::kInvalidArgument) << host << ": " << answer.error().message;
  }
  EXPECT_EQ(peer.connections(), 0);
}

TEST(HttpCallerTest, ARedirectIsGivenAndNotFollowed) {
  TestHttpPeer other(Answer("200 OK", "elsewhere"));
  TestHttpPeer peer(Answer("302 Found\r\nLocation: " + other.url() + "/", ""));
  EXPECT_EQ(Local()->Send({.url = peer.url()}).value().status, 302);
  EXPECT_EQ(other.connections(), 0);
}

TEST(HttpCallerTest, APathIsSentAsItIsAndHeadersComeBack) {
  TestHttpPeer peer("HTTP/1.1 503 Later\r\nRetry-After:  7 \r\nX-Twice: a\r\nX-Twice: b\r\nContent-Length: 0\r\n\r\n");
  const auto answer = Local()->Send({.url = peer.url() + "/a/../b/%2e%2E/c?d=/../e"});
  ASSERT_TRUE(answer.ok()) << answer.error().message;
  EXPECT_THAT(peer.received(), HasSubstr("GET /a/../b/%2e%2E/c?d=/../e HTTP/1.1\r\n"));
  EXPECT_EQ(answer.value().Header("retry-after"), "7");
  EXPECT_EQ(answer.value().Header("x-twice"), "a");
  EXPECT_EQ(answer.value().Header("absent"), "");
}

TEST(HttpCallerTest, AReplyOverTheLimitIsAnError) {
  TestHttpPeer peer(Answer("200 OK", std::string(5000, 'x')));
  EXPECT_TRUE(Local()->Send({.url = peer.url(), .max_reply_bytes = 5000}).ok());
  EXPECT_EQ(Local()->Send({.url = peer.url(), .max_reply_bytes = 4999}).error().code, ErrorCode::kResourceExhausted);
}

TEST(HttpCallerTest, ASilentServerIsAnErrorAtTheDeadlineOrTheStop) {
  TestHttpPeer peer("");
  const auto caller = Local();
  const std::int64_t deadline_ms = MonotonicMs() + 100;
  EXPECT_EQ(caller->Send({.url = peer.url(), .deadline_ms = deadline_ms}).error().code, ErrorCode::kUnavailable);
  EXPECT_GE(MonotonicMs(), deadline_ms);
  EXPECT_EQ(caller->Send({.url = peer.url(), .deadline_ms = deadline_ms}).error().code, ErrorCode::kUnavailable);
  std::stop_source stop;
  const int before = peer.connections();  // None, where the machine was too busy to connect in time.
  const Thread stops("stops", [&] {
    while (peer.connections() == before) YieldThread();
    stop.request_stop();
  });
  const auto answer = caller->Send({.url = peer.url(), .deadline_ms = MonotonicMs() + 600'000}, stop.get_token());
  EXPECT_THAT(answer.error().message, HasSubstr("a stop was requested"));
}

TEST(HttpCallerTest, OtherSchemesAndNoUrlsAreRefused) {
  for (const char* url : {"file:///etc/passwd", "ftp://example.com/", "gopher://example.com/", "", "http://"})
    EXPECT_EQ(Local()->Send({.url = url}).error().code, ErrorCode::kInvalidArgument) << url;
}

TEST(HttpCallerTest, AMessageNamesTheServerAndNoSecret) {
  const auto answer = Local()->Send({.url = "http://user:pass@127.0.0.1:1/hidden?token=abc"});
  EXPECT_THAT(answer.error().message, HasSubstr("http://127.0.0.1:1:"));
  for (const char* secret : {"user", "pass", "hidden", "token", "abc"})
    EXPECT_THAT(answer.error().message, Not(HasSubstr(secret)));
}

TEST(PublicAddressTest, OnlyTheOpenInternetIsPublic) {
  for (const char* address : {"8.8.8.8", "1.1.1.1", "172.15.0.1", "172.32.0.1", "100.63.0.1", "2606:4700::1111",
                              "::ffff:8.8.8.8", "64:ff9b::8.8.8.8"})
    EXPECT_TRUE(IsPublicAddress(address)) << address;
  for (const char* address : {"0.0.0.0",
                              "10.1.2.3",
                              "100.64.0.1",
                              "127.0.0.1",
                              "127.255.0.1",
                              "169.254.169.254",
                              "172.16.0.1",
                              "172.31.0.1",
                              "192.168.1.1",
                              "198.18.0.1",
                              "224.0.0.1",
                              "240.0.0.1",
                              "255.255.255.255",
                              "::",
                              "::1",
                              "fc00::1",
                              "fe80::1",
                              "ff02::1",
                              "::ffff:127.0.0.1",
                              "::127.0.0.1",
                              "64:ff9b::10.0.0.1",
                              "2001:db8::1",
                              "2002:7f00:1::",
                              "nonsense"})
    EXPECT_FALSE(IsPublicAddress(address)) << address;
}

}  // namespace
}  // namespace gfr
