#include "feed/target_draws.h"

#include <algorithm>
#include <cmath>

namespace gfr {
namespace {

constexpr double kLeast = -std::numeric_limits<double>::infinity();

double ScoreOf(double score) { return std::isnan(score) ? kLeast : score; }

// Adds `mass` in proportion to exp(score / temperature) among those that `is_in` says.
template <class IsIn>
void Share(double mass, double temperature, std::span<const double> scores, const IsIn& is_in,
           std::vector<double>* probability) {
  double best = kLeast, sum = 0;
  std::size_t count = 0;
  for (std::size_t i = 0; i < scores.size(); ++i) {
    if (!is_in(i)) continue;
    best = std::max(best, ScoreOf(scores[i]));
    ++count;
  }
  if (count == 0) return;
  const bool alike = std::isinf(temperature) || best == kLeast;
  std::vector<double> share(scores.size());
  for (std::size_t i = 0; i < scores.size(); ++i) {
    if (!is_in(i)) continue;
    const double below = ScoreOf(scores[i]) - best;
    share[i] = alike ? 1.0 : temperature > 0 ? std::exp(below / temperature) : below == 0 ? 1.0 : 0.0;
    sum += share[i];
  }
  for (std::size_t i = 0; i < scores.size(); ++i) (*probability)[i] += mass * share[i] / sum;
}

}  // namespace

DrawnPool ReadPool(const ServedDraw& draw, std::span<const EventItem> items) {
  DrawnPool pool;
  const std::size_t size = draw.pool.size();
  if (!draw.probability.empty() && draw.probability.size() != size) return pool;
  for (std::size_t i = 0; i < size; ++i) {
    if (draw.pool[i] >= items.size()) return DrawnPool();
    const EventItem& item = items[draw.pool[i]];
    pool.logged.push_back(draw.probability.empty() ? 1.0 / static_cast<double>(size)
                                                   : static_cast<double>(draw.probability[i]));
    pool.explored.push_back(item.channel == "explore");
    if (item.index == draw.position) pool.shown = i;
  }
  if (draw.probability.empty()) return pool;
  // One that the explore channel did not bring; else the likeliest.
  const auto sure = std::ranges::find(pool.explored, 0);
  pool.otherwise = sure != pool.explored.end()
                       ? static_cast<std::size_t>(sure - pool.explored.begin())
                       : static_cast<std::size_t>(std::ranges::max_element(pool.logged) - pool.logged.begin());
  return pool;
}

std::vector<double> ProbabilitiesOf(const TargetDraws& target, const DrawnPool& pool, std::span<const double> scores) {
  std::vector<double> probability(pool.logged.size());
  Share(
      target.explore_rate, target.temperature, scores, [&](std::size_t i) { return pool.explored[i] != 0; },
      &probability);
  if (target.explore_rate >= 1) return probability;
  if (target.best_stands)
    Share(
        1 - target.explore_rate, 0, scores, [](std::size_t) { return true; }, &probability);
  else if (pool.otherwise != DrawnPool::kNone)
    probability[pool.otherwise] += 1 - target.explore_rate;
  return probability;
}

}  // namespace gfr
