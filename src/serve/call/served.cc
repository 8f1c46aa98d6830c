// POST /v1/served.
#include "serve/call/calls.h"
#include "serve/feed_json.h"
#include "serve/slates.h"

namespace gfr {

// Slates that readers served, as EncodeSlates made them: into the log, like this server's own.
HttpResponse PostServed(ServiceState& s, const HttpRequest& request) {
  auto slates = DecodeSlates(request.body);
  if (!slates.ok()) return ProblemResponse(400, "Bad Request", slates.error().message);
  for (const Event& e : slates.value()) {
    if (e.type == EventType::kFeedRequest && (e.served.columns != s.project.features()->columns() ||
                                              !s.project.features()->HasRowsOf(e.served.feature_fingerprint)))
      return ProblemResponse(409, "Conflict", "the slate was served with other feature definitions than this server's");
    // What a row is as of was in this s.log before it was published.
    if (e.served.as_of >= s.next_offset)
      return ProblemResponse(409, "Conflict", "the slate was read as of a record that this server does not have");
  }
  auto appended = s.log->Append(std::move(slates).value());
  if (!appended.ok()) return s.LogFailed(appended.error());
  const std::size_t accepted = appended.value().records.size();
  s.FoldDurable(std::move(appended.value().records));
  return JsonResponse(202, {{"accepted", accepted}});
}

}  // namespace gfr
