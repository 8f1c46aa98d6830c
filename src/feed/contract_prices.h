// ContractPrices: what the contracts of the feeds (feed/contract.h) cost at one time, by arm: what a slate's problem
// adds to the values of their items.
//
// A price is in ranking value for each view. Thread safety: immutable once made.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/hash.h"
#include "event/served_slate.h"

namespace gfr {

// The arm of a slate: all that was assigned to its unit, as duals are kept by it. Empty: nothing was.
inline std::string ArmOf(const std::vector<ServedExperiment>& experiments) {
  std::string arm;
  for (const ServedExperiment& e : experiments) arm += (arm.empty() ? "" : ",") + e.experiment + "=" + e.variant;
  return arm;
}

class ContractPrices {
 public:
  // Of one contract in one arm.
  struct Of {
    double price = 0;                         // kShare: taken off each item's value. kExplored: the share of draws left
                                              // out. kEachItem: of an item that has none of its own yet.
    std::unordered_map<Key, double> by_item;  // kEachItem: added to the item's value.
  };
  // Null: nothing is known of it, which is a price of 0.
  const Of* Find(std::string_view feed, std::string_view contract, std::string_view arm) const {
    const auto at = by_contract_.find(std::string(feed) + "/" + std::string(contract));
    if (at == by_contract_.end()) return nullptr;
    const auto of_arm = at->second.find(arm);
    return of_arm == at->second.end() ? nullptr : &of_arm->second;
  }
  void Set(const std::string& id, const std::string& arm, Of of) { by_contract_[id][arm] = std::move(of); }

 private:
  std::map<std::string, std::map<std::string, Of, std::less<>>, std::less<>> by_contract_;  // "feed/contract", arm.
};

}  // namespace gfr
