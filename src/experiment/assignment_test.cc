#include "experiment/assignment.h"

#include <gtest/gtest.h>

#include <vector>

namespace gfr {
namespace {

// From "hash" of the cases that GrowthBook publishes for makers of client libraries (cases.json, version 2).
TEST(Bucket, IsTheOneOfGrowthBooksPublishedCases) {
  EXPECT_EQ(Bucket("seed", "a"), 0.0505);
  EXPECT_EQ(Bucket("seed", "b"), 0.2696);
  EXPECT_EQ(Bucket("foo", "ab"), 0.2575);
  EXPECT_EQ(Bucket("foo", "def"), 0.2019);
  EXPECT_EQ(Bucket("89123klj", "8952klfjas09ujkasdf"), 0.124);
  EXPECT_EQ(Bucket("90850943850283058242805", "123"), 0.7516);
  EXPECT_EQ(Bucket("()**(%$##$%#$#", "___)((*\":&"), 0.0128);
}

TEST(Bucket, UnitsAreSpreadEvenlyAndSaltsAreIndependent) {
  std::vector<int> tenth(10), both(4);
  for (int k = 0; k < 20000; ++k) {
    const std::string id = UnitOf(static_cast<Key>(k + 1), static_cast<Key>(k + 1), 0).id;
    const double a = Bucket("one", id), b = Bucket("two", id);
    ++tenth[static_cast<std::size_t>(a * 10)];
    ++both[static_cast<std::size_t>((a < 0.5) + 2 * (b < 0.5))];
  }
  for (const int n : tenth) EXPECT_NEAR(n, 2000, 250);
  for (const int n : both) EXPECT_NEAR(n, 5000, 400);
}

TEST(Unit, IsTheLoginAfterAnAliasElseTheUserElseTheSession) {
  const Key anonymous = KeyOf("anonymous"), login = KeyOf("ann"), session = KeyOf("s");
  EXPECT_EQ(UnitOf(anonymous, login, session).kind, UnitKind::kLogin);
  EXPECT_EQ(UnitOf(anonymous, login, session).id, UnitOf(login, login, 0).id) << "one person, one unit";
  EXPECT_EQ(UnitOf(login, login, session).kind, UnitKind::kUser);
  EXPECT_EQ(UnitOf(0, 0, session), (Unit{UnitKind::kSession, UnitOf(session, session, 0).id}));
  EXPECT_EQ(UnitOf(0, 0, 0), Unit{});
  EXPECT_EQ(UnitOf(1, 1, 0).id, "0000000000000001");
}

}  // namespace
}  // namespace gfr
