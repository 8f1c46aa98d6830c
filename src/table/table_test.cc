#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <limits>
#include <thread>

#include "base/fault_file_system.h"
#include "base/test_folder.h"
#include "table/parquet_rows.h"
#include "table/parquet_writer.h"
#include "table/test_s3.h"

namespace gfr {
namespace {

// What every ObjectStore promises.
class ObjectStoreContract : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    if (std::string(GetParam()) == "local") {
      store = LocalObjectStore(PosixFileSystem(), folder / "store");
      return;
    }
    if (!TestS3::Installed()) GTEST_SKIP() << "no S3 server here; `tools/setup --test-peers` installs one";
    s3 = std::make_unique<TestS3>();
    ASSERT_TRUE(s3->ready());
    store = s3->Store("a/prefix");
  }
  const TestFolder folder;
  std::unique_ptr<TestS3> s3;
  std::shared_ptr<ObjectStore> store;
};

TEST_P(ObjectStoreContract, KeepsWhatIsPutUntilItIsRemoved) {
  EXPECT_EQ(store->Get("a/b").error().code, ErrorCode::kNotFound);
  EXPECT_TRUE(store->List("a").value().empty());
  const std::string bytes("\0 any\xff bytes\r\n", 14);
  ASSERT_TRUE(store->Put("a/b", bytes).ok());
  EXPECT_EQ(store->Get("a/b").value(), bytes);
  ASSERT_TRUE(store->Put("a/b", "").ok());
  EXPECT_EQ(store->Get("a/b").value(), "");
  const std::string large(3 << 20, 'x');
  ASSERT_TRUE(store->Put("a/c/d", large).ok());
  EXPECT_EQ(store->Get("a/c/d").value(), large);
  EXPECT_THAT(store->List("a").value(), testing::ElementsAre("b", "c"));
  EXPECT_THAT(store->List("").value(), testing::ElementsAre("a"));
  ASSERT_TRUE(store->Remove("a/b").ok());
  EXPECT_TRUE(store->Remove("a/b").ok()) << "a missing one is no error";
  EXPECT_EQ(store->Get("a/b").error().code, ErrorCode::kNotFound);
  EXPECT_THAT(store->List("a").value(), testing::ElementsAre("c"));
  for (const char* name : {"", "/a", "a/", "a//b", "../a", "a b", "a?b"})
    EXPECT_EQ(store->Put(name, "x").error().code, ErrorCode::kInvalidArgument) << name;
}

TEST_P(ObjectStoreContract, GivesAnObjectToOneOfManyWriters) {
  ASSERT_TRUE(store->PutIfAbsent("x/first", "mine").ok());
  EXPECT_EQ(store->PutIfAbsent("x/first", "yours").error().code, ErrorCode::kAlreadyExists);
  EXPECT_EQ(store->Get("x/first").value(), "mine");
  for (int round = 0; round < 5; ++round) {
    const std::string name = "race/" + std::to_string(round);
    std::atomic<int> won = 0, told = 0;
    std::string winner;
    std::vector<std::thread> writers;
    for (int w = 0; w < 4; ++w) {
      writers.emplace_back([&, w] {
        const Status s = store->PutIfAbsent(name, "writer " + std::to_string(w));
        if (s.ok()) {
          ++won;
          winner = "writer " + std::to_string(w);
        } else if (s.error().code == ErrorCode::kAlreadyExists) {
          ++told;
        }
      });
    }
    for (std::thread& t : writers) t.join();
    EXPECT_EQ(won, 1);
    EXPECT_EQ(told, 3);
    EXPECT_EQ(store->Get(name).value(), winner);
  }
}

INSTANTIATE_TEST_SUITE_P(Stores, ObjectStoreContract, testing::Values("local", "s3"),
                         [](const auto& info) { return std::string(info.param); });

TEST(S3ObjectStore, SaysWhatIsWrongWithItsAddressOrServer) {
  EXPECT_EQ(S3OptionsOf("s3://").error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(S3OptionsOf("s4://b/p").error().code, ErrorCode::kInvalidArgument);
  const auto store =
      S3ObjectStore({.bucket = "b", .endpoint = "http://127.0.0.1:1", .access_key = "k", .secret_key = "s"}).value();
  const auto got = store->Get("x");
  EXPECT_EQ(got.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(got.error().message, testing::HasSubstr("127.0.0.1:1"));
}

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
