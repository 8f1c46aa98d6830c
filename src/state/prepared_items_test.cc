#include "state/prepared_items.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <thread>

#include "base/rng.h"
#include "base/time.h"
#include "state/online_store.h"

namespace gfr {
namespace {

TEST(PreparedItems, KeepsTheRowsOfTheLatestEpoch) {
  PreparedItems items(3, 1 << 20);
  const float values[3] = {1, 2, kMissing}, others[3] = {7, 8, 9};
  const auto first = items.At(1000, 50);
  EXPECT_EQ(first->Find(49), nullptr);
  first->Put(49, values);
  first->Put(49, others);
  ASSERT_NE(first->Find(49), nullptr);
  EXPECT_EQ(std::memcmp(first->Find(49), values, sizeof values), 0) << "who came first had it";
  EXPECT_EQ(first->Find(0), nullptr);
  EXPECT_EQ(items.At(1000, 50), first);
  const auto second = items.At(2000, 50);
  EXPECT_EQ(second->Find(49), nullptr);
  EXPECT_EQ(items.At(1000, 50), nullptr);
  EXPECT_EQ(first->Find(49)[0], 1) << "a request of the epoch before goes on";
}

TEST(PreparedItems, ItemsSharePlacesWhereTheBytesDoNotReach) {
  PreparedItems items(3, 10 * 64);
  const auto epoch = items.At(1000, 1'000'000);
  std::vector<std::uint32_t> found;
  for (std::uint32_t item = 0; item < 25; ++item) {
    const float values[3] = {static_cast<float>(item), 0, 0};
    epoch->Put(item, values);
  }
  for (std::uint32_t item = 0; item < 25; ++item) {
    if (const float* values = epoch->Find(item)) {
      EXPECT_EQ(values[0], static_cast<float>(item));
      found.push_back(item);
    }
  }
  EXPECT_EQ(found, (std::vector<std::uint32_t>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}));
}

TEST(PreparedItems, OfItemsThatFillTwoThirdsOfThePlacesFourInFiveAreKept) {
  constexpr std::uint32_t kRows = 30'000, kPut = 20'000;
  PreparedItems items(3, kRows * 64);
  const auto epoch = items.At(1000, 1'000'000);
  Rng rng(5);
  std::vector<std::uint32_t> put;
  for (std::uint32_t n = 0; n < kPut; ++n) {
    put.push_back(static_cast<std::uint32_t>(rng.Below(1'000'000)));
    const float values[3] = {static_cast<float>(put.back()), 0, 0};
    epoch->Put(put.back(), values);
  }
  std::size_t kept = 0;
  for (const std::uint32_t item : put) {
    const float* values = epoch->Find(item);
    if (values == nullptr) continue;
    ++kept;
    ASSERT_EQ(values[0], static_cast<float>(item));
  }
  EXPECT_GT(kept, kPut * 8 / 10) << "with one place for each it were 73 in 100";
}

// Every kind of feature that an item alone decides, and neighbours that need more: other scopes, a parent of the item's
// under a pair's rate, other candidates.
std::string ConfigText() {
  std::string toml =
      "[item]\ncategory = \"category\"\nreleased = \"number\"\n[user]\ncity = \"category\"\n"
      "[catalogue]\nprice_from_impressions = true\n";
  int added = 0;
  const auto add = [&](const std::string& keys) {
    toml += "[[feature]]\nname = \"f" + std::to_string(added++) + "\"\n" + keys;
  };
  for (const char* scope : {"item", "item.category", "user.city x item", "shop", "user", "surface", "last"}) {
    for (const char* type :
         {"type = \"count\"\nwindow = \"4m\"\ntiles = 4\n", "type = \"decayed_count\"\nhalf_life = \"2m\"\n",
          "type = \"since\"\n", "type = \"rate\"\ndenominator = [\"feed.impression\"]\n",
          "type = \"mean\"\nof = \"money\"\n"})
      add("scope = \"" + std::string(scope) + "\"\nevents = [\"feed.click\"]\n" + type);
  }
  for (const char* scope : {"item", "user.city x item"}) {
    for (const char* parent : {"item.category", "user.city"})
      add("scope = \"" + std::string(scope) +
          "\"\nevents = [\"feed.click\"]\ntype = \"rate\"\ndenominator = [\"feed.impression\"]\nparent = \"" + parent +
          "\"\n");
  }
  for (const char* property : {"price", "category", "released"})
    add("type = \"property\"\nproperty = \"" + std::string(property) + "\"\n");
  add("type = \"age\"\nproperty = \"released\"\n");
  add("type = \"property\"\nproperty = \"price\"\nin_slate = \"rank\"\n");
  add("type = \"slate\"\nread = \"price_over_mean\"\n");
  return toml;
}

class PreparedColumns : public testing::Test {
 protected:
  PreparedColumns() {
    auto config = Config::Parse(ConfigText(), "gfr.toml");
    features = FeatureSet::Make(config.value()).value();
    store = std::make_unique<OnlineStore>(features);
    store->Share();
    users = std::make_unique<EmbeddedRowReader>(store->users(), store->user_tables());
    rows = std::make_unique<EmbeddedRowReader>(store->shared().timeline(), store->shared().tables());
  }
  std::unique_ptr<FeatureReader> Reader(std::size_t prepared_bytes) {
    return std::make_unique<FeatureReader>(features, *users, *rows, store->shared(), prepared_bytes);
  }
  std::string Item() { return std::string(1, static_cast<char>('a' + rng.Below(12))); }
  // An impression, a click or a change of the catalogue, somewhat later; sealed and published.
  void FoldNext() {
    now += static_cast<std::int64_t>(rng.Below(3000));
    const std::uint64_t kind = rng.Below(10);
    const Event e{.type = kind < 4   ? EventType::kFeedClick
                          : kind < 9 ? EventType::kFeedImpression
                                     : EventType::kItemUpdate,
                  .time_ms = now,
                  .user_id = "u",
                  .session_id = "s",
                  .surface = rng.Chance(0.5) ? "home" : "cart",
                  .items = {{.item_id = Item(),
                             .price = 5.0 + static_cast<double>(rng.Below(3)),
                             .properties = {{.name = "category", .text = rng.Chance(0.5) ? "x" : "y"},
                                            {.name = "released", .number = static_cast<double>(now / 1000 - 500)}}}},
                  .context = {{.name = "city", .text = rng.Chance(0.5) ? "rome" : "oslo"}}};
    store->Fold({next++, now, e});
    store->AdvanceTo(EpochEndAt(now));
    store->Publish();
  }
  struct Request {
    std::vector<EventItem> items;
    std::vector<Property> context;
  };
  // Candidates of the shop, unknown to it, named twice; as the catalogue has them, or with a price of the request's own
  // (sometimes that of the catalogue).
  static Request RequestOf(Rng& rng) {
    Request request{.items = {}, .context = {{.name = "city", .text = rng.Chance(0.5) ? "rome" : "oslo"}}};
    for (std::uint64_t n = rng.Below(20); n > 0; --n) {
      EventItem item{.item_id = std::string(1, static_cast<char>('a' + rng.Below(14)))};
      if (rng.Chance(0.1)) item.price = 5.0 + static_cast<double>(rng.Below(3));
      if (rng.Chance(0.1)) item.properties.push_back({.name = "category", .text = rng.Chance(0.5) ? "x" : "y"});
      request.items.push_back(std::move(item));
    }
    return request;
  }
  std::vector<float> Read(const FeatureReader& reader, const Request& request, std::int64_t now_ms, ReadLease* lease) {
    std::vector<float> out(request.items.size() * features->columns(), -1);
    reader.FindUser(KeyOf("u"), KeyOf("s"), lease);
    reader.Read({.now_ms = now_ms,
                 .user = KeyOf("u"),
                 .session = KeyOf("s"),
                 .surface = KeyOf("home"),
                 .context = request.context,
                 .items = request.items},
                lease, out.data());
    return out;
  }
  static bool SameBits(const std::vector<float>& a, const std::vector<float>& b) {
    return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
  }

  std::shared_ptr<const FeatureSet> features;
  std::unique_ptr<OnlineStore> store;
  std::unique_ptr<EmbeddedRowReader> users, rows;
  Rng rng{51};
  std::uint64_t next = 0;
  std::int64_t now = 28'000'000 * kMinuteMs;
};

TEST_F(PreparedColumns, AreThoseComputedAnew) {
  const auto anew = Reader(0), roomy = Reader(1 << 20), narrow = Reader(1024);
  std::size_t known = 0, epochs = 0;
  ReadLease leases[3];
  for (std::int64_t sealed = 0; epochs < 40;
       epochs += sealed != store->epoch_end_ms(), sealed = store->epoch_end_ms()) {
    FoldNext();
    const Request request = RequestOf(rng);
    const std::vector<float> want = Read(*anew, request, now, &leases[0]);
    ASSERT_TRUE(SameBits(Read(*roomy, request, now, &leases[1]), want));
    ASSERT_TRUE(SameBits(Read(*narrow, request, now, &leases[2]), want));
    known += static_cast<std::size_t>(std::ranges::count_if(want, [](float v) { return v > 0; }));
  }
  EXPECT_GT(known, 50'000u);
}

TEST_F(PreparedColumns, OfItemsPreparedBeforeAnyRequestAreThoseComputedAnew) {
  const auto anew = Reader(0), prepared = Reader(1 << 20);
  EXPECT_EQ(prepared->prepared_bytes(), 0u);
  std::vector<Key> items;
  for (char c = 'a'; c <= 'n'; ++c) items.push_back(KeyOf(std::string(1, c)));  // Two are not in the catalogue.
  ReadLease a, b;
  for (int n = 0; n < 400; ++n) {
    FoldNext();
    prepared->PrepareItems(items);
    const Request request = RequestOf(rng);
    ASSERT_TRUE(SameBits(Read(*prepared, request, now, &a), Read(*anew, request, now, &b)));
  }
  EXPECT_GT(prepared->prepared_bytes(), 0u);
  anew->PrepareItems(items);
  EXPECT_EQ(anew->prepared_bytes(), 0u) << "it prepares none";
}

TEST_F(PreparedColumns, AreThoseComputedAnewBesideTheWriter) {
  const auto anew = Reader(0), prepared = Reader(1 << 20);
  std::atomic<bool> done = false;
  std::atomic<std::size_t> compared = 0, different = 0;
  std::vector<std::thread> readers;
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    readers.emplace_back([&, seed] {
      Rng own(seed);
      ReadLease a, b;
      while (!done) {
        const Request request = RequestOf(own);
        const std::int64_t now_ms = store->shared().timeline().published() + kMinuteMs;
        const std::vector<float> got = Read(*prepared, request, now_ms, &a), want = Read(*anew, request, now_ms, &b);
        if (a.epoch_end_ms() != b.epoch_end_ms() || a.as_of() != b.as_of()) continue;  // The writer went on in between.
        different += !SameBits(got, want);
        ++compared;
      }
    });
  }
  for (int i = 0; i < 4000 || compared < 1000; ++i) {
    FoldNext();
    if (i % 4 == 0) std::this_thread::yield();
  }
  done = true;
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(different, 0u);
}

}  // namespace
}  // namespace gfr
