#include "operations/evaluate_version.h"

#include <algorithm>

#include "evaluate/evaluate_model.h"
#include "evaluate/evaluate_off_policy.h"
#include "operations/load_model.h"
#include "runtime/logger.h"
#include "train/forest_trainer.h"

namespace gfr {
namespace {

// Whether the forests that are served were trained on rows from `from_ms` on: then it is judged too well there.
bool TrainedOn(const Model& model, std::int64_t from_ms) {
  return model.card.at("refit") == "true" && from_ms <= std::stoll(model.card.at("rows_until"));
}

bool IsOfSampledSlates(const Model& model) { return model.card.contains("slates"); }

// What sampled slates cannot show. `other`: the model judged against; null: there is none.
Status RefuseForSampledSlates(const Model& model, const Model* other, const EvaluateOptions& options) {
  for (const Model* judged : {&model, other}) {
    if (judged == nullptr || !IsOfSampledSlates(*judged) || (!options.off_policy && !options.position_bias)) continue;
    return Error{ErrorCode::kInvalidArgument,
                 "version " + judged->version +
                     " was trained on sampled slates ([dataset] slates): what was shown is not known, so off-policy "
                     "estimates and the position bias are refused; train on logged slates first"};
  }
  if (other == nullptr || IsOfSampledSlates(model) == IsOfSampledSlates(*other)) return {};
  const auto [sampled, logged] = IsOfSampledSlates(model) ? std::pair(&model, other) : std::pair(other, &model);
  return Error{ErrorCode::kInvalidArgument,
               "version " + sampled->version + " was trained on sampled slates ([dataset] slates) and version " +
                   logged->version +
                   " on logged ones: their probabilities are of different slates, so --against is refused; train both "
                   "on the same kind"};
}

}  // namespace

Result<EvaluationReport> EvaluateVersion(const Workspace& workspace, const EvaluateSettings& settings,
                                         const EvaluateOptions& options) {
  const std::vector<ObjectiveConfig>& objectives = settings.dataset.objectives;
  Registry registry(settings.registry, workspace.clock());
  GFR_ASSIGN(const Model model, LoadBoundModel(workspace, registry, options.version, *settings.dataset.features));
  Model other;
  if (!options.against.empty()) {
    GFR_ASSIGN(other, LoadBoundModel(workspace, registry, options.against, *settings.dataset.features));
  }
  GFR_TRY(RefuseForSampledSlates(model, options.against.empty() ? nullptr : &other, options));
  // Each objective is judged on the rows of one range: as asked, or on the test range that its training left.
  std::int64_t from_ms = options.from_ms, to_ms = options.to_ms;
  std::vector<TimeRange> ranges(objectives.size(), {from_ms, to_ms});
  const bool own_test = from_ms == INT64_MIN && to_ms == INT64_MAX;
  bool first = true;
  for (std::size_t o = 0; own_test && o < ranges.size(); ++o) {
    if (std::ranges::find(model.objectives, objectives[o].name, &ObjectiveModel::name) == model.objectives.end())
      continue;
    ranges[o] = TestRange(model, objectives[o].name);
    from_ms = first ? ranges[o].from_ms : std::min(from_ms, ranges[o].from_ms);
    to_ms = first ? ranges[o].to_ms : std::max(to_ms, ranges[o].to_ms);
    first = false;
  }
  GFR_ASSIGN(const Dataset data,
             MakeDataset(workspace, settings.dataset,
                         {.from_ms = from_ms, .to_ms = to_ms, .choices = options.off_policy || options.position_bias}));
  // The engine only measures the importance of features; without its library the report has none.
  const auto engine = LoadForestTrainer(EngineOf(model));
  if (!engine.ok()) LogWarning("evaluate", "no importance of features", {{"error", engine.error().message}});
  GFR_ASSIGN(EvaluationReport report,
             EvaluateModel(model, data, objectives, ranges,
                           {.explain = engine.ok() ? Explainer(*engine.value()) : ExplainForest(),
                            .against = options.against.empty() ? nullptr : &other,
                            .position_bias = options.position_bias}));
  for (const Model* judged : {&model, static_cast<const Model*>(&other)}) {
    if (!options.off_policy || judged->objectives.empty()) continue;
    GFR_ASSIGN(OffPolicyReport off, EvaluateOffPolicy(*judged, data, from_ms, to_ms));
    report.off_policy.push_back({judged->name + "/" + judged->version, std::move(off)});
  }
  if (TrainedOn(model, from_ms) || (!options.against.empty() && TrainedOn(other, from_ms))) {
    report.note =
        "Part of these rows was in the training of the refitted model, which judges it too well; the report of `gfr "
        "train` is out of time.";
  }
  return report;
}

}  // namespace gfr
