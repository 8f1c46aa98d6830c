#include "dataset/partitioned_replay.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <set>

#include "base/rng.h"
#include "base/test_folder.h"
#include "base/time.h"
#include "dataset/dataset_config.h"
#include "dataset/partition_rows.h"
#include "dataset/start_at_base.h"
#include "dataset/trim_log.h"
#include "event/event_codec.h"
#include "log/event_log.h"

namespace gfr {
namespace {

constexpr const char* kReplayConfig = R"(
[catalogue]
price_from_impressions = true
[item]
category = "category"
[user]
city = "category"
[[feature]]
name = "user_clicks"
type = "count"
scope = "user"
events = ["feed.click"]
window = "2h"
tiles = 4
[[feature]]
name = "session_touches"
type = "interaction"
read = "count"
scope = "session"
events = ["feed.click", "item.view"]
[[feature]]
name = "price_affinity"
type = "affinity"
scope = "user"
property = "price"
bands = [2, 4, 6, 8]
half_life = "1h"
capacity = 3
events = ["feed.click", "item.view"]
[[feature]]
name = "category_taste"
type = "taste"
scope = "user"
property = "category"
half_life = "2h"
capacity = 2
events = ["feed.click"]
denominator = ["feed.impression"]
[[feature]]
name = "price"
type = "property"
property = "price"
[[feature]]
name = "category"
type = "property"
property = "category"
[[feature]]
name = "item_ctr"
type = "rate"
scope = "item"
events = ["feed.click"]
denominator = ["feed.impression"]
window = "4h"
tiles = 8
[[feature]]
name = "category_clicks"
type = "count"
scope = "item.category"
events = ["feed.click"]
[[feature]]
name = "city_item_ctr"
type = "rate"
scope = "user.city x item"
events = ["feed.click"]
denominator = ["feed.impression"]
[[feature]]
name = "last_item_clicks"
type = "count"
scope = "last x item"
events = ["feed.click"]
[[feature]]
name = "surface_since"
type = "since"
scope = "surface"
events = ["feed.click"]
)";

constexpr const char* kCities[] = {"rome", "oslo", "lima"};

// A day of events as a careless world sends them: late ones, users who log in, items that change, requests of nobody.
std::vector<Event> RandomEvents(std::uint64_t seed) {
  Rng rng(seed);
  std::vector<Event> events;
  std::int64_t now_ms = 28'000'000 * kMinuteMs;
  const auto id = [&](const char* prefix, std::uint64_t below) { return prefix + std::to_string(rng.Below(below)); };
  for (int i = 0; i < 1500; ++i) {
    now_ms += static_cast<std::int64_t>(rng.Below(60)) * kSecondMs;
    Event e{.id = std::to_string(i), .source = "t", .time_ms = now_ms, .surface = id("s", 2)};
    if (rng.Below(10) > 0) e.user_id = id("u", 30);
    if (e.user_id.empty() || rng.Below(3) > 0) e.session_id = id("v", 60);
    if (rng.Below(2) == 0) e.context = {{.name = "city", .text = kCities[rng.Below(3)]}};
    const std::uint64_t dice = rng.Below(20);
    if (dice == 0) {
      e.type = EventType::kItemUpdate;
      e.items = {{.item_id = id("i", 40), .properties = {{.name = "category", .text = id("c", 4)}}}};
      if (rng.Below(2) == 0) e.items[0].price = static_cast<double>(rng.Below(10));
    } else if (dice == 1) {
      e.type = EventType::kUserAlias;
      e.user_id = id("u", 30);
      e.kind = id("u", 30);
    } else if (dice == 2) {
      e.type = rng.Below(4) == 0 ? EventType::kUserDelete : EventType::kSearch;
      if (e.user_id.empty()) e.user_id = "u1";
    } else if (dice == 3) {
      e.type = rng.Below(2) == 0 ? EventType::kItemDelete : EventType::kItemHide;
      if (e.user_id.empty()) e.user_id = "u1";
      e.items = {{.item_id = id("i", 40)}};
    } else if (dice < 6) {
      e.type = EventType::kItemView;
      e.items = {{.item_id = id("i", 40)}};
    } else if (dice < 8) {
      e.type = EventType::kPurchase;
      e.items = {{.item_id = id("i", 40), .price = 3, .quantity = 2}};
    } else {
      e.type = EventType::kFeedRequest;
      e.request_id = "r" + std::to_string(i);
      for (int k = 0; k < 6; ++k)
        e.items.push_back({.item_id = id("i", 40), .price = static_cast<double>(rng.Below(10))});
      events.push_back(e);
      e.id += "i";
      e.type = EventType::kFeedImpression;
      events.push_back(e);
      if (rng.Below(2) == 0) continue;
      if (rng.Below(4) == 0) {  // The click comes before its impression.
        Event early = e;
        early.id += "e";
        early.type = EventType::kFeedClick;
        early.items = {e.items[rng.Below(6)]};
        events.insert(events.end() - 1, std::move(early));
      }
      e.id += "c";
      e.type = EventType::kFeedClick;
      e.items = {e.items[rng.Below(6)]};
      if (rng.Below(5) == 0) e.request_id.clear();
      e.time_ms += static_cast<std::int64_t>(rng.Below(20)) * kMinuteMs;
    }
    events.push_back(std::move(e));
  }
  return events;
}

// A log of these events, in a folder of its own.
struct ReplayedLog {
  explicit ReplayedLog(std::vector<Event> events, std::uint64_t segment_bytes = EventLogOptions{}.segment_bytes) {
    const FixedClock clock(0);
    std::uint64_t duplicates = 0;
    EXPECT_TRUE(EventLog::Open(PosixFileSystem(), clock, {.folder = folder / "log", .segment_bytes = segment_bytes})
                    .value()
                    ->AppendImported(
                        std::move(events), [](std::uint64_t) {}, &duplicates)
                    .ok());
  }
  const TestFolder folder;
  LocalLog source{PosixFileSystem(), folder / "log"};
};

template <typename T>
bool SameBytes(const std::vector<T>& a, const std::vector<T>& b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0);
}

void ExpectSame(const Dataset& a, const Dataset& b) {
  ASSERT_EQ(a.objectives.size(), b.objectives.size());
  for (std::size_t o = 0; o < a.objectives.size(); ++o) {
    const ObjectiveRows &x = a.objectives[o], &y = b.objectives[o];
    EXPECT_TRUE(SameBytes(x.offset, y.offset) && SameBytes(x.label, y.label) && SameBytes(x.user, y.user) &&
                SameBytes(x.arrival_ms, y.arrival_ms));
    ASSERT_EQ(x.features.size(), y.features.size());
    for (std::size_t i = 0; i < x.features.size(); ++i) {
      ASSERT_EQ(std::memcmp(&x.features[i], &y.features[i], 4), 0)
          << "objective " << o << ", row " << i / a.columns << ", column " << i % a.columns << ": " << x.features[i]
          << " and " << y.features[i];
    }
  }
  ASSERT_EQ(a.slates.size(), b.slates.size());
  for (std::size_t s = 0; s < a.slates.size(); ++s) {
    const SlateRow &x = a.slates[s], &y = b.slates[s];
    EXPECT_TRUE(x.offset == y.offset && x.user == y.user && x.session == y.session && x.first == y.first &&
                x.items == y.items && x.clicked == y.clicked && x.untouched == y.untouched &&
                x.most_recent == y.most_recent && x.popularity == y.popularity);
  }
  EXPECT_TRUE(SameBytes(a.slate_features, b.slate_features));
  EXPECT_EQ(a.records, b.records);
  EXPECT_EQ(a.last_arrival_ms, b.last_arrival_ms);
  EXPECT_EQ(a.category_names, b.category_names);
}

TEST(PartitionedReplayTest, AnySplitByUserOverAnyNumberOfWorkersGivesEqualBytes) {
  auto config = Config::Parse(kReplayConfig, "gfr.toml");
  const auto features = FeatureSet::Make(config.value()).value();
  const std::vector<ObjectiveConfig> objectives{
      {.name = "pctr"},
      {.name = "pcvr", .population = EventType::kFeedClick, .label = EventType::kPurchase, .window_ms = 2 * kHourMs},
      {.name = "view", .population = EventType::kItemView, .label = EventType::kFeedClick}};
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    ReplayedLog made(RandomEvents(seed));
    LocalLog& source = made.source;
    const std::string scratch = made.folder / "scratch";
    const auto whole = BuildDataset(PosixFileSystem(), source, features, objectives, {.partitions = 1});
    ASSERT_TRUE(whole.ok()) << whole.error().message;
    EXPECT_GT(whole.value().objectives[0].size(), 3000u);
    EXPECT_GT(whole.value().objectives[1].size(), 100u);
    EXPECT_GT(whole.value().slates.size(), 100u);
    for (const int partitions : {2, 7}) {
      for (const int workers : {1, 2, 7}) {
        const auto split = BuildDataset(PosixFileSystem(), source, features, objectives,
                                        {.workers = workers, .partitions = partitions, .scratch_folder = scratch});
        ASSERT_TRUE(split.ok()) << split.error().ToString();
        ExpectSame(whole.value(), split.value());
      }
    }
  }
}

// Devices of few logins each, so that several partitions have something to do.
std::vector<Event> EventsOfSharedDevices(std::uint64_t seed) {
  std::vector<Event> events = RandomEvents(seed);
  Rng rng(seed);
  for (Event& e : events) {
    if (e.type != EventType::kUserAlias) continue;
    const std::uint64_t device = rng.Below(30);
    e.kind = "u" + std::to_string(device);
    e.user_id = "u" + std::to_string(device / 5 * 5 + rng.Below(5));
  }
  return events;
}

TEST(PartitionedReplayTest, DevicesThatChangeHandsGiveEqualBytesByAnySplitAndTheStateOfAStoreInTheEnd) {
  const std::vector<ObjectiveConfig> objectives{
      {.name = "pctr"}, {.name = "view", .population = EventType::kItemView, .label = EventType::kFeedClick}};
  for (const std::string rule :
       {"alias = \"last\"", "alias = \"last\"\nmax_logins = 2", "max_logins = 1", "alias = \"none\""}) {
    SCOPED_TRACE(rule);
    auto config = Config::Parse(std::string(kReplayConfig) + "[users]\n" + rule, "gfr.toml");
    const auto features = FeatureSet::Make(config.value()).value();
    ReplayedLog made(EventsOfSharedDevices(6));
    LocalLog& source = made.source;
    const std::string scratch = made.folder / "scratch";
    const auto whole = BuildDataset(PosixFileSystem(), source, features, objectives, {.partitions = 1});
    ASSERT_TRUE(whole.ok()) << whole.error().message;
    const auto split = BuildDataset(PosixFileSystem(), source, features, objectives,
                                    {.workers = 2, .partitions = 7, .scratch_folder = scratch});
    ASSERT_TRUE(split.ok()) << split.error().ToString();
    ExpectSame(whole.value(), split.value());
    // Who is whom by the history is who it is by the store. But the history knows first logins before they come.
    AliasHistory history(features->schema.alias);
    ASSERT_TRUE(ForEachRecord(source, TypeBit(EventType::kUserAlias), [&](const LogRecord& r) {
                  history.Join(r.event, r.offset);
                  return Status();
                }).ok());
    OnlineStore store(features);
    int changed = 0;
    std::set<Key> joined;
    std::uint64_t last = 0;
    ASSERT_TRUE(ForEachRecord(source, kEveryType, [&](const LogRecord& r) {
                  store.Fold(r);
                  for (int u = 0; u < 30; ++u) {
                    const Key user = KeyOf("u" + std::to_string(u));
                    if (store.Resolve(user) != user) joined.insert(user);
                    if (!joined.contains(user)) continue;
                    EXPECT_EQ(history.Resolve(store.Resolve(user), r.offset), history.Resolve(user, r.offset))
                        << "u" << u << " at " << r.offset;
                    changed += history.Resolve(user, r.offset) != history.Resolve(user, 0);
                  }
                  last = r.offset;
                  return Status();
                }).ok());
    for (const Key user : joined) EXPECT_EQ(store.Resolve(user), history.Resolve(user, last));
    EXPECT_EQ(changed > 0, rule != "alias = \"none\"");
  }
}

TEST(PartitionedReplayTest, SampledSlatesAreTheSameByAnySplit) {
  auto config = Config::Parse(kReplayConfig, "gfr.toml");
  const auto features = FeatureSet::Make(config.value()).value();
  const std::vector<ObjectiveConfig> objectives{
      {.name = "next_view", .label = EventType::kItemView, .sampled = {.on = true, .size = 6}},
      {.name = "next_buy", .label = EventType::kPurchase, .sampled = {.on = true, .size = 4}}};
  ReplayedLog made(RandomEvents(5));
  LocalLog& source = made.source;
  const std::string scratch = made.folder / "scratch";
  const auto whole = BuildDataset(PosixFileSystem(), source, features, objectives, {.partitions = 1});
  ASSERT_TRUE(whole.ok()) << whole.error().message;
  EXPECT_TRUE(whole.value().sampled);
  EXPECT_GT(whole.value().objectives[0].size(), 500u);
  EXPECT_GT(whole.value().slates.size(), 20u);
  for (const int partitions : {2, 7}) {
    const auto split = BuildDataset(PosixFileSystem(), source, features, objectives,
                                    {.workers = 2, .partitions = partitions, .scratch_folder = scratch});
    ASSERT_TRUE(split.ok()) << split.error().ToString();
    ExpectSame(whole.value(), split.value());
  }
}

// The rows of `parts` parts of users, made step by step as Spark does it, by objective and place.
using RowsByPlace = std::map<std::tuple<std::int32_t, std::uint64_t, std::uint32_t>, std::vector<float>>;
RowsByPlace RowsInParts(const std::string& toml, const std::vector<LogRecord>& log, int parts,
                        const std::string& folder) {
  const auto plan = ReplayPlan::Make(toml, INT64_MIN, INT64_MAX).value();
  std::vector<std::int64_t> offsets, arrivals_ms;
  for (const LogRecord& r : log) {
    plan->Add(r);
    offsets.push_back(static_cast<std::int64_t>(r.offset));
    arrivals_ms.push_back(r.arrival_ms);
  }
  plan->set_end_ms(log.back().arrival_ms);
  plan->SetEpochStarts(offsets, arrivals_ms);
  const auto in = [&](const Event& e, int p) {
    const Key group = plan->GroupOf(e);
    return group != 0 && group % static_cast<Key>(parts) == static_cast<Key>(p);
  };
  const auto merge = [&](std::vector<EpochDelta> epochs, const std::string& path) {
    std::ranges::sort(epochs);
    EpochMerge merged(*plan);
    std::vector<EpochDelta> whole;
    for (const auto& [end_ms, delta] : epochs) EXPECT_TRUE(merged.Add(end_ms, delta, &whole).ok());
    merged.Finish(&whole);
    std::string bytes;
    for (const auto& [end_ms, delta] : whole) AppendEpoch(end_ms, delta, &bytes);
    EXPECT_TRUE(PublishFile(PosixFileSystem(), path, bytes).ok());
  };
  std::vector<EpochDelta> catalogue;
  for (std::size_t part = 0; part < 3; ++part) {  // Of the catalogue any parts will do: every third record.
    CatalogueFold fold(plan);
    for (std::size_t i = part; i < log.size(); i += 3) fold.Add(log[i]);
    std::ranges::move(fold.Take(), std::back_inserter(catalogue));
  }
  merge(catalogue, folder + "/catalogue");
  std::vector<EpochDelta> all = catalogue;
  for (int p = 0; p < parts; ++p) {
    LinesFold fold(plan, folder + "/catalogue");
    for (const LogRecord& r : log) {
      if (in(r.event, p)) EXPECT_TRUE(fold.Add(r, &all).ok());
    }
    EXPECT_TRUE(fold.Finish(&all).ok());
  }
  merge(all, folder + "/epochs");
  RowsByPlace made;
  for (int p = 0; p < parts; ++p) {
    PartitionRows rows(plan, folder + "/epochs", folder + "/records");
    std::string encoded;
    for (const LogRecord& r : log) {
      if (!in(r.event, p)) continue;
      encoded.clear();
      EncodeEvent(r.event, &encoded);
      EXPECT_TRUE(rows.Add(r.offset, r.arrival_ms, encoded).ok());
    }
    const std::size_t columns = plan->features()->columns();
    for (bool more = true; more;) {
      PartitionRows::Rows batch;
      more = rows.Read(100, &batch).value();
      for (std::size_t i = 0; i < batch.place.size(); ++i) {
        auto& row = made[{batch.objective[i], batch.place[i].offset, batch.place[i].line}];
        EXPECT_TRUE(row.empty());
        row.assign(batch.features.begin() + static_cast<std::ptrdiff_t>(i * columns),
                   batch.features.begin() + static_cast<std::ptrdiff_t>((i + 1) * columns));
        row.push_back(batch.label[i]);
      }
    }
  }
  return made;
}

class KeepRows final : public RowSink {
 public:
  void Row(std::size_t objective, const RowPlace& place, bool label, std::span<const float> features) override {
    auto& row = rows[{static_cast<std::int32_t>(objective), place.offset, place.line}];
    row.assign(features.begin(), features.end());
    row.push_back(label ? 1.0f : 0.0f);
  }
  void Slate(SlateRow, std::span<const float>) override {}
  RowsByPlace rows;
};

TEST(PartitionRowsTest, StepsOverAnyPartsGiveTheRowsOfOnePassBitForBit) {
  const std::string objectives = R"(
[[objective]]
name = "pctr"
[[objective]]
name = "pcvr"
population = "feed.click"
label = "purchase"
window = "2h"
)";
  const std::string all = std::string(kReplayConfig) + objectives;
  for (const std::string& toml : {all, all + "[dataset]\nleave_out_robots = true\nleave_out_users = [\"u3\"]\n",
                                  all + "[dataset]\nslates = \"sampled\"\n", all + "[users]\nalias = \"last\"\n"}) {
    SCOPED_TRACE(toml.substr(all.size()));
    ReplayedLog made(EventsOfSharedDevices(7));
    Config config = Config::Parse(toml, "gfr.toml").value();
    const auto features = FeatureSet::Make(config).value();
    auto configs = ObjectiveConfig::ReadAll(config, *features).value();
    const DatasetConfig dataset = DatasetConfig::Read(config, &configs).value();
    KeepRows one;
    ASSERT_TRUE(BuildRows(PosixFileSystem(), made.source, features, configs,
                          {.partitions = 1, .leave_out = dataset.leave_out}, one)
                    .ok());
    EXPECT_GT(one.rows.size(), 1000u);
    std::vector<LogRecord> log;
    ASSERT_TRUE(ForEachRecord(made.source, kEveryType, [&](const LogRecord& r) {
                  log.push_back(r);
                  return Status();
                }).ok());
    for (const int parts : {1, 5}) {
      const RowsByPlace rows = RowsInParts(toml, log, parts, made.folder.path());
      ASSERT_EQ(rows.size(), one.rows.size());
      for (const auto& [place, row] : one.rows) {
        const auto at = rows.find(place);
        ASSERT_TRUE(at != rows.end() && SameBytes(at->second, row)) << "offset " << std::get<1>(place);
      }
    }
  }
}

// Every other request as a server logged it; of those, every fifth says that it was read 30 records before, and yet in
// the epoch of its arrival, which has some of them.
std::vector<Event> EventsWithForgedSlates(std::uint64_t seed, std::set<std::string>* forged) {
  std::vector<Event> events = RandomEvents(seed);
  std::map<std::string, LogRecord> places;
  ReplayedLog plain(events);
  EXPECT_TRUE(ForEachRecord(plain.source, kEveryType, [&](const LogRecord& r) {
                places[r.event.id] = r;
                return Status();
              }).ok());
  int request = 0;
  for (Event& e : events) {
    if (e.type != EventType::kFeedRequest || places[e.id].offset < 100 || ++request % 2 == 0) continue;
    const LogRecord& at = places[e.id];
    const bool forges = request % 5 == 0;
    if (forges) forged->insert(e.request_id);
    e.served.positions = {{0, static_cast<std::int64_t>(at.offset) - (forges ? 31 : 1)}};
    e.served.now_ms = at.arrival_ms;
    e.served.epoch_end_ms = EpochEndAt(at.arrival_ms);
    for (EventItem& item : e.items) item.channel = "supplied";
  }
  return events;
}

TEST(PartitionRowsTest, SlatesOfAnEpochThatTheyHadNotAllReadMakeNoRowsByAnySplit) {
  const std::string toml = std::string(kReplayConfig) + "[[objective]]\nname = \"pctr\"\n";
  std::set<std::string> forged;
  ReplayedLog made(EventsWithForgedSlates(11, &forged));
  ASSERT_GT(forged.size(), 20u);
  Config config = Config::Parse(toml, "gfr.toml").value();
  const auto features = FeatureSet::Make(config).value();
  const auto objectives = ObjectiveConfig::ReadAll(config, *features).value();
  const auto whole = BuildDataset(PosixFileSystem(), made.source, features, objectives, {.partitions = 1});
  ASSERT_TRUE(whole.ok()) << whole.error().message;
  std::vector<LogRecord> log;
  std::set<std::uint64_t> of_forged;
  ASSERT_TRUE(ForEachRecord(made.source, kEveryType, [&](const LogRecord& r) {
                log.push_back(r);
                if (forged.contains(r.event.request_id)) of_forged.insert(r.offset);
                return Status();
              }).ok());
  EXPECT_GT(whole.value().objectives[0].size(), 3000u);
  for (const std::uint64_t offset : whole.value().objectives[0].offset) EXPECT_FALSE(of_forged.contains(offset));
  const auto split = BuildDataset(PosixFileSystem(), made.source, features, objectives,
                                  {.workers = 2, .partitions = 7, .scratch_folder = made.folder / "scratch"});
  ASSERT_TRUE(split.ok()) << split.error().ToString();
  ExpectSame(whole.value(), split.value());
  KeepRows one;
  ASSERT_TRUE(BuildRows(PosixFileSystem(), made.source, features, objectives, {.partitions = 1}, one).ok());
  EXPECT_EQ(RowsInParts(toml, log, 5, made.folder.path()).size(), one.rows.size());
}

TEST(PartitionRowsTest, RecordsOutOfOrderAreRefused) {
  const TestFolder folder;
  const auto plan = ReplayPlan::Make(std::string(kReplayConfig) + "[[objective]]\nname = \"pctr\"\n", 0, 1).value();
  PartitionRows rows(plan, folder / "epochs", folder / "records");
  std::string encoded;
  EncodeEvent({.id = "a", .type = EventType::kSearch}, &encoded);
  EXPECT_TRUE(rows.Add(7, 1, encoded).ok());
  EXPECT_FALSE(rows.Add(7, 1, encoded).ok());
}

TEST(PartitionedReplayTest, LeavesNoScratchFilesAndAsksForMorePartitionsWhenMemoryIsShort) {
  auto config = Config::Parse(kReplayConfig, "gfr.toml");
  const auto features = FeatureSet::Make(config.value()).value();
  const std::vector<ObjectiveConfig> objectives{{.name = "pctr"}};
  ReplayedLog made(RandomEvents(4));
  LocalLog& source = made.source;
  const std::string scratch = made.folder / "scratch";
  EXPECT_EQ(LogSurvey::Of(source, features, objectives, {}).value().partitions(), 1);
  EXPECT_GT(LogSurvey::Of(source, features, objectives, {.memory_bytes = 20'000}).value().partitions(), 4);
  ASSERT_TRUE(
      BuildDataset(PosixFileSystem(), source, features, objectives, {.memory_bytes = 20'000, .scratch_folder = scratch})
          .ok());
  EXPECT_FALSE(PosixFileSystem().Exists(scratch));
}

// Rows of the last hours: requests of theirs may lie before, but not before the base.
std::map<std::pair<std::uint64_t, std::size_t>, std::vector<float>> RowsFrom(const Dataset& data, std::size_t o,
                                                                             std::int64_t from_ms) {
  std::map<std::pair<std::uint64_t, std::size_t>, std::vector<float>> rows;
  const ObjectiveRows& r = data.objectives[o];
  std::size_t line = 0;
  for (std::size_t i = 0; i < r.size(); ++i) {
    line = i > 0 && r.offset[i] == r.offset[i - 1] ? line + 1 : 0;
    if (r.arrival_ms[i] < from_ms) continue;
    auto& row = rows[{r.offset[i], line}];
    row.assign(r.features.begin() + static_cast<std::ptrdiff_t>(i * data.columns),
               r.features.begin() + static_cast<std::ptrdiff_t>((i + 1) * data.columns));
    row.push_back(r.label[i]);
  }
  return rows;
}

TEST(PartitionedReplayTest, ALogWhoseOldRecordsWereDeletedGivesTheSameRowsAndStatesFromItsBase) {
  auto config = Config::Parse(kReplayConfig, "gfr.toml");
  const auto features = FeatureSet::Make(config.value()).value();
  const std::vector<ObjectiveConfig> objectives{
      {.name = "pctr"}, {.name = "view", .population = EventType::kItemView, .label = EventType::kFeedClick}};
  ReplayedLog made(RandomEvents(9), 10'000);
  LocalLog& source = made.source;
  const std::string scratch = made.folder / "scratch";
  const auto build = [&](int partitions) {
    auto built = BuildDataset(PosixFileSystem(), source, features, objectives,
                              {.workers = 2, .partitions = partitions, .scratch_folder = scratch});
    EXPECT_TRUE(built.ok()) << built.error().message;
    return std::move(built).value();
  };
  const Dataset whole = build(1);
  const auto planned = TrimLog(source, made.folder / "lake", features, 10 * kHourMs, /*dry_run=*/true).value();
  EXPECT_EQ(source.Begin().value()[0], 0u) << "a dry run changes nothing";
  for (const std::int64_t keep_ms : {10 * kHourMs, 8 * kHourMs}) {  // The second base is made of the first.
    const auto trimmed = TrimLog(source, made.folder / "lake", features, keep_ms, /*dry_run=*/false);
    ASSERT_TRUE(trimmed.ok()) << trimmed.error().message;
    ASSERT_GT(trimmed.value().segments.size(), 2u);
    ASSERT_EQ(source.Begin().value()[0], trimmed.value().begin);
    EXPECT_LE(trimmed.value().begin_ms, trimmed.value().end_ms - keep_ms);
    if (keep_ms == 10 * kHourMs) {
      EXPECT_EQ(planned.segments, trimmed.value().segments);
    }
    EXPECT_TRUE(CheckLog(source, /*repair=*/false).value().bad_at.empty());
    const std::int64_t from_ms = trimmed.value().end_ms - 4 * kHourMs;
    for (const int partitions : {1, 3}) {
      const Dataset left = build(partitions);
      EXPECT_LT(left.records, whole.records);
      for (std::size_t o = 0; o < objectives.size(); ++o) {
        const auto expected = RowsFrom(whole, o, from_ms), rows = RowsFrom(left, o, from_ms);
        ASSERT_GT(expected.size(), 30u);
        ASSERT_EQ(rows.size(), expected.size());
        for (const auto& [place, row] : expected)
          ASSERT_TRUE(SameBytes(row, rows.at(place)))
              << "objective " << o << ", offset " << place.first << ", " << partitions << " partitions";
      }
    }
  }
  EXPECT_TRUE(TrimLog(source, made.folder / "lake", features, 8 * kHourMs, false).value().segments.empty());
  EXPECT_TRUE(EventLog::Open(PosixFileSystem(), FixedClock(0), {.folder = made.folder / "log"}).ok())
      << "the writer goes on";
}

TEST(PartitionedReplayTest, AnErasedUserIsForgottenInTheBaseToo) {
  auto config = Config::Parse(kReplayConfig, "gfr.toml");
  const auto features = FeatureSet::Make(config.value()).value();
  ReplayedLog made(RandomEvents(9), 10'000);
  LocalLog& source = made.source;
  std::vector<Key> users;
  std::size_t aliases = 0;
  ASSERT_TRUE(ForEachRecord(source, kEveryType, [&](const LogRecord& r) {
                if (!r.event.user_id.empty()) users.push_back(KeyOf(r.event.user_id));
                return Status();
              }).ok());
  ASSERT_TRUE(ForgetInBase(source, features, users).ok()) << "a log without a base has nothing to forget";
  ASSERT_GT(TrimLog(source, made.folder / "lake", features, 6 * kHourMs, false).value().segments.size(), 2u);
  aliases = AliasesOfBase(source).value().size();
  EXPECT_GT(aliases, 0u);
  const auto known = [&] {
    OnlineStore store(features);
    EXPECT_TRUE(StartAtBase(source, &store).ok());
    return std::ranges::count_if(users, [&](Key user) { return store.KnowsUser(store.Resolve(user)); });
  };
  EXPECT_GT(known(), 10);
  ASSERT_TRUE(ForgetInBase(source, features, users).ok());
  EXPECT_EQ(known(), 0);
}

// What gfr.toml declares after the old records are gone starts empty at the base, in every replay alike.
TEST(PartitionedReplayTest, ADefinitionThatTheBaseDoesNotKnowStartsEmptyThere) {
  auto old_config = Config::Parse(kReplayConfig, "gfr.toml");
  const auto old_features = FeatureSet::Make(old_config.value()).value();
  auto config = Config::Parse(std::string("[[feature]]\nname = \"new_clicks\"\ntype = \"count\"\nscope = \"item\"\n"
                                          "events = [\"feed.click\"]\n") +
                                  kReplayConfig,
                              "gfr.toml");
  const auto features = FeatureSet::Make(config.value()).value();
  const std::vector<ObjectiveConfig> objectives{{.name = "pctr"}};
  ReplayedLog made(RandomEvents(9), 10'000);
  LocalLog& source = made.source;
  const std::string scratch = made.folder / "scratch";
  const auto build = [&](int partitions) {
    auto built = BuildDataset(PosixFileSystem(), source, features, objectives,
                              {.workers = 2, .partitions = partitions, .scratch_folder = scratch});
    EXPECT_TRUE(built.ok()) << built.error().message;
    return std::move(built).value();
  };
  const Dataset whole = build(1);
  const auto trimmed = TrimLog(source, made.folder / "lake", old_features, 8 * kHourMs, /*dry_run=*/false).value();
  const Dataset one = build(1), split = build(3);
  ExpectSame(one, split);
  const std::int64_t from_ms = trimmed.end_ms - 4 * kHourMs;
  const auto expected = RowsFrom(whole, 0, from_ms), rows = RowsFrom(one, 0, from_ms);
  ASSERT_EQ(rows.size(), expected.size());
  std::size_t fewer = 0;
  for (const auto& [place, row] : expected) {
    const auto& left = rows.at(place);
    EXPECT_LE(left[0], row[0]);
    fewer += left[0] < row[0];
    for (std::size_t k = 1; k < row.size(); ++k)
      ASSERT_EQ(std::memcmp(&left[k], &row[k], sizeof(float)), 0) << "column " << k << " was known to the base";
  }
  EXPECT_GT(fewer, rows.size() / 2);
}

// Counts how often a log is read.
class CountedLog final : public EventSource {
 public:
  explicit CountedLog(EventSource& log) : log_(log) {}
  int partitions() const override { return log_.partitions(); }
  Result<Positions> Begin() override { return log_.Begin(); }
  Result<Positions> End() override { return log_.End(); }
  Result<std::uint64_t> SizeBytes() override { return log_.SizeBytes(); }
  Result<std::unique_ptr<RandomAccessFile>> OpenBase() override { return log_.OpenBase(); }
  Result<std::unique_ptr<EventReader>> Open(const Positions& from, ReadOptions options) override {
    ++reads;
    return log_.Open(from, std::move(options));
  }
  int reads = 0;

 private:
  EventSource& log_;
};

// Before the survey: 4, 3 and 6 times.
TEST(PartitionedReplayTest, ReadsTheLogOnceForAliasesLabelsAndMeasure) {
  auto config = Config::Parse(kReplayConfig, "gfr.toml");
  const auto features = FeatureSet::Make(config.value()).value();
  std::vector<ObjectiveConfig> objectives{{.name = "pctr"}};
  ReplayedLog made(RandomEvents(4));
  LocalLog& source = made.source;
  const std::string scratch = made.folder / "scratch";
  const auto reads = [&](DatasetOptions options) {
    CountedLog log(source);
    options.scratch_folder = scratch;
    EXPECT_TRUE(BuildDataset(PosixFileSystem(), log, features, objectives, options).ok());
    return log.reads;
  };
  EXPECT_EQ(reads({}), 3) << "survey, index, replay";
  EXPECT_EQ(reads({.memory_bytes = 20'000}), 2) << "survey, with the measure, and the files of the partitions";
  EXPECT_EQ(reads({.leave_out = {.robots = true}}), 4) << "robots are known when everyone's aliases are";
  objectives = {{.name = "next_view", .label = EventType::kItemView, .sampled = {.on = true, .size = 6}}};
  EXPECT_EQ(reads({}), 3 + 2) << "the survey says when the events of sampled slates came; and the ends of the log";
}

}  // namespace
}  // namespace gfr
