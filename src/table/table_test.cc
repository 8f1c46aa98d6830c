#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "base/fault_file_system.h"
#include "base/number_text.h"
#include "base/test_folder.h"
#include "base/test_python.h"
#include "table/parquet_columns.h"
#include "table/parquet_rows.h"
#include "table/parquet_writer.h"

namespace gfr {
namespace {

std::vector<NamedColumn> Numbered(int from, int to) {
  std::vector<float> x;
  std::vector<std::uint64_t> n;
  for (int i = from; i < to; ++i) {
    x.push_back(i % 7 == 0 ? std::numeric_limits<float>::quiet_NaN() : static_cast<float>(i) / 2);
    n.push_back(static_cast<std::uint64_t>(i));
  }
  return {{"x", x}, {"n", n}};
}

std::vector<std::string> RowsOf(const std::string& path) {
  const auto rows = OpenParquet(path);
  EXPECT_TRUE(rows.ok());
  std::vector<std::string> all;
  for (std::vector<Cell> row; rows.value()->Next(&row).value();) {
    all.emplace_back();
    for (const Cell& cell : row) all.back() += cell.text + "|";
  }
  return all;
}

TEST(ParquetWriterTest, AFileInBatchesHoldsTheRowsOfOneWrittenWhole) {
  const TestFolder folder;
  ASSERT_TRUE(WriteParquet(folder.path() + "/whole.parquet", Numbered(0, 1000)).ok());
  const std::string path = folder.path() + "/batches.parquet";
  auto writer = ParquetWriter::Open(PosixFileSystem(), path, Numbered(0, 0), {{"gfr.fingerprint", "42"}});
  ASSERT_TRUE(writer.ok()) << writer.error().ToString();
  for (const auto& [from, to] : {std::pair(0, 1), std::pair(1, 1), std::pair(1, 700), std::pair(700, 1000)})
    ASSERT_TRUE(writer.value()->Append(Numbered(from, to)).ok());
  EXPECT_FALSE(PosixFileSystem().Exists(path)) << "it is there only when it is whole";
  ASSERT_TRUE(writer.value()->Close().ok());
  EXPECT_EQ(RowsOf(path), RowsOf(folder.path() + "/whole.parquet"));
  EXPECT_EQ(RowsOf(path)[8], "4|8|");
  EXPECT_EQ(RowsOf(path)[7], "|7|");
  EXPECT_NE(PosixFileSystem().ReadAll(path).value().find("gfr.fingerprint"), std::string::npos);
}

TEST(ParquetWriterTest, AWriterThatIsNotClosedOrCannotWriteLeavesNoFile) {
  const TestFolder folder;
  const std::string path = folder.path() + "/x.parquet";
  {
    auto writer = ParquetWriter::Open(PosixFileSystem(), path, Numbered(0, 0));
    ASSERT_TRUE(writer.value()->Append(Numbered(0, 100)).ok());
  }
  EXPECT_TRUE(PosixFileSystem().List(folder.path()).value().empty());
  for (std::int64_t fail_at = 0;; ++fail_at) {
    FaultFileSystem fs(1);
    fs.fail_at = fail_at;
    const Status status = [&]() -> Status {
      GFR_ASSIGN(const auto writer, ParquetWriter::Open(fs, "d/x.parquet", Numbered(0, 0)));
      GFR_TRY(writer->Append(Numbered(0, 100)));
      return writer->Close();
    }();
    if (status.ok()) {
      EXPECT_GT(fail_at, 4) << "every write, the sync, the rename and the folder's sync fail in turn";
      EXPECT_EQ(fs.List("d").value(), std::vector<std::string>{"x.parquet"});
      break;
    }
    EXPECT_FALSE(fs.Exists("d/x.parquet.tmp"));
  }
}

TEST(ParquetColumns, AreNumbersAsTheFileHasThemAndOthersMayBeAnything) {
  const TestFolder folder;
  RunPython(folder, R"(
import datetime, decimal, numpy as np, pyarrow as pa, pyarrow.parquet as pq
when = pa.array([datetime.datetime(2026, 1, 1)] * 3)
table = pa.table({
    "nested": pa.array([{"a": 1}] * 3), "f32": pa.array(np.array([1.7e9 + 64, .1, np.nan], np.float32)), "flag": pa.array([True, None, False]),
    "word": pa.array(["x", None, "y"]).dictionary_encode(), "code": pa.array([30, 10, None], pa.int64()).dictionary_encode(),
    "big": pa.array([2**53 + 1, -1, 0], pa.int64()), "money": pa.array([decimal.Decimal("1.25"), None, decimal.Decimal("-7.00")]),
    "half": pa.array(np.array([.5, 2, 3], np.float16)), "nothing": pa.nulls(3), "text": pa.array(["1", "", None]), "when": when})
pq.write_table(table, "t.parquet", row_group_size=2)
)");
  const std::string path = folder / "t.parquet";
  const auto opened = OpenParquetColumns(path);
  ASSERT_TRUE(opened.ok()) << opened.error().ToString();
  ColumnSource& source = *opened.value();
  ASSERT_EQ(source.columns().size(), 11u);
  ASSERT_TRUE(source.Select({9, 1, 2, 3, 4, 5, 6, 7, 8}).ok());
  std::vector<SourceColumn> all(9), batch;
  while (source.Next(2, &batch).value() > 0) {
    for (std::size_t k = 0; k < all.size(); ++k) {
      all[k].is_text = batch[k].is_text;
      all[k].numbers.insert(all[k].numbers.end(), batch[k].numbers.begin(), batch[k].numbers.end());
      all[k].texts.insert(all[k].texts.end(), batch[k].texts.begin(), batch[k].texts.end());
    }
  }
  const auto numbers = [&](std::size_t k) {
    std::string text;
    for (const double x : all[k].numbers) text += NumberText(x) + ";";
    return all[k].is_text ? "texts" : text;
  };
  EXPECT_EQ(all[0].texts, (std::vector<std::string>{"1", "", ""}));
  EXPECT_EQ(all[3].texts, (std::vector<std::string>{"x", "", "y"}));
  EXPECT_EQ(all[1].numbers[0], static_cast<double>(1.7e9f + 64));
  EXPECT_EQ(all[1].numbers[1], static_cast<double>(0.1f)) << "the float itself, not the double nearest to its text";
  EXPECT_EQ(numbers(2), "1;;0;");
  EXPECT_EQ(numbers(4), "30;10;;");
  EXPECT_EQ(all[5].numbers[0], 9007199254740992.0);
  EXPECT_EQ(numbers(6), "1.25;;-7;");
  EXPECT_EQ(numbers(7), "0.5;2;3;");
  EXPECT_EQ(numbers(8), ";;;");
  const Status refused = OpenParquetColumns(path).value()->Select({10});
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.error().message.find("column 'when' is timestamp"), std::string::npos) << refused.error().message;
  EXPECT_FALSE(OpenParquetColumns(path).value()->Select({0}).ok());
}

TEST(ParquetColumns, IdsKeepAllTheirDigits) {
  const TestFolder folder;
  RunPython(folder, R"(
import decimal, pyarrow as pa, pyarrow.parquet as pq
big = 2**53
pq.write_table(pa.table({
    "i64": pa.array([big, big + 1, None, -5], pa.int64()), "u64": pa.array([2**64 - 1, 2**64 - 2, None, 0], pa.uint64()),
    "wide": pa.array([decimal.Decimal(10**30), decimal.Decimal(10**30 + 1), None, decimal.Decimal(7)], pa.decimal128(38, 0)),
    "wider": pa.array([decimal.Decimal(10**30), decimal.Decimal(10**30 + 1), None, decimal.Decimal(7)], pa.decimal256(60, 0)),
    "coded": pa.array([big, big + 1, None, big], pa.int64()).dictionary_encode(), "text": pa.array(["a", "b", None, ""]),
    "f64": pa.array([1.5, 2, None, -0.5])}), "t.parquet")
)");
  const auto ids = [&](std::size_t column) {
    const auto source = OpenParquetColumns(folder / "t.parquet").value();
    EXPECT_TRUE(source->SelectIds(column).ok());
    std::vector<SourceColumn> columns;
    EXPECT_EQ(source->Next(10, &columns).value(), 4u);
    std::string text;
    for (const std::string& id : columns[0].texts) text += id + ";";
    for (const double id : columns[0].numbers) text += NumberText(id) + ",";
    return text;
  };
  EXPECT_EQ(ids(0), "9007199254740992;9007199254740993;;-5;");
  EXPECT_EQ(ids(1), "18446744073709551615;18446744073709551614;;0;");
  EXPECT_EQ(ids(2), "1000000000000000000000000000000;1000000000000000000000000000001;;7;");
  EXPECT_EQ(ids(3), "1000000000000000000000000000000;1000000000000000000000000000001;;7;");
  EXPECT_EQ(ids(4), "9007199254740992;9007199254740993;;9007199254740992;");
  EXPECT_EQ(ids(5), "a;b;;;");
  EXPECT_EQ(ids(6), "1.5,2,,-0.5,");
}

}  // namespace
}  // namespace gfr
