// How the value of a property is read: one rule for CSV, Parquet, ndjson, HTTP, candidates and records of a log.
//
// A category is its text as sent; a number is a category by its canonical text (base/number_text.h), true and false by
// these words. A number is the number sent, or the text of one. So a property means the same however it came, and a
// text that only looks like a number ("038", "1e3", "2111222333444555724") loses nothing.
// Thread safety: pure functions.
#pragma once

#include <string>
#include <string_view>

#include "event/event.h"

namespace gfr {

// Of a text of a table: a number if it is the canonical text of one, else the text.
Property PropertyOfText(std::string name, std::string text);
// Of a whole number that double may not hold.
Property PropertyOfWhole(std::string name, std::int64_t value);
Property PropertyOfWhole(std::string name, std::uint64_t value);

std::string CategoryText(const Property& property);  // "": missing.
double NumberOf(const Property& property);           // NaN: missing.

}  // namespace gfr
