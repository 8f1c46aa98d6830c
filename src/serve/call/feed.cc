// POST /v1/feed.
#include <algorithm>

#include "rank/ranker.h"
#include "serve/call/calls.h"
#include "serve/feed_json.h"

namespace gfr {
namespace {

// The request's id is in the log already, so that this slate is not: the same user has asked again and gets an answer,
// another one's slate would be served without a record.
HttpResponse AnswerAgain(ServiceState& s, const FeedRequest& request, const HttpResponse& response) {
  const auto first = s.FindRequest(request.request_id);
  if (first.ok() && first.value().event.user_id == request.user_id &&
      first.value().event.session_id == request.session_id)
    return response;
  return ProblemResponse(409, "Conflict",
                         "request_id '" + request.request_id.substr(0, 200) +
                             "' is that of another feed; valid is one that was not used in 24 h");
}

}  // namespace

void PostFeed(ServiceState& s, const HttpRequest& http, HttpReply reply) {
  FeedRequest request = ParseFeedRequest(http.body, MaxCandidates(s.store->features().columns()));
  request.now_ms = std::max(s.clock.now_ms(), s.last_arrival_ms.load());
  if (request.request_id.empty())
    request.request_id = "r-" + std::to_string(request.now_ms) + "-" + std::to_string(s.next_offset.load()) + "-" +
                         std::to_string(++s.generated);
  const std::shared_ptr<const BoundModel> bound = s.models.champion();
  const std::shared_ptr<const CandidateLists> lists = s.lists->lists();
  const Feeds::Choice chosen = s.project.feeds().ForSurface(request.surface);
  Feed feed = Rank(*s.store, s.rows(), bound.get(), *chosen.feed, request, lists.get());
  ++s.counters.feeds;
  s.counters.unknown_surfaces += !chosen.declared;
  s.counters.degraded += !feed.degraded.empty();
  s.counters.undeclared += UndeclaredNames(request, s.store->features().schema);
  const auto json = FeedJson(feed, request, s.project.features().get(), http.query == "explain=true");
  std::vector<Event> events{std::move(feed.event)};
  if (chosen.feed->impressions_on_serve) events.push_back(ImpressionOf(events[0], feed));
  s.Append(
      std::move(events), reply,
      [&s, reply, request = std::move(request),
       response = JsonResponse(200, json)](const Appended& appended) -> ServiceState::Folded {
        if (appended.results.at(0) == AppendResult::kAccepted) return [reply, response] { reply(response); };
        return [&s, reply, request, response] {
          const Status posted = s.lanes.Post(
              Lane::kBlocking, [&s, reply, request, response] { reply(AnswerAgain(s, request, response)); });
          if (!posted.ok()) reply(ProblemResponse(503, "Service Unavailable", posted.error().message, 1));
        };
      },
      /*urgent=*/true);
}

}  // namespace gfr
