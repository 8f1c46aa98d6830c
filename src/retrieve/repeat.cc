#include "retrieve/repeat.h"

#include <algorithm>

#include "feature/feature_types.h"
#include "feature/interaction_state.h"
#include "retrieve/on_sale.h"
#include "state/state_rows.h"

namespace gfr {
namespace {

// Null: no feature keeps what users buy.
const BoundFeature* PurchasesOf(const FeatureSet& features) {
  constexpr std::uint32_t kPurchases = 1u << static_cast<unsigned>(EventType::kPurchase);
  for (const BoundFeature& feature : features.features) {
    const FeatureConfig* config = feature.config.get();
    if (config != nullptr && config->type == "interaction" && config->scope == Scope::kUser &&
        config->events.types == kPurchases)
      return &feature;
  }
  return nullptr;
}

class RepeatLists final : public SourceLists {
 public:
  explicit RepeatLists(bool reads_tables) : reads_tables_(reads_tables) {}

  std::vector<Key> Find(const SourceQuery& query, const CandidateSet& set, std::size_t quota) const override {
    if (!reads_tables_ || query.features == nullptr || query.user_row == nullptr) return {};
    const BoundFeature* feature = PurchasesOf(*query.features);
    if (feature == nullptr) return {};
    const std::byte* state = query.user_row + RowLayout(*query.features).user_views_at + feature->offset;
    std::vector<InteractionTouch> bought;
    for (const InteractionTouch& touch : TouchesOf(state, feature->config->capacity)) {
      if (touch.item != 0 && touch.count > 0 && !set.Has(touch.item)) bought.push_back(touch);
    }
    std::ranges::sort(bought, [](const InteractionTouch& a, const InteractionTouch& b) {
      if (a.count != b.count) return a.count > b.count;
      return a.time_ms != b.time_ms ? a.time_ms > b.time_ms : a.item < b.item;
    });
    std::vector<Key> keys;
    for (const InteractionTouch& touch : bought) keys.push_back(touch.item);
    return FirstOnSale(query, keys, quota);
  }

  std::size_t memory_bytes() const override { return 0; }
  // None: which items are asked for is known when a user is there.
  void AppendFirst(const SharedState&, std::size_t, std::vector<Key>*) const override {}
  void Encode(ListsWriter*) const override {}

 private:
  const bool reads_tables_;
};

}  // namespace

std::shared_ptr<const SourceLists> RepeatSource::Update(std::shared_ptr<const SourceLists> before,
                                                        const CatalogueChanges&) const {
  return before ? before : std::make_shared<RepeatLists>(/*reads_tables=*/true);
}

std::shared_ptr<const SourceLists> RepeatSource::Decode(ListsReader*) const {
  return std::make_shared<RepeatLists>(/*reads_tables=*/false);
}

}  // namespace gfr
