// ConditionColumns: what the conditions of a feed (feed/item_condition.h) read of a request's candidates, each column
// made once.
//
// Thread safety: none; it belongs to its request.
#pragma once

#include <map>
#include <span>
#include <utility>
#include <vector>

#include "feed/item_condition.h"
#include "rank/draft.h"

namespace gfr {

class ConditionColumns {
 public:
  // REQUIRES: `in`, `draft`, `items` and `rows` (of the items, null: not in the catalogue) outlive it and stay as they
  // are. Of conditions that read features, the items are those of the draft, and its features are read.
  ConditionColumns(const RankInput& in, const Draft& draft, std::span<const EventItem> items,
                   std::span<const std::byte* const> rows)
      : in_(in), draft_(draft), items_(items), rows_(rows) {}

  // By item, 1: the condition holds, 0: it does not. Good until the next call.
  std::span<const double> Evaluate(const ItemCondition& condition);

  // Likewise, of each item, a category property of the items; 0: it has none. Good while this is.
  std::span<const Key> CategoriesOf(std::uint32_t property) {
    return ColumnOf({.name = {}, .type = Expression::Type::kCategory, .index = property}).categories;
  }

 private:
  struct Values {
    std::vector<double> numbers;
    std::vector<Key> categories;
  };
  const Values& ColumnOf(const ConditionName& name);
  void FillItem(const ConditionName& name, Values* values) const;
  void FillRequest(const ConditionName& name, Values* values) const;

  const RankInput& in_;
  const Draft& draft_;
  const std::span<const EventItem> items_;
  const std::span<const std::byte* const> rows_;
  std::map<std::pair<ConditionName::Source, std::uint32_t>, Values> columns_;
  std::vector<double> out_;
};

}  // namespace gfr
