// UserMetrics: the simulator's fast mode: what each user of an experiment does, without slates or items: tens of
// millions of users a minute, each made alone from a seed and its number.
//
// A user has an activity (log-normal, mean 1), a propensity to buy, a usual size of basket, and a stratum that goes
// with the activity. From these come, before and after the first exposure:
//   opens      a Poisson process of the user's activity, by the hour of day and day of week
//   clicks     of each open, Poisson
//   purchases  one with the user's probability, and further ones of those who buy; each after a delay of its own,
//              worth a log-normal amount
//   returns    of some of the purchases, days later
// The first exposure is the user's first open after the experiment began, given that there is one before enrolment
// ends: active users come early, as they do in life. New users have no events before.
//
// An ArmEffect is planted in what happens from the exposure on; the same user under two effects draws the same numbers,
// so that their difference is the effect. `Truth` says what the expectations are.
// Thread safety: const calls from any thread.
#pragma once

#include <cstdint>
#include <vector>

#include "base/counter_rng.h"
#include "base/result.h"
#include "base/time.h"

namespace gfr {

struct UserMetricsConfig {
  std::uint64_t seed = 1;
  int enrolment_days = 14;   // First exposures fall into these.
  int history_days = 28;     // Before the exposure.
  int days = 14;             // Of each user after their exposure.
  double opens_a_day = 0.5;  // Mean over users.
  double activity_log_sd = 0.7;
  double clicks_an_open = 0.8;
  // The probability that a user buys at all in `days`, and in `history_days`. The user's own is conversion x
  // (1 + conversion_power) x U^conversion_power, U even in [0, 1) and correlated with the activity. REQUIRES:
  // conversion x (1 + conversion_power) x any effect <= 1.
  double conversion = 0.05, conversion_power = 2;
  double activity_correlation = 0.5;  // Of the normal scores of activity and U.
  double more_purchases = 0.3;        // Mean number after the first one, of those who buy.
  double basket = 40;                 // Mean.
  double money_log_sd = 1;            // Of a purchase over all users.
  double money_user_share = 0.5;      // Of the log's variance: the user's own.
  double bought_at_once = 0.66;       // Share of purchases within minutes of the exposure; the others are delayed.
  double delay_days = 1.6;            // Mean of these, exponential.
  double returned = 1.0 / 12;         // Share of purchases sent back, 2 d and an exponential time of 3 d later.
  double new_users = 0.2;             // Share without history.
  bool rhythm = true;                 // Opens and exposures follow the hour and the weekday; else even.
};

// What an arm changes, each relative: 0.035 is 3.5 % more.
struct ArmEffect {
  double conversion = 0, money = 0, opens = 0, clicks = 0;
  double delay = 0;             // Of the delayed purchases' mean.
  double extra_delay_days = 0;  // Of every purchase.
  double lost = 0;              // Share of users whose exposure never arrives.
};

enum class UserEventKind : std::uint8_t { kOpen, kClick, kPurchase, kReturn };

struct UserEvent {
  std::int64_t time_ms;  // Since the experiment began; negative before.
  UserEventKind kind;
  double value;  // Money of purchases and returns.
};

struct SimulatedUser {
  std::uint64_t number = 0;
  bool exposed = true;  // False: lost by the arm; it has no events from its exposure on.
  bool is_new = false;
  int stratum = 0;                // 0, 1 or 2, by rising activity.
  std::int64_t exposure_ms = 0;   // Since the experiment began.
  std::vector<UserEvent> events;  // In no order.
};

// Sums over a span of time.
struct UserSums {
  double opens = 0, clicks = 0, purchases = 0, revenue = 0, returned = 0;
  bool converted() const { return purchases > 0; }
};

// Expectations of a user who is exposed.
struct UserTruth {
  double conversion = 0, purchases = 0, revenue = 0, returned = 0;  // `returned`: of these purchases, ever.
  double opens = 0, clicks = 0;                                     // Exact for whole weeks, and without rhythm.
};

class UserMetrics {
 public:
  static constexpr int kStrata = 3;

  // kInvalidArgument names what is out of range.
  static Result<UserMetrics> Make(const UserMetricsConfig& config);

  // Fills `user` (its memory is used again). REQUIRES: the effect keeps each user's probability to buy at most 1.
  void Fill(std::uint64_t number, const ArmEffect& effect, SimulatedUser* user) const;

  // What happened in [from_ms, to_ms), by event time.
  static UserSums Sum(const SimulatedUser& user, std::int64_t from_ms, std::int64_t to_ms);

  // Of the `window_days` from the exposure on. REQUIRES: 0 < window_days <= days.
  UserTruth Truth(const ArmEffect& effect, double window_days) const;

  const UserMetricsConfig& config() const { return config_; }

 private:
  explicit UserMetrics(const UserMetricsConfig& config);
  // Time runs faster in busy hours: opens are even in busy time, whose days are as long as ours over a week.
  double ToBusy(double days) const;
  double FromBusy(double busy_days) const;

  UserMetricsConfig config_;
  std::vector<double> busy_;  // At each hour of the week, busy days since its begin; rising from 0 to 7.
};

}  // namespace gfr
