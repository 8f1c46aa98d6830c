#include "dataset/kept_rows.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "base/rng.h"
#include "base/test_folder.h"
#include "base/time.h"
#include "dataset/export_dataset.h"
#include "dataset/trim_log.h"
#include "log/erase_user.h"
#include "log/event_log.h"
#include "state/shared_state.h"

namespace gfr {
namespace {

constexpr const char* kKeptConfig = R"(
[item]
category = "category"
[user]
city = "category"
[[feature]]
name = "user_clicks"
type = "count"
scope = "user"
events = ["feed.click"]
window = "20h"
tiles = 4
[[feature]]
name = "session_touches"
type = "interaction"
read = "count"
scope = "session"
events = ["feed.click", "item.view"]
[[feature]]
name = "category_taste"
type = "taste"
scope = "user"
property = "category"
half_life = "2d"
capacity = 2
events = ["feed.click"]
denominator = ["feed.impression"]
[[feature]]
name = "price"
type = "property"
property = "price"
[[feature]]
name = "item_ctr"
type = "rate"
scope = "item"
events = ["feed.click"]
denominator = ["feed.impression"]
window = "4h"
tiles = 8
[[feature]]
name = "last_item_clicks"
type = "count"
scope = "last x item"
events = ["feed.click"]
)";

struct ArrivingEvent {
  Event event;
  std::int64_t arrival_ms;
};

// Nine days of what a log can have: served and imported requests, records that come late, in another order or never,
// draws and swaps, logins, deletions, events of nobody. Its index is the offset.
std::vector<ArrivingEvent> DaysOfEvents(std::uint64_t seed, int steps = 1600, bool has_logins = true) {
  Rng rng(seed);
  std::vector<ArrivingEvent> events;
  std::int64_t now_ms = 28'000'000 * kMinuteMs;
  const auto id = [&](const char* prefix, std::uint64_t below) { return prefix + std::to_string(rng.Below(below)); };
  std::multimap<std::int64_t, Event> later;
  const auto add = [&](Event e) {
    e.id = "e" + std::to_string(events.size() + later.size()) + "-" + std::to_string(rng.Below(1u << 30));
    events.push_back({std::move(e), now_ms});
  };
  const auto after = [&](Event e, std::int64_t most_ms) {
    const std::int64_t at_ms = now_ms + static_cast<std::int64_t>(rng.Below(static_cast<std::uint64_t>(most_ms)));
    e.time_ms = at_ms - static_cast<std::int64_t>(rng.Below(3)) * kMinuteMs;
    later.emplace(at_ms, std::move(e));
  };
  for (int i = 0; i < steps; ++i) {
    const std::int64_t next_ms = now_ms + static_cast<std::int64_t>(rng.Below(16)) * kMinuteMs;
    while (!later.empty() && later.begin()->first <= next_ms) {
      auto due = later.extract(later.begin());
      now_ms = std::max(now_ms, due.key());
      add(std::move(due.mapped()));
    }
    now_ms = next_ms;
    Event e{.source = "t", .time_ms = now_ms, .surface = id("s", 2)};
    if (rng.Below(10) > 0) e.user_id = id("u", 25);
    if (e.user_id.empty() || rng.Below(3) > 0) e.session_id = id("v", 60);
    const std::uint64_t dice = rng.Below(24);
    if (dice == 0) {
      e.type = EventType::kItemUpdate;
      e.items = {{.item_id = id("i", 40), .price = static_cast<double>(rng.Below(10))}};
      e.items[0].properties = {{.name = "category", .text = id("c", 4)}};
    } else if (dice == 1 && rng.Below(3) == 0 && has_logins) {
      e.type = EventType::kUserAlias;
      e.user_id = id("u", 25);
      e.kind = id("u", 25);
    } else if (dice == 2 && rng.Below(5) == 0) {
      e.type = EventType::kUserDelete;
      e.user_id = id("u", 25);
    } else if (dice < 6) {
      e.type = rng.Below(2) == 0 ? EventType::kItemView : EventType::kPurchase;
      e.items = {{.item_id = id("i", 40), .price = 3, .quantity = 2}};
    } else {
      e.type = EventType::kFeedRequest;
      e.request_id = "r" + std::to_string(i);
      for (int k = 0; k < 8; ++k)
        e.items.push_back({.item_id = id("i", 40), .index = k < 5 ? k : -1, .price = 1.0 * static_cast<double>(k)});
      Event seen = e, click = e;
      seen.type = EventType::kFeedImpression;
      seen.items.resize(rng.Below(2) == 0 ? 5 : 3);
      click.type = EventType::kFeedClick;
      click.items = {e.items[rng.Below(5)]};
      if (rng.Below(4) == 0) click.request_id.clear();
      if (rng.Below(8) == 0) {  // Something names it before it comes.
        add(rng.Below(2) == 0 ? seen : click);
        now_ms += kMinuteMs;
      }
      if (rng.Below(3) > 0 && !events.empty()) {
        const auto back = static_cast<std::int64_t>(rng.Below(std::min<std::size_t>(events.size(), 4)));
        e.served.positions = {{0, static_cast<std::int64_t>(events.size()) - 1 - back}};
        e.served.now_ms = now_ms;
        const std::int64_t read_ms = events[events.size() - 1 - static_cast<std::size_t>(back)].arrival_ms;
        e.served.epoch_end_ms = EpochEndAt(read_ms) - static_cast<std::int64_t>(rng.Below(2)) * kEpochMs;
        if (rng.Below(2) == 0) {
          e.served.propensity.assign(8, 1.0f);
          e.served.propensity[1] = 0.25f;
          e.served.draws = {{.position = 1, .pool = {1, 5, 6, 7}}};
          e.served.swaps = {3};
          e.served.propensity[3] = 0.5f;
        }
      }
      add(e);
      after(seen, rng.Below(20) == 0 ? 30 * kHourMs : 3 * kMinuteMs);
      if (rng.Below(5) == 0) after(seen, 20 * kHourMs);
      if (rng.Below(2) == 0) after(click, rng.Below(4) == 0 ? 30 * kHourMs : 9 * kMinuteMs);
      continue;
    }
    add(std::move(e));
  }
  return events;
}

template <typename T>
bool EqualBytes(const std::vector<T>& a, const std::vector<T>& b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0);
}

void ExpectEqualDatasets(const Dataset& a, const Dataset& b) {
  ASSERT_EQ(a.objectives.size(), b.objectives.size());
  for (std::size_t o = 0; o < a.objectives.size(); ++o) {
    const ObjectiveRows &x = a.objectives[o], &y = b.objectives[o];
    ASSERT_EQ(x.size(), y.size()) << o;
    EXPECT_TRUE(EqualBytes(x.features, y.features)) << o;
    EXPECT_TRUE(EqualBytes(x.label, y.label) && EqualBytes(x.whole, y.whole) && EqualBytes(x.user, y.user) &&
                EqualBytes(x.arrival_ms, y.arrival_ms) && EqualBytes(x.offset, y.offset) &&
                EqualBytes(x.request, y.request) && EqualBytes(x.position, y.position) &&
                EqualBytes(x.led_on, y.led_on))
        << o;
  }
  ASSERT_EQ(a.slates.size(), b.slates.size());
  for (std::size_t s = 0; s < a.slates.size(); ++s) {
    const SlateRow &x = a.slates[s], &y = b.slates[s];
    EXPECT_TRUE(x.offset == y.offset && x.click_offset == y.click_offset && x.user == y.user &&
                x.session == y.session && x.first == y.first && x.items == y.items && x.clicked == y.clicked &&
                x.untouched == y.untouched && x.most_recent == y.most_recent && x.popularity == y.popularity);
  }
  EXPECT_TRUE(EqualBytes(a.slate_features, b.slate_features));
  ASSERT_EQ(a.choices.size(), b.choices.size());
  for (std::size_t c = 0; c < a.choices.size(); ++c) {
    const ChoiceRow &x = a.choices[c], &y = b.choices[c];
    EXPECT_TRUE(x.offset == y.offset && x.line == y.line && x.first == y.first && x.pool == y.pool &&
                x.shown == y.shown && x.clicked == y.clicked && x.clicked_below == y.clicked_below);
  }
  EXPECT_TRUE(EqualBytes(a.choice_features, b.choice_features));
  EXPECT_EQ(a.records, b.records);
  EXPECT_EQ(a.first_arrival_ms, b.first_arrival_ms);
  EXPECT_EQ(a.last_arrival_ms, b.last_arrival_ms);
  EXPECT_EQ(a.category_names, b.category_names);
}

class KeptRowsTest : public testing::Test {
 protected:
  KeptRowsTest() {
    auto config = Config::Parse(kKeptConfig, "gfr.toml");
    features = FeatureSet::Make(config.value()).value();
  }
  void Append(const std::vector<ArrivingEvent>& events, std::size_t from, std::size_t to) {
    const FixedClock clock(0);
    std::uint64_t duplicates = 0;
    std::size_t next = from;
    const auto give = [&](Event* event, std::int64_t* arrival_ms) -> Result<bool> {
      if (next == to) return false;
      *event = events[next].event;
      *arrival_ms = events[next++].arrival_ms;
      return true;
    };
    const Status done =
        EventLog::Open(PosixFileSystem(), clock, {.folder = folder / "log", .segment_bytes = segment_bytes})
            .value()
            ->AppendImported(
                give, [](std::uint64_t) {}, &duplicates);
    ASSERT_TRUE(done.ok()) << done.error().message;
    ASSERT_EQ(duplicates, 0u);
  }
  Dataset Build(KeptRows* kept) {
    LocalLog log(PosixFileSystem(), folder / "log");
    DatasetOptions with = options;
    with.kept = kept;
    auto data = BuildDataset(PosixFileSystem(), log, features, objectives, with);
    EXPECT_TRUE(data.ok()) << data.error().message;
    return std::move(data).value();
  }
  // A replay by what is kept, which must equal one of everything. Whether old rows were taken.
  bool Night() {
    KeptRows kept(PosixFileSystem(), folder / "log", folder / "rows");
    const Dataset made = Build(&kept), whole = Build(nullptr);
    ExpectEqualDatasets(made, whole);
    settled = kept.digest() != nullptr;
    rows = whole.objectives[0].size();
    slates = whole.slates.size();
    choices = whole.choices.size();
    return kept.usable();
  }
  std::vector<std::string> Files() { return PosixFileSystem().List(folder / "rows").value(); }
  std::string FileOf(const std::string& kind) {
    for (const std::string& name : Files()) {
      if (name.starts_with(kind)) return folder / "rows/" + name;
    }
    return "";
  }

  const TestFolder folder;
  std::shared_ptr<const FeatureSet> features;
  std::uint64_t segment_bytes = EventLogOptions{}.segment_bytes;
  DatasetOptions options{.choices = true};
  std::vector<ObjectiveConfig> objectives{
      {.name = "pctr", .window_ms = 20 * kHourMs},
      {.name = "pcvr", .population = EventType::kFeedClick, .label = EventType::kPurchase, .window_ms = 30 * kHourMs},
      {.name = "view", .population = EventType::kItemView, .label = EventType::kFeedClick, .window_ms = 2 * kHourMs}};
  std::size_t rows = 0, slates = 0, choices = 0;
  bool settled = false;  // Whether the last Night gave settled rows as they were.
};

TEST_F(KeptRowsTest, EveryNightEqualsAFullReplayBitForBit) {
  int nights = 0, taken = 0, settled_nights = 0;
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    SCOPED_TRACE(seed);
    for (const char* place : {"log", "rows"}) ASSERT_TRUE(PosixFileSystem().RemoveTree(folder / place).ok());
    options.leave_out = {.robots = seed % 2 == 0, .users = {"u3"}};
    options.choices = seed % 3 != 0;
    const auto events = DaysOfEvents(seed, 1600, /*has_logins=*/seed <= 5);
    for (ObjectiveConfig& o : objectives) o.window_ms = seed <= 5 ? o.window_ms : o.window_ms % (7 * kHourMs);
    Rng rng(seed);
    for (std::size_t from = 0; from < events.size();) {
      const std::size_t to = std::min(events.size(), from + 100 + rng.Below(events.size() / 5));
      Append(events, from, to);
      const bool was_taken = Night();
      taken += was_taken;
      settled_nights += settled;
      nights += from > 0;
      from = to;
    }
    EXPECT_GT(rows, 2000u);
    EXPECT_GT(slates, 100u);
    EXPECT_TRUE(!options.choices || choices > 100u);
  }
  EXPECT_GE(taken * 10, nights * 7) << taken << " of " << nights;
  EXPECT_GE(settled_nights * 4, nights) << settled_nights << " of " << nights;
}

// Two thirds of a log, kept; then the rest, and whether the next night takes what is kept.
class KeptRowsNextNightTest : public KeptRowsTest {
 protected:
  KeptRowsNextNightTest() : events(DaysOfEvents(11)), cut(events.size() * 2 / 3) {
    Append(events, 0, cut);
    EXPECT_FALSE(Night());
  }
  void AppendRest() { Append(events, cut, events.size()); }
  const std::vector<ArrivingEvent> events;
  const std::size_t cut;
};

TEST_F(KeptRowsNextNightTest, OldRowsAreTakenAndTheLogIsFoldedFromADayBeforeItsEndOn) {
  AppendRest();
  KeptRows kept(PosixFileSystem(), folder / "log", folder / "rows");
  ASSERT_TRUE(kept.Begin(*features, objectives).ok());
  ASSERT_TRUE(kept.usable());
  EXPECT_EQ(kept.end(), cut);
  EXPECT_GT(kept.resume(), cut / 2);
  EXPECT_LE(events[kept.resume()].arrival_ms, events[cut - 1].arrival_ms - 24 * kHourMs);
  OnlineStore store(features);
  ASSERT_TRUE(kept.Restore(&store).ok());
  EXPECT_EQ(store.next_offset(), static_cast<std::int64_t>(kept.resume()));
}

TEST_F(KeptRowsNextNightTest, TheSameLogIsReplayedAgainFromWhatIsKeptAndNothingIsWritten) {
  const auto before = Files();
  EXPECT_TRUE(Night());
  std::vector<std::string> after = Files();
  std::erase_if(after, [](const std::string& name) { return name.ends_with(".new"); });
  EXPECT_EQ(after, before);
}

TEST_F(KeptRowsNextNightTest, ItsPartIsAddedAndTheOlderOnesStay) {
  const std::string first = FileOf("part-"), open = FileOf("open-"), state = FileOf("state-");
  const std::string bytes = PosixFileSystem().ReadAll(first).value();
  AppendRest();
  EXPECT_TRUE(Night());
  EXPECT_EQ(PosixFileSystem().ReadAll(first).value(), bytes);
  EXPECT_FALSE(PosixFileSystem().Exists(open));
  EXPECT_FALSE(PosixFileSystem().Exists(state));
  EXPECT_EQ(std::ranges::count_if(Files(), [](const std::string& name) { return name.starts_with("part-"); }), 2);
  std::vector<std::string> kinds;
  for (const std::string& name : Files()) kinds.push_back(name.substr(0, name.find_first_of("-.")));
  EXPECT_EQ(MeasureKeptRows(PosixFileSystem(), folder / "rows").files, kinds.size());
  EXPECT_EQ(std::ranges::count(kinds, "manifest") + std::ranges::count(kinds, "lock"), 2);
  EXPECT_EQ(std::ranges::count(kinds, "digest"), 1);
}

TEST_F(KeptRowsNextNightTest, OtherFeaturesAndOtherEventsOfAnObjectiveAreAFullReplay) {
  AppendRest();
  const auto was = objectives;
  objectives[0].window_ms /= 2;
  objectives[1].early_window_ms = kHourMs;
  EXPECT_TRUE(Night()) << "labels are made anew";
  objectives[2].population = EventType::kCartAdd;
  EXPECT_FALSE(Night());
  objectives = was;
  EXPECT_FALSE(Night()) << "those of the other objective are kept now";
  EXPECT_TRUE(Night());
  auto config = Config::Parse(std::string(kKeptConfig) +
                                  "[[feature]]\nname = \"searches\"\ntype = \"count\"\nscope "
                                  "= \"user\"\nevents = [\"search\"]\n",
                              "gfr.toml");
  features = FeatureSet::Make(config.value()).value();
  EXPECT_FALSE(Night());
  EXPECT_TRUE(Night());
}

TEST_F(KeptRowsNextNightTest, WhoIsLeftOutMayChange) {
  AppendRest();
  for (const char* user : {"u1", "u2"}) {
    options.leave_out.users = {user};
    EXPECT_TRUE(Night());
  }
  options.leave_out = {.robots = true};
  EXPECT_TRUE(Night());
}

TEST_F(KeptRowsNextNightTest, ALogWithAnotherRecordIsAFullReplay) {
  LocalLog log(PosixFileSystem(), folder / "log");
  std::uint64_t offset = 0;
  ASSERT_TRUE(ForEachRecord(log, TypeBit(EventType::kItemView), [&](const LogRecord& r) {
                offset = r.event.user_id.empty() ? offset : r.offset;
                return Status();
              }).ok());
  Erasure erasure;
  erasure.Add(KeyOf(events[offset].event.user_id), {});
  const auto anonymise = [](const LogRecord& record) {
    Event nobody = record.event;
    nobody.user_id.clear();
    nobody.session_id.clear();
    return nobody;
  };
  ASSERT_TRUE(EraseRecords(log, erasure, false, anonymise, [](const std::string&) { return Status(); }).ok());
  AppendRest();
  EXPECT_FALSE(Night());
  EXPECT_TRUE(Night());
}

class KeptSegmentsTest : public KeptRowsTest {
 protected:
  KeptSegmentsTest() : events(DaysOfEvents(11)), cut(events.size() * 2 / 3) {
    segment_bytes = 40'000;
    Append(events, 0, cut);
    EXPECT_FALSE(Night());
    const auto segments = LocalLog(PosixFileSystem(), folder / "log").Segments().value();
    EXPECT_GT(segments.size(), 4u);
    closed = folder / "log/" + segments[1];
    last = LastFirst();
    Append(events, cut, events.size());
  }
  std::uint64_t LastFirst() const {
    const auto segments = LocalLog(PosixFileSystem(), folder / "log").Segments().value();
    return std::strtoull(segments.back().c_str(), nullptr, 10);
  }
  const std::vector<ArrivingEvent> events;
  const std::size_t cut;
  std::string closed;  // One of them.
  std::uint64_t last = 0;
};

TEST_F(KeptSegmentsTest, RecordsOfClosedSegmentsAreNotReadToKnowThatTheyAreTheSame) {
  for (const std::uint64_t at_most : {cut - last, events.size() - LastFirst()}) {
    {
      KeptRows kept(PosixFileSystem(), folder / "log", folder / "rows");
      ASSERT_TRUE(kept.Begin(*features, objectives).ok());
      ASSERT_TRUE(kept.usable());
      EXPECT_LE(kept.compared(), at_most);
    }
    EXPECT_TRUE(Night());  // By which the next one knows more of them.
  }
}

TEST_F(KeptSegmentsTest, AClosedSegmentThatIsAnotherOneIsReadAndAnotherRecordInItIsAFullReplay) {
  const std::string bytes = PosixFileSystem().ReadAll(closed).value();
  Erasure erasure;
  for (std::size_t i = 0; i < cut / 2; ++i) {
    if (!events[i].event.user_id.empty()) erasure.Add(KeyOf(events[i].event.user_id), {});
  }
  LocalLog log(PosixFileSystem(), folder / "log");
  const auto anonymise = [](const LogRecord& record) {
    Event nobody = record.event;
    nobody.user_id.clear();
    nobody.session_id.clear();
    return nobody;
  };
  ASSERT_TRUE(EraseRecords(log, erasure, false, anonymise, [](const std::string&) { return Status(); }).ok());
  ASSERT_NE(PosixFileSystem().ReadAll(closed).value(), bytes);
  EXPECT_FALSE(Night());
  EXPECT_TRUE(Night());
}

TEST_F(KeptRowsNextNightTest, ABrokenOrMissingFileIsAFullReplayWhichMendsIt) {
  AppendRest();
  Rng rng(3);
  const std::string good[] = {"manifest", "part-", "open-", "state-", "digest-", "settled-"};
  for (const std::string& kind : good) {
    for (const bool removed : {false, true}) {
      const std::string path = kind == "manifest" ? folder / "rows/manifest" : FileOf(kind);
      std::string bytes = PosixFileSystem().ReadAll(path).value();
      ASSERT_GT(bytes.size(), 100u) << kind;
      if (removed) {
        ASSERT_TRUE(PosixFileSystem().Remove(path).ok());
      } else {
        bytes[rng.Below(bytes.size())] ^= 4;
        ASSERT_TRUE(PublishFile(PosixFileSystem(), path, bytes).ok());
      }
      const bool taken = Night();  // Which is equal, whatever was broken.
      EXPECT_FALSE(removed && taken) << kind;
      if (removed) {
        EXPECT_TRUE(Night()) << kind;
      }
    }
  }
}

TEST_F(KeptRowsNextNightTest, AFolderThatWasRemovedMeanwhileIsNotMadeAgain) {
  AppendRest();
  KeptRows kept(PosixFileSystem(), folder / "log", folder / "rows");
  ASSERT_TRUE(kept.Begin(*features, objectives).ok());
  ASSERT_TRUE(PosixFileSystem().RemoveTree(folder / "rows").ok());  // As an erasure does.
  kept.BeginsAt(0);
  OnlineStore store(features);
  kept.KeepState(store, 0);
  kept.Publish({});
  EXPECT_FALSE(PosixFileSystem().Exists(folder / "rows"));
}

TEST_F(KeptRowsNextNightTest, OneReplayAtATimeKeeps) {
  AppendRest();
  KeptRows first(PosixFileSystem(), folder / "log", folder / "rows");
  ASSERT_TRUE(first.Begin(*features, objectives).ok());
  EXPECT_FALSE(Night()) << "and the other one reads everything";
}

TEST_F(KeptRowsNextNightTest, ALogThatNeedsPartitionsMakesNoFolderAndLeavesWhatIsKept) {
  AppendRest();
  const auto before = Files();
  options.memory_bytes = 20'000;
  options.scratch_folder = folder / "scratch";
  const auto build = [&](const std::string& rows_folder) {
    KeptRows kept(PosixFileSystem(), folder / "log", folder / rows_folder);
    (void)Build(&kept);
  };
  build("other");
  EXPECT_FALSE(PosixFileSystem().Exists(folder / "other"));
  build("rows");
  EXPECT_EQ(Files(), before);
}

TEST_F(KeptRowsNextNightTest, ATimeRangeLeavesWhatIsKeptAlone) {
  const auto before = Files();
  options.from_ms = events[cut / 2].arrival_ms;
  EXPECT_FALSE(Night());
  EXPECT_EQ(Files(), before);
}

// Nine days without logins, two thirds kept, of which the first days are settled; then what may change them.
class SettledRowsTest : public KeptRowsTest {
 protected:
  SettledRowsTest() : events(DaysOfEvents(12, 1600, /*has_logins=*/false)), cut(events.size() * 2 / 3) {
    objectives[0].window_ms = 4 * kHourMs;
    objectives[1].window_ms = 3 * kHourMs;
    Append(events, 0, cut);
    EXPECT_FALSE(Night());
  }
  void AppendRest() { Append(events, cut, events.size()); }
  // The rest of the log with one event more before it.
  void AppendWith(Event event) {
    event.id = "one more";
    event.source = "t";
    const std::int64_t at_ms = events[cut - 1].arrival_ms;
    if (event.time_ms == 0) event.time_ms = at_ms;
    Append({{std::move(event), at_ms}}, 0, 1);
    AppendRest();
  }
  // The same, with an event of u1 and i1 that comes two days late.
  void AppendLate(EventType type) {
    AppendWith({.type = type,
                .time_ms = events[cut - 1].arrival_ms - 2 * kDayMs,
                .user_id = "u1",
                .items = {{.item_id = "i1"}}});
  }
  const std::vector<ArrivingEvent> events;
  const std::size_t cut;
};

TEST_F(SettledRowsTest, TheNextNightReadsFromADayBeforeWhatIsNotSettledOn) {
  AppendRest();
  KeptRows kept(PosixFileSystem(), folder / "log", folder / "rows");
  ASSERT_TRUE(kept.Begin(*features, objectives, options).ok());
  ASSERT_NE(kept.digest(), nullptr);
  EXPECT_GT(kept.digest()->end, cut / 2);
  EXPECT_GT(kept.digest()->warm, cut / 3);
  EXPECT_LT(events[kept.digest()->warm].arrival_ms, events[kept.digest()->end].arrival_ms - kDayMs);
}

TEST_F(SettledRowsTest, NightAfterNightMoreIsSettledByAFileANight) {
  const std::size_t middle = (cut + events.size()) / 2;
  Append(events, cut, middle);
  EXPECT_TRUE(Night());
  EXPECT_TRUE(settled);
  Append(events, middle, events.size());
  EXPECT_TRUE(Night());
  EXPECT_TRUE(settled);
  EXPECT_EQ(std::ranges::count_if(Files(), [](const std::string& name) { return name.starts_with("settled-"); }), 3);
}

TEST_F(SettledRowsTest, ALoginOfAnIdThatActedBeforeMakesAllLabelsAnew) {
  AppendWith({.type = EventType::kUserAlias, .user_id = "a new login", .kind = "u1"});
  EXPECT_TRUE(Night());
  EXPECT_FALSE(settled);
  EXPECT_TRUE(Night());
  EXPECT_TRUE(settled) << "by the login, from now on";
}

TEST_F(SettledRowsTest, ALoginOfANewDeviceDoesNot) {
  AppendWith({.type = EventType::kUserAlias, .user_id = "u1", .kind = "a new device"});
  EXPECT_TRUE(Night());
  EXPECT_TRUE(settled);
}

TEST_F(SettledRowsTest, ALabelThatComesLateMakesAllLabelsAnew) {
  AppendLate(EventType::kFeedClick);
  EXPECT_TRUE(Night());
  EXPECT_FALSE(settled);
}

TEST_F(SettledRowsTest, ALateEventThatIsNoLabelDoesNot) {
  AppendLate(EventType::kItemView);
  EXPECT_TRUE(Night());
  EXPECT_TRUE(settled);
}

TEST_F(SettledRowsTest, WhoIsLeftOutFromNowOnIsTakenOutOfWhatIsSettled) {
  AppendRest();
  options.leave_out.users = {"u1", "u2"};
  EXPECT_TRUE(Night());
  EXPECT_TRUE(settled);
  const std::size_t half = 40;  // Of the days that were kept: a night more, by which both were left out before.
  std::vector<ArrivingEvent> more(events.end() - half, events.end());
  for (ArrivingEvent& m : more) {
    m.event.id += " again";
    m.event.request_id += m.event.request_id.empty() ? "" : " again";
    m.event.served = {};
    m.arrival_ms += kDayMs;
    m.event.time_ms += kDayMs;
  }
  Append(more, 0, more.size());
  EXPECT_TRUE(Night());
  EXPECT_TRUE(settled);
  options.leave_out.users = {"u2"};
  EXPECT_TRUE(Night());
  EXPECT_FALSE(settled) << "rows of u1 are not settled";
}

TEST_F(SettledRowsTest, OtherWindowsMakeAllLabelsAnew) {
  AppendRest();
  objectives[0].window_ms = kHourMs;
  EXPECT_TRUE(Night());
  EXPECT_FALSE(settled);
}

TEST_F(SettledRowsTest, DroppedLinesAreCountedAsAFullReplayDoes) {
  AppendRest();
  const auto sheet = [&](bool takes) {
    LocalLog log(PosixFileSystem(), folder / "log");
    KeptRows kept(PosixFileSystem(), folder / "log", folder / "rows");
    DatasetOptions with = options;
    with.kept = takes ? &kept : nullptr;
    auto sink = DatasetExport::Open(PosixFileSystem(), folder / (takes ? "taken" : "full"), *features, objectives);
    const auto about = BuildRows(PosixFileSystem(), log, features, objectives, with, *sink.value());
    EXPECT_TRUE(about.ok() && sink.value()->Finish(about.value()).ok());
    EXPECT_EQ(kept.digest() != nullptr, takes);
    return PosixFileSystem().ReadAll(folder / (takes ? "taken/datasheet.json" : "full/datasheet.json")).value();
  };
  options.leave_out.users = {"u1"};
  EXPECT_EQ(sheet(true), sheet(false));
}

}  // namespace
}  // namespace gfr
