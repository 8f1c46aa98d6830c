// HttpCaller against a real TLS server: Python's, with certificates that the test makes by the openssl command.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "base/clock.h"
#include "base/test_folder.h"
#include "runtime/http_client.h"
#include "runtime/subprocess.h"
#include "runtime/test_http_peer.h"

namespace gfr {
namespace {

constexpr std::int64_t kTlsTestDeadlineMs = 300'000;  // Against a hang, not to measure anything.

// Serves https on 127.0.0.1: prints its port, then a line for each request that came through TLS.
constexpr char kTlsServer[] = R"(
import http.server, ssl, sys
certificate, key, location = sys.argv[1:4]
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        print(self.path, flush=True)
        moved = self.path == "/moved"
        self.send_response(302 if moved else 200)
        if moved:
            self.send_header("Location", location)
        self.send_header("Content-Length", "6")
        self.end_headers()
        self.wfile.write(b"secret")
    def log_message(self, *args):
        pass
class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    def handle_error(self, *args):  # A client that refuses the certificate.
        pass
server = Server(("127.0.0.1", 0), Handler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(certificate, key)
# The handshake belongs to the connection's thread: one that never ends does not stop the others.
server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
print(server.server_address[1], flush=True)
server.serve_forever()
)";

bool Openssl(const std::string& arguments) {
  const std::string command = "openssl " + arguments + " >/dev/null 2>&1";
  return std::system(command.c_str()) == 0;
}

class TlsTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!Openssl("version")) GTEST_SKIP() << "the openssl command is not installed: no certificate can be made";
    std::ofstream(folder_ / "server.py") << kTlsServer;
    ASSERT_TRUE(MakeSelfSigned("authority", "critical,CA:TRUE", ""));
  }
  bool MakeSelfSigned(const std::string& name, const std::string& constraints, const std::string& alt) {
    return Openssl("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj '/CN=gfr test " +
                   name + "' -keyout " + File(name + ".key") + " -out " + File(name + ".pem") +
                   " -addext basicConstraints=" + constraints + (alt.empty() ? "" : " -addext subjectAltName=" + alt));
  }
  // A certificate for `alt` that the test's authority signs.
  bool MakeSigned(const std::string& name, const std::string& alt) {
    std::ofstream(folder_ / (name + ".ext")) << "subjectAltName=" << alt << "\nbasicConstraints=CA:FALSE\n";
    return Openssl("req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj '/CN=gfr test " + name +
                   "' -keyout " + File(name + ".key") + " -out " + File(name + ".csr")) &&
           Openssl("x509 -req -days 2 -in " + File(name + ".csr") + " -CA " + File("authority.pem") + " -CAkey " +
                   File("authority.key") + " -CAcreateserial -out " + File(name + ".pem") + " -extfile " +
                   File(name + ".ext"));
  }
  // Starts a server with that certificate; the URL begins so.
  std::string Serve(const std::string& certificate, const std::string& location = "http://127.0.0.1:1/") {
    auto started = Subprocess::Start({.command = {GFR_PYTHON, folder_ / "server.py", folder_ / (certificate + ".pem"),
                                                  folder_ / (certificate + ".key"), location},
                                      .environment = {},
                                      .out = SubprocessOptions::Stream::kRead});
    EXPECT_TRUE(started.ok());
    server_ = std::move(started).value();
    const auto port = NextLine();
    EXPECT_TRUE(port.ok()) << port.error().message;
    return "https://127.0.0.1:" + (port.ok() ? port.value() : "1");
  }
  Result<std::string> NextLine() { return server_->ReadLine(MonotonicMs() + kTlsTestDeadlineMs); }
  Result<HttpAnswer> Get(const std::string& url, const std::string& trusted) {
    return MakeHttpCaller({.allow_private = true, .ca_file = trusted.empty() ? "" : folder_ / (trusted + ".pem")})
        ->Send({.url = url, .deadline_ms = MonotonicMs() + kTlsTestDeadlineMs});
  }
  // No request came so far: the first one that the server tells of is the one that is made now, by who trusts it.
  void ExpectNothingWasAsked(const std::string& url) {
    ASSERT_EQ(std::system(("'" GFR_PYTHON "' -c \"import ssl, urllib.request as r; r.urlopen('" + url +
                           "/control', context=ssl._create_unverified_context()).read()\"")
                              .c_str()),
              0);
    EXPECT_EQ(NextLine().value(), "/control");
  }

  const TestFolder folder_;

 private:
  std::string File(const std::string& name) const { return "'" + (folder_ / name) + "'"; }
  std::unique_ptr<Subprocess> server_;
};

TEST_F(TlsTest, ACertificateOfATrustedAuthorityForTheHostIsAccepted) {
  ASSERT_TRUE(MakeSigned("good", "IP:127.0.0.1"));
  const std::string url = Serve("good");
  const auto answer = Get(url + "/a", "authority");
  ASSERT_TRUE(answer.ok()) << answer.error().message;
  EXPECT_EQ(answer.value().status, 200);
  EXPECT_EQ(answer.value().body, "secret");
  EXPECT_EQ(NextLine().value(), "/a");
}

TEST_F(TlsTest, AnAuthorityThatIsNotTrustedIsRefusedBeforeAnythingIsSent) {
  ASSERT_TRUE(MakeSigned("good", "IP:127.0.0.1"));
  const std::string url = Serve("good");
  const auto answer = Get(url + "/hidden", "");  // The system's authorities.
  ASSERT_FALSE(answer.ok());
  EXPECT_EQ(answer.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(answer.error().message, testing::HasSubstr("certificate"));
  ExpectNothingWasAsked(url);
}

TEST_F(TlsTest, AProbeNeedsNoCertificateOfALoopbackAddressAndOneOfAnyName) {
  ASSERT_TRUE(MakeSelfSigned("own", "CA:FALSE", "DNS:elsewhere.example"));
  const std::string url = Serve("own");
  const auto caller = MakeHttpCaller({.allow_private = true, .trust_loopback = true});
  const auto probe = [&](const std::string& at) {
    return caller->Send({.url = at, .deadline_ms = MonotonicMs() + kTlsTestDeadlineMs});
  };
  EXPECT_TRUE(probe(url + "/probe").ok());
  EXPECT_EQ(NextLine().value(), "/probe");
  const auto named = probe("https://localhost" + url.substr(url.rfind(':')) + "/hidden");
  ASSERT_FALSE(named.ok()) << "a name may lead anywhere";
  EXPECT_THAT(named.error().message, testing::HasSubstr("certificate"));
  ExpectNothingWasAsked(url);
}

TEST_F(TlsTest, ASelfSignedCertificateIsRefusedBeforeAnythingIsSent) {
  ASSERT_TRUE(MakeSelfSigned("own", "CA:FALSE", "IP:127.0.0.1"));
  const std::string url = Serve("own");
  for (const char* trusted : {"authority", ""}) {
    const auto answer = Get(url + "/hidden", trusted);
    ASSERT_FALSE(answer.ok());
    EXPECT_EQ(answer.error().code, ErrorCode::kUnavailable);
    EXPECT_THAT(answer.error().message, testing::HasSubstr("certificate"));
  }
  ExpectNothingWasAsked(url);
}

TEST_F(TlsTest, ACertificateOfAnotherHostIsRefusedBeforeAnythingIsSent) {
  ASSERT_TRUE(MakeSigned("other", "DNS:other.example,IP:127.0.0.2"));
  const std::string url = Serve("other");
  const auto answer = Get(url + "/hidden", "authority");
  ASSERT_FALSE(answer.ok());
  EXPECT_EQ(answer.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(answer.error().message, testing::HasSubstr("certificate"));
  ExpectNothingWasAsked(url);
}

TEST_F(TlsTest, ARedirectFromTlsIsGivenAndNotFollowed) {
  ASSERT_TRUE(MakeSigned("good", "IP:127.0.0.1"));
  TestHttpPeer plain("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  const std::string url = Serve("good", plain.url() + "/");
  const auto answer = Get(url + "/moved", "authority");
  ASSERT_TRUE(answer.ok()) << answer.error().message;
  EXPECT_EQ(answer.value().status, 302);
  EXPECT_EQ(answer.value().Header("location"), plain.url() + "/");
  EXPECT_EQ(plain.connections(), 0);
}

}  // namespace
}  // namespace gfr
