// The softmax within requests by an engine's own Python package, with that objective written in Python: what our
// trainers' results are held to. For tests only.
#pragma once

#include <fstream>
#include <span>
#include <sstream>
#include <string>
#include <vector>

#include "base/test_python.h"
#include "train/test_rows.h"

namespace gfr {

inline void WriteFloats(const std::string& path, std::span<const float> values) {
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(values.data()), static_cast<std::streamsize>(4 * values.size()));
}

struct SoftmaxReference {
  double loss = 0;
  std::vector<double> margins;  // By row.
};

// `train`: Python that sets m to the margins of x, by 15 rounds with `objective` on the labels y.
inline SoftmaxReference SoftmaxFromPython(const RequestRows& rows, const std::string& train) {
  const TestFolder folder;
  WriteFloats(folder / "x.f32", rows.values);
  {
    std::ofstream file(folder / "rows.txt");
    for (std::size_t i = 0; i < rows.labels.size(); ++i) file << rows.labels[i] << " " << rows.request[i] << "\n";
  }
  std::istringstream out(RunPython(folder, R"(
import numpy as np
y, g = np.loadtxt("rows.txt").T
x = np.fromfile("x.f32", np.float32).reshape(len(y), -1)
def shares(m):
    p = np.empty(len(m))
    for r in np.unique(g):
        e = np.exp(m[g == r].astype(np.float64) - m[g == r].max())
        p[g == r] = e / e.sum()
    return p
def objective(m, d):
    p = shares(m)
    return (p - y).astype(np.float32), np.maximum(p * (1 - p), 1e-6).astype(np.float32)
)" + train + R"(
print(repr(float(-np.log(shares(m)[y == 1]).mean())), *m.tolist())
)"));
  SoftmaxReference reference;
  out >> reference.loss;
  for (double margin; out >> margin;) reference.margins.push_back(margin);
  return reference;
}

}  // namespace gfr
