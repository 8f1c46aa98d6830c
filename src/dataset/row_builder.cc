#include "dataset/row_builder.h"

#include <algorithm>

#include "base/time.h"
#include "dataset/left_out.h"
#include "dataset/row_events.h"

namespace gfr {

RowBuilder::RowBuilder(const std::vector<ObjectiveConfig>& objectives, const DatasetOptions& options,
                       const AliasHistory& people, const ItemParents& parents, OnlineStore& store, RowSink& sink)
    : objectives_(objectives),
      options_(options),
      people_(people),
      parents_(parents),
      store_(store),
      sink_(sink),
      columns_(store.features().columns()),
      seen_objective_(static_cast<std::size_t>(
          std::ranges::find(objectives, EventType::kFeedImpression, &ObjectiveConfig::population) -
          objectives.begin())),
      labels_(objectives.size()),
      amounts_(objectives.size()),
      latest_impression_(sizeof(Impression)),
      first_offset_(static_cast<std::uint64_t>(store.next_offset())),
      folds_from_(first_offset_),
      judged_objective_(static_cast<std::size_t>(
          std::ranges::find_if(objectives, [](const ObjectiveConfig& o) { return o.sampled.on; }) -
          objectives.begin())) {
  if (judged_objective_ < objectives.size())
    sampler_.emplace(objectives[judged_objective_].sampled, store.shared(), store.features().schema);
}

void RowBuilder::UseValues(RowValues* values, std::uint64_t first_offset) {
  values_ = values;
  first_offset_ = first_offset;
}

std::uint32_t RowBuilder::replayed_types() const {
  std::uint32_t types = indexed_types() | TypeBit(EventType::kFeedClick);
  for (const ObjectiveConfig& o : objectives_) types |= TypeBit(o.row_event());
  for (std::size_t t = 0; t < kEventTypes; ++t) types |= IsTouch(static_cast<EventType>(t)) ? 1u << t : 0;
  return types;
}

void RowBuilder::Replay(const LogRecord& r, std::int64_t end_ms) {
  const Event& e = r.event;
  if (!indexed_) SortLabels();
  own_of_ = UINT64_MAX;
  OpenWaitingBefore(r.offset);
  ForgetBefore(r.arrival_ms - kOpenRequestMs);
  const bool folds = r.offset >= folds_from_;
  if (PersonOf(r) == 0) {
    if (folds) store_.Fold(r);
    return;
  }
  const bool in_range = r.arrival_ms >= options_.from_ms && r.arrival_ms < options_.to_ms;
  const DropReason* const why = options_.left_out ? options_.left_out->Why(PersonOf(r)) : nullptr;
  if (e.type == EventType::kFeedRequest && !e.served.exists()) OpenImported(r, why != nullptr ? &unmade_ : &open_);
  if (values_ != nullptr) KeepUsed(r);
  // The record's own epoch, which its fold brings anyway: asked for whether or not a row is made today.
  for (std::size_t o = 0; o < objectives_.size(); ++o) {
    if (in_range && e.type == objectives_[o].row_event() && ReadsOwn(o, r)) AdvanceTo(EpochEndAt(r.arrival_ms));
  }
  if (why != nullptr) {
    for (std::size_t o = 0; o < objectives_.size(); ++o) {
      if (in_range && e.type == objectives_[o].row_event()) sink_.Dropped(o, *why, e.items.size());
    }
    if (folds) store_.Fold(r);
    return;
  }
  if (e.type == EventType::kFeedImpression) Shown(r);
  if (e.type == EventType::kFeedImpression && options_.choices && in_range && seen_objective_ < objectives_.size() &&
      r.arrival_ms + objectives_[seen_objective_].window_ms <= end_ms) {
    if (const auto open = open_.find(RequestOf(e)); open != open_.end()) AddChoices(r, open->second);
  }
  if (e.type == EventType::kFeedClick) Clicked(r);
  for (std::size_t o = 0; o < objectives_.size(); ++o) {
    const bool mature = r.arrival_ms + objectives_[o].horizon_ms() <= end_ms;
    if (!in_range || e.type != objectives_[o].row_event()) continue;
    if (objectives_[o].sampled.on && (mature || !options_.drop_immature))
      AddSampledRows(r, o);
    else if (mature || !options_.drop_immature)
      AddRows(r, o, end_ms);
    else
      sink_.Dropped(o, DropReason::kImmature, e.items.size());
  }
  if (folds) store_.Fold(r);
  if (options_.slates && IsTouch(e.type)) Touch(r);
}

void RowBuilder::AdvanceTo(std::int64_t epoch_end_ms) {
  store_.AdvanceTo(epoch_end_ms);
  epoch_end_ms_ = std::max(epoch_end_ms_, epoch_end_ms);
}

bool RowBuilder::ReadsOwn(std::size_t o, const LogRecord& r) const {
  const ObjectiveConfig& objective = objectives_[o];
  if (objective.sampled.on || objective.population == EventType::kFeedImpression) return false;
  const Key request = NamesRequest(objective.population) ? RequestOf(r.event) : 0;
  return request == 0 || (!open_.contains(request) && !unmade_.contains(request));
}

void RowBuilder::ReadOwn(const LogRecord& r) {
  if (own_of_ == r.offset) return;
  own_of_ = r.offset;
  own_.resize(r.event.items.size() * columns_);
  AdvanceTo(EpochEndAt(r.arrival_ms));
  const ReadInstant at{.offset = r.offset,
                       .arrival_ms = r.arrival_ms,
                       .as_of = static_cast<std::int64_t>(r.offset) - 1,
                       .now_ms = r.arrival_ms,
                       .epoch_end_ms = epoch_end_ms_,
                       .items = static_cast<std::uint32_t>(r.event.items.size()),
                       .is_request = false};
  own_at_ = at;
  std::vector<bool> known;
  if (values_ == nullptr || !values_->Take(at, 0, r.offset >= folds_from_, own_, {}, &known)) {
    store_.Read({.now_ms = r.arrival_ms,
                 .user = KeyOf(r.event.user_id),
                 .session = KeyOf(r.event.session_id),
                 .surface = KeyOf(r.event.surface),
                 .context = r.event.context,
                 .items = r.event.items,
                 .supplied = false},
                own_.data());
  }
  if (values_ != nullptr) values_->Keep(at, true, own_, {}, std::vector<bool>(at.items, true));
}

void RowBuilder::KeepUsed(const LogRecord& r) {
  if (NamesRequest(r.event.type)) {
    const Key request = RequestOf(r.event);
    for (OpenRequests* requests : {&open_, &unmade_}) {
      if (const auto at = request ? requests->find(request) : requests->end(); at != requests->end())
        MarkUsed(r, at->second);
    }
  }
  for (std::size_t o = 0; o < objectives_.size(); ++o) {
    if (r.event.type == objectives_[o].row_event() && ReadsOwn(o, r)) ReadOwn(r);
  }
}

void RowBuilder::Finish() {
  OpenWaitingBefore(UINT64_MAX);
  for (const auto& [arrival_ms, key] : open_since_) {
    for (OpenRequests* requests : {&open_, &unmade_}) {
      if (const auto at = requests->find(key); at != requests->end() && at->second.arrival_ms == arrival_ms) {
        Give(at->second, false);
        requests->erase(at);
      }
    }
  }
}

void RowBuilder::AddRows(const LogRecord& r, std::size_t o, std::int64_t end_ms) {
  const ObjectiveConfig& objective = objectives_[o];
  const Key user = PersonOf(r), request = RequestOf(r.event);
  const auto open = NamesRequest(objective.population) && request ? open_.find(request) : open_.end();
  if (open == open_.end()) {
    if (objective.population == EventType::kFeedImpression)
      return sink_.Dropped(o, bad_slates_.contains(request) ? DropReason::kBadSlate : DropReason::kNoRequest,
                           r.event.items.size());
    ReadOwn(r);
  }
  const int shown = store_.features().position_column;
  const bool learns_place = shown >= 0 && objective.population == EventType::kFeedImpression;
  if (values_ != nullptr) values_of_.at = open == open_.end() ? own_at_ : InstantOf(open->second);
  for (std::size_t i = 0; i < r.event.items.size(); ++i) {
    const Key item = KeyOf(r.event.items[i].item_id);
    const float* values = own_.data() + i * columns_;
    values_of_.items.assign(1, static_cast<std::uint32_t>(i));
    if (open != open_.end()) {
      const auto at = std::ranges::find(open->second.items, item);
      if (at == open->second.items.end()) {
        sink_.Dropped(o, DropReason::kNotInRequest, 1);
        continue;
      }
      const auto row = static_cast<std::size_t>(at - open->second.items.begin());
      values = open->second.features.data() + row * columns_;
      values_of_.items[0] = static_cast<std::uint32_t>(row);
    }
    const Key key = LabelKey(o, r, item);
    const std::uint64_t after = open != open_.end() && IsLabelledByRequest(o, r.event) ? open->second.offset : r.offset;
    const bool label = IsLabelled(o, key, after, r.event.time_ms + objective.horizon_ms());
    const float amount = objective.mean() ? AmountOf(o, key, after, r.event.time_ms + objective.window_ms) : kMissing;
    float whole = objective.mean() ? amount : label ? 1.0f : 0.0f;
    if (objective.early_window_ms > 0)
      whole = r.arrival_ms + objective.window_ms > end_ms                        ? kMissing
              : IsLabelled(o, key, after, r.event.time_ms + objective.window_ms) ? 1.0f
                                                                                 : 0.0f;
    const bool own = open == open_.end();
    const std::int32_t position = PositionOf(r.event, i);
    if (learns_place) {
      at_place_.assign(values, values + columns_);
      at_place_[static_cast<std::size_t>(shown)] = static_cast<float>(position);
      values = at_place_.data();
    }
    sink_.Row(o,
              {.offset = r.offset,
               .line = static_cast<std::uint32_t>(i),
               .user = user,
               .arrival_ms = r.arrival_ms,
               .session = KeyOf(r.event.session_id),
               .item = item,
               .request = KeyOf(r.event.request_id),
               .as_of = own ? static_cast<std::int64_t>(r.offset) - 1 : open->second.as_of,
               .now_ms = own ? r.arrival_ms : open->second.now_ms,
               .position = position,
               .led_on = LedOn(o, r, item, after, end_ms),
               .whole = whole,
               .amount = amount},
              objective.mean() ? amount > 0 : label, {values, columns_});
  }
}

std::vector<Key> RowBuilder::TouchedInSession(const LogRecord& r) const {
  std::vector<Key> items;
  const auto session = touched_.find(TouchKey(r));
  if (session == touched_.end() || session->second.last_ms < r.arrival_ms - kOpenRequestMs) return items;
  std::vector<std::pair<std::uint64_t, Key>> newest;
  for (const auto& [item, offset] : session->second.items) newest.emplace_back(~offset, item);
  std::ranges::sort(newest);
  for (const auto& [order, item] : newest) items.push_back(item);
  return items;
}

void RowBuilder::ReadItems(const LogRecord& r, const std::vector<Key>& keys) {
  std::vector<EventItem> items(keys.size());
  for (std::size_t i = 0; i < keys.size(); ++i) items[i].item_id = store_.shared().ItemId(keys[i]);
  own_.resize(keys.size() * columns_);
  own_of_ = UINT64_MAX;
  store_.Read({.now_ms = r.arrival_ms,
               .user = KeyOf(r.event.user_id),
               .session = KeyOf(r.event.session_id),
               .surface = KeyOf(r.event.surface),
               .context = r.event.context,
               .items = items,
               .supplied = false},
              own_.data());
}

void RowBuilder::AddSampledRows(const LogRecord& r, std::size_t o) {
  AdvanceTo(EpochEndAt(r.arrival_ms));
  sampler_->Update();
  const std::vector<Key> session = TouchedInSession(r);
  for (std::size_t line = 0; line < r.event.items.size(); ++line) {
    const Key item = KeyOf(r.event.items[line].item_id);
    // An item that the catalogue does not know yet would be told from the others by that.
    if (!sampler_->IsOnSale(item)) {
      sink_.Dropped(o, DropReason::kNotOnSale, 1);
      continue;
    }
    AddSampledRow(r, o, line, session);
    if (o == judged_objective_ && options_.slates) AddJudgedSlate(r, item, session);
  }
}

void RowBuilder::AddSampledRow(const LogRecord& r, std::size_t o, std::size_t line, const std::vector<Key>& session) {
  const ObjectiveConfig& objective = objectives_[o];
  const Key user = PersonOf(r), positive = KeyOf(r.event.items[line].item_id);
  Rng rng(PairKey(objective.sampled.seed + 1, PairKey(r.offset + 1, line + 1)));
  std::vector<Key> items = sampler_->Draw(rng, positive, session, [&](Key item) {  // It is no negative, if it is next.
    return IsLabelled(o, PairKey(user, LabelItem(o, item)), r.offset == 0 ? 0 : r.offset - 1,
                      r.event.time_ms + objective.horizon_ms());
  });
  items.insert(items.begin() + static_cast<std::ptrdiff_t>(rng.Below(items.size() + 1)), positive);
  ReadItems(r, items);
  for (std::size_t i = 0; i < items.size(); ++i) {
    const bool label = items[i] == positive;
    sink_.Row(o,
              {.offset = r.offset,
               .line = static_cast<std::uint32_t>(line * static_cast<std::size_t>(objective.sampled.size) + i),
               .user = user,
               .arrival_ms = r.arrival_ms,
               .session = KeyOf(r.event.session_id),
               .item = items[i],
               .request = PairKey(r.offset + 1, line + 1),
               .as_of = static_cast<std::int64_t>(r.offset) - 1,
               .now_ms = r.arrival_ms,
               .position = static_cast<std::int32_t>(i),
               .whole = label ? 1.0f : 0.0f},
              label, {own_.data() + i * columns_, columns_});
  }
}

}  // namespace gfr
