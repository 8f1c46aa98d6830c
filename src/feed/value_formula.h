// ValueFormula: what a slate is sorted by: a formula (expression/expression.h) over the objectives and the numeric item
// properties of the configuration, such as "pctr * (1 + 5 * pcvr)" or "pctr * pcvr * price".
//
// A formula is a sum of expectations per impression. A product of objectives is one only along a chain, where the
// population of each is the label of the one before: the purchases of those who clicked, times the clicks of those who
// saw. Any other product is refused, and so are a sampled objective beside another one, and a mean of anything but
// impressions (an amount a click) that no probability of its population brings down to impressions. Thread safety:
// immutable.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "event/event.h"
#include "expression/expression.h"

namespace gfr {

// What a formula may name. An objective hides a property of its name.
struct ValueNames {
  struct Objective {
    std::string name;
    EventType population, label;
    bool mean = false;     // Its link is mean: an amount for each event of its population.
    bool sampled = false;  // Trained on slates that were made: only the order of its probabilities means something.
  };
  std::vector<Objective> objectives;
  std::vector<std::string> properties;  // Numeric item properties by their index; "" at the index of any other.
};

class ValueFormula {
 public:
  // kInvalidArgument says at which character, and what is valid.
  static Result<ValueFormula> Parse(std::string_view text, const ValueNames& names);

  // Indexes into ValueNames of what the formula reads.
  const std::vector<std::uint32_t>& objectives() const { return objectives_; }
  const std::vector<std::uint32_t>& properties() const { return properties_; }
  // out[i]: the value of row i. `columns`: of each of objectives(), then of each of properties(), as many numbers as
  // `out`. A missing number makes a value that uses it NaN, which ranks last. Allocates nothing.
  void Evaluate(std::span<const Expression::Column> columns, std::span<double> out) const noexcept {
    expression_.Evaluate(columns, out);
  }
  const std::string& text() const { return expression_.text(); }

 private:
  Expression expression_;
  std::vector<std::uint32_t> objectives_, properties_;
};

}  // namespace gfr
