#include "event/csv.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "base/rng.h"
#include "base/test_folder.h"

namespace gfr {
namespace {

struct Read {
  std::vector<std::string> columns, rows, faults;  // A row: its cells, joined by "/".
};

Read ReadCsv(const std::string& bytes, const CsvFormat& format = {}) {
  const TestFolder folder;
  std::ofstream(folder / "t.csv") << bytes;
  auto source = OpenCsv(folder / "t.csv", format);
  EXPECT_TRUE(source.ok()) << source.error().ToString();
  Read read;
  if (!source.ok()) return read;
  read.columns = source.value()->columns();
  for (std::vector<Cell> row;;) {
    const auto more = source.value()->Next(&row);
    EXPECT_TRUE(more.ok());
    if (!more.ok() || !more.value()) return read;
    if (const std::string fault = source.value()->fault(); !fault.empty()) {
      read.faults.push_back(std::to_string(source.value()->line()) + ": " + fault);
      continue;
    }
    std::string text;
    for (const Cell& cell : row) text += (text.empty() ? "" : "/") + cell.text;
    read.rows.push_back(text);
  }
}

TEST(Csv, AQuoteThatIsNotClosedCostsItsOwnLine) {
  std::string text = "a,b,c\n1,x,y\n2,\"lost,y\n";
  for (int i = 3; i < 100; ++i) text += std::to_string(i) + ",x,y\n";
  const Read read = ReadCsv(text);
  EXPECT_EQ(read.rows.size(), 98u);
  ASSERT_EQ(read.faults.size(), 1u);
  EXPECT_EQ(read.faults[0], "3: column 'b' opens a quote that is not closed; the 97 lines behind it are read as rows");
}

TEST(Csv, AStrayQuoteThatMeetsALaterQuotedCellCostsItsOwnLine) {
  const Read read = ReadCsv("a,b,c\n1,\"stray,y\n2,x,y\n3,\"Berlin, Mitte\",y\n4,x,\"\"\n");
  EXPECT_THAT(read.rows, testing::ElementsAre("2/x/y", "3/Berlin, Mitte/y", "4/x/"));
  EXPECT_THAT(read.faults, testing::ElementsAre(testing::AllOf(
                               testing::StartsWith("2: column 'b' has text behind a closing quote, on line 4"),
                               testing::HasSubstr("the 2 lines behind it are read as rows"))));
}

TEST(Csv, TwoStrayQuotesThatMakeOneCellDoNotSwallowTheRowsBetween) {
  std::string text = "a,b,c\n0,x,\"inch\n";
  for (int i = 1; i < 20; ++i) text += std::to_string(i) + ",x,y\n";
  const Read read = ReadCsv(text + "20,x,inch\"\n21,x,y\n");
  EXPECT_EQ(read.rows.size(), 21u);
  EXPECT_EQ(read.rows[19], "20/x/inch\"");
  ASSERT_EQ(read.faults.size(), 1u);
  EXPECT_THAT(read.faults[0], testing::StartsWith("2: a quote took 20 lines"));
}

TEST(Csv, ATextOverSeveralLinesIsOneCell) {
  const Read read = ReadCsv("a,b\n1,\"two\nlines, and a \"\"quote\"\"\"\n2,x\n");
  EXPECT_THAT(read.rows, testing::ElementsAre("1/two\nlines, and a \"quote\"", "2/x"));
  EXPECT_TRUE(read.faults.empty());
}

TEST(Csv, StrayQuotesAreReadInLinearTime) {
  // Each line opens a quote; the old reader looked at the rest of the file for every one of them.
  for (const std::string line : {"1,\"x,y\n", "\"a\"\"b,c\n", "\"\"\"x,y\n", "1,x\"\"\"\"y,z\n"}) {
    std::string text = "a,b,c\n";
    for (int i = 0; i < 100'000; ++i) text += line;
    ReadCsv(text);  // Seconds, or the test's time is over.
  }
}

TEST(Csv, FindsTheDelimiterUnderWhichTheHeaderHasTheColumns) {
  const CsvFormat wanted{.wanted = {"ts", "price"}};
  EXPECT_THAT(ReadCsv("ts;price\n1;5,5\n", wanted).rows, testing::ElementsAre("1/5,5"));
  EXPECT_THAT(ReadCsv("ts\tprice\n1\t5\n", wanted).rows, testing::ElementsAre("1/5"));
  EXPECT_THAT(ReadCsv("ts|price\n1|5\n", wanted).rows, testing::ElementsAre("1/5"));
  EXPECT_THAT(ReadCsv("\"ts\",\"price\"\n1,5\n", wanted).rows, testing::ElementsAre("1/5"));
  EXPECT_THAT(ReadCsv("ts;price\n1;5\n", {.delimiter = ','}).columns, testing::ElementsAre("ts;price"));
}

TEST(Csv, ReadsWhatOtherSystemsWrite) {
  EXPECT_THAT(ReadCsv("\xef\xbb\xbf\"a\",\"b\"\n\"1\",\"2\"\n").columns, testing::ElementsAre("a", "b"));
  EXPECT_THAT(ReadCsv("a,b\r1,2\r3,4").rows, testing::ElementsAre("1/2", "3/4")) << "lines that end with CR";
  EXPECT_THAT(ReadCsv("a, b\n1, x\n2, \" y, z\"\n").rows, testing::ElementsAre("1/x", "2/ y, z")) << "a blank each";
  EXPECT_THAT(ReadCsv("a,b\n1, x\n").rows, testing::ElementsAre("1/ x")) << "a blank that is text";
  EXPECT_THAT(ReadCsv("a,b\n\n1,2\n\n").rows, testing::ElementsAre("1/2")) << "blank lines";
  EXPECT_THAT(ReadCsv("a\n1\n\n2\n").rows, testing::ElementsAre("1", "", "2")) << "of one column they are rows";
  EXPECT_THAT(ReadCsv("a,b\n1,\"x \\\"y\\\" z\"\n", {.backslash = true}).rows, testing::ElementsAre("1/x \"y\" z"));
  EXPECT_THAT(ReadCsv("a,b\n1,\"x\n", {.delimiter = ',', .quote = '\0'}).rows, testing::ElementsAre("1/\"x"));
  CsvFormat no_header;
  no_header.header = {"a", "b"};
  EXPECT_THAT(ReadCsv("1,2\n3,4\n", no_header).rows, testing::ElementsAre("1/2", "3/4"));
  EXPECT_THAT(ReadCsv("a,b\n1,2,3\n4\n").faults,
              testing::ElementsAre("2: 3 cells, not the 2 of the header", "3: 1 cells, not the 2 of the header"));
}

TEST(Csv, ReadsEncodingsAsUtf8) {
  EXPECT_THAT(ReadCsv("a,b\nM\xfcller,caf\xe9\n", {.encoding = "iso-8859-1"}).rows,
              testing::ElementsAre("M\u00fcller/caf\u00e9"));
  EXPECT_THAT(ReadCsv("a,b\n\xa9koda,x\n", {.encoding = "iso-8859-2"}).rows, testing::ElementsAre("\u0160koda/x"));
  std::string utf16 = "\xff\xfe";
  for (const char c : std::string("a,b\n1,2\n")) utf16 += {c, '\0'};
  EXPECT_THAT(ReadCsv(utf16).rows, testing::ElementsAre("1/2"));
  const TestFolder folder;
  std::ofstream(folder / "t.csv") << "a\n";
  const auto unknown = OpenCsv(folder / "t.csv", {.encoding = "latin-nine//IGNORE"});
  ASSERT_FALSE(unknown.ok());
  EXPECT_THAT(unknown.error().ToString(), testing::HasSubstr("'latin-nine//IGNORE' is not an encoding"));
}

TEST(Csv, WhatIsNoTextFileIsRefusedAsThat) {
  const TestFolder folder;
  std::filesystem::create_directory(folder / "folder.csv");
  std::ofstream(folder / "archive.csv") << std::string("PK\3\4\0\0\n1,2\n", 12);
  const auto message = [&](const char* name) {
    const auto opened = OpenCsv(folder / name, {});
    return opened.ok() ? std::string() : opened.error().ToString();
  };
  EXPECT_THAT(message("folder.csv"), testing::HasSubstr("Is a directory")) << "a read that fails is no end of the file";
  EXPECT_THAT(message("archive.csv"), testing::HasSubstr("not text"));
}

TEST(Csv, AnyMixtureOfGoodLinesAndStrayQuotesGivesTheGoodLines) {
  Rng rng(19);
  for (int round = 0; round < 300; ++round) {
    std::string text = "id,name,x,y,z\n";
    std::vector<std::string> good;
    for (int i = 0; i < 30; ++i) {
      const std::string id = std::to_string(i);
      switch (rng.Below(5)) {
        case 0:
          text += id + ",\"stray,1,2,3\n";
          break;
        case 1:
          text += id + ",\"q, \"\"u\"\"\",1,2,3\n";
          good.push_back(id + "/q, \"u\"/1/2/3");
          break;
        case 2:
          text += id + ",short\n";
          break;
        default:
          text += id + ",plain,1,2,3\n";
          good.push_back(id + "/plain/1/2/3");
      }
    }
    EXPECT_EQ(ReadCsv(text).rows, good) << text;
  }
}

}  // namespace
}  // namespace gfr
