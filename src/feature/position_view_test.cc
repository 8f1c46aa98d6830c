#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "feature/test_view.h"

namespace gfr {
namespace {

TEST(Position, IsTheReferenceWhereverItIsRead) {
  TestView first("type = \"position\"\n"), third("type = \"position\"\nreference = 2\n");
  EXPECT_THAT(first.Read(0), testing::Each(0));
  EXPECT_THAT(third.Read(0), testing::Each(2));
  EXPECT_EQ(third.set().position_column, 0);
  EXPECT_EQ(third.set().position_reference, 2);
  EXPECT_NE(first.view().spec().fingerprint, third.view().spec().fingerprint);
}

TEST(Position, IsOneOfAProjectAndComparedWithNoOthers) {
  const auto two =
      MakeSet("[[feature]]\nname = \"f\"\ntype = \"position\"\n[[feature]]\nname = \"g\"\ntype = \"position\"\n");
  EXPECT_THAT(two.error().message, testing::HasSubstr("'g': there is another of type position"));
  EXPECT_THAT(ErrorOf("type = \"position\"\nin_slate = \"rank\"\n"), testing::HasSubstr("in_slate"));
  EXPECT_THAT(ErrorOf("type = \"position\"\nreference = -1\n"), testing::HasSubstr("reference"));
}

}  // namespace
}  // namespace gfr
