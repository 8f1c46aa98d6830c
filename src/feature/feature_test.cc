// Every feature type against an oracle that is slow and obvious: the definition in words, computed from the list of all
// events.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "base/rng.h"
#include "base/time.h"
#include "feature/feature_set.h"

namespace gfr {
namespace {

constexpr const char* kHead = R"(
[item]
category = "category"
price = "number"
released = "number"
[user]
city = "category"
)";

std::shared_ptr<const FeatureSet> Make(const std::string& features) {
  auto config = Config::Parse(kHead + features, "gfr.toml");
  auto set = FeatureSet::Make(config.value());
  EXPECT_TRUE(set.ok()) << set.error().ToString();
  return set.value();
}

struct Line {
  EventType type;
  Key item;
  std::int64_t time_ms;
  PropertyValue price, category;
  bool step = true;
};

std::vector<Line> RandomLines(Rng& rng, int count) {
  std::vector<Line> lines;
  std::int64_t now = 1'700'000'000'000;
  for (int i = 0; i < count; ++i) {
    now += static_cast<std::int64_t>(rng.Below(20 * kMinuteMs));
    Line line{rng.Chance(0.3)   ? EventType::kFeedClick
              : rng.Chance(0.5) ? EventType::kFeedImpression
                                : EventType::kItemView,
              1 + rng.Below(6),
              now - (rng.Chance(0.1) ? static_cast<std::int64_t>(rng.Below(3 * kHourMs)) : 0)};  // Some come late.
    line.price.number = rng.Chance(0.2) ? std::nan("") : 5.0 * static_cast<double>(1 + rng.Below(20));
    line.category.category = rng.Chance(0.2) ? 0 : 1 + rng.Below(3);
    line.step = line.type != EventType::kFeedImpression;
    lines.push_back(line);
  }
  return lines;
}

// Folds `lines` and reads the feature for items 1 to 6 at `now`, which for shared state is the epoch's end.
class Harness {
 public:
  explicit Harness(const std::string& feature)
      : set_(Make("[[feature]]\nname = \"f\"\n" + feature)), view_(*set_->features[0].view) {
    state_.resize(view_.spec().state_bytes / 8 + 1);
  }
  void Fold(const Line& line, std::vector<std::uint64_t>* state = nullptr) const {
    std::vector<PropertyValue> properties(3);
    properties[0] = line.price;
    properties[1] = line.category;
    const EventLine event{line.type, 0, line.item, line.time_ms, -1, line.step, properties};
    view_.Fold(event, reinterpret_cast<std::byte*>(state->data()));
  }
  void Fold(const Line& line) { Fold(line, &state_); }
  std::vector<float> Read(std::int64_t now_ms, const std::vector<std::uint64_t>* parent = nullptr,
                          std::vector<double> prices = {}) const {
    std::vector<Key> items{1, 2, 3, 4, 5, 6};
    std::vector<PropertyValue> properties(items.size() * 3), user(1);
    for (std::size_t i = 0; i < items.size(); ++i) {
      properties[i * 3].number = i < prices.size() ? prices[i] : 10.0 * static_cast<double>(i + 1);
      properties[i * 3 + 1].category = 1 + i % 3;
    }
    const std::vector<const std::byte*> rows(items.size(), reinterpret_cast<const std::byte*>(state_.data()));
    std::vector<float> out(items.size());
    view_.Read({now_ms, now_ms, items, properties.data(), 3, user, true},
               {rows, parent ? reinterpret_cast<const std::byte*>(parent->data()) : nullptr}, {out.data(), 1});
    return out;
  }
  std::vector<std::uint64_t> NewState() const { return std::vector<std::uint64_t>(view_.spec().state_bytes / 8 + 1); }
  const FeatureView& view() const { return view_; }

 private:
  std::shared_ptr<const FeatureSet> set_;
  const FeatureView& view_;
  std::vector<std::uint64_t> state_;
};

bool Same(float a, float b) { return a == b || (std::isnan(a) && std::isnan(b)); }

TEST(Count, IsTheEventsOfItsTilesHoweverTheyCame) {
  Rng rng(1);
  for (int round = 0; round < 20; ++round) {
    Harness h("type = \"count\"\nscope = \"user\"\nevents = [\"feed.click\"]\nwindow = \"6h\"\ntiles = 6\n");
    std::vector<Line> lines = RandomLines(rng, 60), seen;
    for (const Line& line : lines) {
      h.Fold(line);
      seen.push_back(line);
      std::int64_t now = 0;
      for (const Line& s : seen) now = std::max(now, s.time_ms);
      const std::int64_t first = (now / kHourMs - 5) * kHourMs;
      int expected = 0;
      for (const Line& s : seen) expected += s.type == EventType::kFeedClick && s.time_ms >= first && s.time_ms <= now;
      ASSERT_EQ(h.Read(now)[0], static_cast<float>(expected));
    }
  }
}

TEST(Count, MergesPartsOfAnySplitToTheWhole) {
  Rng rng(2);
  const Harness h(
      "type = \"rate\"\nscope = \"item\"\nevents = [\"feed.click\"]\ndenominator = [\"feed.impression\"]\nwindow = "
      "\"6h\"\ntiles = 6\nprior_weight = 10\n");
  for (int round = 0; round < 50; ++round) {
    auto whole = h.NewState(), a = h.NewState(), b = h.NewState();
    for (const Line& line : RandomLines(rng, 80)) {
      h.Fold(line, &whole);
      h.Fold(line, rng.Chance(0.5) ? &a : &b);
    }
    auto ab = b, ba = a;
    h.view().Merge(reinterpret_cast<std::byte*>(a.data()), reinterpret_cast<std::byte*>(ab.data()));
    h.view().Merge(reinterpret_cast<std::byte*>(b.data()), reinterpret_cast<std::byte*>(ba.data()));
    ASSERT_EQ(ab, whole);
    ASSERT_EQ(ba, whole);
  }
}

TEST(Rate, IsShrunkToTheShopsRate) {
  Harness h(
      "type = \"rate\"\nscope = \"item\"\nevents = [\"feed.click\"]\ndenominator = [\"feed.impression\"]\nprior_weight "
      "= 10\n");
  auto shop = h.NewState();
  for (int i = 0; i < 100; ++i) h.Fold({EventType::kFeedImpression, 1, 1000}, &shop);
  for (int i = 0; i < 5; ++i) h.Fold({EventType::kFeedClick, 1, 1000}, &shop);
  for (int i = 0; i < 10; ++i) h.Fold({EventType::kFeedImpression, 1, 1000});
  for (int i = 0; i < 3; ++i) h.Fold({EventType::kFeedClick, 1, 1000});
  EXPECT_EQ(h.Read(2000, &shop)[0], static_cast<float>((3 + 10 * 0.05) / (10 + 10)));
  const auto nothing = h.NewState();
  EXPECT_TRUE(std::isnan(h.Read(2000, &nothing)[0])) << "no shop, no rate";
}

TEST(DecayedCount, HalvesEveryHalfLife) {
  Rng rng(3);
  Harness h("type = \"decayed_count\"\nscope = \"user\"\nevents = [\"feed.click\"]\nhalf_life = \"1h\"\n");
  double expected = 0;
  std::int64_t now = 0;
  for (Line line : RandomLines(rng, 100)) {
    line.time_ms = std::max(line.time_ms, now);
    expected *= std::exp2(-static_cast<double>(line.time_ms - now) / static_cast<double>(kHourMs));
    now = line.time_ms;
    expected += line.type == EventType::kFeedClick;
    h.Fold(line);
    ASSERT_NEAR(h.Read(now)[0], expected, 1e-5);
  }
  EXPECT_NEAR(h.Read(now + 2 * kHourMs)[0], expected / 4, 1e-6);
}

TEST(Since, IsTheSecondsSinceTheGreatestEventTime) {
  Harness h("type = \"since\"\nscope = \"user\"\nevents = [\"feed.click\"]\n");
  EXPECT_TRUE(std::isnan(h.Read(5000)[0]));
  h.Fold({EventType::kFeedClick, 1, 10'000});
  h.Fold({EventType::kFeedClick, 1, 4'000});
  h.Fold({EventType::kItemView, 1, 12'000});
  EXPECT_EQ(h.Read(15'000)[0], 5.0f);
}

TEST(Interaction, RemembersTheItemsTouchedLast) {
  Rng rng(4);
  for (const std::string read : {"count", "seconds_since", "steps_since", "distinct"}) {
    Harness h("type = \"interaction\"\nread = \"" + read +
              "\"\nscope = \"user\"\nevents = [\"feed.click\", \"item.view\"]\ncapacity = 3\n");
    struct Touch {
      Key item;
      int count;
      std::int64_t time_ms, step;
    };
    std::vector<Touch> touches;  // Newest first.
    std::int64_t steps = 0, now = 0;
    for (const Line& line : RandomLines(rng, 300)) {
      h.Fold(line);
      now = std::max(now, line.time_ms);
      steps += line.step;
      if (line.type != EventType::kFeedImpression) {
        Touch touch{line.item, 1, line.time_ms, steps};
        const auto old = std::ranges::find(touches, line.item, &Touch::item);
        if (old != touches.end()) {
          touch.count += old->count;
          touch.time_ms = std::max(touch.time_ms, old->time_ms);
          touches.erase(old);
        }
        touches.insert(touches.begin(), touch);
        if (touches.size() > 3) touches.pop_back();
      }
      const std::vector<float> values = h.Read(now);
      for (Key item = 1; item <= 6; ++item) {
        const auto t = std::ranges::find(touches, item, &Touch::item);
        float expected = read == "distinct" ? static_cast<float>(touches.size()) : read == "count" ? 0.0f : kMissing;
        if (t != touches.end() && read == "count") expected = static_cast<float>(t->count);
        if (t != touches.end() && read == "seconds_since")
          expected = static_cast<float>(static_cast<double>(now - t->time_ms) / 1000.0);
        if (t != touches.end() && read == "steps_since") expected = static_cast<float>(steps - t->step);
        ASSERT_TRUE(Same(values[item - 1], expected)) << read << " " << values[item - 1] << " " << expected;
      }
    }
  }
}

TEST(Affinity, IsTheShareOfDecayedInteractions) {
  Rng rng(5);
  Harness category(
      "type = \"affinity\"\nscope = \"user\"\nproperty = \"category\"\nevents = [\"feed.click\"]\nhalf_life = "
      "\"3h\"\ncapacity = 8\n");
  Harness band(
      "type = \"affinity\"\nscope = \"user\"\nproperty = \"price\"\nbands = [25, 50]\nevents = "
      "[\"feed.click\"]\nhalf_life = \"3h\"\ncapacity = 8\n");
  std::vector<Line> seen;
  std::int64_t now = 0;
  for (Line line : RandomLines(rng, 200)) {
    now = line.time_ms = std::max(now, line.time_ms);
    category.Fold(line);
    band.Fold(line);
    seen.push_back(line);
    double total[2] = {}, share[2][3] = {};
    for (const Line& s : seen) {
      if (s.type != EventType::kFeedClick) continue;
      const double weight = std::exp2(-static_cast<double>(now - s.time_ms) / (3.0 * static_cast<double>(kHourMs)));
      if (s.category.category) total[0] += weight, share[0][s.category.category - 1] += weight;
      if (!std::isnan(s.price.number))
        total[1] += weight, share[1][s.price.number < 25 ? 0 : s.price.number < 50 ? 1 : 2] += weight;
    }
    const auto a = category.Read(now), b = band.Read(now);
    for (std::size_t i = 0; i < 6; ++i) {
      const double price = 10.0 * static_cast<double>(i + 1);
      if (total[0] > 0) {
        ASSERT_NEAR(a[i], share[0][i % 3] / total[0], 1e-5);
      } else {
        ASSERT_TRUE(std::isnan(a[i]));
      }
      if (total[1] > 0) {
        ASSERT_NEAR(b[i], share[1][price < 25 ? 0 : price < 50 ? 1 : 2] / total[1], 1e-5);
      }
    }
  }
}

TEST(Distance, CountsStandardDeviationsOfTheUsersOwnPrices) {
  Harness h("type = \"distance\"\nscope = \"user\"\nproperty = \"price\"\nevents = [\"feed.click\"]\n");
  EXPECT_TRUE(std::isnan(h.Read(0)[0]));
  std::vector<double> logs;
  for (const double price : {10.0, 20.0, 40.0, 15.0}) {
    h.Fold({EventType::kFeedClick, 1, 0, {.number = price}});
    logs.push_back(std::log2(price));
  }
  double mean = 0, squares = 0;
  for (const double x : logs) mean += x / 4;
  for (const double x : logs) squares += (x - mean) * (x - mean);
  EXPECT_NEAR(h.Read(0)[2], (std::log2(30.0) - mean) / std::sqrt((squares + 0.5) / 5), 1e-5);
}

TEST(Slate, ComparesACandidateWithTheOthersAndWithTheItemTouchedLast) {
  const std::vector<double> prices{40, 20, 20, std::nan(""), 80, 60};
  const auto read = [&](const std::string& what) {
    Harness h("type = \"slate\"\nread = \"" + what + "\"\nscope = \"session\"\nevents = [\"item.view\"]\n");
    h.Fold({EventType::kItemView, 2, 0});
    h.Fold({EventType::kFeedClick, 5, 0});
    return h.Read(0, nullptr, prices);
  };
  EXPECT_EQ(read("supplied_rank")[4], 4);
  EXPECT_EQ(read("size")[0], 6);
  EXPECT_EQ(read("price_over_mean")[0], static_cast<float>(40.0 / 44.0));
  EXPECT_EQ(read("price_over_min")[4], 4);
  EXPECT_EQ(read("price_rank")[5], 3);
  EXPECT_EQ(read("price_rank")[1], 0);
  EXPECT_EQ(read("rank_from_last")[0], -1);
  EXPECT_EQ(read("price_over_last")[4], 4);
  EXPECT_EQ(read("last_in_slate")[3], 1);
  EXPECT_TRUE(std::isnan(read("price_over_mean")[3]));
}

TEST(FeatureSet, NamesWhatIsWrongAndWhere) {
  const auto error = [](const std::string& feature) {
    auto config = Config::Parse(std::string(kHead) + "[[feature]]\nname = \"f\"\n" + feature, "gfr.toml");
    const auto set = FeatureSet::Make(config.value());
    return set.ok() ? std::string("ok") : set.error().ToString();
  };
  EXPECT_THAT(error("type = \"cuont\"\n"),
              testing::AllOf(testing::HasSubstr("gfr.toml:"), testing::HasSubstr("decayed_count")));
  EXPECT_THAT(error("type = \"count\"\nscope = \"user\"\nevents = [\"feed.klick\"]\n"),
              testing::HasSubstr("feed.klick"));
  EXPECT_THAT(error("type = \"count\"\nscope = \"item.colour\"\nevents = [\"feed.click\"]\n"),
              testing::HasSubstr("item.colour"));
  EXPECT_THAT(error("type = \"count\"\nscope = \"user\"\nevents = [\"feed.click\"]\nwidnow = \"1d\"\n"),
              testing::HasSubstr("widnow"));
  EXPECT_EQ(error("type = \"count\"\nscope = \"user\"\nevents = [\"feed.click\"]\n"), "ok");
}

TEST(FeatureSet, FingerprintIsOfTheMeaningNotOfTheName) {
  const auto of = [](const std::string& name, const std::string& window) {
    return Make("[[feature]]\nname = \"" + name +
                "\"\ntype = \"count\"\nscope = \"user\"\nevents = [\"feed.click\"]\nwindow = \"" + window + "\"\n")
        ->fingerprint;
  };
  EXPECT_EQ(of("a", "7d"), of("b", "7d"));
  EXPECT_NE(of("a", "7d"), of("a", "14d"));
}

TEST(Arithmetic, FollowsTheMathWithinItsBound) {
  Rng rng(6);
  for (int i = 0; i < 100000; ++i) {
    const double x = std::exp2(40 * rng.Normal()), y = 100 * rng.Normal();
    ASSERT_NEAR(Log2(x), std::log2(x), 1e-8 * std::max(1.0, std::fabs(std::log2(x))));
    ASSERT_NEAR(Exp2(y) / std::exp2(y), 1.0, 1e-8);
  }
  EXPECT_EQ(Log2(8), 3);
  EXPECT_EQ(Exp2(0), 1);
  EXPECT_EQ(Exp2(-2000), 0);
}

}  // namespace
}  // namespace gfr
