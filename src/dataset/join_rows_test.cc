#include "dataset/join_rows.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "base/rng.h"
#include "base/test_folder.h"
#include "base/time.h"
#include "dataset/dataset.h"
#include "event/import_map.h"
#include "log/event_log.h"
#include "table/parquet_rows.h"

namespace gfr {
namespace {

std::shared_ptr<const FeatureSet> Features() {
  auto config = Config::Parse(R"(
[item]
price = "number"
[user]
city = "category"
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
[[feature]]
name = "city_clicks"
type = "count"
scope = "user.city x item"
events = ["feed.click"]
[[feature]]
name = "since_click"
type = "since"
scope = "session"
events = ["feed.click"]
[[feature]]
name = "price"
type = "property"
property = "price"
[[feature]]
name = "rank"
type = "slate"
read = "price_rank"
)",
                              "gfr.toml");
  auto set = FeatureSet::Make(config.value());
  EXPECT_TRUE(set.ok()) << (set.ok() ? "" : set.error().ToString());
  return set.value();
}

constexpr std::int64_t kDay = 20'000 * kDayMs;
const std::vector<ObjectiveConfig> kObjectives{{.name = "pctr"}};

// A feed of one of five users every seven minutes, whose third item is clicked.
std::vector<Event> Events() {
  std::vector<Event> events;
  Rng rng(7);
  for (int i = 0; i < 200; ++i) {
    const std::string n = std::to_string(i);
    Event e{.id = n,
            .source = "t",
            .type = EventType::kFeedRequest,
            .time_ms = kDay + i * 7 * kMinuteMs + 1,
            .user_id = "u" + std::to_string(i % 5),
            .session_id = "s" + std::to_string(i / 20),
            .request_id = "r" + n,
            .context = {{.name = "city", .text = i % 3 ? "Rome" : "Bonn"}}};
    for (int k = 0; k < 4; ++k)
      e.items.push_back(
          {.item_id = "i" + std::to_string((i + k) % 7), .price = 1.0 + static_cast<double>(rng.Below(90))});
    events.push_back(e);
    e.id += "i";
    e.type = EventType::kFeedImpression;
    e.time_ms += 1;
    events.push_back(e);
    e.id += "c";
    e.type = EventType::kFeedClick;
    e.time_ms += 1;
    e.items = {e.items[2]};
    events.push_back(e);
  }
  return events;
}

void FillLog(const std::string& log, std::vector<Event> events = Events()) {
  const FixedClock clock(0);
  std::uint64_t duplicates = 0;
  ASSERT_TRUE(EventLog::Open(PosixFileSystem(), clock, {.folder = log})
                  .value()
                  ->AppendImported(
                      std::move(events), [](std::uint64_t) {}, &duplicates)
                  .ok());
}

Result<JoinTable> Read(const TestFolder& folder, const std::string& csv, const JoinOptions& options = {}) {
  const std::string path = folder.path() + "/rows.csv";
  EXPECT_TRUE(PublishFile(PosixFileSystem(), path, csv).ok());
  GFR_ASSIGN(const auto rows, OpenCsv(path));
  return ReadJoinTable(*rows, "rows.csv", *Features(), options);
}

Joined Join(const TestFolder& folder, const JoinTable& table) {
  LocalLog log(PosixFileSystem(), folder.path() + "/log");
  return JoinFeatures(log, Features(), table).value();
}

void ExpectSameBits(const std::vector<std::vector<float>>& a, const std::vector<std::vector<float>>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t k = 0; k < a.size(); ++k) {
    ASSERT_EQ(a[k].size(), b[k].size());
    EXPECT_EQ(std::memcmp(a[k].data(), b[k].data(), a[k].size() * 4), 0) << "feature " << k;
  }
}

TEST(JoinRowsTest, TheRequestsThemselvesHaveTheBitsOfTheTrainingRows) {
  const TestFolder folder;
  FillLog(folder.path() + "/log");
  std::string csv = "request,user,session,item,shown,city,time\n";
  for (const Event& e : Events()) {
    if (e.type != EventType::kFeedRequest) continue;
    for (const EventItem& item : e.items)
      csv += e.request_id + "," + e.user_id + "," + e.session_id + "," + item.item_id + "," +
             std::to_string(item.price) + "," + e.context[0].text + "," + std::to_string(e.time_ms) + "\n";
  }
  const auto clash = Read(folder, "price," + csv.substr(0, csv.find('\n')));
  ASSERT_FALSE(clash.ok());
  EXPECT_EQ(clash.error().ToString(),
            "rows.csv:1: column 'price' has the name of a feature; rename it, or leave the feature out");
  const auto table = Read(folder, csv, {.given = {"shown=price", "city"}});
  ASSERT_TRUE(table.ok()) << table.error().ToString();
  const Joined joined = Join(folder, table.value());

  LocalLog log(PosixFileSystem(), folder.path() + "/log");
  const Dataset data = BuildDataset(PosixFileSystem(), log, Features(), kObjectives, {.drop_immature = false}).value();
  const ObjectiveRows& rows = data.objectives[0];
  ASSERT_EQ(rows.size(), table.value().rows.size());
  std::size_t known = 0;
  for (std::size_t k = 0; k < data.columns; ++k) {
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const float trained = rows.features[i * data.columns + table.value().features[k]];
      ASSERT_EQ(std::memcmp(&joined.values[k][i], &trained, 4), 0)
          << "feature " << k << " of row " << i << ": " << joined.values[k][i] << " and " << trained;
      known += trained > 0;
    }
  }
  EXPECT_GT(known, 3000u);
  EXPECT_EQ(joined.after_log, 0u);
}

TEST(JoinRowsTest, RowsInAnyOrderHaveTheValuesOfALogThatEndsBeforeThem) {
  const TestFolder folder;
  FillLog(folder.path() + "/log");
  Rng rng(3);
  std::string csv = "label,time,item,user,session\n";
  for (int i = 0; i < 60; ++i)
    csv += "x" + std::to_string(i) + "," + std::to_string(kDay + static_cast<std::int64_t>(rng.Below(kDayMs))) + ",i" +
           std::to_string(rng.Below(9)) + ",u" + std::to_string(rng.Below(6)) + ",s" + std::to_string(rng.Below(10)) +
           "\n";
  const auto table = Read(folder, csv);
  ASSERT_TRUE(table.ok()) << table.error().ToString();
  const Joined joined = Join(folder, table.value());
  std::vector<std::vector<float>> expected(Features()->columns());
  std::size_t strangers = 0, late = 0;
  for (std::size_t i = 0; i < 60; ++i) {
    const JoinTable::Row& row = table.value().rows[i];
    const std::string &item = table.value().cells[2][i], &user = table.value().cells[3][i];
    OnlineStore store(Features());
    LocalLog log(PosixFileSystem(), folder.path() + "/log");
    const auto reader = log.OpenAll().value();
    LogRecord r;
    bool more = false;
    while ((more = reader->More(&r).value()) && r.arrival_ms < row.time_ms) store.Fold(r);
    store.AdvanceTo(EpochEndAt(row.time_ms));
    std::vector<float> values(Features()->columns());
    const std::vector<EventItem> items{{.item_id = item}};
    store.Read({.now_ms = row.time_ms,
                .user = KeyOf(user),
                .session = KeyOf(table.value().cells[4][i]),
                .items = items,
                .supplied = false},
               values.data());
    for (std::size_t k = 0; k < values.size(); ++k) expected[k].push_back(values[k]);
    strangers += !store.KnowsUser(KeyOf(user));
    late += !more && r.arrival_ms < row.time_ms;
  }
  ExpectSameBits(joined.values, expected);
  EXPECT_EQ(joined.unknown_users, strangers);
  EXPECT_GT(strangers, 0u);
  EXPECT_EQ(joined.after_log, late);
}

TEST(JoinRowsTest, ARowDoesNotSeeWhatArrivesAtItsOwnTime) {
  const TestFolder folder;
  FillLog(folder.path() + "/log", {{.id = "1",
                                    .source = "t",
                                    .type = EventType::kFeedClick,
                                    .time_ms = kDay,
                                    .user_id = "u",
                                    .items = {{.item_id = "i"}}}});
  const std::string ms = std::to_string(kDay), later = std::to_string(kDay + 1);
  // The click's epoch ends after a minute at most and is sealed five seconds later.
  const std::string epoch = FormatTime(kDay + 65 * kSecondMs), before = FormatTime(kDay + 65 * kSecondMs - 1);
  const auto table =
      Read(folder, "user,item,time\nu,i," + ms + "\nu,i," + later + "\nu,i," + epoch + "\nu,i," + before + "\n",
           {.features = {"user_clicks", "item_clicks"}});
  ASSERT_TRUE(table.ok()) << table.error().ToString();
  const Joined joined = Join(folder, table.value());
  EXPECT_EQ(joined.values[0], (std::vector<float>{0, 1, 1, 1}));
  EXPECT_EQ(joined.values[1], (std::vector<float>{0, 0, 1, 0}));
  EXPECT_EQ(joined.unknown_users, 1u);
}

TEST(JoinRowsTest, UnknownAndEmptyEntitiesAreStrangers) {
  const TestFolder folder;
  FillLog(folder.path() + "/log");
  const auto table = Read(
      folder, "user,session,item,time\nnobody,,i1,2024-10-05T00:00:00Z\n,,nothing,2024-10-05\nu1,s1,i1,2024-10-05\n",
      {.features = {"user_clicks", "item_clicks", "since_click", "price"}});
  ASSERT_TRUE(table.ok()) << table.error().ToString();
  const Joined joined = Join(folder, table.value());
  EXPECT_EQ(joined.values[0][0], 0);
  EXPECT_EQ(joined.values[0][1], 0);
  EXPECT_GT(joined.values[0][2], 0);
  EXPECT_GT(joined.values[1][0], 0);
  for (std::size_t i = 0; i < 2; ++i) EXPECT_TRUE(std::isnan(joined.values[2][i]));
  EXPECT_EQ(joined.unknown_users, 1u);
  EXPECT_EQ(joined.unknown_items, 1u);
}

TEST(JoinRowsTest, WhatIsWrongIsNamedByLine) {
  const TestFolder folder;
  const auto error = [&](const std::string& csv, const JoinOptions& options = {}) {
    const auto table = Read(folder, csv, options);
    return table.ok() ? "none" : table.error().ToString();
  };
  EXPECT_EQ(error("user,time\nu,2026-01-01\nu\n"), "rows.csv:3: 1 cells, not the 2 of the header");
  EXPECT_EQ(error("user,time\nu,2026-01-01T00:00:00\n"),
            "rows.csv:2: column 'time': '2026-01-01T00:00:00' is not a time; valid are RFC 3339 with a zone "
            "(2026-01-31T12:00:00Z) and milliseconds since 1970");
  EXPECT_NE(error("user,time\nu,99999999999999999999\n").find("rows.csv:2"), std::string::npos);
  EXPECT_NE(error("user,time\nu,\n").find("rows.csv:2"), std::string::npos);
  EXPECT_EQ(error("user,when\nu,1\n"),
            "rows.csv:1: there is no column 'time' of times; there are user, when (--time names it)");
  EXPECT_EQ(error("user,when\nu,1\n", {.time_column = "when"}), "none");
  EXPECT_EQ(error("users,time\nu,1\n"),
            "rows.csv:1: there is no entity: name a column user, item or session; there are users, time");
  EXPECT_EQ(error("user,user,time\nu,u,1\n"), "rows.csv:1: there are two columns 'user'");
  EXPECT_EQ(error("user,time\nu,1\n", {.features = {"clicks"}}),
            "there is no feature 'clicks'; see `gfr features list`");
  EXPECT_EQ(error("user,time,age\nu,1,2\n", {.given = {"age"}}),
            "rows.csv:1: 'age' is no property that gfr.toml declares; valid are price, city");
  const JoinOptions priced{.features = {"user_clicks"}, .given = {"price"}};
  EXPECT_EQ(error("user,price,time\nu,3,1\nu,,1\nu,dear,1\n", priced),
            "rows.csv:4: column 'price' is 'dear', which is not a number");
  EXPECT_EQ(error("request,user,time\nr,u,1\n,v,2\nr,u,3\n"),
            "rows.csv:4: request 'r' has another time than at line 2; rows of one request are one slate");
}

TEST(JoinRowsTest, CsvAndParquetKeepTheColumnsAndGiveBackTheBits) {
  const TestFolder folder;
  FillLog(folder.path() + "/log");
  const auto table =
      Read(folder,
           "note,user,item,time,\"a, \"\"b\"\"\"\n\"two\nlines, and \"\"quotes\"\"\",u1,i1,2024-10-04T15:00:00Z,\n"
           "x,u9,i2,2024-10-04T12:00:00Z,5\n");
  ASSERT_TRUE(table.ok()) << table.error().ToString();
  const Joined joined = Join(folder, table.value());
  for (const char* name : {"/out.csv", "/out.parquet"}) {
    const std::string path = folder.path() + name;
    ASSERT_TRUE(WriteJoined(PosixFileSystem(), path, *Features(), table.value(), joined).ok());
    auto rows = path.ends_with("csv") ? OpenCsv(path) : OpenParquet(path);
    ASSERT_TRUE(rows.ok()) << rows.error().ToString();
    EXPECT_EQ(rows.value()->columns(),
              (std::vector<std::string>{"note", "user", "item", "time", "a, \"b\"", "user_clicks", "item_clicks",
                                        "city_clicks", "since_click", "price", "rank"}));
    std::vector<Cell> row;
    for (std::size_t i = 0; i < 2; ++i) {
      ASSERT_TRUE(rows.value()->Next(&row).value());
      for (std::size_t c = 0; c < 5; ++c) EXPECT_EQ(row[c].text, table.value().cells[c][i]);
      for (std::size_t k = 0; k < 6; ++k) {
        const float wanted = joined.values[k][i];
        EXPECT_EQ(row[5 + k].text.empty(), std::isnan(wanted));
        const float read = std::strtof(row[5 + k].text.c_str(), nullptr);
        EXPECT_TRUE(std::isnan(wanted) || std::memcmp(&read, &wanted, 4) == 0) << read << " and " << wanted;
      }
    }
    EXPECT_FALSE(rows.value()->Next(&row).value());
  }
}

}  // namespace
}  // namespace gfr
