#include "operations/demo_clients.h"

#include <algorithm>
#include <cmath>
#include <deque>
#include <vector>

#include "base/clock.h"
#include "base/json_text.h"
#include "event/event_json.h"
#include "log/event_log.h"

namespace gfr {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kFeeds = 300;
constexpr std::size_t kLastTries = 20;  // Among the last so many feeds, the first with a click is shown in the report.

// One call for a feed, and what its user then does.
struct Call {
  Json request;
  std::vector<Event> after;  // Of an imported log: what the user did next.
  Visit visit;               // Of a market.
};

// The request for a slate that was shown before, with its candidates and context.
Call CallFor(const Event& e) {
  Json candidates = Json::array(), context = Json::object();
  for (const EventItem& item : e.items) {
    Json c{{"item_id", item.item_id}};
    if (!std::isnan(item.price)) c["properties"] = {{"price", item.price}};
    candidates.push_back(std::move(c));
  }
  for (const Property& p : e.context) {
    if (!p.text.empty())
      context[p.name] = p.text;
    else if (!std::isnan(p.number))
      context[p.name] = p.number;
  }
  return {.request = {{"request_id", "demo/" + e.request_id},
                      {"user_id", e.user_id},
                      {"session_id", e.session_id},
                      {"surface", e.surface},
                      {"context", context},
                      {"candidates", candidates}}};
}

// The last slates of an imported log, to be asked for again, each with the impressions and clicks that it got.
Result<std::deque<Call>> CallsOfLog(const Workspace& workspace) {
  std::deque<Call> calls;
  LocalLog log(workspace.fs(), workspace.log_folder());
  GFR_ASSIGN(const auto reader, log.OpenAll());
  for (LogRecord record;;) {
    GFR_ASSIGN(const bool more, reader->More(&record));
    if (!more) return calls;
    const Event& e = record.event;
    if (e.type == EventType::kFeedRequest && !e.served.exists()) {
      calls.push_back(CallFor(e));
      if (calls.size() > kFeeds) calls.pop_front();
    } else if (!calls.empty() && (e.type == EventType::kFeedImpression || e.type == EventType::kFeedClick) &&
               calls.back().request["request_id"] == "demo/" + e.request_id) {
      Event again = e;
      again.id = "demo/" + e.id;
      again.source = "demo";
      again.request_id = "demo/" + e.request_id;
      calls.back().after.push_back(std::move(again));
    }
  }
}

Result<Json> Post(DemoServer& server, const std::string& path, const std::string& body, int expected) {
  GFR_ASSIGN(const std::string reply, server.Post(path, body, expected));
  Json json = ParseJson<Json>(reply, /*throws=*/false);
  if (json.is_discarded()) return Error{ErrorCode::kInternal, path + " did not answer with JSON"};
  return json;
}

class Clients {
 public:
  Clients(DemoServer& server, Market* market, std::int64_t last_arrival_ms)
      : server_(server), market_(market), last_arrival_ms_(last_arrival_ms) {}

  Result<DemoFeeds> Run(std::deque<Call> calls) {
    const std::size_t count = market_ ? kFeeds : calls.size();
    for (std::size_t i = 0; i < count; ++i) {
      Call call = market_ ? Arrive(i) : std::move(calls[i]);
      const double before_s = MonotonicSeconds();
      GFR_ASSIGN(const Json reply, Post(server_, "/v1/feed", DumpJson(call.request), 200));
      feeds_.feed_seconds += MonotonicSeconds() - before_s;
      ++feeds_.feeds;
      feeds_.items += reply["items"].size();
      std::vector<Event> events = Reactions(call, reply);
      const auto click = std::ranges::find(events, EventType::kFeedClick, &Event::type);
      const bool last = i + 1 == count || (click != events.end() && i + kLastTries > count);
      if (last) feeds_.clicked = ClickedItem(call, reply, &events);
      GFR_TRY(Send(std::move(events)));
      if (!last) continue;
      // The same user asks once more, now that the click is in their state.
      feeds_.before = reply;
      call.request["request_id"] = call.request["request_id"].get<std::string>() + "/after";
      GFR_ASSIGN(feeds_.after, Post(server_, "/v1/feed", DumpJson(call.request), 200));
      break;
    }
    return std::move(feeds_);
  }

 private:
  std::int64_t now_ms() const { return last_arrival_ms_ + MonotonicMs() - start_ms_; }

  Call Arrive(std::size_t i) {
    Call call{.visit = market_->Arrive(now_ms())};
    Json context;
    for (const Property& p : call.visit.context) context[p.name] = p.text;
    call.request = {{"request_id", "demo-" + std::to_string(i)},
                    {"user_id", call.visit.user_id},
                    {"session_id", call.visit.session_id},
                    {"surface", "home"},
                    {"context", context}};
    return call;
  }

  std::vector<Event> Reactions(const Call& call, const Json& reply) {
    if (!market_) return call.after;
    return market_->React(call.visit, reply["request_id"], Slate(reply), now_ms());
  }

  static std::vector<std::string> Slate(const Json& reply) {
    std::vector<std::string> slate;
    for (const Json& item : reply["items"]) slate.push_back(item["item_id"]);
    return slate;
  }

  // The item that the user clicked. Nobody clicked: they do now, in the middle of the slate.
  std::string ClickedItem(const Call& call, const Json& reply, std::vector<Event>* events) const {
    const auto click = std::ranges::find(*events, EventType::kFeedClick, &Event::type);
    if (click != events->end()) return click->items[0].item_id;
    const std::vector<std::string> slate = Slate(reply);
    if (slate.empty()) return "";
    Event e;
    e.id = "demo-click";
    e.source = "demo";
    e.type = EventType::kFeedClick;
    e.time_ms = now_ms();
    e.user_id = call.request["user_id"];
    e.session_id = call.request["session_id"];
    e.request_id = reply["request_id"];
    e.items = {{.item_id = slate[slate.size() / 2], .index = static_cast<std::int32_t>(slate.size() / 2)}};
    events->push_back(std::move(e));
    return slate[slate.size() / 2];
  }

  Status Send(std::vector<Event> events) {
    if (events.empty()) return {};
    std::string body;
    for (Event& e : events) {
      e.time_ms = std::min(e.time_ms, now_ms());  // The time that a user takes to read is not waited for.
      body += (body.empty() ? "[" : ",") + EventToJson(e);
    }
    const double before_s = MonotonicSeconds();
    GFR_ASSIGN(const Json reply, Post(server_, "/v1/events", body + "]", 202));
    feeds_.event_seconds += MonotonicSeconds() - before_s;
    if (reply["accepted"] != events.size())
      return Error{ErrorCode::kInternal, "events were not accepted: " + DumpJson(reply)};
    feeds_.events += events.size();
    return {};
  }

  DemoServer& server_;
  Market* const market_;
  const std::int64_t last_arrival_ms_, start_ms_ = MonotonicMs();
  DemoFeeds feeds_;
};

}  // namespace

Result<DemoFeeds> RunDemoClients(const Workspace& workspace, DemoServer& server, Market* market,
                                 std::int64_t last_arrival_ms) {
  std::deque<Call> calls;
  if (!market) {
    GFR_ASSIGN(calls, CallsOfLog(workspace));
  }
  return Clients(server, market, last_arrival_ms).Run(std::move(calls));
}

}  // namespace gfr
