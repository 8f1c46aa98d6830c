#include "evaluate/learning_curve.h"

#include <fmt/format.h>

#include <cmath>

namespace gfr {
namespace {

// Least squares of loss on rows^-rate; the sum of squared errors.
double FitAt(std::span<const LearningPoint> points, double rate, PowerLaw* law) {
  double n = 0, x = 0, y = 0, xx = 0, xy = 0;
  const double unit = points.back().rows;  // Keeps the powers near 1.
  for (const LearningPoint& p : points) {
    const double power = std::pow(p.rows / unit, -rate);
    n += 1;
    x += power;
    y += p.loss.value;
    xx += power * power;
    xy += power * p.loss.value;
  }
  const double slope = (n * xy - x * y) / (n * xx - x * x);
  *law = {(y - slope * x) / n, slope * std::pow(unit, rate), rate};
  double error = 0;
  for (const LearningPoint& p : points) error += (law->At(p.rows) - p.loss.value) * (law->At(p.rows) - p.loss.value);
  return error;
}

}  // namespace

bool InShare(Key user, double share) {
  const std::uint64_t hashed = Hash64(&user, sizeof user, 0x6c63757276650000u);
  return static_cast<double>(hashed >> 11) * 0x1.0p-53 < share;
}

double PowerLaw::At(double rows) const { return floor + scale * std::pow(rows, -rate); }

PowerLaw FitPowerLaw(std::span<const LearningPoint> points) {
  PowerLaw best{}, law{};
  double low = std::log(0.02), high = std::log(2.0), least = INFINITY, at = low;
  for (int step = 0; step <= 100; ++step) {  // A coarse grid, then golden section about its best.
    const double rate = low + (high - low) * step / 100;
    if (const double error = FitAt(points, std::exp(rate), &law); error < least) {
      least = error;
      at = rate;
    }
  }
  const double width = (high - low) / 100;
  low = std::max(low, at - width);
  high = std::min(high, at + width);
  for (int step = 0; step < 80; ++step) {
    const double a = high - 0.6180339887498949 * (high - low), b = low + 0.6180339887498949 * (high - low);
    if (FitAt(points, std::exp(a), &law) < FitAt(points, std::exp(b), &law))
      high = b;
    else
      low = a;
  }
  FitAt(points, std::exp((low + high) / 2), &best);
  return best;
}

std::string ReadLearningCurve(std::span<const LearningPoint> points) {
  const PowerLaw law = FitPowerLaw(points);
  const LearningPoint& last = points.back();
  const double gain = law.At(last.rows) - law.At(2 * last.rows),
               doubt = (last.loss.interval.high - last.loss.interval.low) / 2;
  return fmt::format(
      "Twice the {:.0f} rows would lower the loss of {:.5f} by about {:.5f}, which is {} than its interval's half "
      "width "
      "of {:.5f}; the curve levels off at {:.5f}.",
      last.rows, last.loss.value, gain, gain > doubt ? "more" : "less", doubt, law.floor);
}

}  // namespace gfr
