#include "serve/drift_watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/test_folder.h"
#include "monitor/test_rows.h"
#include "runtime/test_http_peer.h"
#include "serve/service_state.h"

namespace gfr {
namespace {

using testing::HasSubstr;

constexpr int kReferenceDays = 12;

std::vector<ComparedColumn> WatchedColumns() {
  std::vector<ComparedColumn> columns = TestRows::Columns();
  for (std::size_t c = 0; c < columns.size(); ++c) columns[c].fingerprint = c + 1;
  return columns;
}

// What a server logs of these rows: a slate, and its impression a second later.
std::vector<std::pair<std::int64_t, Event>> SlatesOf(const TestRows& made) {
  std::vector<std::pair<std::int64_t, Event>> events;
  std::vector<std::uint64_t> fingerprints;
  for (std::size_t c = 0; c < TestRows::kColumns; ++c) fingerprints.push_back(c + 1);
  for (std::size_t first = 0; first < made.label.size(); first += 5) {
    Event event{.user_id = "u" + std::to_string(first % 7), .request_id = "r" + std::to_string(made.request[first])};
    event.source = "test";
    for (int i = 0; i < 5; ++i) event.items.push_back({.item_id = "i" + std::to_string(i), .index = i});
    const auto add = [&](EventType type, std::int64_t after_ms) {
      event.type = type;
      event.time_ms = made.arrival_ms[first] + after_ms;
      event.id = event.request_id + "/" + std::to_string(static_cast<int>(type));
      events.emplace_back(event.time_ms, event);
    };
    ServedSlate slate{.positions = {{}}, .models = {{"feed/1"}}, .feature_fingerprint = 9};
    SetColumns(fingerprints,
               {made.features.begin() + static_cast<std::ptrdiff_t>(first * TestRows::kColumns),
                made.features.begin() + static_cast<std::ptrdiff_t>((first + 5) * TestRows::kColumns)},
               5, AllItems(5), &slate);
    event.served = std::move(slate);
    add(EventType::kFeedRequest, -1000);
    event.served = {};
    add(EventType::kFeedImpression, 0);
  }
  std::ranges::stable_sort(events, {}, &std::pair<std::int64_t, Event>::first);
  return events;
}

class DriftWatchTest : public testing::Test {
 protected:
  static constexpr std::int64_t kLiveMs = TestRows::kStartMs + kReferenceDays * kDayMs;

  // A server of a project whose champion is version 1, with these files and this card.
  void Open(const std::string& toml, Registry::Files files, std::map<std::string, std::string> card = {}) {
    ASSERT_TRUE(Project::Init(folder_ / "p", "shop").ok());
    const std::string path = folder_ / "p/gfr.toml";
    FileSystem& fs = PosixFileSystem();
    ASSERT_TRUE(PublishFile(fs, path, fs.ReadAll(path).value() + toml).ok());
    project_ = Project::Open(folder_ / "p", ServeConfig::Reader(&config_)).value();
    files["model.json"] = "no document: the pool has the model";
    ASSERT_TRUE(project_->registry().Register("feed", files).ok());
    ASSERT_TRUE(project_->registry().Promote("feed", "1").ok());
    state_ = std::make_unique<ServiceState>(*project_, config_);
    auto clock = std::make_unique<FixedClock>(kLiveMs);
    clock_ = clock.get();
    state_->clock.real = std::move(clock);
    state_->log = EventLog::Open(fs, state_->clock, {.folder = project_->log_folder()}).value();
    const FeatureSpec& first = project_->features()->features[0].view->spec();
    const auto load = [card, &first](const std::string& version) -> Result<Model> {
      Model model{.name = "feed", .version = version};
      model.columns = {first.name};
      model.column_fingerprints = {first.fingerprint};
      model.categorical = {0};
      model.categories.resize(1);
      model.card = card;
      return model;
    };
    const auto pool = std::make_shared<ModelPool>(project_->registry(), "feed", load, project_->features(), "server");
    pool->LookNow();
    ASSERT_TRUE(pool->champion());
    const std::shared_ptr<const Project> shared(std::shared_ptr<const Project>(), project_.get());
    state_->Publish(std::make_shared<const Serving>(
        Serving{.project = shared, .store = state_->store, .reader = {}, .lists = {}, .models = pool, .assigner = {}}));
    watch_ = std::make_unique<DriftWatch>(*state_);
  }
  void TearDown() override {
    if (!state_) return;
    state_->lanes.Drain();
    state_->shadows.Drain();
    state_->jobs.Stop();
    state_->background.Stop();
  }
  // Three hours of slates, whose loyalty is another from the first of them on; then the watch looks.
  void Live() {
    const TestRows made = TestRows::Make(2, kReferenceDays, kReferenceDays + 1, 60,
                                         [](std::int64_t, float* row, double*) { row[TestRows::kLoyalty] = 1000; });
    ASSERT_TRUE(watch_->Look(*state_).ok()) << "it begins at the log's end";
    const auto events = SlatesOf(made);
    std::size_t next = 0;
    std::uint64_t duplicates = 0;
    ASSERT_TRUE(state_->log
                    ->AppendImported(
                        [&](Event* event, std::int64_t* arrival_ms) -> Result<bool> {
                          if (next == events.size() || events[next].first >= kLiveMs + 3 * kHourMs) return false;
                          *arrival_ms = events[next].first;
                          *event = events[next++].second;
                          return true;
                        },
                        [](std::uint64_t) {}, &duplicates)
                    .ok());
    clock_->Set(kLiveMs + 3 * kHourMs + kMinuteMs);
    const Status looked = watch_->Look(*state_);
    ASSERT_TRUE(looked.ok()) << looked.error().ToString();
  }
  static Registry::Files WithReference() {
    const TestRows made = TestRows::Make(1, 0, kReferenceDays, 60);
    return {{kReferenceFile,
             EncodeReferences({MakeReference("pctr", WatchedColumns(), made.rows(), INT64_MIN, INT64_MAX), {}})}};
  }

  const TestFolder folder_;
  ServeConfig config_;
  std::unique_ptr<Project> project_;
  FixedClock* clock_ = nullptr;
  std::unique_ptr<ServiceState> state_;
  std::unique_ptr<DriftWatch> watch_;
};

constexpr const char* kSmallWindows = "\n[monitor]\nmin_rows = 40\n";

TEST_F(DriftWatchTest, SaysWhyAVersionIsNotWatched) {
  Open("", {});
  ASSERT_TRUE(watch_->Look(*state_).ok());
  EXPECT_THAT(watch_->Json()["state"].get<std::string>(), HasSubstr("was trained before gfr kept a reference"));
  EXPECT_TRUE(watch_->OpenAlerts().empty());
}

TEST_F(DriftWatchTest, KnowsByTheServedModelThatItWasTrainedOnSampledSlates) {
  Open("", WithReference(), {{"slates", "0.1"}});
  const Status looked = watch_->Look(*state_);
  ASSERT_TRUE(looked.ok()) << "its files are not decoded once more: " << looked.error().ToString();
  EXPECT_THAT(watch_->Json()["state"].get<std::string>(), HasSubstr("sampled slates"));
}

TEST_F(DriftWatchTest, JudgesTheHoursThatAreOverAndTellsAWebhookOnce) {
  TestHttpPeer peer("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  Open(kSmallWindows + ("[monitor.webhook]\nallow_private = true\nurl = \"" + peer.url() + "\"\n"), WithReference());
  Live();
  const nlohmann::ordered_json json = watch_->Json();
  EXPECT_EQ(json["state"], "watching");
  EXPECT_EQ(json["to"], FormatTime(kLiveMs + 3 * kHourMs));
  const std::vector<DriftAlert> open = watch_->OpenAlerts();
  ASSERT_EQ(open.size(), 1u) << json.dump(1);
  EXPECT_EQ(open[0].name, "loyalty");
  EXPECT_EQ(open[0].model, "feed/1");
  // Events are counted beside it.
  std::map<std::string, double> series;
  for (const auto& s : json["events"]["series"]) {
    if (s["value"].is_number()) series[s["name"].get<std::string>()] = s["value"].get<double>();
  }
  EXPECT_GT(series.at("feed.request from test"), 0);
  // A slate's impression comes a second later, which may be in the next hour.
  EXPECT_NEAR(series.at("feed.request from test"), series.at("feed.impression from test"), 1);
  EXPECT_EQ(series.at("impression known"), 1);
  ASSERT_TRUE(watch_->Look(*state_).ok());
  const std::string told = peer.received();
  EXPECT_THAT(told, HasSubstr("gfr.drift.alert"));
  const std::string id = open[0].id + "/open";
  ASSERT_THAT(told, HasSubstr(id));
  EXPECT_EQ(told.find(id, told.find(id) + 1), std::string::npos) << "once";
}

// What is in memory has another source here, so that it shows where it was counted from.
TEST_F(DriftWatchTest, CountsFromMemoryWhatIsThereAndTheRestFromTheLog) {
  Open(kSmallWindows, WithReference());
  ASSERT_TRUE(watch_->Look(*state_).ok()) << "it begins at the log's end";
  std::vector<LogRecord> records;
  for (const auto& [arrival_ms, event] : SlatesOf(TestRows::Make(2, kReferenceDays, kReferenceDays + 1, 60))) {
    if (arrival_ms < kLiveMs + kHourMs) records.push_back({records.size(), arrival_ms, event});
  }
  const std::size_t in_log = records.size() / 3, logged = records.size() / 2;
  std::size_t next = 0;
  std::uint64_t duplicates = 0;
  ASSERT_TRUE(state_->log
                  ->AppendImported(
                      [&](Event* event, std::int64_t* arrival_ms) -> Result<bool> {
                        if (next == logged) return false;
                        *arrival_ms = records[next].arrival_ms;
                        *event = records[next++].event;
                        return true;
                      },
                      [](std::uint64_t) {}, &duplicates)
                  .ok());
  state_->recent.Begin();
  for (std::size_t r = in_log; r < records.size(); ++r) {
    records[r].event.source = "memory";
    state_->recent.Add({records[r]});
  }
  clock_->Set(kLiveMs + kHourMs + kMinuteMs);
  ASSERT_TRUE(watch_->TakeRecent(*state_).ok());
  EXPECT_TRUE(state_->recent.Take().empty());
  const Status looked = watch_->Look(*state_);
  ASSERT_TRUE(looked.ok()) << looked.error().ToString();
  LiveTraffic counted;
  ASSERT_TRUE(counted.Restore(PosixFileSystem().ReadAll(folder_ / "p/data/monitor/events.live").value()).ok());
  std::uint64_t from_log = 0, from_memory = 0;
  for (const auto& [hour, counts] : counted.hours()) {
    for (std::size_t series = 0; series < counts.size(); ++series) {
      if (counted.is_volume(series))
        (counted.names()[series].ends_with("memory") ? from_memory : from_log) += counts[series].count;
    }
  }
  EXPECT_EQ(from_log, in_log);
  EXPECT_EQ(from_memory, records.size() - in_log);
  EXPECT_GT(watch_->Json()["rows"], 0);
}

TEST_F(DriftWatchTest, CountsEventsWithoutAModelToWatchAndKeepsThemForTheNextStart) {
  Open(kSmallWindows, {});
  Live();
  EXPECT_THAT(watch_->Json()["state"].get<std::string>(), HasSubstr("was trained before"));
  EXPECT_THAT(watch_->Json()["events"]["series"].dump(), HasSubstr("feed.request from test"));
  LiveTraffic kept;
  ASSERT_TRUE(kept.Restore(PosixFileSystem().ReadAll(folder_ / "p/data/monitor/events.live").value()).ok());
  EXPECT_EQ(kept.next(), state_->log->source().End().value()[0]);
  EXPECT_GE(kept.hours().size(), 3u);
}

TEST_F(DriftWatchTest, WhatIsSilencedIsANoteAndNoAlert) {
  Open(std::string(kSmallWindows) + "[[monitor.silence]]\nname = \"loyalty\"\n", WithReference());
  Live();
  EXPECT_TRUE(watch_->OpenAlerts().empty());
  const nlohmann::ordered_json json = watch_->Json();
  EXPECT_TRUE(json["alerts"].empty());
  EXPECT_THAT(json["notes"].dump(), HasSubstr("silenced by [[monitor.silence]]"));
}

}  // namespace
}  // namespace gfr
