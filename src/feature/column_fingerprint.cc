#include "feature/column_fingerprint.h"

#include <algorithm>
#include <iterator>
#include <string>

#include "feature/feature_types.h"

namespace gfr {

std::uint64_t ColumnFingerprint(const FeatureConfig& f, const PropertySchema& schema, std::string_view parent) {
  std::string text = f.canonical;
  const auto add = [&](std::string_view key, std::string_view value) {
    text.append("\n").append(key).append("=").append(value);
  };
  if (!parent.empty()) add("parent", parent);
  // One name can be declared in several tables, one after another in the project's life; the values differ.
  if (f.request_item_property >= 0) add("from", "request_item");
  if (f.user_property >= 0 && std::ranges::count(kContextNames, f.property) > 0) add("from", "user");
  // It changes what an item's properties are when an event is folded and when a request is read.
  if (schema.price_from_impressions) add("catalogue", "price_from_impressions");
  if (const std::string rule = schema.alias.Canonical(); !rule.empty()) add("alias", rule);
  return Hash64(text.data(), text.size());
}

std::uint64_t RowFingerprint(std::span<const std::uint64_t> columns) {
  return Hash64(columns.data(), columns.size_bytes());
}

}  // namespace gfr
