// A snapshot read under other definitions, with what it lacks folded from the log, gives the values of a whole replay.
#include "store/snapshot.h"

#include <gtest/gtest.h>

#include <cstring>

#include "base/config.h"
#include "base/hash.h"
#include "base/rng.h"
#include "base/test_folder.h"
#include "base/time.h"

namespace gfr {
namespace {

constexpr std::int64_t kStart = 28'000'000 * kMinuteMs;

std::string Feature(const std::string& name, const std::string& rest) {
  return "[[feature]]\nname = \"" + name + "\"\n" + rest + "\n";
}

const std::string kItem = "[item]\nbrand = \"category\"\nstars = \"number\"\n";
const std::string kUser = "[user]\ncity = \"category\"\n";
const std::string kClicks =
    Feature("clicks", "type = \"count\"\nscope = \"user\"\nevents = [\"feed.click\"]\nwindow = \"7d\"");
const std::string kViews =
    Feature("views", "type = \"interaction\"\nread = \"count\"\nscope = \"session\"\nevents = [\"item.view\"]");
const std::string kItemClicks =
    Feature("item_clicks", "type = \"count\"\nscope = \"item\"\nevents = [\"feed.click\"]\nwindow = \"1d\"");
const std::string kBrandRate =
    Feature("brand_rate",
            "type = \"rate\"\nscope = \"item.brand\"\nevents = [\"feed.click\"]\ndenominator = "
            "[\"feed.impression\"]");
const std::string kItemRate =
    Feature("item_rate",
            "type = \"rate\"\nscope = \"item\"\nevents = [\"feed.click\"]\ndenominator = [\"feed.impression\"]\nparent "
            "= \"item.brand\"\nwindow = \"7d\"");
const std::string kUserRate = Feature(
    "user_rate", "type = \"rate\"\nscope = \"user\"\nevents = [\"feed.click\"]\ndenominator = [\"feed.impression\"]");
const std::string kTrend = Feature(
    "trend",
    "type = \"trend\"\nscope = \"item\"\nevents = [\"item.view\"]\nhalf_life = \"1d\"\nlong_half_life = \"7d\"");
const std::string kCity =
    Feature("city_item", "type = \"count\"\nscope = \"user.city x item\"\nevents = [\"feed.click\", \"item.view\"]");
const std::string kBrandShare =
    Feature("brand_share",
            "type = \"affinity\"\nproperty = \"brand\"\nscope = \"user\"\nevents = [\"item.view\"]\nhalf_life = "
            "\"30d\"");
const std::string kStars = Feature("stars", "type = \"property\"\nproperty = \"stars\"");
const std::string kPrice = Feature("price", "type = \"property\"\nproperty = \"price\"");
const std::string kLast =
    Feature("last", "type = \"since\"\nscope = \"session\"\nevents = [\"item.view\", \"feed.click\"]");

std::shared_ptr<const FeatureSet> Set(const std::string& text) {
  auto config = Config::Parse(text, "gfr.toml");
  EXPECT_TRUE(config.ok());
  auto set = FeatureSet::Make(config.value());
  EXPECT_TRUE(set.ok()) << (set.ok() ? "" : set.error().ToString());
  return set.value();
}

// A log with everything that moves a state: users and sessions, updates of the catalogue, logins, erasures.
std::vector<LogRecord> RandomLog(std::uint64_t seed, std::size_t count) {
  Rng rng(seed);
  std::vector<LogRecord> log;
  std::int64_t now_ms = kStart;
  for (std::size_t n = 0; n < count; ++n) {
    now_ms += static_cast<std::int64_t>(rng.Below(rng.Chance(0.02) ? 13 * kHourMs : 40 * kSecondMs));
    Event e{.time_ms = now_ms - static_cast<std::int64_t>(rng.Chance(0.1) ? rng.Below(2 * kHourMs) : 0),
            .user_id = "u" + std::to_string(rng.Below(12)),
            .session_id = "s" + std::to_string(rng.Below(4))};
    const std::uint64_t kind = rng.Below(100);
    e.type = kind < 40   ? EventType::kFeedImpression
             : kind < 60 ? EventType::kFeedClick
             : kind < 82 ? EventType::kItemView
             : kind < 85 ? EventType::kItemHide
             : kind < 92 ? EventType::kItemUpdate
             : kind < 95 ? EventType::kItemDelete
             : kind < 98 ? EventType::kUserAlias
                         : EventType::kUserDelete;
    if (rng.Chance(0.5)) e.context = {{.name = "city", .text = rng.Chance(0.5) ? "rome" : "oslo"}};
    if (e.type == EventType::kUserAlias) {
      e.kind = e.user_id;
      e.user_id = "login" + std::to_string(rng.Below(3));
    } else if (e.type != EventType::kUserDelete) {
      for (std::uint64_t i = rng.Below(3) + 1; i > 0; --i)
        e.items.push_back({.item_id = "i" + std::to_string(rng.Below(20)), .index = static_cast<std::int32_t>(i)});
    }
    if (IsCatalogue(e.type)) e.user_id = e.session_id = "";
    if (e.type == EventType::kItemUpdate) {
      e.items[0].price = static_cast<float>(rng.Below(100));
      e.items[0].properties = {{.name = "brand", .text = "b" + std::to_string(rng.Below(3))},
                               {.name = "stars", .number = static_cast<double>(rng.Below(6))},
                               {.name = "e", .vector = {static_cast<float>(rng.Normal()), 1, 0.5f}}};
    }
    log.push_back({n, now_ms, e});
  }
  return log;
}

// Every user's values of every item, whether it is on sale, and what the user hid.
std::vector<float> ValuesOf(OnlineStore& store, std::int64_t now_ms) {
  store.AdvanceTo(EpochEndAt(now_ms));
  std::vector<EventItem> items;
  for (int i = 0; i < 20; ++i) items.push_back({.item_id = "i" + std::to_string(i)});
  const std::vector<Property> context{{.name = "city", .text = "rome"}};
  std::vector<float> all, values(items.size() * store.features().columns());
  for (const EventItem& item : items) {
    const std::byte* row = store.shared().FindItem(KeyOf(item.item_id));
    all.push_back(row != nullptr && store.shared().IsOnSale(row) ? 1.0f : 0.0f);
  }
  for (int u = 0; u < 16; ++u) {
    const std::string user = u < 12 ? "u" + std::to_string(u) : "login" + std::to_string(u - 12);
    for (const Key hidden : store.HiddenItemsOf(KeyOf(user))) all.push_back(static_cast<float>(hidden % 1000003));
    for (const char* session : {"s0", "s1", "s2"}) {
      store.Read({.now_ms = now_ms, .user = KeyOf(user), .session = KeyOf(session), .context = context, .items = items},
                 values.data());
      all.insert(all.end(), values.begin(), values.end());
    }
  }
  return all;
}

bool SameBits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

struct Change {
  const char* name;
  std::string before, after;
  bool refills;        // The log has to be read.
  std::size_t states;  // Of which so many are new.
};

// Of every user of RandomLog, the login's text that requests get.
std::vector<std::string> LoginsOf(const OnlineStore& store) {
  std::vector<std::string> logins;
  for (int u = 0; u < 12; ++u) logins.push_back(store.LoginText(store.Resolve(KeyOf("u" + std::to_string(u)))));
  return logins;
}

class SnapshotAcrossDefinitions : public testing::TestWithParam<Change> {};

TEST_P(SnapshotAcrossDefinitions, EqualsAWholeReplayBitForBit) {
  const auto before = Set(GetParam().before), after = Set(GetParam().after);
  for (std::uint64_t seed = 1; seed <= 4; ++seed) {
    const std::vector<LogRecord> log = RandomLog(seed, 900);
    const std::size_t at = 600 + seed;
    const TestFolder folder;
    {
      OnlineStore store(before);
      for (std::size_t n = 0; n < at; ++n) store.Fold(log[n]);
      if (seed % 2 == 0) store.AdvanceTo(EpochEndAt(log[at].arrival_ms));  // As a server's clock does.
      store.Share();
      ASSERT_TRUE(Snapshot::Take(store).Write(PosixFileSystem(), folder / "snapshot", "mine").ok());
    }
    OnlineStore restored(after), replayed(after);
    const auto read = RestoreSnapshot(PosixFileSystem(), folder / "snapshot", &restored);
    ASSERT_TRUE(read.ok()) << read.error().ToString();
    EXPECT_EQ(read.value().extra, "mine");
    EXPECT_EQ(read.value().lacking != nullptr, GetParam().refills);
    EXPECT_EQ(read.value().states, GetParam().states);
    if (read.value().lacking) {
      EXPECT_LE(read.value().lacking->features.size() + read.value().lacking->parents.size(), GetParam().states);
      OnlineStore lacking(read.value().lacking);
      for (std::size_t n = 0; n < at; ++n) lacking.Fold(log[n]);
      ASSERT_TRUE(AddStates(lacking, &restored).ok());
    }
    for (std::size_t n = 0; n < at; ++n) replayed.Fold(log[n]);
    ASSERT_EQ(restored.next_offset(), replayed.next_offset());
    ASSERT_TRUE(SameBits(ValuesOf(restored, log[at - 1].arrival_ms), ValuesOf(replayed, log[at - 1].arrival_ms)));
    ASSERT_EQ(LoginsOf(restored), LoginsOf(replayed));
    for (std::size_t n = at; n < log.size(); ++n) {  // Also what the open epochs held comes out alike.
      restored.Fold(log[n]);
      replayed.Fold(log[n]);
      if (n % 25 != 0) continue;
      ASSERT_TRUE(SameBits(ValuesOf(restored, log[n].arrival_ms), ValuesOf(replayed, log[n].arrival_ms)))
          << "seed " << seed << ", record " << n;
    }
    restored.Share();  // And a snapshot of it is one of the new definitions.
    ASSERT_TRUE(Snapshot::Take(restored).Write(PosixFileSystem(), folder / "snapshot").ok());
    OnlineStore again(after);
    const auto whole = RestoreSnapshot(PosixFileSystem(), folder / "snapshot", &again);
    ASSERT_TRUE(whole.ok()) << whole.error().ToString();
    EXPECT_EQ(whole.value().lacking, nullptr);
    EXPECT_TRUE(SameBits(ValuesOf(again, log.back().arrival_ms), ValuesOf(replayed, log.back().arrival_ms)));
  }
}

const std::string kBase = kItem + kUser + kClicks + kViews + kItemClicks + kBrandRate + kUserRate + kCity + kPrice;

INSTANTIATE_TEST_SUITE_P(
    Changes, SnapshotAcrossDefinitions,
    testing::Values(
        Change{"AFeatureWithoutAState", kBase, kBase + kStars, false, 0},
        Change{"AnotherOrder", kBase,
               kItem + kUser + kPrice + kCity + kUserRate + kBrandRate + kItemClicks + kViews + kClicks, false, 0},
        Change{"FeaturesThatAreGone", kBase, kItem + kUser + kViews + kBrandRate + kPrice, false, 0},
        Change{"AUsersFeature", kBase, kItem + kUser + kBrandShare + kClicks + kViews + kItemClicks + kPrice, true, 1},
        Change{"ASessionsFeature", kBase, kLast + kBase.substr(0, 0) + kItem + kUser + kClicks + kViews, true, 1},
        Change{"AnItemsFeature", kBase, kBase + kTrend, true, 1},
        Change{"ARateWithAParent", kBase, kBase + kItemRate, true, 2},
        Change{"AnEntityOfItsOwn", kItem + kUser + kClicks + kPrice, kItem + kUser + kClicks + kCity + kPrice, true, 1},
        Change{"AnotherWindow", kBase,
               kItem + kUser + kViews +
                   Feature("clicks", "type = \"count\"\nscope = \"user\"\nevents = [\"feed.click\"]\nwindow = \"2d\""),
               true, 1},
        Change{"APropertyOfItems", "[item]\nbrand = \"category\"\n" + kUser + kClicks + kBrandRate + kPrice,
               kItem + kUser + kClicks + kBrandRate + kPrice + kStars, true, 0},
        Change{"PropertiesInAnotherOrder", kBase,
               "[item]\nstars = \"number\"\nbrand = \"category\"\n" + kUser + kClicks + kBrandRate + kPrice + kStars,
               false, 0},
        Change{"AVectorOfItems", kBase, kItem + "e = \"vector:3\"\n" + kUser + kClicks + kPrice, true, 0},
        Change{"APropertyOfUsers", kItem + kClicks + kPrice,
               kItem + kUser + kClicks + kPrice + Feature("city", "type = \"context\"\nproperty = \"city\""), true, 0},
        Change{"PricesOfImpressions", kBase, kBase + "[catalogue]\nprice_from_impressions = true\n", true, 7}),
    [](const auto& info) { return std::string(info.param.name); });

// The file as one that knows no logins has it: without the table, and without its row in the layout.
std::string WithoutLogins(const TestFolder& folder, const OnlineStore& store) {
  std::string bytes = PosixFileSystem().ReadAll(folder / "snapshot").value();
  std::uint64_t layout_bytes = 0, head_bytes = 0;
  std::memcpy(&layout_bytes, bytes.data() + 8, 8);
  std::memcpy(&head_bytes, bytes.data() + 20, 8);
  const auto file = PosixFileSystem().OpenForRead(folder / "snapshot").value();
  FileSource source(*file, 32 + layout_bytes + head_bytes, bytes.size());
  std::vector<std::size_t> ends;
  for (const VersionedTable* like : store.user_tables()) {
    Timeline timeline;
    timeline.SetExclusive(true);
    VersionedTable table(timeline, like->row_bytes());
    EXPECT_TRUE(table.Restore(source).ok());
    ends.push_back(bytes.size() - source.remaining());
  }
  constexpr std::size_t kLogins = FeatureReader::kLogins;
  bytes.erase(ends[kLogins - 1], ends[kLogins] - ends[kLogins - 1]);
  std::string layout = bytes.substr(32, layout_bytes);
  const std::string row = "\"logins\":64,";
  EXPECT_NE(layout.find(row), std::string::npos) << layout;
  layout.erase(layout.find(row), row.size());
  bytes.replace(32, layout_bytes, layout);
  layout_bytes = layout.size();
  const std::uint32_t crc = Crc32c(layout.data(), layout.size());
  std::memcpy(bytes.data() + 8, &layout_bytes, 8);
  std::memcpy(bytes.data() + 16, &crc, 4);
  return bytes;
}

TEST(Snapshot, OneOfAnotherRuleForDevicesIsNotRead) {
  const auto before = Set(kConfig), after = Set(std::string(kConfig) + "[users]\nalias = \"last\"\n");
  const TestFolder folder;
  OnlineStore store(before);
  for (const LogRecord& r : RandomLog(1, 50)) store.Fold(r);
  store.Share();
  ASSERT_TRUE(Snapshot::Take(store).Write(PosixFileSystem(), folder / "snapshot", "").ok());
  OnlineStore restored(after);
  const auto read = RestoreSnapshot(PosixFileSystem(), folder / "snapshot", &restored);
  ASSERT_FALSE(read.ok());
  EXPECT_EQ(read.error().code, ErrorCode::kNotFound);
  EXPECT_EQ(read.error().message, "the snapshot is of another rule of [users]");
}

TEST(Snapshot, OneOfBeforeTheTextsOfLoginsGetsThemFromTheLog) {
  const auto set = Set(kBase);
  std::vector<LogRecord> log = RandomLog(5, 900);
  for (const char* user : {"u1", "u2"}) {  // After whom the log has deleted.
    const Event join{.type = EventType::kUserAlias, .user_id = "login1", .kind = user};
    log.push_back({log.size(), log.back().arrival_ms, join});
  }
  const TestFolder folder;
  OnlineStore store(set);
  for (const LogRecord& record : log) store.Fold(record);
  store.Share();
  ASSERT_TRUE(Snapshot::Take(store).Write(PosixFileSystem(), folder / "snapshot").ok());
  const std::vector<std::string> logins = LoginsOf(store);
  EXPECT_NE(logins, std::vector<std::string>(12)) << "some were joined";
  ASSERT_TRUE(PublishFile(PosixFileSystem(), folder / "snapshot", WithoutLogins(folder, store)).ok());
  OnlineStore restored(set);
  const auto read = RestoreSnapshot(PosixFileSystem(), folder / "snapshot", &restored);
  ASSERT_TRUE(read.ok()) << read.error().ToString();
  ASSERT_NE(read.value().lacking, nullptr);
  EXPECT_EQ(read.value().states, 0u);
  OnlineStore lacking(read.value().lacking);
  for (const LogRecord& record : log) lacking.Fold(record);
  ASSERT_TRUE(AddStates(lacking, &restored).ok());
  EXPECT_EQ(LoginsOf(restored), logins);
  EXPECT_TRUE(
      SameBits(ValuesOf(restored, log.back().arrival_ms + kHourMs), ValuesOf(store, log.back().arrival_ms + kHourMs)));
}

}  // namespace
}  // namespace gfr
