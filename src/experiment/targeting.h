// Targeting: whom an experiment is for, as a condition (expression/expression.h) over what the request says:
// `platform == "ios" and basket > 2`. Thread safety: immutable.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "event/event.h"
#include "expression/expression.h"

namespace gfr {

class Targeting {
 public:
  static constexpr const char* kSurface = "surface";  // Names the request's surface; no property hides it.

  // `names`: of the context, with their types. kInvalidArgument says at which character, and what is valid.
  static Result<Targeting> Parse(std::string_view text, std::vector<Expression::Name> names);

  // A name that the context does not have is missing: a comparison with it is false.
  bool Matches(std::span<const Property> context, std::string_view surface) const;
  const std::string& text() const { return condition_.text(); }

 private:
  Expression condition_;
  std::vector<Expression::Name> used_;
};

}  // namespace gfr
