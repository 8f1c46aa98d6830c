#include "evaluate/rank_slates.h"

#include <algorithm>
#include <map>

#include "evaluate/predict.h"
#include "model/encode.h"

namespace gfr {
namespace {

// Null: the model has no objective.
const ObjectiveModel* RanksBy(const Model& model) {
  const ObjectiveModel* ranks = nullptr;
  for (const ObjectiveModel& o : model.objectives) {
    if (o.name == "pctr" || !ranks) ranks = &o;
  }
  return ranks;
}

}  // namespace

Result<RankedSlates> RankSlates(const Model& model, const Dataset& data, std::int64_t from_ms, std::int64_t to_ms) {
  RankedSlates ranked;
  if (model.objectives.empty())
    return Error{ErrorCode::kInvalidArgument, "model " + model.version + " has no objective to rank slates by"};
  const ObjectiveModel* pctr = RanksBy(model);
  GFR_ASSIGN(const auto scorer, ScorerOf(pctr->forest, data.columns));
  std::map<std::pair<Key, Key>, std::size_t> last;
  for (const SlateRow& slate : data.slates) {
    if (slate.arrival_ms < from_ms || slate.arrival_ms >= to_ms) continue;
    const auto items = static_cast<std::size_t>(slate.items);
    const float* first = data.slate_features.data() + slate.first * data.columns;
    std::vector<float> rows(first, first + items * data.columns), margins(items), shown(items);
    EncodeCategories(model, rows.data(), items);
    scorer->Margins(rows.data(), items, data.columns, margins.data());
    for (std::size_t i = 0; i < items; ++i)
      margins[i] = static_cast<float>(pctr->Score(margins[i], rows.data() + i * data.columns));
    for (std::size_t i = 0; i < shown.size(); ++i) shown[i] = -static_cast<float>(i);
    const auto [at, fresh] = last.try_emplace({slate.user, slate.session}, ranked.requests.size());
    if (!fresh) {
      ranked.requests[at->second].last_of_session = false;
      at->second = ranked.requests.size();
    }
    ranked.requests.push_back({slate.user, slate.session, slate.items, slate.clicked, true, slate.untouched});
    ranked.model.push_back(std::move(margins));
    ranked.order_shown.push_back(std::move(shown));
    ranked.popularity.push_back(slate.popularity);
    ranked.most_recent.push_back(slate.most_recent);
  }
  return ranked;
}

std::size_t RankingObjective(const std::vector<ObjectiveConfig>& objectives, const Model& model) {
  const ObjectiveModel* ranks = RanksBy(model);
  const auto at = ranks ? std::ranges::find(objectives, ranks->name, &ObjectiveConfig::name) : objectives.end();
  return at == objectives.end() ? 0 : static_cast<std::size_t>(at - objectives.begin());
}

std::vector<std::span<const float>> Spans(const std::vector<std::vector<float>>& scores) {
  return {scores.begin(), scores.end()};
}

}  // namespace gfr
