#include "index/read_embeddings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "base/clock.h"
#include "base/test_folder.h"
#include "event/csv.h"
#include "index/index_registry.h"

namespace gfr {
namespace {

using testing::HasSubstr;

Result<std::shared_ptr<const EmbeddingIndex>> OfCsv(const std::string& text, bool normalized = false) {
  const TestFolder folder;
  const std::string path = folder.path() + "/e.csv";
  EXPECT_TRUE(PublishFile(PosixFileSystem(), path, text).ok());
  const auto rows = OpenCsv(path);
  return ReadEmbeddings(*rows.value(), normalized);
}

std::vector<float> VectorOf(const EmbeddingIndex& index, const std::string& item) {
  const auto at = std::ranges::find(index.items(), KeyOf(item));
  const auto vector = index.Vector(static_cast<std::size_t>(at - index.items().begin()));
  return {vector.begin(), vector.end()};
}

TEST(ReadEmbeddings, ColumnsOfNumbersAreAVector) {
  const auto index = OfCsv("x,item_id,y\n1,a,2.5\n3,b,4\n");
  ASSERT_TRUE(index.ok()) << index.error().ToString();
  EXPECT_THAT(VectorOf(*index.value(), "a"), testing::ElementsAre(1.0f, 2.5f));
  EXPECT_THAT(VectorOf(*index.value(), "b"), testing::ElementsAre(3.0f, 4.0f));
  EXPECT_FALSE(index.value()->is_factors());
  EXPECT_THAT(VectorOf(*OfCsv("item_id,x,y\nb,3,4\n", /*normalized=*/true).value(), "b"),
              testing::ElementsAre(0.6f, 0.8f));
}

TEST(ReadEmbeddings, WhatIsNoEmbeddingIsNamedWithItsRow) {
  EXPECT_THAT(OfCsv("id,x\na,1\n").error().message, HasSubstr("no column item_id"));
  EXPECT_THAT(OfCsv("item_id,x\na,1\nb,nan\n").error().message, HasSubstr("row 3: 'nan' is not a finite number"));
  EXPECT_THAT(OfCsv("item_id,x\na,1\na,2\n").error().message, HasSubstr("name an item twice"));
  EXPECT_THAT(OfCsv("item_id,x\n").error().message, HasSubstr("no embeddings"));
}

std::string NumPy(const std::string& shape, const std::string& descr, const std::string& data) {
  std::string header = "{'descr': '" + descr + "', 'fortran_order': False, 'shape': (" + shape + "), }\n";
  std::string npy("\x93NUMPY\x01\x00", 8);
  npy += static_cast<char>(header.size());
  npy += '\0';
  return npy + header + data;
}

std::string BytesOf(const std::vector<float>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float)};
}

TEST(ReadEmbeddings, AMatrixOfNumPyIsReadWithItsIds) {
  const std::string npy = NumPy("2, 3", "<f4", BytesOf({1, 2, 3, 4, 5, 6}));
  const auto index = ReadNumPyEmbeddings(npy, "a\r\nb\n", false);
  ASSERT_TRUE(index.ok()) << index.error().ToString();
  EXPECT_THAT(VectorOf(*index.value(), "b"), testing::ElementsAre(4.0f, 5.0f, 6.0f));
  EXPECT_THAT(ReadNumPyEmbeddings(npy, "a\n", false).error().message, HasSubstr("more rows"));
  EXPECT_THAT(ReadNumPyEmbeddings(npy, "a\nb\nc\n", false).error().message, HasSubstr("more ids"));
}

TEST(ReadEmbeddings, AHostileMatrixIsRefused) {
  for (const std::string& npy :
       {std::string(), std::string("\x93NUMPY"), NumPy("2, 3", "<f4", "short"),
        NumPy("2, 3", "<i4", BytesOf({1, 2, 3, 4, 5, 6})), NumPy("99999999999999999999, 3", "<f4", ""),
        NumPy("2", "<f4", BytesOf({1, 2})), NumPy("-2, 3", "<f4", ""),
        NumPy("2, 3, 1", "<f4", BytesOf({1, 2, 3, 4, 5, 6})), NumPy("1, 1", "<f4", BytesOf({NAN}))})
    EXPECT_EQ(ReadNumPyEmbeddings(npy, "a\nb\n", false).error().code, ErrorCode::kInvalidArgument) << npy;
}

TEST(IndexRegistry, AVersionComesBackAsItWasRegisteredAndErrorsNameTheCommandsOfAnIndex) {
  const TestFolder folder;
  const FixedClock clock(5);
  Registry registry = IndexRegistry(LocalObjectStore(PosixFileSystem(), folder.path()), clock);
  EXPECT_THAT(registry.Champion(kEmbeddingName).error().message, HasSubstr("`gfr index train` makes one"));
  const auto index = OfCsv("item_id,x\na,1\nb,2\n").value();
  ASSERT_EQ(RegisterEmbeddings(registry, *index, {{"made", "import"}}).value(), "1");
  EXPECT_EQ(LoadEmbeddings(registry, "1").value()->Encode(), index->Encode());
  EXPECT_THAT(LoadEmbeddings(registry, "2").error().message, HasSubstr("`gfr index list`"));
}

}  // namespace
}  // namespace gfr
