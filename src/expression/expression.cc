#include "expression/expression.h"

#include <algorithm>
#include <limits>

namespace gfr {
namespace {

using Kind = Expression::Step::Kind;

constexpr std::size_t kBlock = 32;  // Rows that are evaluated together: the stack fits into the nearest cache.

// What a step takes from the stack and puts on it.
int Taken(Kind kind) {
  switch (kind) {
    case Kind::kNumber:
    case Kind::kName:
    case Kind::kIsCategory:
    case Kind::kNotCategory:
    case Kind::kSame:
    case Kind::kDiffer:
      return 0;
    case Kind::kNegate:
    case Kind::kNot:
      return 1;
    default:
      return 2;
  }
}

double Applied(Kind kind, double a, double b) {
  switch (kind) {
    case Kind::kAdd:
      return a + b;
    case Kind::kSubtract:
      return a - b;
    case Kind::kMultiply:
      return a * b;
    case Kind::kDivide:
      return a / b;
    case Kind::kLess:
      return a < b;
    case Kind::kLessEqual:
      return a <= b;
    case Kind::kGreater:
      return a > b;
    case Kind::kGreaterEqual:
      return a >= b;
    case Kind::kEqual:
      return a == b;
    case Kind::kNotEqual:
      return a < b || a > b;
    case Kind::kAnd:
      return a != 0 && b != 0;
    default:
      return a != 0 || b != 0;
  }
}

}  // namespace

void Expression::Evaluate(std::span<const Column> columns, std::span<double> out) const noexcept {
  if (steps_.empty()) {
    std::ranges::fill(out, std::numeric_limits<double>::quiet_NaN());
    return;
  }
  double stack[kMaxDepth][kBlock];
  for (std::size_t begin = 0; begin < out.size(); begin += kBlock) {
    const std::size_t n = std::min(kBlock, out.size() - begin);
    std::size_t top = 0;
    for (const Step& step : steps_) {
      const int taken = Taken(step.kind);
      top = top + 1 - static_cast<std::size_t>(taken);
      double* into = stack[top - 1];
      const double* next = stack[top];  // The second operand of a step that takes two.
      switch (step.kind) {
        case Kind::kNumber:
          std::fill_n(into, n, step.number);
          break;
        case Kind::kName:
          std::copy_n(columns[step.name].numbers + begin, n, into);
          break;
        case Kind::kIsCategory:
          for (std::size_t i = 0; i < n; ++i) into[i] = columns[step.name].categories[begin + i] == step.category;
          break;
        case Kind::kNotCategory:
          for (std::size_t i = 0; i < n; ++i) {
            const Key category = columns[step.name].categories[begin + i];
            into[i] = category != 0 && category != step.category;
          }
          break;
        case Kind::kSame:
        case Kind::kDiffer:
          for (std::size_t i = 0; i < n; ++i) {
            const Key a = columns[step.name].categories[begin + i], b = columns[step.other].categories[begin + i];
            into[i] = a != 0 && b != 0 && (a == b) == (step.kind == Kind::kSame);
          }
          break;
        case Kind::kNegate:
          for (std::size_t i = 0; i < n; ++i) into[i] = -into[i];
          break;
        case Kind::kNot:
          for (std::size_t i = 0; i < n; ++i) into[i] = into[i] == 0;
          break;
        default:
          for (std::size_t i = 0; i < n; ++i) into[i] = Applied(step.kind, into[i], next[i]);
      }
    }
    std::copy_n(stack[0], n, out.data() + begin);
  }
}

}  // namespace gfr
