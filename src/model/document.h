// Document: a JSON or UBJSON text as a tree of values, for model files; the reader is bounded for hostile input.
//
// JSON is RFC 8259 with the words NaN, Infinity and -Infinity (XGBoost writes them); UBJSON is draft 12 without high
// precision numbers, objects of one type and arrays of constants. A number with a fraction or an exponent is read to
// the nearest float32, as XGBoost reads it. An array of numbers (true and false count as 1 and 0) is kept as doubles.
// Of members of one name the last counts, as for XGBoost. Nesting is at most 32, values other than numbers are at most
// 8 million. Thread safety: a plain value.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace gfr {

struct DocumentMember;

struct DocumentValue {
  enum class Type { kNull, kNumber, kString, kNumbers, kArray, kObject };
  Type type = Type::kNull;
  double number = 0;
  std::string text;
  std::vector<double> numbers;  // Of kNumbers: what an array of numbers, and an empty array, is.
  std::vector<DocumentValue> items;
  std::vector<DocumentMember> members;

  const DocumentValue* Find(std::string_view key) const;  // The last member of that name, or null.
};

struct DocumentMember {
  std::string key;
  DocumentValue value;
};

// Errors: kCorrupt with the byte at which it was noticed.
Result<DocumentValue> ParseJsonDocument(std::string_view bytes);
Result<DocumentValue> ParseUbjsonDocument(std::string_view bytes);

}  // namespace gfr
