// rate: (events + prior_weight * parent) / (denominator + prior_weight), in a window or decayed by a half-life.
//
// The parent's rate is plain events / denominator of the same window: of the candidate's `parent` entity (a category,
// a city), read at the same epoch; of the whole shop where there is none, or where that entity has no denominator yet;
// missing when the shop has none either.
#include "feature/core_view.h"
#include "feature/decay.h"
#include "feature/window_config.h"

namespace gfr {
namespace {

using Fraction = Both<double>;

struct WindowedRate {
  TileRing<RateOf> ring;
  std::uint32_t state_bytes() const { return ring.state_bytes(); }
  void Fold(bool hit, bool tried, const EventLine& line, std::byte* state) const {
    ring.Fold(ring.shape().TileOf(line.time_ms), {hit, tried}, state);
  }
  void Merge(const std::byte* from, std::byte* into) const { ring.Merge(from, into); }
  void Seal(const std::byte* delta, std::int64_t, std::byte* state) const { ring.Merge(delta, state); }
  Fraction Read(const std::byte* state, std::int64_t t_ms) const {
    const Both<std::uint64_t> total = ring.Read(ring.shape().TileOf(t_ms), state);
    return {static_cast<double>(total.first), static_cast<double>(total.second)};
  }
};

struct DecayedRate {
  Decay<2> decay;
  bool shared;
  std::uint32_t state_bytes() const { return Decay<2>::kStateBytes; }
  void Fold(bool hit, bool tried, const EventLine& line, std::byte* state) const {
    const std::int64_t amounts[2] = {hit, tried};
    shared ? decay.Count(amounts, state) : decay.Fold(line.time_ms, amounts, state);
  }
  void Merge(const std::byte* from, std::byte* into) const {
    shared ? decay.MergeCounts(from, into) : decay.Merge(from, into);
  }
  void Seal(const std::byte* delta, std::int64_t epoch_end_ms, std::byte* state) const {
    decay.Seal(delta, epoch_end_ms, state);
  }
  Fraction Read(const std::byte* state, std::int64_t t_ms) const {
    const auto values = decay.Read(state, t_ms);
    return {values[0], values[1]};
  }
};

template <class Counts>
class RateView final : public FeatureView {
 public:
  RateView(const FeatureConfig& f, Counts counts)
      : FeatureView(SpecOf(f, counts.state_bytes())),
        events_(f.events),
        denominator_(f.denominator),
        prior_weight_(f.prior_weight),
        counts_(counts) {}

  void Fold(const EventLine& line, std::byte* state) const noexcept override {
    const bool hit = events_.Counts(line), tried = denominator_.Counts(line);
    if (hit || tried) counts_.Fold(hit, tried, line, state);
  }
  void Merge(const std::byte* from, std::byte* into) const noexcept override { counts_.Merge(from, into); }
  void Seal(const std::byte* delta, std::int64_t epoch_end_ms, std::byte* state) const noexcept override {
    counts_.Seal(delta, epoch_end_ms, state);
  }
  void Read(const ReadContext& c, const StateRows& states, Column out) const noexcept override {
    const std::int64_t t_ms = spec_.scope == Scope::kShared ? c.epoch_end_ms : c.now_ms;
    const Fraction shop = At(states.parent, c.epoch_end_ms);
    for (std::size_t i = 0; i < c.items.size(); ++i) {
      if (i > 0 && states.rows[i] == states.rows[i - 1] &&
          (states.parents.empty() || states.parents[i] == states.parents[i - 1])) {  // The user's own, mostly.
        out[i] = out[i - 1];
        continue;
      }
      PrefetchState(states.rows, i, spec_.state_bytes);
      Fraction parent = i < states.parents.size() ? At(states.parents[i], c.epoch_end_ms) : Fraction{};
      if (!(parent.second > 0)) parent = shop;
      const Fraction own = At(states.rows[i], t_ms);
      out[i] =
          parent.second > 0
              ? RowValue((own.first + prior_weight_ * (parent.first / parent.second)) / (own.second + prior_weight_))
              : kMissing;
    }
  }

 private:
  Fraction At(const std::byte* state, std::int64_t t_ms) const {
    return state ? counts_.Read(state, t_ms) : Fraction{};
  }
  const EventFilter events_, denominator_;
  const double prior_weight_;
  const Counts counts_;
};

constexpr FeatureRead kRateReads[] = {
    {nullptr, "scope events denominator [kinds] [window] [tiles] [half_life] [prior_weight] [parent]", ScopeRule::kAny,
     PropertyRule::kNone, 0, "events over denominator, shrunk to the parent's rate (default: the whole shop's)",
     "the whole shop has no event of the denominator"}};

}  // namespace

MadeView MakeRateView(const FeatureConfig& f) {
  if (f.half_life_ms > 0) {
    if (f.window_ms > 0) return Error{ErrorCode::kInvalidArgument, "both window and half_life are given; valid is one"};
    return std::shared_ptr<const FeatureView>(
        std::make_shared<RateView<DecayedRate>>(f, DecayedRate{Decay<2>(f.half_life_ms), f.scope == Scope::kShared}));
  }
  GFR_ASSIGN(const WindowShape shape, ShapeOf(f));
  return std::shared_ptr<const FeatureView>(
      std::make_shared<RateView<WindowedRate>>(f, WindowedRate{TileRing<RateOf>(shape)}));
}

std::span<const FeatureType> RateTypes() {
  static constexpr FeatureType kRateTypes[] = {
      {.name = "rate", .make = MakeRateView, .reads = kRateReads, .parent = ParentRule::kOfOthers}};
  return kRateTypes;
}

}  // namespace gfr
