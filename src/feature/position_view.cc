// Position: the place at which the item was shown, for a model to learn from and not to rank by.
//
// When a slate is ranked nobody is at a place yet: all candidates are read at one, the reference. Rows of impressions
// get the place shown in this column when they are made (dataset/row_builder.h), so that a forest learns what the place
// did and what the item did apart (Guo et al. 2019, PAL, by an input instead of a factor).
#include "feature/feature_types.h"

namespace gfr {
namespace {

class PositionView final : public FeatureView {
 public:
  PositionView(FeatureSpec spec, float reference) : FeatureView(std::move(spec)), reference_(reference) {}
  void Read(const ReadContext& c, const StateRows&, Column out) const noexcept override {
    for (std::size_t i = 0; i < c.items.size(); ++i) out[i] = reference_;
  }

 private:
  const float reference_;
};

MadeView MakePositionView(const FeatureConfig& f) {
  return std::shared_ptr<const FeatureView>(
      std::make_shared<PositionView>(SpecOf(f, 0), static_cast<float>(f.Own("reference"))));
}

constexpr FeatureRead kPositionReads[] = {
    {nullptr, "[reference]", ScopeRule::kRequest, PropertyRule::kNone, 0,
     "the place at which the item was shown, from 0, in rows of impressions to learn from; else the reference",
     "never"}};
constexpr OwnKey kPositionKeys[] = {{"reference", 0, 0, 1000, /*whole=*/true}};
std::string PositionInputs(const FeatureConfig& f) {
  return "impressions, in rows to learn from; place " + std::to_string(static_cast<int>(f.Own("reference")));
}
constexpr FeatureType kPositionTypes[] = {{.name = "position",
                                           .make = MakePositionView,
                                           .reads = kPositionReads,
                                           .own_keys = kPositionKeys,
                                           .shown_place = true,
                                           .inputs = PositionInputs}};

}  // namespace

std::span<const FeatureType> PositionTypes() { return kPositionTypes; }

}  // namespace gfr
