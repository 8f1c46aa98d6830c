#include <cmath>
#include <nlohmann/json.hpp>

#include "base/json_number.h"
#include "base/json_text.h"
#include "base/time.h"
#include "doctor/doctor.h"

namespace gfr {

std::string DoctorToJson(const DoctorReport& r) {
  using Json = nlohmann::ordered_json;
  Json json{{"events", r.events},
            {"from", FormatTime(r.first_arrival_ms)},
            {"to", FormatTime(r.last_arrival_ms)},
            {"worst", SeverityName(r.worst())}};
  if (r.simulated) json["simulated"] = true;
  json["followed"] = {{"requests", r.share_of_requests}, {"users", r.share_of_users}, {"items", r.share_of_items}};
  json["findings"] = Json::array();
  for (const Finding& f : r.findings) {
    json["findings"].push_back(
        {{"check", f.check},
         {"severity", SeverityName(f.severity)},
         {"figure", JsonNumber(f.figure)},
         {"interval", std::isnan(f.interval.low) ? Json(nullptr) : Json::array({f.interval.low, f.interval.high})},
         {"count", f.count},
         {"of", f.of},
         {"text", f.text},
         {"meaning", f.meaning},
         {"action", f.action},
         {"examples", f.examples}});
  }
  json["days"] = Json::array();
  for (const auto& day : r.days) {
    Json counts = Json::object();
    for (std::size_t t = 1; t < day.events.size(); ++t) {
      if (day.events[t] > 0) counts[std::string(EventTypeName(static_cast<EventType>(t)))] = day.events[t];
    }
    json["days"].push_back({{"date", day.date}, {"events", std::move(counts)}});
  }
  return DumpJson(json, 2);
}

}  // namespace gfr
