#include "expression/expression.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "base/rng.h"

namespace gfr {
namespace {

using Type = Expression::Type;

const std::vector<Expression::Name> kNames{{"pctr"}, {"pcvr"}, {"price"}, {"brand", Type::kCategory}};

double Value(const std::string& text, std::vector<double> numbers = {0.5, 0.25, 8}, const std::string& brand = "acme",
             Type type = Type::kNumber) {
  const Key category = KeyOf(brand);
  const std::vector<Expression::Column> columns{{&numbers[0]}, {&numbers[1]}, {&numbers[2]}, {nullptr, &category}};
  double out = -1;
  const auto made = Expression::Parse(text, type, kNames);
  EXPECT_TRUE(made.ok()) << text << ": " << (made.ok() ? "" : made.error().message);
  if (made.ok()) made.value().Evaluate(columns, {&out, 1});
  return out;
}
bool Holds(const std::string& text, std::vector<double> numbers = {0.5, 0.25, 8}, const std::string& brand = "acme") {
  return Value(text, std::move(numbers), brand, Type::kCondition) == 1;
}
std::string Refused(const std::string& text, Type type = Type::kNumber) {
  const auto made = Expression::Parse(text, type, kNames);
  EXPECT_FALSE(made.ok()) << text;
  return made.ok() ? "" : made.error().message;
}

TEST(Expression, FollowsTheUsualPrecedence) {
  EXPECT_EQ(Value("pctr"), 0.5);
  EXPECT_EQ(Value("pctr * (1 + 5 * pcvr)"), 0.5 * (1 + 5 * 0.25));
  EXPECT_EQ(Value("1 + 2 * 3 - 8 / 4"), 5);
  EXPECT_EQ(Value("8 - 4 - 2"), 2);
  EXPECT_EQ(Value("-price + -(1e1)"), -18);
  EXPECT_EQ(Value("pctr*pcvr*price"), 1);
  EXPECT_TRUE(std::isnan(Value("price", {1, 1, std::nan("")})));
}

TEST(Expression, ConditionsCompareNumbersAndCategories) {
  EXPECT_TRUE(Holds("price > 7 and price <= 8 and not price != 8"));
  EXPECT_TRUE(Holds("price < 1 or pctr == 0.5"));
  EXPECT_FALSE(Holds("(price < 1 or pctr == 0.5) and pcvr >= 1"));
  EXPECT_TRUE(Holds("brand == \"acme\" and brand in [\"other\", \"acme\"]"));
  EXPECT_FALSE(Holds("brand != \"acme\""));
  EXPECT_TRUE(Holds("not brand in [\"other\"]"));
  EXPECT_TRUE(Holds("2 * price > price + 1"));
}

TEST(Expression, ComparesTwoCategories) {
  const std::vector<Expression::Name> names{{"city", Type::kCategory}, {"geography", Type::kCategory}};
  const auto holds = [&](const std::string& text, Key city, Key geography) {
    const std::vector<Expression::Column> columns{{nullptr, &city}, {nullptr, &geography}};
    const Expression made = Expression::Parse(text, Type::kCondition, names).value();
    EXPECT_EQ(made.used(), (std::vector<std::uint32_t>{0, 1}));
    double out = -1;
    made.Evaluate(columns, {&out, 1});
    return out == 1;
  };
  EXPECT_TRUE(holds("city == geography", 5, 5));
  EXPECT_FALSE(holds("city == geography", 5, 6));
  EXPECT_TRUE(holds("city != geography", 5, 6));
  EXPECT_FALSE(holds("city != geography", 5, 5));
  for (const char* text : {"city == geography", "city != geography"}) {
    EXPECT_FALSE(holds(text, 0, 6)) << text << ": one is missing";
    EXPECT_FALSE(holds(text, 5, 0)) << text << ": one is missing";
    EXPECT_FALSE(holds(text, 0, 0)) << text << ": both are missing";
  }
}

TEST(Expression, AComparisonWithWhatIsMissingIsFalse) {
  const std::vector<double> missing{1, 1, std::nan("")};
  for (const char* text : {"price < 1", "price >= 1", "price == price", "price != 1"})
    EXPECT_FALSE(Holds(text, missing));
  EXPECT_TRUE(Holds("not price < 1", missing));
  EXPECT_FALSE(Holds("brand == \"acme\"", missing, ""));
  EXPECT_FALSE(Holds("brand != \"acme\"", missing, ""));
}

TEST(Expression, AnErrorSaysWhereAndWhatIsValid) {
  EXPECT_THAT(Refused("pctr * rating"),
              testing::AllOf(testing::HasSubstr("character 8 ('rating')"), testing::HasSubstr("pctr, pcvr, price")));
  EXPECT_THAT(Refused("pctr pcvr"), testing::HasSubstr("character 6 ('pcvr'): valid here are operators"));
  EXPECT_THAT(Refused("(pctr"), testing::HasSubstr("character 6: valid here are operators and )"));
  EXPECT_THAT(Refused("pctr > 1"), testing::HasSubstr("a number is wanted"));
  EXPECT_THAT(Refused("pctr", Type::kCondition), testing::HasSubstr("no condition"));
  EXPECT_THAT(Refused("brand + 1"), testing::HasSubstr("a category is compared by"));
  EXPECT_THAT(Refused("1 + brand"), testing::HasSubstr("'brand' is a category"));
  EXPECT_THAT(Refused("brand == acme", Type::kCondition), testing::HasSubstr("a text in double quotes"));
  EXPECT_THAT(Refused("(price > 1) + 1"), testing::HasSubstr("character 1 "));
  EXPECT_THAT(Refused("price > 1 and pctr", Type::kCondition), testing::HasSubstr("character 15 ('pctr')"));
  for (const char* bad : {"", "pctr +", "1..2", "1e", "pctr)", "pctr2", "* 2", "brand", "1 < 2 < 3", "price = 3"}) {
    Refused(bad);
    Refused(bad, Type::kCondition);
  }
}

TEST(Expression, AHostileFormulaIsRefused) {
  for (const char* part : {"(", "-", "not ", "1+("}) {
    std::string text;
    for (int n = 0; n < 5000; ++n) text += part;
    EXPECT_THAT(Refused(text + "1", Type::kCondition), testing::HasSubstr("too"));
  }
  std::string text = "1";
  for (int n = 0; n < 5000; ++n) text += " + 1";
  EXPECT_THAT(Refused(text), testing::HasSubstr("too long"));
}

TEST(Expression, ABatchGivesWhatEachRowGivesAlone) {
  Rng rng(1);
  const auto made = Expression::Parse("pctr * (1 + pcvr) - price / 3", Type::kNumber, kNames).value();
  EXPECT_EQ(made.used(), (std::vector<std::uint32_t>{0, 1, 2}));
  std::vector<double> columns[3], out(101);
  for (auto& column : columns) {
    for (std::size_t i = 0; i < out.size(); ++i) column.push_back(rng.Uniform());
  }
  made.Evaluate(std::vector<Expression::Column>{{columns[0].data()}, {columns[1].data()}, {columns[2].data()}, {}},
                out);
  for (std::size_t i = 0; i < out.size(); ++i)
    EXPECT_EQ(out[i], columns[0][i] * (1 + columns[1][i]) - columns[2][i] / 3);
}

}  // namespace
}  // namespace gfr
