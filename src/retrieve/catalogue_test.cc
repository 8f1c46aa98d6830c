#include "retrieve/catalogue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "retrieve/test_shop.h"

namespace gfr {
namespace {

const std::vector<ChannelConfig> kWhole{{"exploit", 10, "catalogue"}};

std::size_t Listed(const Shop& shop) { return shop.maker->lists()->Whole(kWhole[0]).size(); }

TEST(CatalogueSource, ACatalogueThatBecameTooLargeIsListedAgainOnceEnoughItemsHaveLeft) {
  Shop shop("", kWhole);
  for (std::uint64_t i = 0; i < CatalogueSource::kMost; ++i) shop.Put(Item(i), {});
  shop.Seal();
  EXPECT_EQ(Listed(shop), CatalogueSource::kMost);
  shop.Put("one too many", {});
  shop.Put("and another", {});
  shop.Seal();
  EXPECT_EQ(Listed(shop), 0u);
  shop.Note(EventType::kItemDelete, Item(7));
  shop.Note(EventType::kItemDelete, Item(7));
  shop.Seal();
  EXPECT_EQ(Listed(shop), 0u) << "one has left twice";
  shop.Note(EventType::kItemDelete, Item(8));
  shop.Seal();
  EXPECT_EQ(Listed(shop), CatalogueSource::kMost);
  const auto items = shop.maker->lists()->Whole(kWhole[0]);
  EXPECT_EQ(std::ranges::count(items, Item(8), &EventItem::item_id), 0);
  EXPECT_EQ(std::ranges::count(items, "and another", &EventItem::item_id), 1);
}

TEST(CatalogueSource, OneThatIsTooLargeFromTheBeginIsListedOnceItIsNot) {
  Shop shop("", kWhole);
  for (std::uint64_t i = 0; i <= CatalogueSource::kMost; ++i) shop.Put(Item(i), {});
  shop.Seal();
  EXPECT_EQ(Listed(shop), 0u);
  shop.Seal();
  EXPECT_EQ(Listed(shop), 0u) << "an epoch without changes";
  shop.Note(EventType::kItemDelete, Item(3));
  shop.Put(Item(4), {}, 12);
  shop.Seal();
  EXPECT_EQ(Listed(shop), CatalogueSource::kMost);
}

}  // namespace
}  // namespace gfr
