#include "dataset/offline_store.h"

#include <gtest/gtest.h>

#include <cstring>

#include "base/fault_file_system.h"
#include "base/test_folder.h"
#include "base/time.h"
#include "log/event_log.h"
#include "table/parquet_rows.h"

namespace gfr {
namespace {

std::shared_ptr<const FeatureSet> Features(const std::string& window) {
  auto config = Config::Parse(R"(
[[feature]]
name = "user_clicks"
type = "count"
scope = "user"
events = ["feed.click"]
window = ")" + window + R"("
tiles = 4
[[feature]]
name = "item_clicks"
type = "count"
scope = "item"
events = ["feed.click"]
)",
                              "gfr.toml");
  return FeatureSet::Make(config.value()).value();
}

constexpr std::int64_t kStoreDay = 20'000 * kDayMs;
const std::vector<ObjectiveConfig> kStoreObjectives{{.name = "pctr"}};

// Three days: a feed an hour of one of five users, whose third item is clicked.
void FillLog(FileSystem& fs, const std::string& log) {
  std::vector<Event> events;
  for (int hour = 0; hour < 72; ++hour) {
    const std::string n = std::to_string(hour);
    Event e{.id = n,
            .source = "t",
            .type = EventType::kFeedRequest,
            .time_ms = kStoreDay + hour * kHourMs + 1,
            .user_id = "u" + std::to_string(hour % 5),
            .session_id = "s" + n,
            .request_id = "r" + n};
    for (int k = 0; k < 4; ++k) e.items.push_back({.item_id = "i" + std::to_string((hour + k) % 7)});
    events.push_back(e);
    e.id += "i";
    e.type = EventType::kFeedImpression;
    events.push_back(e);
    e.id += "c";
    e.type = EventType::kFeedClick;
    e.items = {e.items[2]};
    events.push_back(e);
  }
  const FixedClock clock(0);
  std::uint64_t duplicates = 0;
  ASSERT_TRUE(EventLog::Open(fs, clock, {.folder = log})
                  .value()
                  ->AppendImported(
                      std::move(events), [](std::uint64_t) {}, &duplicates)
                  .ok());
}

Result<Materialized> Make(FileSystem& fs, const std::string& folder, const std::shared_ptr<const FeatureSet>& features,
                          MaterializePlan* plan = nullptr, std::vector<std::string> views = {}) {
  const MaterializeOptions options{.from_ms = kStoreDay, .to_ms = kStoreDay + 3 * kDayMs, .views = std::move(views)};
  LocalLog log(fs, folder + "/log");
  GFR_ASSIGN(const MaterializePlan made,
             PlanMaterialize(fs, log, folder + "/features", features, kStoreObjectives, options));
  if (plan) *plan = made;
  return Materialize(fs, log, folder + "/features", features, kStoreObjectives, options, made);
}

std::string DateFolder(const std::string& folder, const FeatureSet& features, std::size_t view, int day) {
  const OfflineView v = OfflineViews(features)[view];
  const std::string views = folder + "/features/source=replayed/view=" + v.name;
  char definition[17];
  std::snprintf(definition, sizeof definition, "%016llx", static_cast<unsigned long long>(v.definition));
  return views + "/definition=" + definition + "/date=" + FormatDate(kStoreDay + day * kDayMs);
}

TEST(OfflineStoreTest, AViewHoldsTheValuesOfTheTrainingRowsAtTheirPlaces) {
  const TestFolder folder;
  FillLog(PosixFileSystem(), folder.path() + "/log");
  const auto features = Features("2d");
  MaterializePlan plan;
  const auto made = Make(PosixFileSystem(), folder.path(), features, &plan);
  ASSERT_TRUE(made.ok()) << made.error().ToString();
  EXPECT_EQ(plan.events, 216u);
  EXPECT_EQ(plan.rows, 288u);
  EXPECT_EQ(made.value().rows, 288u);
  EXPECT_GT(plan.seconds, 0);
  LocalLog log(PosixFileSystem(), folder.path() + "/log");
  const Dataset data =
      BuildDataset(PosixFileSystem(), log, features, kStoreObjectives, {.drop_immature = false}).value();
  std::size_t nonzero = 0;
  for (std::size_t view = 0; view < 2; ++view) {
    std::size_t i = 0;
    for (int day = 0; day < 3; ++day) {
      const auto rows = OpenParquet(DateFolder(folder.path(), *features, view, day) + "/pctr.parquet");
      ASSERT_TRUE(rows.ok()) << rows.error().ToString();
      for (std::vector<Cell> row; rows.value()->Next(&row).value(); ++i) {
        EXPECT_EQ(row[0].text, std::to_string(data.objectives[0].user[i]));
        EXPECT_EQ(row[4].text, std::to_string(data.objectives[0].offset[i]));
        const float value = std::strtof(row[9].text.c_str(), nullptr),
                    trained = data.objectives[0].features[2 * i + view];
        EXPECT_EQ(std::memcmp(&value, &trained, 4), 0) << value << " and " << trained;
        nonzero += value > 0;
      }
    }
    EXPECT_EQ(i, data.objectives[0].size());
  }
  EXPECT_GT(nonzero, 300u);
}

TEST(OfflineStoreTest, ADateThatIsThereIsNotMadeAgainUnlessTheLogHadNotFinishedIt) {
  const TestFolder folder;
  FillLog(PosixFileSystem(), folder.path() + "/log");
  ASSERT_TRUE(Make(PosixFileSystem(), folder.path(), Features("2d")).ok());
  MaterializePlan plan;
  ASSERT_TRUE(Make(PosixFileSystem(), folder.path(), Features("2d"), &plan).ok());
  EXPECT_EQ(plan.dates_there, 2u);
  EXPECT_EQ(plan.dates, std::vector<std::int64_t>{kStoreDay + 2 * kDayMs}) << "the log ends within the third day";
}

TEST(OfflineStoreTest, AnotherDefinitionHasAnotherFolderAndTheOldOneStays) {
  const TestFolder folder;
  FillLog(PosixFileSystem(), folder.path() + "/log");
  const auto old = Features("2d"), changed = Features("3d");
  ASSERT_TRUE(Make(PosixFileSystem(), folder.path(), old).ok());
  const std::string path = DateFolder(folder.path(), *old, 0, 0) + "/pctr.parquet";
  const std::string before = PosixFileSystem().ReadAll(path).value();
  MaterializePlan plan;
  ASSERT_TRUE(Make(PosixFileSystem(), folder.path(), changed, &plan, {"user"}).ok());
  EXPECT_EQ(plan.dates.size(), 3u);
  EXPECT_NE(DateFolder(folder.path(), *changed, 0, 0), DateFolder(folder.path(), *old, 0, 0));
  EXPECT_EQ(DateFolder(folder.path(), *changed, 1, 0), DateFolder(folder.path(), *old, 1, 0));
  EXPECT_TRUE(PosixFileSystem().Exists(DateFolder(folder.path(), *changed, 0, 0) + "/manifest.json"));
  EXPECT_EQ(PosixFileSystem().ReadAll(path).value(), before);
}

TEST(OfflineStoreTest, AMaterialisationThatFailsAnywhereLeavesNoHalfDate) {
  const auto features = Features("2d");
  for (std::int64_t more = 0;; more += 7) {
    FaultFileSystem fs(1);
    FillLog(fs, "p/log");
    fs.fail_at = fs.operations() + more;
    const auto made = Make(fs, "p", features);
    fs.Crash();
    for (std::size_t view = 0; view < 2; ++view) {
      for (int day = 0; day < 3; ++day) {
        const std::string date = DateFolder("p", *features, view, day);
        if (fs.Exists(date + "/manifest.json")) {
          EXPECT_TRUE(fs.ReadAll(date + "/pctr.parquet").value().ends_with("PAR1")) << date;
        }
      }
    }
    if (made.ok()) {
      EXPECT_GT(more, 50);
      break;
    }
    fs.fail_at = -1;
    ASSERT_TRUE(Make(fs, "p", features).ok()) << "the next run makes what is missing";
    EXPECT_TRUE(fs.Exists(DateFolder("p", *features, 1, 2) + "/manifest.json"));
  }
}

TEST(OfflineStoreTest, SaysWhichViewsThereAreAndThatDatesAreWhole) {
  const TestFolder folder;
  FillLog(PosixFileSystem(), folder.path() + "/log");
  const auto wrong = Make(PosixFileSystem(), folder.path(), Features("2d"), nullptr, {"users"});
  ASSERT_FALSE(wrong.ok());
  EXPECT_EQ(wrong.error().message, "there is no view 'users'; valid are user, item");
  LocalLog log(PosixFileSystem(), folder.path() + "/log");
  EXPECT_FALSE(PlanMaterialize(PosixFileSystem(), log, folder.path(), Features("2d"), kStoreObjectives,
                               {.from_ms = kStoreDay, .to_ms = kStoreDay + kHourMs})
                   .ok());
}

}  // namespace
}  // namespace gfr
