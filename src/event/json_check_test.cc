#include "event/json_check.h"

#include <gtest/gtest.h>
#include <simdjson.h>

#include <cctype>

#include "base/rng.h"

namespace gfr {
namespace {

bool IsParsed(const std::string& text) {
  simdjson::dom::parser parser;
  simdjson::dom::element json;
  return parser.parse(text).get(json) == simdjson::SUCCESS;
}

std::string ValueToCheck(Rng& rng, int depth) {
  const auto blanks = [&] { return std::string(rng.Chance(0.2) ? " " : ""); };
  switch (rng.Below(depth > 4 ? 5 : 7)) {
    case 0:
      return rng.Chance(0.5) ? "true" : rng.Chance(0.5) ? "false" : "null";
    case 1:
      return std::to_string(static_cast<int>(rng.Below(1000)) - 500);
    case 2:
      return std::string(rng.Chance(0.5) ? "0.5" : "-12.25") + (rng.Chance(0.5) ? "e3" : rng.Chance(0.5) ? "E-2" : "");
    case 3:
      return R"("a \" \\ \n \u00e9 ,]} b")";
    case 4:
      return "\"\xc3\xa9\"";
    default:
      break;
  }
  const bool object = rng.Chance(0.5);
  std::string text(1, object ? '{' : '[');
  for (std::uint64_t n = rng.Below(4), k = 0; k < n; ++k) {
    if (k > 0) text += "," + blanks();
    if (object) text += "\"n" + std::to_string(k) + "\"" + blanks() + ":" + blanks();
    text += ValueToCheck(rng, depth + 1);
  }
  return text + blanks() + (object ? "}" : "]");
}

// Numbers that are too large to be read are JSON to the one, and not to the other.
bool HasLargeExponent(const std::string& text) {
  for (std::size_t k = text.find_first_of("eE"); k != std::string::npos; k = text.find_first_of("eE", k + 1)) {
    std::size_t end = k + 1;
    while (end < text.size() && (text[end] == '-' || text[end] == '+' || std::isdigit(text[end]) != 0)) ++end;
    if (end - k > 3) return true;
  }
  return false;
}

TEST(JsonCheck, SaysWhatTheParserSaysOfTextsThatArePartlyBroken) {
  Rng rng(11);
  int broken = 0;
  for (int round = 0; round < 30'000; ++round) {
    std::string text = ValueToCheck(rng, 0);
    if (rng.Chance(0.6)) {
      const std::size_t at = rng.Below(text.size());
      constexpr char kBytes[] = "[]{},:\"\\ 0-.eu\n\xff";
      rng.Chance(0.5) ? text.erase(at, 1) : text.insert(at, 1, kBytes[rng.Below(sizeof kBytes - 1)]);
    }
    if (HasLargeExponent(text)) continue;
    broken += !IsParsed(text);
    ASSERT_EQ(IsJson(text), IsParsed(text)) << text;
    const auto compact = WithoutBlanks(text, text.size());
    ASSERT_TRUE(compact.has_value());
    ASSERT_EQ(IsParsed(*compact), IsParsed(text)) << text;
    if (!text.empty() && IsParsed(text)) {
      simdjson::dom::parser parser, other;
      ASSERT_EQ(simdjson::minify(parser.parse(*compact)), simdjson::minify(other.parse(text)));
    }
  }
  EXPECT_GT(broken, 5000);
}

TEST(JsonCheck, TakesTheDepthThatTheParserTakes) {
  for (const std::size_t depth : {1000u, 1023u, 1024u, 1025u, 1'000'000u}) {
    const std::string text = std::string(depth, '[') + std::string(depth, ']');
    EXPECT_EQ(IsJson(text), IsParsed(text)) << depth;
  }
  EXPECT_FALSE(IsJson(""));
  EXPECT_FALSE(IsJson("1 2"));
}

TEST(JsonCheck, BlanksGoAsFarAsTheRestIsSmallEnough) {
  const std::string text = "{ \"a b\" :\n[ 1 ,2 ] }";
  EXPECT_EQ(WithoutBlanks(text, 100), R"({"a b":[1,2]})");
  EXPECT_EQ(WithoutBlanks(text, 13), R"({"a b":[1,2]})");
  EXPECT_FALSE(WithoutBlanks(text, 12).has_value());
  EXPECT_EQ(WithoutBlanks("1 2", 100), "1 2") << "it would be a number";
}

}  // namespace
}  // namespace gfr
