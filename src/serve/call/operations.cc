// What the native calls take and answer, for /openapi.json: one entry a call.
#include <array>

#include "event/event_rules.h"
#include "serve/feed_json.h"
#include "serve/openapi.h"

namespace gfr {
namespace {

constexpr const char* kJsonBody = "application/json";

JsonShape IdShape() { return JsonShape::Text(kMaxIdBytes, 1); }
JsonShape DescribedShape(JsonShape shape, std::string says) {
  shape.says = std::move(says);
  return shape;
}
// A member of a reply, which is always there.
JsonMember Given(std::string name, JsonShape shape) {
  return {.name = std::move(name), .shape = std::move(shape), .required = true};
}
JsonMember Perhaps(std::string name, JsonShape shape, std::string says = {}) {
  return {.name = std::move(name), .shape = std::move(shape), .may_be_null = false, .says = std::move(says)};
}

JsonShape EventsAnswer() {
  return JsonShape::Object(
      {Given("accepted", JsonShape::Whole(0, 1e9)), Given("duplicates", JsonShape::Whole(0, 1e9)),
       Given("rejected",
             JsonShape::List(JsonShape::Object({Given("index", JsonShape::Whole(0, 1e9)),
                                                Given("code", JsonShape::Text()), Given("message", JsonShape::Text())}),
                             100)),
       Perhaps("rejected_count", JsonShape::Whole(0, 1e9), "Of all, when `rejected` has the first 100 alone.")});
}

Operation PostEventsOperation() {
  const JsonShape &event = EventShape(), events = JsonShape::List(event);
  const JsonShape answer = EventsAnswer();
  return {.id = "postEvents",
          .says = "Takes events into the log and the states of their users; answered once they are on disk.",
          .bodies = {{kJsonBody, JsonShape::Either({event, events})},
                     {"application/x-ndjson", DescribedShape({}, "One event a line.")},
                     {"application/cloudevents+json", event},
                     {"application/cloudevents-batch+json", events}},
          .replies = {{202, {{"What became of the events.", answer}}}, {400, {{"Nothing was accepted.", answer}}}},
          .problems = {429}};
}

JsonShape FeedAnswerShape() {
  const JsonShape item = JsonShape::Object(
      {Given("item_id", JsonShape::Text()), Given("position", JsonShape::Whole(0, 2000)),
       Given("channel", JsonShape::Text()), Given("scores", JsonShape::Map({})), Given("propensity", {}),
       Perhaps("source", JsonShape::Text(), "Which source of the channel found it; none of supplied items."),
       Perhaps("scores_at_shown", JsonShape::Map({})), Perhaps("features", JsonShape::Map({}))});
  return JsonShape::Object(
      {Given("request_id", JsonShape::Text()), Given("experiment", JsonShape::Map(JsonShape::Text())),
       Given("model", JsonShape::Object({Given("name", JsonShape::Text()), Given("version", JsonShape::Text()),
                                         Perhaps("slates", JsonShape::Text())})),
       Given("degraded", JsonShape::List(JsonShape::Text())), Given("items", JsonShape::List(item, 1000)),
       Perhaps("cursor", JsonShape::Text()), Perhaps("left_out", JsonShape::List({}))});
}

Operation PostFeedOperation() {
  return {.id = "postFeed",
          .says = "Ranks a feed of one user or session, and logs the slate.",
          .parameters = {{"explain", "query", JsonShape::Boolean(), "Every feature of what is shown."},
                         {"X-Amzn-SageMaker-Target-Variant", "header", JsonShape::Text(kMaxIdBytes),
                          "The production variant that is to answer."}},
          .bodies = {{kJsonBody, FeedRequestShape()}},
          .replies = {{200, {{"The feed.", FeedAnswerShape()}}}},
          .problems = {409}};
}

Operation PostServedOperation() {
  return {
      .id = "postServed",
      .says = "Slates that a reader served, for the owner's log.",
      .bodies = {{"application/octet-stream", DescribedShape({}, "As gfr serve --owner sends them.")}},
      .replies = {{202, {{"They are in the log.", JsonShape::Object({Given("accepted", JsonShape::Whole(0, 1e9))})}}}},
      .problems = {409}};
}

JsonShape JobStartedShape() {
  return JsonShape::Object({Given("job", JsonShape::Text()), Given("at", JsonShape::Text()),
                            Perhaps("state", JsonShape::Text()), Perhaps("filling", {})});
}

Operation GetExplainOperation() {
  return {.id = "getExplanation",
          .says = "What lay behind a feed.",
          .parameters = {{"request_id", "path", IdShape(), "Of the feed."},
                         {"all", "query", JsonShape::Boolean(), "Of every candidate: by a job that replays the log."}},
          .replies = {{200, {{"The record, and what it was made of.", JsonShape::Object({Given("served", {})})}}},
                      {202, {{"A job replays the log.", JobStartedShape()}}}},
          .problems = {404, 410}};
}

Operation GetJobOperation() {
  JsonShape state = JsonShape::Text();
  state.valid = {"waiting", "running", "done", "failed"};
  return {
      .id = "getJob",
      .says = "The state of a job, and its answer once it has run.",
      .parameters = {{"job", "path", IdShape(), ""}},
      .replies = {{200,
                   {{"The job.", JsonShape::Object({Given("job", JsonShape::Text()), Given("state", state),
                                                    Perhaps("answer", {}), Perhaps("error", JsonShape::Text())})}}}},
      .problems = {404}};
}

JsonShape ModelsShape() {
  const JsonShape version =
      JsonShape::Object({Given("name", JsonShape::Text()), Given("version", JsonShape::Text()),
                         Given("champion", JsonShape::Boolean()), Given("created", JsonShape::Text())});
  return JsonShape::Object({Given("models", JsonShape::List(version))});
}

Operation GetModelsOperation() {
  return {.id = "getModels",
          .says = "The versions in the registry.",
          .replies = {{200, {{"The versions.", ModelsShape()}}}}};
}

Operation PostPromoteOperation() {
  return {.id = "postPromote",
          .says = "Makes a version the champion.",
          .bodies = {{kJsonBody, PromoteRequestShape()}},
          .replies = {{200, {{"The versions.", ModelsShape()}}}},
          .problems = {404, 409}};
}

Operation PostRollbackOperation() {
  return {.id = "postRollback",
          .says = "Makes the champion before it the champion again.",
          .replies = {{200, {{"The versions.", ModelsShape()}}}},
          .problems = {409}};
}

JsonShape OfrepRequestShape() {
  return JsonShape::Object(
      {{.name = "context",
        .shape = JsonShape::Object({{.name = "targetingKey", .shape = JsonShape::Text(1024, 1), .required = true}}),
        .required = true}});
}

JsonShape FlagShape() {
  JsonShape reason = JsonShape::Text();
  reason.valid = {"STATIC", "TARGETING_MATCH", "SPLIT", "DEFAULT", "DISABLED"};
  return JsonShape::Object({Given("key", JsonShape::Text()), Given("value", {}), Given("reason", reason),
                            Given("variant", JsonShape::Text()), Given("metadata", JsonShape::Map({}))});
}

std::vector<OperationReply> OfrepErrors(const char* says) {
  return {{says, JsonShape::Object({Perhaps("key", JsonShape::Text()), Given("errorCode", JsonShape::Text()),
                                    Given("errorDetails", JsonShape::Text())})}};
}

constexpr const char* kOfrepReference = "https://github.com/open-feature/protocol";

Operation PostOfrepFlagOperation() {
  return {.id = "postOfrepFlag",
          .says = "Evaluates one flag: an experiment, or the production variant.",
          .tag = "ofrep",
          .reference = kOfrepReference,
          .parameters = {{"key", "path", IdShape(), "Of the flag."}},
          .bodies = {{kJsonBody, OfrepRequestShape()}},
          .replies = {{200, {{"The flag.", FlagShape()}}},
                      {400, OfrepErrors("The body or the context is not valid.")},
                      {404, OfrepErrors("There is no such flag.")},
                      {429, OfrepErrors("Too much waits for the disk.")},
                      {503, OfrepErrors("The exposure cannot be logged.")}}};
}

Operation PostOfrepFlagsOperation() {
  return {.id = "postOfrepFlags",
          .says = "Evaluates all flags.",
          .tag = "ofrep",
          .reference = kOfrepReference,
          .parameters = {{"If-None-Match", "header", JsonShape::Text(), "The ETag of an answer before."}},
          .bodies = {{kJsonBody, OfrepRequestShape()}},
          .replies = {{200, {{"The flags.", JsonShape::Object({Given("flags", JsonShape::List(FlagShape()))})}}},
                      {304, {{"They are those of the ETag.", {}, ""}}},
                      {400, OfrepErrors("The body or the context is not valid.")}}};
}

Operation GetExperimentsOperation() {
  return {.id = "getExperiments",
          .says = "Production variants and experiments.",
          .replies = {{200,
                       {{"They, with their shares and ranges.",
                         JsonShape::Object({Given("variants", JsonShape::List(JsonShape::Map({}))),
                                            Given("experiments", JsonShape::List(JsonShape::Map({}))),
                                            Perhaps("holdout", JsonShape::Map({}))})}}}}};
}

Operation PostAnalyzeExperimentsOperation() {
  return {.id = "postAnalyzeExperiments",
          .says = "Reads the log's newest records and judges the experiments now; one whose guardrail fails is over.",
          .replies = {{200,
                       {{"The results, and when they are of.",
                         JsonShape::Object({Given("experiments", JsonShape::List(JsonShape::Map({})))})}}}}};
}

Operation GetTriggersOperation() {
  return {
      .id = "getTriggers",
      .says = "What runs by itself ([[trigger]]), and the runs that are not over.",
      .replies = {{200,
                   {{"Triggers, and the records of those runs.",
                     JsonShape::Object({Given("triggers", JsonShape::List(JsonShape::Map({}))),
                                        Given("unfinished", JsonShape::List(JsonShape::Map({}))),
                                        {.name = "last_run", .shape = JsonShape::Text(), .may_be_null = true}})}}}}};
}

Operation PostTriggerOperation() {
  return {
      .id = "postTrigger",
      .says = "Asks for a run of a trigger, whatever its occasion and cool-down; one that waits already is the same.",
      .parameters = {{"trigger", "path", IdShape(), ""}},
      .replies = {{202,
                   {{"It is kept on disk, and begins soon.",
                     JsonShape::Object({Given("trigger", JsonShape::Text()), Given("state", JsonShape::Text())})}}}},
      .problems = {404}};
}

Operation GetDriftOperation() {
  return {.id = "getDrift",
          .says = "What moved in what the champion serves, against its reference, and the alerts.",
          .replies = {{200,
                       {{"As of the last hour that is over; without `alerts`, `state` says why.",
                         JsonShape::Object({Given("state", JsonShape::Text()),
                                            Perhaps("alerts", JsonShape::List(JsonShape::Map({}))),
                                            Perhaps("columns", JsonShape::List(JsonShape::Map({})))})}}}}};
}

Operation GetListsOperation() {
  return {.id = "getLists",
          .says = "The lists of candidates of the newest epoch, for servers that have no catalogue.",
          .parameters = {{"If-None-Match", "header", JsonShape::Text(), "The ETag of an answer before."}},
          .replies = {{200, {{"The lists, in a format of their own.", JsonShape::Text(), "application/octet-stream"}}},
                      {304, {{"They are those of the ETag.", {}, ""}}}}};
}

Operation GetSimilarOperation() {
  const JsonShape item =
      JsonShape::Object({Given("item_id", JsonShape::Text()), Given("together", JsonShape::Whole(1, 4294967295.0)),
                         Given("lift", {}), Given("score", {})});
  return {.id = "getSimilar",
          .says = "Items that the same users came to as to this one, the most similar first.",
          .parameters = {{"item_id", "path", JsonShape::Text(), "The item."},
                         {"kind", "query", JsonShape::Text(), "What they did: view (the default), cart or purchase."}},
          .replies = {{200,
                       {{"Those on sale.",
                         JsonShape::Object({Given("item_id", JsonShape::Text()), Given("kind", JsonShape::Text()),
                                            Given("items", JsonShape::List(item))})}}}},
          .problems = {404, 409}};
}

Operation PostReloadOperation() {
  return {.id = "postReload",
          .says = "Reads gfr.toml anew.",
          .replies = {{200, {{"It is in use.", JsonShape::Object({Given("state", JsonShape::Text())})}}},
                      {202, {{"States are filled for it.", JobStartedShape()}}}},
          .problems = {409}};
}

JsonShape StatusShape() {
  return JsonShape::Object(
      {Given("status", JsonShape::Text()), Perhaps("degraded", JsonShape::List(JsonShape::Text()))});
}

Operation GetStatusOperation() {
  const JsonShape status = JsonShape::Object({Given("state", JsonShape::Text())});
  return {.id = "getStatus",
          .says = "The state of the server, and what is not as it should be.",
          .replies = {{200, {{"How it is; `state` says whether it serves.", status}}}}};
}

struct Native {
  const char *method, *path;
  Operation operation;
};

const std::array<Native, 23>& Natives() {
  static const std::array<Native, 23> all = {{
      {"POST", "/v1/events", PostEventsOperation()},
      {"POST", "/v1/feed", PostFeedOperation()},
      {"POST", "/v1/served", PostServedOperation()},
      {"GET", "/v1/explain/", GetExplainOperation()},
      {"GET", "/v1/jobs/", GetJobOperation()},
      {"GET", "/v1/models", GetModelsOperation()},
      {"POST", "/v1/models/promote", PostPromoteOperation()},
      {"POST", "/v1/models/rollback", PostRollbackOperation()},
      {"POST", "/ofrep/v1/evaluate/flags", PostOfrepFlagsOperation()},
      {"POST", "/ofrep/v1/evaluate/flags/", PostOfrepFlagOperation()},
      {"GET", "/v1/experiments", GetExperimentsOperation()},
      {"POST", "/v1/experiments/analyze", PostAnalyzeExperimentsOperation()},
      {"GET", "/v1/triggers", GetTriggersOperation()},
      {"POST", "/v1/triggers/", PostTriggerOperation()},
      {"GET", "/v1/drift", GetDriftOperation()},
      {"GET", "/v1/lists", GetListsOperation()},
      {"GET", "/v1/similar/", GetSimilarOperation()},
      {"POST", "/v1/reload", PostReloadOperation()},
      {"GET", "/v1/status", GetStatusOperation()},
      {"GET", "/livez", {.id = "getLivez", .says = "The process runs.", .replies = {{200, {{"Yes.", StatusShape()}}}}}},
      {"GET",
       "/readyz",
       {.id = "getReadyz",
        .says = "The server can serve; `degraded` says what is not as the registry says.",
        .replies = {{200, {{"Yes.", StatusShape()}}}}}},
      {"GET",
       "/metrics",
       {.id = "getMetrics",
        .says = "Figures in Prometheus' text format.",
        .replies = {{200, {{"The figures.", JsonShape::Text(), "text/plain; version=0.0.4"}}}}}},
      {"GET",
       "/openapi.json",
       {.id = "getOpenApi", .says = "This document.", .replies = {{200, {{"OpenAPI 3.1.", JsonShape::Map({})}}}}}},
  }};
  return all;
}

}  // namespace

const Operation* NativeOperation(std::string_view method, std::string_view path) {
  for (const Native& native : Natives()) {
    if (native.path == path && native.method == method) return &native.operation;
  }
  return nullptr;
}

const JsonShape& EventShape() {
  static const JsonShape shape = [] {
    const JsonShape id = JsonShape::Text(kMaxIdBytes);
    const auto maybe = [](const char* name, const JsonShape& of) { return JsonMember{.name = name, .shape = of}; };
    const JsonShape item =
        JsonShape::Object({Given("item_id", IdShape()), maybe("index", JsonShape::Whole(-1, 1e9)), maybe("channel", id),
                           maybe("price", JsonShape::Number()), maybe("quantity", JsonShape::Whole(-1, 1e9)),
                           maybe("properties", JsonShape::Map({}))});
    const JsonShape data = JsonShape::Object(
        {maybe("user_id", id), maybe("session_id", id), maybe("request_id", id), maybe("surface", id),
         maybe("variant", id), maybe("kind", id), maybe("anonymous_id", id), maybe("currency", id),
         maybe("transaction_id", id), maybe("value", JsonShape::Number()), maybe("context", JsonShape::Map({})),
         maybe("items", JsonShape::List(item, SIZE_MAX, "an entry of data.items"))});
    JsonShape type = JsonShape::Text(), time = JsonShape::Text();
    for (int t = 0; t < kEventTypes; ++t) {
      const auto known = static_cast<EventType>(t);
      if (const std::string_view name = EventTypeName(known); ParseEventType(name).ok() && !IsServerOnly(known))
        type.valid.emplace_back(name);
    }
    time.format = "date-time";
    return JsonShape::Object({Given("id", IdShape()), Given("source", IdShape()), Given("type", type),
                              Given("time", time), Given("data", data), maybe("specversion", {})});
  }();
  return shape;
}

}  // namespace gfr
