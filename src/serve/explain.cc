#include "serve/explain.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "base/time.h"
#include "event/event_json.h"
#include "log/local_log.h"

namespace gfr {
namespace {

using Json = nlohmann::ordered_json;

Json Number(double x) { return std::isfinite(x) ? Json(x) : Json(nullptr); }

}  // namespace

std::string ExplainJson(const LogRecord& record, const FeatureSet& features) {
  const ServedSlate& s = record.event.served;
  Json json = Json::parse(EventToJson(record.event));
  json["served"] = {{"as_of", s.as_of},
                    {"now", FormatTime(s.now_ms)},
                    {"epoch_end", FormatTime(s.epoch_end_ms)},
                    {"model", s.model},
                    {"candidates", Json::array()}};
  if (!s.swaps.empty()) json["served"]["swaps"] = s.swaps;
  for (std::size_t i = 0; i < s.pctr.size() && i < record.event.items.size(); ++i) {
    const EventItem& item = record.event.items[i];
    Json c{{"item_id", item.item_id},
           {"channel", item.channel},
           {"position", item.index >= 0 ? Json(item.index) : Json(nullptr)},
           {"scores", {{"pctr", Number(s.pctr[i])}, {"pcvr", Number(s.pcvr[i])}, {"value", Number(s.value[i])}}},
           {"propensity", Number(s.propensity[i])}};
    if (i < s.pctr_shown.size() && i < s.pcvr_shown.size() && item.index >= 0)
      c["scores_at_shown"] = {{"pctr", Number(s.pctr_shown[i])}, {"pcvr", Number(s.pcvr_shown[i])}};
    if (features.HasRowsOf(s.feature_fingerprint)) {
      for (std::size_t k = 0; k < s.columns; ++k)
        c["features"][features.features[k].view->spec().name] = Number(s.features[i * s.columns + k]);
    }
    json["served"]["candidates"].push_back(std::move(c));
  }
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<LogRecord> FindRequest(const Project& project, const std::string& request_id) {
  LocalLog log(PosixFileSystem(), project.log_folder());
  GFR_ASSIGN(const auto reader, log.OpenAll(TypeBit(EventType::kFeedRequest)));
  for (LogRecord record;;) {
    GFR_ASSIGN(const bool more, reader->More(&record));
    if (!more) return Error{ErrorCode::kNotFound, "no request '" + request_id.substr(0, 200) + "' is in the log"};
    if (record.event.request_id == request_id) return record;
  }
}

}  // namespace gfr
