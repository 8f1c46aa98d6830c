// Formulas: any text either is refused or evaluates.
#include <cstddef>
#include <cstdint>

#include "expression/expression.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using gfr::Expression;
  const std::vector<Expression::Name> names{{"a"}, {"b"}, {"c", Expression::Type::kCategory}};
  const double a = 1, b = 2;
  const gfr::Key c = 3;
  const Expression::Column columns[] = {{&a}, {&b}, {nullptr, &c}};
  for (const auto type : {Expression::Type::kNumber, Expression::Type::kCondition}) {
    const auto made = Expression::Parse({reinterpret_cast<const char*>(data), size}, type, names);
    double out = 0;
    if (made.ok()) made.value().Evaluate(columns, {&out, 1});
  }
  return 0;
}
