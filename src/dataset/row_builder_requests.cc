// RowBuilder: requests that are open: read when they were served or first named, kept until nothing can name them.
#include <algorithm>

#include "dataset/row_builder.h"
#include "dataset/row_events.h"
#include "state/slate_check.h"

namespace gfr {
namespace {

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

}  // namespace gfr
