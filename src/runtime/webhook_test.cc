#include "runtime/webhook.h"

#include <gtest/gtest.h>

#include <cstdlib>

namespace gfr {
namespace {

constexpr std::int64_t kAtMs = 1'800'000'000'000;

TEST(WebhookTest, DoesNotReachThisMachineUnlessItMay) {
  const auto called =
      CallWebhook({.url = "http://127.0.0.1:9/x", .type = "t", .id = "1", .data = "{}", .now_ms = kAtMs}, {});
  EXPECT_EQ(called.error().code, ErrorCode::kInvalidArgument);
}

TEST(WebhookTest, ASecretThatIsNamedMustBeThere) {
  EXPECT_EQ(WebhookSecret("").value(), "") << "none was asked for";
  ::setenv("GFR_TEST_HOOK", "s", 1);
  EXPECT_EQ(WebhookSecret("GFR_TEST_HOOK").value(), "s");
  ::setenv("GFR_TEST_HOOK", "", 1);
  EXPECT_EQ(WebhookSecret("GFR_TEST_HOOK").error().code, ErrorCode::kInvalidArgument);
  ::unsetenv("GFR_TEST_HOOK");
  EXPECT_EQ(WebhookSecret("GFR_TEST_HOOK").error().code, ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace gfr
