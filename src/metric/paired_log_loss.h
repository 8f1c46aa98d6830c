// PairedLogLoss: how much more one model's probabilities lose than another's on the same rows, with its standard error.
//
// The error is that of a mean of clusters (a user's rows stay together), by the delta method: the variance over users
// of (sum of differences - mean difference x rows). Probabilities are kept within [1e-15, 1 - 1e-15], as
// MeasureBinary's log loss. Likewise observed over expected: log(O / E) by the delta method. Thread safety: pure
// functions.
#pragma once

#include <cstdint>
#include <span>

namespace gfr {

struct PairedLogLoss {
  std::uint64_t rows = 0, positives = 0, users = 0;
  double champion = 0;    // Mean log loss of the champion.
  double difference = 0;  // The candidate's minus the champion's: below 0, the candidate is better.
  double standard_error = 0;
  // log(positives / sum of probabilities), and its standard error: 0 is calibrated.
  double candidate_log_oe = 0, candidate_log_oe_error = 0, champion_log_oe = 0;
};

// NaN where it does not exist: no rows, fewer than two users, no positive. REQUIRES: all spans are of one length.
PairedLogLoss ComparePairedLogLoss(std::span<const float> candidate, std::span<const float> champion,
                                   std::span<const float> label, std::span<const std::uint64_t> user);

}  // namespace gfr
