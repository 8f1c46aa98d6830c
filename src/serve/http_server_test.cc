#include "serve/http_server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/sync.h"
#include "runtime/http_client.h"
#include "serve/http_server_metrics.h"

namespace gfr {
namespace {

constexpr int kPatienceMs = 60'000;  // For what must happen; how soon is not asserted.

// Answers /echo with the body and keeps replies of /held until they are let go.
class TestHandler final : public HttpHandler {
 public:
  std::optional<HttpResponse> Admit(const HttpRequest& head) override {
    if (head.path == "/never") return ProblemResponse(404, "Not Found", "never");
    return std::nullopt;
  }
  void Handle(HttpRequest request, HttpReply reply) override {
    if (request.path == "/held") {
      const MutexLock lock(mutex_);
      held_.push_back(std::move(reply));
      changed_.NotifyAll();
    } else if (request.path == "/throws") {
      throw std::runtime_error("a handler's own fault");
    } else if (request.path == "/large") {
      reply({.body = std::string(32u << 20, 'x')});
    } else if (request.path == "/stream") {
      reply({.stream = [left = 5](std::string* piece) mutable {
        *piece = left == 3 ? "" : std::string(static_cast<std::size_t>(left), 'a');
        return --left > 0;
      }});
    } else {
      reply({.content_type = "text/plain", .body = request.body + request.client});
    }
  }
  HttpReply Held() {
    MutexLock lock(mutex_);
    changed_.Wait(lock, [&] { return !held_.empty(); });
    HttpReply reply = std::move(held_.front());
    held_.erase(held_.begin());
    return reply;
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  std::vector<HttpReply> held_;
};

// A client that sends bytes as they are given.
class RawClient {
 public:
  RawClient() : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {}  // Connect comes later.
  explicit RawClient(int port, int receive_buffer = 0) : RawClient() {
    if (receive_buffer > 0) ::setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    Connect(port);
  }
  void Connect(int port) {
    sockaddr_in to{.sin_family = AF_INET, .sin_port = htons(static_cast<std::uint16_t>(port))};
    inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
    connected_ = ::connect(fd_, reinterpret_cast<sockaddr*>(&to), sizeof to) == 0;
  }
  RawClient(RawClient&& other) noexcept : fd_(std::exchange(other.fd_, -1)), connected_(other.connected_) {}
  ~RawClient() {
    if (fd_ >= 0) ::close(fd_);
  }
  void Send(const std::string& bytes) const { (void)!::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL); }
  // What comes until the server closes, or until `until` is there.
  std::string Read(const std::string& until = "") const {
    std::string got;
    char bytes[4096];
    while (until.empty() || got.find(until) == std::string::npos) {
      pollfd wait{.fd = fd_, .events = POLLIN};
      if (::poll(&wait, 1, kPatienceMs) <= 0) return got + "[nothing more came]";
      const ssize_t n = ::recv(fd_, bytes, sizeof bytes, 0);
      if (n <= 0) break;
      got.append(bytes, static_cast<std::size_t>(n));
    }
    return got;
  }
  bool connected() const { return connected_; }

 private:
  int fd_ = -1;
  bool connected_ = false;
};

// While it lives, this process can open no file and no socket.
class NoDescriptors {
 public:
  NoDescriptors() {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    rlimit low = before_;
    low.rlim_cur = 300;
    ::setrlimit(RLIMIT_NOFILE, &low);
    for (int fd; (fd = ::dup(0)) >= 0;) taken_.push_back(fd);
  }
  ~NoDescriptors() {
    for (const int fd : taken_) ::close(fd);
    ::setrlimit(RLIMIT_NOFILE, &before_);
  }

 private:
  rlimit before_{};
  std::vector<int> taken_;
};

// A client of whole calls over a kept connection.
class CallClient {
 public:
  explicit CallClient(int port, const std::string& host = "127.0.0.1")
      : url_("http://" + host + ":" + std::to_string(port)) {}
  HttpAnswer Send(const std::string& method, const std::string& path, const std::string& body = "") const {
    HttpCall call{.method = method, .url = url_ + path, .headers = {}, .body = body};
    call.deadline_ms = MonotonicMs() + kPatienceMs;
    auto answer = caller_->Send(call);
    return answer.ok() ? std::move(answer).value() : HttpAnswer();
  }

 private:
  const std::string url_;
  const std::unique_ptr<HttpCaller> caller_ = MakeHttpCaller({.allow_private = true});
};

struct Running {
  explicit Running(HttpServerOptions options = {}) : server(HttpServer::Start(std::move(options), handler).value()) {}
  // Until the metrics are as `as` says.
  template <typename Condition>
  bool Await(Condition as) const {
    const std::int64_t end_ms = MonotonicMs() + kPatienceMs;
    while (!as(server->metrics())) {
      if (MonotonicMs() > end_ms) return false;
      ::usleep(1000);
    }
    return true;
  }
  std::string Ask(const std::string& bytes) const {
    const RawClient client(server->port());
    client.Send(bytes);
    return client.Read();
  }
  int Get(const std::string& path) const { return CallClient(server->port()).Send("GET", path).status; }
  TestHandler handler;
  std::unique_ptr<HttpServer> server;
};

std::string Head(const std::string& path, const std::string& more = "") {
  return "POST " + path + " HTTP/1.1\r\nHost: 127.0.0.1\r\n" + more + "\r\n";
}
std::string LastHead(const std::string& path, const std::string& more = "") {
  return Head(path, "Connection: close\r\n" + more);
}

TEST(HttpServer, AnswersManyRequestsOfOneConnectionInTheirOrder) {
  const Running r;
  const std::string got = r.Ask(Head("/echo", "Content-Length: 3\r\n") + "one" + Head("/never") +
                                LastHead("/echo", "Content-Length: 3\r\n") + "two");
  const std::size_t one = got.find("one127.0.0.1"), never = got.find("404 Not Found"), two = got.find("two127.0.0.1");
  ASSERT_NE(two, std::string::npos) << got;
  EXPECT_TRUE(one < never && never < two) << got;
  EXPECT_NE(r.Ask("HEAD /echo HTTP/1.0\r\n\r\n").find("Content-Length: 9\r\n"), std::string::npos);
  EXPECT_EQ(r.Get("/throws"), 500);
}

TEST(HttpServer, ListensOnIpv6) {
  TestHandler handler;
  const auto server = HttpServer::Start({.address = "::1"}, handler);
  if (!server.ok()) GTEST_SKIP() << server.error().message;
  EXPECT_EQ(CallClient(server.value()->port(), "[::1]").Send("POST", "/echo", "x").body, "x::1");
}

TEST(HttpServer, RefusesWhatIsTooLargeOrNotHttpAndSaysSo) {
  const Running r({.header_limit = 2000, .body_limit = 100});
  EXPECT_NE(r.Ask("\x16\x03\x01 hello\r\n\r\n").find("HTTP/1.1 400"), std::string::npos);
  EXPECT_NE(r.Ask(Head("/echo", "X: " + std::string(3000, 'x') + "\r\n")).find("HTTP/1.1 431"), std::string::npos);
  EXPECT_NE(r.Ask(Head("/echo", "Content-Length: 101\r\n")).find("HTTP/1.1 413"), std::string::npos);
  EXPECT_NE(r.Ask(Head("/echo", "Transfer-Encoding: chunked\r\n") + "65\r\n" + std::string(101, 'x') + "\r\n0\r\n\r\n")
                .find("HTTP/1.1 413"),
            std::string::npos);
  EXPECT_NE(r.Ask(Head("/echo", "Transfer-Encoding: chunked\r\n") + "zz\r\n").find("HTTP/1.1 400"), std::string::npos);
  EXPECT_NE(r.Ask(Head("/never", "Content-Length: 100\r\n")).find("HTTP/1.1 404"), std::string::npos)
      << "the body was waited for";
}

TEST(HttpServer, NeverRunsTheBodyOfARefusedRequestAsTheNextOne) {
  const Running r;
  for (const char* coding : {"gzip", "xchunked", "chunked, identity"}) {
    const std::string got = r.Ask(Head("/echo", "Transfer-Encoding: " + std::string(coding) + "\r\n") +
                                  LastHead("/echo", "Content-Length: 8\r\n") + "smuggled");
    EXPECT_EQ(got.find("smuggled"), std::string::npos) << coding;
    EXPECT_EQ(got.find("HTTP/1.1 200"), std::string::npos) << coding;
  }
}

TEST(HttpServer, AsksForABodyThatIsExpectedToBeAskedFor) {
  const Running r;
  const RawClient client(r.server->port());
  client.Send(LastHead("/echo", "Expect: 100-continue\r\nContent-Length: 4\r\n"));
  ASSERT_EQ(client.Read("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  client.Send("body");
  EXPECT_NE(client.Read().find("body127.0.0.1"), std::string::npos);
}

TEST(HttpServer, StreamsAReplyInChunks) {
  const Running r;
  const std::string got = r.Ask(LastHead("/stream"));
  EXPECT_NE(got.find("\r\n\r\n5\r\naaaaa\r\n4\r\naaaa\r\n2\r\naa\r\n1\r\na\r\n0\r\n\r\n"), std::string::npos) << got;
  EXPECT_NE(r.Ask("POST /stream HTTP/1.0\r\n\r\n").find("\r\n\r\naaaaaaaaaaaa"), std::string::npos);
}

TEST(HttpServer, ClosesSilentClientsAndAnswers408ToThoseWhoseHeaderOrBodyIsLate) {
  // Long enough for a busy machine to send what each sends before it is late.
  const Running r({.header_timeout_ms = 1500, .body_timeout_ms = 1500, .idle_timeout_ms = 1500, .body_min_rate = 1000});
  const RawClient silent(r.server->port()), header(r.server->port()), body(r.server->port()), slow(r.server->port());
  header.Send("POST /echo HTTP/1.1\r\nHost: x\r\nX: ");
  body.Send(Head("/echo", "Content-Length: 1000\r\n") + "[");
  slow.Send(Head("/echo", "Content-Length: 10000\r\n"));
  EXPECT_EQ(silent.Read(), "");
  for (const RawClient* late : {&header, &body}) {
    const std::string got = late->Read();
    EXPECT_TRUE(got.starts_with("HTTP/1.1 408 Request Timeout\r\n")) << got;
    EXPECT_NE(got.find("Connection: close\r\n"), std::string::npos) << got;
  }
  // Far below the rate it is closed however often a byte comes.
  const HttpServerMetrics& m = r.server->metrics();
  for (int i = 0; i < kPatienceMs && m.body_timeouts.value() < 2; ++i) {
    slow.Send(" ");
    ::usleep(5000);
  }
  EXPECT_EQ(m.body_timeouts.value(), 2u);
  EXPECT_EQ(m.header_timeouts.value(), 1u);
  EXPECT_EQ(m.idle_timeouts.value(), 1u);
  EXPECT_TRUE(r.Await([](const auto& f) { return f.body_bytes.value() == 0; }));
}

TEST(HttpServer, ClosesAKeptConnectionThatIsIdle) {
  const Running r({.idle_timeout_ms = 50});
  EXPECT_NE(r.Ask(Head("/echo")).find("HTTP/1.1 200"), std::string::npos);
}

TEST(HttpServer, ClosesClientsThatDoNotReadTheirReply) {
  const Running r({.write_timeout_ms = 50});
  const RawClient client(r.server->port(), /*receive_buffer=*/4096);
  client.Send(Head("/large"));
  EXPECT_TRUE(r.Await([](const auto& f) { return f.write_timeouts.value() > 0 && f.connections.value() == 0; }));
}

TEST(HttpServer, AnswersForAHandlerThatTakesTooLongAndDropsItsLateReply) {
  Running r({.handler_timeout_ms = 20});
  const CallClient client(r.server->port());
  const HttpAnswer answer = client.Send("POST", "/held");
  EXPECT_EQ(answer.status, 503);
  EXPECT_EQ(answer.Header("retry-after"), "1");
  const HttpReply late = r.handler.Held();
  late({.body = "late"});
  EXPECT_EQ(client.Send("POST", "/echo", "next").body, "next127.0.0.1");
  r.server.reset();
  late({.body = "later than the server"});
}

TEST(HttpServer, MakesRoomByClosingWhoHasBeenLongestWithoutAWholeRequest) {
  Running r({.max_connections = 3});
  const RawClient first(r.server->port());
  ASSERT_TRUE(r.Await([](const auto& f) { return f.connections.value() == 1; }));
  const RawClient second(r.server->port());
  ASSERT_TRUE(r.Await([](const auto& f) { return f.connections.value() == 2; }));
  const RawClient busy(r.server->port());
  busy.Send(LastHead("/held"));
  const HttpReply reply = r.handler.Held();
  first.Send(Head("/echo"));  // Whole: `second` is now the one that waits longest.
  EXPECT_NE(first.Read("127.0.0.1").find("HTTP/1.1 200"), std::string::npos);
  EXPECT_EQ(r.Get("/echo"), 200);
  EXPECT_EQ(second.Read(), "");
  first.Send(LastHead("/echo"));
  EXPECT_NE(first.Read().find("HTTP/1.1 200"), std::string::npos);
  reply({.body = "busy was not closed"});
  EXPECT_NE(busy.Read().find("busy was not closed"), std::string::npos);
}

TEST(HttpServer, AcceptsAgainOnceADescriptorIsFree) {
  const Running r;
  RawClient client;
  {
    const NoDescriptors none;
    client.Connect(r.server->port());
    ASSERT_TRUE(r.Await([](const auto& m) { return m.accept_failures.value() > 0; }));
  }
  client.Send(LastHead("/echo"));
  EXPECT_NE(client.Read().find("HTTP/1.1 200"), std::string::npos);
}

TEST(HttpServer, WithoutAFreeDescriptorTheIdleMakeRoom) {
  const Running r;
  RawClient idle(r.server->port()), client;
  ASSERT_TRUE(r.Await([](const auto& m) { return m.connections.value() == 1; }));
  const NoDescriptors none;
  client.Connect(r.server->port());
  client.Send(LastHead("/echo"));
  EXPECT_NE(client.Read().find("HTTP/1.1 200"), std::string::npos);
  EXPECT_EQ(idle.Read(), "");
  EXPECT_EQ(r.server->metrics().evicted.value(), 1u) << "and not whoever came";
}

TEST(HttpServer, AnswersProbesWhileEveryConnectionIsBeingHandled) {
  Running r({.max_connections = 2});
  const RawClient a(r.server->port()), b(r.server->port());
  a.Send(Head("/held"));
  b.Send(Head("/held"));
  const HttpReply first = r.handler.Held(), second = r.handler.Held();
  EXPECT_EQ(r.Get("/livez"), 200);
  EXPECT_EQ(r.Get("/readyz"), 200);
  EXPECT_EQ(r.Get("/echo"), 503);
  EXPECT_GT(r.server->metrics().over_connections.value(), 0u);
  first({});
  second({});
}

TEST(HttpServer, HoldsNoMoreBodyBytesThanItsBudgetAndLetsSmallBodiesPass) {
  const Running r({.body_budget = 300'000});
  const RawClient holder(r.server->port());
  holder.Send(Head("/echo", "Content-Length: 200001\r\n") + std::string(200'000, ' '));
  ASSERT_TRUE(r.Await([](const auto& f) { return f.body_bytes.value() == 200'000; }));
  const std::string got = r.Ask(LastHead("/echo", "Content-Length: 200001\r\n") + std::string(200'000, ' '));
  EXPECT_NE(got.find("HTTP/1.1 503"), std::string::npos) << got.substr(0, 200);
  EXPECT_NE(got.find("Retry-After"), std::string::npos);
  EXPECT_NE(r.Ask(LastHead("/echo", "Content-Length: 5\r\n") + "small").find("small127"), std::string::npos);
  holder.Send(" ");
  EXPECT_NE(holder.Read("127.0.0.1").find("HTTP/1.1 200"), std::string::npos);
  EXPECT_TRUE(r.Await([](const auto& f) { return f.body_bytes.value() == 0; }));
}

TEST(HttpServer, CountsClientsBehindATrustedProxyByTheirOwnAddress) {
  Running r({.connections_by_address = 1, .trusted_proxies = {"127.0.0.1"}});
  const RawClient busy(r.server->port());
  busy.Send(LastHead("/held", "X-Forwarded-For: 203.0.113.9\r\n"));
  const HttpReply reply = r.handler.Held();
  EXPECT_NE(r.Ask(LastHead("/echo", "X-Forwarded-For: 203.0.113.9\r\n")).find("HTTP/1.1 503"), std::string::npos);
  EXPECT_NE(r.Ask(LastHead("/echo", "X-Forwarded-For: 203.0.113.8\r\n")).find("HTTP/1.1 200"), std::string::npos);
  EXPECT_NE(r.Ask(LastHead("/echo")).find("HTTP/1.1 200"), std::string::npos);
  reply({});
  EXPECT_NE(busy.Read().find("HTTP/1.1 200"), std::string::npos);
  EXPECT_NE(r.Ask(LastHead("/echo", "X-Forwarded-For: 203.0.113.9\r\n")).find("HTTP/1.1 200"), std::string::npos);
}

TEST(HttpServer, LetsWhatHasBegunEndWhenItStopsAndClosesTheIdle) {
  Running r;
  const RawClient idle(r.server->port()), busy(r.server->port());
  busy.Send(Head("/held"));
  const HttpReply reply = r.handler.Held();
  ASSERT_TRUE(r.Await([](const auto& f) { return f.connections.value() == 2; }));
  Thread stop("stop", [&] { r.server->Stop(kPatienceMs); });
  EXPECT_EQ(idle.Read(), "");
  reply({.body = "the end"});
  const std::string got = busy.Read();
  EXPECT_NE(got.find("the end"), std::string::npos);
  EXPECT_NE(got.find("Connection: close"), std::string::npos);
  stop.Join();
  EXPECT_FALSE(RawClient(r.server->port()).connected());
}

TEST(HttpServer, WaitsForTheRestOfAHeaderNoLongerThanAMomentWhenItStops) {
  Running r({.header_timeout_ms = 100 * kPatienceMs});
  const RawClient half(r.server->port());
  half.Send("POST /echo HTTP/1.1\r\nHost: x\r\nX: ");
  EXPECT_EQ(r.Get("/echo"), 200);  // What came before it was read before it.
  r.server->Stop(kPatienceMs);     // By then it is closed without a word.
  EXPECT_NE(half.Read().find("HTTP/1.1 408"), std::string::npos);
}

// Two servers of one socket, as processes have it: what one does not take, the other does.
TEST(HttpServer, ADrainedServerAnswersEachKeptConnectionOnceMoreAndNewOnesAreTheOthers) {
  const int bound = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in any{.sin_family = AF_INET, .sin_port = 0, .sin_addr = {}, .sin_zero = {}};
  inet_pton(AF_INET, "127.0.0.1", &any.sin_addr);
  ASSERT_EQ(::bind(bound, reinterpret_cast<sockaddr*>(&any), sizeof any), 0);
  Running r({.listener = ::dup(bound)});
  const RawClient kept(r.server->port()), idle(r.server->port());
  kept.Send(Head("/echo", "Content-Length: 3\r\n") + "one");
  EXPECT_EQ(kept.Read("one127.0.0.1").find("Connection: close"), std::string::npos);
  ASSERT_TRUE(r.Await([](const auto& f) { return f.accepted.value() == 2; }));
  Thread drain("drain", [&] { r.server->Drain(kPatienceMs); });
  const Running other({.listener = ::dup(bound)});
  const CallClient client(r.server->port());
  // Until the first one has closed its descriptor, both take connections.
  while (client.Send("POST", "/echo", "x").status == 200 && other.server->metrics().accepted.value() == 0)
    ::usleep(1000);
  // The other may take a connection before the first one drains, which then answers as always.
  std::string last;
  for (int i = 0; i < 10000 && last.find("Connection: close") == std::string::npos; ++i) {
    kept.Send(Head("/echo", "Content-Length: 3\r\n") + "two");
    last = kept.Read("two127.0.0.1");
    ::usleep(1000);
  }
  EXPECT_NE(last.find("Connection: close"), std::string::npos);
  EXPECT_NE(last.find("two127.0.0.1"), std::string::npos);
  idle.Send(Head("/echo", "Content-Length: 5\r\n") + "three");
  EXPECT_NE(idle.Read().find("three127.0.0.1"), std::string::npos);
  drain.Join();  // Nobody is left.
  for (int i = 0; i < 20; ++i) EXPECT_EQ(CallClient(r.server->port()).Send("POST", "/echo", "x").status, 200);
  ::close(bound);
}

TEST(HttpServer, NeedsASocketToListenOn) {
  TestHandler handler;
  const int file = ::open("/dev/null", O_RDONLY);
  EXPECT_EQ(HttpServer::Start({.listener = file}, handler).error().code, ErrorCode::kUnavailable);
  ::close(file);
}

TEST(HttpServer, StopsInTimeBesideHandlersAndSlowBodiesThatDoNotEnd) {
  Running r;
  const RawClient busy(r.server->port()), half(r.server->port());
  busy.Send(Head("/held"));
  half.Send(Head("/echo", "Content-Length: 1000\r\n") + "half");
  const HttpReply late = r.handler.Held();
  ASSERT_TRUE(r.Await([](const auto& f) { return f.body_bytes.value() == 4; }));
  r.server->Stop(10);
  EXPECT_EQ(busy.Read(), "");
  EXPECT_EQ(half.Read(), "");
  r.server.reset();
  late({.body = "nobody waits for it"});
}

TEST(HttpServer, ServesOthersBeside1200HostileClients) {
  const Running r;
  std::vector<RawClient> hostile;
  for (int i = 0; i < 1200; ++i) {
    hostile.emplace_back(r.server->port());
    if (!hostile.back().connected()) GTEST_SKIP() << "no more than " << i << " descriptors";
    if (i % 3 == 1) hostile.back().Send("POST /echo HTTP/1.1\r\nHost: x\r\nX: ");
    if (i % 3 == 2) hostile.back().Send(Head("/echo", "Content-Length: 1000\r\n") + "[");
  }
  const CallClient kept(r.server->port());
  for (int i = 0; i < 50; ++i) {
    EXPECT_EQ(r.Get("/echo"), 200);
    EXPECT_EQ(kept.Send("POST", "/echo", "x").status, 200);
  }
  EXPECT_EQ(r.server->metrics().evicted.value(), 0u);
}

}  // namespace
}  // namespace gfr
