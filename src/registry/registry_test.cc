#include "registry/registry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <set>
#include <thread>

#include "base/test_folder.h"
#include "base/time.h"
#include "object/test_s3.h"

namespace gfr {
namespace {

class RegistryTest : public testing::Test {
 protected:
  TestFolder folder;
  const FixedClock clock{42};
  Registry registry{PosixFileSystem(), clock, folder / "models"};
};

TEST_F(RegistryTest, KeepsVersionsAndGivesBackTheirFiles) {
  EXPECT_EQ(registry.Register("feed", {{"a.txt", "one"}}).value(), "1");
  EXPECT_EQ(registry.Register("feed", {{"a.txt", "two"}}).value(), "2");
  EXPECT_EQ(registry.Load("feed", "1").value().at("a.txt"), "one");
  EXPECT_EQ(registry.Load("feed", "2").value().at("a.txt"), "two");
  EXPECT_EQ(registry.List("feed").value().size(), 2u);
  EXPECT_EQ(registry.Load("feed", "3").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(registry.Load("feed", "../feed").error().code, ErrorCode::kInvalidArgument);
}

TEST_F(RegistryTest, RollsBackThroughTheChampionsBefore) {
  for (const char* text : {"a", "b", "c"}) ASSERT_TRUE(registry.Register("feed", {{"f", text}}).ok());
  EXPECT_EQ(registry.Champion("feed").error().code, ErrorCode::kNotFound);
  for (const char* version : {"1", "3", "2"}) ASSERT_TRUE(registry.Promote("feed", version).ok());
  EXPECT_EQ(registry.Champion("feed").value(), "2");
  EXPECT_EQ(registry.Rollback("feed").value(), "3");
  EXPECT_EQ(registry.Rollback("feed").value(), "1");
  EXPECT_FALSE(registry.Rollback("feed").ok());
  EXPECT_EQ(registry.Champion("feed").value(), "1");
  EXPECT_FALSE(registry.Promote("feed", "9").ok());
}

TEST_F(RegistryTest, RefusesAVersionWhoseFileWasChanged) {
  ASSERT_TRUE(registry.Register("feed", {{"f", "true"}}).ok());
  ASSERT_TRUE(PublishFile(PosixFileSystem(), folder / "models/feed/1/f", "fake").ok());
  EXPECT_EQ(registry.Load("feed", "1").error().code, ErrorCode::kCorrupt);
}

TEST_F(RegistryTest, AVersionWithoutItsManifestIsNotThere) {
  ASSERT_TRUE(PosixFileSystem().MakeFolders(folder / "models/feed/7").ok());
  EXPECT_TRUE(registry.List("feed").value().empty());
  EXPECT_FALSE(registry.Load("feed", "7").ok());
  EXPECT_EQ(registry.Register("feed", {{"f", "x"}}).value(), "8") << "a number is never used twice";
}

// What a registry promises on every store.
class RegistryContract : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    store = LocalObjectStore(PosixFileSystem(), folder / "models");
    if (std::string(GetParam()) == "local") return;
    if (!TestS3::Installed()) GTEST_SKIP() << "no S3 server here; `tools/setup --test-peers` installs one";
    s3 = std::make_unique<TestS3>();
    ASSERT_TRUE(s3->ready());
    store = s3->Store("models");
  }
  Registry Open() { return Registry(store, clock); }
  const TestFolder folder;
  FixedClock clock{100 * kDayMs};
  std::unique_ptr<TestS3> s3;
  std::shared_ptr<ObjectStore> store;
};

TEST_P(RegistryContract, KeepsVersionsLineageAndAliases) {
  Registry registry = Open();
  EXPECT_EQ(registry.Register("feed", {{"a.txt", "one"}}, {{"rows_until", "7"}}).value(), "1");
  EXPECT_EQ(registry.Register("feed", {{"a.txt", "two"}}).value(), "2");
  EXPECT_EQ(registry.Load("feed", "1").value().at("a.txt"), "one");
  EXPECT_EQ(registry.Register("feed", {{"a.txt", "three"}}, {}, "2").error().code, ErrorCode::kAlreadyExists);
  EXPECT_EQ(registry.Load("feed", "2").value().at("a.txt"), "two");
  EXPECT_EQ(registry.Describe("feed", "1").value().lineage.at("rows_until"), "7");
  ASSERT_TRUE(registry.Promote("feed", "1").ok());
  ASSERT_TRUE(registry.SetAlias("feed", "challenger", "2").ok());
  ASSERT_TRUE(registry.SetAlias("feed", "shadow", "2").ok());
  EXPECT_THAT(registry.List("feed").value()[1].aliases, testing::ElementsAre("challenger", "shadow"));
  ASSERT_TRUE(registry.SetAlias("feed", "shadow", "").ok());
  EXPECT_EQ(registry.Alias("feed", "shadow").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(registry.SetAlias("feed", "king", "1").error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(registry.SetAlias("feed", "challenger", "9").error().code, ErrorCode::kNotFound);
  ASSERT_TRUE(store->Put("feed/2/a.txt", "changed").ok());
  EXPECT_EQ(registry.Load("feed", "2").error().code, ErrorCode::kCorrupt);
}

TEST_P(RegistryContract, OfTwoWritersOfAVersionOneWinsAndTheOtherIsTold) {
  std::atomic<int> told = 0;
  std::string winner;
  std::vector<std::thread> writers;
  for (int w = 0; w < 2; ++w) {
    writers.emplace_back([&, w] {
      const auto made = Open().Register("feed", {{"who", std::to_string(w)}, {"also", std::to_string(w)}}, {}, "5");
      if (made.ok())
        winner = std::to_string(w);
      else
        told += made.error().code == ErrorCode::kAlreadyExists;
    });
  }
  for (std::thread& t : writers) t.join();
  EXPECT_EQ(told, 1);
  const auto files = Open().Load("feed", "5").value();
  EXPECT_EQ(files.at("who"), winner);
  EXPECT_EQ(files.at("also"), winner);
  writers.clear();
  for (int w = 0; w < 3; ++w) writers.emplace_back([&] { EXPECT_TRUE(Open().Register("feed", {{"f", "x"}}).ok()); });
  for (std::thread& t : writers) t.join();
  EXPECT_EQ(Open().List("feed").value().size(), 4u) << "writers that ask for no number get one each";
}

TEST_P(RegistryContract, GarbageCollectionKeepsWhatIsUsed) {
  Registry registry = Open();
  for (int v = 0; v < 9; ++v) ASSERT_TRUE(registry.Register("feed", {{"f", "x"}}).ok());
  for (const char* champion : {"1", "1", "2", "3"}) ASSERT_TRUE(registry.Promote("feed", champion).ok());
  ASSERT_TRUE(registry.SetAlias("feed", "shadow", "5").ok());
  ASSERT_TRUE(registry.Lease("feed", "server-1", {"4", {{"4", {"champion"}}}}, kHourMs).ok());
  ASSERT_TRUE(registry.Lease("feed", "server-2", {"6", {}}, kMinuteMs).ok());
  clock.Set(clock.now_ms() + 10 * kMinuteMs);  // The second server is gone.
  EXPECT_THAT(registry.CollectGarbage("feed", 2, true).value(), testing::ElementsAre("6", "7"));
  EXPECT_EQ(registry.List("feed").value().size(), 9u) << "a dry run removes nothing";
  EXPECT_THAT(registry.CollectGarbage("feed", 2, true, {"6", "77"}).value(), testing::ElementsAre("7"))
      << "a variant names 6";
  EXPECT_THAT(registry.CollectGarbage("feed", 2).value(), testing::ElementsAre("6", "7"));
  std::vector<std::string> left;
  const auto entries = registry.List("feed").value();
  for (const auto& entry : entries) left.push_back(entry.version);
  EXPECT_THAT(left, testing::ElementsAre("1", "2", "3", "4", "5", "8", "9"));
  EXPECT_EQ(registry.Rollback("feed").value(), "2");
  EXPECT_TRUE(store->List("feed/7").value().empty());
  EXPECT_EQ(registry.Register("feed", {{"f", "x"}}).value(), "10");
  ASSERT_TRUE(store->Put("feed/leases/odd.json", "?").ok());
  EXPECT_EQ(registry.CollectGarbage("feed", 1).error().code, ErrorCode::kCorrupt);
}

TEST_P(RegistryContract, GarbageCollectionKeepsFiveChampionsAndAllThatLeasesName) {
  Registry registry = Open();
  for (int v = 0; v < 12; ++v) ASSERT_TRUE(registry.Register("feed", {{"f", "x"}}).ok());
  for (int v = 1; v <= 7; ++v) ASSERT_TRUE(registry.Promote("feed", std::to_string(v)).ok());
  ASSERT_TRUE(
      registry.Lease("feed", "server", {"7", {{"7", {"champion"}}, {"9", {"shadow"}}, {"1", {}}}}, kHourMs).ok());
  const std::string lease = store->Get("feed/leases/server.json").value();
  EXPECT_THAT(lease, testing::HasSubstr(R"({"roles":["shadow"],"version":"9"})"));
  EXPECT_THAT(lease, testing::HasSubstr(R"("version":"7"})"));
  EXPECT_THAT(registry.CollectGarbage("feed", 1, true).value(), testing::UnorderedElementsAre("2", "8", "10", "11"));
  for (const char* unreadable : {"?", "{}", R"({"version":"7","versions":7,"until_ms":1})",
                                 R"({"version":"7","versions":[{"roles":[]}],"until_ms":1})", R"({"version":7})"}) {
    ASSERT_TRUE(store->Put("feed/leases/odd.json", unreadable).ok());
    EXPECT_EQ(registry.CollectGarbage("feed", 1).error().code, ErrorCode::kCorrupt) << unreadable;
  }
  EXPECT_EQ(registry.List("feed").value().size(), 12u) << "while a lease cannot be read nothing is removed";
}

TEST_P(RegistryContract, OfManyThatPromoteTheAliasIsTheListOfOneOfThem) {
  for (int v = 0; v < 6; ++v) ASSERT_TRUE(Open().Register("feed", {{"f", "x"}}).ok());
  std::vector<std::thread> clients;
  for (int v = 1; v <= 6; ++v) {
    clients.emplace_back([&, v] {
      Registry registry = Open();
      for (int n = 0; n < 5; ++n) EXPECT_TRUE(registry.Promote("feed", std::to_string(v)).ok());
    });
  }
  for (std::thread& t : clients) t.join();
  const auto champions = Open().History("feed", "champion");
  ASSERT_TRUE(champions.ok()) << champions.error().ToString();
  EXPECT_EQ(std::set<std::string>(champions.value().begin(), champions.value().end()).size(), 6u)
      << "none of the promotions is forgotten";
}

TEST_P(RegistryContract, AnAliasThatCannotBeReadIsCorruptAndAPromotionWritesItAnew) {
  Registry registry = Open();
  for (int v = 0; v < 2; ++v) ASSERT_TRUE(registry.Register("feed", {{"f", "x"}}).ok());
  for (const char* broken : {R"(["1"]["2"])", "{}", "[1]", R"(["../1"])", "", R"(["1")"}) {
    ASSERT_TRUE(store->Put("feed/champion.json", broken).ok());
    EXPECT_EQ(registry.Champion("feed").error().code, ErrorCode::kCorrupt) << broken;
  }
  ASSERT_TRUE(registry.Promote("feed", "2").ok());
  EXPECT_EQ(registry.Champion("feed").value(), "2");
}

TEST_P(RegistryContract, GarbageCollectionTakesOldClaimsThatNeverBecameAVersion) {
  Registry registry = Open();
  ASSERT_TRUE(store->Put("feed/1/claim", R"({"created_ms":1})").ok());
  ASSERT_TRUE(store->Put("feed/1/model.json", "half").ok());
  ASSERT_TRUE(store->Put("feed/2/claim", "{\"created_ms\":" + std::to_string(clock.now_ms() - 5) + "}").ok());
  EXPECT_EQ(registry.Register("feed", {{"f", "x"}}).value(), "3");
  EXPECT_THAT(registry.CollectGarbage("feed", 1).value(), testing::ElementsAre("1"));
}

INSTANTIATE_TEST_SUITE_P(Stores, RegistryContract, testing::Values("local", "s3"),
                         [](const auto& info) { return std::string(info.param); });

TEST(ModelCard, SaysHowOldTheNewestLabelIs) {
  const std::string card = ModelCard(
      {"feed", "3", true, 10 * kDayMs, {"champion"}, {{"rows_until", std::to_string(9 * kDayMs)}}},
      R"({"from":"a","to":"b","objectives":{"pctr":{"rows":10,"positives":2,"auc_roc":0.75,"auc_pr":null,"intervals":{"auc_roc":[0.7,0.8]}}}})",
      12 * kDayMs);
  EXPECT_THAT(card, testing::HasSubstr("1970-01-10T00:00:00Z, 3.0 days before"));
  EXPECT_THAT(card, testing::HasSubstr("0.7500 [0.7000, 0.8000] | -"));
  EXPECT_THAT(card, testing::HasSubstr("It is the champion."));
}

}  // namespace
}  // namespace gfr
