// The text of a number and back: one canonical form, whatever a number came by.
//
// Canonical is a whole number below 1e21 without a point ("38", not "38.0"), else the shortest text that reads back as
// the same number ("38.5", "1e+21"). Thread safety: pure functions.
#pragma once

#include <string>
#include <string_view>

namespace gfr {

std::string NumberText(double x);  // "" of NaN; "inf" and "-inf".
std::string NumberText(float x);   // Shortest as a float: 0.1f is "0.1".

// The whole text is one decimal number ("1.5", "+2", "1e3"). False: it is not, or is not finite ("nan", "inf", "1e999",
// "0x1F"); `value` is then unchanged.
bool ParseNumber(std::string_view text, double* value);

}  // namespace gfr
