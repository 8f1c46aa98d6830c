// The contract of RowReader, which every implementation keeps.
#include "state/row_reader.h"

#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <mutex>
#include <thread>

#include "base/rng.h"
#include "store/redis_rows.h"
#include "store/test_redis.h"

namespace gfr {
namespace {

constexpr std::uint32_t kRowBytes[2] = {8, 24};

// Two tables, and a reader of what was published of them.
class Rows {
 public:
  virtual ~Rows() = default;
  std::byte* Write(std::uint32_t table, Key key, std::int64_t stamp) {
    changes_.push_back({table, key});
    return tables_[table].Write(key, stamp);
  }
  void Set(std::uint32_t table, Key key, std::int64_t stamp, std::uint64_t word) {
    std::byte* row = Write(table, key, stamp);
    for (std::uint32_t b = 0; b < kRowBytes[table]; b += 8) std::memcpy(row + b, &word, 8);
  }
  void Erase(std::uint32_t table, Key key, std::int64_t stamp) {
    changes_.push_back({table, key, true});
    tables_[table].Erase(key, stamp);
  }
  void Publish(std::int64_t stamp) {
    timeline_.Publish(stamp);
    Published();
    changes_.clear();
  }
  virtual RowReader& reader() = 0;

 protected:
  virtual void Published() {}
  Timeline timeline_;
  VersionedTable tables_[2] = {{timeline_, kRowBytes[0]}, {timeline_, kRowBytes[1]}};
  std::vector<RowChange> changes_;
};

class EmbeddedRows : public Rows {
 public:
  RowReader& reader() override { return reader_; }

 private:
  EmbeddedRowReader reader_{timeline_, {&tables_[0], &tables_[1]}};
};

class RedisRows : public Rows {
 public:
  RedisRows() {
    EXPECT_TRUE(owner_.Take().ok());
    Published();
  }
  RowReader& reader() override { return reader_; }

 protected:
  void Published() override {
    const Status status = owner_.Publish(timeline_.Hold(), changes_);
    EXPECT_TRUE(status.ok()) << status.error().ToString();
  }

 private:
  TestRedis server_;
  RedisRowsConfig config_{.server = server_.address(),
                          .space = "users",
                          .row_bytes = {kRowBytes[0], kRowBytes[1]},
                          .timeout_ms = 2000,
                          .answer_ms = 100'000};
  RedisRowOwner owner_{config_, {&tables_[0], &tables_[1]}, "test", 1};
  RedisRowReader reader_{config_};
};

template <typename T>
class RowReaderContract : public testing::Test {
 protected:
  T rows_;
  RowLease lease_;
  // Words of the rows of one key in both tables; 0: missing.
  std::pair<std::uint64_t, std::uint64_t> Both(Key key) {
    const std::byte *first, *second;
    const RowQuery queries[] = {{0, {&key, 1}, {&first, 1}}, {1, {&key, 1}, {&second, 1}}};
    rows_.reader().Fetch(queries, &lease_);
    return {Word(first, 0), Word(second, 2)};
  }
  static std::uint64_t Word(const std::byte* row, std::size_t i) {
    std::uint64_t word = 0;
    if (row != nullptr) std::memcpy(&word, row + i * 8, 8);
    return word;
  }
};
using Implementations = testing::Types<EmbeddedRows, RedisRows>;
TYPED_TEST_SUITE(RowReaderContract, Implementations);

using Pair = std::pair<std::uint64_t, std::uint64_t>;

TYPED_TEST(RowReaderContract, GivesWhatWasPublishedOfAllTablesAndNullForTheRest) {
  this->rows_.Set(0, 7, 1, 70);
  this->rows_.Set(1, 7, 2, 71);
  this->rows_.Set(1, 8, 2, 81);
  this->rows_.Publish(2);
  EXPECT_EQ(this->Both(7), Pair(70, 71));
  EXPECT_EQ(this->Both(8), Pair(0, 81));
  EXPECT_EQ(this->Both(9), Pair(0, 0));
  EXPECT_EQ(this->Both(0), Pair(0, 0));
  EXPECT_EQ(this->lease_.bound(), 2);
  EXPECT_FALSE(this->lease_.degraded());
}

TYPED_TEST(RowReaderContract, DoesNotSeeWhatIsNotPublished) {
  this->rows_.Set(0, 7, 1, 70);
  this->rows_.Publish(1);
  this->rows_.Set(0, 7, 2, 77);
  this->rows_.Set(1, 7, 2, 78);
  EXPECT_EQ(this->Both(7), Pair(70, 0));
  this->rows_.Publish(5);
  EXPECT_EQ(this->Both(7), Pair(77, 78));
  EXPECT_EQ(this->lease_.bound(), 5);
}

TYPED_TEST(RowReaderContract, ARowCarriesTheStampOfItsLastChange) {
  this->rows_.Set(0, 7, 3, 70);
  this->rows_.Publish(9);
  const Key key = 7;
  const std::byte* row = nullptr;
  const RowQuery query{0, {&key, 1}, {&row, 1}};
  this->rows_.reader().Fetch({&query, 1}, &this->lease_);
  ASSERT_NE(row, nullptr);
  EXPECT_EQ(RowReader::StampOf(row), 3);
}

TYPED_TEST(RowReaderContract, AnErasedRowIsMissingAndComesBackZero) {
  this->rows_.Set(0, 7, 1, 70);
  this->rows_.Publish(1);
  this->rows_.Erase(0, 7, 2);
  this->rows_.Publish(2);
  EXPECT_EQ(this->Both(7), Pair(0, 0));
  this->rows_.Write(1, 7, 3);
  this->rows_.Set(1, 7, 3, 71);
  this->rows_.Erase(1, 7, 3);
  EXPECT_EQ(this->Word(this->rows_.Write(1, 7, 3), 0), 0u);
  this->rows_.Set(0, 7, 3, 72);
  this->rows_.Publish(3);
  EXPECT_EQ(this->Both(7), Pair(72, 0));
  EXPECT_FALSE(this->lease_.degraded());
}

TYPED_TEST(RowReaderContract, ALeaseKeepsItsRowsWhileTheWriterGoesOn) {
  this->rows_.Set(0, 7, 1, 70);
  this->rows_.Publish(1);
  const Key key = 7;
  const std::byte* row = nullptr;
  const RowQuery query{0, {&key, 1}, {&row, 1}};
  this->rows_.reader().Fetch({&query, 1}, &this->lease_);
  for (int stamp = 2; stamp < 300; ++stamp) {
    this->rows_.Set(0, 7, stamp, stamp);
    this->rows_.Publish(stamp);
  }
  EXPECT_EQ(this->Word(row, 0), 70u);
  EXPECT_EQ(this->Both(7).first, 299u);
}

TYPED_TEST(RowReaderContract, FurtherRowsAreOfTheSameInstantAndLeaveTheEarlierOnesGood) {
  for (Key key = 1; key <= 50; ++key) this->rows_.Set(0, key, 1, 10 * key);
  this->rows_.Publish(1);
  const Key first_key = 7;
  const std::byte* first = nullptr;
  const RowQuery query{0, {&first_key, 1}, {&first, 1}};
  this->rows_.reader().Fetch({&query, 1}, &this->lease_);
  for (Key key = 1; key <= 50; ++key) this->rows_.Set(0, key, 2, 1000 + key);
  this->rows_.Publish(2);
  std::vector<Key> keys;
  for (Key key = 1; key <= 50; ++key) keys.push_back(key);
  std::vector<const std::byte*> rows(keys.size());
  const RowQuery more{0, keys, rows};
  for (int again = 0; again < 3; ++again) this->rows_.reader().FetchMore({&more, 1}, &this->lease_);
  EXPECT_EQ(this->Word(first, 0), 70u);
  for (std::size_t i = 0; i < keys.size(); ++i) EXPECT_EQ(this->Word(rows[i], 0), 10 * keys[i]);
  EXPECT_EQ(this->lease_.bound(), 1);
  EXPECT_FALSE(this->lease_.degraded());
}

TYPED_TEST(RowReaderContract, TakesQueriesOfAnySizeInAnyOrderWithRepeatedKeys) {
  Rng rng(5);
  for (Key key = 1; key <= 6000; ++key) this->rows_.Set(key % 2, key, 1, key * 3);
  this->rows_.Publish(1);
  for (const std::size_t n : {0, 1, 33, 1000, 1001, 5000}) {
    std::vector<Key> keys[3];
    std::vector<const std::byte*> rows[3];
    std::vector<RowQuery> queries;
    for (std::uint32_t q = 0; q < 3; ++q) {
      for (std::size_t i = 0; i < n; ++i) keys[q].push_back(rng.Below(7000));
      rows[q].resize(n);
      queries.push_back({q % 2, keys[q], rows[q]});
    }
    this->rows_.reader().Fetch(queries, &this->lease_);
    ASSERT_FALSE(this->lease_.degraded());
    for (std::uint32_t q = 0; q < 3; ++q) {
      for (std::size_t i = 0; i < n; ++i) {
        const Key key = keys[q][i];
        const bool exists = key > 0 && key <= 6000 && key % 2 == q % 2;
        ASSERT_EQ(this->Word(rows[q][i], 0), exists ? key * 3 : 0) << n << " " << q << " " << i;
      }
    }
  }
}

TYPED_TEST(RowReaderContract, EveryFetchIsOneInstantOfTheHistory) {
  constexpr std::size_t kKeys = 40;
  std::mutex mutex;
  std::map<std::int64_t, std::vector<std::uint64_t>> history;  // By published stamp: words of both tables' keys.
  std::atomic<bool> stop{false};
  std::atomic<int> fetches{0}, wrong{0}, degraded{0};
  std::vector<std::uint64_t> words(2 * kKeys);
  history[0] = words;
  this->rows_.Publish(0);
  const auto reader = [&] {
    RowLease lease;
    std::vector<Key> keys;
    for (Key key = 1; key <= kKeys; ++key) keys.push_back(key);
    std::vector<const std::byte*> rows(2 * kKeys);
    const RowQuery queries[] = {{0, keys, {rows.data(), kKeys}}, {1, keys, {rows.data() + kKeys, kKeys}}};
    while (!stop) {
      this->rows_.reader().Fetch(queries, &lease);
      ++fetches;
      if (lease.degraded()) {
        ++degraded;
        continue;
      }
      const std::lock_guard lock(mutex);
      const auto at = history.find(lease.bound());
      if (at == history.end()) {
        ++wrong;
        continue;
      }
      for (std::size_t i = 0; i < rows.size(); ++i) wrong += this->Word(rows[i], i < kKeys ? 0 : 2) != at->second[i];
    }
  };
  std::thread readers[] = {std::thread(reader), std::thread(reader)};
  Rng rng(11);
  // However the threads are scheduled: the writer goes on until the readers have read enough beside it.
  const auto read_enough = [&] { return fetches - degraded > 20; };
  for (std::int64_t stamp = 1; stamp <= 1500 || !read_enough(); ++stamp) {
    for (int i = 0; i < 6; ++i) {
      const std::uint32_t table = rng.Below(2);
      const Key key = 1 + rng.Below(kKeys);
      const std::uint64_t word = 1 + rng.Below(1 << 30);
      this->rows_.Set(table, key, stamp, word);
      words[table * kKeys + key - 1] = word;
    }
    {
      const std::lock_guard lock(mutex);
      history[stamp] = words;
    }
    this->rows_.Publish(stamp);
    if (stamp % 10 == 0 || stamp > 1500) std::this_thread::yield();
  }
  stop = true;
  for (std::thread& thread : readers) thread.join();
  EXPECT_EQ(wrong, 0) << "of " << fetches << " fetches";
}

}  // namespace
}  // namespace gfr
