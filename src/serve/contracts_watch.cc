#include "serve/contracts_watch.h"

#include <algorithm>

#include "feed/feed_policy.h"
#include "runtime/logger.h"
#include "serve/service_state.h"
#include "workspace/log_counts_paths.h"

namespace gfr {
namespace {

Family<Gauge>& AddContractGauge(ServiceState& s, const char* name, const char* help) {
  return s.counters.telemetry().AddGauge(name, help, {{"contract", {}}});
}

bool AreEqual(const std::vector<ContractTarget>& a, const std::vector<ContractTarget>& b) {
  return std::ranges::equal(a, b, [](const ContractTarget& x, const ContractTarget& y) {
    return x.id == y.id && x.kind == y.kind && x.views == y.views && x.share == y.share && x.within_ms == y.within_ms;
  });
}

}  // namespace

std::vector<ContractTarget> ContractTargetsOf(const Feeds& feeds) {
  std::vector<ContractTarget> targets;
  for (const FeedConfig& feed : feeds.all) {
    if (feed.policy == nullptr) continue;
    for (const FeedContract& c : feed.policy->contracts)
      targets.push_back({.id = feed.name + "/" + c.name,
                         .kind = c.kind,
                         .views = c.views,
                         .share = c.share,
                         .within_ms = c.within_ms});
  }
  return targets;
}

ContractsWatch::ContractsWatch(ServiceState& s)
    : price_(AddContractGauge(s, "gfr_contract_price",
                              "What a view under the contract costs now, in ranking value; the share of draws that are "
                              "left out, of one on exploration.")),
      running_(AddContractGauge(s, "gfr_contract_running", "Items that are owed views now.")),
      kept_(AddContractGauge(s, "gfr_contract_kept", "Items that had their views in time, or days within the share.")),
      missed_(AddContractGauge(s, "gfr_contract_missed", "Items that had not, or days above it.")),
      views_(AddContractGauge(s, "gfr_contract_views", "Views under the contract.")),
      cost_(AddContractGauge(s, "gfr_contract_cost", "What these were paid, in ranking value.")) {}

std::shared_ptr<ContractsWatch> ContractsWatch::Start(ServiceState& s) {
  const auto watch = std::make_shared<ContractsWatch>(s);
  s.background.Add({"contracts", kPeriodMs, kMinuteMs, [&s, watch](const JobRun& run) { return watch->Look(s, run); }});
  return watch;
}

Status ContractsWatch::Look(ServiceState& s, const JobRun& run) {
  const MutexLock looking(looking_);
  std::vector<ContractTarget> targets = ContractTargetsOf(s.serving()->project->feeds());
  if (targets.empty()) {
    if (counts_) s.PublishContracts(nullptr);
    counts_.reset();
    return {};
  }
  if (!counts_ || !AreEqual(targets, targets_)) {  // Of the file, what is of these contracts.
    GFR_TRY(s.fs().MakeFolders(JoinPath(s.project.workspace().data_folder(), "store")));
    if (counts_) GFR_TRY(counts_->Save(s.fs()));
    targets_ = targets;
    for (const ContractTarget& target : targets_) {
      for (Family<Gauge>* family : {&price_, &running_, &kept_, &missed_, &views_, &cost_})
        family->Declare("contract", target.id);
    }
    counts_.emplace(ContractsPath(s.project.workspace()), ContractCounts(targets_),
                    [targets](std::string_view bytes) { return ContractCounts::Decode(bytes, targets); });
    told_day_.assign(targets_.size(), 0);
    shown_offset_ = 0;
  }
  GFR_TRY(counts_->Look(s.fs(), s.log->source(), run));
  const ContractCounts& counts = counts_->counts();
  if (shown_offset_ == counts.next_offset()) return {};
  shown_offset_ = counts.next_offset();
  s.PublishContracts(std::make_shared<const ContractPrices>(counts.duals().Prices()));
  Show(counts.duals());
  return {};
}

void ContractsWatch::Show(const ContractDuals& duals) {
  for (std::size_t c = 0; c < targets_.size(); ++c) {
    const std::string& id = targets_[c].id;
    const ContractDuals::Kept kept = duals.KeptOf(c);
    price_.With({id}).Set(kept.price);
    running_.With({id}).Set(static_cast<double>(kept.running));
    kept_.With({id}).Set(static_cast<double>(kept.kept));
    missed_.With({id}).Set(static_cast<double>(kept.missed));
    views_.With({id}).Set(kept.views);
    cost_.With({id}).Set(kept.cost);
    if (duals.days(c).empty() || duals.days(c).back().day <= told_day_[c]) continue;
    const ContractDuals::Day& day = duals.days(c).back();
    told_day_[c] = day.day;
    LogInfo("contracts", "a day of a contract",
            {{"contract", id},
             {"day", FormatDate(day.day * kDayMs)},
             {"price", day.price()},
             {"views", day.views},
             {"of", day.all_views},
             {"cost", day.cost}});
  }
}

}  // namespace gfr
