#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "retrieve/category_lists.h"
#include "retrieve/list_maker.h"
#include "retrieve/ranked_list.h"
#include "retrieve/recent.h"
#include "retrieve/sources.h"
#include "retrieve/test_exhaustive.h"
#include "retrieve/test_shop.h"

namespace gfr {
namespace {

TEST(Retrieve, ListsThatFollowTheChangesFindWhatAScanFinds) {
  Rng rng(7);
  Shop shop;
  const std::vector<ChannelConfig> of{{"exploit", 15}, {"popularity", 10}, {"recent", 10}};
  for (int epoch = 0; epoch < 60; ++epoch) {
    Change(shop, rng, 900, 25, epoch == 0 ? 3000 : 60);
    shop.Seal(static_cast<std::int64_t>(1 + rng.Below(500)) * kMinuteMs);
    for (int request = 0; request < 5; ++request) {
      std::vector<Key> recent;
      for (std::uint64_t k = rng.Below(4); k > 0; --k) recent.push_back(KeyOf(Item(rng.Below(950))));
      const std::unordered_set<Key> excluded{KeyOf(Item(rng.Below(900))), KeyOf(Item(rng.Below(900)))};
      ASSERT_EQ(shop.Find(of, recent, 1, excluded), shop.Scan(of, recent, 1, excluded)) << "epoch " << epoch;
    }
  }
}

TEST(Retrieve, WithoutCategoriesExploitGoesByPrices) {
  Rng rng(8);
  Shop shop("");
  for (int epoch = 0; epoch < 10; ++epoch) {
    for (int n = 0; n < 40; ++n) shop.Put(Item(rng.Below(300)), {}, std::exp(6 * rng.Uniform()));
    Change(shop, rng, 300, 1, 20);
    shop.Seal();
    const std::vector<Key> recent{KeyOf(Item(rng.Below(300))), KeyOf(Item(rng.Below(300)))};
    EXPECT_EQ(shop.Find({{"exploit", 30}}, recent), shop.Scan({{"exploit", 30}}, recent));
  }
}

TEST(Retrieve, TheFourChannelsAreReallyDifferent) {
  Shop shop;
  // Item k: category k / 20, price 10; the older the number the earlier released; items 0 to 9 clicked most.
  for (int k = 0; k < 100; ++k) {
    shop.Put(Item(static_cast<std::uint64_t>(k)), {{.name = "category", .text = "c" + std::to_string(k / 20)},
                                                   {.name = "released", .number = static_cast<double>(k)}});
  }
  for (int k = 0; k < 10; ++k) {
    shop.Note(EventType::kFeedImpression, Item(static_cast<std::uint64_t>(k)), 400);
    shop.Note(EventType::kFeedClick, Item(static_cast<std::uint64_t>(k)), 20 - k);
  }
  shop.Seal();
  const auto found = shop.Find({{"exploit", 5}, {"popularity", 5}, {"explore", 5}, {"recent", 5}}, {KeyOf("i45")});
  ASSERT_EQ(found.size(), 20u);
  EXPECT_EQ(std::set<std::string>(found.begin(), found.end()).size(), 20u);
  for (int i = 0; i < 5; ++i) {
    const int k = std::stoi(found[static_cast<std::size_t>(i)].substr(9));
    EXPECT_TRUE(k >= 40 && k < 60) << k << " is of another category than the user's";
    EXPECT_EQ(found[static_cast<std::size_t>(5 + i)], "popularity i" + std::to_string(i));
  }
  EXPECT_TRUE(found[15] == "recent i99" || found[15] == "recent i98") << found[15];
}

// Chi-square of the first item drawn, and of the second given the first, against the exact weights.
TEST(Retrieve, ExploreDrawsByTheExactWeightsWithoutReplacement) {
  Shop shop(kCatalogue, {{"explore", 2}});
  const std::vector<int> impressions{0, 0, 1, 2, 3, 6, 7, 20};
  for (std::size_t k = 0; k < impressions.size(); ++k) {
    shop.Put(Item(k), {});
    shop.Note(EventType::kFeedImpression, Item(k), impressions[k]);
  }
  shop.Put("taken", {});
  shop.Seal();
  const auto weight = [&](std::size_t k) { return 1.0 / (1 + impressions[k]); };
  double sum = 0;
  for (std::size_t k = 0; k < impressions.size(); ++k) sum += weight(k);
  std::map<std::pair<std::size_t, std::size_t>, double> drawn;
  const int draws = 40000;
  for (int seed = 0; seed < draws; ++seed) {
    const auto found = shop.Find({{"explore", 2}}, {}, static_cast<std::uint64_t>(seed), {KeyOf("taken")});
    ASSERT_EQ(found.size(), 2u);
    drawn[{std::stoul(found[0].substr(9)), std::stoul(found[1].substr(9))}] += 1;
  }
  double chi = 0;
  int cells = 0;
  for (std::size_t a = 0; a < impressions.size(); ++a) {
    for (std::size_t b = 0; b < impressions.size(); ++b) {
      if (a == b) {
        EXPECT_FALSE(drawn.contains({a, b})) << "an item is drawn once";
        continue;
      }
      const double expected = draws * weight(a) / sum * weight(b) / (sum - weight(a));
      chi += (drawn[{a, b}] - expected) * (drawn[{a, b}] - expected) / expected;
      ++cells;
    }
  }
  ASSERT_EQ(cells, 56);
  EXPECT_LT(chi, 93.2) << "the 99.9 % quantile of 55 degrees of freedom";
}

TEST(Retrieve, ExploreFollowsImpressionsAndDrawsTheSameWhateverTheTablesOrder) {
  Shop shop(kCatalogue, {{"explore", 30}}), other(kCatalogue, {{"explore", 30}});
  for (std::uint64_t k = 0; k < 200; ++k) shop.Put(Item(k), {});
  shop.Seal();
  for (std::uint64_t k = 100; k < 200; ++k) shop.Note(EventType::kFeedImpression, Item(k), 500);
  shop.Seal();
  for (std::uint64_t k = 200; k-- > 0;) {
    other.Put(Item(k), {});
    other.Seal();
  }
  for (std::uint64_t k = 100; k < 200; ++k) other.Note(EventType::kFeedImpression, Item(k), 500);
  other.Seal();
  int often_shown = 0;
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    const auto found = shop.Find({{"explore", 30}}, {}, seed);
    EXPECT_EQ(found, other.Find({{"explore", 30}}, {}, seed));
    for (const std::string& item : found) often_shown += std::stoi(item.substr(9)) >= 100;
  }
  EXPECT_LT(often_shown, 20) << "of 1500; about 4 are expected";
  EXPECT_EQ(shop.Find({{"explore", 1000}}).size(), 200u) << "all that there are";
}

TEST(Retrieve, NoChannelHasAnItemThatIsOffSaleAndAllHaveItAgainAfterAnUpdate) {
  Shop shop;
  shop.Put("seed", {{.name = "category", .text = "mug"}});
  shop.Put("gone", {{.name = "category", .text = "mug"}});
  shop.Note(EventType::kFeedClick, "gone", 9);
  shop.Seal();
  const std::vector<Key> recent{KeyOf("seed")};
  const auto channels_with_gone = [&] {
    int count = 0;
    for (const char* channel : {"exploit", "popularity", "explore", "recent"}) {
      const auto found = shop.Find({{channel, 20}}, recent);
      count += std::ranges::count(found, std::string(channel) + " gone");
    }
    return count;
  };
  EXPECT_EQ(channels_with_gone(), 4);
  shop.Note(EventType::kItemDelete, "gone");
  shop.Seal();
  EXPECT_EQ(channels_with_gone(), 0);
  shop.Note(EventType::kFeedClick, "gone");
  shop.Seal();
  EXPECT_EQ(channels_with_gone(), 0) << "a click changes its lists, and does not bring it back";
  shop.Put("gone", {});
  shop.Seal();
  EXPECT_EQ(channels_with_gone(), 4);
}

TEST(Retrieve, WarmUpHasTheNewestItemsThatWereNotShownOftenYetFirst) {
  Shop shop(kCatalogue, {{"recent", 10, "warm_up"}});
  for (std::uint64_t k = 0; k < 6; ++k) shop.Put(Item(k), {{.name = "released", .number = static_cast<double>(k)}});
  shop.Note(EventType::kFeedImpression, "i5", WarmUpSource::kWarmUpImpressions);
  shop.Note(EventType::kFeedImpression, "i4", WarmUpSource::kWarmUpImpressions - 1);
  shop.Seal();
  const auto found = [&] {
    std::string items;
    for (const std::string& item : shop.Find(shop.channels)) items += item.substr(item.find(' '));
    return items;
  };
  EXPECT_EQ(found(), " i4 i3 i2 i1 i0 i5");
  shop.Note(EventType::kFeedImpression, "i4");
  shop.Seal();
  EXPECT_EQ(found(), " i3 i2 i1 i0 i5 i4");
}

TEST(Retrieve, AListThatLostItsItemsIsMadeFromTheCatalogueAgain) {
  Shop shop(kCatalogue, {{"recent", 10}});
  const std::uint64_t items = 2 * (10 + RankedList::kSpare) + 2000;
  for (std::uint64_t k = 0; k < items; ++k) shop.Put(Item(k), {{.name = "released", .number = static_cast<double>(k)}});
  shop.Seal();
  const std::vector<ChannelConfig> of{{"recent", 10}};
  EXPECT_EQ(shop.Find(of), shop.Scan(of));
  for (std::uint64_t k = items; k-- > items - 1500;) {  // They turn out to be old.
    shop.Put(Item(k), {{.name = "released", .number = -static_cast<double>(k)}});
    if (k % 300 != 0) continue;
    shop.Seal();
    EXPECT_EQ(shop.Find(of), shop.Scan(of));
  }
  for (std::uint64_t k = items - 1500; k-- > 0;) shop.Put(Item(k), {{.name = "released", .number = -1}});
  shop.Seal();
  EXPECT_EQ(shop.Find(of), shop.Scan(of)) << "all were released before the list's last";
}

TEST(Retrieve, OfALargeCategoryExploitKnowsTheBestByPrior) {
  Shop shop(kCatalogue, {{"exploit", 10}});
  const std::size_t items = 3 * CategoryLists::kMost;
  for (std::size_t k = 0; k < items; ++k) {
    shop.Put(Item(k), {{.name = "category", .text = "c"}});
    shop.Note(EventType::kFeedClick, Item(k), static_cast<int>(1 + k % 10));
  }
  shop.Seal();
  const std::vector<ChannelConfig> of{{"exploit", 10}};
  const std::vector<Key> recent{KeyOf("i3")};
  for (const std::string& item : shop.Find(of, recent)) EXPECT_EQ(std::stoi(item.substr(9)) % 10, 9) << item;
  EXPECT_THAT(shop.Find({{"exploit", 500}}, recent), testing::Contains("exploit i3")) << "the user's own";
  // They move to another category: what is left of the list is filled up from the catalogue.
  for (std::size_t k = 0; k < items; ++k) {
    if (k % 10 >= 5) shop.Put(Item(k), {{.name = "category", .text = "d"}});
  }
  shop.Seal();
  EXPECT_EQ(shop.Find({{"exploit", 600}}, recent).size(), 2 * CategoryLists::kMost) << "of c, and of the catalogue";
  for (const std::string& item : shop.Find(of, recent)) EXPECT_EQ(std::stoi(item.substr(9)) % 10, 4) << item;
}

TEST(Retrieve, TastesOfTheUserDecideWhatExploitFindsAndCategoriesNotTakenLose) {
  Shop shop(kCatalogue + R"(
[[feature]]
name = "category_taste"
type = "taste"
scope = "user"
property = "category"
events = ["feed.click"]
denominator = ["feed.impression"]
half_life = "60d"
prior_weight = 5
capacity = 4
)",
            {{"exploit", 40}});
  for (std::uint64_t k = 0; k < 40; ++k) shop.Put(Item(k), {{.name = "category", .text = "c" + std::to_string(k % 4)}});
  shop.Seal();
  const auto saw = [&](const std::string& item, int times, int clicks) {
    for (int n = 0; n < times; ++n)
      shop.Fold({.type = EventType::kFeedImpression, .user_id = "fan", .items = {{.item_id = item}}});
    for (int n = 0; n < clicks; ++n)
      shop.Fold({.type = EventType::kFeedClick, .user_id = "fan", .items = {{.item_id = item}}});
  };
  saw("i1", 10, 6);
  saw("i2", 20, 0);
  for (const char* other : {"i0", "i3"}) saw(other, 2, 0);
  shop.Seal();
  const StoreReader reader(*shop.store);
  ReadLease lease;
  reader.features().FindUser(KeyOf("fan"), 0, &lease);
  ASSERT_NE(lease.user_row, nullptr);
  const auto found = shop.Ask(
      [&](const SourceQuery& q) {
        SourceQuery of_fan{.shared = q.shared,
                           .schema = q.schema,
                           .items = q.items,
                           .epoch_end_ms = q.epoch_end_ms,
                           .recent = q.recent,
                           .rng = q.rng,
                           .features = &shop.store->features(),
                           .user_row = lease.user_row,
                           .now_ms = shop.now};
        return shop.maker->lists()->Find(of_fan, shop.channels, {});
      },
      {}, 1);
  ASSERT_EQ(found.size(), 40u) << "of a user whose last items are not known";
  const auto category = [&](std::size_t place) { return std::stoi(found[place].substr(9)) % 4; };
  for (std::size_t place = 0; place < 10; ++place) EXPECT_EQ(category(place), 1) << found[place];
  for (std::size_t place = 30; place < 40; ++place) EXPECT_EQ(category(place), 2) << found[place];
  EXPECT_THAT(shop.Find({{"exploit", 40}}), testing::IsEmpty()) << "of nobody nothing is known";
}

TEST(Retrieve, AnUpdateChangesNoListsThatARequestHolds) {
  Shop shop;
  shop.Put("a", {});
  shop.Seal();
  const auto held = shop.maker->lists();
  const std::int64_t epoch = held->epoch_end_ms();
  shop.Put("b", {});
  shop.Seal();
  EXPECT_EQ(held->epoch_end_ms(), epoch);
  EXPECT_EQ(shop.maker->lists()->epoch_end_ms(), epoch + kMinuteMs);
  EXPECT_EQ(shop.Ask(
                [&](const SourceQuery& q) {
                  return held->Find(q, {{"popularity", 5}}, {});
                },
                {}, 1),
            std::vector<std::string>{"popularity a"});
  EXPECT_EQ(shop.Find({{"popularity", 5}}).size(), 2u);
  EXPECT_GT(shop.maker->memory_bytes(), shop.maker->lists()->memory_bytes()) << "the held ones count";
}

// Counts the rows that a request reads.
class CountedItemRows final : public ItemRows {
 public:
  explicit CountedItemRows(const ItemRows& rows) : rows_(rows) {}
  void Get(std::span<const std::uint32_t> ids, std::span<const std::byte*> rows) const override {
    read += ids.size();
    rows_.Get(ids, rows);
  }
  void Find(std::span<const Key> items, std::span<const std::byte*> rows) const override {
    read += items.size();
    rows_.Find(items, rows);
  }
  Key KeyAt(std::uint32_t id) const override { return rows_.KeyAt(id); }
  mutable std::size_t read = 0;

 private:
  const ItemRows& rows_;
};

TEST(Retrieve, ARequestReadsABudgetOfRowsHoweverLargeTheCatalogue) {
  for (const std::uint64_t size : {2'000u, 30'000u}) {
    Shop shop;
    Rng rng(5);
    for (std::uint64_t i = 0; i < size; ++i)
      shop.Put(Item(i), {{.name = "category", .text = "c" + std::to_string(i % 3)},
                         {.name = "brand", .text = "b" + std::to_string(i % 40)}});
    shop.Seal();
    std::vector<Key> recent;
    for (int n = 0; n < 8; ++n) recent.push_back(KeyOf(Item(rng.Below(size))));
    std::size_t read = 0;
    const auto found = shop.Ask(
        [&](const SourceQuery& q) {
          const CountedItemRows counted(q.items);
          auto candidates = shop.maker->lists()->Find({.shared = q.shared,
                                                       .schema = q.schema,
                                                       .items = counted,
                                                       .epoch_end_ms = q.epoch_end_ms,
                                                       .recent = q.recent,
                                                       .rng = q.rng},
                                                      shop.channels, {});
          read = counted.read;
          return candidates;
        },
        recent, 1);
    EXPECT_EQ(found.size(), 80u);
    EXPECT_GT(read, 100u) << "exploit read some";
    EXPECT_LE(read, 512u + 8) << size << " items";
  }
}

TEST(Retrieve, TheFirstItemsOfAllListsArePreparedWithThemEachOnce) {
  Shop shop(kCatalogue, {{"exploit", 2}, {"popularity", 2}, {"explore", 2}, {"recent", 2}});
  shop.Put("popular", {});
  shop.Put("new", {{.name = "released", .number = 2e9}});
  shop.Put("both", {{.name = "category", .text = "shoes"}, {.name = "released", .number = 1e9}});
  shop.Put("gone", {{.name = "category", .text = "shoes"}});
  shop.Note(EventType::kFeedClick, "popular", 50);
  shop.Fold({.type = EventType::kItemDelete, .items = {{.item_id = "gone"}}});
  shop.Seal();
  std::vector<std::string> first;
  for (const Key item : shop.maker->lists()->FirstItems(shop.shared())) first.push_back(shop.Id(item));
  EXPECT_THAT(first, testing::UnorderedElementsAre("popular", "new", "both"));
}

TEST(Retrieve, PreparedColumnsAreThereBeforeTheFirstRequestOfAnEpoch) {
  Shop shop;
  for (int i = 0; i < 100; ++i) shop.Put("i" + std::to_string(i), {{.name = "category", .text = "shoes"}});
  const auto reader = std::make_shared<const StoreReader>(*shop.store);
  shop.maker = std::make_unique<ListMaker>(shop.shared(), shop.schema(),
                                           std::vector<std::vector<ChannelConfig>>{shop.channels}, reader);
  EXPECT_EQ(reader->features().prepared_bytes(), 0u);
  shop.Seal();
  const std::size_t of_one_epoch = reader->features().prepared_bytes();
  EXPECT_GT(of_one_epoch, 0u);
  shop.Seal();
  EXPECT_EQ(reader->features().prepared_bytes(), of_one_epoch) << "nobody holds the epoch before";
}

TEST(Retrieve, ChannelsAreReadAndWrongNamesRefused) {
  const auto read = [](const std::string& text) {
    auto config = Config::Parse(text, "gfr.toml");
    return ReadChannels(config.value());
  };
  EXPECT_EQ(read("").value(),
            (std::vector<ChannelConfig>{{"exploit", 20}, {"explore", 20}, {"popularity", 20}, {"recent", 20}}));
  EXPECT_EQ(read("[[channel]]\nname = \"recent\"\nquota = 3\n").value()[0].quota, 3);
  EXPECT_THAT(read("[[channel]]\nname = \"hot\"\n").error().message,
              testing::HasSubstr("valid are exploit, explore, popularity, recent"));
  const std::string sources = "[[channel]]\nname = \"exploit\"\n[[channel.source]]\nname = \"affinity\"\nquota = 7\n";
  EXPECT_EQ(read(sources).value(), (std::vector<ChannelConfig>{{"exploit", 7, "affinity"}}));
  EXPECT_THAT(read(sources + "[[channel.source]]\nname = \"recent\"\n").error().message,
              testing::HasSubstr("is 'recent'; valid for channel exploit are affinity"));
  EXPECT_THAT(read(sources + "[[channel.source]]\nname = \"affinity\"\n").error().message,
              testing::HasSubstr("as of a source before"));
  EXPECT_THAT(
      read("[[channel]]\nname = \"exploit\"\nquota = 3\n[[channel.source]]\nname = \"affinity\"\n").error().message,
      testing::HasSubstr("give each source its own"));
}

}  // namespace
}  // namespace gfr
