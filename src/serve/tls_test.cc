#include "serve/tls.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "base/clock.h"
#include "base/test_folder.h"
#include "runtime/http_client.h"
#include "serve/http_server.h"
#include "serve/http_server_metrics.h"
#include "serve/test_certificate.h"

namespace gfr {
namespace {

constexpr std::int64_t kTlsPatienceMs = 60'000;

class EchoHandler final : public HttpHandler {
 public:
  std::optional<HttpResponse> Admit(const HttpRequest&) override { return std::nullopt; }
  void Handle(HttpRequest request, HttpReply reply) override {
    reply({.status = 200, .content_type = "text/plain", .body = std::move(request.body)});
  }
};

class TlsServer : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(MakeTestCertificate(certificate_, key_));
    auto started = HttpServer::Start({.tls_certificate = certificate_, .tls_key = key_}, handler_);
    ASSERT_TRUE(started.ok()) << started.error().ToString();
    server_ = std::move(started).value();
  }
  // What a client that trusts `authority` alone is answered over a connection of its own.
  Result<HttpAnswer> Echo(const std::string& body, const std::string& authority, const char* scheme = "https://") {
    const auto caller = MakeHttpCaller({.allow_private = true, .ca_file = authority});
    HttpCall call{.method = "POST",
                  .url = scheme + std::string("127.0.0.1:") + std::to_string(server_->port()) + "/",
                  .headers = {"Content-Type: text/plain"},
                  .body = body};
    call.deadline_ms = MonotonicMs() + kTlsPatienceMs;
    return caller->Send(call);
  }
  const TestFolder folder_;
  const std::string certificate_ = folder_ / "server.pem", key_ = folder_ / "server.key";
  EchoHandler handler_;
  std::unique_ptr<HttpServer> server_;
};

TEST_F(TlsServer, AnswersSmallAndLargeRequestsOverVerifiedTls) {
  EXPECT_EQ(Echo("hello", certificate_).value().body, "hello");
  const std::string large(3u << 20, 'x');
  EXPECT_EQ(Echo(large, certificate_).value().body, large);
  EXPECT_GT(server_->metrics().tls_expires_s.value(), 0);
}

TEST_F(TlsServer, RefusesAndCountsAClientWithoutTlsAndServesTheNext) {
  EXPECT_FALSE(Echo("hello", certificate_, "http://").ok());
  EXPECT_EQ(Echo("hello", certificate_).value().body, "hello");
  EXPECT_EQ(server_->metrics().tls_failures.value(), 1);
}

TEST_F(TlsServer, TakesOtherFilesForNewConnectionsAndKeepsTheOldOnesAfterAnError) {
  const std::string before = folder_ / "before.pem";
  std::filesystem::copy_file(certificate_, before);
  std::ofstream(key_) << "not a key";
  const Status refused = server_->ReloadTls();
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.error().message.find(key_ + " is not the private key in PEM"), std::string::npos);
  EXPECT_EQ(Echo("still", before).value().body, "still");

  ASSERT_TRUE(MakeTestCertificate(certificate_, key_, /*days=*/400));
  const double expired_s = server_->metrics().tls_expires_s.value();
  ASSERT_TRUE(server_->ReloadTls().ok());
  const std::int64_t end_ms = MonotonicMs() + kTlsPatienceMs;
  while (server_->metrics().tls_expires_s.value() == expired_s && MonotonicMs() < end_ms) WaitUntil(MonotonicMs() + 1);
  EXPECT_EQ(Echo("new", certificate_).value().body, "new");
  EXPECT_FALSE(Echo("new", before).ok()) << "a client that knows the old certificate alone";
}

TEST(TlsIdentity, RefusesFilesThatAreNoneOrDoNotBelongTogetherByName) {
  const TestFolder folder;
  const std::string a = folder / "a.pem", a_key = folder / "a.key", b = folder / "b.pem", b_key = folder / "b.key",
                    locked = folder / "locked.pem", locked_key = folder / "locked.key";
  ASSERT_TRUE(MakeTestCertificate(a, a_key) && MakeTestCertificate(b, b_key));
  ASSERT_TRUE(MakeTestCertificate(locked, locked_key, 30, "secret"));
  const auto refusal = [](const std::string& certificate, const std::string& key) {
    const auto loaded = TlsIdentity::Load(PosixFileSystem(), certificate, key);
    return loaded.ok() ? "taken" : loaded.error().ToString();
  };
  EXPECT_EQ(refusal(a, a_key), "taken");
  EXPECT_EQ(refusal(b, b_key), "taken") << "an error of an earlier call stayed";
  EXPECT_NE(refusal(a, b_key).find("b.key is not the private key"), std::string::npos) << refusal(a, b_key);
  EXPECT_NE(refusal(a_key, a_key).find("a.key is not a certificate in PEM"), std::string::npos);
  EXPECT_NE(refusal(a, a).find("a.pem is not the private key in PEM"), std::string::npos);
  EXPECT_NE(refusal(locked, locked_key).find("without a password"), std::string::npos);
  EXPECT_NE(refusal(folder / "none.pem", a_key).find("none.pem"), std::string::npos);
}

}  // namespace
}  // namespace gfr
