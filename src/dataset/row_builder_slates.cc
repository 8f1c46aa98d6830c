// RowBuilder: slates and choices: what was shown of a request, and what was clicked.
#include <algorithm>

#include "dataset/row_builder.h"
#include "dataset/row_events.h"

namespace gfr {

void RowBuilder::Touch(const LogRecord& r) {
  Touched& session = touched_[TouchKey(r)];
  if (session.last_ms < r.arrival_ms - kOpenRequestMs) session.items.clear();
  session.last_ms = r.arrival_ms;
  for (const EventItem& item : r.event.items) session.items[KeyOf(item.item_id)] = r.offset + 1;
  if (touched_.size() < touched_swept_) return;
  std::erase_if(touched_, [&](const auto& t) { return t.second.last_ms < r.arrival_ms - kOpenRequestMs; });
  touched_swept_ = std::max<std::size_t>(1024, 2 * touched_.size());
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
