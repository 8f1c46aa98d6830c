// Interaction: what this user (or session) did with each candidate, among the `capacity` items touched last.
//
//   read = count          events counted on the item (0 for an item not remembered)
//   read = seconds_since  seconds since the latest of them, by event time; NaN for an item not remembered
//   read = steps_since    the user's events since then, 0 being the last one; NaN likewise
//   read = distinct       items remembered, the same for every candidate
// State: newest first; when full the item touched longest ago is forgotten (log order, so there are no ties).
#include <algorithm>

#include "feature/feature_set.h"

namespace gfr {
namespace {

struct Touch {
  Key item;  // 0: empty.
  std::int64_t time_ms;
  std::uint32_t count, step;
};
struct Header {
  std::uint64_t steps;
};
constexpr const char* kReads[] = {"count", "seconds_since", "steps_since", "distinct"};

class InteractionView final : public FeatureView {
 public:
  InteractionView(FeatureSpec spec, const FeatureConfig& f, int read)
      : FeatureView(std::move(spec)), events_(f.events), capacity_(f.capacity), read_(read) {}

  void Fold(const EventLine& line, std::byte* state) const noexcept override {
    Header& header = *reinterpret_cast<Header*>(state);
    header.steps += line.step;
    if (line.item == 0 || !events_.Counts(line)) return;
    const std::span<Touch> touches(reinterpret_cast<Touch*>(state + sizeof(Header)), capacity_);
    auto slot = std::ranges::find_if(touches, [&](const Touch& t) { return t.item == 0 || t.item == line.item; });
    Touch touch{line.item, line.time_ms, 1, static_cast<std::uint32_t>(header.steps)};
    if (slot == touches.end()) {
      --slot;
    } else if (slot->item != 0) {
      touch.time_ms = std::max(touch.time_ms, slot->time_ms);
      touch.count += slot->count;
    }
    std::move_backward(touches.begin(), slot, slot + 1);
    touches.front() = touch;
  }

  void Read(const ReadContext& c, const StateRows& states, Column out) const noexcept override {
    for (std::size_t i = 0; i < c.items.size(); ++i) {
      out[i] = read_ == 0 || read_ == 3 ? 0.0f : kMissing;
      if (!states.rows[i]) continue;
      const std::span<const Touch> touches(reinterpret_cast<const Touch*>(states.rows[i] + sizeof(Header)), capacity_);
      if (read_ == 3) {
        out[i] = static_cast<float>(std::ranges::count_if(touches, [](const Touch& t) { return t.item != 0; }));
        continue;
      }
      const auto touch = std::ranges::find(touches, c.items[i], &Touch::item);
      if (touch == touches.end() || c.items[i] == 0) continue;
      const std::uint64_t steps = reinterpret_cast<const Header*>(states.rows[i])->steps;
      out[i] = read_ == 0   ? static_cast<float>(touch->count)
               : read_ == 1 ? RowValue(static_cast<double>(c.now_ms - touch->time_ms) / 1000.0)
                            : static_cast<float>(steps - touch->step);
    }
  }

 private:
  const EventFilter events_;
  const std::uint32_t capacity_;
  const int read_;
};

}  // namespace

MadeView MakeInteractionView(const FeatureConfig& f) {
  if (f.scope != Scope::kUser && f.scope != Scope::kSession)
    return Error{ErrorCode::kInvalidArgument, "scope is missing; valid are user and session"};
  if (f.events.types == 0) return Error{ErrorCode::kInvalidArgument, "events is empty; name at least one event type"};
  for (int k = 0; k < 4; ++k) {
    if (f.read == kReads[k]) {
      return std::shared_ptr<const FeatureView>(std::make_shared<InteractionView>(
          SpecOf(f, static_cast<std::uint32_t>(sizeof(Header) + f.capacity * sizeof(Touch))), f, k));
    }
  }
  return Error{ErrorCode::kInvalidArgument,
               "read is '" + f.read + "'; valid are count, seconds_since, steps_since, distinct"};
}

}  // namespace gfr
