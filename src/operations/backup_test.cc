#include "operations/backup.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/hash.h"
#include "base/test_folder.h"
#include "base/time.h"
#include "log/event_log.h"
#include "log/rewrite_lock.h"
#include "operations/load_model.h"
#include "registry/registry.h"

namespace gfr {
namespace {

using testing::HasSubstr;

// A store one of whose objects cannot be read now, and whose lease is looked at with each read.
class LeasedStore final : public ObjectStore {
 public:
  LeasedStore(std::shared_ptr<ObjectStore> of, FixedClock& clock) : of_(std::move(of)), clock_(clock) {}
  Result<std::string> Get(const std::string& name) override {
    if (!failing.empty() && name.ends_with(failing)) return Error{ErrorCode::kUnavailable, "the network is away"};
    if (lease_writes > 0 && name.find("leases") == std::string::npos) {
      const auto lease = of_->List(std::string(kModelName) + "/leases");
      leased.push_back(lease.ok() && !lease.value().empty());
      clock_.Set(clock_.now_ms() + 20 * kMinuteMs);
    }
    return of_->Get(name);
  }
  Result<std::vector<std::string>> List(const std::string& folder) override { return of_->List(folder); }
  Status Put(const std::string& name, std::string_view content) override {
    lease_writes += name.find("leases") != std::string::npos;
    return of_->Put(name, content);
  }
  Status PutIfAbsent(const std::string& name, std::string_view content) override {
    return of_->PutIfAbsent(name, content);
  }
  Status Remove(const std::string& name) override { return of_->Remove(name); }
  std::string Describe() const override { return of_->Describe(); }

  std::string failing;
  std::vector<bool> leased;
  int lease_writes = 0;

 private:
  std::shared_ptr<ObjectStore> of_;
  FixedClock& clock_;
};

class BackupTest : public testing::Test {
 protected:
  BackupTest() {
    EXPECT_TRUE(fs_.MakeFolders(workspace_.log_folder()).ok());
    EXPECT_TRUE(PublishFile(fs_, workspace_.configuration_path(), "# a project\n").ok());
    Registry registry(registry_, clock_);
    EXPECT_TRUE(registry.Register(kModelName, {{"model.json", "one"}}).ok());
    EXPECT_TRUE(registry.Promote(kModelName, "1").ok());
  }
  void Append(EventLog& log, int count) {
    for (int i = 0; i < count; ++i) {
      Event event;
      event.id = std::to_string(++id_);
      event.source = "test";
      event.type = EventType::kItemView;
      event.user_id = "u";
      event.time_ms = clock_.now_ms();
      ASSERT_TRUE(log.Append({event}).ok());
    }
  }
  std::uint64_t RecordsOf(const std::string& folder) {
    LocalLog log(fs_, folder);
    return CheckLog(log, /*repair=*/false).value().records;
  }

  TestFolder folder_;
  FileSystem& fs_ = PosixFileSystem();
  FixedClock clock_{1'800'000'000'000};
  Workspace workspace_{folder_ / "p", fs_, clock_};
  std::shared_ptr<ObjectStore> registry_ = LocalObjectStore(fs_, workspace_.models_folder());
  std::shared_ptr<ObjectStore> target_ = LocalObjectStore(fs_, folder_ / "target");
  int id_ = 0;
};

TEST_F(BackupTest, WhatWasAcknowledgedIsRestoredWhileAWriterGoesOn) {
  const auto log = EventLog::Open(fs_, clock_, {.folder = workspace_.log_folder()}).value();
  Append(*log, 10);
  const BackupReport made = BackupProject(workspace_, {.registry = registry_}, *target_).value();
  Append(*log, 5);
  EXPECT_EQ(made.new_bytes, made.bytes);
  const std::string restored = folder_ / "restored";
  ASSERT_TRUE(RestoreProject(*target_, "", fs_, restored).ok());
  const auto models = LocalObjectStore(fs_, restored + "/data/models");
  ASSERT_TRUE(RestoreRegistry(*target_, "", *models).ok());
  EXPECT_EQ(fs_.ReadAll(restored + "/gfr.toml").value(), "# a project\n");
  EXPECT_EQ(RecordsOf(restored + "/data/log"), 10u);
  Registry registry(models, clock_);
  EXPECT_EQ(registry.Champion(kModelName).value(), "1");
  EXPECT_EQ(registry.Load(kModelName, "1").value().at("model.json"), "one");
  const auto again = EventLog::Open(fs_, clock_, {.folder = restored + "/data/log"});
  ASSERT_TRUE(again.ok()) << again.error().ToString();
  EXPECT_EQ(again.value()->next_offset(), 10u);
}

TEST_F(BackupTest, AFurtherBackupAddsOnlyWhatIsNewAndEachIsKept) {
  {
    const auto log = EventLog::Open(fs_, clock_, {.folder = workspace_.log_folder()}).value();
    Append(*log, 3);
  }
  const BackupReport first = BackupProject(workspace_, {.registry = registry_}, *target_).value();
  clock_.Set(clock_.now_ms() + 1000);
  const BackupReport same = BackupProject(workspace_, {.registry = registry_}, *target_).value();
  EXPECT_EQ(same.bytes, first.bytes);
  EXPECT_EQ(same.new_bytes, 0u);
  EXPECT_EQ(ListBackups(*target_).value(), (std::vector<std::string>{first.id, same.id}));
}

TEST_F(BackupTest, HoldsTheLogsRewritingLockAndLeavesNoLease) {
  LocalLog log(fs_, workspace_.log_folder());
  {
    const auto lock = LockRewriting(log).value();
    EXPECT_EQ(BackupProject(workspace_, {.registry = registry_}, *target_).error().code, ErrorCode::kUnavailable);
    EXPECT_TRUE(ListBackups(*target_).value().empty()) << "no manifest of what is not whole";
  }
  ASSERT_TRUE(BackupProject(workspace_, {.registry = registry_}, *target_).ok());
  EXPECT_TRUE(registry_->List(std::string(kModelName) + "/leases").value().empty());
  EXPECT_TRUE(LockRewriting(log).ok());
}

TEST_F(BackupTest, AnObjectThatCannotBeReadNowFailsTheBackupAndIsNotTakenForAFolder) {
  const auto registry = std::make_shared<LeasedStore>(registry_, clock_);
  registry->failing = "model.json";
  const auto made = BackupProject(workspace_, {.registry = registry}, *target_);
  ASSERT_FALSE(made.ok()) << "it would miss the model";
  EXPECT_THAT(made.error().message, HasSubstr("the network is away"));
  EXPECT_TRUE(ListBackups(*target_).value().empty());
}

TEST_F(BackupTest, TheLeaseIsShortAndRenewedSoThatAKilledBackupHoldsVersionsNoDay) {
  const auto registry = std::make_shared<LeasedStore>(registry_, clock_);
  ASSERT_TRUE(BackupProject(workspace_, {.registry = registry}, *target_).ok());
  EXPECT_THAT(registry->leased, testing::Not(testing::Contains(false)));
  EXPECT_GT(registry->lease_writes, 2) << "reads of 20 minutes each";
}

TEST_F(BackupTest, OnlyNamesThatABackupHasAreWrittenAndOnlyWhatWasBackedUp) {
  const std::string content = "x", sha256 = Sha256Hex(content);
  ASSERT_TRUE(target_->Put("objects/" + sha256, content).ok());
  int id = 0;
  const auto restore = [&](const std::string& name, const std::string& sum, int size) {
    const std::string backup = std::to_string(++id);
    EXPECT_TRUE(target_
                    ->Put("backups/" + backup + ".json", R"({"format":1,"files":[{"name":")" + name +
                                                             R"(","sha256":")" + sum + R"(","size_bytes":)" +
                                                             std::to_string(size) + R"(}],"registry":[]})")
                    .ok());
    return RestoreProject(*target_, backup, fs_, folder_ / ("to" + backup));
  };
  for (const char* name : {"../evil", "/etc/evil", "data/log/../../evil", "data/tokens/admin", "data/log/.hidden/x",
                           "data/models/a", "data//log/x", "other", "", "data/log/"}) {
    const auto refused = restore(name, sha256, 1);
    ASSERT_FALSE(refused.ok()) << name;
    EXPECT_EQ(refused.error().code, ErrorCode::kCorrupt) << name;
    EXPECT_FALSE(fs_.Exists(folder_ / ("to" + std::to_string(id)))) << "nothing was written";
  }
  EXPECT_TRUE(restore("data/log/00.log", sha256, 1).ok());
  EXPECT_THAT(restore("data/log/00.log", sha256, 2).error().message, HasSubstr("not what was backed up"));
  EXPECT_FALSE(restore("data/log/00.log", "../../x", 1).ok());
  ASSERT_TRUE(target_->Put("objects/" + sha256, "y").ok());
  EXPECT_THAT(restore("data/log/00.log", sha256, 1).error().message, HasSubstr("not what was backed up"));
  EXPECT_EQ(RestoreProject(*target_, "1", fs_, workspace_.folder()).error().code, ErrorCode::kCorrupt);
}

TEST_F(BackupTest, AFolderThatIsNotEmptyIsLeftAsItIs) {
  ASSERT_TRUE(BackupProject(workspace_, {.registry = registry_}, *target_).ok());
  const auto refused = RestoreProject(*target_, "", fs_, workspace_.folder());
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::kAlreadyExists);
  EXPECT_EQ(RestoreProject(*target_, "nothing", fs_, folder_ / "new").error().code, ErrorCode::kNotFound);
}

}  // namespace
}  // namespace gfr
