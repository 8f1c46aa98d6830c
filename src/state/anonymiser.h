// Anonymiser: what stays of an erased record (log/erase_user.h), so that shared state replays bit for bit.
//
// It folds the erased records as OnlineStore does, and so knows the person's properties and the item that the session
// touched last at each. Thread safety: none.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "state/online_store.h"

namespace gfr {

class Anonymiser {
 public:
  // `erased_at_ms` keeps ids of anonymised records of two erasures apart.
  Anonymiser(std::shared_ptr<const FeatureSet> features, std::int64_t erased_at_ms);
  // REQUIRES: the erased records of all people in log order, from the first.
  Event Of(const LogRecord& record);

 private:
  bool KeepsKind(const Event& event) const;

  const std::shared_ptr<const FeatureSet> features_;
  const RowLayout layout_;
  const std::int64_t erased_at_ms_;
  OnlineStore people_;
  std::vector<int> user_properties_;            // Those that a shared feature counts by.
  bool last_item_ = false;                      // One counts by the item touched last.
  std::vector<Key> kinds_;                      // Named by a definition.
  std::unordered_map<Key, std::string> texts_;  // Of categories and items that these people had.
};

}  // namespace gfr
