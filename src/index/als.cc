#include "index/als.h"

#include <algorithm>
#include <cmath>

#include "base/counter_rng.h"
#include "feature/feature_view.h"
#include "index/symmetric_inverse.h"
#include "retrieve/int8_dot.h"

namespace gfr {
namespace {

constexpr std::uint64_t kUserSeed = 0x75;  // Users' first numbers are others than those of items with equal keys.

struct SparseRows {
  std::vector<std::uint64_t> begins;
  std::vector<std::uint32_t> columns;
  std::vector<float> confidences;
};

SparseRows ByUser(const Interactions& in, const AlsOptions& options) {
  SparseRows rows{.begins = in.begins, .columns = {}, .confidences = {}};
  for (const Interactions::Entry& e : in.entries) {
    rows.columns.push_back(e.item);
    rows.confidences.push_back(static_cast<float>(AlsConfidence(options, e.weight)));
  }
  return rows;
}

SparseRows Transposed(const SparseRows& rows, std::size_t columns) {
  SparseRows out{.begins = std::vector<std::uint64_t>(columns + 1),
                 .columns = std::vector<std::uint32_t>(rows.columns.size()),
                 .confidences = std::vector<float>(rows.columns.size())};
  for (const std::uint32_t c : rows.columns) ++out.begins[c + 1];
  for (std::size_t c = 0; c < columns; ++c) out.begins[c + 1] += out.begins[c];
  std::vector<std::uint64_t> next(out.begins.begin(), out.begins.end() - 1);
  for (std::size_t r = 0; r + 1 < rows.begins.size(); ++r) {
    for (std::uint64_t k = rows.begins[r]; k < rows.begins[r + 1]; ++k) {
      const std::uint64_t at = next[rows.columns[k]]++;
      out.columns[at] = static_cast<std::uint32_t>(r);
      out.confidences[at] = rows.confidences[k];
    }
  }
  return out;
}

std::vector<float> FirstNumbers(const std::vector<Key>& keys, std::size_t d, std::uint64_t seed) {
  std::vector<float> numbers;
  numbers.reserve(keys.size() * d);
  for (const Key key : keys) {
    const CounterRng rng(seed, key);
    for (std::size_t k = 0; k < d; ++k) numbers.push_back(static_cast<float>(0.01 * rng.Uniform(k)));
  }
  return numbers;
}

// The sum of y yT over all rows, plus `ridge` on the diagonal.
std::vector<double> Gram(std::span<const float> rows, std::size_t d, double ridge) {
  std::vector<double> gram(d * d);
  for (std::size_t r = 0; r < rows.size(); r += d) {
    const float* y = rows.data() + r;
    for (std::size_t a = 0; a < d; ++a) {
      const double ya = y[a];
      double* to = gram.data() + a * d;
      for (std::size_t b = 0; b < d; ++b) to[b] += ya * y[b];
    }
  }
  for (std::size_t a = 0; a < d; ++a) gram[a * d + a] += ridge;
  return gram;
}

void AddTimes(std::span<float> to, float times, const float* from) {
  for (std::size_t k = 0; k < to.size(); ++k) to[k] += times * from[k];
}

// One row by conjugate gradients: of (gram + sum (c - 1) y yT) x = sum c y.
class RowSolver {
 public:
  RowSolver(std::span<const float> others, std::size_t d, double ridge) : others_(others), d_(d), r_(d), p_(d), ap_(d) {
    for (const double g : Gram(others, d, ridge)) gram_.push_back(static_cast<float>(g));
  }
  void Solve(const SparseRows& rows, std::size_t row, int steps, std::span<float> x) {
    const std::uint64_t begin = rows.begins[row], end = rows.begins[row + 1];
    Times(x, r_);
    for (float& v : r_) v = -v;
    for (std::uint64_t k = begin; k < end; ++k) {
      const float* y = others_.data() + std::size_t{rows.columns[k]} * d_;
      const float c = rows.confidences[k];
      AddTimes(r_, c - (c - 1) * DotProduct(y, x.data(), d_), y);
    }
    p_ = r_;
    float square = DotProduct(r_.data(), r_.data(), d_);
    for (int step = 0; step < steps && square > 1e-20f; ++step) {
      Times(p_, ap_);
      for (std::uint64_t k = begin; k < end; ++k) {
        const float* y = others_.data() + std::size_t{rows.columns[k]} * d_;
        AddTimes(ap_, (rows.confidences[k] - 1) * DotProduct(y, p_.data(), d_), y);
      }
      const float length = square / DotProduct(p_.data(), ap_.data(), d_);
      AddTimes(x, length, p_.data());
      AddTimes(r_, -length, ap_.data());
      const float next = DotProduct(r_.data(), r_.data(), d_);
      for (std::size_t k = 0; k < d_; ++k) p_[k] = r_[k] + next / square * p_[k];
      square = next;
    }
  }

 private:
  void Times(std::span<const float> x, std::span<float> out) const {
    for (std::size_t a = 0; a < d_; ++a) out[a] = DotProduct(gram_.data() + a * d_, x.data(), d_);
  }
  std::span<const float> others_;
  std::size_t d_;
  std::vector<float> gram_, r_, p_, ap_;
};

void SolveAll(const SparseRows& rows, std::span<const float> others, const AlsOptions& options,
              std::vector<float>* out) {
  const auto d = static_cast<std::size_t>(options.factors);
  RowSolver solver(others, d, options.regularization);
  for (std::size_t row = 0; row + 1 < rows.begins.size(); ++row)
    solver.Solve(rows, row, options.steps, std::span(*out).subspan(row * d, d));
}

}  // namespace

double AlsConfidence(const AlsOptions& options, float weight) { return 1 + options.alpha * Log2(1.0 + weight); }

AlsFactors TrainAls(const Interactions& interactions, const AlsOptions& options, const std::function<bool()>& stopped) {
  const auto d = static_cast<std::size_t>(options.factors);
  const SparseRows by_user = ByUser(interactions, options), by_item = Transposed(by_user, interactions.items.size());
  AlsFactors factors{.users = FirstNumbers(interactions.users, d, options.seed ^ kUserSeed),
                     .items = FirstNumbers(interactions.items, d, options.seed),
                     .inverse = {}};
  for (int i = 0; i < options.iterations && !(stopped && stopped()); ++i) {
    SolveAll(by_user, factors.items, options, &factors.users);
    SolveAll(by_item, factors.users, options, &factors.items);
  }
  factors.inverse = SymmetricInverse(Gram(factors.items, d, options.regularization), d);
  return factors;
}

}  // namespace gfr
