#include "runtime/host_port.h"

#include <gtest/gtest.h>

namespace gfr {
namespace {

TEST(HostPortTest, AnAddressIsReadAndWrittenBack) {
  for (const char* text : {"localhost:80", "10.0.0.1:65535", "[::1]:8080", "[fe80::1%eth0]:1", "a-b.example_1.com:443"})
    EXPECT_EQ(FormatHostPort(ParseHostPort(text).value()), text);
  EXPECT_EQ(ParseHostPort("[::1]:8080").value(), (HostPort{"::1", 8080}));
}

TEST(HostPortTest, AMissingPortIsTheDefaultOne) {
  EXPECT_EQ(ParseHostPort("redis", 6379).value(), (HostPort{"redis", 6379}));
  EXPECT_EQ(ParseHostPort("[::1]", 6379).value(), (HostPort{"::1", 6379}));
  EXPECT_EQ(ParseHostPort("h:0", 0, /*allow_port_0=*/true).value().port, 0);
}

TEST(HostPortTest, OthersAreRefusedWithWhatIsValid) {
  for (const char* bad :
       {"", "host", ":80", "host:", "host:0", "host:65536", "host:-1", "host: 80", "host:80x", "::1:80", "[::1]",
        "[::1", "[::1]80", "[host]:80", "a b:80", "a/b:80", "user@host:80", "h\n:80"}) {
    const auto address = ParseHostPort(bad);
    ASSERT_FALSE(address.ok()) << bad;
    EXPECT_NE(address.error().message.find("valid is HOST:PORT"), std::string::npos) << bad;
  }
}

}  // namespace
}  // namespace gfr
