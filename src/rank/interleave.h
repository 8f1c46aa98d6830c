// Stage 5 of the pipeline where a unit is in an interleaving: the slate is merged of two rankings of the candidates
// (experiment/interleaving.h), and the record keeps each position's credit.
//
// Both rankings are of the same candidates and feature values, by a model and a value formula each; where the pair's
// channels differ, each ranks those of its own. What is explored is drawn first, of all explore candidates, and stands
// in neither ranking. Nothing is swapped. Every coin is a draw of the record, from the two items that could stand there
// given those above: the slate's probability is the product over its draws.
//
// Where the feed's policy solves (solve_policy.h), each ranking is the slate that the policy makes of its own values:
// boosts, pins, caps, floors, contracts and diversity hold for both. What is pinned or drawn stands in both. Where a
// merged slate could break more than those two do, the pair gets no credit, and a fair coin shows one of them as it is.
#pragma once

#include "rank/draft.h"

namespace gfr {

// The same request by the pair's second ranking. REQUIRES: settings.pair.
RankInput SecondOf(const RankInput& in);

// Fills second_scores and second_value. REQUIRES: settings.pair, ComputeValues.
void RankSecond(const RankInput& in, Draft* draft);

// Fills slate, draws, propensity and credit. REQUIRES: RankSecond.
void InterleaveSlate(const RankInput& in, Draft* draft);

}  // namespace gfr
