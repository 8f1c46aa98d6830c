#include "evaluate/compare_off_policy.h"

#include <algorithm>
#include <cassert>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/rng.h"
#include "evaluate/replicates.h"

namespace gfr {
namespace {

constexpr int kCompareReplicates = 1000;  // For a quantile of 5 %.

// A user's sums, of both targets.
struct ComparedSums {
  double weight[2] = {}, earned[2] = {};
  void Add(const ComparedSums& other, double times) {
    for (int side = 0; side < 2; ++side) {
      weight[side] += times * other.weight[side];
      earned[side] += times * other.earned[side];
    }
  }
  double Value(int side) const { return earned[side] / weight[side]; }
};

}  // namespace

ComparedOffPolicy CompareChoices(const LoggedChoices& candidate, const LoggedChoices& champion) {
  assert(candidate.reward.size() == champion.reward.size());
  ComparedOffPolicy out{.draws = candidate.reward.size(), .refusal = ""};
  for (const auto& [who, choices] : {std::pair{"the candidate", &candidate}, {"the champion", &champion}}) {
    const OffPolicyReport report = EstimateOffPolicy(*choices, {.replicates = 2, .seed = kSeed});
    if (!report.evidence() && out.refusal.empty()) out.refusal = std::string(who) + ": " + report.refusals.front();
  }
  if (!out.evidence()) return out;
  std::unordered_map<std::uint64_t, std::size_t> index;
  std::vector<ComparedSums> users;
  for (std::size_t i = 0; i < candidate.reward.size(); ++i) {
    const std::size_t user = index.try_emplace(candidate.user[i], index.size()).first->second;
    if (user == users.size()) users.emplace_back();
    ComparedSums one;
    const double targets[] = {candidate.target[i], champion.target[i]};
    for (int side = 0; side < 2; ++side) {
      one.weight[side] = targets[side] / candidate.logged[i];
      one.earned[side] = one.weight[side] * candidate.reward[i];
    }
    users[user].Add(one, 1);
  }
  ComparedSums total;
  for (const ComparedSums& user : users) total.Add(user, 1);
  std::vector<double> differences;
  Rng rng(kSeed);
  for (int r = 0; r < kCompareReplicates; ++r) {
    ComparedSums draw;
    for (const ComparedSums& user : users) draw.Add(user, static_cast<double>(rng.Poisson(1.0)));
    if (draw.weight[0] > 0 && draw.weight[1] > 0) differences.push_back(draw.Value(0) - draw.Value(1));
  }
  std::ranges::sort(differences);
  out.candidate = total.Value(0);
  out.champion = total.Value(1);
  out.difference = out.candidate - out.champion;
  out.low = differences[differences.size() / 20];
  out.high = differences[differences.size() - 1 - differences.size() / 20];
  return out;
}

Result<ComparedOffPolicy> CompareOffPolicy(const Model& candidate, const Model& champion, const Dataset& data,
                                           std::int64_t from_ms, std::int64_t to_ms) {
  GFR_ASSIGN(const ModelChoices of_candidate, ChoicesOf(candidate, data, from_ms, to_ms));
  GFR_ASSIGN(const ModelChoices of_champion, ChoicesOf(champion, data, from_ms, to_ms));
  return CompareChoices(of_candidate.View(), of_champion.View());
}

}  // namespace gfr
