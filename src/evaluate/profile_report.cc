#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/json_number.h"
#include "base/json_text.h"
#include "base/time.h"
#include "evaluate/feature_profile.h"
#include "evaluate/html.h"

namespace gfr {
namespace {

using Json = nlohmann::ordered_json;

std::string Text(double x) { return std::isfinite(x) ? fmt::format("{:.4g}", x) : "-"; }

std::string BinName(const ProfileBin& bin) {
  if (!bin.value.empty()) return bin.value;
  return bin.low == bin.high ? Text(bin.low) : Text(bin.low) + " to " + Text(bin.high);
}

// Rows as grey bars, the label's rate as a line of dots with intervals, each by its own scale.
std::string Draw(const FeatureProfile& f) {
  constexpr double kWidth = 40, kHeight = 110, kTop = 16;
  std::uint64_t most = 1;
  double top = 1e-12;
  for (const ProfileBin& bin : f.bins) {
    most = std::max(most, bin.rows);
    top = std::max(top, bin.rate.interval.high);
  }
  std::string bars, line, marks;
  double x = 8;
  for (const ProfileBin& bin : f.bins) {
    const double height = kHeight * static_cast<double>(bin.rows) / static_cast<double>(most);
    const auto y = [&](double rate) { return kTop + kHeight * (1 - std::clamp(rate / top, 0.0, 1.0)); };
    bars += fmt::format(
        "<rect x='{:.1f}' y='{:.1f}' width='{:.1f}' height='{:.1f}' fill='{}'><title>{}: {} rows, {} positive, weight "
        "of evidence {:.3f}</title></rect>",
        x, kTop + kHeight - height, kWidth - 4, height, bin.value == "missing" ? "#e8c9a0" : "#ddd",
        EscapeHtml(BinName(bin)), bin.rows, bin.positives, bin.weight_of_evidence);
    const double middle = x + kWidth / 2 - 2;
    if (bin.value.empty()) line += fmt::format("{:.1f},{:.1f} ", middle, y(bin.rate.value));
    marks += fmt::format(
        "<line x1='{0:.1f}' x2='{0:.1f}' y1='{1:.1f}' y2='{2:.1f}' stroke='#0b63ce'/><circle cx='{0:.1f}' "
        "cy='{3:.1f}' r='3' fill='#0b63ce'/>",
        middle, y(bin.rate.interval.low), y(bin.rate.interval.high), y(bin.rate.value));
    const std::string name = BinName(bin);
    bars += fmt::format("<text transform='translate({:.1f},{:.1f}) rotate(40)'>{}</text>", middle - 4,
                        kTop + kHeight + 12, EscapeHtml(name.size() > 18 ? name.substr(0, 17) + "." : name));
    x += kWidth;
  }
  return fmt::format(
      "<svg viewBox='0 0 {0:.0f} 215' width='{0:.0f}'>{1}<polyline points='{2}' fill='none' stroke='#0b63ce'/>{3}"
      "<text x='8' y='11'>rate up to {4:.4f}, bars up to {5} rows</text></svg>",
      x + 70, bars, line, marks, top, most);
}

}  // namespace

std::string ProfileToJson(const ProfileReport& r) {
  Json json{{"project", r.project}, {"from", FormatTime(r.from_ms)}, {"to", FormatTime(r.to_ms)}};
  if (r.simulated) json["simulated"] = true;
  json["objectives"] = Json::object();
  for (const ObjectiveProfile& o : r.objectives) {
    Json features = Json::array();
    for (const FeatureProfile& f : o.features) {
      Json bins = Json::array();
      for (const ProfileBin& b : f.bins) {
        Json bin{{"low", JsonNumber(b.low)}, {"high", JsonNumber(b.high)}};
        if (!b.value.empty()) bin = {{"value", b.value}};
        bin["rows"] = b.rows;
        bin["positives"] = b.positives;
        bin["rate"] = JsonNumber(b.rate.value);
        bin["rate_interval"] = {JsonNumber(b.rate.interval.low), JsonNumber(b.rate.interval.high)};
        bin["weight_of_evidence"] = JsonNumber(b.weight_of_evidence);
        bins.push_back(std::move(bin));
      }
      features.push_back({{"name", f.name},
                          {"category", f.categorical},
                          {"rows", f.rows},
                          {"missing", f.missing},
                          {"missing_share", JsonNumber(static_cast<double>(f.missing) / static_cast<double>(f.rows))},
                          {"distinct", f.distinct},
                          {"mean", JsonNumber(f.mean)},
                          {"sd", JsonNumber(f.sd)},
                          {"min", JsonNumber(f.low)},
                          {"max", JsonNumber(f.high)},
                          {"deciles", f.deciles},
                          {"information_value", JsonNumber(f.information_value)},
                          {"auc", JsonNumber(f.auc)},
                          {"correlation", JsonNumber(f.correlation)},
                          {"note", f.note},
                          {"bins", std::move(bins)}});
    }
    json["objectives"][o.name] = {{"rows", o.rows}, {"positives", o.positives}, {"features", std::move(features)}};
  }
  return DumpJson(json, 2);
}

std::string ProfileToHtml(const ProfileReport& r) {
  std::string html = HtmlHead("Features of " + r.project + (r.simulated ? " (simulated)" : "")) + "<p>Rows from " +
                     FormatTime(r.from_ms) + " to " + FormatTime(r.to_ms) +
                     ". Bars: rows in a decile (a category's commonest values), brown: missing. Dots: the label's rate "
                     "there, with its 95 % Wilson interval as if rows were independent. Information value: by weight "
                     "of evidence with half a count added to each cell; under 0.02 is nothing, 0.1 weak, 0.3 strong. "
                     "AUC: of the value alone as a score, where it is not missing.</p>";
  for (const ObjectiveProfile& o : r.objectives) {
    html += fmt::format(
        "<h2>{}: {} rows, {} positive</h2><table><tr><th>feature<th>missing<th>mean<th>sd<th>min"
        "<th>median<th>max<th>information value<th>AUC<th>correlation<th></tr>",
        EscapeHtml(o.name), o.rows, o.positives);
    for (const FeatureProfile& f : o.features) {
      html += fmt::format(
          "<tr><td><a href='#{0}-{1}'>{1}</a></td><td>{2:.1f} %</td><td>{3}</td><td>{4}</td><td>{5}</td><td>{6}</td>"
          "<td>{7}</td><td>{8:.4f}</td><td>{9}</td><td>{10}</td><td><small>{11}</small></td></tr>",
          EscapeHtml(o.name), EscapeHtml(f.name),
          100.0 * static_cast<double>(f.missing) / static_cast<double>(std::max<std::uint64_t>(1, f.rows)),
          Text(f.mean), Text(f.sd), Text(f.low), f.categorical ? "-" : Text(f.deciles[4]), Text(f.high),
          f.information_value, Text(f.auc), Text(f.correlation), EscapeHtml(f.note));
    }
    html += "</table>";
    for (const FeatureProfile& f : o.features)
      html += fmt::format("<figure id='{}-{}'>{}<figcaption>{}: information value {:.4f}</figcaption></figure>",
                          EscapeHtml(o.name), EscapeHtml(f.name), Draw(f), EscapeHtml(f.name), f.information_value);
  }
  return html + "</html>\n";
}

}  // namespace gfr
