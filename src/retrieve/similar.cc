#include "retrieve/similar.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "retrieve/cooccurrence.h"
#include "retrieve/lists_codec.h"
#include "retrieve/on_sale.h"

namespace gfr {
namespace {

class SimilarLists final : public SourceLists {
 public:
  explicit SimilarLists(std::shared_ptr<const CooccurrenceLists> lists) : lists_(std::move(lists)) {}

  std::vector<Key> Find(const SourceQuery& query, const CandidateSet& set, std::size_t quota) const override {
    struct Scored {
      Key item;
      double score;
    };
    std::vector<Scored> scored;
    for (std::size_t i = 0; i < query.recent.size() && lists_; ++i) {
      if (query.recent[i] == 0) continue;
      for (const auto& near : lists_->Of(query.recent[i])) {
        const Key item = lists_->keys()[near.place];
        if (set.Has(item) || std::ranges::find(query.recent, item) != query.recent.end()) continue;
        auto same = std::ranges::find(scored, item, &Scored::item);
        if (same == scored.end()) same = scored.insert(same, {item, 0});
        same->score += near.score / std::sqrt(static_cast<double>(1 + i));
      }
    }
    std::ranges::sort(scored, [](const Scored& a, const Scored& b) {
      return a.score != b.score ? a.score > b.score : a.item < b.item;
    });
    std::vector<Key> keys;
    for (const Scored& one : scored) keys.push_back(one.item);
    return FirstOnSale(query, keys, quota);
  }

  std::size_t memory_bytes() const override { return lists_ ? lists_->memory_bytes() : 0; }
  // Those that are near many others.
  void AppendFirst(const SharedState&, std::size_t most, std::vector<Key>* items) const override {
    if (!lists_) return;
    std::vector<std::uint32_t> times(lists_->keys().size()), places;
    for (std::size_t i = 0; i < times.size(); ++i) {
      for (const auto& near : lists_->At(i)) ++times[near.place];
    }
    for (std::uint32_t i = 0; i < times.size(); ++i) {
      if (times[i] > 0) places.push_back(i);
    }
    const auto end = places.begin() + static_cast<std::ptrdiff_t>(std::min(most, places.size()));
    if (end != places.end()) {
      std::nth_element(places.begin(), end, places.end(), [&](std::uint32_t a, std::uint32_t b) {
        return times[a] != times[b] ? times[a] > times[b] : a < b;
      });
    }
    for (auto place = places.begin(); place != end; ++place) items->push_back(lists_->keys()[*place]);
  }
  void AppendAll(const SharedState& shared, std::vector<Key>* items) const override {
    for (std::size_t i = 0; lists_ && i < lists_->keys().size(); ++i) {
      if (IsNamed(shared, lists_->keys()[i])) items->push_back(lists_->keys()[i]);
    }
  }
  void Encode(ListsWriter* out) const override {
    std::vector<std::uint32_t> named;
    for (std::uint32_t i = 0; lists_ && i < lists_->keys().size(); ++i) {
      if (!lists_->At(i).empty() && IsNamed(out->shared, lists_->keys()[i])) named.push_back(i);
    }
    out->out.Varint(named.size());
    for (const std::uint32_t i : named) {
      out->Item(lists_->keys()[i]);
      std::vector<CooccurrenceLists::Near> near;
      for (const auto& one : lists_->At(i)) {
        if (IsNamed(out->shared, lists_->keys()[one.place])) near.push_back(one);
      }
      out->out.Varint(near.size());
      for (const auto& one : near) {
        out->Item(lists_->keys()[one.place]);
        out->out.Number(one.score);
      }
    }
  }

 private:
  // The counts may be ahead of the epoch, whose catalogue does not have the newest items yet.
  static bool IsNamed(const SharedState& shared, Key item) { return !shared.ItemId(item).empty(); }
  const std::shared_ptr<const CooccurrenceLists> lists_;
};

}  // namespace

std::shared_ptr<const SourceLists> SimilarSource::Update(std::shared_ptr<const SourceLists>,
                                                         const CatalogueChanges& changes) const {
  return std::make_shared<SimilarLists>(changes.log_lists.cooccurrence);
}

std::shared_ptr<const SourceLists> SimilarSource::Decode(ListsReader* in) const {
  std::vector<std::uint32_t> ends(in->items.keys.size());
  std::vector<CooccurrenceLists::Near> near;
  const std::size_t count = in->in.Count(2);
  std::uint32_t before = 0;
  for (std::size_t n = 0; n < count && !in->in.bad; ++n) {
    const std::uint32_t item = in->Place();
    in->in.bad = in->in.bad || (n > 0 && item <= before);
    const std::size_t most = in->in.Count(1 + sizeof(float));
    in->in.bad = in->in.bad || most > CooccurrenceLists::kMost;
    for (std::size_t k = 0; k < most && !in->in.bad; ++k) {
      const std::uint32_t place = in->Place();
      near.push_back({place, in->in.Number<float>()});
    }
    if (!in->in.bad) ends[item] = static_cast<std::uint32_t>(near.size());
    before = item;
  }
  for (std::size_t i = 1; i < ends.size(); ++i) ends[i] = std::max(ends[i], ends[i - 1]);
  return std::make_shared<SimilarLists>(
      std::make_shared<CooccurrenceLists>(in->items.keys, std::move(ends), std::move(near)));
}

}  // namespace gfr
