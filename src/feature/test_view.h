// For tests of feature types: random lines, and one view with a state to fold and read.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "base/rng.h"
#include "base/time.h"
#include "feature/feature_set.h"

namespace gfr {

inline constexpr const char* kTestProperties = R"(
[item]
category = "category"
price = "number"
released = "number"
embedding = "vector:3"
other = "vector:12"
[user]
city = "category"
[request]
query_length = "number"
intent = "category"
[request_item]
relevance = "number"
)";

inline Result<std::shared_ptr<const FeatureSet>> MakeSet(const std::string& features) {
  auto config = Config::Parse(kTestProperties + features, "gfr.toml");
  if (!config.ok()) return config.error();
  return FeatureSet::Make(config.value());
}

// The error of one feature's table, or "ok".
inline std::string ErrorOf(const std::string& feature) {
  const auto set = MakeSet("[[feature]]\nname = \"f\"\n" + feature);
  return set.ok() ? "ok" : set.error().ToString();
}

struct Line {
  EventType type;
  Key item;
  std::int64_t time_ms;
  PropertyValue price = {}, category = {};
  bool step = true;
  std::vector<float> vectors = {};  // Empty: none.
  std::int32_t index = -1;
};

inline std::vector<Line> RandomLines(Rng& rng, int count, double late = 0.1) {
  std::vector<Line> lines;
  std::int64_t now = 1'700'000'000'000;
  for (int i = 0; i < count; ++i) {
    now += 1 + static_cast<std::int64_t>(rng.Below(20 * kMinuteMs));
    Line line{rng.Chance(0.3)   ? EventType::kFeedClick
              : rng.Chance(0.5) ? EventType::kFeedImpression
                                : EventType::kItemView,
              1 + rng.Below(6), now - (rng.Chance(late) ? static_cast<std::int64_t>(rng.Below(3 * kHourMs)) : 0)};
    line.price.number = rng.Chance(0.2) ? std::nan("") : 5.0 * static_cast<double>(1 + rng.Below(20));
    line.category.category = rng.Chance(0.2) ? 0 : 1 + rng.Below(3);
    line.step = line.type != EventType::kFeedImpression;
    if (rng.Chance(0.8)) {
      for (int k = 0; k < 15; ++k) line.vectors.push_back(static_cast<float>(rng.Normal()));
    }
    lines.push_back(line);
  }
  return lines;
}

// The lines of one history without a late one, each item with the category and vector of its own that a catalogue
// gives.
inline std::vector<Line> OrderedLines(Rng& rng, int count) {
  std::vector<Line> lines = RandomLines(rng, count, 0);
  for (Line& line : lines) line.category.category = line.item == 6 ? 0 : 1 + line.item % 3;
  return lines;
}

inline bool Same(float a, float b) { return a == b || (std::isnan(a) && std::isnan(b)); }

class TestView {
 public:
  using State = std::vector<std::uint64_t>;
  explicit TestView(const std::string& feature) {
    auto set = MakeSet("[[feature]]\nname = \"f\"\n" + feature);
    EXPECT_TRUE(set.ok()) << (set.ok() ? "" : set.error().ToString());
    set_ = set.value();
    state_ = NewState();
  }
  const FeatureView& view() const { return *set_->features[0].view; }
  const FeatureSet& set() const { return *set_; }
  const State& whole_state() const { return state_; }
  void set_state(State state) { state_ = std::move(state); }
  const std::byte* row() const { return reinterpret_cast<const std::byte*>(state_.data()); }
  State NewState() const { return State(view().spec().state_bytes / 8 + 1); }

  void Fold(const Line& line, State* state) const {
    std::vector<PropertyValue> properties(3);
    properties[0] = line.price;
    properties[1] = line.category;
    EventLine event{line.type, 0, line.item, line.time_ms, line.index, line.step, properties};
    if (!line.vectors.empty()) event.item_vectors = line.vectors.data();
    view().Fold(event, reinterpret_cast<std::byte*>(state->data()));
  }
  void Fold(const Line& line) { Fold(line, &state_); }
  State Merged(const State& from, State into) const {
    view().Merge(reinterpret_cast<const std::byte*>(from.data()), reinterpret_cast<std::byte*>(into.data()));
    return into;
  }
  void Seal(const State& delta, std::int64_t epoch_end_ms) {
    view().Seal(reinterpret_cast<const std::byte*>(delta.data()), epoch_end_ms,
                reinterpret_cast<std::byte*>(state_.data()));
  }

  // The values of the items 1 to 6 at `now`, which for shared state is the epoch's end. Prices are 10 to 60 and
  // categories 2, 3, 1, 2, 3, 1 unless the fields below say otherwise.
  std::vector<float> Read(std::int64_t now_ms, const State* parent = nullptr) const {
    return ReadState(state_, now_ms, parent);
  }
  std::vector<float> ReadState(const State& state, std::int64_t now_ms, const State* parent = nullptr) const {
    const std::vector<Key> items{1, 2, 3, 4, 5, 6};
    const std::size_t n = items.size();
    std::vector<PropertyValue> properties(n * 3), user(1), request_items(n);
    std::vector<const float*> item_vectors(n);
    for (std::size_t i = 0; i < n; ++i) {
      properties[i * 3].number = i < prices.size() ? prices[i] : 10.0 * static_cast<double>(i + 1);
      properties[i * 3 + 1].category = i < categories.size() ? categories[i] : 1 + (i + 1) % 3;
      if (i < vectors.size() && !vectors[i].empty()) item_vectors[i] = vectors[i].data();
      request_items[i].number = i < relevance.size() ? relevance[i] : std::nan("");
    }
    const std::byte* row = unknown_user ? nullptr : reinterpret_cast<const std::byte*>(state.data());
    const std::vector<const std::byte*> rows(n, row);
    std::vector<float> out(n);
    ReadContext context{now_ms, now_ms, items, properties.data(), 3, user, true};
    context.item_vectors = item_vectors.data();
    context.request_properties = request;
    context.request_item_properties = request_items.data();
    context.request_item_property_count = 1;
    context.surface = surface;
    view().Read(context, {rows, parent ? reinterpret_cast<const std::byte*>(parent->data()) : nullptr},
                {out.data(), 1});
    return out;
  }

  std::vector<double> prices, relevance;
  std::vector<Key> categories;
  std::vector<std::vector<float>> vectors;
  std::vector<PropertyValue> request;
  Key surface = 0;
  bool unknown_user = false;  // Reads without a state.

 private:
  std::shared_ptr<const FeatureSet> set_;
  State state_;
};

// Folds a random history whole and in two parts; the parts joined must read like the whole, within `tolerance`, and
// joining must not depend on which is joined to which. `in_turn`: one part follows the other.
inline void ExpectJoinedHistoriesReadLikeTheWhole(const std::string& feature, double tolerance, bool in_turn,
                                                  std::uint64_t seed) {
  Rng rng(seed);
  for (int round = 0; round < 60; ++round) {
    TestView v(feature);
    v.vectors.assign(6, {});
    for (auto& vector : v.vectors) {
      for (int k = 0; k < 15; ++k) vector.push_back(static_cast<float>(rng.Normal()));
    }
    TestView::State whole = v.NewState(), a = whole, b = whole;
    const std::vector<Line> lines = OrderedLines(rng, 40);
    const std::size_t cut = rng.Below(lines.size() + 1);
    for (std::size_t i = 0; i < lines.size(); ++i) {
      v.Fold(lines[i], &whole);
      v.Fold(lines[i], (in_turn ? i < cut : rng.Chance(0.5)) ? &a : &b);
    }
    const TestView::State joined = v.Merged(a, b);
    ASSERT_EQ(joined, v.Merged(b, a)) << "not symmetric";
    ASSERT_EQ(v.Merged(a, v.NewState()), v.Merged(v.NewState(), a)) << "an unknown user's state changes something";
    const std::int64_t now = lines.back().time_ms + kMinuteMs;
    const std::vector<float> expected = v.ReadState(whole, now), got = v.ReadState(joined, now);
    for (std::size_t i = 0; i < expected.size(); ++i) {
      ASSERT_EQ(std::isnan(expected[i]), std::isnan(got[i])) << feature;
      if (!std::isnan(expected[i])) {
        ASSERT_NEAR(expected[i], got[i], tolerance) << feature;
      }
    }
  }
}

}  // namespace gfr
