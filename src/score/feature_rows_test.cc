#include "score/feature_rows.h"

#include <gtest/gtest.h>

#include <cmath>
#include <sstream>

#include "base/file_system.h"
#include "score/scorer.h"

namespace gfr {
namespace {

// A table of text in memory, the first line its columns.
class TextTable final : public RowSource {
 public:
  explicit TextTable(const std::string& text) : lines_(text) {
    std::vector<Cell> header;
    EXPECT_TRUE(Next(&header).value());
    for (const Cell& cell : header) columns_.push_back(cell.text);
  }
  const std::vector<std::string>& columns() const override { return columns_; }
  std::uint64_t line() const override { return line_; }
  Result<bool> Next(std::vector<Cell>* row) override {
    std::string line, cell;
    if (!std::getline(lines_, line)) return false;
    ++line_;
    row->clear();
    if (line.empty()) row->emplace_back();
    for (std::istringstream cells(line + (line.ends_with(',') ? "," : "")); std::getline(cells, cell, ',');)
      row->push_back({.text = cell, .list = {}});
    return true;
  }

 private:
  std::istringstream lines_;
  std::vector<std::string> columns_;
  std::uint64_t line_ = 0;
};

// The rows as the forest reads them, or why not.
Result<std::vector<double>> ReadRows(const Forest& forest, const std::string& text,
                                     const FeatureRowsOptions& options = {}) {
  const auto source = ColumnsOfRows(std::make_unique<TextTable>(text), "t.csv");
  GFR_ASSIGN(FeatureRows table, FeatureRows::Make(*source, forest, "t.csv", options));
  std::vector<double> all;
  while (true) {
    GFR_ASSIGN(const std::size_t count, table.Next(2));
    if (count == 0) return all;
    const Rows rows = table.rows();
    for (std::size_t i = 0; i < count * rows.stride; ++i) all.push_back(rows.f64 ? rows.f64[i] : rows.f32[i]);
  }
}

std::string WhyNot(const Forest& forest, const std::string& text, const FeatureRowsOptions& options = {}) {
  const auto rows = ReadRows(forest, text, options);
  return rows.ok() ? "read" : rows.error().ToString();
}

Forest Named(std::vector<std::string> names, Forest::Engine engine = Forest::Engine::kXgboost) {
  Forest forest{.engine = engine};
  forest.columns = static_cast<int>(names.size());
  forest.column_names = std::move(names);
  return forest;
}

using Values = std::vector<double>;

TEST(FeatureRows, AreMatchedByNameWhateverTheirOrderAndTheBlanksAroundThem) {
  const Forest forest = Named({"a", "b", "c"});
  EXPECT_EQ(ReadRows(forest, "c,x,b,a\n3,9,2,1\n").value(), (Values{1, 2, 3}));
  EXPECT_EQ(ReadRows(forest, " c, b, a \n3, 2, 1\n").value(), (Values{1, 2, 3}));
  EXPECT_EQ(ReadRows(Named({"my_x"}, Forest::Engine::kLightgbm), "y,my x\n1,2\n").value(), (Values{2}));
}

TEST(FeatureRows, OfATableThatHasSomeOfTheNamesAreRefused) {
  const Forest forest = Named({"a", "b", "c"});
  EXPECT_EQ(WhyNot(forest, "c,b,z\n1,2,3\n"),
            "t.csv:1: there is no column 'a', which the model reads; the table has 'c', 'b', 'z' (--by-order takes "
            "columns in their order)");
  EXPECT_EQ(ReadRows(forest, "c,b,z\n1,2,3\n", {.by_order = true}).value(), (Values{1, 2, 3}));
  EXPECT_NE(WhyNot(forest, "a,b,c,b\n1,2,3,4\n").find("two columns are named 'b'"), std::string::npos);
}

TEST(FeatureRows, AreReadByOrderWhereNoNameIsKnown) {
  EXPECT_EQ(ReadRows(Named({"a", "b"}), "x,y\n1,2\n").value(), (Values{1, 2}));
  Forest nameless = Named({"", ""});
  nameless.column_names.clear();
  EXPECT_EQ(ReadRows(nameless, "x,y\n1,2\n").value(), (Values{1, 2}));
  EXPECT_EQ(ReadRows(nameless, "0,1\n1,2\n").value(), (Values{1, 2}));  // A frame's own names.
  EXPECT_NE(WhyNot(nameless, "x,y,z\n1,2,3\n").find("3 columns; the model reads 2"), std::string::npos);
}

TEST(FeatureRows, OfAFileWithoutAHeaderAreRefused) {
  for (const char* first : {"1.5,2", "7,8", "-1,nan"}) {
    EXPECT_NE(WhyNot(Named({"a", "b"}), std::string(first) + "\n1,2\n").find("the first line is numbers"),
              std::string::npos)
        << first;
  }
}

TEST(FeatureRows, AnEmptyLineIsPassedOverAndABadCellNamed) {
  const Forest forest = Named({"a", "b"});
  EXPECT_EQ(ReadRows(forest, "a,b\n1,2\n\n3,4\n").value(), (Values{1, 2, 3, 4}));
  EXPECT_EQ(WhyNot(forest, "a,b\n1,2\n3,4\n5,six\n"),
            "t.csv:4: column 'b' is 'six'; valid is a number, or nothing, nan or NA where it is missing");
  EXPECT_EQ(WhyNot(forest, "a,b\n1\n"), "t.csv:2: 1 cells in a table of 2 columns");
  EXPECT_TRUE(std::isnan(ReadRows(forest, "a,b\n1,NA\n").value()[1]));
}

TEST(FeatureRows, TruthValuesAsFramesWriteThemAreOneAndZero) {
  const Forest forest = Named({"a", "b"});
  EXPECT_EQ(ReadRows(forest, "a,b\nTrue,False\ntrue,FALSE\n").value(), (Values{1, 0, 1, 0}));
  EXPECT_NE(WhyNot(forest, "a,b\nTrue,Truth\n").find("column 'b' is 'Truth'"), std::string::npos);
}

TEST(FeatureRows, OfAFileWithoutAHeaderAreRefusedAlsoWhereSomeOfItsCellsAreWords) {
  const Forest forest = Named({"a", "b", "c"});
  for (const char* first : {"1.5,red,x", "-1,red,x", "7,red,8", "7,,red"}) {
    EXPECT_NE(WhyNot(forest, std::string(first) + "\n1,2,3\n").find("the first line is numbers"), std::string::npos)
        << first;
  }
  // Names that hold numbers, and on request any.
  EXPECT_EQ(ReadRows(forest, "year,2025,total\n1,2,3\n").value(), (Values{1, 2, 3}));
  EXPECT_EQ(ReadRows(forest, "0.5,0.9,mean\n1,2,3\n", {.by_order = true}).value(), (Values{1, 2, 3}));
}

TEST(FeatureRows, OfAModelThatGivesTwoColumnsOneNameAreReadByOrderAlone) {
  const Forest forest = Named({"a", "b", "b"});
  EXPECT_NE(WhyNot(forest, "a,b,c\n1,2,3\n").find("the model names two of its columns 'b'"), std::string::npos);
  EXPECT_EQ(ReadRows(forest, "a,b,c\n1,2,3\n", {.by_order = true}).value(), (Values{1, 2, 3}));
}

// A model and a table of testdata/categories; its predictions are those that make.py printed.
std::string ReadCategories(const std::string& file) {
  return PosixFileSystem().ReadAll(std::string(GFR_SOURCE_DIR) + "/src/score/testdata/categories/" + file).value();
}
std::vector<double> MarginsOfTable(const std::string& model, const std::string& table) {
  const Forest forest = ParseForest(ReadCategories(model)).value();
  const auto rows = ReadRows(forest, ReadCategories(table));
  EXPECT_TRUE(rows.ok()) << rows.error().ToString();
  const auto width = static_cast<std::size_t>(forest.columns);
  std::vector<double> margins(rows.value().size() / width);
  Scorer::Make(forest).value()->Margins(Rows(rows.value().data(), margins.size(), width), margins.data());
  return margins;
}

TEST(FeatureRows, CategoriesBecomeTheCodesOfPandasForLightgbm) {
  EXPECT_EQ(MarginsOfTable("lightgbm_categories.txt", "lightgbm_categories.csv"),
            (Values{3.2153793216710356, 4.410080089709426, 3.790222468180582, 3.790222468180582, 4.22456989732141,
                    4.410080089709426, 3.2153793216710356, 3.697320920242867}));
}

TEST(FeatureRows, CategoriesBecomeTheCodesOfXgboostAndAnUnknownOneIsAnErrorAsItIsThere) {
  EXPECT_EQ(MarginsOfTable("xgboost_categories.json", "xgboost_categories.csv"),
            (Values{4.3313889503479, 5.654733657836914, 4.3313889503479, 4.3313889503479, 5.654733657836914,
                    3.6374711990356445, 3.0818140506744385, 2.044304847717285}));
  const Forest forest = ParseForest(ReadCategories("xgboost_categories.json")).value();
  EXPECT_EQ(WhyNot(forest, "colour,size,my x\nred,10,1\nmauve,10,1\n"),
            "t.csv:3: column 'colour' is 'mauve'; valid is one of the 3 categories that the model was trained with");
  EXPECT_EQ(ReadRows(forest, "colour,size,my x\n2,20.0,1\n", {.codes = true}).value(), (Values{2, 20, 1}));
  EXPECT_EQ(ReadRows(forest, "colour,size,my x\ndark blue,20.0,1\n").value(), (Values{2, 1, 1}));
}

TEST(FeatureRows, OfAModelThatDoesNotTellItsCodesAreReadAsCodesOnly) {
  std::string text = ReadCategories("lightgbm_categories.txt");
  text.replace(text.find("pandas_categorical:"), std::string::npos, "pandas_categorical:[[1, 2]]\n");
  const Forest forest = ParseForest(text).value();
  const std::string table = "colour,const,size,none,flag,rate,my x\n1,0,1,1,0,2,0.5\n";
  EXPECT_NE(WhyNot(forest, table).find("the file lists the categories of 1 columns"), std::string::npos);
  EXPECT_EQ(ReadRows(forest, table, {.codes = true}).value(), (Values{1, 0, 1, 1, 0, 2, 0.5}));
}

TEST(FeatureRows, OfAModelWhoseCategoriesAreTooLargeToBeToldApartAreReadAsCodesOnly) {
  std::string text = ReadCategories("lightgbm_categories.txt");
  const std::size_t list = text.find("pandas_categorical:");
  const std::size_t ten = text.find("10", list);
  ASSERT_NE(ten, std::string::npos);
  text.replace(ten, 2, "9007199254740993");
  const Forest forest = ParseForest(text).value();
  EXPECT_NE(forest.category_fault.find("whole numbers of 2^53 and more"), std::string::npos) << forest.category_fault;
}

}  // namespace
}  // namespace gfr
