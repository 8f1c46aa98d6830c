// ReadNumberList: the numbers of a list of JSON, read from its text alone.
//
// Most of what a server of models reads is long lists of numbers. Where numbers end is found for 64 bytes at a time, by
// their commas: each is then read without waiting for the end of the one before it, so that a processor works on
// several at once. Usual numbers (at most 15 digits behind a point, or 15 digits without one) have a short way of their
// own; all others are read by ReadJsonNumber.
// Thread safety: pure functions.
#pragma once

#include <vector>

namespace gfr {

inline bool IsJsonBlank(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

// The number of JSON's grammar at the beginning of [at, end), to the nearest double, and its end; null: there is none,
// or it is too large for a double.
const char* ReadJsonNumber(const char* at, const char* end, double* number);

// Appends the numbers of the list whose opening bracket is just before `at`: T is float or double, and a float is the
// one nearest to the double. null is a missing number (NaN). Gives what is behind the closing bracket. Null: something
// else stands in it, or nothing; `values` is as it was.
template <typename T>
const char* ReadNumberList(const char* at, const char* end, std::vector<T>* values);

}  // namespace gfr
