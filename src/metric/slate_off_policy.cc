#include "metric/slate_off_policy.h"

#include <numeric>
#include <utility>

namespace gfr {
namespace {

// A draw's probabilities are logged as floats.
constexpr double kSumError = 1e-3;

double SumOf(std::span<const double> p) { return std::accumulate(p.begin(), p.end(), 0.0); }

bool IsDraw(const SlateDraw& draw) {
  const std::size_t pool = draw.logged.size();
  if (draw.shown >= pool || draw.target.size() != pool || (!draw.model.empty() && draw.model.size() != pool))
    return false;
  const double logged = SumOf(draw.logged);
  return logged > 1 - kSumError && logged < 1 + kSumError && SumOf(draw.target) < 1 + kSumError;
}

// The least squares line of y on x; flat where x says nothing.
std::pair<double, double> LineOf(std::span<const double> x, std::span<const double> y) {
  const auto n = static_cast<double>(x.size());
  const double mean_x = SumOf(x) / n, mean_y = SumOf(y) / n;
  double xx = 0, xy = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    xx += (x[i] - mean_x) * (x[i] - mean_x);
    xy += (x[i] - mean_x) * (y[i] - mean_y);
  }
  const double slope = xx > 0 ? xy / xx : 0;
  return {mean_y - slope * mean_x, slope};
}

}  // namespace

void SlateChoices::Add(std::uint64_t user, double reward, std::span<const SlateDraw> draws) {
  double logged = 1, target = 1, within = 1, model = 0;
  for (const SlateDraw& draw : draws) {
    if (!IsDraw(draw)) {
      logged = 0;
      break;
    }
    Stage stage{.before = target / logged, .expected = 0};
    double never = 1 - SumOf(draw.target);
    for (std::size_t i = 0; i < draw.target.size(); ++i) {
      if (!(draw.logged[i] > 0)) never += draw.target[i];
      if (!draw.model.empty()) stage.expected += draw.target[i] * draw.model[i];
    }
    if (never > kSumError) within *= 1 - never;
    if (!draw.model.empty()) model += draw.model[draw.shown];
    stages_.push_back(stage);
    logged *= draw.logged[draw.shown];
    target *= draw.target[draw.shown];
    if (!(logged > 0)) break;
  }
  user_.push_back(user);
  reward_.push_back(reward);
  logged_.push_back(logged);
  target_.push_back(target);
  never_.push_back(1 - within);
  model_.push_back(model);
  stages_end_.push_back(stages_.size());
}

OffPolicyReport SlateChoices::Estimate(const OffPolicyOptions& options) const {
  std::vector<std::pair<double, double>> means;  // By draw: sum of E_k, and of how many slates.
  std::size_t begin = 0;
  for (const std::size_t end : stages_end_) {
    for (std::size_t s = begin; s < end; ++s) {
      if (s - begin == means.size()) means.emplace_back();
      means[s - begin].first += stages_[s].expected;
      ++means[s - begin].second;
    }
    begin = end;
  }
  const auto [base, slope] = size() > 0 ? LineOf(model_, reward_) : std::pair<double, double>();
  std::vector<double> of_shown, of_target;
  begin = 0;
  for (std::size_t i = 0; i < size(); ++i) {
    double expected = 0;
    for (std::size_t s = begin; s < stages_end_[i]; ++s) {
      const double mean = means[s - begin].first / means[s - begin].second;
      expected += mean + stages_[s].before * (stages_[s].expected - mean);
    }
    begin = stages_end_[i];
    of_shown.push_back(base + slope * model_[i]);
    of_target.push_back(base + slope * expected);
  }
  return EstimateOffPolicy({.reward = reward_,
                            .logged = logged_,
                            .target = target_,
                            .user = user_,
                            .never = never_,
                            .model_of_shown = of_shown,
                            .model_of_target = of_target},
                           options);
}

}  // namespace gfr
