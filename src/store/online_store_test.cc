#include "state/online_store.h"

#include <gtest/gtest.h>

#include "base/test_folder.h"
#include "base/time.h"
#include "state/allocation_note.h"
#include "store/memory_budget.h"
#include "store/snapshot.h"

namespace gfr {
namespace {

constexpr const char* kConfig = R"(
[item]
category = "category"
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
name = "price"
type = "property"
property = "price"
[[feature]]
name = "city_item_clicks"
type = "count"
scope = "user.city x item"
events = ["feed.click"]
)";

class OnlineStoreTest : public testing::Test {
 protected:
  OnlineStoreTest() {
    auto config = Config::Parse(kConfig, "gfr.toml");
    store = std::make_unique<OnlineStore>(FeatureSet::Make(config.value()).value());
  }
  void Fold(EventType type, std::int64_t arrival_ms, const std::string& user = "u", double price = std::nan("")) {
    Event e{.type = type,
            .time_ms = arrival_ms,
            .user_id = user,
            .items = {{.item_id = "i", .price = price}},
            .context = {{.name = "city", .text = "rome"}}};
    store->Fold({next++, arrival_ms, e});
  }
  std::vector<float> Read(std::int64_t now_ms, const std::string& user = "u", std::vector<Property> own = {}) {
    store->AdvanceTo(EpochEndAt(now_ms));
    std::vector<EventItem> items{{.item_id = "i", .properties = std::move(own)}};
    const std::vector<Property> context{{.name = "city", .text = "rome"}};
    std::vector<float> out(4);
    store->Read({.now_ms = now_ms, .user = KeyOf(user), .context = context, .items = items}, out.data());
    return out;
  }
  std::unique_ptr<OnlineStore> store;
  std::uint64_t next = 0;
  const std::int64_t minute = 28'000'000 * kMinuteMs;
};

TEST_F(OnlineStoreTest, SeesAUsersOwnEventAtOnceAndTheShopsWhenItsEpochIsSealed) {
  Fold(EventType::kFeedClick, minute + 10 * kSecondMs);
  EXPECT_EQ(Read(minute + 11 * kSecondMs)[0], 1);
  EXPECT_EQ(Read(minute + 11 * kSecondMs)[1], 0);
  EXPECT_EQ(Read(minute + 64 * kSecondMs)[1], 0) << "the epoch ended at 60 s, and is sealed 5 s later";
  EXPECT_EQ(Read(minute + 65 * kSecondMs)[1], 1);
  EXPECT_EQ(Read(minute + 65 * kSecondMs)[3], 1) << "city x item";
  EXPECT_EQ(Read(minute + 65 * kSecondMs, "stranger")[0], 0);
}

TEST_F(OnlineStoreTest, TakesTheLatestCatalogueOfTheEpochAndTheRequestsOwnValueOverIt) {
  Fold(EventType::kItemUpdate, minute, "", 10);
  Fold(EventType::kItemUpdate, minute + 1, "", 12);
  EXPECT_TRUE(std::isnan(Read(minute + 2)[2]));
  EXPECT_EQ(Read(minute + 70 * kSecondMs)[2], 12);
  EXPECT_EQ(Read(minute + 70 * kSecondMs, "u", {{.name = "price", .number = 9}})[2], 9);
}

TEST_F(OnlineStoreTest, AnItemIsOffSaleFromADeleteToTheNextUpdateByTheOrderOfTheLog) {
  const auto on_sale = [&](std::int64_t now_ms) {
    store->AdvanceTo(EpochEndAt(now_ms));
    return store->shared().IsOnSale(store->shared().FindItem(KeyOf("i")));
  };
  Fold(EventType::kItemUpdate, minute, "", 10);
  Fold(EventType::kItemDelete, minute + 1, "");
  EXPECT_FALSE(on_sale(minute + 70 * kSecondMs)) << "of one epoch the later record says it";
  Fold(EventType::kItemView, minute + 71 * kSecondMs);
  EXPECT_FALSE(on_sale(minute + 130 * kSecondMs)) << "a view changes no catalogue";
  EXPECT_EQ(Read(minute + 130 * kSecondMs)[2], 10) << "its properties stay";
  Fold(EventType::kItemDelete, minute + 131 * kSecondMs, "");
  Fold(EventType::kItemUpdate, minute + 132 * kSecondMs, "", 11);
  EXPECT_TRUE(on_sale(minute + 190 * kSecondMs));
}

TEST_F(OnlineStoreTest, AvailabilityTakesAnItemOffSaleWhereItIsDeclared) {
  auto config = Config::Parse(
      "[item]\navailability = \"category\"\n[[feature]]\nname = \"p\"\ntype = "
      "\"property\"\nproperty = \"price\"\n",
      "gfr.toml");
  OnlineStore shop(FeatureSet::Make(config.value()).value());
  std::uint64_t offset = 0;
  const auto say = [&](const std::string& availability) {
    const std::int64_t now = minute + static_cast<std::int64_t>(offset) * kMinuteMs;
    Event e{.type = EventType::kItemUpdate, .time_ms = now, .items = {{.item_id = "i"}}};
    if (!availability.empty()) e.items[0].properties = {{.name = "availability", .text = availability}};
    shop.Fold({offset++, now, e});
    shop.AdvanceTo(EpochOf(now));
    return shop.shared().IsOnSale(shop.shared().FindItem(KeyOf("i")));
  };
  EXPECT_TRUE(say(""));
  EXPECT_FALSE(say("out_of_stock"));
  EXPECT_FALSE(say("")) << "an update that does not say it leaves it as it was";
  EXPECT_TRUE(say("in_stock"));
  EXPECT_TRUE(say("preorder"));
  EXPECT_FALSE(say("OutOfStock"));
}

TEST_F(OnlineStoreTest, RemembersTheNewestItemsThatAUserHidAndJoinsThemAtALogin) {
  const auto hide = [&](const std::string& user, const std::string& item) {
    store->Fold({next++, minute, {.type = EventType::kItemHide, .user_id = user, .items = {{.item_id = item}}}});
  };
  for (std::size_t n = 0; n < kHiddenItems + 5; ++n) hide("u", "h" + std::to_string(n));
  hide("u", "h100");  // It stands first now, once.
  const std::vector<Key> hidden = store->HiddenItemsOf(KeyOf("u"));
  ASSERT_EQ(hidden.size(), kHiddenItems);
  EXPECT_EQ(hidden[0], KeyOf("h100"));
  EXPECT_EQ(hidden[1], KeyOf("h" + std::to_string(kHiddenItems + 4)));
  EXPECT_EQ(hidden.back(), KeyOf("h5")) << "the oldest five made room";
  hide("anonymous", "x");
  store->Fold({next++, minute, {.type = EventType::kUserAlias, .user_id = "u", .kind = "anonymous"}});
  EXPECT_EQ(store->HiddenItemsOf(KeyOf("anonymous"))[0], KeyOf("x"));
  EXPECT_EQ(store->HiddenItemsOf(KeyOf("u"))[1], KeyOf("h100"));
  store->Fold({next++, minute, {.type = EventType::kUserDelete, .user_id = "u"}});
  EXPECT_TRUE(store->HiddenItemsOf(KeyOf("u")).empty());
}

TEST_F(OnlineStoreTest, ADeletedUsersSessionsGoWhetherTheyBeganBeforeOrAfterTheFirstDeletion) {
  const auto sessions = [&] { return store->user_tables()[FeatureReader::kSessions]->entities(); };
  const auto click = [&](const std::string& user, const std::string& session) {
    store->Fold({next++,
                 minute,
                 {.type = EventType::kFeedClick, .user_id = user, .session_id = session, .items = {{.item_id = "i"}}}});
  };
  const auto forget = [&](const std::string& user) {
    store->Fold({next++, minute, {.type = EventType::kUserDelete, .user_id = user}});
  };
  for (int u = 0; u < 100; ++u) {
    for (const char* session : {"a", "b"}) click("u" + std::to_string(u), session);
  }
  click("", "nobody's");
  ASSERT_EQ(sessions(), 201u);
  forget("u0");
  EXPECT_EQ(sessions(), 199u);
  click("u0", "a");
  click("u1", "c");
  forget("u0");
  EXPECT_EQ(sessions(), 200u);
  forget("u0");
  for (int u = 1; u < 99; ++u) forget("u" + std::to_string(u));
  EXPECT_EQ(sessions(), 3u) << "those of u99, and nobody's";
}

TEST_F(OnlineStoreTest, AUnitKeepsTheVersionOfItsFirstExposureThroughASnapshot) {
  const auto serve = [&](const std::string& user, const std::string& session, const std::string& policy) {
    Event e{.type = EventType::kFeedRequest, .time_ms = minute, .user_id = user, .session_id = session};
    e.served.policy = policy;
    store->Fold({next++, minute, e});
  };
  const auto version = [](const OnlineStore& of, const std::string& user, const std::string& session,
                          const std::string& experiment) {
    const StoreReader reader(of);
    ReadLease lease;
    reader.features().FindUser(KeyOf(user), KeyOf(session), &lease);
    const Key unit = lease.user != 0 ? lease.user : SessionKey(0, KeyOf(session));
    reader.features().FindUser(AllocationNoteKey(unit, KeyOf(experiment)), 0, &lease);
    return VersionOfNote(lease.user);
  };
  serve("ann", "", "banner@3 price@1");
  serve("ann", "", "banner@4");
  serve("", "visit", "banner@5");
  serve("ben", "", "no version in it @ @7 x@ y@0 z@99999999999");
  Event exposure{.type = EventType::kExperimentExposure, .time_ms = minute, .user_id = "cy", .variant = "blue"};
  exposure.context = {{.name = "experiment", .text = "banner"}, {.name = "version", .number = 6}};
  store->Fold({next++, minute, exposure});
  const TestFolder folder;
  store->Share();
  ASSERT_TRUE(Snapshot::Take(*store).Write(PosixFileSystem(), folder / "snapshot").ok());
  OnlineStore restored(store->shared_features());
  const auto read = RestoreSnapshot(PosixFileSystem(), folder / "snapshot", &restored);
  ASSERT_TRUE(read.ok()) << read.error().ToString();
  restored.Share();
  for (const OnlineStore* of : {static_cast<const OnlineStore*>(store.get()), &std::as_const(restored)}) {
    EXPECT_EQ(version(*of, "ann", "", "banner"), 3u);
    EXPECT_EQ(version(*of, "ann", "", "price"), 1u);
    EXPECT_EQ(version(*of, "ann", "", "other"), 0u);
    EXPECT_EQ(version(*of, "", "visit", "banner"), 5u);
    EXPECT_EQ(version(*of, "ben", "", "banner"), 0u);
    EXPECT_EQ(version(*of, "cy", "", "banner"), 6u);
  }
}

TEST_F(OnlineStoreTest, WhoeverIsForgottenIsOfNoVersion) {
  const auto serve = [&](const std::string& user, const std::string& session, std::int64_t at_ms) {
    Event e{.type = EventType::kFeedRequest, .time_ms = at_ms, .user_id = user, .session_id = session};
    e.served.policy = "banner@3";
    store->Fold({next++, at_ms, e});
  };
  const auto noted = [&](Key unit) {
    return VersionOfNote(store->Resolve(AllocationNoteKey(unit, KeyOf("banner")))) != 0;
  };
  const Key visit = SessionKey(0, KeyOf("visit"));
  serve("ann", "", minute);
  serve("", "visit", minute);
  EXPECT_TRUE(noted(KeyOf("ann")));
  EXPECT_TRUE(noted(visit));
  store->Fold({next++, minute, {.type = EventType::kUserDelete, .user_id = "ann"}});
  EXPECT_FALSE(noted(KeyOf("ann")));
  // A session of nobody is over after a day.
  Fold(EventType::kFeedClick, minute + 2 * kDayMs, "ben");
  store->AdvanceTo(EpochEndAt(minute + 2 * kDayMs + kHourMs));
  EXPECT_FALSE(noted(visit));
}

TEST_F(OnlineStoreTest, TheFirstLoginKeepsADeviceAndASecondIsAnotherPerson) {
  const auto join = [&](const std::string& login) {
    store->Fold({next++, minute, {.type = EventType::kUserAlias, .user_id = login, .kind = "device"}});
  };
  Fold(EventType::kFeedClick, minute, "device");
  join("bob");
  Fold(EventType::kFeedClick, minute, "device");
  join("carol");
  join("carol");
  Fold(EventType::kFeedClick, minute, "device");
  Fold(EventType::kFeedClick, minute, "carol");
  EXPECT_EQ(store->Resolve(KeyOf("device")), KeyOf("bob"));
  EXPECT_EQ(store->Resolve(KeyOf("bob")), KeyOf("bob"));
  EXPECT_EQ(Read(minute + 1, "bob")[0], 3);
  EXPECT_EQ(Read(minute + 1, "carol")[0], 1);
}

TEST_F(OnlineStoreTest, TheDeclaredRuleSaysWhoseADeviceIs) {
  struct Case {
    const char* rule;
    float bob, carol, device;  // Clicks of each in the end.
  };
  for (const Case& c :
       {Case{"alias = \"last\"", 2, 1, 1}, {"max_logins = 1", 2, 0, 1}, {"alias = \"none\"", 0, 0, 3}}) {
    SCOPED_TRACE(c.rule);
    auto config = Config::Parse(std::string(kConfig) + "[users]\n" + c.rule, "gfr.toml");
    store = std::make_unique<OnlineStore>(FeatureSet::Make(config.value()).value());
    const auto join = [&](const std::string& login) {
      store->Fold({next++, minute, {.type = EventType::kUserAlias, .user_id = login, .kind = "device"}});
    };
    Fold(EventType::kFeedClick, minute, "device");
    join("bob");
    Fold(EventType::kFeedClick, minute, "device");
    join("carol");
    Fold(EventType::kFeedClick, minute, "device");
    EXPECT_EQ(Read(minute + 1, "bob")[0], c.bob);
    EXPECT_EQ(Read(minute + 1, "carol")[0], c.carol);
    EXPECT_EQ(Read(minute + 1, "device")[0], c.device);
  }
}

TEST_F(OnlineStoreTest, DoesNotGoBackWhenAReadIsOfAnEarlierEpoch) {
  Fold(EventType::kFeedClick, minute);
  EXPECT_EQ(Read(minute + 70 * kSecondMs)[1], 1);
  EXPECT_EQ(Read(minute)[1], 1);
}

TEST_F(OnlineStoreTest, RemembersWhatAUserTouchedLastOnce) {
  Fold(EventType::kFeedClick, minute);
  Fold(EventType::kItemView, minute + 1);
  store->Share();
  const StoreReader reader(*store);
  ReadLease lease;
  reader.features().FindUser(KeyOf("u"), 0, &lease);
  ASSERT_NE(lease.user_row, nullptr);
  EXPECT_EQ(RowLayout::User(lease.user_row).recent[0], KeyOf("i"));
  EXPECT_EQ(RowLayout::User(lease.user_row).recent[1], Key{0});
  reader.features().FindUser(KeyOf("nobody"), 0, &lease);
  EXPECT_EQ(lease.user_row, nullptr);
}

TEST_F(OnlineStoreTest, GoesOnFromASnapshotAsIfItHadFoldedEverything) {
  Fold(EventType::kItemUpdate, minute, "", 10);
  for (int i = 0; i < 50; ++i)
    Fold(i % 3 ? EventType::kFeedClick : EventType::kFeedImpression, minute + i * 7 * kSecondMs,
         "u" + std::to_string(i % 5), 3.0 + i);
  const TestFolder folder;
  const std::string path = folder.path() + "/snapshot";
  store->Share();
  ASSERT_TRUE(Snapshot::Take(*store).Write(PosixFileSystem(), path, "mine").ok());
  auto config = Config::Parse(kConfig, "gfr.toml");
  auto restored = std::make_unique<OnlineStore>(FeatureSet::Make(config.value()).value());
  std::string extra;
  ASSERT_TRUE(ReadSnapshot(PosixFileSystem(), path, restored.get(), &extra).ok());
  restored->Share();
  EXPECT_EQ(extra, "mine");
  EXPECT_EQ(restored->next_offset(), store->next_offset());
  const std::uint64_t from = next;
  std::vector<std::vector<float>> values[2];
  for (int which = 0; which < 2; ++which) {
    if (which == 1) store.swap(restored);
    next = from;
    for (int i = 0; i < 30; ++i) {
      Fold(EventType::kFeedClick, minute + 500 * kSecondMs + i * 9 * kSecondMs, "u1");
      values[which].push_back(Read(minute + 501 * kSecondMs + i * 9 * kSecondMs, "u1"));
    }
  }
  EXPECT_EQ(values[0], values[1]);
}

TEST_F(OnlineStoreTest, SaysWhatItsStatesTakeAndRefusesMoreThanTheyMay) {
  EXPECT_TRUE(CheckMemory(*store, 0).ok());
  Fold(EventType::kFeedClick, minute);
  const std::uint64_t few = MemoryBytes(*store);
  for (int i = 0; i < 5000; ++i) Fold(EventType::kFeedClick, minute + i, "u" + std::to_string(i));
  const std::vector<TableMemory> tables = MemoryOf(*store);
  ASSERT_EQ(tables.size(), 9u);
  EXPECT_EQ(tables[0].name, "users");
  EXPECT_EQ(tables[0].entities, 5001u);
  EXPECT_GE(tables[0].bytes, tables[0].entities * (tables[0].row_bytes + 32));  // With key, stamp and their like.
  EXPECT_LE(tables[0].bytes, tables[0].entities * (tables[0].row_bytes + 32 + 32));
  EXPECT_EQ(tables[7].name, "item");
  EXPECT_EQ(tables[8].name, "user.city x item");
  std::uint64_t sum = 0;
  for (const TableMemory& t : tables) sum += t.bytes;
  EXPECT_EQ(MemoryBytes(*store), sum);
  EXPECT_GT(sum, few);
  EXPECT_TRUE(CheckMemory(*store, sum).ok());
  const Status over = CheckMemory(*store, sum - 1);
  ASSERT_FALSE(over.ok());
  EXPECT_EQ(over.error().code, ErrorCode::kResourceExhausted);
  EXPECT_NE(over.error().message.find("5001 users of " + std::to_string(tables[0].row_bytes) + " bytes take "),
            std::string::npos)
      << over.error().message;
}

TEST_F(OnlineStoreTest, ALiveStoreKeepsTheSessionsThatLiveAndNotThoseThatEverWere) {
  store->Share();
  for (int i = 0; i < 20'000; ++i) {  // 864 of them live at once.
    const std::int64_t now_ms = minute + i * 100 * kSecondMs;
    Event e{.type = EventType::kFeedClick,
            .time_ms = now_ms,
            .user_id = "u" + std::to_string(i % 10),
            .session_id = "s" + std::to_string(i),
            .items = {{.item_id = "i"}}};
    store->Fold({next++, now_ms, e});
    store->Publish();
  }
  const TableMemory sessions = MemoryOf(*store)[1];
  EXPECT_EQ(sessions.name, "sessions");
  EXPECT_GE(sessions.entities, 864u);
  EXPECT_LE(sessions.entities, 1200u) << "and the ends that are not looked at yet";
  EXPECT_LE(sessions.bytes, 3 * 864 * (sessions.row_bytes + 64));
}

TEST_F(OnlineStoreTest, RefusesASnapshotOfOtherDefinitionsOrOtherBytes) {
  Fold(EventType::kFeedClick, minute);
  const TestFolder folder;
  const std::string path = folder.path() + "/snapshot";
  store->Share();
  ASSERT_TRUE(Snapshot::Take(*store).Write(PosixFileSystem(), path).ok());
  const std::string bytes = PosixFileSystem().ReadAll(path).value();
  const auto read = [&](std::string text, const std::string& content) {
    auto config = Config::Parse(text, "gfr.toml");
    OnlineStore other(FeatureSet::Make(config.value()).value());
    std::string extra;
    EXPECT_TRUE(PublishFile(PosixFileSystem(), path, content).ok());
    return ReadSnapshot(PosixFileSystem(), path, &other, &extra);
  };
  std::string text(kConfig);
  text.replace(text.find("feed.click"), 10, "item.view");
  EXPECT_EQ(read(text, bytes).error().code, ErrorCode::kNotFound);
  for (std::size_t i = 16; i < bytes.size(); i += 5) {
    std::string bad = bytes;
    bad[i] ^= 4;
    ASSERT_EQ(read(kConfig, bad).error().code, ErrorCode::kCorrupt) << i;
    ASSERT_FALSE(read(kConfig, bytes.substr(0, i)).ok());
  }
}

}  // namespace
}  // namespace gfr
