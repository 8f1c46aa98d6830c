// ContractsWatch: follows the log for the contracts of exposure ([[feed.contract]]), beside serving, and hands feeds
// the prices at which they are met (feed/contract_duals.h).
//
// Counts and prices are kept in data/store/contracts (counts_follower.h): a server that starts again goes on with them.
// /metrics has what each contract costs now, how many items or days were kept and missed, and what was paid; once a day
// the log has each contract's day. Thread safety: any thread; one look at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/sync.h"
#include "base/time.h"
#include "feed/contract_counts.h"
#include "feed/feed_config.h"
#include "runtime/scheduler.h"
#include "runtime/telemetry.h"
#include "serve/counts_follower.h"

namespace gfr {

struct ServiceState;

// What the feeds' contracts ask for.
std::vector<ContractTarget> ContractTargetsOf(const Feeds& feeds);

class ContractsWatch {
 public:
  static constexpr std::int64_t kPeriodMs = 5 * kSecondMs;

  explicit ContractsWatch(ServiceState& s);
  // Reads what is new in the log, and hands out the prices that follow. Errors: those of the log, and of the file.
  Status Look(ServiceState& s, const JobRun& run);
  // One that looks every kPeriodMs, by the server's scheduler.
  static std::shared_ptr<ContractsWatch> Start(ServiceState& s);

 private:
  void Show(const ContractDuals& duals);

  Mutex looking_;  // Of a look.
  std::vector<ContractTarget> targets_;
  std::optional<CountsFollower<ContractCounts>> counts_;
  std::vector<std::int64_t> told_day_;  // By contract, the last day that the log was told of.
  std::uint64_t shown_offset_ = 0;
  Family<Gauge>&price_, &running_, &kept_, &missed_, &views_, &cost_;
};

}  // namespace gfr
