// Last event: what the user (or session) did last, the same for every candidate: the kind of the latest of the events
// (of item.view, search and filter), or its type where an event has no kind. A category.
//
// A click that follows a look at pictures means something else than one that follows another click or a new filter;
// the features of the item touched last say where, this one says what.
// The latest event is the one folded last. Merge: that of the later event time, ties by the greater key. Symmetric.
#include <algorithm>
#include <array>

#include "feature/feature_types.h"

namespace gfr {
namespace {

struct State {
  Key kind;  // 0: no event yet.
  std::int64_t time_ms;
};

class LastEventView final : public FeatureView {
 public:
  LastEventView(FeatureSpec spec, const FeatureConfig& f) : FeatureView(std::move(spec)), events_(f.events) {
    for (std::size_t t = 1; t < type_keys_.size(); ++t) type_keys_[t] = KeyOf(EventTypeName(static_cast<EventType>(t)));
  }

  void Fold(const EventLine& line, std::byte* state) const noexcept override {
    if (!events_.Counts(line)) return;
    State& s = *reinterpret_cast<State*>(state);
    s = {line.kind != 0 ? line.kind : type_keys_[static_cast<std::size_t>(line.type)],
         std::max(s.time_ms, line.time_ms)};
  }
  void Merge(const std::byte* from, std::byte* into) const noexcept override {
    const State& other = *reinterpret_cast<const State*>(from);
    State& s = *reinterpret_cast<State*>(into);
    if (other.kind == 0) return;
    if (s.kind == 0 || (other.time_ms != s.time_ms ? other.time_ms > s.time_ms : other.kind > s.kind)) s = other;
  }
  void Read(const ReadContext& c, const StateRows& states, Column out) const noexcept override {
    for (std::size_t i = 0; i < c.items.size(); ++i) {
      const auto* s = reinterpret_cast<const State*>(states.rows[i]);
      out[i] = s ? CategoryCode(s->kind) : kMissing;
    }
  }

 private:
  const EventFilter events_;
  std::array<Key, kEventTypes> type_keys_{};
};

MadeView MakeLastEventView(const FeatureConfig& f) {
  return std::shared_ptr<const FeatureView>(
      std::make_shared<LastEventView>(SpecOf(f, sizeof(State), /*categorical=*/true), f));
}

constexpr FeatureRead kLastEventReads[] = {
    {nullptr, kEventKeys, ScopeRule::kUserOrSession, PropertyRule::kNone, 0,
     "kind of the latest of the events, or its type where it has no kind, for every candidate", "there was none"}};
constexpr FeatureType kLastEventTypes[] = {{.name = "last_event", .make = MakeLastEventView, .reads = kLastEventReads}};

}  // namespace

std::span<const FeatureType> LastEventTypes() { return kLastEventTypes; }

}  // namespace gfr
