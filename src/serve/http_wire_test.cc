#include "serve/http_wire.h"

#include <gtest/gtest.h>

namespace gfr {
namespace {

using State = RequestParser::State;

// Feeds `bytes`, at most `piece` new ones a call, until the parser stops; gives how many it took.
std::size_t FeedBytes(RequestParser& parser, std::string_view bytes, std::size_t piece) {
  std::size_t taken = 0;
  for (std::size_t end = piece;; end += piece) {
    taken += parser.Put(bytes.substr(taken, std::min(end, bytes.size()) - taken));
    const bool more = parser.state() == State::kHeader || parser.state() == State::kBody;
    if (!more || end >= bytes.size()) return taken;
  }
}

TEST(RequestParser, ReadsTheSameWhateverThePieces) {
  const std::string first =
      "POST /v1/a%2Fb?x=1&y HTTP/1.1\r\nHost: shop.example\r\nX-Twice: 1\r\nX-TWICE: 2\r\nContent-Length: "
      "5\r\n\r\nhello";
  const std::string chunked =
      "POST /c HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;ext=1\r\nlo\r\n0\r\nTrailer: "
      "t\r\n\r\n";
  for (const std::string& request : {first, chunked}) {
    for (const std::size_t piece : {std::size_t{1}, std::size_t{2}, std::size_t{7}, request.size()}) {
      RequestParser parser(1000, 1000);
      std::size_t taken = FeedBytes(parser, request + "GET / ", piece);
      while (parser.state() == State::kBody) taken += FeedBytes(parser, std::string_view(request).substr(taken), piece);
      EXPECT_EQ(parser.state(), State::kDone) << parser.error();
      EXPECT_EQ(taken, request.size()) << "the next request's bytes are left";
      EXPECT_EQ(parser.body(), "hello");
      EXPECT_EQ(parser.head().method, "POST");
      EXPECT_TRUE(parser.has_path());
      EXPECT_TRUE(parser.keep_alive());
      EXPECT_EQ(parser.head().headers.size(), request == first ? 4u : 2u) << "trailers are no headers";
      if (request != first) continue;
      EXPECT_EQ(parser.head().path, "/v1/a%2Fb");
      EXPECT_EQ(parser.head().query, "x=1&y");
      EXPECT_EQ(parser.head().Header("x-twice"), "1");
      EXPECT_EQ(parser.content_length(), 5u);
    }
  }
}

TEST(RequestParser, ABodyOfKnownLengthIsReadInPlace) {
  const std::string head = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n";
  RequestParser parser(1000, 1000);
  EXPECT_TRUE(parser.Room(100).empty()) << "the header is not whole";
  EXPECT_EQ(parser.Put(head), head.size());
  EXPECT_EQ(parser.Put("ab"), 2u);
  std::string_view rest = "cdefghij";
  for (const std::size_t came : {std::size_t{3}, std::size_t{0}, std::size_t{1}, std::size_t{4}}) {
    const std::span<char> room = parser.Room(4);
    ASSERT_EQ(room.size(), std::min<std::size_t>(4, rest.size()));
    rest.copy(room.data(), came);
    rest.remove_prefix(came);
    parser.CameIn(came);
    EXPECT_EQ(parser.body().size(), 10 - rest.size());
  }
  EXPECT_EQ(parser.state(), State::kDone);
  EXPECT_EQ(parser.body(), "abcdefghij");
  EXPECT_TRUE(parser.Room(4).empty());
  EXPECT_TRUE(parser.keep_alive());

  RequestParser in_chunks(1000, 1000);
  const std::string chunked = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
  in_chunks.Put(chunked);
  EXPECT_EQ(in_chunks.state(), State::kBody);
  EXPECT_TRUE(in_chunks.Room(4).empty());
}

TEST(RequestParser, StopsBehindTheHeader) {
  RequestParser parser(1000, 1000);
  const std::string request = "POST / HTTP/1.0\r\nContent-Length: 2\r\n\r\nab";
  EXPECT_EQ(parser.Put(request), request.size() - 2);
  EXPECT_EQ(parser.state(), State::kBody);
  EXPECT_EQ(parser.version(), 10u);
  EXPECT_FALSE(parser.keep_alive());
  EXPECT_EQ(parser.Put("ab"), 2u);
  EXPECT_EQ(parser.state(), State::kDone);
}

TEST(RequestParser, AnAbsoluteTargetReplacesHost) {
  RequestParser parser(1000, 1000);
  parser.Put("GET http://other.example/p?q HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_EQ(parser.state(), State::kDone);
  EXPECT_EQ(parser.head().path, "/p");
  EXPECT_EQ(parser.head().Header("host"), "other.example");
}

TEST(RequestParser, RefusesWhatIsTooLargeOrNotHttp) {
  const std::pair<std::string, State> cases[] = {
      {"\x16\x03\x01 hello\r\n\r\n", State::kMalformed},
      {"GET / HTTP/2.0\r\n\r\n", State::kMalformed},
      {"GET / HTTP/1.1\r\nno colon\r\n\r\n", State::kMalformed},
      {"GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", State::kMalformed},
      {"GET / HTTP/1.1\r\nX: " + std::string(300, 'x') + "\r\n\r\n", State::kHeaderTooLarge},
      {"GET /" + std::string(300, 'x'), State::kHeaderTooLarge},
      {"POST / HTTP/1.1\r\nContent-Length: 101\r\n\r\n", State::kBodyTooLarge},
  };
  for (const auto& [request, state] : cases) {
    for (const std::size_t piece : {std::size_t{1}, request.size()}) {
      RequestParser parser(200, 100);
      FeedBytes(parser, request, piece);
      EXPECT_EQ(parser.state(), state) << request << piece;
    }
  }
  RequestParser parser(200, 100);
  parser.Put("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n");
  FeedBytes(parser, "65\r\n" + std::string(101, 'x') + "\r\n0\r\n\r\n", 1000);
  EXPECT_EQ(parser.state(), State::kBodyTooLarge) << "in chunks";
}

TEST(ResponseHead, SaysHowTheBodyEndsAndWhetherTheConnectionStays) {
  const HttpResponse response{.status = 503, .content_type = "text/plain", .headers = {{"Retry-After", "1"}}};
  EXPECT_EQ(
      ResponseHead(response, 11, true, 7),
      "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain\r\nRetry-After: 1\r\nContent-Length: 7\r\n\r\n");
  EXPECT_EQ(ResponseHead({}, 11, false, 0),
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
  EXPECT_EQ(ResponseHead({}, 10, true, 0),
            "HTTP/1.0 200 OK\r\nContent-Type: application/json\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n");
  EXPECT_EQ(ResponseHead({}, 11, true, std::nullopt),
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n");
  EXPECT_EQ(ResponseHead({.status = 204}, 11, true, 0), "HTTP/1.1 204 No Content\r\n\r\n");
  EXPECT_EQ(ResponseHead({}, 10, false, std::nullopt), "HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n");
}

}  // namespace
}  // namespace gfr
