#include "serve/answer_feed.h"

#include <optional>
#include <string>
#include <utility>

#include "serve/page_cursor.h"
#include "serve/router.h"
#include "state/allocation_note.h"

namespace gfr {

Overrides OverridesOf(const HttpRequest& http, const Assigner& assigner) {
  std::string header(http.Header("x-gfr-assign"));
  if (const std::string_view variant = http.Header("x-amzn-sagemaker-target-variant"); !variant.empty())
    header += (header.empty() ? "" : ",") + std::string(kVariantName) + "=" + std::string(variant);
  if (header.empty()) return {};
  auto overrides = assigner.ReadOverrides(header);
  if (!overrides.ok()) throw BadRequest{"the override of an assignment: " + overrides.error().message};
  return std::move(overrides).value();
}

namespace {

// The second ranking of an interleaving; none where its version is not loaded: then the slate is of the first alone,
// and credits neither.
std::optional<RankPair> PairOf(const Assignment& assigned, const ServedModels& models, const BoundModel* first) {
  if (!assigned.pair) return std::nullopt;
  const AssignedPair& pair = *assigned.pair;
  const BoundModel* model = pair.model.empty() ? models.champion.get() : models.Find(pair.model).get();
  if ((model == nullptr) != (first == nullptr) || (model == nullptr && !pair.model.empty())) return std::nullopt;
  return RankPair{.experiment = pair.experiment,
                  .feed = *pair.feed,
                  .model = model,
                  .role = model == models.champion.get() ? ModelRole::kChampion : ModelRole::kVariant,
                  .examination = pair.examination};
}

}  // namespace

std::function<std::uint32_t(std::string_view)> VersionsOf(const FeatureReader& rows, const FeedRequest& request,
                                                          const Requester& who) {
  const Key unit = who.lease.user != 0 ? who.lease.user : SessionKey(0, KeyOf(request.session_id));
  return [&rows, unit](std::string_view experiment) {
    const Key key = AllocationNoteKey(unit, KeyOf(experiment));
    if (key == 0) return std::uint32_t{0};
    ReadLease lease;
    rows.FindUser(key, 0, &lease);  // Follows the note as an alias.
    return lease.user == key ? 0 : VersionOfNote(lease.user);
  };
}

AnsweredFeed AnswerFeed(const FeedParts& parts, const HttpRequest& http, const FeedRequest& request,
                        const StageObserver& observe) {
  AnsweredFeed answer;
  const Feeds::Choice chosen = parts.feeds.ForSurface(request.surface);
  answer.declared_surface = chosen.declared;
  Requester who = FindRequester(parts.rows, request);
  Assignment& assigned = answer.assignment;
  assigned = parts.assigner.Assign({.unit = who.unit,
                                    .context = request.context,
                                    .surface = request.surface,
                                    .now_ms = request.now_ms,
                                    .overrides = OverridesOf(http, parts.assigner),
                                    .version_of = VersionsOf(parts.rows, request, who)},
                                   *chosen.feed);
  std::shared_ptr<const BoundModel> model;
  if (!assigned.holdout && !assigned.model.empty()) model = parts.models.Find(assigned.model);
  const bool other = model != nullptr && model != parts.models.champion;
  const bool missing = !assigned.holdout && !assigned.model.empty() && model == nullptr;
  if (!assigned.holdout && model == nullptr) model = parts.models.champion;
  const std::optional<RankPair> pair = missing ? std::nullopt : PairOf(assigned, parts.models, model.get());
  answer.feed = Rank(parts.store, parts.rows,
                     {.feed = *assigned.feed,
                      .model = model.get(),
                      .role = other ? ModelRole::kVariant : ModelRole::kChampion,
                      .popular = assigned.holdout,
                      .experiments = assigned.experiments,
                      .configuration = parts.configuration,
                      .pair = pair ? &*pair : nullptr,
                      .contracts = parts.contracts,
                      .keep = assigned.holdout ? nullptr : parts.keep},
                     request, std::move(who), parts.lists, observe);
  answer.feed.event.served.policy = assigned.policy;
  if (request.paged)
    answer.feed.cursor = NextCursor(request, answer.feed,
                                    static_cast<std::size_t>(request.size > 0 ? request.size : assigned.feed->size));
  // The champion in place of the version that was assigned: the answer stays in its arm, and says so.
  if ((missing || (assigned.pair && !pair)) && model != nullptr) answer.feed.degraded.emplace_back("model");
  return answer;
}

void NameVariant(const Assignment& assignment, HttpResponse* response) {
  if (!assignment.variant.empty())
    response->headers.emplace_back("x-Amzn-Invoked-Production-Variant", assignment.variant);
}

}  // namespace gfr
