#include "base/json_text.h"

#include <gtest/gtest.h>

namespace gfr {
namespace {

TEST(ParseJson, WhatIsNestedDeeperThan512IsNoJson) {
  const auto nested = [](std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  EXPECT_TRUE(ParseJson<nlohmann::json>(nested(512), false).is_array());
  EXPECT_TRUE(ParseJson<nlohmann::json>(nested(513), false).is_discarded());
  EXPECT_TRUE(ParseJson<nlohmann::json>(std::string(1 << 20, '['), false).is_discarded());
  EXPECT_THROW(ParseJson<nlohmann::ordered_json>(nested(1000)), nlohmann::json::parse_error);
}

TEST(ParseJson, BracketsInStringsAndOfMembersSideBySideAreNotDepth) {
  const std::string text = R"({"a":"\\\"[[[","b":")" + std::string(2000, '[') + R"("})";
  EXPECT_EQ(ParseJson<nlohmann::json>(text).at("b").get<std::string>().size(), 2000u);
  std::string wide = "[0";
  for (int n = 0; n < 2000; ++n) wide += ",[]";
  EXPECT_EQ(ParseJson<nlohmann::json>(wide + "]").size(), 2001u);
}

}  // namespace
}  // namespace gfr
