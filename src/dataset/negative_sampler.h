// NegativeSampler: the other items of a slate that is made for an event of a log without slates.
//
// It follows the shared state's epochs, and draws among the items that are on sale as of the current one: by popularity
// (in proportion to 1 + their interactions so far), from what the session interacted with before, and of the positive's
// category. A draw depends on the state, the event and the seed alone, so that a replay by partitions draws the same.
// Thread safety: none.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <unordered_map>
#include <vector>

#include "base/rng.h"
#include "dataset/objective_config.h"
#include "state/shared_state.h"

namespace gfr {

class NegativeSampler {
 public:
  // It begins with the items that `shared` has. REQUIRES: `shared` and `schema` outlive it, and nobody else takes
  // `shared.changed_items()`.
  NegativeSampler(const SampledSlates& config, const SharedState& shared, const PropertySchema& schema);

  void Update();  // To the current epoch. Call it before Draw.
  bool IsOnSale(Key item) const;
  std::size_t on_sale() const { return on_sale_.size(); }
  std::vector<Key> AllOnSale() const;  // In the order of their dense ids.
  // At most config.size - 1 items for `positive`, each once and none that is `refused`. `session`: what the session
  // interacted with before, in an order that the log decides.
  std::vector<Key> Draw(Rng& rng, Key positive, std::span<const Key> session,
                        const std::function<bool(Key)>& refused) const;

 private:
  using Id = std::uint32_t;
  struct Known {
    std::uint64_t weight = 0;  // 0: not on sale.
    Key category = 0;
  };
  void Take(Id id);
  void Set(Id id, Known now);
  void AddWeight(Id id, std::uint64_t minus, std::uint64_t plus);
  Id ByWeight(std::uint64_t at) const;  // REQUIRES: at < total_.
  Key CategoryOf(const std::byte* row) const;

  const SampledSlates config_;
  const SharedState& shared_;
  const int category_;  // The item property that says it; -1: there is none.
  std::vector<Known> known_;
  std::vector<std::uint64_t> tree_;  // Fenwick (1994): sums of weights, from 1.
  std::uint64_t total_ = 0;
  std::vector<Id> on_sale_;                               // Rising.
  std::unordered_map<Key, std::vector<Id>> of_category_;  // Rising.
};

}  // namespace gfr
