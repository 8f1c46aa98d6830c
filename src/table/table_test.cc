#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "base/fault_file_system.h"
#include "base/test_folder.h"
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

}  // namespace
}  // namespace gfr
