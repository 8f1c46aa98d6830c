// Window aggregates against the definition in words, computed from the list of all lines; parts of any split; replay
// against the row-by-row path.
#include "feature/window.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <set>

#include "base/rng.h"
#include "base/time.h"
#include "feature/decay.h"
#include "feature/feature_set.h"
#include "feature/replay_rows.h"

namespace gfr {
namespace {

using State = std::vector<std::uint64_t>;
std::byte* Bytes(State& s) { return reinterpret_cast<std::byte*>(s.data()); }

Result<std::shared_ptr<const FeatureSet>> TryMake(const std::string& feature) {
  auto config = Config::Parse(
      "[item]\ncategory = \"category\"\nrating = \"number\"\n[user]\ncity = \"category\"\n[[feature]]\nname = "
      "\"f\"\n" +
          feature,
      "gfr.toml");
  return FeatureSet::Make(config.value());
}
std::shared_ptr<const FeatureSet> Make(const std::string& feature) {
  auto set = TryMake(feature);
  EXPECT_TRUE(set.ok()) << set.error().ToString();
  return set.value();
}
State NewState(const FeatureView& view) { return State(view.spec().state_bytes / 8); }

struct Line {
  EventType type;
  Key item, category;
  double rating;
  std::int64_t now_ms, time_ms, money_minor;
  std::int32_t quantity;
};

// Arrivals in order; some lines come late, some are dated up to 5 minutes ahead.
std::vector<Line> RandomLines(Rng& rng, int count, std::int64_t mean_gap_ms) {
  constexpr EventType kTypes[] = {EventType::kFeedClick, EventType::kFeedImpression, EventType::kPurchase};
  std::vector<Line> lines;
  std::int64_t now = 1'700'000'000'000 + static_cast<std::int64_t>(rng.Below(kDayMs));
  for (int i = 0; i < count; ++i) {
    now += static_cast<std::int64_t>(rng.Below(static_cast<std::uint64_t>(2 * mean_gap_ms)));
    const std::int64_t shift = rng.Chance(0.2)   ? -static_cast<std::int64_t>(rng.Below(3 * kHourMs))
                               : rng.Chance(0.2) ? static_cast<std::int64_t>(rng.Below(kAheadMs))
                                                 : 0;
    const Key item = 1 + rng.Below(40);
    lines.push_back({kTypes[rng.Below(3)], item << 32, (1 + item % 7) << 32,
                     rng.Chance(0.2) ? std::nan("") : static_cast<double>(rng.Below(500)) / 100 - 2, now, now + shift,
                     rng.Chance(0.2) ? kNoMoney : static_cast<std::int64_t>(rng.Below(20000)) - 5000,
                     static_cast<std::int32_t>(rng.Below(4))});
  }
  return lines;
}

void Fold(const FeatureView& view, const Line& l, std::byte* state) {
  std::vector<PropertyValue> properties(3);
  properties[1].category = l.category;
  properties[2].number = l.rating;
  view.Fold({.type = l.type,
             .kind = 0,
             .item = l.item,
             .time_ms = l.time_ms,
             .index = -1,
             .step = true,
             .item_properties = properties,
             .quantity = l.quantity,
             .money_minor = l.money_minor},
            state);
}

float Read(const FeatureView& view, const std::byte* state, std::int64_t t_ms, const std::byte* shop = nullptr,
           const std::byte* parent = nullptr) {
  const Key item[1] = {1};
  const std::byte* const rows[1] = {state};
  const std::byte* const parents[1] = {parent};
  float value = -1;
  view.Read({.now_ms = t_ms,
             .epoch_end_ms = t_ms,
             .items = item,
             .item_properties = nullptr,
             .item_property_count = 0,
             .user_properties = {},
             .supplied = false},
            {rows, shop, parents}, {&value, 1});
  return value;
}

bool Same(float a, float b) { return a == b || (std::isnan(a) && std::isnan(b)); }

// What the definition says: of the lines known at T, those whose tile is one of the last n.
float Oracle(const std::string& type, const std::string& of, const std::vector<Line>& known, std::int64_t t_ms,
             std::int64_t tile_ms, std::int64_t tiles) {
  std::int64_t count = 0, sum = 0, clicks = 0, impressions = 0, weights = 0;
  std::optional<std::int64_t> least, greatest;
  std::set<Key> items;
  for (const Line& l : known) {
    const std::int64_t tile = l.time_ms / tile_ms, last = t_ms / tile_ms;
    // A line dated ahead waits for its tile; only `distinct` counts it at once.
    if (tile <= last - tiles || (tile > last && type != "distinct")) continue;
    clicks += l.type == EventType::kFeedClick;
    impressions += l.type == EventType::kFeedImpression;
    weights += l.type == EventType::kFeedClick ? 2 : l.type == EventType::kPurchase ? 5 : 0;
    if (l.type != EventType::kFeedClick) continue;
    items.insert(of == "item" ? l.item : l.category);
    const std::int64_t amount = of == "quantity" ? l.quantity
                                : of == "rating" ? std::isnan(l.rating) ? kNoMoney : std::llround(l.rating * 100)
                                                 : l.money_minor;
    if (amount == kNoMoney) continue;
    ++count;
    sum += amount;
    least = std::min(least.value_or(amount), amount);
    greatest = std::max(greatest.value_or(amount), amount);
  }
  const double scale = of == "quantity" ? 1 : 100;
  if (type == "count") return static_cast<float>(clicks);
  if (type == "weighted") return static_cast<float>(weights);
  if (type == "distinct") return static_cast<float>(items.size());
  if (type == "sum") return static_cast<float>(static_cast<double>(sum) / scale) + 0.0f;
  if (count == 0) return kMissing;
  if (type == "mean") return static_cast<float>(static_cast<double>(sum) / (static_cast<double>(count) * scale)) + 0.0f;
  return static_cast<float>(static_cast<double>(type == "min" ? *least : *greatest) / scale) + 0.0f;
}

struct Case {
  std::string type, of, more = "";
};
const Case kCases[] = {{"count", ""},           {"weighted", "", ""}, {"sum", "money"},
                       {"sum", "quantity"},     {"sum", "rating"},    {"mean", "money"},
                       {"mean", "rating"},      {"min", "money"},     {"max", "rating"},
                       {"min", "quantity"},     {"max", "money"},     {"distinct", "item", "capacity = 64\n"},
                       {"distinct", "category"}};

std::string Toml(const Case& c, const std::string& scope, const std::string& window) {
  const bool weighted = c.type == "weighted";
  return "type = \"" + (weighted ? "count" : c.type) + "\"\nscope = \"" + scope + "\"\n" +
         (weighted ? "events = [\"feed.click\", \"purchase\"]\nweights = { \"feed.click\" = 2, purchase = 5 }\n"
                   : "events = [\"feed.click\"]\n") +
         (c.of.empty() ? "" : "of = \"" + c.of + "\"\n") + window + c.more;
}

struct Span {
  std::int64_t tile_ms, tiles;
  std::string toml;
};
const Span kSpans[] = {{kMinuteMs, 60, "window = \"1h\"\ntiles = 60\n"},
                       {5 * kMinuteMs, 12, "window = \"1h\"\n"},
                       {kHourMs, 24, "window = \"1d\"\ntiles = 24\n"},
                       {6 * kHourMs, 1, "window = \"6h\"\ntiles = 1\n"},
                       {kDayMs, 7, "window = \"7d\"\ntiles = 7\n"}};

TEST(Window, HoldsTheLinesOfItsTilesHoweverLateOrAheadTheyCome) {
  Rng rng(1);
  for (const Case& c : kCases) {
    for (const Span& span : kSpans) {
      const auto set = Make(Toml(c, "user", span.toml));
      const FeatureView& view = *set->features[0].view;
      for (int round = 0; round < 4; ++round) {
        State state = NewState(view);
        std::vector<Line> known;
        for (const Line& line : RandomLines(rng, 60, round % 2 ? 2 * kMinuteMs : 3 * span.tile_ms)) {
          ASSERT_TRUE(Same(Read(view, Bytes(state), line.now_ms),
                           Oracle(c.type, c.of, known, line.now_ms, span.tile_ms, span.tiles)))
              << c.type << " " << c.of << " " << span.toml;
          Fold(view, line, Bytes(state));
          known.push_back(line);
          const std::int64_t later =
              line.now_ms +
              static_cast<std::int64_t>(rng.Below(2 * static_cast<std::uint64_t>(span.tile_ms * span.tiles)));
          ASSERT_TRUE(
              Same(Read(view, Bytes(state), later), Oracle(c.type, c.of, known, later, span.tile_ms, span.tiles)))
              << c.type << " " << c.of << " " << span.toml;
        }
      }
    }
  }
}

TEST(Window, LineDatedAheadIsNotSeenBeforeItsTileAndTakesNothingFromTheOthers) {
  const auto set = Make("type = \"count\"\nscope = \"user\"\nevents = [\"feed.click\"]\nwindow = \"3m\"\ntiles = 3\n");
  const FeatureView& view = *set->features[0].view;
  State state = NewState(view);
  const auto click = [&](std::int64_t minute) {
    Fold(view, {.type = EventType::kFeedClick, .time_ms = minute * kMinuteMs}, Bytes(state));
  };
  click(100), click(101), click(102), click(107);
  EXPECT_EQ(Read(view, Bytes(state), 102 * kMinuteMs), 3);
  EXPECT_EQ(Read(view, Bytes(state), 103 * kMinuteMs), 2);
  EXPECT_EQ(Read(view, Bytes(state), 106 * kMinuteMs), 0);
  EXPECT_EQ(Read(view, Bytes(state), 107 * kMinuteMs), 1);
  EXPECT_EQ(Read(view, Bytes(state), 110 * kMinuteMs), 0);
}

TEST(Window, NeedsFewBytesAnEntity) {
  const auto bytes = [](const std::string& feature) { return Make(feature)->features[0].view->spec().state_bytes; };
  const std::string clicks = "scope = \"user\"\nevents = [\"feed.click\"]\n";
  EXPECT_EQ(bytes("type = \"count\"\nwindow = \"7d\"\ntiles = 7\n" + clicks), 48u);
  EXPECT_EQ(bytes("type = \"count\"\nwindow = \"1h\"\n" + clicks), 64u);
  EXPECT_EQ(bytes("type = \"count\"\n" + clicks), 16u);
  EXPECT_EQ(bytes("type = \"rate\"\ndenominator = [\"feed.impression\"]\nwindow = \"7d\"\ntiles = 7\n" + clicks), 88u);
  EXPECT_EQ(bytes("type = \"decayed_count\"\nhalf_life = \"1d\"\n" + clicks), 16u);
}

std::string Rate(const std::string& scope, const std::string& more) {
  return "type = \"rate\"\nscope = \"" + scope +
         "\"\nevents = [\"feed.click\"]\ndenominator = [\"feed.impression\"]\nprior_weight = 10\n" + more;
}

TEST(Window, PartsOfAnySplitMergeToEqualBytes) {
  Rng rng(2);
  std::vector<std::string> features{Rate("item", kSpans[2].toml), Rate("item", ""),
                                    "type = \"since\"\nscope = \"item\"\nevents = [\"purchase\"]\n",
                                    "type = \"distinct\"\nof = \"item\"\nscope = \"item.category\"\nevents = "
                                    "[\"feed.click\"]\ncapacity = 5\nwindow = \"6h\"\ntiles = 6\n"};
  for (const Case& c : kCases) {
    for (const Span& span : kSpans) features.push_back(Toml(c, "item", span.toml));
    features.push_back(Toml(c, "user.city x item", ""));
  }
  for (const std::string& feature : features) {
    const auto set = Make(feature);
    const FeatureView& view = *set->features[0].view;
    for (const std::size_t workers : {1u, 2u, 7u}) {
      State whole = NewState(view);
      std::vector<State> parts(workers, NewState(view));
      for (const Line& line : RandomLines(rng, 100, 5 * kMinuteMs)) {
        Fold(view, line, Bytes(whole));
        Fold(view, line, Bytes(parts[rng.Below(workers)]));
      }
      while (parts.size() > 1) {  // In any order and any tree.
        const std::size_t from = rng.Below(parts.size()),
                          into = (from + 1 + rng.Below(parts.size() - 1)) % parts.size();
        view.Merge(Bytes(parts[from]), Bytes(parts[into]));
        parts.erase(parts.begin() + static_cast<std::ptrdiff_t>(from));
      }
      ASSERT_EQ(parts[0], whole) << feature << workers;
    }
  }
}

TEST(Window, EpochsSealedInOrderAreTheLinesFoldedOneByOne) {
  Rng rng(3);
  for (const Case& c : kCases) {
    const auto set = Make(Toml(c, "item", kSpans[1].toml));
    const FeatureView& view = *set->features[0].view;
    State whole = NewState(view), sealed = NewState(view), delta = NewState(view);
    std::int64_t epoch = 0;
    for (const Line& line : RandomLines(rng, 300, kMinuteMs)) {
      if (line.now_ms / kMinuteMs != epoch) {
        if (delta != NewState(view)) view.Seal(Bytes(delta), (epoch + 1) * kMinuteMs, Bytes(sealed));
        delta = NewState(view);
        epoch = line.now_ms / kMinuteMs;
        ASSERT_TRUE(Same(Read(view, Bytes(sealed), epoch * kMinuteMs), Read(view, Bytes(whole), epoch * kMinuteMs)));
      }
      Fold(view, line, Bytes(delta));
      Fold(view, line, Bytes(whole));
    }
    view.Seal(Bytes(delta), (epoch + 1) * kMinuteMs, Bytes(sealed));
    ASSERT_EQ(sealed, whole) << c.type;
  }
}

TEST(Decay, SealsWholeNumbersAndDecaysBetweenEpochs) {
  const Decay<1> decay(60 * kMinuteMs);
  State state(2), a(2), b(2), ba(2);
  const std::int64_t three[1] = {3}, four[1] = {4};
  decay.Count(three, Bytes(a)), decay.Count(four, Bytes(b));
  ba = b;
  decay.MergeCounts(Bytes(b), Bytes(a)), decay.MergeCounts(Bytes(state), Bytes(a));
  decay.Seal(Bytes(a), 10 * kHourMs, Bytes(state));
  EXPECT_EQ(decay.Read(Bytes(state), 10 * kHourMs)[0], 7);
  EXPECT_EQ(decay.Read(Bytes(state), 12 * kHourMs)[0], 7.0 / 4);
  decay.Seal(Bytes(ba), 11 * kHourMs, Bytes(state));
  EXPECT_EQ(decay.Read(Bytes(state), 11 * kHourMs)[0], 7.0 / 2 + 4);
}

TEST(Decay, LateLineOfAUserEntersDecayedByItsLateness) {
  const auto set = Make(
      "type = \"decayed_count\"\nscope = \"user\"\nevents = [\"feed.click\", \"purchase\"]\nweights = { purchase = 5 "
      "}\nhalf_life = "
      "\"1h\"\n");
  const FeatureView& view = *set->features[0].view;
  Rng rng(4);
  for (int round = 0; round < 20; ++round) {
    State state = NewState(view), a = NewState(view), b = NewState(view);
    std::vector<Line> known;
    for (const Line& line : RandomLines(rng, 50, 10 * kMinuteMs)) {
      Fold(view, line, Bytes(state));
      Fold(view, line, Bytes(rng.Chance(0.5) ? a : b));
      known.push_back(line);
    }
    const std::int64_t now = known.back().now_ms + kHourMs;
    double expected = 0;
    for (const Line& l : known)
      expected += (l.type == EventType::kFeedClick  ? 1
                   : l.type == EventType::kPurchase ? 5
                                                    : 0) *
                  std::exp2(-static_cast<double>(now - l.time_ms) / static_cast<double>(kHourMs));
    EXPECT_NEAR(Read(view, Bytes(state), now), expected, 1e-5 * expected);
    State ab = b, ba = a;
    view.Merge(Bytes(a), Bytes(ab)), view.Merge(Bytes(b), Bytes(ba));
    EXPECT_EQ(ab, ba) << "joined histories depend on the two states only";
    EXPECT_NEAR(Read(view, Bytes(ab), now), expected, 1e-5 * expected);
  }
}

TEST(Rate, IsShrunkToItsParentsOwnRateAndElseToTheShops) {
  for (const std::string how : {"", "window = \"1d\"\ntiles = 24\n"}) {
    const auto set = Make(Rate("item", "parent = \"item.category\"\n" + how));
    ASSERT_EQ(set->parents.size(), 1u);
    ASSERT_EQ(set->features[0].parent, 0);
    EXPECT_EQ(set->entities[static_cast<std::size_t>(set->parents[0].entity)].name, "item.category");
    const FeatureView &view = *set->features[0].view, &above = *set->parents[0].view;
    State own = NewState(view), parent = NewState(above), shop = NewState(view), none = NewState(view);
    const auto fold = [](const FeatureView& v, int clicks, int impressions, State& s) {
      for (int i = 0; i < clicks; ++i) Fold(v, {.type = EventType::kFeedClick, .time_ms = kDayMs}, Bytes(s));
      for (int i = 0; i < impressions; ++i) Fold(v, {.type = EventType::kFeedImpression, .time_ms = kDayMs}, Bytes(s));
    };
    fold(view, 3, 10, own), fold(above, 20, 100, parent), fold(view, 50, 1000, shop);
    EXPECT_EQ(Read(view, Bytes(own), kDayMs, Bytes(shop), Bytes(parent)), static_cast<float>((3 + 10 * 0.2) / 20));
    EXPECT_EQ(Read(view, nullptr, kDayMs, Bytes(shop), Bytes(parent)), 0.2f);
    EXPECT_EQ(Read(view, Bytes(own), kDayMs, Bytes(shop), Bytes(none)), static_cast<float>((3 + 10 * 0.05) / 20));
    EXPECT_EQ(Read(view, Bytes(own), kDayMs, Bytes(shop), nullptr), static_cast<float>((3 + 10 * 0.05) / 20));
    EXPECT_TRUE(std::isnan(Read(view, Bytes(own), kDayMs, nullptr, nullptr)));
  }
}

TEST(Rate, OfAUserIsShrunkToTheShopsAndMayDecay) {
  const auto set = Make(Rate("user", "half_life = \"1h\"\n"));
  ASSERT_EQ(set->features[0].parent, 0);
  EXPECT_EQ(set->entities[static_cast<std::size_t>(set->parents[0].entity)].name, "shop");
  EXPECT_EQ(set->features[0].entity, -1);
  const FeatureView& view = *set->features[0].view;
  State own = NewState(view), shop(3);
  Fold(view, {.type = EventType::kFeedClick, .time_ms = kDayMs}, Bytes(own));
  for (int i = 0; i < 4; ++i) Fold(view, {.type = EventType::kFeedImpression, .time_ms = kDayMs - kHourMs}, Bytes(own));
  const Decay<2> decay(kHourMs);
  State delta(3);
  const std::int64_t amounts[2] = {1, 10};
  decay.Count(amounts, Bytes(delta));
  decay.Seal(Bytes(delta), kDayMs, Bytes(shop));
  EXPECT_EQ(Read(view, Bytes(own), kDayMs, nullptr, Bytes(shop)), static_cast<float>((1 + 10 * 0.1) / (2 + 10)));
}

TEST(Window, ReplayOfManyEntitiesIsTheRowByRowPathBitForBit) {
  Rng rng(5);
  std::vector<std::string> features{
      "type = \"since\"\nscope = \"user\"\nevents = [\"purchase\"]\n",
      "type = \"decayed_count\"\nscope = \"user\"\nevents = [\"purchase\"]\nhalf_life = \"2h\"\n"};
  for (const Case& c : kCases) {
    for (const Span& span : kSpans) features.push_back(Toml(c, "user", span.toml));
    features.push_back(Toml(c, "user", ""));
  }
  std::vector<Line> lines;
  std::vector<std::uint32_t> ends;
  for (int entity = 0; entity < 200; ++entity) {
    for (const Line& line : RandomLines(rng, static_cast<int>(rng.Below(20)), entity % 2 ? kMinuteMs : 5 * kHourMs))
      lines.push_back(line);
    ends.push_back(static_cast<std::uint32_t>(lines.size()));
  }
  std::vector<std::int64_t> now, time, money;
  std::vector<std::uint8_t> type, reads;
  std::vector<Key> item;
  std::vector<std::int32_t> quantity;
  std::vector<PropertyValue> properties;
  for (const Line& l : lines) {
    now.push_back(l.now_ms), time.push_back(l.time_ms), money.push_back(l.money_minor);
    type.push_back(rng.Chance(0.1) ? 0 : static_cast<std::uint8_t>(l.type)), reads.push_back(rng.Chance(0.9));
    item.push_back(l.item), quantity.push_back(l.quantity);
    properties.insert(properties.end(), {{}, {.category = l.category}, {.number = l.rating}});
  }
  ReplayMemo memo;
  const ReplayRows rows{ends,    now.data(),  time.data(),  type.data(),     reads.data(),
                        nullptr, item.data(), money.data(), quantity.data(), properties.data(),
                        3,       &memo};
  for (const std::string& feature : features) {
    const auto set = Make(feature);
    const FeatureView& view = *set->features[0].view;
    State scratch(view.spec().state_bytes / 8);
    for (std::uint64_t& word : scratch) word = rng.Next();  // Any content.
    std::vector<float> slow(lines.size(), -7), fast(lines.size(), -7);
    view.FeatureView::Replay(rows, Bytes(scratch), {slow.data(), 1});
    for (std::uint64_t& word : scratch) word = rng.Next();
    view.Replay(rows, Bytes(scratch), {fast.data(), 1});
    for (std::size_t i = 0; i < reads.size(); ++i) fast[i] = reads[i] ? fast[i] : slow[i];
    ASSERT_EQ(std::memcmp(slow.data(), fast.data(), slow.size() * sizeof(float)), 0) << feature;
  }
}

TEST(Window, ReplayOfALongEntityAndOfGreatAmountsIsTheRowByRowPathBitForBit) {
  constexpr std::size_t kRows = 40'000;
  Rng rng(7);
  const std::uint32_t ends[1] = {kRows};
  std::vector<std::int64_t> now(kRows), money(kRows);
  const std::vector<std::uint8_t> type(kRows, static_cast<std::uint8_t>(EventType::kPurchase));
  std::int64_t clock = 1'700'000'000'000;
  for (std::size_t i = 0; i < kRows; ++i) {
    now[i] = clock += static_cast<std::int64_t>(rng.Below(10'000));
    // Rising and falling for long: a window's greatest may be anywhere in it.
    money[i] = static_cast<std::int64_t>(i / 9000 % 2 ? i : kRows - i) * 100 + static_cast<std::int64_t>(rng.Below(9));
    if (i > 30'000) money[i] *= std::int64_t{1} << 35;
  }
  ReplayMemo memo;
  const ReplayRows rows{.ends = ends,
                        .now_ms = now.data(),
                        .time_ms = now.data(),
                        .type = type.data(),
                        .money_minor = money.data(),
                        .memo = &memo};
  for (const char* type_of : {"max", "min", "sum", "mean"}) {
    for (const char* window : {"", "window = \"1d\"\ntiles = 24\n", "window = \"1h\"\ntiles = 12\n"}) {
      const auto set = Make(std::string("type = \"") + type_of +
                            "\"\nof = \"money\"\nscope = \"user\"\nevents = [\"purchase\"]\n" + window);
      const FeatureView& view = *set->features[0].view;
      State scratch(view.spec().state_bytes / 8);
      std::vector<float> slow(kRows, -7), fast(kRows, -8);
      view.FeatureView::Replay(rows, Bytes(scratch), {slow.data(), 1});
      view.Replay(rows, Bytes(scratch), {fast.data(), 1});
      ASSERT_EQ(std::memcmp(slow.data(), fast.data(), kRows * sizeof(float)), 0) << type_of << window;
    }
  }
}

TEST(WindowShape, DividesWithoutADivision) {
  Rng rng(6);
  for (int round = 0; round < 2000; ++round) {
    const auto tile_ms = static_cast<std::int64_t>(1000 + rng.Below(std::uint64_t{1} << (4 + rng.Below(37))));
    const auto tiles = static_cast<std::uint32_t>(1 + rng.Below(128));
    const WindowShape shape(tile_ms * tiles, tiles);
    std::vector<std::int64_t> times;
    for (int i = 0; i < 50; ++i) {
      auto t = static_cast<std::int64_t>(rng.Below(std::uint64_t{1} << 42));
      if (i % 2) t = t / tile_ms * tile_ms - static_cast<std::int64_t>(rng.Below(2));
      if (t >= 0 || round % 100 == 0) times.push_back(t);
      if (t < 0 || t / tile_ms >= UINT32_MAX) continue;
      ASSERT_EQ(shape.TileOf(t), t / tile_ms + 1) << t << " / " << tile_ms;
      ASSERT_EQ(shape.SlotOf(shape.TileOf(t)), shape.TileOf(t) % shape.slots());
    }
    std::vector<std::int64_t> numbers(times.size());
    shape.TilesOf(times.data(), times.size(), numbers.data());
    for (std::size_t i = 0; i < times.size(); ++i)
      ASSERT_EQ(numbers[i], shape.TileOf(times[i])) << times[i] << " / " << tile_ms;
  }
  EXPECT_EQ(WindowShape(kHourMs, 12).TileOf(-1), 0u);
  EXPECT_EQ(WindowShape(kHourMs, 12).TileOf(INT64_MAX), 0u);
}

TEST(Window, DefinitionsThatCannotBeAreRefused) {
  const auto error = [](const std::string& feature) {
    const auto set = TryMake(feature);
    return set.ok() ? std::string("ok") : set.error().ToString();
  };
  const std::string clicks = "scope = \"user\"\nevents = [\"feed.click\"]\n";
  EXPECT_THAT(error("type = \"sum\"\nof = \"category\"\n" + clicks), testing::HasSubstr("money, quantity"));
  EXPECT_THAT(error("type = \"distinct\"\nof = \"rating\"\n" + clicks), testing::HasSubstr("category properties"));
  EXPECT_THAT(error("type = \"count\"\nwindow = \"1s\"\ntiles = 10\n" + clicks), testing::HasSubstr("1 s"));
  EXPECT_THAT(error("type = \"count\"\nscope = \"user\"\nevents = [\"feed.click\", \"purchase\"]\nweights = { "
                    "\"feed.klick\" = 1 }\n"),
              testing::HasSubstr("feed.klick"));
  EXPECT_THAT(
      error(
          "type = \"since\"\nscope = \"user\"\nevents = [\"feed.click\", \"purchase\"]\nweights = { purchase = 1 }\n"),
      testing::HasSubstr("weights"));
  EXPECT_THAT(error(Rate("item", "parent = \"user\"\n")), testing::HasSubstr("parent is 'user'"));
  EXPECT_THAT(error(Rate("item", "parent = \"item.colour\"\n")), testing::HasSubstr("item.colour"));
}

}  // namespace
}  // namespace gfr
