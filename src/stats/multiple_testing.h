// Several tests at once: adjusted p values, to be compared with alpha itself.
//
//   Holm (1979)                 family-wise error: the decision set
//   Benjamini, Hochberg (1995)  false discovery rate: exploration
// NaN (no test) stays NaN and does not count. Thread safety: pure functions.
#pragma once

#include <span>
#include <vector>

namespace gfr {

std::vector<double> AdjustByHolm(std::span<const double> p);
std::vector<double> AdjustByBenjaminiHochberg(std::span<const double> p);

}  // namespace gfr
