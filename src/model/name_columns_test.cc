#include "model/name_columns.h"

#include <gtest/gtest.h>

#include "model/document.h"

namespace gfr {
namespace {

using std::string_literals::operator""s;

// Of XGBoost's file, {"feature_names": [], "trees": "..."} as it writes them.
const std::string kUnnamed =
    "{L\0\0\0\0\0\0\0\rfeature_names[#L\0\0\0\0\0\0\0\0L\0\0\0\0\0\0\0\5treesSL\0\0\0\0\0\0\0\3abc}"s;

TEST(NameColumns, PutsThemIntoXgboostsFileOnceAndLeavesTheRest) {
  const std::vector<std::string> names = {"user.clicks_7d", "Größe [cm]"};
  const std::string named = NameColumns(kUnnamed, Forest::Engine::kXgboost, names);
  const auto document = ParseUbjsonDocument(named);
  ASSERT_TRUE(document.ok()) << document.error().ToString();
  EXPECT_NE(named.find("S"s + "L\0\0\0\0\0\0\0\x0e"s + names[0]), std::string::npos);
  EXPECT_NE(named.find(names[1]), std::string::npos);
  EXPECT_TRUE(named.ends_with("treesSL\0\0\0\0\0\0\0\3abc}"s));
  EXPECT_EQ(NameColumns(named, Forest::Engine::kXgboost, {"other", "names"}), named);
}

TEST(NameColumns, LeavesAFileAloneThatIsNotAsXgboostWritesIt) {
  EXPECT_EQ(NameColumns(kUnnamed + kUnnamed, Forest::Engine::kXgboost, {"a"}), kUnnamed + kUnnamed);
  EXPECT_EQ(NameColumns("", Forest::Engine::kXgboost, {"a"}), "");
}

TEST(NameColumns, LeavesAFileAloneWhereTwoColumnsWouldHaveOneName) {
  EXPECT_EQ(NameColumns(kUnnamed, Forest::Engine::kXgboost, {"a b", "a_b"}), kUnnamed);
}

TEST(NameColumns, PutsThemInThePlaceOfLightgbmsNumbers) {
  const std::string head = "tree\nversion=v4\nmax_feature_idx=1\nfeature_names=", tail = "\nfeature_infos=none [0:1]\n";
  EXPECT_EQ(NameColumns(head + "Column_0 Column_1" + tail, Forest::Engine::kLightgbm, {"item.price", "a: b"}),
            head + "item.price a__b" + tail);
  EXPECT_EQ(NameColumns(head + "x y" + tail, Forest::Engine::kLightgbm, {"a", "b"}), head + "x y" + tail);
}

}  // namespace
}  // namespace gfr
