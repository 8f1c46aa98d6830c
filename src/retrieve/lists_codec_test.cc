#include "retrieve/lists_codec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "retrieve/list_maker.h"
#include "retrieve/test_shop.h"

namespace gfr {
namespace {

// Rows by the places that decoded lists name items by, of a catalogue of this process.
class DecodedItemRows final : public ItemRows {
 public:
  DecodedItemRows(const ItemRows& tables, const ListedItems& items) : tables_(tables), items_(items) {}
  void Get(std::span<const std::uint32_t> ids, std::span<const std::byte*> rows) const override {
    std::vector<Key> keys;
    for (const std::uint32_t id : ids) keys.push_back(items_.keys[id]);
    tables_.Find(keys, rows);
  }
  void Find(std::span<const Key> items, std::span<const std::byte*> rows) const override { tables_.Find(items, rows); }
  Key KeyAt(std::uint32_t id) const override { return items_.keys[id]; }

 private:
  const ItemRows& tables_;
  const ListedItems& items_;
};

TEST(ListsCodec, DecodedListsFindWhatTheListsDo) {
  const std::vector<ChannelConfig> four{{"exploit", 20}, {"popularity", 20}, {"explore", 20}, {"recent", 20}};
  Rng rng(17);
  for (const std::string config : {kCatalogue, std::string("[item]\nreleased = \"number\"\n")}) {
    Shop shop(config, four);
    std::size_t found = 0;
    for (int epoch = 0; epoch < 8; ++epoch) {
      Change(shop, rng, 600, 5, epoch == 0 ? 0 : 400);  // The first lists have no item.
      shop.Seal();
      const std::string bytes = EncodeLists(*shop.maker->lists(), shop.shared(), shop.schema()).value();
      const auto decoded = DecodeLists(bytes, shop.schema());
      ASSERT_TRUE(decoded.ok()) << decoded.error().message;
      EXPECT_EQ(decoded.value()->epoch_end_ms(), shop.maker->lists()->epoch_end_ms());
      for (std::uint64_t seed = 0; seed < 20; ++seed) {
        std::vector<Key> recent;
        for (int n = 0; n < 8; ++n) recent.push_back(rng.Chance(0.2) ? 0 : KeyOf(Item(rng.Below(600))));
        const std::vector<std::string> want = shop.Find(four, recent, seed);
        const std::vector<std::string> got = shop.Ask(
            [&](SourceQuery q) {
              const ListedItems& items = *decoded.value()->items();
              const DecodedItemRows rows(q.items, items);
              return decoded.value()->Find({.shared = q.shared,
                                            .schema = q.schema,
                                            .items = rows,
                                            .epoch_end_ms = q.epoch_end_ms,
                                            .recent = q.recent,
                                            .rng = q.rng},
                                           four, {});
            },
            recent, seed);
        ASSERT_EQ(got, want) << "epoch " << epoch;
        found += got.size();
      }
      for (const std::string& candidate : shop.Find(four)) {
        const std::string id = candidate.substr(candidate.find(' ') + 1);
        const ListedItems& items = *decoded.value()->items();
        EXPECT_EQ(items.Id(items.PlaceOf(KeyOf(id))), id);
      }
    }
    EXPECT_GT(found, 5000u);
  }
}

TEST(ListsCodec, OfACatalogueWithOtherPropertiesTheyAreRefused) {
  Shop shop, other("[item]\nbrand = \"category\"\ncategory = \"category\"\n");
  shop.Put("a", {});
  shop.Seal();
  const std::string bytes = EncodeLists(*shop.maker->lists(), shop.shared(), shop.schema()).value();
  EXPECT_EQ(DecodeLists(bytes, other.schema()).error().code, ErrorCode::kInvalidArgument);
}

TEST(ListsCodec, OtherBytesAreCorrupt) {
  Shop shop;
  for (int n = 0; n < 50; ++n) shop.Put(Item(static_cast<std::uint64_t>(n)), {{.name = "brand", .text = "b"}});
  shop.Seal();
  const std::string bytes = EncodeLists(*shop.maker->lists(), shop.shared(), shop.schema()).value();
  for (std::size_t size = 0; size < bytes.size(); ++size)
    EXPECT_EQ(DecodeLists(std::string_view(bytes).substr(0, size), shop.schema()).error().code, ErrorCode::kCorrupt);
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    std::string other = bytes;
    other[at] = static_cast<char>(other[at] ^ 4);
    EXPECT_EQ(DecodeLists(other, shop.schema()).error().code, ErrorCode::kCorrupt) << at;
  }
}

// Bytes with a right checksum, whatever they say.
TEST(ListsCodec, AnyBodyIsReadOrRefused) {
  Shop shop;
  for (int n = 0; n < 50; ++n) shop.Put(Item(static_cast<std::uint64_t>(n)), {{.name = "brand", .text = "b"}});
  shop.Note(EventType::kFeedImpression, Item(3), 9);
  shop.Seal();
  const std::string body = EncodeListsBody(*shop.maker->lists(), shop.shared(), shop.schema());
  Rng rng(3);
  int read = 0;
  for (int n = 0; n < 20'000; ++n) {
    std::string other = body;
    for (std::uint64_t changes = 1 + rng.Below(4); changes > 0; --changes)
      other[rng.Below(other.size())] = static_cast<char>(rng.Below(256));
    if (rng.Chance(0.2)) other.resize(rng.Below(other.size()));
    read += DecodeListsBody(other, shop.schema()).ok();
  }
  EXPECT_GT(read, 0);
  EXPECT_TRUE(DecodeListsBody(body, shop.schema()).ok());
}

}  // namespace
}  // namespace gfr
