#include "experiment/canary.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/json_text.h"
#include "base/time.h"
#include "experiment/results.h"

namespace gfr {
namespace {

bool ChooseModels(const std::vector<Treatment>& treatments) {
  return std::ranges::any_of(treatments, [](const Treatment& t) { return !t.model.empty(); });
}

}  // namespace

Experiment Canary::AsExperiment() const {
  const auto arm = [](const char* arm_name, const std::string& model) {
    return Treatment{
        .name = arm_name, .model = model, .feeds = {}, .feed = {}, .value = DumpJson(nlohmann::json(arm_name))};
  };
  Experiment e;
  e.name = name();
  e.salt = e.name;
  e.share = std::min(1.0, 2 * ramp.at(step));  // Both arms are of one size.
  e.arms = {arm(kChampionArm, ""), arm(kCandidateArm, version)};
  e.otherwise = e.arms.front().value;
  return e;
}

std::string Canary::ToJson() const {
  const nlohmann::ordered_json json{{"format", 1},
                                    {"run", run},
                                    {"version", version},
                                    {"champion", champion},
                                    {"ramp", ramp},
                                    {"step", step},
                                    {"begun", FormatTime(begun_ms)},
                                    {"step_begun", FormatTime(step_begun_ms)},
                                    {"verdict", verdict},
                                    {"reason", reason}};
  return DumpJson(json, 1) + "\n";
}

Result<Canary> Canary::FromJson(std::string_view text) try {
  const auto json = ParseJson<nlohmann::ordered_json>(text);
  if (json.at("format") != 1)
    return Error{ErrorCode::kNeedsNewer, "the canary's document is of another format; a newer gfr wrote it"};
  Canary canary{.run = json.at("run").get<std::string>(),
                .version = json.at("version").get<std::string>(),
                .champion = json.at("champion").get<std::string>(),
                .ramp = json.at("ramp").get<std::vector<double>>(),
                .step = json.at("step").get<std::size_t>(),
                .verdict = json.at("verdict").get<std::string>(),
                .reason = json.at("reason").get<std::string>()};
  GFR_ASSIGN(canary.begun_ms, ParseTime(json.at("begun").get<std::string>()));
  GFR_ASSIGN(canary.step_begun_ms, ParseTime(json.at("step_begun").get<std::string>()));
  const bool shares = std::ranges::all_of(canary.ramp, [](double share) { return share > 0 && share <= 0.5; }) &&
                      std::ranges::is_sorted(canary.ramp);
  if (canary.step >= canary.ramp.size() || !shares)
    return Error{ErrorCode::kCorrupt, "the canary's document has no share of the units"};
  return canary;
} catch (const std::exception& e) {
  return Error{ErrorCode::kCorrupt, std::string("the canary's document cannot be read: ") + e.what()};
}

Status CheckCanary(const Canary& canary, const Experiments& experiments) {
  const auto refuse = [&](const std::string& what) {
    return Error{ErrorCode::kInvalidArgument, "a canary of version " + canary.version + " and " + what +
                                                  " would both choose the model: end one of them first"};
  };
  if (experiments.variants.size() > 1 && ChooseModels(experiments.variants)) return refuse("the production variants");
  for (const Experiment& e : experiments.all) {
    if (e.running && e.name != canary.name() && ChooseModels(e.arms)) return refuse("experiment '" + e.name + "'");
  }
  return {};
}

std::vector<MetricConfig> CanaryMetrics(std::int64_t window_ms, std::int64_t lateness_ms) {
  using Measure = MetricConfig::Measure;
  const MetricConfig guardrail{
      .window_ms = window_ms, .lateness_ms = lateness_ms, .role = MetricConfig::Role::kGuardrail};
  std::vector<MetricConfig> metrics(4, guardrail);
  metrics[0].name = "units_with_a_click";
  metrics[0].measure = Measure::kAny;
  metrics[0].events = {EventType::kFeedClick};
  metrics[1].name = "clicks_per_impression";
  metrics[1].measure = Measure::kCount;
  metrics[1].events = {EventType::kFeedClick};
  metrics[1].per = {EventType::kFeedImpression};
  metrics[2].name = "degraded";
  metrics[2].measure = Measure::kDegraded;
  metrics[2].events = metrics[2].per = {EventType::kFeedRequest};
  metrics[2].lower_is_better = true;
  metrics[3].name = "latency";
  metrics[3].measure = Measure::kLatency;
  metrics[3].events = {EventType::kFeedRequest};
  metrics[3].lower_is_better = true;
  metrics[3].role = MetricConfig::Role::kExploration;  // WhyCanaryEnds has its own bound.
  return metrics;
}

std::string WhyCanaryEnds(const ExperimentResults& results, const std::vector<MetricConfig>& metrics) {
  if (results.verdict == Verdict::kRollBack || results.verdict == Verdict::kInvalid) return results.reason;
  for (const MetricResult& r : results.metrics) {
    if (metrics[r.metric].measure != MetricConfig::Measure::kLatency) continue;
    const bool enough = std::min(r.nonzero_control, r.nonzero_treatment) >= ConfidenceSequence::kNonzeroUnits;
    const double least = r.tested_relative.interval.low;
    if (enough && least > kMostSlower)
      return fmt::format("guardrail: feeds of arm '{}' take at least {:.0f} % longer (the {:g} quantile)", r.arm,
                         100 * least, metrics[r.metric].quantile);
  }
  return "";
}

}  // namespace gfr
