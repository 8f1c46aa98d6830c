#include "experiment/unit.h"

#include <gtest/gtest.h>

namespace gfr {
namespace {

TEST(Unit, IsTheLoginAfterAnAliasElseTheUserElseTheSession) {
  EXPECT_EQ(UnitOf("anonymous", "s", KeyOf("ann"), "ann"), (Unit{UnitKind::kLogin, "ann"}));
  EXPECT_EQ(UnitOf("ann", "s", KeyOf("ann"), ""), (Unit{UnitKind::kUser, "ann"})) << "one person, one text";
  EXPECT_EQ(UnitOf("", "s", 0, ""), (Unit{UnitKind::kSession, "s"}));
  EXPECT_EQ(UnitOf("", "", 0, ""), Unit{});
}

TEST(Unit, AUserWhoseLoginIsNotKnownStandsForItself) {
  EXPECT_EQ(UnitOf("anonymous", "s", KeyOf("ann"), ""), (Unit{UnitKind::kUser, "anonymous"}));
}

}  // namespace
}  // namespace gfr
