#include "feed/contract_duals.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace gfr {
namespace {

using ContractKind = FeedContract::Kind;

// Sizes of a step, in mean sizes of the values shown: of a usual minute that is off by all that is wanted. They are
// what finds the price within an hour or so, and moves it little once it is found.
constexpr double kShareGain = 0.4, kExploredGain = 0.02;
// Of a view that an item is short of: dual descent's step length, over as many views as are wanted, to their root.
// A larger one pays for the chance of single views.
constexpr double kItemGain = 0.5;
constexpr double kMostMove = 0.25, kMostPrice = 50;
constexpr std::int64_t kLastStepMs = 253'402'300'800'000;  // The end of the year 9999.

double Decay(double half_or_mean_ms) {
  return std::exp(-static_cast<double>(ContractDuals::kStepMs) / half_or_mean_ms);
}

}  // namespace

ContractDuals::ContractDuals(std::vector<ContractTarget> targets)
    : targets_(std::move(targets)), contracts_(targets_.size()) {}

void ContractDuals::Served(const std::string& name, std::int64_t now_ms, double value) {
  Advance(now_ms);
  if (arms_.size() >= kMostArms && !arms_.contains(name)) return;
  Arm& arm = arms_[name];
  ++arm.step_requests;
  if (!std::isfinite(value)) return;
  // Of the first requests the mean, then one that forgets.
  const double weight = std::max(0.001, 1 / (1 + arm.requests + arm.step_requests));
  arm.value += weight * (std::fabs(value) - arm.value);
}

void ContractDuals::Eligible(std::size_t c, const std::string& name, Key item, std::int64_t now_ms) {
  Contract& contract = contracts_[c];
  if (targets_[c].kind != ContractKind::kEachItem || !arms_.contains(name)) return;
  OfArm& of = contract.arms[name];
  if (of.items.size() >= kMaxItems && !of.items.contains(item)) return;
  const auto [at, fresh] = of.items.try_emplace(item, Item{.first_ms = now_ms, .last_ms = now_ms, .price = of.opening});
  at->second.last_ms = now_ms;
}

void ContractDuals::Viewed(const std::string& name, Key item, const std::vector<std::uint32_t>& inside,
                           std::int64_t now_ms) {
  Advance(now_ms);
  const auto arm = arms_.find(name);
  if (arm == arms_.end()) return;
  ++arm->second.step_views;
  for (std::uint32_t c = 0; c < contracts_.size(); ++c) {
    Contract& contract = contracts_[c];
    ++contract.today.all_views;
    OfArm& of = contract.arms[name];
    ++of.day_views;
    if (std::ranges::find(inside, c) == inside.end()) continue;
    double price = of.price;
    if (targets_[c].kind == ContractKind::kEachItem) {
      const auto at = of.items.find(item);
      if (at == of.items.end() || at->second.is_over) continue;
      ++at->second.views;
      ++at->second.step_views;
      price = at->second.price;
    } else {
      ++of.step_inside;
      ++of.day_inside;
    }
    ++contract.views;
    ++contract.today.views;
    contract.cost += price;
    contract.today.cost += price;
  }
}

void ContractDuals::Advance(std::int64_t now_ms) {
  if (step_end_ms_ == 0) step_end_ms_ = (now_ms / kStepMs + 1) * kStepMs;
  while (now_ms >= step_end_ms_) {
    const bool is_quiet = std::ranges::all_of(
        arms_, [](const auto& a) { return a.second.step_requests == 0 && a.second.step_views == 0; });
    Step(step_end_ms_);
    // Nothing happens in an outage but the ends of days and items, which no step is too late for.
    const std::int64_t next =
        is_quiet ? std::max(step_end_ms_ + kStepMs, now_ms / kStepMs * kStepMs) : step_end_ms_ + kStepMs;
    for (std::int64_t day = step_end_ms_ / kDayMs; day < next / kDayMs; ++day) EndDay(day);
    step_end_ms_ = next;
  }
}

void ContractDuals::Step(std::int64_t end_ms) {
  const double usual = Decay(kUsualMs), day = Decay(kDayMs);
  for (auto& [name, arm] : arms_) {
    arm.requests = arm.requests * day + arm.step_requests;
    // Of the first minutes the mean; none of an outage.
    if (arm.step_requests > 0)
      arm.usual_views = arm.usual_views == 0 ? arm.step_views : arm.usual_views * usual + (1 - usual) * arm.step_views;
  }
  for (std::size_t c = 0; c < contracts_.size(); ++c) {
    const ContractTarget& target = targets_[c];
    if (target.kind == ContractKind::kEachItem) {
      StepItems(c, end_ms);
      continue;
    }
    for (auto& [name, of] : contracts_[c].arms) {
      const Arm& arm = arms_[name];
      const double usual_views = std::max(arm.usual_views, 1.0);
      const double over = of.day_views > 0 ? of.day_inside / of.day_views / target.share - 1 : 0;
      const double aim = target.share * (1 - std::clamp(over, 0.0, 0.5));
      const double too_many = (std::exchange(of.step_inside, 0) - aim * arm.step_views) / usual_views;
      if (target.kind == ContractKind::kExplored) {
        of.price = std::clamp(of.price + kExploredGain * too_many / target.share, 0.0, 1.0);
        continue;
      }
      const double move = std::clamp(kShareGain * too_many, -kMostMove, kMostMove);
      of.price = std::clamp(of.price + arm.value * move, 0.0, kMostPrice * arm.value);
    }
  }
  for (auto& [name, arm] : arms_) arm.step_requests = arm.step_views = 0;
}

void ContractDuals::StepItems(std::size_t c, std::int64_t end_ms) {
  const ContractTarget& target = targets_[c];
  Contract& contract = contracts_[c];
  EndItems(c, end_ms);
  std::map<Key, double> views;  // Of all arms.
  for (const auto& [name, of] : contract.arms) {
    for (const auto& [key, item] : of.items) {
      if (!item.is_over) views[key] += item.views;
    }
  }
  double traffic = 0;
  for (const auto& [name, arm] : arms_) traffic += arm.requests;
  for (auto& [name, of] : contract.arms) {
    const Arm& arm = arms_[name];
    for (auto& [key, item] : of.items) {
      if (item.is_over) continue;
      const double got = std::exchange(item.step_views, 0), left = target.views - views[key];
      if (left <= 0) {
        item.price = 0;
        continue;
      }
      if (arm.step_views == 0 || arm.usual_views == 0 || traffic == 0) continue;
      const double safe = static_cast<double>(item.first_ms) + kSafety * static_cast<double>(target.within_ms);
      const double deadline = static_cast<double>(item.first_ms + target.within_ms);
      const auto now = static_cast<double>(end_ms);
      const double steps = std::max({safe - now, (deadline - now) / 4, static_cast<double>(kStepMs)}) / kStepMs;
      const double part = std::min(1.0, left * (arm.requests / traffic) / (arm.usual_views * steps));
      const double short_of = (part * arm.step_views - got) / std::sqrt(std::max(1.0, target.views));
      const double move = std::clamp(kItemGain * short_of, -kMostMove, kMostMove);
      item.price = std::clamp(item.price + arm.value * move, 0.0, kMostPrice * arm.value);
    }
  }
}

void ContractDuals::EndItems(std::size_t c, std::int64_t now_ms) {
  const ContractTarget& target = targets_[c];
  Contract& contract = contracts_[c];
  struct All {
    std::int64_t first_ms = INT64_MAX;
    double views = 0;
  };
  std::map<Key, All> all;
  for (auto& [name, of] : contract.arms) {
    std::erase_if(of.items,
                  [&](const auto& i) { return now_ms - i.second.last_ms > std::max(kForgetMs, target.within_ms); });
    for (const auto& [key, item] : of.items) {
      if (item.is_over) continue;
      All& sum = all[key];
      sum.first_ms = std::min(sum.first_ms, item.first_ms);
      sum.views += item.views;
    }
  }
  for (const auto& [key, sum] : all) {
    const bool is_full = sum.views >= target.views, is_late = now_ms >= sum.first_ms + target.within_ms;
    if (!is_full && !is_late) continue;
    ++(sum.views >= kKeptFloor * target.views ? contract.kept : contract.missed);
    for (auto& [name, of] : contract.arms) {
      const auto at = of.items.find(key);
      if (at == of.items.end()) continue;
      of.opening += 0.1 * (at->second.price - of.opening);
      at->second.is_over = true;
      at->second.price = 0;
    }
  }
}

void ContractDuals::EndDay(std::int64_t day) {
  for (std::size_t c = 0; c < contracts_.size(); ++c) {
    Contract& contract = contracts_[c];
    if (contract.today.all_views > 0) {
      contract.today.day = day;
      if (targets_[c].kind != ContractKind::kEachItem)
        ++(contract.today.views <= kKeptCap * targets_[c].share * contract.today.all_views ? contract.kept
                                                                                           : contract.missed);
      contract.days.push_back(contract.today);
      if (contract.days.size() > kDays) contract.days.erase(contract.days.begin());
    }
    contract.today = {};
    for (auto& [name, of] : contract.arms) of.day_inside = of.day_views = 0;
  }
}

ContractPrices ContractDuals::Prices() const {
  ContractPrices prices;
  for (std::size_t c = 0; c < contracts_.size(); ++c) {
    for (const auto& [name, of] : contracts_[c].arms) {
      ContractPrices::Of made{.price = targets_[c].kind == ContractKind::kEachItem ? of.opening : of.price,
                              .by_item = {}};
      for (const auto& [key, item] : of.items) made.by_item[key] = item.price;
      prices.Set(targets_[c].id, name, std::move(made));
    }
  }
  return prices;
}

ContractDuals::Kept ContractDuals::KeptOf(std::size_t c) const {
  const Contract& contract = contracts_[c];
  Kept kept{.kept = contract.kept, .missed = contract.missed, .views = contract.views, .cost = contract.cost};
  double sum = 0, count = 0;
  for (const auto& [name, of] : contract.arms) {
    if (targets_[c].kind != ContractKind::kEachItem) {
      sum += of.price;
      ++count;
    }
    for (const auto& [key, item] : of.items) {
      if (item.is_over) continue;
      ++kept.running;
      sum += item.price;
      ++count;
    }
  }
  kept.price = count > 0 ? sum / count : 0;
  return kept;
}

void ContractDuals::Retarget(std::vector<ContractTarget> targets) {
  std::vector<Contract> contracts(targets.size());
  for (std::size_t c = 0; c < targets.size(); ++c) {
    for (std::size_t old = 0; old < targets_.size(); ++old) {
      if (targets_[old].id == targets[c].id && targets_[old].kind == targets[c].kind)
        contracts[c] = std::move(contracts_[old]);
    }
  }
  targets_ = std::move(targets);
  contracts_ = std::move(contracts);
}

void ContractDuals::Encode(ByteWriter& w) const {
  w.Signed(step_end_ms_);
  w.Varint(arms_.size());
  for (const auto& [name, arm] : arms_) {
    w.String(name);
    for (const double x : {arm.step_views, arm.step_requests, arm.usual_views, arm.requests, arm.value}) w.Number(x);
  }
  const auto day = [&w](const Day& d) {
    w.Signed(d.day);
    for (const double x : {d.views, d.all_views, d.cost}) w.Number(x);
  };
  w.Varint(contracts_.size());
  for (std::size_t c = 0; c < contracts_.size(); ++c) {
    const Contract& contract = contracts_[c];
    w.String(targets_[c].id);
    w.Byte(static_cast<std::uint8_t>(targets_[c].kind));
    w.Varint(contract.kept);
    w.Varint(contract.missed);
    w.Number(contract.views);
    w.Number(contract.cost);
    day(contract.today);
    w.Varint(contract.days.size());
    for (const Day& d : contract.days) day(d);
    w.Varint(contract.arms.size());
    for (const auto& [name, of] : contract.arms) {
      w.String(name);
      for (const double x : {of.price, of.step_inside, of.day_inside, of.day_views, of.opening}) w.Number(x);
      w.Varint(of.items.size());
      for (const auto& [key, item] : of.items) {
        w.Number(key);
        w.Number(item.first_ms);
        w.Number(item.last_ms);
        for (const double x : {item.views, item.price, item.step_views}) w.Number(x);
        w.Byte(item.is_over);
      }
    }
  }
}

namespace {

// Numbers that no sum or price is made of would spread: they are refused.
bool ReadAll(ByteReader& r, std::initializer_list<double*> numbers) {
  bool good = true;
  for (double* const number : numbers) {
    *number = r.Number<double>();
    good = good && std::isfinite(*number) && *number >= 0;
  }
  return good && !r.bad;
}

}  // namespace

Result<ContractDuals> ContractDuals::Decode(ByteReader& r, std::vector<ContractTarget> targets) {
  const Error bad{ErrorCode::kCorrupt, "the prices of contracts are not whole"};
  std::vector<ContractTarget> kept;
  std::vector<Contract> contracts;
  ContractDuals duals({});
  duals.step_end_ms_ = r.Signed();
  if (duals.step_end_ms_ < 0 || duals.step_end_ms_ > kLastStepMs) return bad;
  for (std::size_t n = r.Count(41); n > 0; --n) {
    Arm& arm = duals.arms_[std::string(r.String())];
    if (!ReadAll(r, {&arm.step_views, &arm.step_requests, &arm.usual_views, &arm.requests, &arm.value})) return bad;
  }
  const auto day = [&r](Day* d) {
    d->day = r.Signed();
    return ReadAll(r, {&d->views, &d->all_views, &d->cost});
  };
  for (std::size_t n = r.Count(46); n > 0; --n) {
    ContractTarget& target = kept.emplace_back();
    Contract& contract = contracts.emplace_back();
    target.id = r.String();
    const auto kind = r.Number<std::uint8_t>();
    if (kind > static_cast<std::uint8_t>(ContractKind::kExplored)) return bad;
    target.kind = static_cast<ContractKind>(kind);
    contract.kept = r.Varint();
    contract.missed = r.Varint();
    if (!ReadAll(r, {&contract.views, &contract.cost}) || !day(&contract.today)) return bad;
    contract.days.resize(r.Count(25));
    for (Day& d : contract.days) {
      if (!day(&d)) return bad;
    }
    for (std::size_t arms = r.Count(42); arms > 0; --arms) {
      const std::string name(r.String());
      if (!duals.arms_.contains(name)) return bad;
      OfArm& of = contract.arms[name];
      if (!ReadAll(r, {&of.price, &of.step_inside, &of.day_inside, &of.day_views, &of.opening})) return bad;
      for (std::size_t items = r.Count(49); items > 0; --items) {
        Item& item = of.items[r.Number<Key>()];
        item.first_ms = r.Number<std::int64_t>();
        item.last_ms = r.Number<std::int64_t>();
        if (!ReadAll(r, {&item.views, &item.price, &item.step_views})) return bad;
        item.is_over = r.Number<std::uint8_t>() != 0;
      }
    }
  }
  if (r.bad) return bad;
  duals.targets_ = std::move(kept);
  duals.contracts_ = std::move(contracts);
  duals.Retarget(std::move(targets));
  return duals;
}

}  // namespace gfr
