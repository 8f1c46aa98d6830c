#include "model/link.h"

#include <algorithm>
#include <cmath>

namespace gfr {
namespace {

// src/common/math.h of XGBoost: the argument is bounded so that exp stays finite.
float SigmoidFloat(float x) { return 1.0f / (std::exp(std::fmin(-x, 88.7f)) + 1.0f + 1e-16f); }

template <typename T>
void Softmax(double* row, std::size_t classes) {
  auto greatest = static_cast<T>(row[0]);
  for (std::size_t k = 1; k < classes; ++k) greatest = std::max(greatest, static_cast<T>(row[k]));
  double sum = 0;
  for (std::size_t k = 0; k < classes; ++k) {
    row[k] = std::exp(static_cast<T>(row[k]) - greatest);
    sum += row[k];
  }
  for (std::size_t k = 0; k < classes; ++k) row[k] = static_cast<T>(row[k]) / static_cast<T>(sum);
}

double One(const Forest& forest, double x) {
  const bool single = forest.engine == Forest::Engine::kXgboost;
  switch (forest.link) {
    case Forest::Link::kSigmoid:
    case Forest::Link::kPairSigmoid:
      return single ? SigmoidFloat(static_cast<float>(x)) : 1.0 / (1.0 + std::exp(-forest.link_scale * x));
    case Forest::Link::kExp:
      return single ? std::exp(static_cast<float>(x)) : std::exp(x);
    case Forest::Link::kHinge:
      return x > 0 ? 1 : 0;
    case Forest::Link::kSquare:
      return std::copysign(x * x, x);
    case Forest::Link::kLog1pExp:
      return std::log1p(std::exp(x));
    default:
      return x;
  }
}

}  // namespace

std::size_t PredictionsPerRow(const Forest& forest) {
  return forest.link == Forest::Link::kArgmax ? 1 : static_cast<std::size_t>(forest.classes);
}

void ApplyLink(const Forest& forest, double* margins, std::size_t count) {
  const auto classes = static_cast<std::size_t>(forest.classes);
  for (std::size_t i = 0; i < count; ++i) {
    double* row = margins + i * classes;
    if (forest.average_over > 0) {
      for (std::size_t k = 0; k < classes; ++k) row[k] /= forest.average_over;
    }
    if (forest.link == Forest::Link::kSoftmax) {
      forest.engine == Forest::Engine::kXgboost ? Softmax<float>(row, classes) : Softmax<double>(row, classes);
    } else if (forest.link == Forest::Link::kArgmax) {
      row[0] = static_cast<double>(std::max_element(row, row + classes) - row);
    } else {
      for (std::size_t k = 0; k < classes; ++k) row[k] = One(forest, row[k]);
      if (forest.sorted_quantiles) std::sort(row, row + classes);
    }
  }
}

}  // namespace gfr
