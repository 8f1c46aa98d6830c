// Counts of events of one entity: in a window of integer tiles, decayed by a half-life, as a rate, and the time since
// the last.
//
//   count          events in [floor(T/b)*b - (n-1)*b, T), b = window / n tiles; since ever without a window
//   decayed_count  sum of 2^(-age / half_life) (user scope at now; shared scope at the epoch's end)
//   rate           (numerator + prior_weight * parent) / (denominator + prior_weight), parent = the whole shop's plain
//   ratio since          seconds since the latest event (its event time)
// T is now for user and session state, the epoch's end for shared state.
#include <algorithm>

#include "feature/feature_types.h"

namespace gfr {
namespace {

struct Tile {
  std::int64_t number_plus_1;  // 0: never used.
  std::uint32_t numerator, denominator;
};
struct Counts {
  std::uint64_t numerator = 0, denominator = 0;
};

void AddTile(const Tile& from, Tile& into) noexcept {
  if (from.number_plus_1 < into.number_plus_1) return;  // Its window has passed.
  if (from.number_plus_1 > into.number_plus_1) into = {from.number_plus_1, 0, 0};
  into.numerator += from.numerator;
  into.denominator += from.denominator;
}

class TileView final : public FeatureView {
 public:
  TileView(FeatureSpec spec, const FeatureConfig& f)
      : FeatureView(std::move(spec)),
        numerator_(f.events),
        denominator_(f.denominator),
        rate_(f.type == "rate"),
        tile_ms_(f.window_ms / f.tiles),
        tiles_(f.tiles),
        prior_weight_(f.prior_weight) {}

  void Fold(const EventLine& line, std::byte* state) const noexcept override {
    const bool hit = numerator_.Counts(line), tried = rate_ && denominator_.Counts(line);
    if (!hit && !tried) return;
    const std::int64_t number = tile_ms_ > 0 ? line.time_ms / tile_ms_ : 0;
    AddTile({number + 1, hit, tried}, reinterpret_cast<Tile*>(state)[number % tiles_]);
  }
  void Merge(const std::byte* from, std::byte* into) const noexcept override {
    for (std::uint32_t s = 0; s < tiles_; ++s)
      AddTile(reinterpret_cast<const Tile*>(from)[s], reinterpret_cast<Tile*>(into)[s]);
  }
  void Read(const ReadContext& c, const StateRows& states, Column out) const noexcept override {
    const std::int64_t end = spec_.scope == Scope::kShared ? c.epoch_end_ms : c.now_ms;
    const Counts parent = rate_ ? InWindow(states.parent, end) : Counts{};
    for (std::size_t i = 0; i < c.items.size(); ++i) {
      if (!rate_) {
        out[i] = static_cast<float>(InWindow(states.rows[i], end).numerator);
      } else if (parent.denominator == 0) {
        out[i] = kMissing;
      } else {
        const Counts own = InWindow(states.rows[i], end);
        const double parent_rate = static_cast<double>(parent.numerator) / static_cast<double>(parent.denominator);
        out[i] = RowValue((static_cast<double>(own.numerator) + prior_weight_ * parent_rate) /
                          (static_cast<double>(own.denominator) + prior_weight_));
      }
    }
  }

 private:
  Counts InWindow(const std::byte* state, std::int64_t end_ms) const noexcept {
    Counts counts;
    if (!state) return counts;
    const std::int64_t first = tile_ms_ > 0 ? end_ms / tile_ms_ - (tiles_ - 1) : 0,
                       last = tile_ms_ > 0 ? end_ms / tile_ms_ : 0;
    for (std::uint32_t slot = 0; slot < tiles_; ++slot) {
      const Tile& tile = reinterpret_cast<const Tile*>(state)[slot];
      const std::int64_t number = tile.number_plus_1 - 1;
      if (tile.number_plus_1 == 0 || number < first || number > last) continue;
      counts.numerator += tile.numerator;
      counts.denominator += tile.denominator;
    }
    return counts;
  }
  const EventFilter numerator_, denominator_;
  const bool rate_;
  const std::int64_t tile_ms_;
  const std::uint32_t tiles_;
  const double prior_weight_;
};

class DecayedView final : public FeatureView {
 public:
  struct State {
    std::int64_t at_ms;
    double value;
  };
  DecayedView(FeatureSpec spec, const FeatureConfig& f)
      : FeatureView(std::move(spec)), events_(f.events), half_life_ms_(static_cast<double>(f.half_life_ms)) {}
  void Fold(const EventLine& line, std::byte* state) const noexcept override {
    if (!events_.Counts(line)) return;
    State& s = *reinterpret_cast<State*>(state);
    const std::int64_t at = std::max(line.time_ms, s.at_ms);
    if (s.value != 0) s.value *= Exp2(-static_cast<double>(at - s.at_ms) / half_life_ms_);
    s = {at, s.value + 1.0};
  }
  void Read(const ReadContext& c, const StateRows& states, Column out) const noexcept override {
    const std::int64_t end = spec_.scope == Scope::kShared ? c.epoch_end_ms : c.now_ms;
    for (std::size_t i = 0; i < c.items.size(); ++i) {
      const auto* s = reinterpret_cast<const State*>(states.rows[i]);
      out[i] =
          s ? RowValue(s->value * Exp2(-static_cast<double>(std::max<std::int64_t>(0, end - s->at_ms)) / half_life_ms_))
            : 0.0f;
    }
  }

 private:
  const EventFilter events_;
  const double half_life_ms_;
};

class SinceView final : public FeatureView {
 public:
  SinceView(FeatureSpec spec, const FeatureConfig& f) : FeatureView(std::move(spec)), events_(f.events) {}
  void Fold(const EventLine& line, std::byte* state) const noexcept override {
    auto& last = *reinterpret_cast<std::int64_t*>(state);
    if (events_.Counts(line)) last = std::max(last, line.time_ms);
  }
  void Merge(const std::byte* from, std::byte* into) const noexcept override {
    auto& last = *reinterpret_cast<std::int64_t*>(into);
    last = std::max(last, *reinterpret_cast<const std::int64_t*>(from));
  }
  void Read(const ReadContext& c, const StateRows& states, Column out) const noexcept override {
    const std::int64_t end = spec_.scope == Scope::kShared ? c.epoch_end_ms : c.now_ms;
    for (std::size_t i = 0; i < c.items.size(); ++i) {
      const auto* last = reinterpret_cast<const std::int64_t*>(states.rows[i]);
      out[i] = last && *last != 0 ? RowValue(static_cast<double>(end - *last) / 1000.0) : kMissing;
    }
  }

 private:
  const EventFilter events_;
};

}  // namespace

MadeView MakeCountView(const FeatureConfig& f) {
  if (f.scope == Scope::kRequest)
    return Error{ErrorCode::kInvalidArgument,
                 "scope is missing; valid are user, session, shop, item, item.PROPERTY, user.PROPERTY"};
  if (f.events.types == 0) return Error{ErrorCode::kInvalidArgument, "events is empty; name at least one event type"};
  if (f.type == "since") return std::shared_ptr<const FeatureView>(std::make_shared<SinceView>(SpecOf(f, 8), f));
  if (f.type == "decayed_count") {
    if (f.half_life_ms <= 0)
      return Error{ErrorCode::kInvalidArgument, "half_life is missing, valid is a duration above 0"};
    return std::shared_ptr<const FeatureView>(std::make_shared<DecayedView>(SpecOf(f, sizeof(DecayedView::State)), f));
  }
  if (f.type == "rate" && (f.scope != Scope::kShared || f.denominator.types == 0)) {
    return Error{ErrorCode::kInvalidArgument, "rate needs a shared scope, events and denominator"};
  }
  if (f.window_ms % f.tiles != 0) {
    return Error{ErrorCode::kInvalidArgument, "window of " + std::to_string(f.window_ms) + " ms does not divide into " +
                                                  std::to_string(f.tiles) + " tiles of whole milliseconds"};
  }
  return std::shared_ptr<const FeatureView>(
      std::make_shared<TileView>(SpecOf(f, static_cast<std::uint32_t>(f.tiles * sizeof(Tile))), f));
}

}  // namespace gfr
