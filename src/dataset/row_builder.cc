#include "dataset/row_builder.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/time.h"
#include "dataset/left_out.h"
#include "state/slate_check.h"

namespace gfr {
namespace {

constexpr Key kRequestSalt = 0x9e3779b97f4a7c15u;
constexpr std::int64_t kOpenRequestMs = kDayMs;  // What comes later belongs to no request.

bool NamesRequest(EventType population) {
  return population == EventType::kFeedImpression || population == EventType::kFeedClick;
}

// Where the item of a line was shown, from 0.
std::int32_t PositionOf(const Event& event, std::size_t line) {
  const std::int32_t index = event.items[line].index;
  return index >= 0 ? index : static_cast<std::int32_t>(line);
}

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

// The places of a slate that were filled from a pool: of the explore channel's candidates, those that were not placed
// above; or of two neighbours.
template <class Drawn>
std::vector<Drawn> DrawnPlaces(const Event& request) {
  std::vector<Drawn> drawn;
  const std::vector<float>& propensity = request.served.propensity;
  const std::vector<ServedDraw>& draws = request.served.draws;
  for (std::size_t i = 0; i < std::min(request.items.size(), propensity.size()); ++i) {
    const std::int32_t place = request.items[i].index;
    if (place < 0 || !(propensity[i] < 1)) continue;
    Drawn one{.row = i, .propensity = propensity[i]};
    if (std::ranges::count(request.served.swaps, place) > 0) {
      const auto below = std::ranges::find(request.items, place + 1, &EventItem::index);
      if (below == request.items.end()) continue;
      one.pool = {i, static_cast<std::size_t>(below - request.items.begin())};
      one.swapped = true;
      drawn.push_back(std::move(one));
      continue;
    }
    if (const auto draw = std::ranges::find(draws, place, &ServedDraw::position); draw != draws.end()) {
      one.pool.assign(draw->pool.begin(), draw->pool.end());
      drawn.push_back(std::move(one));
      continue;
    }
    // A record of format 1 to 4 has no draws.
    for (std::size_t k = 0; k < request.items.size(); ++k) {
      const EventItem& other = request.items[k];
      if (other.channel == "explore" && (other.index < 0 || other.index >= place)) one.pool.push_back(k);
    }
    drawn.push_back(std::move(one));
  }
  return drawn;
}

}  // namespace

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

// Keeps the requests that are read elsewhere than at their own record: those that the server logged at what their
// record says; an imported one that something named before it where that stands.
void RowBuilder::NoteRequest(const LogRecord& r, Key request) {
  const bool is_request = r.event.type == EventType::kFeedRequest;
  if (is_request && r.event.served.exists()) {
    // One read before the base has no state any more.
    const bool is_sound =
        SlateProblem(r).empty() && (epoch_starts_ == nullptr || epoch_starts_->Problem(r.event.served).empty());
    if (!is_sound || r.event.served.as_of() + 1 < static_cast<std::int64_t>(first_offset_)) {
      bad_slates_.insert(request);
      return;
    }
    LogRecord kept = r;
    kept.event.served.columns.clear();  // They are read again.
    kept.event.served.scores.clear();
    const ServedSlate& served = r.event.served;
    read_from_ = static_cast<std::uint64_t>(served.as_of() + 1);
    if (const auto named = named_.find(request); named != named_.end())
      read_from_ = std::min(read_from_, named->second.offset);
    waiting_.emplace(served.as_of(), Waiting{std::move(kept), served.as_of(), served.now_ms, served.epoch_end_ms});
    return;
  }
  if (request == 0 || !(is_request || r.event.type == EventType::kFeedImpression ||
                        (awaited_types() >> static_cast<unsigned>(r.event.type) & 1u)))
    return;
  while (!named_since_.empty() && named_since_.front().first < r.arrival_ms - kOpenRequestMs) {
    const auto [since_ms, key] = named_since_.front();
    named_since_.pop_front();
    if (const auto at = named_.find(key); at != named_.end() && at->second.arrival_ms == since_ms) named_.erase(at);
  }
  const auto [at, fresh] = named_.try_emplace(request, Named{r.offset, r.arrival_ms, is_request});
  if (fresh) named_since_.emplace_back(r.arrival_ms, request);
  Named& first = at->second;
  if (!is_request || first.is_known) return;
  first.is_known = true;
  read_from_ = first.offset;
  const auto as_of = static_cast<std::int64_t>(first.offset) - 1;
  waiting_.emplace(as_of, Waiting{r, as_of, first.arrival_ms, EpochEndAt(first.arrival_ms)});
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

std::uint32_t RowBuilder::replayed_types() const {
  std::uint32_t types = indexed_types() | TypeBit(EventType::kFeedClick);
  for (const ObjectiveConfig& o : objectives_) types |= TypeBit(o.row_event());
  for (std::size_t t = 0; t < kEventTypes; ++t) types |= IsTouch(static_cast<EventType>(t)) ? 1u << t : 0;
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

void RowBuilder::MarkUsed(const LogRecord& r, OpenRequest& open) {
  const auto mark = [&](std::size_t row) {
    open.used[row] = true;
    if (!open.known.empty() && !open.known[row]) values_->Miss(open.offset, "an item of the request at offset");
  };
  for (const EventItem& item : r.event.items) {
    const Key key = KeyOf(item.item_id);
    if (const auto row = std::ranges::find(open.items, key); row != open.items.end())
      mark(static_cast<std::size_t>(row - open.items.begin()));
    for (const Drawn& drawn : open.drawn) {
      if (open.items[drawn.row] == key) std::ranges::for_each(drawn.pool, mark);
    }
  }
}

ReadInstant RowBuilder::InstantOf(const OpenRequest& open) const {
  return {.offset = open.offset,
          .arrival_ms = open.arrival_ms,
          .as_of = open.as_of,
          .now_ms = open.now_ms,
          .epoch_end_ms = open.epoch_end_ms,
          .items = static_cast<std::uint32_t>(open.items.size()),
          .is_request = true};
}

void RowBuilder::Give(OpenRequest& open, bool is_closed) const {
  if (values_ != nullptr) values_->Keep(InstantOf(open), is_closed, open.features, open.popularity, open.used);
}

void RowBuilder::Touch(const LogRecord& r) {
  Touched& session = touched_[TouchKey(r)];
  if (session.last_ms < r.arrival_ms - kOpenRequestMs) session.items.clear();
  session.last_ms = r.arrival_ms;
  for (const EventItem& item : r.event.items) session.items[KeyOf(item.item_id)] = r.offset + 1;
  if (touched_.size() < touched_swept_) return;
  std::erase_if(touched_, [&](const auto& t) { return t.second.last_ms < r.arrival_ms - kOpenRequestMs; });
  touched_swept_ = std::max<std::size_t>(1024, 2 * touched_.size());
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

// Reads the requests that were served, or were first named, when the last record before `offset` was folded.
void RowBuilder::OpenWaitingBefore(std::uint64_t offset) {
  while (!waiting_.empty() &&
         (waiting_.begin()->first < 0 || static_cast<std::uint64_t>(waiting_.begin()->first) < offset)) {
    const auto request = waiting_.extract(waiting_.begin());
    const Waiting& w = request.mapped();
    Open(w.record, w.as_of, w.now_ms, w.epoch_end_ms, &open_);
  }
}

// A request that is read at its own record, unless it was where something named it before.
void RowBuilder::OpenImported(const LogRecord& r, OpenRequests* into) {
  const auto open = open_.find(RequestOf(r.event));
  if (open == open_.end() || open->second.offset != r.offset)
    Open(r, static_cast<std::int64_t>(r.offset) - 1, r.arrival_ms, EpochEndAt(r.arrival_ms), into);
}

void RowBuilder::Open(const LogRecord& r, std::int64_t as_of, std::int64_t now_ms, std::int64_t epoch_end_ms,
                      OpenRequests* into) {
  AdvanceTo(epoch_end_ms);
  // Its impressions and clicks come within kOpenRequestMs, if they are to find it.
  if (r.arrival_ms < options_.from_ms && options_.from_ms - r.arrival_ms > kOpenRequestMs) return;
  if (!r.event.served.exists() && r.arrival_ms >= options_.to_ms) return;
  OpenRequest open{.offset = r.offset, .arrival_ms = r.arrival_ms, .as_of = as_of, .now_ms = now_ms};
  open.epoch_end_ms = epoch_end_ms_;
  for (const EventItem& item : r.event.items) open.items.push_back(KeyOf(item.item_id));
  const Key key = RequestOf(r.event);
  if (into == &open_ || values_ != nullptr) ReadRequest(r, key, &open);
  if (options_.slates && into == &open_) open.touched = TouchedBefore(r, open.items);
  if (options_.choices || values_ != nullptr) open.drawn = DrawnPlaces<Drawn>(r.event);
  if (const auto before = into->find(key); before != into->end()) Give(before->second, true);
  (*into)[key] = std::move(open);
  open_since_.emplace(r.arrival_ms, key);
}

void RowBuilder::ReadRequest(const LogRecord& r, Key key, OpenRequest* open) {
  open->features.resize(open->items.size() * columns_);
  open->popularity.resize(open->items.size());
  open->used.resize(values_ != nullptr ? open->items.size() : 0);
  const bool is_readable = open->as_of + 1 >= static_cast<std::int64_t>(folds_from_);
  if (values_ != nullptr &&
      values_->Take(InstantOf(*open), key, is_readable, open->features, open->popularity, &open->known)) {
    open->used = open->known;
    return;
  }
  // Of a slate that the server made itself, the order is not the caller's.
  const bool supplied = !r.event.served.exists() || (!r.event.items.empty() && r.event.items[0].channel == "supplied");
  store_.Read({.now_ms = open->now_ms,
               .user = KeyOf(r.event.user_id),
               .session = KeyOf(r.event.session_id),
               .surface = KeyOf(r.event.surface),
               .context = r.event.context,
               .items = r.event.items,
               .supplied = supplied},
              open->features.data());
  for (std::size_t i = 0; i < open->items.size(); ++i) {
    const std::byte* row = store_.shared().FindItem(open->items[i]);
    open->popularity[i] = row ? static_cast<float>(SharedState::Summary(row).touches) : 0.0f;
  }
}

void RowBuilder::ForgetBefore(std::int64_t arrival_ms) {
  while (!open_since_.empty() && open_since_.begin()->first < arrival_ms) {
    const auto [since_ms, key] = *open_since_.begin();
    for (OpenRequests* requests : {&open_, &unmade_}) {
      const auto at = requests->find(key);
      if (at == requests->end() || at->second.arrival_ms != since_ms) continue;
      Give(at->second, true);
      requests->erase(at);
    }
    open_since_.erase(open_since_.begin());
  }
}

// A slate counts for ranking once it was shown: the impression's items in its order, with the features read for the
// request.
void RowBuilder::Shown(const LogRecord& r) {
  if (!options_.slates || sampler_) return;
  const auto at = open_.find(RequestOf(r.event));
  if (at == open_.end() || at->second.shown) return;
  OpenRequest& open = at->second;
  if (open.arrival_ms < options_.from_ms || open.arrival_ms >= options_.to_ms) return;
  open.shown = true;
  const Key user = PersonOf(r);
  open.slate = {.user = user,
                .session = KeyOf(r.event.session_id),
                .arrival_ms = open.arrival_ms,
                .offset = r.offset,
                .untouched = true};
  for (const EventItem& shown : r.event.items) {
    const Key item = KeyOf(shown.item_id);
    const auto row = std::ranges::find(open.items, item);
    if (row == open.items.end()) continue;
    open.shown_rows.push_back(static_cast<std::size_t>(row - open.items.begin()));
    const std::uint64_t touch = open.touched[open.shown_rows.back()];
    open.slate.untouched = open.slate.untouched && touch == 0;
    open.slate.most_recent.push_back(static_cast<float>(touch));
    open.slate.popularity.push_back(open.popularity[open.shown_rows.back()]);
  }
  open.slate.items = static_cast<int>(open.shown_rows.size());
  if (open.early_click != 0) GiveSlate(open, open.early_click, r.offset);
}

// When the session touched each item last, as far as the request can know: its own clicks come later.
std::vector<std::uint64_t> RowBuilder::TouchedBefore(const LogRecord& r, const std::vector<Key>& items) const {
  std::vector<std::uint64_t> touched(items.size());
  const auto session = touched_.find(TouchKey(r));
  if (session == touched_.end() || session->second.last_ms < r.arrival_ms - kOpenRequestMs) return touched;
  for (std::size_t i = 0; i < items.size(); ++i) {
    const auto found = session->second.items.find(items[i]);
    if (found != session->second.items.end()) touched[i] = found->second;
  }
  return touched;
}

// Each place once, when its item is first seen.
void RowBuilder::AddChoices(const LogRecord& r, OpenRequest& open) {
  std::vector<float> features;
  for (std::size_t line = 0; line < r.event.items.size(); ++line) {
    const Key item = KeyOf(r.event.items[line].item_id);
    const auto drawn = std::ranges::find(open.drawn, item, [&](const Drawn& d) { return open.items[d.row]; });
    if (drawn == open.drawn.end()) continue;
    const auto clicked = [&](Key of) {
      const std::uint64_t after = IsLabelledByRequest(seen_objective_, r.event) ? open.offset : r.offset;
      return IsLabelled(seen_objective_, LabelKey(seen_objective_, r, of), after,
                        r.event.time_ms + objectives_[seen_objective_].window_ms);
    };
    const Key below = drawn->swapped ? open.items[drawn->pool[1]] : 0;
    if (drawn->swapped &&
        std::ranges::none_of(r.event.items, [&](const EventItem& i) { return KeyOf(i.item_id) == below; }))
      continue;  // A pair counts when both were seen.
    features.clear();
    for (const std::size_t k : drawn->pool) {
      const float* values = open.features.data() + k * columns_;
      features.insert(features.end(), values, values + columns_);
    }
    if (values_ != nullptr) values_of_ = {InstantOf(open), {drawn->pool.begin(), drawn->pool.end()}};
    sink_.Choice({.user = PersonOf(r),
                  .arrival_ms = r.arrival_ms,
                  .offset = r.offset,
                  .line = static_cast<std::uint32_t>(line),
                  .first = 0,
                  .pool = static_cast<int>(drawn->pool.size()),
                  .shown = static_cast<int>(std::ranges::find(drawn->pool, drawn->row) - drawn->pool.begin()),
                  .position = PositionOf(r.event, line),
                  .propensity = drawn->propensity,
                  .clicked = clicked(item),
                  .swapped = drawn->swapped,
                  .clicked_below = drawn->swapped && clicked(below)},
                 features);
    open.drawn.erase(drawn);
  }
}

void RowBuilder::Clicked(const LogRecord& r) {
  const auto at = open_.find(RequestOf(r.event));
  if (at == open_.end() || at->second.clicked || r.event.items.empty() || r.offset < at->second.offset) return;
  OpenRequest& open = at->second;
  const Key item = KeyOf(r.event.items[0].item_id);
  if (open.shown)
    GiveSlate(open, item, r.offset);
  else if (open.early_click == 0)
    open.early_click = item;
}

void RowBuilder::GiveSlate(OpenRequest& open, Key clicked, std::uint64_t offset) {
  open.clicked = true;
  open.slate.click_offset = offset;
  std::vector<float> features;
  for (std::size_t i = 0; i < open.shown_rows.size(); ++i) {
    const std::size_t row = open.shown_rows[i];
    if (open.items[row] == clicked && open.slate.clicked < 0) open.slate.clicked = static_cast<int>(i);
    const float* values = open.features.data() + row * columns_;
    features.insert(features.end(), values, values + columns_);
  }
  if (values_ != nullptr) values_of_ = {InstantOf(open), {open.shown_rows.begin(), open.shown_rows.end()}};
  sink_.Slate(std::move(open.slate), features);
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

void RowBuilder::AddJudgedSlate(const LogRecord& r, Key item, const std::vector<Key>& session) {
  if (r.arrival_ms < options_.judged_from_ms || options_.judged_events == 0) return;
  const double bytes = static_cast<double>(sampler_->on_sale() * columns_) * sizeof(float);
  const double share = kJudgedBytes / bytes / static_cast<double>(options_.judged_events);
  Rng rng(PairKey(objectives_[judged_objective_].sampled.seed + 2, PairKey(r.offset + 1, item)));
  if (!rng.Chance(share)) return;
  const std::vector<Key> items = sampler_->AllOnSale();
  ReadItems(r, items);
  SlateRow slate{.user = PersonOf(r),
                 .session = KeyOf(r.event.session_id),
                 .arrival_ms = r.arrival_ms,
                 .offset = r.offset,
                 .click_offset = r.offset,
                 .items = static_cast<int>(items.size()),
                 .untouched = session.empty()};
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (items[i] == item) slate.clicked = static_cast<int>(i);
    slate.popularity.push_back(static_cast<float>(SharedState::Summary(store_.shared().FindItem(items[i])).touches));
    const auto at = std::ranges::find(session, items[i]);
    slate.most_recent.push_back(at == session.end() ? 0.0f : 1.0f / static_cast<float>(1 + (at - session.begin())));
  }
  sink_.Slate(std::move(slate), own_);
}

}  // namespace gfr
