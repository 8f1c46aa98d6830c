// RowBuilder: what labels a row: label events and amounts by whom and what they are of.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "dataset/row_builder.h"
#include "dataset/row_events.h"

namespace gfr {
namespace {

constexpr Key kRequestSalt = 0x9e3779b97f4a7c15u;

// Whether the event takes back what an objective's label events gave.
bool TakesBack(const ObjectiveConfig& o, EventType type) {
  return o.mean() && o.label == EventType::kPurchase &&
         (type == EventType::kPurchaseCancel || type == EventType::kPurchaseReturn);
}

// What the event says of an item's amount; 0: nothing.
double AmountSaid(const ObjectiveConfig& o, const Event& event, const EventItem& item) {
  const double amount = o.amount == ObjectiveConfig::Amount::kPrice
                            ? item.price * item.quantity
                            : event.value / static_cast<double>(std::max<std::size_t>(1, event.items.size()));
  return std::isfinite(amount) && amount > 0 ? amount : 0;
}

}  // namespace

void RowBuilder::Await(const LogRecord& r) {
  const Key user = PersonOf(r);
  if (user == 0 || !r.event.request_id.empty() || r.arrival_ms < options_.from_ms) return;
  for (const ObjectiveConfig& o : objectives_) {
    if (r.event.type != o.label) continue;
    for (const EventItem& item : r.event.items) Await(user, KeyOf(item.item_id));
  }
}

void RowBuilder::Index(const LogRecord& r) {
  read_from_ = UINT64_MAX;
  const Key user = PersonOf(r), request = RequestOf(r.event);
  if (user == 0) return;  // Nobody's: the anonymised record of an erased user, or a change of the catalogue.
  if (r.event.type == EventType::kFeedImpression && request) {
    for (const EventItem& item : r.event.items) {
      std::byte* shown = latest_impression_.Find(PairKey(user, KeyOf(item.item_id)));
      if (shown == nullptr) continue;
      const Impression latest{request, r.event.time_ms};
      std::memcpy(shown, &latest, sizeof latest);
    }
  }
  for (std::size_t o = 0; o < objectives_.size(); ++o) {
    if (r.arrival_ms < options_.from_ms) continue;  // It labels what was before.
    if (TakesBack(objectives_[o], r.event.type)) {
      for (const EventItem& item : r.event.items) IndexAmount(o, r, item, user, request);
    }
    if (r.event.type != objectives_[o].label) continue;
    for (const EventItem& item : r.event.items) {
      const Key key = KeyOf(item.item_id);
      labels_[o].push_back({PairKey(user, LabelItem(o, key)), r.offset, r.event.time_ms});
      Key of = request;
      if (const std::byte* shown = of == 0 ? latest_impression_.Find(PairKey(user, key)) : nullptr) {
        Impression latest;
        std::memcpy(&latest, shown, sizeof latest);
        if (r.event.time_ms <= latest.time_ms + objectives_[o].window_ms) of = latest.request;
      }
      if (of) labels_[o].push_back({PairKey(of ^ kRequestSalt, key), r.offset, r.event.time_ms});
      IndexAmount(o, r, item, user, of);
    }
  }
  if (values_ != nullptr && request != 0 && NamesRequest(r.event.type)) values_->Names(r.offset, request);
  NoteRequest(r, request);
}

void RowBuilder::IndexAmount(std::size_t o, const LogRecord& r, const EventItem& item, Key user, Key request) {
  const ObjectiveConfig& objective = objectives_[o];
  const double said = objective.mean() ? AmountSaid(objective, r.event, item) : 0;
  if (said == 0) return;
  const Key key = KeyOf(item.item_id);
  const double amount = r.event.type == objective.label ? said : -said;
  amounts_[o].push_back({PairKey(user, LabelItem(o, key)), r.offset, r.event.time_ms, amount});
  if (request) amounts_[o].push_back({PairKey(request ^ kRequestSalt, key), r.offset, r.event.time_ms, amount});
}

std::uint32_t RowBuilder::awaited_types() const {
  std::uint32_t types = 0;
  for (const ObjectiveConfig& o : objectives_) types |= 1u << static_cast<unsigned>(o.label);
  return types;
}

std::uint32_t RowBuilder::indexed_types() const {
  std::uint32_t types = awaited_types() | 1u << static_cast<unsigned>(EventType::kFeedRequest) |
                        1u << static_cast<unsigned>(EventType::kFeedImpression);
  for (const ObjectiveConfig& o : objectives_) {
    for (const EventType type : {EventType::kPurchaseCancel, EventType::kPurchaseReturn}) {
      if (TakesBack(o, type)) types |= 1u << static_cast<unsigned>(type);
    }
  }
  return types;
}

void RowBuilder::SortLabels() {
  for (auto& labels : labels_) {
    labels.shrink_to_fit();
    std::ranges::sort(labels, {}, [](const LabelPlace& l) { return std::pair(l.key, l.offset); });
  }
  for (auto& amounts : amounts_) {
    amounts.shrink_to_fit();
    std::ranges::stable_sort(amounts, {}, [](const AmountPlace& a) { return std::pair(a.key, a.offset); });
  }
  latest_impression_.Clear();
  named_.clear();
  named_since_.clear();
  indexed_ = true;
}

const RowBuilder::LabelPlace* RowBuilder::FindLabel(std::size_t objective, Key key, std::uint64_t after_offset,
                                                    std::int64_t until_ms) const {
  const auto& labels = labels_[objective];
  auto at = std::ranges::lower_bound(labels, std::pair(key, after_offset + 1), {},
                                     [](const LabelPlace& l) { return std::pair(l.key, l.offset); });
  for (; at != labels.end() && at->key == key; ++at) {
    if (at->time_ms <= until_ms) return &*at;
  }
  return nullptr;
}

float RowBuilder::AmountOf(std::size_t objective, Key key, std::uint64_t after_offset, std::int64_t until_ms) const {
  const auto& amounts = amounts_[objective];
  double sum = 0;
  auto at = std::ranges::lower_bound(amounts, std::pair(key, after_offset + 1), {},
                                     [](const AmountPlace& a) { return std::pair(a.key, a.offset); });
  for (; at != amounts.end() && at->key == key; ++at) {
    if (at->time_ms <= until_ms) sum += at->amount;
  }
  return static_cast<float>(std::max(0.0, sum));
}

float RowBuilder::LedOn(std::size_t o, const LogRecord& r, Key item, std::uint64_t after, std::int64_t end_ms) const {
  const std::size_t next = NextObjective(objectives_, o);
  if (next == objectives_.size()) return kMissing;
  const std::int64_t until_ms = r.event.time_ms + objectives_[o].window_ms, window_ms = objectives_[next].window_ms;
  if (r.arrival_ms + objectives_[o].window_ms + window_ms > end_ms) return kMissing;
  while (const LabelPlace* click = FindLabel(o, LabelKey(o, r, item), after, until_ms)) {
    if (IsLabelled(next, PairKey(PersonOf(r), LabelItem(next, item)), click->offset, click->time_ms + window_ms))
      return 1;
    after = click->offset;
  }
  return 0;
}

bool RowBuilder::IsLabelledByRequest(std::size_t o, const Event& event) const {
  return !objectives_[o].sampled.on && objectives_[o].population == EventType::kFeedImpression &&
         objectives_[o].label == EventType::kFeedClick && RequestOf(event) != 0;
}

Key RowBuilder::LabelKey(std::size_t o, const LogRecord& r, Key item) const {
  if (IsLabelledByRequest(o, r.event)) return PairKey(RequestOf(r.event) ^ kRequestSalt, item);
  return PairKey(PersonOf(r), LabelItem(o, item));
}

}  // namespace gfr
