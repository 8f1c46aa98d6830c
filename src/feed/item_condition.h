// ItemCondition: a condition over one candidate for one request, such as "stock < 1" or "city != geography"
// (expression/expression.h): which items a rule leaves out, a policy pins, boosts or wants.
//
// It may name properties of the item, the user, the request and of the candidate in the request, numeric features of
// the project, and `age_days`, the days since the log first named the item. What is missing makes a comparison false,
// so a rule never leaves out an item for what is not known of it. Thread safety: immutable.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "expression/expression.h"

namespace gfr {

// What conditions may name. Of two equal names the first is meant.
struct ConditionName {
  enum class Source : std::uint8_t { kItem, kUser, kRequest, kRequestItem, kFeature, kAgeDays };
  std::string name;
  Expression::Type type = Expression::Type::kNumber;
  Source source = Source::kItem;
  std::uint32_t index = 0;  // Of the property in its schema, or of the feature's column.
};

class ItemCondition {
 public:
  // Holds for no item.
  ItemCondition() = default;
  // kInvalidArgument says at which character, and what is valid.
  static Result<ItemCondition> Parse(std::string_view text, const std::vector<ConditionName>& names);

  // What the condition reads: one column each for Evaluate, in this order.
  const std::vector<ConditionName>& columns() const { return columns_; }
  // Whether it reads values that are there only once the candidates' features are read.
  bool reads_features() const { return reads_features_; }
  // out[i]: 1 where it holds, else 0. Allocates nothing.
  void Evaluate(std::span<const Expression::Column> columns, std::span<double> out) const noexcept {
    expression_.Evaluate(columns, out);
  }
  const std::string& text() const { return expression_.text(); }

 private:
  Expression expression_;
  std::vector<ConditionName> columns_;
  bool reads_features_ = false;
};

}  // namespace gfr
