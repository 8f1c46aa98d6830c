// ContractDuals: the prices at which contracts of exposure (feed/contract.h) are met, found as the views come in: dual
// ascent on the constraints, one step a minute of arrival time, by arm (docs/design/contracts.md).
//
//   share   sum of (views inside - share x views) <= 0, a UTC day at a time. Each step moves the price by what the
//   step's
//           views had too many or too few, relative to the views of a usual step; a day that is over its share so far
//           aims lower.
//   item    views >= wanted by its deadline. Each step compares the item's part of the arm's views with the part that
//   it
//           still needs of those that are expected until kSafety of its time; an arm's part of what is wanted is its
//           part of the traffic. What items of the past cost at their end is what new ones begin at.
// A minute without views moves no price, so that an outage is no reason to pay more; a burst moves it by its views.
//
// Prices are in ranking value: steps are scaled by the mean size of the values shown. Thread safety: none.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/byte_reader.h"
#include "base/byte_writer.h"
#include "base/hash.h"
#include "base/time.h"
#include "feed/contract.h"
#include "feed/contract_prices.h"

namespace gfr {

// What a contract asks for, whatever its condition is.
struct ContractTarget {
  std::string id;  // "feed/contract".
  FeedContract::Kind kind = FeedContract::Kind::kShare;
  double views = 0, share = 1;
  std::int64_t within_ms = kDayMs;  // Of kEachItem.
};

class ContractDuals {
 public:
  static constexpr std::int64_t kStepMs = kMinuteMs;
  static constexpr double kSafety = 0.8;                       // Of an item's time, by which it is to have its views.
  static constexpr double kKeptFloor = 0.95, kKeptCap = 1.05;  // What counts as kept.
  static constexpr std::size_t kMaxItems = 100'000;  // Under contract at a time, each contract; more have no price.

  explicit ContractDuals(std::vector<ContractTarget> targets);

  // Of one arm, as time goes on: calls' times never fall. `value`: the mean size of the ranking values shown.
  void Served(const std::string& arm, std::int64_t now_ms, double value);
  // An item under contract `c` could have been shown: its time begins, if it has not.
  void Eligible(std::size_t c, const std::string& arm, Key item, std::int64_t now_ms);
  // A view in the arm; `inside`: the contracts, by index, whose it is.
  void Viewed(const std::string& arm, Key item, const std::vector<std::uint32_t>& inside, std::int64_t now_ms);
  // Takes the steps up to the time, and ends what is over.
  void Advance(std::int64_t now_ms);

  ContractPrices Prices() const;
  const std::vector<ContractTarget>& targets() const { return targets_; }

  // How a contract does, all arms together; of kShare and kExplored by days that are over.
  struct Kept {
    std::uint64_t running = 0, kept = 0, missed = 0;  // Items, or days.
    double views = 0;                                 // Inside.
    double price = 0;                                 // Now: the mean over arms, of kEachItem over its items.
    double cost = 0;                                  // Ranking value: the sum of price x views.
  };
  Kept KeptOf(std::size_t c) const;
  // A day of a contract that is over, UTC.
  struct Day {
    std::int64_t day = 0;  // Since 1970.
    double views = 0, all_views = 0, cost = 0;
    double price() const { return views > 0 ? cost / views : 0; }  // Mean, by views.
  };
  const std::vector<Day>& days(std::size_t c) const { return contracts_[c].days; }  // Oldest first; at most kDays.
  static constexpr std::size_t kDays = 35;

  // Other targets: what goes on under its id keeps its prices.
  void Retarget(std::vector<ContractTarget> targets);
  void Encode(ByteWriter& w) const;
  // kCorrupt: they are no duals. What is of other contracts than `targets` is left out.
  static Result<ContractDuals> Decode(ByteReader& r, std::vector<ContractTarget> targets);

 private:
  struct Item {
    std::int64_t first_ms = 0, last_ms = 0;  // When it could be shown, first and last.
    double views = 0, price = 0;
    double step_views = 0;  // Of the step that is not taken yet.
    bool is_over = false;   // Its time is over: kept, so that it does not begin again.
  };
  struct OfArm {
    double price = 0;                      // Of kShare and kExplored.
    double step_inside = 0;                // Likewise.
    double day_inside = 0, day_views = 0;  // Likewise, of today.
    double opening = 0;                    // What an item of kEachItem begins at.
    std::map<Key, Item> items;             // Of kEachItem; sorted, so that sums do not depend on hashing.
  };
  struct Contract {
    std::map<std::string, OfArm, std::less<>> arms;
    std::uint64_t kept = 0, missed = 0;
    double views = 0, cost = 0;
    Day today;
    std::vector<Day> days;
  };
  // The traffic of an arm.
  struct Arm {
    double step_views = 0, step_requests = 0;
    double usual_views = 0;  // Of a step, decayed over kUsualMs.
    double requests = 0;     // Decayed over a day: an arm's part of the traffic.
    double value = 0;        // Decayed mean size of the values shown.
  };
  static constexpr std::int64_t kUsualMs = 3 * kHourMs;
  static constexpr std::int64_t kForgetMs = 30 * kDayMs;  // An item that was no candidate for so long.
  static constexpr std::size_t kMostArms = 64;            // Further ones have no prices.

  void Step(std::int64_t end_ms);
  void StepItems(std::size_t c, std::int64_t end_ms);
  void EndItems(std::size_t c, std::int64_t now_ms);
  void EndDay(std::int64_t day);

  std::vector<ContractTarget> targets_;
  std::vector<Contract> contracts_;  // As targets_.
  std::map<std::string, Arm, std::less<>> arms_;
  std::int64_t step_end_ms_ = 0;  // Of the step that is running; 0: none yet.
};

}  // namespace gfr
