// In slate: another feature's value, compared with those of the candidates that it came with.
//
//   in_slate = rank   how many candidates have a smaller value, equal values having one rank; NaN where it is missing
//   in_slate = share  value over the sum of the candidates' values; NaN where it is missing or the sum is not above 0
//   in_slate = mean   mean of the values that are not missing, the same for every candidate; NaN when all are missing
//   in_slate = known  how many candidates have a value, the same for every candidate
// A tree splits one candidate's value at a constant, so it cannot see that another candidate was touched later, or that
// a third was looked at twice as often; these columns say it. The state is that of the feature, and kept once for both.
#include <algorithm>
#include <cmath>

#include "feature/feature_types.h"
#include "feature/rank_among.h"

namespace gfr {
namespace {

// In the order of kInSlateNames.
enum Comparison { kRank, kShare, kMean, kKnown };

class InSlateView final : public FeatureView {
 public:
  InSlateView(FeatureSpec spec, std::shared_ptr<const FeatureView> of, Comparison comparison)
      : FeatureView(std::move(spec)), of_(std::move(of)), comparison_(comparison) {}

  void Fold(const EventLine& line, std::byte* state) const noexcept override { of_->Fold(line, state); }
  void Merge(const std::byte* from, std::byte* into) const noexcept override { of_->Merge(from, into); }
  void Seal(const std::byte* delta, std::int64_t epoch_end_ms, std::byte* state) const noexcept override {
    of_->Seal(delta, epoch_end_ms, state);
  }
  void Read(const ReadContext& c, const StateRows& states, Column out) const noexcept override {
    of_->Read(c, states, out);
    const std::size_t n = c.items.size();
    if (comparison_ == kRank) return Rank(n, out);
    double sum = 0;
    std::size_t known = 0;
    for (std::size_t i = 0; i < n; ++i) {
      if (std::isnan(out[i])) continue;
      sum += static_cast<double>(out[i]);
      ++known;
    }
    for (std::size_t i = 0; i < n; ++i) {
      if (comparison_ == kKnown)
        out[i] = static_cast<float>(known);
      else if (comparison_ == kMean)
        out[i] = known > 0 ? RowValue(sum / static_cast<double>(known)) : kMissing;
      else
        out[i] = sum > 0 ? RowValue(static_cast<double>(out[i]) / sum) : kMissing;
    }
  }

 private:
  static void Rank(std::size_t n, Column out) noexcept {
    RankAmong(
        n, [&](std::size_t i) { return out[i]; },
        [&](std::size_t i, std::size_t rank) { out[i] = static_cast<float>(rank); });
  }

  const std::shared_ptr<const FeatureView> of_;
  const Comparison comparison_;
};

}  // namespace

MadeView MakeInSlateView(std::shared_ptr<const FeatureView> of, const FeatureConfig& f) {
  FeatureSpec spec = of->spec();
  if (spec.categorical) return Error{ErrorCode::kInvalidArgument, "in_slate compares numbers, and this is a category"};
  if (spec.scope == Scope::kShared)  // Shared columns are constant within an epoch, whatever they are shown with.
    return Error{ErrorCode::kInvalidArgument,
                 "in_slate is of a shared scope; valid are features of the user, the session or the request"};
  const auto comparison = std::ranges::find(kInSlateNames, f.in_slate) - std::begin(kInSlateNames);
  return std::shared_ptr<const FeatureView>(
      std::make_shared<InSlateView>(std::move(spec), std::move(of), static_cast<Comparison>(comparison)));
}

}  // namespace gfr
