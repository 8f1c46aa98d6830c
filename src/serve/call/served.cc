// POST /v1/served.
#include "serve/call/calls.h"
#include "serve/feed_json.h"
#include "serve/slates.h"

namespace gfr {

// Slates that readers served, as EncodeSlates made them: into the log, like this server's own.
void PostServed(ServiceState& s, const HttpRequest& request, HttpReply reply) {
  auto slates = DecodeSlates(request.body);
  if (!slates.ok()) return reply(ProblemResponse(400, "Bad Request", slates.error().message));
  for (const Event& e : slates.value()) {
    if (e.type == EventType::kFeedRequest && (e.served.columns != s.project.features()->columns() ||
                                              !s.project.features()->HasRowsOf(e.served.feature_fingerprint)))
      return reply(
          ProblemResponse(409, "Conflict", "the slate was served with other feature definitions than this server's"));
    // What a row is as of was in this log before it was published.
    if (e.served.as_of >= s.next_offset)
      return reply(
          ProblemResponse(409, "Conflict", "the slate was read as of a record that this server does not have"));
  }
  s.Append(
      std::move(slates).value(), reply,
      [reply](const Appended& appended) -> ServiceState::Folded {
        return [reply, accepted = appended.records.size()] { reply(JsonResponse(202, {{"accepted", accepted}})); };
      },
      /*urgent=*/true);
}

}  // namespace gfr
