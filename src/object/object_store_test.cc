#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "base/test_folder.h"
#include "object/test_s3.h"
#include "runtime/test_http_peer.h"

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
  ASSERT_TRUE(store->Put("date=2026-01-31/b=c", "partition").ok());
  EXPECT_EQ(store->Get("date=2026-01-31/b=c").value(), "partition");
  EXPECT_THAT(store->List("date=2026-01-31").value(), testing::ElementsAre("b=c"));
  for (const char* name : {"", "/a", "a/", "a//b", "../a", "a b", "a?b"})
    EXPECT_EQ(store->Put(name, "x").error().code, ErrorCode::kInvalidArgument) << name;
}

TEST_P(ObjectStoreContract, AFolderIsNoObject) {
  ASSERT_TRUE(store->Put("folder/object", "x").ok());
  EXPECT_EQ(store->Get("folder").error().code, ErrorCode::kNotFound);
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
      S3ObjectStore({.bucket = "b", .endpoint = "http://127.0.0.1:1", .access_key = "k", .secret_key = "s", .tries = 1})
          .value();
  const auto got = store->Get("x");
  EXPECT_EQ(got.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(got.error().message, testing::HasSubstr("127.0.0.1:1"));
}

TEST(S3ObjectStore, TriesAgainWhatMayPassAndNothingElse) {
  for (const auto& [status, tries] : {std::pair("503 Slow Down", 3), {"500 Internal Error", 3}, {"403 Forbidden", 1}}) {
    TestHttpPeer peer("HTTP/1.1 " + std::string(status) + "\r\nContent-Length: 4\r\n\r\nbusy");
    const auto store = S3ObjectStore({.bucket = "b",
                                      .endpoint = peer.url(),
                                      .access_key = "k",
                                      .secret_key = "s",
                                      .tries = 3,
                                      .first_wait_ms = 1})
                           .value();
    const auto got = store->Get("x");
    EXPECT_EQ(got.error().code, ErrorCode::kUnavailable);
    EXPECT_THAT(got.error().message, testing::HasSubstr(std::string(status).substr(0, 3)));
    int asked = 0;
    const std::string received = peer.received();
    for (std::size_t at = 0; (at = received.find("GET /b/x", at)) != std::string::npos; ++at) ++asked;
    EXPECT_EQ(asked, tries) << status;
  }
}

}  // namespace
}  // namespace gfr
