#include "rank/eligibility.h"

#include <algorithm>
#include <string>
#include <vector>

#include "rank/candidates.h"
#include "rank/conditions.h"

namespace gfr {
namespace {

std::span<const FeedRule> RulesOf(const RankInput& in) {
  return in.policy ? std::span<const FeedRule>(in.policy->rules) : std::span<const FeedRule>();
}

LeftOutByRule& RuleOf(Draft* draft, const std::string& name) {
  const auto at = std::ranges::find(draft->outcome.left_out, name, &LeftOutByRule::rule);
  if (at != draft->outcome.left_out.end()) return *at;
  draft->outcome.left_out.push_back({.rule = name, .count = 0, .items = {}, .ids = {}});
  return draft->outcome.left_out.back();
}

// Keeps the items of which `kept` says so.
void KeepItems(const std::vector<bool>& kept, Draft* draft) {
  std::vector<std::size_t> left;
  for (std::size_t i = 0; i < draft->items.size(); ++i) {
    if (!kept[i]) continue;
    if (left.size() != i) draft->items[left.size()] = std::move(draft->items[i]);
    if (!draft->rankings.empty()) draft->rankings[left.size()] = draft->rankings[i];
    left.push_back(i);
  }
  draft->items.resize(left.size());
  if (!draft->rankings.empty()) draft->rankings.resize(left.size());
  draft->lease.KeepItems(left);
}

}  // namespace

void CountDropped(const std::string& rule, const EventItem& item, Draft* draft) {
  LeftOutByRule& left_out = RuleOf(draft, rule);
  ++left_out.count;
  if (left_out.ids.size() < kLeftOutIds) left_out.ids.push_back(item.item_id);
  draft->dropped.insert(KeyOf(item.item_id));
}

void DropIneligible(const RankInput& in, Draft* draft) {
  const std::vector<const std::byte*>& rows = draft->lease.items;
  const std::size_t n = draft->items.size();
  std::vector<bool> kept(n, true);
  const auto drop = [&](const std::string& rule, std::size_t i) {
    CountDropped(rule, draft->items[i], draft);
    kept[i] = false;
  };
  for (std::size_t i = 0; i < n && !draft->lease.degraded(); ++i) {
    const bool is_gone = rows[i] == nullptr
                             ? draft->items[i].channel == kPinChannel  // Pinned, and not in the catalogue.
                             : !in.store.shared().IsOnSale(rows[i]);
    if (is_gone) drop(kOffSaleRule, i);
  }
  ConditionColumns columns(in, *draft, draft->items, rows);
  for (const FeedRule& rule : RulesOf(in)) {
    if (rule.leave_out.reads_features()) continue;
    const std::span<const double> holds = columns.Evaluate(rule.leave_out);
    for (std::size_t i = 0; i < n; ++i) {
      if (kept[i] && holds[i] != 0) drop(rule.name, i);
    }
  }
  if (std::ranges::find(kept, false) != kept.end()) KeepItems(kept, draft);
}

void MarkIneligible(const RankInput& in, Draft* draft) {
  draft->ineligible.clear();
  ConditionColumns columns(in, *draft, draft->items, draft->lease.items);
  for (const FeedRule& rule : RulesOf(in)) {
    if (!rule.leave_out.reads_features()) continue;
    const std::span<const double> holds = columns.Evaluate(rule.leave_out);
    draft->ineligible.resize(draft->items.size());
    LeftOutByRule left_out{.rule = rule.name, .count = 0, .items = {}, .ids = {}};
    for (std::size_t i = 0; i < holds.size(); ++i) {
      if (holds[i] == 0 || draft->ineligible[i]) continue;
      draft->ineligible[i] = 1;
      left_out.items.push_back(static_cast<std::uint32_t>(i));
    }
    std::erase_if(draft->outcome.left_out,
                  [&](const LeftOutByRule& r) { return r.rule == rule.name; });  // Of an earlier look.
    left_out.count = static_cast<std::uint32_t>(left_out.items.size());
    if (left_out.count > 0) draft->outcome.left_out.push_back(std::move(left_out));
  }
}

std::size_t EligibleCount(const Draft& draft) {
  return draft.items.size() - static_cast<std::size_t>(std::ranges::count(draft.ineligible, std::uint8_t{1}));
}

}  // namespace gfr
