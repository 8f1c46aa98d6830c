// Position bias: how much less often an item is looked at, the farther down it is shown.
//
// examined(k) = (positives at place k / sum of their probabilities) / (the same at place 0), with a model's
// probabilities that know the items but not the places: the examination of a position-based model (Craswell et al.
// 2008), where relevance is the model's (Wang et al. 2018, one step of regression EM). True as far as items of equal
// probability are shown at places by chance: shuffled or swapped slates say it exactly, a feed that knows more than the
// model puts its better items first and makes it look steeper. A model that reads the place itself (supplied_rank)
// has explained it already and shows 1 everywhere; one with a feature of type position gives its probabilities at that
// feature's reference, which know the items alone.
//
// Pairs of neighbours that a coin put in order ([feed.swap]) say it without a model: the same items stand at both
// places equally often, so that examined(k + 1) / examined(k) is the lower ones' clicks over the upper ones' (Joachims,
// Swaminathan and Schnabel 2017, section 5.3; Agarwal et al. 2019). The product of the steps is the curve.
// Thread safety: pure functions.
#pragma once

#include <span>
#include <vector>

#include "metric/binary_metrics.h"

namespace gfr {

struct PositionBias {
  struct Place {
    int position;  // From 0.
    std::uint64_t rows, positives;
    Estimate examined;
  };
  std::vector<Place> places;  // Up to the last with a positive.
  Estimate exponent;          // Of examined(k) = (1 + k)^-exponent, by maximum likelihood of the positives as Poisson.
};

// REQUIRES: one position from 0 a row. Places from `most` on are left out. Intervals: 95 % bootstrap over users.
PositionBias MeasurePositionBias(const BinaryRows& rows, std::span<const int> position, int most, int replicates,
                                 std::uint64_t seed);

struct SwappedPairs {
  std::vector<int> place;                  // Of the upper one, from 0.
  std::vector<std::uint8_t> upper, lower;  // Clicked.
  std::vector<std::uint64_t> user;
};
// The exponent is that of the odds of the lower one, when one of a pair was clicked. `rows` of a place are the pairs it
// was in, `positives` its clicks. The curve ends before the first step with fewer than 10 clicks at either place.
PositionBias MeasureSwappedPositionBias(const SwappedPairs& pairs, int most, int replicates, std::uint64_t seed);

}  // namespace gfr
