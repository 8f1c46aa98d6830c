#include "serve/model_pool.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <nlohmann/json.hpp>

#include "base/clock.h"
#include "base/config.h"
#include "base/simulation.h"
#include "base/test_folder.h"
#include "base/time.h"
#include "object/object_store.h"
#include "runtime/logger.h"

namespace gfr {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// A local store whose reads fail where the test says so, and which counts them.
class FaultyStore final : public ObjectStore {
 public:
  explicit FaultyStore(const std::string& folder) : local_(LocalObjectStore(PosixFileSystem(), folder)) {}
  Result<std::string> Get(const std::string& name) override {
    ++gets;
    for (const auto& [part, code] : failing) {
      if (name.find(part) != std::string::npos) return Error{code, "the store fails at " + part};
    }
    return local_->Get(name);
  }
  Result<std::vector<std::string>> List(const std::string& folder) override { return local_->List(folder); }
  Status Put(const std::string& name, std::string_view content) override { return local_->Put(name, content); }
  Status PutIfAbsent(const std::string& name, std::string_view content) override {
    return local_->PutIfAbsent(name, content);
  }
  Status Remove(const std::string& name) override { return local_->Remove(name); }
  std::string Describe() const override { return local_->Describe(); }

  std::map<std::string, ErrorCode> failing;  // Names that have this in them.
  int gets = 0;

 private:
  std::shared_ptr<ObjectStore> local_;
};

std::shared_ptr<const FeatureSet> Features(const std::vector<std::string>& reads) {
  std::string text;
  for (const std::string& read : reads)
    text += "[[feature]]\nname = \"" + read + "\"\ntype = \"slate\"\nread = \"" + read + "\"\n";
  auto config = Config::Parse(text, "gfr.toml");
  return FeatureSet::Make(config.value()).value();
}

class ModelPoolTest : public testing::Test {
 protected:
  // Time passes only where a test waits.
  void InVirtualTime(const std::function<void()>& body) {
    Simulation simulation({.seed = 1});
    simulation.Run(body);
  }
  void Wait(std::int64_t ms) { (void)WaitUntil(MonotonicMs() + ms); }

  // Registers the next version, which reads the column `read`.
  std::string Register(const std::string& read) { return registry.Register("feed", {{"reads", read}}).value(); }
  std::unique_ptr<ModelPool> Pool(const std::vector<std::string>& reads = {"size", "price_rank"}) {
    return std::make_unique<ModelPool>(
        Registry(store, clock), "feed", [this](const std::string& version) { return Load(version); }, Features(reads),
        "server");
  }
  Result<Model> Load(const std::string& version) {
    loads.push_back(version);
    lease_at_load = Lease();
    GFR_ASSIGN(const auto files, Registry(store, clock).Load("feed", version));
    Model model{.name = "feed", .version = version};
    model.columns = {files.at("reads")};
    model.column_fingerprints = {Features(model.columns)->features[0].view->spec().fingerprint};
    model.categorical = {0};
    model.categories.resize(1);
    return model;
  }
  // "VERSION of VERSION ROLE..., ...": what the lease says; "" when there is none.
  std::string Lease() {
    const auto text = PosixFileSystem().ReadAll(folder / "feed/leases/server.json");
    if (!text.ok()) return "";
    const auto json = nlohmann::json::parse(text.value());
    std::string said = json.at("version").get<std::string>() + " of";
    for (const auto& loaded : json.at("versions")) {
      said += " " + loaded.at("version").get<std::string>();
      for (const auto& role : loaded.at("roles")) said += "/" + role.get<std::string>();
    }
    return said;
  }
  static std::string Champion(const ModelPool& pool) {
    return pool.champion() ? pool.champion()->model().version : "none";
  }

  const TestFolder folder;
  const LogCapture quiet;
  const FixedClock clock{100 * kDayMs};
  std::shared_ptr<FaultyStore> store = std::make_shared<FaultyStore>(folder.path());
  Registry registry{store, clock};
  std::vector<std::string> loads;
  std::string lease_at_load;
};

TEST_F(ModelPoolTest, ServesTheChampionAndLoadsEveryRole) {
  for (int v = 0; v < 4; ++v) (void)Register("size");
  ASSERT_TRUE(registry.Promote("feed", "2").ok());
  ASSERT_TRUE(registry.SetAlias("feed", "challenger", "3").ok());
  ASSERT_TRUE(registry.SetAlias("feed", "shadow", "3").ok());
  const auto pool = Pool();
  pool->Name({"4"});
  pool->LookNow();
  EXPECT_EQ(Champion(*pool), "2");
  const auto models = pool->models();
  ASSERT_EQ(models->entries.size(), 3u);
  EXPECT_THAT(models->entries[0].roles, ElementsAre("champion"));
  EXPECT_THAT(models->entries[1].roles, ElementsAre("challenger", "shadow"));
  EXPECT_THAT(models->entries[2].roles, IsEmpty());
  EXPECT_THAT(models->degraded, IsEmpty());
  EXPECT_TRUE(models->Find("4"));
  EXPECT_FALSE(models->Find("1"));
  EXPECT_EQ(Lease(), "2 of 2/champion 3/challenger/shadow 4");

  ASSERT_TRUE(registry.SetAlias("feed", "shadow", "").ok());
  pool->Name({});
  pool->LookNow();
  EXPECT_EQ(Lease(), "2 of 2/champion 3/challenger") << "what nobody wants any more is let go";
  EXPECT_EQ(loads.size(), 3u) << "each was loaded once";
}

TEST_F(ModelPoolTest, AFailureThatPassesIsTriedAgainAndTheLastGoodOneStays) {
  InVirtualTime([&] {
    (void)Register("size");
    ASSERT_TRUE(registry.Promote("feed", "1").ok());
    const auto pool = Pool();
    pool->Look();
    ASSERT_EQ(Champion(*pool), "1");
    (void)Register("size");
    ASSERT_TRUE(registry.Promote("feed", "2").ok());
    store->failing["feed/2/reads"] = ErrorCode::kUnavailable;
    Wait(ModelPool::kLookMs);
    pool->Look();
    EXPECT_EQ(Champion(*pool), "1") << "the last good one";
    EXPECT_THAT(pool->models()->degraded, ElementsAre(HasSubstr("champion 2 cannot be used (the store fails")));
    EXPECT_EQ(Lease(), "1 of 1/champion 2/champion") << "the version served is 1, and 2 is wanted";
    store->failing.clear();
    pool->Look();
    EXPECT_EQ(Champion(*pool), "1") << "not before a second has passed";
    Wait(ModelPool::kFirstRetryMs);
    pool->Look();
    EXPECT_EQ(Champion(*pool), "2");
    EXPECT_THAT(pool->models()->degraded, IsEmpty());
    EXPECT_EQ(Lease(), "2 of 2/champion");
  });
}

TEST_F(ModelPoolTest, RetriesComeEverLessOftenDownToOneAMinute) {
  InVirtualTime([&] {
    (void)Register("size");
    ASSERT_TRUE(registry.Promote("feed", "1").ok());
    store->failing["feed/1/reads"] = ErrorCode::kUnavailable;
    const auto pool = Pool();
    const std::int64_t start_ms = MonotonicMs();
    while (MonotonicMs() < start_ms + 10 * kMinuteMs) {
      pool->Look();
      Wait(100);
    }
    EXPECT_GE(loads.size(), 14u);
    EXPECT_LE(loads.size(), 17u) << "at 0, 1, 3, 7, 15, 31, 63 s, then each minute";
    EXPECT_EQ(Champion(*pool), "none");
  });
}

TEST_F(ModelPoolTest, AFailureForGoodIsNotTriedAgainUntilTheAliasChanges) {
  InVirtualTime([&] {
    (void)Register("size");
    (void)Register("rank_fraction");
    ASSERT_TRUE(registry.Promote("feed", "1").ok());
    const auto pool = Pool();
    pool->Look();
    ASSERT_TRUE(PublishFile(PosixFileSystem(), folder / "feed/2/reads", "half").ok());
    ASSERT_EQ(registry.Load("feed", "2").error().code, ErrorCode::kCorrupt);
    ASSERT_TRUE(store->Put("feed/champion.json", R"(["1","2"])").ok());
    for (int n = 0; n < 100; ++n) {
      Wait(kMinuteMs);
      pool->Look();
    }
    EXPECT_EQ(std::ranges::count(loads, "2"), 1);
    EXPECT_EQ(Champion(*pool), "1");
    EXPECT_EQ(Lease(), "1 of 1/champion");
    EXPECT_THAT(pool->models()->degraded, ElementsAre(HasSubstr("version 1 is served")));
    // It is mended and promoted again.
    ASSERT_TRUE(PublishFile(PosixFileSystem(), folder / "feed/2/reads", "rank_fraction").ok());
    ASSERT_TRUE(store->Put("feed/champion.json", R"(["1","1","2"])").ok());
    pool->LookNow();
    EXPECT_EQ(std::ranges::count(loads, "2"), 2);
    EXPECT_THAT(pool->models()->degraded, ElementsAre(HasSubstr("gone (rank_fraction)")));
  });
}

TEST_F(ModelPoolTest, AtAStartTheNewestEarlierChampionThatCanBeUsedServes) {
  for (const char* read : {"size", "price_rank", "size", "size"}) (void)Register(read);
  for (const char* version : {"1", "2", "3", "4"}) ASSERT_TRUE(registry.Promote("feed", version).ok());
  store->failing["feed/4/reads"] = ErrorCode::kUnavailable;
  ASSERT_TRUE(PublishFile(PosixFileSystem(), folder / "feed/3/reads", "half").ok());
  const auto pool = Pool();
  pool->LookNow();
  EXPECT_EQ(Champion(*pool), "2");
  EXPECT_THAT(pool->models()->degraded, ElementsAre(HasSubstr("version 2 is served")));
  EXPECT_EQ(Lease(), "2 of 2/champion 4/champion");
  store->failing.clear();
  pool->LookNow();
  EXPECT_EQ(Champion(*pool), "4");
  EXPECT_THAT(pool->models()->degraded, IsEmpty());
}

TEST_F(ModelPoolTest, AChampionFileThatCannotBeReadIsSaidAndTakesNoModelAway) {
  (void)Register("size");
  ASSERT_TRUE(registry.Promote("feed", "1").ok());
  const auto pool = Pool();
  pool->LookNow();
  ASSERT_TRUE(store->Put("feed/champion.json", R"(["1"]["2"])").ok());
  pool->LookNow();
  EXPECT_EQ(Champion(*pool), "1");
  EXPECT_THAT(pool->models()->degraded, ElementsAre(HasSubstr("champion.json")));
  const auto started = Pool();
  started->LookNow();
  EXPECT_EQ(Champion(*started), "none");
  EXPECT_THAT(started->models()->degraded, ElementsAre(HasSubstr("is no list of versions")));
  EXPECT_THAT(quiet.text(), HasSubstr("champion.json"));
}

TEST_F(ModelPoolTest, TheLeaseNamesAVersionBeforeItIsLoaded) {
  (void)Register("size");
  (void)Register("size");
  ASSERT_TRUE(registry.Promote("feed", "1").ok());
  const auto pool = Pool();
  pool->LookNow();
  EXPECT_EQ(lease_at_load, " of 1/champion");
  ASSERT_TRUE(registry.Promote("feed", "2").ok());
  pool->LookNow();
  EXPECT_EQ(lease_at_load, "1 of 1/champion 2/champion");
  EXPECT_EQ(Lease(), "2 of 2/champion");
}

TEST_F(ModelPoolTest, TheRegistryIsReadEveryTwoSecondsAndTheLeaseRenewedEveryMinute) {
  InVirtualTime([&] {
    (void)Register("size");
    ASSERT_TRUE(registry.Promote("feed", "1").ok());
    const auto pool = Pool();
    pool->Look();
    store->gets = 0;
    const std::int64_t start_ms = MonotonicMs();
    ASSERT_TRUE(PosixFileSystem().Remove(folder / "feed/leases/server.json").ok());
    while (MonotonicMs() < start_ms + 20'000) {
      pool->Look();
      Wait(100);
    }
    EXPECT_GE(store->gets, 36);
    EXPECT_LE(store->gets, 44) << "four aliases, ten times";
    EXPECT_EQ(Lease(), "");
    Wait(kMinuteMs);
    pool->Look();
    EXPECT_EQ(Lease(), "1 of 1/champion");
  });
}

TEST_F(ModelPoolTest, AVersionIsCheckedAgainstTheFeaturesInUse) {
  (void)Register("size");
  (void)Register("price_rank");
  ASSERT_TRUE(registry.Promote("feed", "1").ok());
  ASSERT_TRUE(registry.SetAlias("feed", "shadow", "2").ok());
  const auto pool = Pool({"supplied_rank", "size"});
  pool->LookNow();
  EXPECT_EQ(pool->champion()->model().columns, (std::vector<std::string>{"supplied_rank", "size"}));
  EXPECT_THAT(pool->models()->degraded, ElementsAre(HasSubstr("gone (price_rank)")));
  EXPECT_TRUE(pool->Check("1").ok());
  EXPECT_EQ(pool->Check("2").error().code, ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace gfr
