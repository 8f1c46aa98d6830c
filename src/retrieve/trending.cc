#include "retrieve/trending.h"

#include <algorithm>
#include <utility>

#include "retrieve/lists_codec.h"
#include "retrieve/on_sale.h"
#include "retrieve/trends.h"

namespace gfr {
namespace {

class TrendingLists final : public SourceLists {
 public:
  explicit TrendingLists(std::shared_ptr<const TrendLists> lists) : lists_(std::move(lists)) {}

  std::vector<Key> Find(const SourceQuery& query, const CandidateSet& set, std::size_t quota) const override {
    std::vector<std::span<const Key>> segments;
    if (!lists_) return {};
    for (std::size_t p = 0; p < query.user_properties.size(); ++p) {
      const Key value = query.user_properties[p].category;
      if (!query.schema.user_categorical[p] || value == 0) continue;
      segments.push_back(lists_->Of(SegmentOf(query.schema.user_names[p], value)));
    }
    segments.push_back(lists_->Of(kWholeShop));
    std::vector<Key> keys;
    for (std::size_t place = 0, longest = 1; place < longest; ++place) {
      for (const auto& segment : segments) {
        longest = std::max(longest, segment.size());
        if (place < segment.size() && !set.Has(segment[place]) && std::ranges::find(keys, segment[place]) == keys.end())
          keys.push_back(segment[place]);
      }
    }
    return FirstOnSale(query, keys, quota);
  }

  std::size_t memory_bytes() const override { return lists_ ? lists_->memory_bytes() : 0; }
  void AppendFirst(const SharedState& shared, std::size_t most, std::vector<Key>* items) const override {
    const std::size_t begin = items->size();
    AppendAll(shared, items);
    items->resize(std::min(items->size(), begin + most));
  }
  void AppendAll(const SharedState& shared, std::vector<Key>* items) const override {
    if (!lists_) return;
    for (const auto& [segment, list] : lists_->by_segment()) {
      for (const Key item : list) {
        if (IsNamed(shared, item)) items->push_back(item);
      }
    }
  }
  void Encode(ListsWriter* out) const override {
    out->out.Varint(lists_ ? lists_->by_segment().size() : 0);
    if (!lists_) return;
    for (const auto& [segment, list] : lists_->by_segment()) {
      out->out.Number(segment);
      out->out.Varint(static_cast<std::uint64_t>(
          std::ranges::count_if(list, [&](Key item) { return IsNamed(out->shared, item); })));
      for (const Key item : list) {
        if (IsNamed(out->shared, item)) out->Item(item);
      }
    }
  }

 private:
  // The counts may be ahead of the epoch, whose catalogue does not have the newest items yet.
  static bool IsNamed(const SharedState& shared, Key item) { return !shared.ItemId(item).empty(); }
  const std::shared_ptr<const TrendLists> lists_;
};

}  // namespace

std::shared_ptr<const SourceLists> TrendingSource::Update(std::shared_ptr<const SourceLists>,
                                                          const CatalogueChanges& changes) const {
  return std::make_shared<TrendingLists>(changes.log_lists.trends);
}

std::shared_ptr<const SourceLists> TrendingSource::Decode(ListsReader* in) const {
  std::map<Key, std::vector<Key>> lists;
  const std::size_t count = in->in.Count(sizeof(Key) + 1);
  for (std::size_t n = 0; n < count && !in->in.bad; ++n) {
    std::vector<Key>& list = lists[in->in.Number<Key>()];
    const std::size_t items = in->in.Count(1);
    in->in.bad = in->in.bad || items > TrendCounts::kItems || !list.empty();
    for (std::size_t i = 0; i < items && !in->in.bad; ++i) list.push_back(in->Item());
  }
  return std::make_shared<TrendingLists>(std::make_shared<const TrendLists>(std::move(lists)));
}

}  // namespace gfr
