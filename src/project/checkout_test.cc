#include "project/checkout.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/config.h"
#include "project/templates.h"

namespace gfr {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

std::string TablesOf(const std::string& toml) { return Config::Parse(toml, "gfr.toml").value().Extract(ModelTables()); }

constexpr const char* kNow = R"(# The shop's.
[log]
keep = "90d"

# What an item is.
[item]
price = "number"

[item.more]
size = "category"  # In inches.

# Counts of clicks.
[[feature]]
name = "clicks"
[[feature]]
name = "views"

# Retrains at night.
[[trigger]]
name = "nightly"
command = ["true"]
)";

TEST(Checkout, ReplacesTheTablesOfAModelAndNoOtherLine) {
  const std::string then = "[item]\nprice = \"number\"\n[[feature]]\nname = \"clicks\"\n";
  const auto checkout = CheckOut(kNow, TablesOf(then));
  ASSERT_TRUE(checkout.ok()) << checkout.error().ToString();
  EXPECT_EQ(TablesOf(checkout.value().text), TablesOf(then));
  EXPECT_TRUE(checkout.value().text.starts_with("# The shop's.\n[log]\nkeep = \"90d\"\n\n[item]\n"))
      << checkout.value().text;
  EXPECT_TRUE(
      checkout.value().text.ends_with("# Retrains at night.\n[[trigger]]\nname = \"nightly\"\ncommand = [\"true\"]\n"));
  EXPECT_THAT(checkout.value().changes, Contains("- name = 'views'"));
  EXPECT_THAT(checkout.value().changes, Contains("- size = 'category'"));
  EXPECT_THAT(checkout.value().changes, Not(Contains(HasSubstr("trigger"))));
}

TEST(Checkout, OfTheSameTablesInAnotherOrderChangesNothing) {
  const auto checkout = CheckOut(kNow, TablesOf(kNow));
  ASSERT_TRUE(checkout.ok());
  EXPECT_THAT(checkout.value().changes, IsEmpty());
  EXPECT_EQ(checkout.value().text, kNow);
}

TEST(Checkout, ThereAndBackGivesTheSameConfiguration) {
  for (const ProjectTemplate& t : ProjectTemplates()) {
    const std::string toml(t.text);
    const auto there = CheckOut(toml, "[[feature]]\nname = \"x\"\n");
    ASSERT_TRUE(there.ok());
    const auto back = CheckOut(there.value().text, TablesOf(toml));
    ASSERT_TRUE(back.ok());
    EXPECT_EQ(TablesOf(back.value().text), TablesOf(toml));
    auto again = Config::Parse(back.value().text, "gfr.toml");
    const auto read = Configuration::Read(again.value());
    EXPECT_TRUE(read.ok()) << read.error().ToString();
  }
}

TEST(Checkout, NeverBringsACommandWithIt) {
  const auto checkout = CheckOut(kNow, "[[trigger]]\nname = \"t\"\ncommand = [\"rm\"]\n");
  ASSERT_FALSE(checkout.ok());
  EXPECT_EQ(checkout.error().code, ErrorCode::kCorrupt);
  EXPECT_EQ(checkout.error().message, "the version's configuration.toml has [trigger], which no model keeps");
}

TEST(Checkout, RefusesTablesWithoutAHeader) {
  const auto checkout = CheckOut("feature = [{name = \"a\"}]\n[log]\n", "[[feature]]\nname = \"b\"\n");
  ASSERT_FALSE(checkout.ok());
  EXPECT_EQ(checkout.error().code, ErrorCode::kInvalidArgument);
}

TEST(Checkout, LinesInsideOfAListAreNoHeaders) {
  const std::string now = "[log]\na = [\n[1],\n]\n[item]\nx = [\n  \"[feature]\",\n]\n[serve]\nb = 1\n";
  const auto checkout = CheckOut(now, "[item]\ny = 1\n");
  ASSERT_TRUE(checkout.ok()) << checkout.error().ToString();
  EXPECT_EQ(checkout.value().text, "[log]\na = [\n[1],\n]\n[item]\ny = 1\n\n[serve]\nb = 1\n");
}

}  // namespace
}  // namespace gfr
