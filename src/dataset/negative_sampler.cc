#include "dataset/negative_sampler.h"

#include <algorithm>
#include <bit>

namespace gfr {
namespace {

constexpr int kAttempts = 64;  // For one place of a slate.

// "category" where it is declared, else the first property that is one.
int CategoryProperty(const PropertySchema& schema) {
  const int named = schema.FindItem("category");
  if (named >= 0 && schema.item_categorical[static_cast<std::size_t>(named)]) return named;
  const auto first = std::ranges::find(schema.item_categorical, true);
  return first == schema.item_categorical.end() ? -1 : static_cast<int>(first - schema.item_categorical.begin());
}

template <typename Id>
void Insert(std::vector<Id>& rising, Id id) {
  rising.insert(std::ranges::lower_bound(rising, id), id);
}
template <typename Id>
void Erase(std::vector<Id>& rising, Id id) {
  rising.erase(std::ranges::lower_bound(rising, id));
}

}  // namespace

NegativeSampler::NegativeSampler(const SampledSlates& config, const SharedState& shared, const PropertySchema& schema)
    : config_(config), shared_(shared), category_(CategoryProperty(schema)) {
  shared_.changed_items().Begin();
  for (Id id = 0; id < shared_.item_count(); ++id) Take(id);  // What a base brought.
}

// What the item is as of the current epoch.
void NegativeSampler::Take(Id id) {
  const std::byte* row = shared_.FindItem(shared_.item_key(id));
  Known now;
  if (row != nullptr && shared_.IsOnSale(row))
    now = {std::uint64_t{1} + SharedState::Summary(row).touches, CategoryOf(row)};
  Set(id, now);
}

Key NegativeSampler::CategoryOf(const std::byte* row) const {
  return category_ < 0 ? 0 : shared_.Properties(row)[static_cast<std::size_t>(category_)].category;
}

void NegativeSampler::Update() {
  std::vector<Id> changed = shared_.changed_items().Take(shared_.epoch_end_ms());
  std::ranges::sort(changed);
  changed.erase(std::unique(changed.begin(), changed.end()), changed.end());
  for (const Id id : changed) Take(id);
}

void NegativeSampler::Set(Id id, Known now) {
  if (id >= known_.size()) {
    known_.resize(std::bit_ceil(std::size_t{id} + 1));
    tree_.assign(known_.size() + 1, 0);  // Its sums are made anew for the new size.
    total_ = 0;
    for (Id k = 0; k < known_.size(); ++k) {
      if (known_[k].weight > 0) AddWeight(k, 0, known_[k].weight);
    }
  }
  const Known before = std::exchange(known_[id], now);
  AddWeight(id, before.weight, now.weight);
  const bool was = before.weight > 0, is = now.weight > 0;
  if (was && !is) Erase(on_sale_, id);
  if (!was && is) Insert(on_sale_, id);
  if (was == is && before.category == now.category) return;
  if (was && before.category != 0) Erase(of_category_[before.category], id);
  if (is && now.category != 0) Insert(of_category_[now.category], id);
}

void NegativeSampler::AddWeight(Id id, std::uint64_t minus, std::uint64_t plus) {
  total_ += plus - minus;
  for (std::size_t at = std::size_t{id} + 1; at < tree_.size(); at += at & -at) tree_[at] += plus - minus;
}

NegativeSampler::Id NegativeSampler::ByWeight(std::uint64_t at) const {
  std::size_t id = 0;  // The last one whose sum of weights up to it is at most `at`.
  for (std::size_t step = std::bit_floor(tree_.size() - 1); step > 0; step /= 2) {
    if (id + step < tree_.size() && tree_[id + step] <= at) {
      id += step;
      at -= tree_[id];
    }
  }
  return static_cast<Id>(id);
}

bool NegativeSampler::IsOnSale(Key item) const {
  const std::byte* row = shared_.FindItem(item);
  return row != nullptr && shared_.IsOnSale(row);
}

std::vector<Key> NegativeSampler::AllOnSale() const {
  std::vector<Key> items;
  items.reserve(on_sale_.size());
  for (const Id id : on_sale_) items.push_back(shared_.item_key(id));
  return items;
}

std::vector<Key> NegativeSampler::Draw(Rng& rng, Key positive, std::span<const Key> session,
                                       const std::function<bool(Key)>& refused) const {
  std::vector<Key> drawn;
  if (total_ == 0) return drawn;
  const std::byte* row = shared_.FindItem(positive);
  const auto like = of_category_.find(row ? CategoryOf(row) : 0);
  const auto one = [&]() -> Key {
    const double way = rng.Uniform();
    if (way < config_.in_session && !session.empty()) return session[rng.Below(session.size())];
    if (way >= config_.in_session && way < config_.in_session + config_.category && like != of_category_.end() &&
        !like->second.empty())
      return shared_.item_key(like->second[rng.Below(like->second.size())]);
    return shared_.item_key(ByWeight(rng.Below(total_)));
  };
  for (int place = 1; place < config_.size; ++place) {
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
      const Key item = one();
      if (item == positive || !IsOnSale(item) || std::ranges::find(drawn, item) != drawn.end() || refused(item))
        continue;
      drawn.push_back(item);
      break;
    }
  }
  return drawn;
}

}  // namespace gfr
