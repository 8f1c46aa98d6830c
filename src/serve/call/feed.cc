// POST /v1/feed.
#include <algorithm>

#include "rank/ranker.h"
#include "serve/call/calls.h"
#include "serve/feed_json.h"

namespace gfr {

void PostFeed(ServiceState& s, const HttpRequest& http, HttpReply reply) {
  FeedRequest request = ParseFeedRequest(http.body);
  request.now_ms = std::max(s.clock.now_ms(), s.last_arrival_ms.load());
  if (request.request_id.empty())
    request.request_id = "r-" + std::to_string(request.now_ms) + "-" + std::to_string(s.next_offset.load()) + "-" +
                         std::to_string(++s.generated);
  const std::shared_ptr<const BoundModel> bound = s.models.champion();
  const std::shared_ptr<const CandidateLists> lists = s.lists->lists();
  const Feeds::Choice chosen = s.project.feeds().ForSurface(request.surface);
  Feed feed = Rank(*s.store, s.rows(), bound.get(), *chosen.feed, request, lists.get(),
                   [&s](std::string_view stage, double seconds) { s.counters.Ranked(stage, seconds); });
  ++s.counters.feeds;
  s.counters.unknown_surfaces += !chosen.declared;
  s.counters.degraded += !feed.degraded.empty();
  s.counters.undeclared += UndeclaredNames(request, s.store->features().schema);
  const auto json = FeedJson(feed, request, s.project.features().get(), http.query == "explain=true");
  std::vector<Event> events{std::move(feed.event)};
  if (chosen.feed->impressions_on_serve) events.push_back(ImpressionOf(events[0], feed));
  s.Append(
      std::move(events), reply,
      [reply, response = JsonResponse(200, json)](const Appended&) -> ServiceState::Folded {
        return [reply, response] { reply(response); };
      },
      /*urgent=*/true);
}

}  // namespace gfr
