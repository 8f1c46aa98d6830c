// The parts that every report page shares: one HTML file with inline SVG that is read without a network.
#pragma once

#include <string>
#include <string_view>

#include "stats/interval.h"

namespace gfr {

// Text made safe for HTML and its attributes.
std::string EscapeHtml(std::string_view text);

// The head of a page, up to and with its <h1>. The caller ends it with "</html>\n".
std::string HtmlHead(const std::string& title);

// A table cell: the value with its interval, or a dash where it does not exist.
std::string HtmlCell(const Estimate& estimate);

}  // namespace gfr
