#include "store/redis_rows.h"

#include <gtest/gtest.h>

#include "store/test_redis.h"

namespace gfr {
namespace {

TEST(OnlineAddress, ReadsItsFormsAndNamesThemWhenItCannot) {
  EXPECT_TRUE(ParseOnlineAddress("embedded").value().embedded);
  const RedisAddress tcp = ParseOnlineAddress("redis://cache.local:7000/shop:").value().redis;
  EXPECT_EQ(tcp.host, "cache.local");
  EXPECT_EQ(tcp.port, 7000);
  EXPECT_EQ(tcp.prefix, "shop:");
  EXPECT_EQ(ParseOnlineAddress("redis://cache").value().redis.port, 6379);
  EXPECT_EQ(ParseOnlineAddress("redis://cache").value().redis.prefix, "gfr:");
  const RedisAddress local = ParseOnlineAddress("redis+unix:///run/r.sock?prefix=a:").value().redis;
  EXPECT_EQ(local.path, "/run/r.sock");
  EXPECT_EQ(local.prefix, "a:");
  EXPECT_TRUE(local.host.empty());
  for (const char* bad : {"", "Embedded", "redis:", "redis://", "redis://:1", "redis://h:0", "redis://h:x",
                          "redis://h:70000", "redis://u:p@h", "redis+unix://r.sock", "redis+unix:///r?x=1"}) {
    const auto parsed = ParseOnlineAddress(bad, {"gfr.toml", 3});
    ASSERT_FALSE(parsed.ok()) << bad;
    EXPECT_NE(parsed.error().ToString().find("gfr.toml:3: online"), std::string::npos);
    EXPECT_NE(parsed.error().message.find("redis+unix:///PATH"), std::string::npos);
  }
}

class RedisRowsTest : public testing::Test {
 protected:
  TestRedis server_;
  RedisRowsConfig config_{.server = server_.address(),
                          .space = "u[1]",
                          .row_bytes = {8},
                          .timeout_ms = 2000,
                          .answer_ms = 100'000,
                          .backoff_ms = 50};
  Timeline timeline_;
  VersionedTable table_{timeline_, 8};
  RowLease lease_;
  std::int64_t stamp_ = 0;
  std::vector<RowChange> changes_;

  void Set(Key key, std::uint64_t word) {
    std::memcpy(table_.Write(key, stamp_ + 1), &word, 8);
    changes_.push_back({0, key});
  }
  Status Publish(RedisRowOwner& owner) {
    timeline_.Publish(++stamp_);
    const std::vector<RowChange> changes = std::move(changes_);
    changes_.clear();
    return owner.Publish(timeline_.Hold(), changes);
  }
  std::uint64_t Read(RowReader& reader, Key key) {
    const std::byte* row = nullptr;
    const RowQuery query{0, {&key, 1}, {&row, 1}};
    reader.Fetch({&query, 1}, &lease_);
    std::uint64_t word = 0;
    if (row != nullptr) std::memcpy(&word, row, 8);
    return word;
  }
  template <typename F>
  static bool Soon(F&& condition) {
    for (int i = 0; i < 3000; ++i) {
      if (condition()) return true;
      usleep(20000);
    }
    return false;
  }
  static std::string RowName(Key key) {
    return "test:u[1]:0:" + std::string(reinterpret_cast<const char*>(&key), sizeof key);
  }
};

TEST_F(RedisRowsTest, AStaleOwnerIsRefusedAndChangesNothing) {
  RedisRowOwner first(config_, {&table_}, "first", 100), second(config_, {&table_}, "second", 100);
  RedisRowReader reader(config_);
  ASSERT_TRUE(first.Take().ok());
  Set(1, 10);
  ASSERT_TRUE(Publish(first).ok());
  ASSERT_TRUE(second.Take().ok());
  ASSERT_TRUE(Publish(second).ok());
  const std::int64_t published = stamp_;
  Set(1, 11);
  const Status stale = Publish(first);
  ASSERT_FALSE(stale.ok());
  EXPECT_TRUE(first.fenced());
  EXPECT_EQ(stale.error().message,
            "redis: \"101 second\" owns the rows of test:u[1] now; this process's \"100 first\" is stale and wrote "
            "nothing");
  EXPECT_FALSE(Publish(first).ok());
  EXPECT_EQ(Read(reader, 1), 10u);
  EXPECT_EQ(lease_.bound(), published);
}

TEST_F(RedisRowsTest, AStaleOwnerIsRefusedEvenWhenTheServerForgotBoth) {
  RedisRowOwner stale(config_, {&table_}, "stale", 100), owner(config_, {&table_}, "owner", 200);
  ASSERT_TRUE(stale.Take().ok());
  ASSERT_TRUE(Publish(stale).ok());
  ASSERT_TRUE(owner.Take().ok());
  Set(1, 10);
  ASSERT_TRUE(Publish(owner).ok());
  server_.Do({"FLUSHALL"});
  (void)Publish(stale);  // Nobody is there who could refuse it yet.
  Set(1, 11);
  const Status again = Publish(owner);
  ASSERT_TRUE(again.ok()) << again.error().ToString();
  EXPECT_EQ(owner.resyncs(), 2u);
  EXPECT_FALSE(Publish(stale).ok());
  EXPECT_TRUE(stale.fenced());
  RedisRowReader reader(config_);
  EXPECT_EQ(Read(reader, 1), 11u);
}

TEST_F(RedisRowsTest, AfterAServerLostItsDataAllRowsComeBack) {
  RedisRowOwner owner(config_, {&table_}, "owner", 1);
  RedisRowReader reader(config_);
  ASSERT_TRUE(owner.Take().ok());
  for (Key key = 1; key <= 40000; ++key) Set(key, key + 5);
  ASSERT_TRUE(Publish(owner).ok());
  EXPECT_EQ(Read(reader, 39999), 40004u);
  server_.Stop();
  EXPECT_EQ(Read(reader, 39999), 0u);
  EXPECT_TRUE(lease_.degraded());
  Set(3, 99);
  EXPECT_FALSE(Publish(owner).ok());
  server_.Start();
  ASSERT_TRUE(Soon([&] { return Publish(owner).ok(); }));
  ASSERT_TRUE(Soon([&] { return Read(reader, 39999) == 40004u; })) << reader.last_error();
  EXPECT_EQ(Read(reader, 3), 99u);
  EXPECT_FALSE(lease_.degraded());
}

TEST_F(RedisRowsTest, RowsErasedWhileTheOwnerWasAwayGoWithItsNextStart) {
  Set(1, 10);
  Set(2, 20);
  {
    RedisRowOwner owner(config_, {&table_}, "owner", 1);
    ASSERT_TRUE(owner.Take().ok());
    ASSERT_TRUE(Publish(owner).ok());
  }
  Timeline later;
  VersionedTable without(later, 8);  // As restored from a snapshot that no longer knew key 1.
  without.Write(2, 5);
  later.Publish(5);
  RedisRowOwner owner(config_, {&without}, "owner", 2);
  ASSERT_TRUE(owner.Take().ok());
  server_.Do({"SET", "test:u11:0:12345678", "another space's"});
  ASSERT_TRUE(owner.Publish(later.Hold(), {}).ok());
  EXPECT_EQ(server_.Do({"GET", RowName(1)}), "");
  EXPECT_EQ(server_.Do({"GET", RowName(2)}).size(), 24u);
  EXPECT_EQ(server_.Do({"GET", "test:u11:0:12345678"}), "another space's");
}

TEST_F(RedisRowsTest, NothingOfAnErasedRowStays) {
  RedisRowOwner owner(config_, {&table_}, "owner", 1);
  ASSERT_TRUE(owner.Take().ok());
  ASSERT_TRUE(Publish(owner).ok());
  Set(1, 0x4142434445464748);
  ASSERT_TRUE(Publish(owner).ok());
  EXPECT_NE(server_.Do({"GET", RowName(1)}).find("HGFEDCBA"), std::string::npos);
  table_.Erase(1, stamp_ + 1);
  changes_.push_back({0, 1, true});
  ASSERT_TRUE(Publish(owner).ok());
  EXPECT_EQ(server_.Do({"GET", RowName(1)}), "");
  Set(1, 0x4142434445464748);
  ASSERT_TRUE(Publish(owner).ok());
  table_.Erase(1, stamp_ + 1);
  changes_.push_back({0, 1, true});
  Set(1, 5);  // Written again in the same batch.
  ASSERT_TRUE(Publish(owner).ok());
  EXPECT_EQ(server_.Do({"GET", RowName(1)}).find("HGFEDCBA"), std::string::npos);
  RedisRowReader reader(config_);
  EXPECT_EQ(Read(reader, 1), 5u);
}

TEST_F(RedisRowsTest, AHungServerCostsARequestItsTimeoutOnceAndTheOthersNothing) {
  RedisRowOwner owner(config_, {&table_}, "owner", 1);
  config_.backoff_ms = 60000;  // The connector does not try again within this test.
  RedisRowReader reader(config_);
  ASSERT_TRUE(owner.Take().ok());
  Set(1, 10);
  ASSERT_TRUE(Publish(owner).ok());
  ASSERT_EQ(Read(reader, 1), 10u);
  server_.Hang();
  const std::int64_t start = MonotonicMs();
  EXPECT_EQ(Read(reader, 1), 0u);
  EXPECT_TRUE(lease_.degraded());
  EXPECT_EQ(lease_.bound(), Timeline::kNothing);
  const std::int64_t first = MonotonicMs() - start;
  EXPECT_GE(first, config_.timeout_ms - 1);
  for (int i = 0; i < 1000; ++i) {
    EXPECT_EQ(Read(reader, 1), 0u);
    EXPECT_TRUE(lease_.degraded());
  }
  EXPECT_LT(MonotonicMs() - start - first, 1000 * config_.timeout_ms / 10);
  EXPECT_NE(reader.last_error().find("no answer in time"), std::string::npos);
  server_.GoOn();
}

TEST_F(RedisRowsTest, AHungServerComesBackWithoutAnyRequestWaitingForIt) {
  RedisRowOwner owner(config_, {&table_}, "owner", 1);
  RedisRowReader reader(config_);
  ASSERT_TRUE(owner.Take().ok());
  Set(1, 10);
  ASSERT_TRUE(Publish(owner).ok());
  server_.Hang();
  EXPECT_EQ(Read(reader, 1), 0u);
  EXPECT_FALSE(reader.up());
  usleep(300000);
  EXPECT_FALSE(reader.up()) << "a server that accepts and does not answer is not up";
  server_.GoOn();
  ASSERT_TRUE(Soon([&] { return reader.up(); }));
  EXPECT_EQ(Read(reader, 1), 10u);
}

TEST_F(RedisRowsTest, AServerThatNeverWasIsDegradedAndNoError) {
  config_.server.path += ".none";
  const std::int64_t start = MonotonicMs();
  RedisRowReader reader(config_);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(Read(reader, 1), 0u);
  EXPECT_TRUE(lease_.degraded());
  EXPECT_LT(MonotonicMs() - start, 100 * config_.timeout_ms / 2) << "none waits";
  EXPECT_NE(reader.last_error().find("No such file"), std::string::npos);
  RedisRowOwner owner(config_, {&table_}, "owner", 1);
  EXPECT_EQ(owner.Take().error().code, ErrorCode::kUnavailable);
}

TEST_F(RedisRowsTest, ARowThatMovedOnTwiceIsTriedAgainAndThenMissing) {
  RedisRowReader reader(config_);
  std::string blob(48, '\0');
  const std::int64_t newer = 9, older = 7;
  std::memcpy(blob.data(), &newer, 8);
  std::memcpy(blob.data() + 24, &older, 8);
  const std::uint64_t words[2] = {90, 70};
  std::memcpy(blob.data() + 16, &words[0], 8);
  std::memcpy(blob.data() + 40, &words[1], 8);
  server_.Do({"SET", RowName(1), blob});
  EXPECT_EQ(Read(reader, 1), 0u);
  EXPECT_TRUE(lease_.degraded()) << "nothing is published";
  server_.Do({"SET", "test:u[1]:published", "5"});
  EXPECT_EQ(Read(reader, 1), 0u);
  EXPECT_TRUE(lease_.degraded());
  EXPECT_EQ(lease_.bound(), 5);
  server_.Do({"SET", "test:u[1]:published", "8"});
  EXPECT_EQ(Read(reader, 1), 70u);
  EXPECT_FALSE(lease_.degraded());
  server_.Do({"SET", "test:u[1]:published", "9"});
  EXPECT_EQ(Read(reader, 1), 90u);
  server_.Do({"SET", RowName(1), blob.substr(0, 30)});
  EXPECT_EQ(Read(reader, 1), 0u);
  EXPECT_TRUE(lease_.degraded()) << "a row of another size";
}

TEST_F(RedisRowsTest, AServerThatRefusesWritesIsNoOwnersSuccess) {
  RedisRowOwner owner(config_, {&table_}, "owner", 1);
  RedisRowReader reader(config_);
  ASSERT_TRUE(owner.Take().ok());
  Set(1, 10);
  ASSERT_TRUE(Publish(owner).ok());
  server_.Do({"CONFIG", "SET", "maxmemory", "1"});
  Set(1, 11);
  const Status full = Publish(owner);
  ASSERT_FALSE(full.ok());
  EXPECT_NE(full.error().message.find("OOM"), std::string::npos) << full.error().message;
  EXPECT_EQ(Read(reader, 1), 10u);
  server_.Do({"CONFIG", "SET", "maxmemory", "0"});
  ASSERT_TRUE(Soon([&] { return Publish(owner).ok(); }));
  EXPECT_EQ(Read(reader, 1), 11u);
}

}  // namespace
}  // namespace gfr
