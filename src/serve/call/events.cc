// POST /v1/events.
#include <algorithm>
#include <memory>

#include "event/event_json.h"
#include "event/event_slices.h"
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

// `taken` is called once the accepted ones are folded, `refused` where none can be taken now.
void AppendEvents(ServiceState& s, ParsedEvents parsed, const HttpReply& refused,
                  std::function<void(TakenEvents)> taken) {
  if (auto wait = RefusalWhileClockIsInDoubt(s, parsed.events)) return refused(*std::move(wait));
  s.LeaveOut(s.serving()->project->configuration().event_rules, &parsed);
  std::vector<Event> events = std::move(parsed.events);
  TakenEvents result{.accepted = 0, .duplicates = 0, .rejected = std::move(parsed)};
  result.rejected.events.clear();
  if (events.empty()) return taken(std::move(result));
  s.Append(
      std::move(events), ServiceState::ReplyLogFailed(refused),
      [taken = std::move(taken), result = std::move(result)](const Appended& appended) mutable -> ServiceState::Folded {
        for (std::size_t i = 0; i < appended.results.size(); ++i) {
          const AppendResult one = appended.results[i];
          result.accepted += one == AppendResult::kAccepted;
          result.duplicates += one == AppendResult::kDuplicate;
          const std::size_t index = result.rejected.indexes[i];
          if (one == AppendResult::kFutureTime)
            result.rejected.Reject(index, "future_time", "time is more than 5 minutes ahead of arrival");
          if (one == AppendResult::kIdCollision)
            result.rejected.Reject(index, "id_collision", "an id has the hash of another id");
        }
        return [taken = std::move(taken), result = std::move(result)] { taken(result); };
      },
      /*urgent=*/false);
}

// A body that is taken slice by slice, so that it never takes more memory than one. It holds itself while it waits.
class LargeBody : public std::enable_shared_from_this<LargeBody> {
 public:
  LargeBody(ServiceState& s, HttpRequest request, BodyFormat format, HttpReply reply)
      : s_(s),
        serving_(s.serving()),
        body_(std::move(request.body)),
        limits_({.from_client = true, .rules = &serving_->project->configuration().event_rules}),
        slices_(body_, format, limits_),
        reply_(std::move(reply)) {}

  void Begin() {
    auto refused = slices_.Refusal();
    if (!refused) return TakeNext();
    Add({.rejected = *std::move(refused)});
    End();
  }

 private:
  // On a thread of the ingest lane. Memory that cannot be had refuses the rest.
  void TakeNext() {
    ParsedEvents slice;
    try {
      if (!slices_.Next(&slice)) return End();
    } catch (const std::exception& e) {
      return Refuse(ProblemResponse(503, "Service Unavailable", e.what(), /*retry_after_s=*/1));
    }
    ++slices_taken_;
    AppendEvents(
        s_, std::move(slice), [self = shared_from_this()](HttpResponse refused) { self->Refuse(std::move(refused)); },
        [self = shared_from_this()](TakenEvents taken) {
          self->Add(std::move(taken));
          const Status posted = self->s_.lanes.Post(Lane::kIngest, [self] { self->TakeNext(); });
          if (!posted.ok())
            self->Refuse(ProblemResponse(503, "Service Unavailable", posted.error().message, /*retry_after_s=*/1));
        });
  }

  void Add(TakenEvents taken) {
    all_.accepted += taken.accepted;
    all_.duplicates += taken.duplicates;
    const std::size_t untold = taken.rejected.rejected_count - taken.rejected.rejected.size();
    for (Rejection& r : taken.rejected.rejected) all_.rejected.Reject(r.index, std::move(r.code), std::move(r.message));
    all_.rejected.rejected_count += untold;
  }

  void End() {
    const ParsedEvents& rejected = all_.rejected;
    if (slices_taken_ <= 1 && all_.accepted + all_.duplicates == 0 && rejected.rejected_count == 1 &&
        rejected.rejected[0].code == "too_large")
      return reply_(ProblemResponse(413, "Content Too Large", "too_large: " + rejected.rejected[0].message));
    reply_(Counted(s_, all_, Answer));
  }

  // What was taken before stays taken: it is in the log.
  void Refuse(HttpResponse refused) {
    const std::uint64_t before = all_.accepted + all_.duplicates;
    if (before == 0) return reply_(std::move(refused));
    (void)Counted(s_, all_, [](const TakenEvents&) { return HttpResponse(); });
    HttpResponse told =
        ProblemResponse(refused.status, refused.status == 429 ? "Too Many Requests" : "Service Unavailable",
                        std::to_string(before) +
                            " events of this body are taken, and the rest of it cannot be now; sent again, those "
                            "are duplicates");
    for (auto& header : refused.headers) {
      if (header.first == "Retry-After") told.headers.push_back(std::move(header));
    }
    reply_(std::move(told));
  }

  ServiceState& s_;
  const std::shared_ptr<const Serving> serving_;  // Has the rules that the body is read by.
  const std::string body_;
  const JsonLimits limits_;
  EventSlices slices_;
  const HttpReply reply_;
  TakenEvents all_;
  int slices_taken_ = 0;
};

}  // namespace

std::vector<std::string> EventContentTypes() {
  return {"application/json", kNdjsonType, "application/cloudevents+json", "application/cloudevents-batch+json"};
}

void PostEvents(ServiceState& s, HttpRequest request, HttpReply reply) {
  const std::string type = LowerCase(request.Header("content-type"));
  const BodyFormat format = type.starts_with(kNdjsonType) ? BodyFormat::kNdjson : BodyFormat::kJson;
  if (auto full = RefusalOfEvents(s)) return reply(*std::move(full));
  const std::shared_ptr<const Serving> serving = s.serving();
  const JsonLimits limits{.from_client = true, .rules = &serving->project->configuration().event_rules};
  if (request.body.size() > limits.event_bytes)
    return std::make_shared<LargeBody>(s, std::move(request), format, std::move(reply))->Begin();
  TakeEvents(s, ParseEvents(request.body, format, limits), std::move(reply), Answer);
}

std::optional<HttpResponse> RefusalOfEvents(const ServiceState& s) {
  if (!s.memory_full) return std::nullopt;
  return ProblemResponse(503, "Service Unavailable",
                         "the states take more than [store] memory lets them; nothing was taken",
                         /*retry_after_s=*/60);
}

void TakeEvents(ServiceState& s, ParsedEvents parsed, HttpReply reply, AnswerEvents answer) {
  AppendEvents(s, std::move(parsed), reply,
               [&s, reply, answer = std::move(answer)](TakenEvents taken) { reply(Counted(s, taken, answer)); });
}

}  // namespace gfr
