// Stage 5 of the pipeline where the feed has a policy that solves (feed/feed_policy.h): the slate as the solution of
// one problem (slate_solver.h) after what is explored was drawn.
//
// Boosts change the ranking values, pins fix positions, and what is under contract gets the contract's price on top of
// its value, in the problem alone (feed/contract_prices.h). Then explored positions are drawn in slate order: a
// position is drawn at with probability `explore_rate`, from the explore candidates that leave a slate which keeps as
// much as it could. Each draw's pool is those and the item that would stand there otherwise, given the pins and the
// draws above: its probabilities are marginal over the coin, and what comes out is fixed, so that a slate's probability
// is the product over its draws. The rest is solved, without chance. Thread safety: none; a draft belongs to its
// request.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "rank/draft.h"

namespace gfr {

// Fills slate, draws, propensity, what the outcome says of the solution, and the values by the boosts. REQUIRES:
// ComputeValues; in.policy->solves.
void SolvePolicy(const RankInput& in, Draft* draft);

// The two rankings of a pair (interleave.h), each solved by the policy with its own values and candidates.
struct PolicyPair {
  std::vector<std::uint32_t> fixed;          // By position the candidate that is pinned or drawn there, or UINT32_MAX.
  std::vector<std::uint32_t> first, second;  // The whole slates of the two, what is fixed among them.
  // Whether a slate keeps as much as one of these two at least; empty: there is nothing to keep.
  std::function<bool(const std::vector<std::uint32_t>&)> keeps;
};

// Fills draws and propensities of what is explored, what the outcome says of pins, boosts and contracts, and both
// values by the boosts. Positions explore only where the policy always does (explore_rate 1): what would stand there
// otherwise is not known before the slates are merged. REQUIRES: RankSecond; in.policy->solves.
PolicyPair SolvePair(const RankInput& in, Draft* draft);

}  // namespace gfr
