#include "evaluate/html.h"

#include <fmt/format.h>

namespace gfr {

std::string EscapeHtml(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '&':
        out += "&amp;";
        break;
      case '\'':
        out += "&#39;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string HtmlHead(const std::string& title) {
  return "<!doctype html><html lang='en'><meta charset='utf-8'><title>" + EscapeHtml(title) +
         "</title><style>body{font:15px system-ui,sans-serif;margin:2em auto;max-width:70em;padding:0 1em}"
         "table{border-collapse:collapse}td,th{padding:.3em .8em;border-bottom:1px solid #ddd;text-align:left}"
         "small{color:#666}figure{display:inline-block;margin:1em}svg text{font-size:11px}</style><h1>" +
         EscapeHtml(title) + "</h1>";
}

std::string HtmlCell(const Estimate& e) {
  if (std::isnan(e.value)) return "<td>-</td>";
  return fmt::format("<td>{:.4f} <small>[{:.4f}, {:.4f}]</small></td>", e.value, e.interval.low, e.interval.high);
}

}  // namespace gfr
