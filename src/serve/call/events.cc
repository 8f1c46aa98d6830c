// POST /v1/events.
#include <algorithm>
#include <cctype>

#include "event/event_json.h"
#include "serve/call/calls.h"
#include "serve/feed_json.h"

namespace gfr {
namespace {

using Json = nlohmann::ordered_json;

constexpr char kNdjsonType[] = "application/x-ndjson";

HttpResponse Answer(ServiceState& s, std::uint64_t accepted, std::uint64_t duplicates, const ParsedEvents& parsed) {
  s.counters.accepted += accepted;
  s.counters.duplicates += duplicates;
  s.counters.rejected += parsed.rejected_count;
  if (parsed.rejected_count == 0) {  // Nearly always; as the JSON below.
    return {.status = 202,
            .body = "{\"accepted\":" + std::to_string(accepted) + ",\"duplicates\":" + std::to_string(duplicates) +
                    ",\"rejected\":[]}\n"};
  }
  Json json{{"accepted", accepted}, {"duplicates", duplicates}, {"rejected", Json::array()}};
  for (const Rejection& r : parsed.rejected)
    json["rejected"].push_back({{"index", r.index}, {"code", r.code}, {"message", r.message}});
  if (parsed.rejected_count > parsed.rejected.size()) json["rejected_count"] = parsed.rejected_count;
  return JsonResponse(accepted + duplicates > 0 ? 202 : 400, json);
}

}  // namespace

std::vector<std::string> EventContentTypes() {
  return {"application/json", kNdjsonType, "application/cloudevents+json", "application/cloudevents-batch+json"};
}

void PostEvents(ServiceState& s, const HttpRequest& request, HttpReply reply) {
  std::string type(request.Header("content-type"));
  for (char& c : type) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  const BodyFormat format = type.starts_with(kNdjsonType) ? BodyFormat::kNdjson : BodyFormat::kJson;
  if (s.memory_full) {
    return reply(ProblemResponse(503, "Service Unavailable",
                                 "the states take more than [store] memory lets them; nothing was taken",
                                 /*retry_after_s=*/60));
  }
  const std::shared_ptr<const Serving> serving = s.serving();
  ParsedEvents parsed =
      ParseEvents(request.body, format, {.from_client = true, .rules = &serving->project->configuration().event_rules});
  if (parsed.rejected.size() == 1 && parsed.events.empty() && parsed.rejected[0].code == "too_large" &&
      request.body.size() > JsonLimits().event_bytes) {
    return reply(ProblemResponse(413, "Content Too Large", "too_large: " + parsed.rejected[0].message));
  }
  s.LeaveOut(serving->project->configuration().event_rules, &parsed);
  if (parsed.events.empty()) return reply(Answer(s, 0, 0, parsed));
  std::vector<Event> events = std::move(parsed.events);
  s.Append(
      std::move(events), ServiceState::ReplyLogFailed(reply),
      [&s, reply, parsed = std::move(parsed)](const Appended& appended) -> ServiceState::Folded {
        std::uint64_t accepted = 0, duplicates = 0;
        ParsedEvents told{.events = {}, .indexes = {}, .rejected = parsed.rejected};
        told.rejected_count = parsed.rejected_count;
        for (std::size_t i = 0; i < appended.results.size(); ++i) {
          const AppendResult result = appended.results[i];
          accepted += result == AppendResult::kAccepted;
          duplicates += result == AppendResult::kDuplicate;
          if (result == AppendResult::kFutureTime)
            told.Reject(parsed.indexes[i], "future_time", "time is more than 5 minutes ahead of arrival");
          if (result == AppendResult::kIdCollision)
            told.Reject(parsed.indexes[i], "id_collision", "an id has the hash of another id");
        }
        return
            [&s, reply, accepted, duplicates, told = std::move(told)] { reply(Answer(s, accepted, duplicates, told)); };
      },
      /*urgent=*/false);
}

}  // namespace gfr
