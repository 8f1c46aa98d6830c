#include "serve/number_list.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <string>

#include "base/rng.h"

namespace gfr {
namespace {

std::string DigitsOf(Rng& rng, std::uint64_t count) {
  std::string text;
  while (count-- > 0) text += static_cast<char>('0' + rng.Below(10));
  return text;
}

// Numbers of every length, most of them as programs write them.
std::string NumberText(Rng& rng) {
  std::string text = rng.Below(2) ? "-" : "";
  switch (rng.Below(6)) {
    case 0:
      return text + std::to_string(rng.Below(1ull << (1 + rng.Below(62))));
    case 1:
      return text + std::to_string(rng.Below(1ull << (1 + rng.Below(40)))) + "." + DigitsOf(rng, 1 + rng.Below(24));
    case 2:
      return text + std::to_string(rng.Below(10)) + "." + DigitsOf(rng, 1 + rng.Below(9)) + "e-" +
             std::to_string(rng.Below(330));
    default:
      return text + std::to_string(rng.Below(10)) + "." + DigitsOf(rng, 1 + rng.Below(19));
  }
}

template <typename T>
void ExpectAsStrtod(std::uint64_t seed) {
  Rng rng(seed);
  for (int n = 0; n < 3'000; ++n) {
    std::string text;
    std::vector<std::string> numbers;
    const std::uint64_t count = 1 + rng.Below(120);
    static constexpr const char* kBetween[] = {",", ", ", " , ", ",\n  ", "\t,"};
    const std::uint64_t between = rng.Below(7);
    for (std::uint64_t k = 0; k < count; ++k) {
      if (k > 0) text += kBetween[between < 5 ? between : rng.Below(5)];
      text += numbers.emplace_back(NumberText(rng));
    }
    text += "]";
    const std::string behind(rng.Below(2) * rng.Below(100), '7');
    text += behind;
    std::vector<T> values{T{1}};
    const char* const end = ReadNumberList(text.data(), text.data() + text.size(), &values);
    ASSERT_NE(end, nullptr) << text;
    ASSERT_EQ(end, text.data() + text.size() - behind.size()) << text;
    ASSERT_EQ(values.size(), numbers.size() + 1);
    for (std::size_t k = 0; k < numbers.size(); ++k) {
      const T expected = static_cast<T>(std::strtod(numbers[k].c_str(), nullptr));
      ASSERT_EQ(values[k + 1], expected) << numbers[k];
      ASSERT_EQ(std::signbit(values[k + 1]), std::signbit(expected)) << numbers[k];
    }
  }
}

TEST(NumberListTest, EveryNumberOfAListIsTheNearestOne) {
  ExpectAsStrtod<float>(1);
  ExpectAsStrtod<double>(2);
}

TEST(NumberListTest, NullIsMissing) {
  std::vector<double> values;
  const std::string text = "1, null,null ]";
  ASSERT_EQ(ReadNumberList(text.data(), text.data() + text.size(), &values), text.data() + text.size());
  ASSERT_EQ(values.size(), 3u);
  EXPECT_EQ(values[0], 1);
  EXPECT_TRUE(std::isnan(values[1]) && std::isnan(values[2]));
}

// In a short text and in a long one, which is read otherwise; at its beginning, in its middle and at its end.
TEST(NumberListTest, WhatIsNoNumberRefusesTheListAndLeavesTheValues) {
  std::string many = "0.5";
  for (int k = 1; k < 200; ++k) many += ",0.5";
  for (const std::string wrong :
       {"",    "-",     "01",    "-01",  "1.",   ".5",    "+1",  "1e",       "1e+",
        "0x1", "nul",   "nulls", "true", "[1",   "{}",    "1 2", "\"",       "1:2",
        "1/2", "1.2.3", "- 1",   "1-2",  "0.-1", "1e999", "NaN", "0.1234 5", "0.12345678901234x"}) {
    for (const std::string& text : {wrong + "]", "1," + wrong + ",2]", many + "," + wrong + "]",
                                    wrong + "," + many + "]", many + "," + wrong + "," + many + "]"}) {
      std::vector<float> values{7};
      EXPECT_EQ(ReadNumberList(text.data(), text.data() + text.size(), &values), nullptr) << text;
      EXPECT_EQ(values, std::vector<float>{7}) << text;
    }
  }
  std::vector<float> values;
  EXPECT_EQ(ReadNumberList(many.data(), many.data() + many.size(), &values), nullptr);  // Not closed.
  EXPECT_TRUE(values.empty());
}

}  // namespace
}  // namespace gfr
