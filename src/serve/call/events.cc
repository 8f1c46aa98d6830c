// POST /v1/events.
#include <algorithm>

#include "event/event_json.h"
#include "serve/call/calls.h"
#include "serve/feed_json.h"
#include "serve/http_wire.h"

namespace gfr {
namespace {

using Json = nlohmann::ordered_json;

constexpr char kNdjsonType[] = "application/x-ndjson";

HttpResponse Answer(const TakenEvents& taken) {
  if (taken.rejected.rejected_count == 0) {  // Nearly always; as the JSON below.
    return {.status = 202,
            .body = "{\"accepted\":" + std::to_string(taken.accepted) +
                    ",\"duplicates\":" + std::to_string(taken.duplicates) + ",\"rejected\":[]}\n"};
  }
  Json json{{"accepted", taken.accepted}, {"duplicates", taken.duplicates}, {"rejected", Json::array()}};
  for (const Rejection& r : taken.rejected.rejected)
    json["rejected"].push_back({{"index", r.index}, {"code", r.code}, {"message", r.message}});
  if (taken.rejected.rejected_count > taken.rejected.rejected.size())
    json["rejected_count"] = taken.rejected.rejected_count;
  return JsonResponse(taken.accepted + taken.duplicates > 0 ? 202 : 400, json);
}

HttpResponse Counted(ServiceState& s, const TakenEvents& taken, const AnswerEvents& answer) {
  s.counters.accepted += taken.accepted;
  s.counters.duplicates += taken.duplicates;
  s.counters.rejected += taken.rejected.rejected_count;
  return answer(taken);
}

// The machine's clock has jumped ahead, and it shows within a minute whether it stays there. Until then an event that
// is of the future only by the clock before the jump is not refused for good, as `future_time` would: it is to come
// again.
std::optional<HttpResponse> RefusalWhileClockIsInDoubt(const ServiceState& s, const std::vector<Event>& events) {
  const std::int64_t ahead_ms = s.clock.ahead_ms();
  if (ahead_ms == 0) return std::nullopt;
  const std::int64_t limit_ms = s.clock.now_ms() + EventLogOptions().max_future_ms;
  if (std::ranges::none_of(events, [&](const Event& e) { return e.time_ms > limit_ms; })) return std::nullopt;
  return ProblemResponse(503, "Service Unavailable",
                         "this machine's clock has jumped ahead, and events of its time are taken once it has stayed "
                         "there for a minute; nothing was taken",
                         /*retry_after_s=*/10);
}

}  // namespace

std::vector<std::string> EventContentTypes() {
  return {"application/json", kNdjsonType, "application/cloudevents+json", "application/cloudevents-batch+json"};
}

void PostEvents(ServiceState& s, const HttpRequest& request, HttpReply reply) {
  const std::string type = LowerCase(request.Header("content-type"));
  const BodyFormat format = type.starts_with(kNdjsonType) ? BodyFormat::kNdjson : BodyFormat::kJson;
  if (auto full = RefusalOfEvents(s)) return reply(*std::move(full));
  const std::shared_ptr<const Serving> serving = s.serving();
  ParsedEvents parsed =
      ParseEvents(request.body, format, {.from_client = true, .rules = &serving->project->configuration().event_rules});
  if (parsed.rejected.size() == 1 && parsed.events.empty() && parsed.rejected[0].code == "too_large" &&
      request.body.size() > JsonLimits().event_bytes) {
    return reply(ProblemResponse(413, "Content Too Large", "too_large: " + parsed.rejected[0].message));
  }
  TakeEvents(s, std::move(parsed), std::move(reply), Answer);
}

std::optional<HttpResponse> RefusalOfEvents(const ServiceState& s) {
  if (!s.memory_full) return std::nullopt;
  return ProblemResponse(503, "Service Unavailable",
                         "the states take more than [store] memory lets them; nothing was taken",
                         /*retry_after_s=*/60);
}

void TakeEvents(ServiceState& s, ParsedEvents parsed, HttpReply reply, AnswerEvents answer) {
  if (auto wait = RefusalWhileClockIsInDoubt(s, parsed.events)) return reply(*std::move(wait));
  s.LeaveOut(s.serving()->project->configuration().event_rules, &parsed);
  std::vector<Event> events = std::move(parsed.events);
  TakenEvents taken{.accepted = 0, .duplicates = 0, .rejected = std::move(parsed)};
  taken.rejected.events.clear();
  if (events.empty()) return reply(Counted(s, taken, answer));
  s.Append(
      std::move(events), ServiceState::ReplyLogFailed(reply),
      [&s, reply, answer = std::move(answer),
       taken = std::move(taken)](const Appended& appended) mutable -> ServiceState::Folded {
        for (std::size_t i = 0; i < appended.results.size(); ++i) {
          const AppendResult result = appended.results[i];
          taken.accepted += result == AppendResult::kAccepted;
          taken.duplicates += result == AppendResult::kDuplicate;
          const std::size_t index = taken.rejected.indexes[i];
          if (result == AppendResult::kFutureTime)
            taken.rejected.Reject(index, "future_time", "time is more than 5 minutes ahead of arrival");
          if (result == AppendResult::kIdCollision)
            taken.rejected.Reject(index, "id_collision", "an id has the hash of another id");
        }
        return [&s, reply, answer, taken = std::move(taken)] { reply(Counted(s, taken, answer)); };
      },
      /*urgent=*/false);
}

}  // namespace gfr
