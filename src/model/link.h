// Link: a forest's margins to its predictions, in the arithmetic of the program that trained it: float32 for XGBoost,
// double for LightGBM (within 1 ulp of theirs; equal where both use the same C library).
#pragma once

#include <cstddef>

#include "model/forest.h"

namespace gfr {

// How many predictions a row has: one a class; one where the link is the class itself.
std::size_t PredictionsPerRow(const Forest& forest);

// In place, `count` rows of forest.classes margins; XGBoost's margins are floats held in doubles. With kArgmax the
// first number of each row becomes the class.
void ApplyLink(const Forest& forest, double* margins, std::size_t count);

}  // namespace gfr
