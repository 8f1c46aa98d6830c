// Expression: a formula over named numbers and categories: value formulas, eligibility, triggers. One parser, one
// evaluator.
//
//   numbers      1.5   price   pctr * (1 + 5 * pcvr)   -margin / 2          + - * / and parentheses
//   conditions   price < 100   stock >= 1   brand == "acme"   brand != "acme"   city in ["Rome", "Oslo"]
//                city == geography   (two categories)
//                not (a < b) and (c > d or e == f)
//
// `*` and `/` bind closest, then `+` and `-`, comparisons, `not`, `and`, `or`. A missing number is NaN, and so is what
// is computed from it; a comparison with one is false, and so is == and != of a missing category.
// Parse binds names to columns and checks types; Evaluate then works on columns of a whole batch and allocates nothing.
// Thread safety: an Expression is immutable.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/hash.h"
#include "base/result.h"

namespace gfr {

class Expression {
 public:
  enum class Type { kNumber, kCategory, kCondition };
  struct Name {
    std::string name;
    Type type = Type::kNumber;  // kNumber or kCategory.
  };
  // A column of a name: the numbers or the categories (keys of their texts, 0: missing) of a batch.
  struct Column {
    const double* numbers = nullptr;
    const Key* categories = nullptr;
  };
  // One step in postfix order.
  struct Step {
    enum class Kind : std::uint8_t {
      kNumber,
      kName,
      kIsCategory,   // Of the name's category: is it `category`?
      kNotCategory,  // Is it known and another one?
      kSame,         // Two names' categories, `name` and `other`: are both known and equal?
      kDiffer,       // Are both known and not equal?
      kAdd,
      kSubtract,
      kMultiply,
      kDivide,
      kNegate,
      kLess,
      kLessEqual,
      kGreater,
      kGreaterEqual,
      kEqual,
      kNotEqual,
      kNot,
      kAnd,
      kOr
    };
    Kind kind;
    std::uint32_t name = 0;  // Index into `names` of Parse.
    double number = 0;
    Key category = 0;
    std::uint32_t other = 0;
  };
  static constexpr std::size_t kMaxSteps = 256, kMaxDepth = 32;

  // A formula that gives a number (kNumber) or a condition (kCondition). kInvalidArgument says at which character
  // (from 1) it is not understood and what is valid there. Names are of letters, digits, _ and ., and none is
  // `and`, `or`, `not` or `in`; of two equal ones the first is meant.
  static Result<Expression> Parse(std::string_view text, Type type, const std::vector<Name>& names);

  // An Expression that Parse did not make gives NaN. out[i] of row i: the number, or 1 and 0 for a condition. REQUIRES:
  // `columns` has one of every name in used().
  void Evaluate(std::span<const Column> columns, std::span<double> out) const noexcept;

  const std::string& text() const { return text_; }
  const std::vector<std::uint32_t>& used() const { return used_; }  // Names, rising.
  const std::vector<Step>& steps() const { return steps_; }

 private:
  friend class ExpressionParser;
  std::string text_;
  std::vector<Step> steps_;
  std::vector<std::uint32_t> used_;
};

}  // namespace gfr
