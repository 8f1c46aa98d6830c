// POST /v1/served.
#include <algorithm>

#include "feature/served_columns.h"
#include "serve/call/calls.h"
#include "serve/feed_json.h"
#include "serve/slates.h"
#include "state/slate_check.h"

namespace gfr {
namespace {

// Owner and reader may differ in definitions: columns that both have match by fingerprint, and the record keeps the
// others for whoever has them. Without fingerprints there is the fingerprint of the whole row alone.
bool NamesItsColumns(const ServedSlate& slate, const FeatureSet& set) {
  return std::ranges::none_of(slate.columns, [](const ServedColumn& c) { return c.fingerprint == 0; }) ||
         HasAllColumns(slate, set);
}

}  // namespace

// Slates that readers served, as EncodeSlates made them: into the log, like this server's own.
void PostServed(ServiceState& s, const HttpRequest& request, HttpReply reply) {
  auto slates = DecodeSlates(request.body);
  if (!slates.ok()) return reply(ProblemResponse(400, "Bad Request", slates.error().message));
  const std::shared_ptr<const Serving> serving = s.serving();
  for (const Event& e : slates.value()) {
    if (e.type == EventType::kFeedRequest && !NamesItsColumns(e.served, serving->features()))
      return reply(ProblemResponse(409, "Conflict",
                                   "the slate names its columns by no fingerprint, and was served with other feature "
                                   "definitions than this server's"));
    // What a row is as of was in this log before it was published, and so was its epoch.
    std::string problem = SlateProblem(e, static_cast<std::uint64_t>(s.next_offset.load()), s.now_ms());
    if (problem.empty() && e.served.exists()) problem = s.ProblemOfEpoch(e.served);
    if (!problem.empty())
      return reply(
          ProblemResponse(409, "Conflict", "request " + e.request_id.substr(0, 200) + " cannot be logged: " + problem));
  }
  s.Append(
      std::move(slates).value(), ServiceState::ReplyLogFailed(reply),
      [reply](const Appended& appended) -> ServiceState::Folded {
        return [reply, accepted = appended.records.size()] { reply(JsonResponse(202, {{"accepted", accepted}})); };
      },
      /*urgent=*/true);
}

}  // namespace gfr
