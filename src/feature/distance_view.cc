// Distance: how far this candidate's number lies from the user's usual one, in standard deviations of what the user
// touched, all in log2.
//
// State: Welford's running count, mean and sum of squares (Technometrics 4, 1962). Merge: Chan, Golub and LeVeque's
// (1979), the statistics of the whole history to rounding. Symmetric.
#include <cmath>

#include "feature/feature_types.h"

namespace gfr {
namespace {

class DistanceView final : public FeatureView {
 public:
  struct State {  // Welford's running mean and sum of squares of log2 of the number.
    double count, mean, squares;
  };
  DistanceView(FeatureSpec spec, const FeatureConfig& f)
      : FeatureView(std::move(spec)), events_(f.events), property_(static_cast<std::size_t>(f.item_property)) {}
  void Fold(const EventLine& line, std::byte* state) const noexcept override {
    if (line.item == 0 || !events_.Counts(line)) return;
    const double number = line.item_properties[property_].number;
    if (!(number > 0) || !std::isfinite(number)) return;
    State& s = *reinterpret_cast<State*>(state);
    const double x = Log2(number), delta = x - s.mean;
    s.count += 1;
    s.mean += delta / s.count;
    s.squares += delta * (x - s.mean);
  }
  void Merge(const std::byte* from, std::byte* into) const noexcept override {
    const State& a = *reinterpret_cast<const State*>(from);
    State& b = *reinterpret_cast<State*>(into);
    if (a.count == 0) return;
    if (b.count == 0) return (void)(b = a);
    const double count = a.count + b.count, apart = a.mean - b.mean;
    b = {count, (a.count * a.mean + b.count * b.mean) / count,
         a.squares + b.squares + apart * apart * (a.count * b.count / count)};
  }
  void Read(const ReadContext& c, const StateRows& states, Column out) const noexcept override {
    for (std::size_t i = 0; i < c.items.size(); ++i) {
      out[i] = kMissing;
      const auto* s = reinterpret_cast<const State*>(states.rows[i]);
      const double number = c.item_property(i, property_).number;
      if (!s || s->count < 1 || !(number > 0) || !std::isfinite(number)) continue;
      // One doubling of the price counts as a deviation until the user's own is known (prior of two observations).
      const double deviation = std::sqrt((s->squares + 0.5) / (s->count + 1.0));
      out[i] = RowValue((Log2(number) - s->mean) / deviation);
    }
  }

 private:
  const EventFilter events_;
  const std::size_t property_;
};

MadeView MakeDistanceView(const FeatureConfig& f) {
  return std::shared_ptr<const FeatureView>(std::make_shared<DistanceView>(SpecOf(f, sizeof(DistanceView::State)), f));
}

constexpr FeatureRead kDistanceReads[] = {
    {nullptr, "property scope events [kinds]", ScopeRule::kUserOrSession, PropertyRule::kItemNumber, 0,
     "how far log2 of the candidate's number lies from the mean of what the user touched, in standard deviations",
     "the candidate's number is missing or not above 0, or no item with one was touched"}};
constexpr FeatureType kDistanceTypes[] = {{.name = "distance", .make = MakeDistanceView, .reads = kDistanceReads}};

}  // namespace

std::span<const FeatureType> DistanceTypes() { return kDistanceTypes; }

}  // namespace gfr
