// POST /v1/feed.
#include <algorithm>
#include <atomic>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/clock.h"
#include "base/json_text.h"
#include "rank/recheck.h"
#include "serve/answer_feed.h"
#include "serve/call/calls.h"
#include "serve/feed_json.h"
#include "serve/url_query.h"

namespace gfr {
namespace {

// The answer of one feed: given once its record is durable and folded, or without it when the log fails or takes longer
// than [serve] log_wait; whichever comes first. Thread safety: all calls.
class FeedAnswer final : public LateReply {
 public:
  FeedAnswer(ServiceState& s, HttpReply reply, const Assignment& assignment, nlohmann::ordered_json json,
             bool tells_degraded)
      : response(Response(assignment, json)),
        reply(std::move(reply)),
        assigned(assignment.experiments),
        s_(s),
        json_(std::move(json)),
        tells_degraded_(tells_degraded) {}
  // True for one caller, who replies.
  bool Claim() { return !claimed_.exchange(true); }
  void Reply() {
    if (Claim()) reply(response);
  }
  // The record may be in the log all the same, or come into it later.
  void ReplyLate() override { ReplyUnlogged(); }
  void ReplyUnlogged() {
    if (!Claim()) return;
    ++s_.counters.unlogged;
    if (!tells_degraded_) return reply(response);
    s_.counters.degraded += json_["degraded"].empty();
    json_["degraded"].push_back("log");
    HttpResponse unlogged = response;
    unlogged.body = JsonResponse(200, json_).body;
    reply(std::move(unlogged));
  }
  const HttpResponse response;
  const HttpReply reply;
  const std::vector<ServedExperiment> assigned;

 private:
  static HttpResponse Response(const Assignment& assignment, const nlohmann::ordered_json& json) {
    HttpResponse response = JsonResponse(200, json);
    NameVariant(assignment, &response);
    return response;
  }
  ServiceState& s_;
  nlohmann::ordered_json json_;  // Of whoever has claimed.
  const bool tells_degraded_;
  std::atomic<bool> claimed_ = false;
};

// Who asks for a feed, and by which name.
struct Asker {
  std::string request_id, user_id, session_id;
};

// The request's id is in the log already, so that this slate is not: the same user has asked again and gets an answer,
// another one's slate would be served without a record. REQUIRES: `answer` is claimed.
void AnswerAgain(ServiceState& s, const Asker& asker, const std::shared_ptr<FeedAnswer>& answer) {
  const auto fail = [&s, answer](HttpResponse response) {
    s.counters.AssignedFailed(answer->assigned);
    answer->reply(std::move(response));
  };
  const Status posted = s.lanes.Post(Lane::kBlocking, [&s, asker, answer, fail] {
    const auto first = s.FindRequest(asker.request_id);
    if (first.ok() && first.value().event.user_id == asker.user_id &&
        first.value().event.session_id == asker.session_id)
      return answer->reply(answer->response);
    fail(ProblemResponse(409, "Conflict",
                         "request_id '" + asker.request_id.substr(0, 200) +
                             "' is that of another feed; valid is one that was not used in 24 h"));
  });
  if (!posted.ok()) fail(ProblemResponse(503, "Service Unavailable", posted.error().message, 1));
}

}  // namespace

namespace {

// The slate of before, for who asks again within [[feed]] reload: its reply less what may not be shown any more. None:
// there is none, or nothing of it is left.
std::optional<HttpResponse> SlateOfBefore(ServiceState& s, const Serving& serving, const FeedRequest& request,
                                          Key key) {
  const std::optional<std::string> kept = s.recent_slates.Find(key, s.now_ms());
  if (!kept) return std::nullopt;
  auto json = ParseJson<nlohmann::ordered_json>(*kept);
  std::vector<std::string> ids;
  for (const auto& item : json["items"]) ids.push_back(item["item_id"]);
  FeedRequest now = request;
  now.now_ms = s.now_ms();
  const FeatureReader& rows = s.rows(serving);
  const FeedConfig& feed = *serving.project->feeds().ForSurface(request.surface).feed;
  const std::vector<std::string> eligible =
      StillEligible(*serving.store, rows, feed, now, FindRequester(rows, now), ids);
  if (eligible.empty()) return std::nullopt;
  auto items = nlohmann::ordered_json::array();
  for (auto& item : json["items"]) {
    if (std::ranges::find(eligible, item["item_id"].get<std::string>()) != eligible.end())
      items.push_back(std::move(item));
  }
  json["items"] = std::move(items);
  ++s.counters.reloaded;
  return JsonResponse(200, json);
}

// Whether the reply's record was in the log in time: its `degraded` has no "log".
bool IsLogged(const std::string& body) {
  const std::size_t begin = body.find("\"degraded\":[");
  return begin != std::string::npos &&
         body.substr(begin, body.find(']', begin) - begin).find("\"log\"") == std::string::npos;
}

// Keeps what is replied for who asks again; a slate whose record may not be in the log has no id to keep.
HttpReply Keeping(ServiceState& s, Key key, std::int64_t reload_ms, HttpReply reply) {
  return [&s, key, reload_ms, reply = std::move(reply)](HttpResponse response) {
    if (response.status == 200 && IsLogged(response.body)) {
      const std::int64_t now_ms = s.now_ms();
      s.recent_slates.Add(key, now_ms, now_ms + reload_ms, response.body);
    }
    reply(std::move(response));
  };
}

}  // namespace

void PostFeed(ServiceState& s, const HttpRequest& http, HttpReply reply) {
  const std::shared_ptr<const Serving> serving = s.serving();
  FeedRequest request = ParseFeedRequest(http.body, MaxCandidates(serving->features().columns()),
                                         serving->project->configuration().event_rules);
  const bool explain = QueryValue(http, "explain") == "true";
  const std::int64_t reload_ms = serving->project->feeds().ForSurface(request.surface).feed->reload_ms;
  // Who overrides an assignment wants a slate of it.
  if (reload_ms > 0 && http.Header("x-gfr-assign").empty() && http.Header("x-amzn-sagemaker-target-variant").empty()) {
    if (const Key key = ReloadKey(request, explain); key != 0) {
      if (auto again = SlateOfBefore(s, *serving, request, key)) return reply(*std::move(again));
      reply = Keeping(s, key, reload_ms, std::move(reply));
    }
  }
  ServeFeed(
      s, http, std::move(request), std::move(reply),
      [explain](const Feed& feed, const FeedRequest& of, const FeatureSet& features) {
        return FeedJson(feed, of, &features, explain);
      },
      /*tells_degraded=*/true);
}

void ServeFeed(ServiceState& s, const HttpRequest& http, FeedRequest request, HttpReply reply, const TellFeed& tell,
               bool tells_degraded) {
  const std::int64_t began_us = MonotonicUs();
  const std::shared_ptr<const Serving> serving = s.serving();
  request.now_ms = s.now_ms();
  if (request.request_id.empty())
    request.request_id = "r-" + std::to_string(request.now_ms) + "-" + std::to_string(s.next_offset.load()) + "-" +
                         std::to_string(++s.generated);
  const std::shared_ptr<const ServedModels> models = serving->models->models();
  const std::shared_ptr<const CandidateLists> lists = serving->lists->lists();
  const std::shared_ptr<const ContractPrices> contracts = s.contracts();
  double ranked_s = 0;
  std::vector<ShadowRun> shadows = ShadowsFor(serving->assigner->experiments(), *models, request.request_id);
  ShadowInput kept;
  AnsweredFeed made = AnswerFeed({.feeds = serving->project->feeds(),
                                  .assigner = *serving->assigner,
                                  .models = *models,
                                  .store = *serving->store,
                                  .rows = s.rows(*serving),
                                  .lists = lists.get(),
                                  .configuration = serving->project->configuration().fingerprint,
                                  .contracts = contracts.get(),
                                  .keep = shadows.empty() ? nullptr : &kept},
                                 http, request, [&](std::string_view stage, double seconds) {
                                   s.counters.Ranked(stage, seconds);
                                   ranked_s += seconds;
                                 });
  Feed& feed = made.feed;
  ++s.counters.feeds;
  s.counters.Shown(feed.items);
  s.counters.unknown_surfaces += !made.declared_surface;
  s.counters.degraded += !feed.degraded.empty();
  s.counters.Assigned(made.assignment.experiments, !feed.degraded.empty(), ranked_s);
  s.counters.LeftOut(made.assignment.feed->name, feed.outcome.left_out);
  s.counters.undeclared += UndeclaredNames(request, serving->features().schema);
  const auto answer =
      std::make_shared<FeedAnswer>(s, reply, made.assignment, tell(feed, request, serving->features()), tells_degraded);
  std::shared_ptr<const ShadowWork> shadow;
  if (!shadows.empty() && !made.assignment.holdout)
    shadow = std::make_shared<const ShadowWork>(ShadowWork{.serving = serving,
                                                           .runs = std::move(shadows),
                                                           .feed = made.assignment.feed,
                                                           .request = request,
                                                           .answered = feed.event,
                                                           .input = std::move(kept)});
  feed.event.served.took_ms = static_cast<float>(static_cast<double>(MonotonicUs() - began_us) * 1e-3);
  std::vector<Event> events{std::move(feed.event)};
  if (made.assignment.feed->impressions_on_serve) events.push_back(ImpressionOf(events[0], feed));
  s.late_feeds.Add(answer);
  s.Append(
      std::move(events), [answer](const Error&) { answer->ReplyUnlogged(); },
      [&s, answer, shadow, asker = Asker{request.request_id, request.user_id, request.session_id}](
          const Appended& appended) -> ServiceState::Folded {
        if (appended.results.at(0) == AppendResult::kAccepted) {
          return [&s, answer, shadow] {
            answer->Reply();
            if (shadow) s.shadows.Offer(shadow->runs.size(), [&s, shadow] { RunShadows(s, *shadow); });
          };
        }
        return [&s, answer, asker] {
          if (answer->Claim()) AnswerAgain(s, asker, answer);
        };
      },
      /*urgent=*/true);
}

}  // namespace gfr
