// ValueFormula: what a slate is sorted by: numbers, pctr, pcvr, price, + - * / and parentheses ("pctr * (1 + 5 *
// pcvr)").
//
// Immutable; Evaluate is safe from any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace gfr {

class ValueFormula {
 public:
  static Result<ValueFormula> Parse(std::string_view text);
  // A missing price makes a value that uses it NaN, which ranks last.
  double Evaluate(double pctr, double pcvr, double price) const noexcept;
  bool Uses(std::string_view name) const;
  const std::string& text() const { return text_; }

 private:
  struct Op {
    char kind;  // 'n' number, 'c' pctr, 'v' pcvr, 'p' price, or an operator, in postfix order.
    double number;
  };
  std::string text_;
  std::vector<Op> ops_;
  friend class FormulaParser;
};

}  // namespace gfr
