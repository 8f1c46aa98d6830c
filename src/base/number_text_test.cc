#include "base/number_text.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "base/text_encoding.h"

namespace gfr {
namespace {

TEST(NumberText, AWholeNumberHasNoPointAndAnyOtherItsShortestText) {
  EXPECT_EQ(NumberText(38.0), "38");
  EXPECT_EQ(NumberText(-0.0), "0");
  EXPECT_EQ(NumberText(38.5), "38.5");
  EXPECT_EQ(NumberText(0.1), "0.1");
  EXPECT_EQ(NumberText(0.1f), "0.1");
  EXPECT_EQ(NumberText(1e16), "10000000000000000");
  EXPECT_EQ(NumberText(1e20), "100000000000000000000");
  EXPECT_EQ(NumberText(1e21), "1e+21");
  EXPECT_EQ(NumberText(std::nan("")), "");
}

TEST(NumberText, OnlyAFiniteDecimalNumberIsOne) {
  double x = 7;
  for (const char* text : {"", " 1", "1 ", "nan", "inf", "-Infinity", "0x1F", "1e999", "1,5", "--1", "+-1", "1.5kg"}) {
    EXPECT_FALSE(ParseNumber(text, &x)) << text;
    EXPECT_EQ(x, 7);
  }
  EXPECT_TRUE(ParseNumber("+5.5", &x) && x == 5.5);
  EXPECT_TRUE(ParseNumber("-1e3", &x) && x == -1000);
}

TEST(TextEncodingTest, Utf8IsWhatRfc3629Says) {
  for (const char* good : {"", "abc", "M\u00fcller", "\u20ac", "\U0001f600", "\xf4\x8f\xbf\xbf"})
    EXPECT_TRUE(IsUtf8(good)) << good;
  for (const char* bad :
       {"M\xfcller", "\xc0\xaf", "\xe0\x80\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82", "\xff"})
    EXPECT_FALSE(IsUtf8(bad)) << bad;
}

}  // namespace
}  // namespace gfr
