#include "dataset/verify_served.h"

#include <gtest/gtest.h>

#include <cstring>
#include <functional>

#include "base/test_folder.h"
#include "base/time.h"
#include "feature/served_columns.h"
#include "log/event_log.h"
#include "store/snapshot.h"

namespace gfr {
namespace {

constexpr const char* kServedConfig = R"(
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
    auto config = Config::Parse(kServedConfig, "gfr.toml");
    features = FeatureSet::Make(config.value()).value();
  }
  // `changes`: of the first slates' records.
  void Serve(int requests, int planted, int snapshot_at = -1, std::vector<std::function<void(Event&)>> changes = {},
             bool pruned = false) {
    FixedClock clock(28'000'000 * kMinuteMs);
    const auto log = EventLog::Open(PosixFileSystem(), clock, {.folder = folder.path() + "/log"}).value();
    OnlineStore store(features);
    store.Share();
    const auto add = [&](Event e) {
      e.id = std::to_string(store.next_offset());
      e.source = "t";
      e.time_ms = clock.now_ms();
      e.user_id = "u";
      if (e.items.empty()) e.items = {{.item_id = "a"}, {.item_id = "b"}};
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
      request.served.positions = {{0, store.next_offset() - 1}};
      request.served.now_ms = clock.now_ms();
      request.served.epoch_end_ms = store.epoch_end_ms();
      request.served.feature_fingerprint = features->fingerprint;
      SetColumns(ColumnFingerprints(*features), values, 2, pruned ? std::vector<std::uint32_t>{0} : AllItems(2),
                 &request.served);
      if (static_cast<std::size_t>(r) < changes.size()) changes[static_cast<std::size_t>(r)](request);
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

// What POST /v1/served let in once: each would be the state, or the end, of every replay behind it.
TEST_F(VerifyServedTest, SkipsAndReportsSlatesOfWhatCannotHaveBeenAndComparesTheRest) {
  const auto of = [](auto change) { return [change](Event& e) { change(e.served); }; };
  Serve(20, -1, -1,
        {of([](ServedSlate& s) { s.epoch_end_ms = INT64_MAX; }),
         of([](ServedSlate& s) { s.positions[0].offset = 1'000'000; }),
         of([](ServedSlate& s) { s.now_ms = INT64_MIN; }), of([](ServedSlate& s) { s.positions[0].offset = -7; })});
  const ServedCheck check = Check();
  EXPECT_EQ(check.bad_slates, 4u);
  EXPECT_EQ(check.requests, 16u);
  EXPECT_EQ(check.different, 0u) << check.first_difference;
  EXPECT_NE(check.first_bad.find("request r0: it was read in an epoch that ends at"), std::string::npos)
      << check.first_bad;
}

TEST_F(VerifyServedTest, SkipsASlateOfAnEpochWhoseRecordsItHadNotAllRead) {
  std::vector<std::function<void(Event&)>> changes(10, [](Event&) {});
  changes.push_back([](Event& e) { e.served.positions[0].offset = 2; });  // Minutes before its epoch's end.
  Serve(20, -1, -1, std::move(changes));
  const ServedCheck check = Check();
  EXPECT_EQ(check.bad_slates, 1u) << check.first_bad;
  EXPECT_NE(check.first_bad.find("before a record of that epoch"), std::string::npos) << check.first_bad;
  EXPECT_EQ(check.different, 0u) << check.first_difference;
}

// Of a pruned record the values that were shown, and of all candidates the checksum of each column.
TEST_F(VerifyServedTest, APrunedRecordShowsADifferenceOfWhatWasNotShownByItsChecksum) {
  Serve(50, 31, -1, {}, /*pruned=*/true);
  const ServedCheck check = Check();
  EXPECT_EQ(check.values, 200u);
  EXPECT_EQ(check.different, 1u);
  EXPECT_NE(check.first_difference.find("request r31, all 2 candidates, feature item_clicks"), std::string::npos)
      << check.first_difference;
}

TEST_F(VerifyServedTest, EndsWithWhatItHasComparedWhenItMayNotGoOn) {
  Serve(100, -1);
  const ServedCheck whole = Check({.go_on = [] { return true; }});
  EXPECT_TRUE(whole.finished);
  int asked = 0;
  const ServedCheck part = Check({.go_on = [&] { return ++asked <= 6; }});
  EXPECT_FALSE(part.finished);
  EXPECT_LT(part.requests, whole.requests);
  EXPECT_EQ(part.different, 0u);
}

TEST_F(VerifyServedTest, ASampleIsAtMostTwiceWhatWasAskedForAndSpreadOverTheLog) {
  Serve(50, -1);
  const ServedCheck check = Check({.max_requests = 8});
  EXPECT_GE(check.requests, 8u);
  EXPECT_LE(check.requests, 16u);
}

// A slate takes memory by its candidates.
TEST_F(VerifyServedTest, ASampleOfFeedsOfManyCandidatesIsSmaller) {
  Serve(50, -1, -1,
        std::vector<std::function<void(Event&)>>(50, [](Event& e) { e.items.resize(300, {.item_id = "a"}); }));
  const ServedCheck check = Check({.max_requests = 8});
  EXPECT_GE(check.requests, 1u);
  EXPECT_LE(check.requests, 3u) << check.bad_slates << " bad, 800 candidates at most";
}

}  // namespace
}  // namespace gfr
