#include "serve/http_head.h"

#include <gtest/gtest.h>

namespace gfr {
namespace {

using Headers = std::vector<std::pair<std::string, std::string>>;

int StatusOf(Headers headers, unsigned version = 11, std::size_t limit = 1000) {
  const auto refused =
      CheckHead({.method = "POST", .path = "/", .headers = std::move(headers)}, version, {.body_bytes = limit});
  return refused ? refused->status : 0;
}

TEST(HttpHead, RefusesFramingThatAnotherServerCouldReadDifferently) {
  EXPECT_EQ(StatusOf({{"host", "a"}, {"content-length", "5"}}), 0);
  EXPECT_EQ(StatusOf({{"host", "a"}, {"transfer-encoding", "Chunked"}}), 0);
  EXPECT_EQ(StatusOf({}), 400);
  EXPECT_EQ(StatusOf({}, 10), 0);
  EXPECT_EQ(StatusOf({{"host", "a"}, {"host", "b"}}), 400);
  EXPECT_EQ(StatusOf({{"host", "a"}, {"content-length", "5"}, {"content-length", "5"}}), 400);
  EXPECT_EQ(StatusOf({{"host", "a"}, {"content-length", "5"}, {"transfer-encoding", "chunked"}}), 400);
  EXPECT_EQ(StatusOf({{"host", "a"}, {"transfer-encoding", "chunked"}}, 10), 400);
  for (const char* length : {"-1", "+5", "5, 5", "0x5", "", "5 "})
    EXPECT_EQ(StatusOf({{"host", "a"}, {"content-length", length}}), 400) << length;
  for (const char* coding : {"gzip", "gzip, chunked", "xchunked", "chunked, chunked", "identity"})
    EXPECT_EQ(StatusOf({{"host", "a"}, {"transfer-encoding", coding}}), 501) << coding;
}

TEST(HttpHead, RefusesWhatItDoesNotTakeBeforeTheBodyIsSent) {
  EXPECT_EQ(StatusOf({{"host", "a"}, {"content-length", "1000"}}), 0);
  EXPECT_EQ(StatusOf({{"host", "a"}, {"content-length", "1001"}}), 413);
  EXPECT_EQ(StatusOf({{"host", "a"}, {"content-length", "99999999999999999999999"}}), 413);
  EXPECT_EQ(StatusOf({{"host", "a"}, {"content-encoding", "gzip"}}), 415);
  EXPECT_EQ(StatusOf({{"host", "a"}, {"content-encoding", "identity"}}), 0);
  EXPECT_EQ(StatusOf({{"host", "a"}, {"expect", "100-Continue"}}), 0);
  EXPECT_EQ(StatusOf({{"host", "a"}, {"expect", "tea"}}), 417);
}

TEST(HttpHead, ReadsPathAndQueryOfATargetAndTheHostOfAnAbsoluteOne) {
  HttpRequest head;
  ASSERT_TRUE(SplitTarget("/a/b?c=d?e", &head));
  EXPECT_EQ(head.path, "/a/b");
  EXPECT_EQ(head.query, "c=d?e");
  HttpRequest absolute{.headers = {{"host", "other"}}};
  ASSERT_TRUE(SplitTarget("HTTP://name:80/x", &absolute));
  EXPECT_EQ(absolute.path, "/x");
  EXPECT_EQ(absolute.Header("host"), "name:80");
  for (const char* target : {"*", "a/b", "name:443", "ftp://name/x", "http:///x", ""}) {
    HttpRequest none;
    EXPECT_FALSE(SplitTarget(target, &none)) << target;
  }
}

TEST(HttpHead, KnowsAddressesNetworksAndLoopback) {
  const auto set = AddressSet::Parse({"10.0.0.0/9", "192.0.2.7", "2001:db8::/33"}).value();
  for (const char* in : {"10.127.255.255", "192.0.2.7", "::ffff:10.0.0.1", "2001:db8:7fff::1"})
    EXPECT_TRUE(set.Contains(in)) << in;
  for (const char* out : {"10.128.0.0", "192.0.2.8", "2001:db8:8000::1", "unknown", ""})
    EXPECT_FALSE(set.Contains(out));
  for (const char* bad : {"10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "proxy", "", "::/129", "10.0.0.0/8x"})
    EXPECT_FALSE(AddressSet::Parse({bad}).ok()) << bad;
  for (const char* loopback : {"127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"}) EXPECT_TRUE(IsLoopback(loopback));
  for (const char* other : {"128.0.0.1", "::2", "::", "localhost", ""}) EXPECT_FALSE(IsLoopback(other)) << other;
}

TEST(HttpHead, BelievesForwardedAddressesOnlyFromTrustedProxiesAndOnlyTheLastThatIsNone) {
  const auto proxies = AddressSet::Parse({"10.0.0.0/8"}).value();
  const auto of = [&](const char* peer, Headers headers) {
    return ClientAddress({.headers = std::move(headers)}, peer, proxies);
  };
  EXPECT_EQ(of("192.0.2.1", {{"x-forwarded-for", "203.0.113.9"}}), "192.0.2.1");
  EXPECT_EQ(of("10.0.0.1", {{"x-forwarded-for", "198.51.100.1, 203.0.113.9, 10.0.0.2"}}), "203.0.113.9");
  EXPECT_EQ(of("10.0.0.1", {{"x-forwarded-for", "198.51.100.1"}, {"x-forwarded-for", "203.0.113.9:4711"}}),
            "203.0.113.9");
  EXPECT_EQ(of("10.0.0.1", {{"forwarded", "for=198.51.100.1, For=\"[2001:db8::1]:47\";proto=https"},
                            {"x-forwarded-for", "203.0.113.9"}}),
            "2001:db8::1");
  EXPECT_EQ(of("10.0.0.1", {}), "10.0.0.1");
  EXPECT_EQ(of("10.0.0.1", {{"x-forwarded-for", "10.0.0.7"}}), "10.0.0.1");
}

}  // namespace
}  // namespace gfr
