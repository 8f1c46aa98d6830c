#include "stats/confidence_sequence.h"

#include <cassert>

namespace gfr {

ConfidenceSequence::ConfidenceSequence(double alpha, double planned_n) : alpha_(alpha) {
  assert(alpha > 0 && alpha < 1 && planned_n > 0);
  const double log = -2 * std::log(alpha);
  rho_ = std::sqrt((log + std::log(log + 1)) / planned_n);
}

double ConfidenceSequence::HalfWidth(double se, double n) const {
  const double grown = n * rho_ * rho_ + 1;
  return se * std::sqrt(n) * std::sqrt(2 * grown / (n * rho_ * n * rho_) * std::log(std::sqrt(grown) / alpha_));
}

double ConfidenceSequence::P(double difference, double se, double n) const {
  if (!(se > 0)) return std::numeric_limits<double>::quiet_NaN();
  const double z = difference / se, grown = n * rho_ * rho_ + 1;
  return std::min(1.0, std::exp(0.5 * std::log(grown) - rho_ * rho_ * n * z * z / (2 * grown)));
}

}  // namespace gfr
