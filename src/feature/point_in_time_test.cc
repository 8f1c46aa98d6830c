// The batch engine against one state an entity, read and folded row by row.
#include "feature/point_in_time.h"

#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <numeric>

#include "feature/test_view.h"
#include "feature/window.h"

namespace gfr {
namespace {

constexpr const char* kFeatures[] = {
    "type = \"count\"\nevents = [\"feed.click\", \"purchase\"]\nwindow = \"1h\"\n",
    "type = \"count\"\nevents = [\"item.view\"]\nkinds = [\"a\"]\nwindow = \"7d\"\ntiles = 7\n",
    "type = \"count\"\nevents = [\"feed.click\"]\n",
    "type = \"sum\"\nof = \"money\"\nevents = [\"purchase\"]\nwindow = \"1d\"\ntiles = 24\n",
    "type = \"sum\"\nof = \"quantity\"\nevents = [\"purchase\"]\nwindow = \"30d\"\ntiles = 30\n",
    "type = \"max\"\nof = \"price\"\nevents = [\"feed.click\"]\nwindow = \"1d\"\ntiles = 24\n",
    "type = \"min\"\nof = \"money\"\nevents = [\"feed.click\", \"purchase\"]\nwindow = \"6h\"\ntiles = 6\n",
    "type = \"max\"\nof = \"money\"\nevents = [\"feed.click\", \"purchase\"]\n",
    "type = \"mean\"\nof = \"money\"\nevents = [\"purchase\"]\n",
    "type = \"distinct\"\nof = \"category\"\nevents = [\"feed.click\", \"item.view\"]\nwindow = \"6h\"\ntiles = 6\n",
    "type = \"decayed_count\"\nevents = [\"feed.click\"]\nhalf_life = \"3h\"\n",
    "type = \"since\"\nevents = [\"purchase\"]\n",
    "type = \"interaction\"\nread = \"count\"\nevents = [\"feed.click\", \"item.view\"]\ncapacity = 4\n",
    "type = \"affinity\"\nproperty = \"category\"\nevents = [\"feed.click\"]\nhalf_life = \"1d\"\n"};

std::shared_ptr<const FeatureSet> Set() {
  std::string all;
  for (const char* feature : kFeatures) {
    all += "[[feature]]\nname = \"f" + std::to_string(all.size()) + "\"\nscope = \"user\"\n" + feature;
  }
  auto set = MakeSet(all);
  EXPECT_TRUE(set.ok()) << set.error().ToString();
  return set.value();
}

struct Rows {
  std::vector<Key> key, kind, item;
  std::vector<std::int64_t> now, time, money;
  std::vector<std::uint8_t> type, reads;
  std::vector<std::int32_t> quantity;
  std::vector<PropertyValue> properties;
  static constexpr std::size_t kProperties = 3;

  Rows(std::size_t size, std::size_t keys, bool in_time, Rng& rng) {
    constexpr EventType kTypes[] = {EventType::kFeedClick, EventType::kFeedImpression, EventType::kPurchase,
                                    EventType::kItemView};
    std::int64_t clock = 1'700'000'000'000;
    for (std::size_t i = 0; i < size; ++i) {
      clock += static_cast<std::int64_t>(rng.Below(2000));
      key.push_back(1 + (rng.Chance(0.05) ? 0 : rng.Below(keys)));  // One entity has far more than the others.
      now.push_back(in_time ? clock : clock - static_cast<std::int64_t>(rng.Below(3 * kDayMs)) / 60'000 * 60'000);
      time.push_back(now.back() - static_cast<std::int64_t>(rng.Chance(0.2) ? rng.Below(5 * kHourMs) : 0) +
                     static_cast<std::int64_t>(rng.Chance(0.1) ? rng.Below(kAheadMs) : 0));
      type.push_back(rng.Chance(0.1) ? 0 : static_cast<std::uint8_t>(kTypes[rng.Below(4)]));
      reads.push_back(rng.Chance(0.8));
      kind.push_back(rng.Chance(0.5) ? KeyOf("a") : KeyOf("b"));
      item.push_back(KeyOf(std::to_string(rng.Below(9))));
      money.push_back(rng.Chance(0.2) ? kNoMoney : static_cast<std::int64_t>(rng.Below(10000)));
      quantity.push_back(static_cast<std::int32_t>(rng.Below(5)));
      properties.insert(
          properties.end(),
          {{.number = static_cast<double>(rng.Below(9999)) / 100}, {.category = KeyOf("c") + rng.Below(5)}, {}});
    }
  }
  PointInTimeInput Input() const {
    return {.size = key.size(),
            .key = key.data(),
            .now_ms = now.data(),
            .time_ms = time.data(),
            .type = type.data(),
            .reads = reads.data(),
            .kind = kind.data(),
            .item = item.data(),
            .money_minor = money.data(),
            .quantity = quantity.data(),
            .item_properties = properties.data(),
            .item_property_count = kProperties};
  }
};

// A map of states, rows in the order of now and then of the input.
std::vector<float> RowByRow(const PointInTimeInput& in, const FeatureView& view) {
  std::vector<std::size_t> order(in.size);
  std::iota(order.begin(), order.end(), 0u);
  std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return in.now_ms[a] < in.now_ms[b]; });
  std::map<Key, std::vector<std::uint64_t>> states;
  std::vector<float> out(in.size, kMissing);
  for (const std::size_t i : order) {
    auto& words = states.try_emplace(in.key[i], view.spec().state_bytes / 8).first->second;
    auto* state = reinterpret_cast<std::byte*>(words.data());
    const EventLine line{.type = static_cast<EventType>(in.type[i]),
                         .kind = in.kind ? in.kind[i] : 0,
                         .item = in.item ? in.item[i] : 0,
                         .time_ms = in.time_ms ? in.time_ms[i] : in.now_ms[i],
                         .index = -1,
                         .step = in.type[i] != static_cast<std::uint8_t>(EventType::kFeedImpression),
                         .item_properties = {in.item_properties + i * in.item_property_count, in.item_property_count},
                         .quantity = in.quantity ? in.quantity[i] : 1,
                         .money_minor = in.money_minor ? in.money_minor[i] : kNoMoney};
    if (!in.reads || in.reads[i]) {
      const Key item[1] = {line.item};
      const std::byte* const row[1] = {state};
      view.Read({.now_ms = in.now_ms[i],
                 .epoch_end_ms = in.now_ms[i],
                 .items = item,
                 .item_properties = line.item_properties.data(),
                 .item_property_count = line.item_properties.size(),
                 .user_properties = {},
                 .supplied = false},
                {row}, {&out[i], 1});
    }
    view.Fold(line, state);
  }
  return out;
}

void ExpectRowByRow(const PointInTimeInput& input) {
  const auto set = Set();
  std::vector<const FeatureView*> views;
  for (const BoundFeature& f : set->features) views.push_back(f.view.get());
  std::vector<std::vector<float>> values(views.size(), std::vector<float>(input.size, -7));
  std::vector<float> matrix(input.size * views.size(), -7);
  std::vector<Column> columns, cells;
  for (std::size_t v = 0; v < views.size(); ++v) {
    columns.push_back({values[v].data(), 1});
    cells.push_back({matrix.data() + v, views.size()});
  }
  ReadPointInTime(input, views, columns);
  ReadPointInTime(input, views, cells);
  std::vector<std::vector<float>> grouped(views.size(), std::vector<float>(input.size, -7));
  std::vector<Column> by_entity;
  for (auto& column : grouped) by_entity.push_back({column.data(), 1});
  std::vector<std::uint32_t> row(input.size);
  ReadPointInTime(input, views, by_entity, row.data());
  std::vector<std::uint32_t> each = row;
  std::sort(each.begin(), each.end());
  for (std::uint32_t i = 0; i < each.size(); ++i) ASSERT_EQ(each[i], i);
  for (std::size_t k = 1; k < row.size(); ++k) {
    ASSERT_TRUE(input.key[row[k - 1]] != input.key[row[k]] || input.now_ms[row[k - 1]] <= input.now_ms[row[k]]);
  }
  for (std::size_t v = 0; v < views.size(); ++v) {
    const std::vector<float> expected = RowByRow(input, *views[v]);
    ASSERT_EQ(std::memcmp(values[v].data(), expected.data(), expected.size() * sizeof(float)), 0) << kFeatures[v];
    for (std::size_t k = 0; k < input.size; ++k)
      ASSERT_EQ(std::memcmp(&grouped[v][k], &expected[row[k]], sizeof(float)), 0) << kFeatures[v];
    for (std::size_t i = 0; i < input.size; ++i)
      ASSERT_EQ(std::memcmp(&matrix[i * views.size() + v], &expected[i], sizeof(float)), 0) << kFeatures[v];
  }
}

TEST(PointInTime, IsTheRowByRowPathBitForBit) {
  Rng rng(1);
  for (const bool in_time : {true, false}) {
    for (const std::size_t size : {1u, 7u, 1000u, 40'000u}) {  // One bucket, and several.
      const Rows rows(size, size / 10 + 1, in_time, rng);
      ExpectRowByRow(rows.Input());
    }
  }
}

TEST(PointInTime, TakesColumnsThatAreNotThereAsTheirDefaults) {
  Rng rng(2);
  const Rows rows(5000, 300, true, rng);
  PointInTimeInput input = rows.Input();
  input.time_ms = nullptr;
  input.reads = nullptr;
  input.kind = input.item = nullptr;
  input.money_minor = nullptr;
  input.quantity = nullptr;
  ExpectRowByRow(input);
}

}  // namespace
}  // namespace gfr
