#include "feed/policy_difference.h"

#include <algorithm>

#include "feed/feed_policy.h"

namespace gfr {
namespace {

bool IsSame(const FeedRule& a, const FeedRule& b) { return a.leave_out.text() == b.leave_out.text(); }
bool IsSame(const FeedCap& a, const FeedCap& b) {
  return a.of == b.of && a.property == b.property && a.at_most == b.at_most && a.window == b.window;
}
bool IsSame(const FeedFloor& a, const FeedFloor& b) {
  return a.where.text() == b.where.text() && a.at_least == b.at_least && a.first == b.first;
}
bool IsSame(const FeedPin& a, const FeedPin& b) {
  return a.item == b.item && a.where.text() == b.where.text() && a.position == b.position;
}
bool IsSame(const FeedBoost& a, const FeedBoost& b) {
  return a.where.text() == b.where.text() && a.times == b.times && a.plus == b.plus;
}
// Prices are kept by the contract's name.
bool IsSame(const FeedContract& a, const FeedContract& b) {
  return a.name == b.name && a.kind == b.kind && a.where.text() == b.where.text() && a.views == b.views &&
         a.share == b.share && a.within_ms == b.within_ms;
}

// In the same order: pins and boosts act one after another, and what is given up is searched for by cap.
template <class T>
bool IsSame(const std::vector<T>& a, const std::vector<T>& b) {
  return std::ranges::equal(a, b, [](const T& x, const T& y) { return IsSame(x, y); });
}

}  // namespace

std::vector<std::string> DifferencesBeyondDraws(const FeedConfig& logged, const FeedConfig& target) {
  const FeedPolicy none, &a = logged.policy ? *logged.policy : none, &b = target.policy ? *target.policy : none;
  std::vector<std::string> differences;
  const auto hold = [&](bool is_same, const char* name) {
    if (!is_same) differences.emplace_back(name);
  };
  hold(logged.name == target.name, "feed.name");
  hold(logged.size == target.size, "feed.size");
  hold(logged.channels == target.channels, "channels");
  hold(logged.swap_share == target.swap_share, "feed.swap");
  hold(IsSame(a.rules, b.rules), "feed.rule");
  hold(IsSame(a.caps, b.caps), "feed.cap");
  hold(IsSame(a.floors, b.floors), "feed.floor");
  hold(IsSame(a.pins, b.pins), "feed.pin");
  hold(IsSame(a.boosts, b.boosts), "feed.boost");
  hold(IsSame(a.contracts, b.contracts), "feed.contract");
  hold(a.examination == b.examination, "feed.policy.examination");
  hold(a.diversity == b.diversity && a.diversity_of == b.diversity_of, "feed.policy.diversity");
  hold(a.floor_level == b.floor_level && a.window_level == b.window_level && a.cap_level == b.cap_level,
       "feed.policy.relax");
  hold(a.explore_every == b.explore_every, "feed.policy.explore_every");
  hold(a.solves == b.solves, "feed.policy");
  return differences;
}

}  // namespace gfr
