#include "dataset/verify_served.h"

#include <gtest/gtest.h>

#include <cstring>

#include "base/test_folder.h"
#include "base/time.h"
#include "log/event_log.h"
#include "store/snapshot.h"

namespace gfr {
namespace {

constexpr const char* kConfig = R"(
[[feature]]
name = "user_clicks"
type = "count"
scope = "user"
events = ["feed.click"]
[[feature]]
name = "item_clicks"
type = "count"
scope = "item"
events = ["feed.click"]
)";

// A log with requests served between its events; one bit of one value of request `planted` is not what was read.
class VerifyServedTest : public testing::Test {
 protected:
  VerifyServedTest() {
    auto config = Config::Parse(kConfig, "gfr.toml");
    features = FeatureSet::Make(config.value()).value();
  }
  void Serve(int requests, int planted, int snapshot_at = -1) {
    FixedClock clock(28'000'000 * kMinuteMs);
    const auto log = EventLog::Open(PosixFileSystem(), clock, {.folder = folder.path() + "/log"}).value();
    OnlineStore store(features);
    store.Share();
    const auto add = [&](Event e) {
      e.id = std::to_string(store.next_offset());
      e.source = "t";
      e.time_ms = clock.now_ms();
      e.user_id = "u";
      e.items = {{.item_id = "a"}, {.item_id = "b"}};
      const Appended appended = log->Append({e}).value();
      store.Fold(appended.records[0]);
      store.Publish();
    };
    for (int r = 0; r < requests; ++r) {
      clock.Set(clock.now_ms() + 40 * kSecondMs);
      if (r == snapshot_at) {
        ASSERT_TRUE(Snapshot::Take(store).Write(PosixFileSystem(), folder.path() + "/snapshot").ok());
      }
      add({.type = EventType::kFeedClick});
      store.AdvanceTo(EpochEndAt(clock.now_ms()));
      Event request{.type = EventType::kFeedRequest, .request_id = "r" + std::to_string(r)};
      const std::vector<EventItem> items{{.item_id = "a"}, {.item_id = "b"}};
      std::vector<float> values(4);
      store.Read({.now_ms = clock.now_ms(), .user = KeyOf("u"), .items = items, .supplied = false}, values.data());
      if (r == planted) {
        std::uint32_t bits = 0;
        std::memcpy(&bits, &values[3], 4);
        bits ^= 1;
        std::memcpy(&values[3], &bits, 4);
      }
      request.served = {.as_of = store.next_offset() - 1,
                        .now_ms = clock.now_ms(),
                        .epoch_end_ms = store.epoch_end_ms(),
                        .feature_fingerprint = features->fingerprint,
                        .columns = 2,
                        .features = values};
      add(request);
    }
  }
  ServedCheck Check(const VerifyOptions& options = {}) {
    LocalLog log(PosixFileSystem(), folder.path() + "/log");
    const auto check = VerifyServed(PosixFileSystem(), log, features, options);
    EXPECT_TRUE(check.ok()) << check.error().message;
    return check.value();
  }
  const TestFolder folder;
  std::shared_ptr<const FeatureSet> features;
};

TEST_F(VerifyServedTest, FindsNoDifferenceWhereThereIsNone) {
  Serve(50, -1);
  EXPECT_EQ(Check().values, 200u);
  EXPECT_EQ(Check().different, 0u);
}

TEST_F(VerifyServedTest, FindsOnePlantedBitAndNamesItsPlace) {
  Serve(50, 31);
  const ServedCheck check = Check();
  EXPECT_EQ(check.different, 1u);
  EXPECT_NE(check.first_difference.find("request r31, item b, feature item_clicks"), std::string::npos)
      << check.first_difference;
}

TEST_F(VerifyServedTest, FromASnapshotItChecksWhatWasServedBehindItAndFindsTheBitToo) {
  Serve(50, 31, /*snapshot_at=*/20);
  const ServedCheck check = Check({.snapshot = folder.path() + "/snapshot"});
  EXPECT_EQ(check.requests, 30u);
  EXPECT_EQ(check.different, 1u);
}

TEST_F(VerifyServedTest, ASampleIsAtMostTwiceWhatWasAskedForAndSpreadOverTheLog) {
  Serve(50, -1);
  const ServedCheck check = Check({.max_requests = 8});
  EXPECT_GE(check.requests, 8u);
  EXPECT_LE(check.requests, 16u);
}

}  // namespace
}  // namespace gfr
