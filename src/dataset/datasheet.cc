#include "dataset/datasheet.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/json_text.h"
#include "base/time.h"

namespace gfr {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kWhy[] = {
    "younger than the label's window: their label could still come",
    "of users that look like robots",
    "of users that [dataset] leave_out_users names",
    "impressions whose request is not in the log",
    "of items that their request does not have",
    "impressions whose request was logged with what cannot have been: `gfr features verify` "
    "names the first",
    "of items that were not on sale, of which no slate is sampled"};
static_assert(std::size(kWhy) == std::size(kDropReasons));

double Rate(std::uint64_t positives, std::uint64_t rows) {
  return rows == 0 ? 0.0 : static_cast<double>(positives) / static_cast<double>(rows);
}
std::string Day(std::int64_t day) { return FormatTime(day * kDayMs).substr(0, 10); }
double Days(std::int64_t ms) { return static_cast<double>(ms) / static_cast<double>(kDayMs); }

}  // namespace

DataSheet::DataSheet(const std::vector<ObjectiveConfig>& objectives) {
  for (const ObjectiveConfig& o : objectives) objectives_.push_back({.config = o});
}

void DataSheet::Row(std::size_t objective, const RowPlace& place, bool label) {
  Objective& o = objectives_[objective];
  if (o.all.rows == 0) o.first_ms = place.arrival_ms;
  for (Counts* counts : {&o.all, &o.days[place.arrival_ms / kDayMs]}) {
    ++counts->rows;
    counts->positives += label;
  }
  o.users.insert(place.user);
  o.last_ms = std::max(o.last_ms, place.arrival_ms);
  if (label) o.last_positive_ms = std::max(o.last_positive_ms, place.arrival_ms);
}

void DataSheet::Dropped(std::size_t objective, DropReason reason, std::uint64_t lines) {
  objectives_[objective].dropped[reason] += lines;
}

std::string DataSheet::ToJson(const Dataset& about) const {
  Json json{{"log",
             {{"events", about.records},
              {"first_arrival", FormatTime(about.first_arrival_ms)},
              {"last_arrival", FormatTime(about.last_arrival_ms)}}},
            {"simulated", about.simulated},
            {"objectives", Json::object()}};
  for (const Objective& o : objectives_) {
    Json& out = json["objectives"][o.config.name];
    out = {{"population", EventTypeName(o.config.population)},
           {"label", EventTypeName(o.config.label)},
           {"window_ms", o.config.window_ms},
           {"rows", o.all.rows},
           {"positives", o.all.positives},
           {"base_rate", Rate(o.all.positives, o.all.rows)},
           {"users", o.users.size()}};
    if (o.all.rows > 0) {
      out["first_row"] = FormatTime(o.first_ms);
      out["newest_row"] = FormatTime(o.last_ms);
      out["newest_row_age_days"] = Days(about.last_arrival_ms - o.last_ms);
    }
    if (o.all.positives > 0) {
      out["newest_positive"] = FormatTime(o.last_positive_ms);
      out["newest_positive_age_days"] = Days(about.last_arrival_ms - o.last_positive_ms);
    }
    out["dropped"] = Json::object();
    for (const auto& [reason, lines] : o.dropped)
      out["dropped"][kDropReasons[static_cast<std::size_t>(reason)]] = lines;
    out["days"] = Json::array();
    for (const auto& [day, c] : o.days)
      out["days"].push_back(
          {{"day", Day(day)}, {"rows", c.rows}, {"positives", c.positives}, {"base_rate", Rate(c.positives, c.rows)}});
  }
  return DumpJson(json, 2) + "\n";
}

std::string DataSheet::ToMarkdown(const Dataset& about) const {
  std::string text = fmt::format("# Data sheet\n\n{} events{} that arrived from {} to {}.\n", about.records,
                                 about.simulated ? " (simulated)" : "", FormatTime(about.first_arrival_ms),
                                 FormatTime(about.last_arrival_ms));
  for (const Objective& o : objectives_) {
    text += fmt::format(
        "\n## {}\nEach {}; positive when {} follows within {:g} hours. {} rows of {} users, {} positive: a base rate "
        "of "
        "{:.4g}.\n",
        o.config.name, EventTypeName(o.config.population), EventTypeName(o.config.label), 24 * Days(o.config.window_ms),
        o.all.rows, o.users.size(), o.all.positives, Rate(o.all.positives, o.all.rows));
    if (o.all.positives > 0)
      text +=
          fmt::format("The newest row is {:.2f} days older than the log's end, the newest positive one {:.2f} days.\n",
                      Days(about.last_arrival_ms - o.last_ms), Days(about.last_arrival_ms - o.last_positive_ms));
    for (const auto& [reason, lines] : o.dropped)
      text += fmt::format("- dropped: {} rows {}\n", lines, kWhy[static_cast<std::size_t>(reason)]);
    text += "\n| day | rows | positives | base rate |\n|---|---|---|---|\n";
    for (const auto& [day, c] : o.days)
      text += fmt::format("| {} | {} | {} | {:.4g} |\n", Day(day), c.rows, c.positives, Rate(c.positives, c.rows));
  }
  return text;
}

}  // namespace gfr
