#include "serve/protocol/sigv4.h"

#include <gtest/gtest.h>

#include "base/time.h"

namespace gfr {
namespace {

// "GET Object"'s sibling for other services: the example of AWS' documentation, "Signature Version 4 test suite",
// get-vanilla and post-vanilla-query-order.
class SigV4Test : public testing::Test {
 protected:
  static HttpRequest Signed(const std::string& signature) {
    return {.method = "GET",
            .path = "/",
            .headers = {{"host", "example.amazonaws.com"},
                        {"x-amz-date", "20150830T123600Z"},
                        {"authorization",
                         "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
                         "SignedHeaders=host;x-amz-date, Signature=" +
                             signature}}};
  }
  const SigV4Key key_{"AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"};
  const std::int64_t at_ms_ = ParseTime("2015-08-30T12:36:00Z").value();
  const std::string vanilla_ = "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31";
};

TEST_F(SigV4Test, TheDocumentedExampleIsRight) {
  EXPECT_EQ(CheckSigV4(Signed(vanilla_), key_, at_ms_), std::nullopt);
  EXPECT_TRUE(IsSigV4(Signed(vanilla_)));
  EXPECT_FALSE(IsSigV4({}));
}

TEST_F(SigV4Test, WhatDiffersIsSaid) {
  HttpRequest request = Signed(vanilla_);
  EXPECT_EQ(CheckSigV4(request, {}, at_ms_), "the server has no key: [serve.sigv4]");
  EXPECT_EQ(CheckSigV4(request, {"AKIDOTHER", key_.secret_key}, at_ms_), "the access key is not the server's");
  EXPECT_EQ(CheckSigV4(request, {key_.access_key, "another secret key"}, at_ms_), "the signature does not match");
  EXPECT_EQ(CheckSigV4(request, key_, at_ms_ + kHourMs), "the signature is of another time");
  EXPECT_EQ(CheckSigV4(request, key_, at_ms_ - kHourMs), "the signature is of another time");
  request.body = "{}";
  EXPECT_EQ(CheckSigV4(request, key_, at_ms_), "the signature does not match");
  request = Signed(vanilla_);
  request.query = "a=b";
  EXPECT_EQ(CheckSigV4(request, key_, at_ms_), "the signature does not match");
  request = Signed(vanilla_);
  request.headers[2].second =
      "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
      "SignedHeaders=x-amz-date, Signature=" +
      vanilla_;
  EXPECT_EQ(CheckSigV4(request, key_, at_ms_), "host is not signed");
  for (const char* broken : {"AWS4-HMAC-SHA256", "AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=host, Signature=x"}) {
    request.headers[2].second = broken;
    EXPECT_EQ(CheckSigV4(request, key_, at_ms_), "the Authorization header is not that of a signature of version 4");
  }
}

}  // namespace
}  // namespace gfr
