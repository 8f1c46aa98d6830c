// Sequence: the last `capacity` different items that this user (or session) touched, newest first, with their category.
//
//   read = position               other items touched since the candidate was; NaN when it is not among them
//   read = category_share         share of them that are of the candidate's category
//   read = category_run           items in a row, from the newest on, that are of the candidate's category
//   read = same_category_as_last  1 when the newest is of the candidate's category, else 0
//   read = distinct_categories    how many categories they are of
// An item touched again moves to the front; the one touched longest ago is forgotten. Of categories, items without one
// are left out; NaN when the candidate has none or nothing with one was touched.
//
// Merge: the `capacity` latest of both by event time, ties by key; an item of both keeps its later touch. Equal to the
// fold of the whole history if that came in order of its times. Symmetric.
#include <algorithm>
#include <array>

#include "feature/feature_types.h"

namespace gfr {
namespace {

struct Touch {
  Key item;      // 0: empty.
  Key category;  // 0: unknown.
  std::int64_t time_ms;
};
constexpr std::uint32_t kMaxCapacity = 1024;
enum Reading { kPosition, kShare, kRun, kSameAsLast, kDistinct };  // In the order of feature_types.cc.

class SequenceView final : public FeatureView {
 public:
  SequenceView(FeatureSpec spec, const FeatureConfig& f)
      : FeatureView(std::move(spec)),
        events_(f.events),
        property_(f.item_property),
        capacity_(f.capacity),
        read_(static_cast<Reading>(f.read_index)) {}

  void Fold(const EventLine& line, std::byte* state) const noexcept override {
    if (line.item == 0 || !events_.Counts(line)) return;
    const std::span<Touch> touches(reinterpret_cast<Touch*>(state), capacity_);
    auto slot = std::ranges::find_if(touches, [&](const Touch& t) { return t.item == 0 || t.item == line.item; });
    Touch touch{line.item, property_ < 0 ? 0 : line.item_properties[static_cast<std::size_t>(property_)].category,
                line.time_ms};
    if (slot == touches.end())
      --slot;
    else if (slot->item != 0)
      touch.time_ms = std::max(touch.time_ms, slot->time_ms);
    std::move_backward(touches.begin(), slot, slot + 1);
    touches.front() = touch;
  }

  void Merge(const std::byte* from, std::byte* into) const noexcept override {
    const std::span<Touch> touches(reinterpret_cast<Touch*>(into), capacity_);
    std::array<Touch, 2 * kMaxCapacity> joined;
    std::size_t n = 0;
    for (const auto* list : {reinterpret_cast<const Touch*>(from), reinterpret_cast<const Touch*>(into)}) {
      for (std::uint32_t k = 0; k < capacity_ && list[k].item != 0; ++k) joined[n++] = list[k];
    }
    std::sort(joined.begin(), joined.begin() + n, [](const Touch& a, const Touch& b) {
      return a.time_ms != b.time_ms ? a.time_ms > b.time_ms
             : a.item != b.item     ? a.item < b.item
                                    : a.category < b.category;
    });
    std::uint32_t kept = 0;
    for (std::size_t k = 0; k < n && kept < capacity_; ++k) {
      if (std::ranges::find(touches.first(kept), joined[k].item, &Touch::item) == touches.begin() + kept)
        touches[kept++] = joined[k];
    }
    std::ranges::fill(touches.subspan(kept), Touch{});
  }

  void Read(const ReadContext& c, const StateRows& states, Column out) const noexcept override {
    for (std::size_t i = 0; i < c.items.size(); ++i) {
      std::span<const Touch> touches;
      if (states.rows[i]) touches = {reinterpret_cast<const Touch*>(states.rows[i]), capacity_};
      out[i] = read_ == kPosition ? Position(touches, c.items[i])
               : read_ == kDistinct
                   ? Distinct(touches)
                   : OfCategory(touches, c.item_property(i, static_cast<std::size_t>(property_)).category);
    }
  }

 private:
  static float Position(std::span<const Touch> touches, Key item) noexcept {
    const auto touch = std::ranges::find(touches, item, &Touch::item);
    return item == 0 || touch == touches.end() ? kMissing : static_cast<float>(touch - touches.begin());
  }
  static float Distinct(std::span<const Touch> touches) noexcept {
    int distinct = 0;
    for (auto t = touches.begin(); t != touches.end(); ++t) {
      distinct += t->category != 0 &&
                  std::find_if(touches.begin(), t, [&](const Touch& o) { return o.category == t->category; }) == t;
    }
    return static_cast<float>(distinct);
  }
  float OfCategory(std::span<const Touch> touches, Key category) const noexcept {
    int known = 0, same = 0, run = 0;
    for (const Touch& t : touches) {
      if (t.category == 0) continue;
      run += t.category == category && same == known;
      ++known;
      same += t.category == category;
    }
    if (category == 0 || known == 0) return kMissing;
    if (read_ == kShare) return static_cast<float>(same) / static_cast<float>(known);
    if (read_ == kRun) return static_cast<float>(run);
    return touches.front().category == 0 ? kMissing : touches.front().category == category ? 1.0f : 0.0f;
  }
  const EventFilter events_;
  const int property_;
  const std::uint32_t capacity_;
  const Reading read_;
};

}  // namespace

MadeView MakeSequenceView(const FeatureConfig& f) {
  return std::shared_ptr<const FeatureView>(
      std::make_shared<SequenceView>(SpecOf(f, static_cast<std::uint32_t>(f.capacity * sizeof(Touch))), f));
}

}  // namespace gfr
