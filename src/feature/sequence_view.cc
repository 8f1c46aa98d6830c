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

#include "feature/feature_types.h"
#include "feature/newest_first.h"

namespace gfr {
namespace {

struct Touch {
  Key item;      // 0: empty.
  Key category;  // 0: unknown.
  std::int64_t time_ms;
};
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
    const Key category = property_ < 0 ? 0 : line.item_properties[static_cast<std::size_t>(property_)].category;
    PutFirst(std::span(reinterpret_cast<Touch*>(state), capacity_), Touch{line.item, category, line.time_ms});
  }

  void Merge(const std::byte* from, std::byte* into) const noexcept override {
    MergeNewest(std::span(reinterpret_cast<const Touch*>(from), capacity_),
                std::span(reinterpret_cast<Touch*>(into), capacity_), [](const Touch& a, const Touch& b) {
                  return a.time_ms != b.time_ms ? a.time_ms > b.time_ms
                         : a.item != b.item     ? a.item < b.item
                                                : a.category < b.category;
                });
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

MadeView MakeSequenceView(const FeatureConfig& f) {
  return std::shared_ptr<const FeatureView>(
      std::make_shared<SequenceView>(SpecOf(f, static_cast<std::uint32_t>(f.capacity * sizeof(Touch))), f));
}

constexpr char kOfCategory[] = "property scope events [kinds] [capacity]";
constexpr char kNoCategory[] = "the candidate has no category, or no item with one was touched";
constexpr FeatureRead kSequenceReads[] = {
    {"position", kItemKeys, ScopeRule::kUserOrSession, PropertyRule::kNone, 0,
     "how many other items were touched since the candidate was", kNotRemembered},
    {"category_share", kOfCategory, ScopeRule::kUserOrSession, PropertyRule::kItemCategory, 0,
     "share of the last items, those without a category left out, that are of the candidate's", kNoCategory},
    {"category_run", kOfCategory, ScopeRule::kUserOrSession, PropertyRule::kItemCategory, 0,
     "how many items in a row, the last one backwards, are of the candidate's category", kNoCategory},
    {"same_category_as_last", kOfCategory, ScopeRule::kUserOrSession, PropertyRule::kItemCategory, 0,
     "1 when the item touched last is of the candidate's category, else 0",
     "the candidate or the item touched last has no category, or none was touched"},
    {"distinct_categories", kOfCategory, ScopeRule::kUserOrSession, PropertyRule::kItemCategory, 0,
     "how many categories the last items are of, for every candidate", "never: an unknown user has 0"}};
constexpr FeatureType kSequenceTypes[] = {{.name = "sequence", .make = MakeSequenceView, .reads = kSequenceReads}};

}  // namespace

std::span<const FeatureType> SequenceTypes() { return kSequenceTypes; }

}  // namespace gfr
