// POST /v1/events.
#include "serve/call/calls.h"
#include "serve/feed_json.h"

namespace gfr {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kMaxBytesInFlight = 64u << 20;  // Event bodies; more is answered 429.

}  // namespace

HttpResponse PostEvents(ServiceState& s, const HttpRequest& request) {
  const std::string type = request.content_type.substr(0, request.content_type.find(';'));
  BodyFormat format = BodyFormat::kJson;
  if (type == "application/x-ndjson")
    format = BodyFormat::kNdjson;
  else if (type != "application/json" && type != "application/cloudevents+json" &&
           type != "application/cloudevents-batch+json") {
    return ProblemResponse(415, "Unsupported Media Type",
                           "content type is '" + type +
                               "'; valid are application/json, application/x-ndjson, application/cloudevents+json and "
                               "application/cloudevents-batch+json");
  }
  // Bounded: what waits for the disk is held in memory.
  struct InFlight {
    std::atomic<std::size_t>& total;
    const std::size_t mine;
    InFlight(std::atomic<std::size_t>& t, std::size_t m) : total(t), mine(m) { total += mine; }
    ~InFlight() { total -= mine; }
  } const in_flight(s.bytes_in_flight, request.body.size());
  if (s.bytes_in_flight > kMaxBytesInFlight) {
    return ProblemResponse(429, "Too Many Requests",
                           "more events are waiting for the disk than the server holds; send them again later",
                           /*retry_after_s=*/1);
  }
  if (s.memory_full) {
    return ProblemResponse(503, "Service Unavailable",
                           "the states take more than [store] memory lets them; nothing was taken",
                           /*retry_after_s=*/60);
  }
  ParsedEvents parsed = ParseEvents(request.body, format, {.from_client = true});
  if (parsed.rejected.size() == 1 && parsed.events.empty() && parsed.rejected[0].code == "too_large") {
    return ProblemResponse(413, "Content Too Large", "too_large: " + parsed.rejected[0].message);
  }
  std::uint64_t accepted = 0, duplicates = 0;
  s.LeaveOutErased(&parsed);
  if (!parsed.events.empty()) {
    auto appended = s.log->Append(std::move(parsed.events));
    if (!appended.ok()) return s.LogFailed(appended.error());
    for (std::size_t i = 0; i < appended.value().results.size(); ++i) {
      const AppendResult result = appended.value().results[i];
      accepted += result == AppendResult::kAccepted;
      duplicates += result == AppendResult::kDuplicate;
      if (result == AppendResult::kFutureTime)
        parsed.rejected.push_back({parsed.indexes[i], "future_time", "time is more than 5 minutes ahead of arrival"});
      if (result == AppendResult::kIdCollision)
        parsed.rejected.push_back({parsed.indexes[i], "id_collision", "an id has the hash of another id"});
    }
    s.FoldDurable(std::move(appended.value().records));
  }
  Json json{{"accepted", accepted}, {"duplicates", duplicates}, {"rejected", Json::array()}};
  for (const Rejection& r : parsed.rejected)
    json["rejected"].push_back({{"index", r.index}, {"code", r.code}, {"message", r.message}});
  s.counters.accepted += accepted;
  s.counters.duplicates += duplicates;
  s.counters.rejected += parsed.rejected.size();
  return JsonResponse(accepted + duplicates > 0 || parsed.rejected.empty() ? 202 : 400, json);
}

}  // namespace gfr
