// Rows: what a scorer reads, row-major, float or double, NaN missing. Margins: where it writes, row-major, one a class.
#pragma once

#include <cstddef>

namespace gfr {

struct Rows {
  Rows(const float* rows, std::size_t count, std::size_t stride) : f32(rows), count(count), stride(stride) {}
  Rows(const double* rows, std::size_t count, std::size_t stride) : f64(rows), count(count), stride(stride) {}
  const float* f32 = nullptr;
  const double* f64 = nullptr;  // XGBoost's forests read doubles to the nearest float.
  std::size_t count, stride;    // REQUIRES: stride >= the forest's columns.
};

struct MarginsOut {
  MarginsOut(float* out) : f32(out) {}   // NOLINT(google-explicit-constructor): LightGBM's are rounded.
  MarginsOut(double* out) : f64(out) {}  // NOLINT(google-explicit-constructor): XGBoost's are floats.
  void Set(std::size_t i, double margin) const {
    if (f32)
      f32[i] = static_cast<float>(margin);
    else
      f64[i] = margin;
  }
  float* f32 = nullptr;
  double* f64 = nullptr;
};

}  // namespace gfr
