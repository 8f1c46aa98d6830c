// Fingerprints of columns and rows: two columns of one fingerprint have equal values for equal logs and requests.
//
// A column's fingerprint covers all that its value depends on: its own canonical text (type, keys, the arithmetic's
// version), its parent's, the kind and size of each property it reads, the catalogue rules and the alias rule. Its name
// and comment are not in it. A column that depends on its own text alone keeps the fingerprint that gfr 0.1 gave it.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace gfr {

struct FeatureConfig;
struct PropertySchema;

// `parent`: the canonical text of the states that the column is shrunk to (FeatureSet::parents); empty: it has none.
std::uint64_t ColumnFingerprint(const FeatureConfig& config, const PropertySchema& schema, std::string_view parent);

// Of a row with these columns, in this order.
std::uint64_t RowFingerprint(std::span<const std::uint64_t> columns);

}  // namespace gfr
