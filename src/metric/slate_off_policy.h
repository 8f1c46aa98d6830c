// SlateChoices: off-policy estimates whose rows are whole slates: the reward is of all of a slate, and its probability
// the product over its draws, each given those above it.
//
// What is not drawn follows from the draws (rank/solve_policy.h), by the logged policy and the target alike: so a
// target is judged that draws otherwise from the same pools, and no other (feed/policy_difference.h). The target's
// probability on what the log could not draw, and what is missing of its sum to 1, counts as LoggedChoices::never.
//
// The doubly robust estimate (Jiang and Li 2016) needs a model of what is drawn alone. With G_k the model of what draw
// k showed, E_k its mean under the target over that draw's pool, W_k the product of the first k weights:
//   q = a + b (G_1 + G_2 + ...)        a, b: least squares on the log
//   V = a + b sum_k (m_k + W_(k-1) (E_k - m_k))        m_k: the mean of E_k over the log
// The expectation of V - W q under the log is 0 for the target's reward whatever the model, since a later draw's pool
// is only known by way of the draws above it. Thread safety: none.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "metric/off_policy.h"

namespace gfr {

// One draw of a slate, over its pool.
struct SlateDraw {
  std::size_t shown = 0;           // What was drawn, as an index into the pool.
  std::span<const double> logged;  // Probabilities, of sum 1.
  std::span<const double> target;  // Of sum 1 at most.
  std::span<const double> model;   // Anything that says what an item earns there, on any scale; empty: nothing does.
};

class SlateChoices {
 public:
  // `draws`: in the order in which they were drawn; a slate without any is the same by every target. Draws that are
  // none (of other sizes, a sum above 1) make the estimate no evidence.
  void Add(std::uint64_t user, double reward, std::span<const SlateDraw> draws);

  std::size_t size() const { return reward_.size(); }
  OffPolicyReport Estimate(const OffPolicyOptions& options) const;

 private:
  struct Stage {
    double before, expected;  // W_(k-1), E_k.
  };
  std::vector<double> reward_, logged_, target_, never_, model_;  // One a slate; model_: the sum of G_k.
  std::vector<std::uint64_t> user_;
  std::vector<Stage> stages_;  // Of all slates, one after another.
  std::vector<std::size_t> stages_end_;
};

}  // namespace gfr
