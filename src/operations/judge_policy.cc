#include "operations/judge_policy.h"

#include <algorithm>
#include <cmath>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/hash.h"
#include "dataset/left_out.h"
#include "experiment/experiments.h"
#include "feed/feed_policy.h"
#include "feed/policy_difference.h"
#include "feed/target_draws.h"
#include "metric/slate_off_policy.h"

namespace gfr {
namespace {

// Slates of one feed in the log's order, each judged once its clicks are in.
class PolicyJudge {
 public:
  PolicyJudge(const FeedConfig& logged, const FeedConfig& target, const JudgePolicyOptions& options)
      : target_(target), options_(options), has_own_value_(logged.value.text() != target.value.text()) {
    if (target.policy == nullptr) return;
    draws_.explore_rate = target.policy->explore_rate;
    for (const FeedContract& contract : target.policy->contracts) {
      if (contract.kind == FeedContract::Kind::kExplored) explored_contracts_.push_back(contract.name);
    }
  }

  void Add(const Event& event, Key person) {
    if (event.type == EventType::kFeedRequest) AddSlate(event, person);
    if (event.type == EventType::kFeedClick) AddClick(event);
  }

  JudgedPolicy End() {
    Close();
    judged_.young = order_.size();
    judged_.report = choices_.Estimate({});
    return std::move(judged_);
  }

 private:
  struct OpenSlate {
    Key person;
    std::int64_t time_ms;
    std::vector<Key> items;  // Shown, not clicked so far.
    double clicks = 0;
    std::vector<DrawnPool> pools;
    std::vector<std::vector<double>> target, model;  // By pool.
  };

  void AddSlate(const Event& request, Key person) {
    const ServedSlate& served = request.served;
    last_ms_ = std::max(last_ms_, request.time_ms);
    Close();
    if (!served.exists() || served.feed != target_.name || request.time_ms < options_.from_ms ||
        request.time_ms >= options_.to_ms)
      return;
    if (served.configuration != options_.configuration) {
      ++judged_.other_configuration;
      return;
    }
    if (std::ranges::any_of(served.experiments, [](const ServedExperiment& e) {
          return e.overridden || e.experiment != kHoldoutName || e.variant == kHeldOutName;
        })) {
      ++judged_.in_experiments;
      return;
    }
    const Key key = KeyOf(request.request_id);
    if (open_.contains(key)) return;  // Asked for again: the slate of before.
    std::optional<std::vector<double>> scores = ScoresOf(request);
    if (!scores) {
      ++judged_.without_scores;
      return;
    }
    OpenSlate open = Read(request, *scores);
    open.person = person;
    open_.emplace(key, std::move(open));
    order_.push_back(key);
  }

  OpenSlate Read(const Event& request, const std::vector<double>& scores) const {
    OpenSlate open{.person = 0, .time_ms = request.time_ms, .items = {}, .pools = {}, .target = {}, .model = {}};
    for (const EventItem& item : request.items) {
      if (item.index >= 0) open.items.push_back(KeyOf(item.item_id));
    }
    TargetDraws draws = draws_;
    draws.temperature = options_.temperature;
    draws.best_stands = has_own_value_;
    for (const ServedDual& dual : request.served.duals) {
      if (std::ranges::find(explored_contracts_, dual.name) != explored_contracts_.end())
        draws.explore_rate *= 1 - std::clamp(dual.value, 0.0, 1.0);
    }
    for (const ServedDraw& draw : request.served.draws) {
      const DrawnPool& pool = open.pools.emplace_back(ReadPool(draw, request.items));
      std::vector<double> own;
      std::vector<double>& model = open.model.emplace_back();
      for (std::size_t i = 0; i < pool.logged.size(); ++i) {
        own.push_back(scores.empty() ? 0.0 : scores[draw.pool[i]]);
        const bool is_valued = draw.pool[i] < request.served.value.size();
        const double value = is_valued ? static_cast<double>(request.served.value[draw.pool[i]]) : 0;
        model.push_back(std::isfinite(value) ? value : 0);
      }
      open.target.push_back(ProbabilitiesOf(draws, pool, own));
    }
    return open;
  }

  // The target's value of each item; empty where no draw goes by it, nothing where the record lacks a score.
  std::optional<std::vector<double>> ScoresOf(const Event& request) const {
    if (!has_own_value_ && std::isinf(options_.temperature)) return std::vector<double>();
    const std::size_t n = request.items.size();
    std::vector<double> values(n);
    if (!has_own_value_ && request.served.value.size() == n) {
      std::ranges::copy(request.served.value, values.begin());
      return values;
    }
    std::vector<std::vector<double>> numbers;
    for (const std::uint32_t o : target_.value.objectives()) {
      const ServedScores* of = request.served.Find(target_.objectives[o]);
      if (of == nullptr || of->values.size() != n) return {};
      numbers.emplace_back(of->values.begin(), of->values.end());
    }
    std::vector<Expression::Column> columns;
    for (const auto& column : numbers) columns.push_back({.numbers = column.data()});
    target_.value.Evaluate(columns, values);
    return values;
  }

  void AddClick(const Event& click) {
    const auto at = open_.find(KeyOf(click.request_id));
    if (at == open_.end()) return;
    for (const EventItem& item : click.items)
      at->second.clicks += std::erase(at->second.items, KeyOf(item.item_id)) > 0;
  }

  // What is old enough.
  void Close() {
    while (!order_.empty()) {
      const auto at = open_.find(order_.front());
      if (at->second.time_ms + options_.window_ms > last_ms_) return;
      const OpenSlate& open = at->second;
      std::vector<SlateDraw> draws;
      for (std::size_t k = 0; k < open.pools.size(); ++k)
        draws.push_back({open.pools[k].shown, open.pools[k].logged, open.target[k], open.model[k]});
      choices_.Add(open.person, open.clicks, draws);
      judged_.drawn += !draws.empty();
      open_.erase(at);
      order_.pop_front();
    }
  }

  const FeedConfig& target_;
  const JudgePolicyOptions& options_;
  const bool has_own_value_;
  TargetDraws draws_;
  std::vector<std::string> explored_contracts_;
  SlateChoices choices_;
  JudgedPolicy judged_;
  std::int64_t last_ms_ = INT64_MIN;
  std::unordered_map<Key, OpenSlate> open_;  // By request.
  std::deque<Key> order_;                    // Of the open ones, in the log's order.
};

}  // namespace

Result<JudgedPolicy> JudgePolicy(EventSource& log, const FeedConfig& logged, const FeedConfig& target,
                                 const JudgePolicyOptions& options, const LeaveOutConfig& leave_out,
                                 const AliasRule& rule) {
  const std::vector<std::string> differences = DifferencesBeyondDraws(logged, target);
  if (!differences.empty()) {
    std::string names;
    for (const std::string& name : differences) names += (names.empty() ? "" : ", ") + name;
    JudgedPolicy refused;
    refused.report.refusals = {"the target differs in " + names +
                               ": the log has no slate of such a feed, only another draw from its own pools"};
    return refused;
  }
  if (logged.value.text() != target.value.text() && !target.value.properties().empty())
    return Error{ErrorCode::kInvalidArgument, "value = \"" + target.value.text() +
                                                  "\" reads properties of items, which records of slates do not keep"};
  PolicyJudge judge(logged, target, options);
  AliasHistory people(rule);
  GFR_TRY(ForEachRecord(log, TypeBit(EventType::kUserAlias), [&](const LogRecord& r) {
    people.Join(r.event, r.offset);
    return Status();
  }));
  std::shared_ptr<const LeftOut> left_out;
  if (leave_out.robots || !leave_out.users.empty()) {
    GFR_ASSIGN(left_out, LeftOut::Find(log, people, leave_out));
  }
  GFR_TRY(
      ForEachRecord(log, TypeBit(EventType::kFeedRequest) | TypeBit(EventType::kFeedClick), [&](const LogRecord& r) {
        const Key person = people.PersonOf(r.event, r.offset);
        if (!left_out || left_out->Why(person) == nullptr) judge.Add(r.event, person);
        return Status();
      }));
  return judge.End();
}

}  // namespace gfr
