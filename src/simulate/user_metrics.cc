#include "simulate/user_metrics.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "simulate/rhythm.h"

namespace gfr {
namespace {

constexpr int kWeekHours = 7 * 24;
constexpr double kAtOnceDays = 1.0 / 1440, kReturnDays = 2, kMoreReturnDays = 3;

// Numbers of a user's generator. Each purpose has its own, so that an effect moves no other draw.
enum Purpose : std::uint64_t {
  kActivity = 0,  // And the one after it.
  kBuyer = 2,     // And the one after it.
  kSize = 4,      // And the one after it.
  kNew = 6,
  kLost,
  kStratum,  // And the one after it.
  kArrival = 10,
  kOpensBefore = 1ull << 32,  // A block of numbers each, below.
  kOpensAfter = 2ull << 32,
  kBuysBefore = 3ull << 32,
  kBuysAfter = 4ull << 32,
};

std::int64_t MsOfDays(double days) { return static_cast<std::int64_t>(std::floor(days * static_cast<double>(kDayMs))); }

double NormalShare(double z) { return 0.5 * std::erfc(-z * 0.7071067811865476); }

// By inversion, of one number; means here are small. A rising mean with the same number never gives less.
int PoissonOf(double uniform, double mean) {
  double probability = std::exp(-mean), sum = probability;
  int count = 0;
  while (uniform >= sum && count < 10'000) {
    probability *= mean / ++count;
    sum += probability;
  }
  return count;
}

Error OutOfRange(const char* what, double value, const char* valid) {
  return {ErrorCode::kInvalidArgument, std::string(what) + " is " + std::to_string(value) + "; valid is " + valid};
}

Status CheckUserMetrics(const UserMetricsConfig& c) {
  if (c.enrolment_days < 1) return OutOfRange("enrolment_days", c.enrolment_days, "at least 1");
  if (c.days < 1 || c.history_days < 0) return OutOfRange("days", c.days, "at least 1, history_days at least 0");
  if (!(c.opens_a_day > 0 && c.opens_a_day <= 100))
    return OutOfRange("opens_a_day", c.opens_a_day, "above 0 up to 100");
  if (!(c.conversion_power >= 0)) return OutOfRange("conversion_power", c.conversion_power, "at least 0");
  if (!(c.conversion >= 0 && c.conversion * (1 + c.conversion_power) <= 1))
    return OutOfRange("conversion", c.conversion, "0 up to 1 / (1 + conversion_power)");
  for (const auto& [name, share] : {std::pair{"activity_correlation", c.activity_correlation},
                                    {"money_user_share", c.money_user_share},
                                    {"bought_at_once", c.bought_at_once},
                                    {"returned", c.returned},
                                    {"new_users", c.new_users}}) {
    if (!(share >= 0 && share <= 1)) return OutOfRange(name, share, "0 to 1");
  }
  for (const auto& [name, number] : {std::pair{"activity_log_sd", c.activity_log_sd},
                                     {"clicks_an_open", c.clicks_an_open},
                                     {"more_purchases", c.more_purchases},
                                     {"basket", c.basket},
                                     {"money_log_sd", c.money_log_sd},
                                     {"delay_days", c.delay_days}}) {
    if (!(number >= 0)) return OutOfRange(name, number, "at least 0");
  }
  return {};
}

}  // namespace

UserMetrics::UserMetrics(const UserMetricsConfig& config) : config_(config), busy_(kWeekHours + 1, 0.0) {
  for (int h = 0; h < kWeekHours; ++h)
    busy_[static_cast<std::size_t>(h) + 1] =
        busy_[static_cast<std::size_t>(h)] + (config.rhythm ? kHours[h % 24] * kWeekdays[h / 24] : 1.0);
  const double scale = 7 / busy_.back();
  for (double& b : busy_) b *= scale;
}

Result<UserMetrics> UserMetrics::Make(const UserMetricsConfig& config) {
  GFR_TRY(CheckUserMetrics(config));
  return UserMetrics(config);
}

double UserMetrics::ToBusy(double days) const {
  const double week = std::floor(days / 7), hours = (days - 7 * week) * 24;
  const auto h = std::min<std::size_t>(static_cast<std::size_t>(hours), kWeekHours - 1);
  return 7 * week + busy_[h] + (hours - static_cast<double>(h)) * (busy_[h + 1] - busy_[h]);
}

double UserMetrics::FromBusy(double busy_days) const {
  const double week = std::floor(busy_days / 7), rest = busy_days - 7 * week;
  const auto above = std::upper_bound(busy_.begin() + 1, busy_.end() - 1, rest);
  const auto h = static_cast<std::size_t>(above - busy_.begin()) - 1;
  return 7 * week + (static_cast<double>(h) + (rest - busy_[h]) / (busy_[h + 1] - busy_[h])) / 24;
}

void UserMetrics::Fill(std::uint64_t number, const ArmEffect& effect, SimulatedUser* user) const {
  const UserMetricsConfig& c = config_;
  const CounterRng rng(c.seed, number);
  user->number = number;
  user->events.clear();
  const double z = rng.Normal(kActivity);
  const double activity = std::exp(c.activity_log_sd * (z - 0.5 * c.activity_log_sd));
  const double r = c.activity_correlation;
  const double buyer = NormalShare(r * z + std::sqrt(1 - r * r) * rng.Normal(kBuyer));
  const double buys = c.conversion * (1 + c.conversion_power) * std::pow(buyer, c.conversion_power);
  const double user_sd = c.money_log_sd * std::sqrt(c.money_user_share);
  const double own_sd = c.money_log_sd * std::sqrt(1 - c.money_user_share);
  const double size = user_sd * rng.Normal(kSize);
  user->is_new = rng.Chance(kNew, c.new_users);
  user->exposed = !rng.Chance(kLost, effect.lost);
  const double told = 0.8 * z + 0.6 * rng.Normal(kStratum);
  user->stratum = told < -0.43 ? 0 : told < 0.43 ? 1 : 2;

  // The first open of a Poisson process, given that it comes before enrolment ends.
  const double rate = c.opens_a_day * activity;
  const double arrival_busy = -std::log1p(rng.Uniform(kArrival) * std::expm1(-rate * ToBusy(c.enrolment_days))) / rate;
  const double arrival = FromBusy(arrival_busy);
  user->exposure_ms = MsOfDays(arrival);

  const auto opens = [&](std::uint64_t block, double from_busy, double to_busy, double more_opens, double more_clicks) {
    const int count = PoissonOf(rng.Uniform(block), rate * (1 + more_opens) * (to_busy - from_busy));
    for (int k = 0; k < count; ++k) {
      const std::uint64_t at = block + 1 + 2 * static_cast<std::uint64_t>(k);
      const double days = FromBusy(from_busy + (to_busy - from_busy) * rng.Uniform(at));
      const std::int64_t time_ms = MsOfDays(days);
      user->events.push_back({time_ms, UserEventKind::kOpen, 0});
      for (int n = PoissonOf(rng.Uniform(at + 1), c.clicks_an_open * (1 + more_clicks)); n > 0; --n)
        user->events.push_back({time_ms, UserEventKind::kClick, 0});
    }
  };
  const auto purchases = [&](std::uint64_t block, double more_conversion, double more_money, auto&& delay) {
    if (!rng.Chance(block, buys * (1 + more_conversion))) return;
    const int count = 1 + PoissonOf(rng.Uniform(block + 1), c.more_purchases);
    for (int k = 0; k < count; ++k) {
      const std::uint64_t at = block + 2 + 8 * static_cast<std::uint64_t>(k);
      const double log_value = size + own_sd * rng.Normal(at) - 0.5 * c.money_log_sd * c.money_log_sd;
      const double value = c.basket * (1 + more_money) * std::exp(log_value);
      const double days = delay(at + 2);
      user->events.push_back({MsOfDays(days), UserEventKind::kPurchase, value});
      if (rng.Chance(at + 5, c.returned))
        user->events.push_back(
            {MsOfDays(days + kReturnDays + rng.Exponential(at + 6, kMoreReturnDays)), UserEventKind::kReturn, value});
    }
  };
  if (!user->is_new && c.history_days > 0) {
    const double begin = arrival - c.history_days;
    opens(kOpensBefore, ToBusy(begin), arrival_busy, 0, 0);
    purchases(kBuysBefore, 0, 0, [&](std::uint64_t at) { return begin + c.history_days * rng.Uniform(at); });
    // What came before is never in the exposure's own millisecond, where a window begins.
    for (UserEvent& e : user->events) {
      if (e.kind != UserEventKind::kReturn) e.time_ms = std::min(e.time_ms, user->exposure_ms - 1);
    }
  }
  if (!user->exposed) return;
  user->events.push_back({user->exposure_ms, UserEventKind::kOpen, 0});
  opens(kOpensAfter, arrival_busy, ToBusy(arrival + c.days), effect.opens, effect.clicks);
  purchases(kBuysAfter, effect.conversion, effect.money, [&](std::uint64_t at) {
    const bool at_once = rng.Chance(at, c.bought_at_once);
    return arrival + effect.extra_delay_days +
           rng.Exponential(at + 1, at_once ? kAtOnceDays : c.delay_days * (1 + effect.delay));
  });
}

UserSums UserMetrics::Sum(const SimulatedUser& user, std::int64_t from_ms, std::int64_t to_ms) {
  UserSums sums;
  for (const UserEvent& e : user.events) {
    if (e.time_ms < from_ms || e.time_ms >= to_ms) continue;
    switch (e.kind) {
      case UserEventKind::kOpen:
        ++sums.opens;
        break;
      case UserEventKind::kClick:
        ++sums.clicks;
        break;
      case UserEventKind::kPurchase:
        ++sums.purchases;
        sums.revenue += e.value;
        break;
      case UserEventKind::kReturn:
        sums.returned += e.value;
        break;
    }
  }
  return sums;
}

UserTruth UserMetrics::Truth(const ArmEffect& effect, double window_days) const {
  const UserMetricsConfig& c = config_;
  // A purchase lies within the window with probability `in`; of 1 + Poisson(m) independent ones, none does with
  // (1 - in) exp(-m in).
  const double left = window_days - effect.extra_delay_days;
  const auto within = [&](double mean) { return left <= 0 ? 0.0 : mean > 0 ? -std::expm1(-left / mean) : 1.0; };
  const double in =
      c.bought_at_once * within(kAtOnceDays) + (1 - c.bought_at_once) * within(c.delay_days * (1 + effect.delay));
  const double buyers = c.conversion * (1 + effect.conversion);
  UserTruth truth;
  truth.conversion = buyers * (1 - (1 - in) * std::exp(-c.more_purchases * in));
  truth.purchases = buyers * (1 + c.more_purchases) * in;
  truth.revenue = truth.purchases * c.basket * (1 + effect.money);
  truth.returned = truth.revenue * c.returned;
  const double later_opens = c.opens_a_day * (1 + effect.opens) * window_days;
  truth.opens = 1 + later_opens;  // The exposure is an open.
  truth.clicks = later_opens * c.clicks_an_open * (1 + effect.clicks);
  return truth;
}

}  // namespace gfr
