#include "serve/owner_client.h"

#include <gtest/gtest.h>

#include "base/clock.h"
#include "base/simulation.h"
#include "runtime/test_http_peer.h"

namespace gfr {
namespace {

// Answers with what a test says, and keeps what it was sent.
class TestCaller final : public HttpCaller {
 public:
  Result<HttpAnswer> Send(const HttpCall& call, const std::stop_token&) override {
    sent.push_back(call);
    bodies.emplace_back(call.body);
    return answer;
  }
  std::vector<HttpCall> sent;
  std::vector<std::string> bodies;
  Result<HttpAnswer> answer = HttpAnswer{.status = 202, .content_type = "text/plain", .body = "taken"};
};

struct Client {
  Client() {
    auto caller = std::make_unique<TestCaller>();
    owner = caller.get();
    client = OwnerClient::Make("localhost:8080", std::move(caller)).value();
  }
  TestCaller* owner;
  std::unique_ptr<OwnerClient> client;
};

TEST(OwnerClient, SendsACallAsItCameWithADeadlineAndGivesTheAnswer) {
  Client c;
  c.owner->answer.value().headers = {{"retry-after", "3"}, {"x-other", "y"}};
  const std::int64_t before_ms = MonotonicMs();
  const auto answer = c.client->Send(
      {.method = "POST", .path = "/v1/a/../b#c?d", .body = "body", .content_type = "t/x", .authorization = "Bearer z"});
  ASSERT_TRUE(answer.ok()) << answer.error().message;
  EXPECT_EQ(answer.value().status, 202);
  EXPECT_EQ(answer.value().body, "taken");
  EXPECT_EQ(answer.value().headers, (decltype(HttpResponse::headers){{"Retry-After", "3"}}));
  ASSERT_EQ(c.owner->sent.size(), 1u);
  const HttpCall sent = c.owner->sent[0];
  EXPECT_EQ(sent.url, "http://localhost:8080/v1/a/../b%23c?d");
  EXPECT_EQ(sent.method, "POST");
  EXPECT_EQ(c.owner->bodies[0], "body");
  EXPECT_EQ(sent.headers, (std::vector<std::string>{"Content-Type: t/x", "Authorization: Bearer z"}));
  EXPECT_TRUE(
      c.client
          ->Send(
              {.method = "GET", .path = "/", .traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"})
          .ok());
  ASSERT_EQ(c.owner->sent[1].headers.size(), 1u) << "the trace goes on";
  EXPECT_TRUE(c.owner->sent[1].headers[0].starts_with("traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-"));
  EXPECT_GE(sent.deadline_ms, before_ms + 5000);
  EXPECT_LE(sent.deadline_ms, MonotonicMs() + 5000);
}

TEST(OwnerClient, CallsAnOwnerByTlsWhenItsAddressSaysSo) {
  auto caller = std::make_unique<TestCaller>();
  TestCaller* const owner = caller.get();
  const auto client = OwnerClient::Make("https://[::1]:8443", std::move(caller)).value();
  EXPECT_EQ(client->address(), "[::1]:8443");
  ASSERT_TRUE(client->Send({.method = "GET", .path = "/livez"}).ok());
  EXPECT_EQ(owner->sent[0].url, "https://[::1]:8443/livez");
  EXPECT_FALSE(OwnerClient::Make("ftp://host:80", std::make_unique<TestCaller>()).ok());
}

TEST(OwnerClient, AfterACallThatFoundNobodyTheNextFailAtOnceForASecond) {
  Simulation({.seed = 1}).Run([] {
    Client c;
    c.owner->answer = Error{ErrorCode::kUnavailable, "connection refused"};
    for (int i = 0; i < 3; ++i) {
      const auto answer = c.client->Send({.method = "GET", .path = "/"});
      ASSERT_FALSE(answer.ok());
      EXPECT_EQ(answer.error().message, "the owner of the log at localhost:8080 does not answer");
    }
    EXPECT_EQ(c.owner->sent.size(), 1u);
    c.owner->answer = HttpAnswer{.status = 200};
    WaitUntil(MonotonicMs() + OwnerClient::kAwayMs);
    EXPECT_TRUE(c.client->Send({.method = "GET", .path = "/"}).ok());
    EXPECT_TRUE(c.client->Send({.method = "GET", .path = "/"}).ok());
  });
}

TEST(OwnerClient, AnAnswerThatIsTooLargeIsAnErrorOfThatCallAlone) {
  Client c;
  c.owner->answer = Error{ErrorCode::kResourceExhausted, "too large"};
  EXPECT_EQ(c.client->Send({.method = "GET", .path = "/"}).error().code, ErrorCode::kResourceExhausted);
  c.owner->answer = HttpAnswer{.status = 200};
  EXPECT_TRUE(c.client->Send({.method = "GET", .path = "/"}).ok());
}

TEST(OwnerClient, AnOwnerThatHangsHoldsUpOneCallUntilItsDeadline) {
  TestHttpPeer peer("");  // Accepts, and is silent.
  const auto client = OwnerClient::Make(peer.url().substr(7), MakeHttpCaller({.allow_private = true})).value();
  const std::int64_t again_ms = MonotonicMs() + OwnerClient::kAwayMs;
  EXPECT_EQ(client->Send({.method = "GET", .path = "/", .timeout_ms = 50}).error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(client->Send({.method = "GET", .path = "/", .timeout_ms = 20'000}).error().code, ErrorCode::kUnavailable);
  // A machine so busy that the second call came a second later has asked again.
  if (MonotonicMs() < again_ms) {
    EXPECT_LE(peer.connections(), 1);
  }
}

TEST(OwnerClient, RefusesWhatIsNoAddress) {
  for (const char* owner : {"", "localhost", ":80", "localhost:0", "localhost:99999", "localhost:8o"})
    EXPECT_EQ(OwnerClient::Make(owner, nullptr).error().code, ErrorCode::kInvalidArgument) << owner;
  EXPECT_TRUE(OwnerClient::Make("[::1]:80", std::make_unique<TestCaller>()).ok());
}

}  // namespace
}  // namespace gfr
