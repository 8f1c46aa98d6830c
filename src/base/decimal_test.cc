#include "base/decimal.h"

#include <gtest/gtest.h>

#include <charconv>
#include <cmath>
#include <cstdio>
#include <string>

#include "base/rng.h"

namespace gfr {
namespace {

// Alone and before what stands behind numbers in texts: it is read otherwise where many bytes follow.
template <typename T>
bool ReadsAsFromChars(const std::string& number) {
  for (const char* behind : {"", ", 0.9876543210987654321", "]/:;999999999999999999"}) {
    const std::string text = number + behind;
    T value = 0, expected = 0;
    const char* end = ReadDecimal(text.data(), text.data() + text.size(), &value);
    T alone = 0;
    if ((end == nullptr) != (ReadDecimal(text.data(), text.data() + number.size(), &alone) == nullptr)) return false;
    if (end == nullptr) continue;
    const auto known = std::from_chars(text.data(), text.data() + text.size(), expected);
    if (known.ptr != end || value != expected || std::signbit(value) != std::signbit(expected)) return false;
  }
  return true;
}

std::string Digits(Rng& rng, std::uint64_t count) {
  std::string text;
  while (count-- > 0) text += static_cast<char>('0' + rng.Below(10));
  return text;
}

TEST(DecimalTest, EveryNumberThatIsReadIsTheNearestOne) {
  Rng rng(1);
  for (int n = 0; n < 400'000; ++n) {
    std::string text = rng.Below(2) ? "-" : "";
    text += rng.Below(3) ? "0" : std::to_string(rng.Below(1ull << (1 + rng.Below(40))));
    if (rng.Below(5)) text += "." + Digits(rng, 1 + rng.Below(19));
    ASSERT_TRUE(ReadsAsFromChars<double>(text)) << text;
    ASSERT_TRUE(ReadsAsFromChars<float>(text)) << text;
  }
}

// Halfway between two floats, and a little beside: where rounding twice goes wrong.
TEST(DecimalTest, NumbersAboutHalfwayBetweenTwoFloatsGoTheRightWay) {
  Rng rng(2);
  for (int n = 0; n < 100'000; ++n) {
    const auto a = static_cast<float>(rng.Uniform());
    const double half = (static_cast<double>(a) + std::nextafter(a, 2.0f)) / 2;
    char text[64];
    std::snprintf(text, sizeof text, "%.*f", static_cast<int>(5 + rng.Below(14)), half);
    ASSERT_TRUE(ReadsAsFromChars<float>(text)) << text;
    ASSERT_TRUE(ReadsAsFromChars<double>(text)) << text;
  }
}

TEST(DecimalTest, ShortestTextsOfFloatsAndDoublesAreRead) {
  Rng rng(3);
  int read = 0;
  for (int n = 0; n < 100'000; ++n) {
    const double number = rng.Uniform() * 1000;
    char text[64];
    const auto end = std::to_chars(text, text + sizeof text, number, std::chars_format::fixed).ptr;
    double value = 0;
    if (ReadDecimal(text, end, &value) == nullptr) continue;
    ASSERT_EQ(value, number);
    ++read;
  }
  EXPECT_GT(read, 90'000);
}

TEST(DecimalTest, WhatIsNotOfTheGrammarIsLeft) {
  for (const std::string text : {"", "-", "+1", ".5", "1.", "01", "-01", "1e5", "1.5E3", "nan", "-inf", "x", "1.e4",
                                 "12345678901234567890", "0.12345678901234567890"}) {
    double value = 7;
    EXPECT_EQ(ReadDecimal(text.data(), text.data() + text.size(), &value), nullptr) << text;
    const std::string longer = text + " and much more behind it";
    EXPECT_EQ(ReadDecimal(longer.data(), longer.data() + longer.size(), &value), nullptr) << text;
    EXPECT_EQ(value, 7);
  }
}

TEST(DecimalTest, WhatStandsBehindTheNumberIsNotRead) {
  double value = 0;
  const std::string text = "-0.25,1";
  EXPECT_EQ(ReadDecimal(text.data(), text.data() + text.size(), &value), text.data() + 5);
  EXPECT_EQ(value, -0.25);
  EXPECT_EQ(ReadDecimal(text.data() + 1, text.data() + 4, &value), text.data() + 4);
  EXPECT_EQ(value, 0.2);
  EXPECT_TRUE(std::signbit([&] {
    ReadDecimal(text.data(), text.data() + 2, &value);
    return value;
  }()));
}

}  // namespace
}  // namespace gfr
