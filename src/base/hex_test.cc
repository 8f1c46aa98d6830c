#include "base/hex.h"

#include <gtest/gtest.h>

namespace gfr {
namespace {

TEST(Hex, ANumberIsSixteenDigitsAndComesBack) {
  EXPECT_EQ(HexText(0), "0000000000000000");
  EXPECT_EQ(HexText(0xfedcba9876543210u), "fedcba9876543210");
  for (const std::uint64_t n : {std::uint64_t{0}, std::uint64_t{10}, ~std::uint64_t{0}})
    EXPECT_EQ(ParseHex(HexText(n)).value(), n);
}

TEST(Hex, AnythingButSixteenDigitsIsRefused) {
  for (const char* text : {"", "12", "00000000000000001", "000000000000000g", "-000000000000001", "0x00000000000001"})
    EXPECT_FALSE(ParseHex(text).ok()) << text;
}

}  // namespace
}  // namespace gfr
