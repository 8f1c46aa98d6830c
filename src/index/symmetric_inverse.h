// The inverse of a symmetric positive definite matrix, by Gauss and Jordan with the diagonal's pivots. Thread safety: a
// pure function.
#pragma once

#include <cstddef>
#include <vector>

namespace gfr {

// `a`: size x size, row by row.
inline std::vector<float> SymmetricInverse(std::vector<double> a, std::size_t size) {
  std::vector<double> inverse(size * size);
  for (std::size_t i = 0; i < size; ++i) inverse[i * size + i] = 1;
  for (std::size_t c = 0; c < size; ++c) {
    const double pivot = a[c * size + c];
    for (std::size_t k = 0; k < size; ++k) {
      a[c * size + k] /= pivot;
      inverse[c * size + k] /= pivot;
    }
    for (std::size_t r = 0; r < size; ++r) {
      const double times = a[r * size + c];
      if (r == c || times == 0) continue;
      for (std::size_t k = 0; k < size; ++k) {
        a[r * size + k] -= times * a[c * size + k];
        inverse[r * size + k] -= times * inverse[c * size + k];
      }
    }
  }
  return {inverse.begin(), inverse.end()};
}

}  // namespace gfr
