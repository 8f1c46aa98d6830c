#include "retrieve/repeat.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "retrieve/test_shop.h"

namespace gfr {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// What the source finds for a user of a shop whose users bought, viewed and left.
std::vector<std::string> RepeatOf(Shop& shop, const char* user, const std::unordered_set<Key>& excluded = {}) {
  const StoreReader reader(*shop.store);
  ReadLease lease;
  reader.features().FindUser(KeyOf(user), 0, &lease);
  return shop.Ask(
      [&](const SourceQuery& q) {
        const SourceQuery of_user{.shared = q.shared,
                                  .schema = q.schema,
                                  .items = q.items,
                                  .epoch_end_ms = q.epoch_end_ms,
                                  .recent = q.recent,
                                  .rng = q.rng,
                                  .features = &shop.store->features(),
                                  .user_row = lease.user_row,
                                  .now_ms = shop.now};
        return shop.maker->lists()->Find(of_user, shop.channels, excluded);
      },
      {}, 1);
}

std::string Interaction(const char* name, const char* events) {
  return std::string("[[feature]]\nname = \"") + name +
         "\"\ntype = \"interaction\"\nread = \"count\"\nscope = \"user\"\nevents = [" + events + "]\ncapacity = 8\n";
}

void Buy(Shop& shop, const char* user, const std::string& item) {
  shop.now += 1000;
  shop.Fold({.type = EventType::kPurchase, .user_id = user, .items = {{.item_id = item}}});
}

TEST(Repeat, WhatIsBoughtMostOftenComesFirstThenWhatWasBoughtLast) {
  // A feature that counts more than purchases is not read.
  Shop shop(kCatalogue + Interaction("touched", "\"item.view\", \"purchase\"") + Interaction("bought", "\"purchase\""),
            {{"exploit", 3, "repeat"}});
  for (std::uint64_t k = 0; k < 8; ++k) shop.Put(Item(k), {{.name = "category", .text = "c"}});
  for (const char* item : {"i1", "i2", "i1", "i3", "i4"}) Buy(shop, "u", item);
  for (int n = 0; n < 5; ++n) shop.Fold({.type = EventType::kItemView, .user_id = "u", .items = {{.item_id = "i7"}}});
  shop.Seal();
  EXPECT_THAT(RepeatOf(shop, "u"), ElementsAre("exploit i1", "exploit i4", "exploit i3"));
  EXPECT_THAT(RepeatOf(shop, "u", {KeyOf("i4")}), ElementsAre("exploit i1", "exploit i3", "exploit i2"));
  EXPECT_THAT(RepeatOf(shop, "nobody"), IsEmpty());
  shop.Note(EventType::kItemDelete, "i1");
  shop.Seal();
  EXPECT_THAT(RepeatOf(shop, "u"), ElementsAre("exploit i4", "exploit i3", "exploit i2")) << "i1 is not on sale";
}

TEST(Repeat, WithoutAFeatureThatKeepsPurchasesItFindsNone) {
  Shop shop(kCatalogue + Interaction("touched", "\"item.view\", \"purchase\""), {{"exploit", 3, "repeat"}});
  shop.Put("i1", {});
  Buy(shop, "u", "i1");
  shop.Seal();
  EXPECT_THAT(RepeatOf(shop, "u"), IsEmpty());
}

}  // namespace
}  // namespace gfr
