// Anonymiser: what stays of an erased record (log/erase_user.h), so that shared state replays bit for bit.
//
// It folds the erased records as OnlineStore does, and so knows the person's properties and the item that the session
// touched last at each. Thread safety: none.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "state/online_store.h"

namespace gfr {

class Anonymiser {
 public:
  // `erased_at_ms` keeps ids of anonymised records of two erasures apart. `erased_ids`: those that go whole. On every
  // other device the rule of aliases goes on counting the logins that go.
  Anonymiser(std::shared_ptr<const FeatureSet> features, std::int64_t erased_at_ms, std::unordered_set<Key> erased_ids);
  // REQUIRES: the erased records of all people in log order, from the first.
  Event Of(const LogRecord& record);

 private:
  // A login that went, by the place of its first alias on the device: as the rule counts it, and without its name.
  struct ErasedLogin {
    Key login;
    std::string token;
  };
  bool KeepsKind(const Event& event) const;
  std::string TokenOf(const LogRecord& alias);

  const std::shared_ptr<const FeatureSet> features_;
  const RowLayout layout_;
  const std::int64_t erased_at_ms_;
  const std::unordered_set<Key> erased_ids_;
  std::unordered_map<Key, std::vector<ErasedLogin>> logins_on_;  // By device that other people have.
  OnlineStore people_;
  std::vector<int> user_properties_;            // Those that a shared feature counts by.
  bool last_item_ = false;                      // One counts by the item touched last.
  std::vector<Key> kinds_;                      // Named by a definition.
  std::unordered_map<Key, std::string> texts_;  // Of categories and items that these people had.
};

}  // namespace gfr
