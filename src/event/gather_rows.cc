#include "event/gather_rows.h"

#include <algorithm>

#include "event/event_codec.h"

namespace gfr {
namespace {

bool SameLine(const EventItem& a, const EventItem& b) {
  const auto same = [](double x, double y) { return x == y || (std::isnan(x) && std::isnan(y)); };
  return a.item_id == b.item_id && a.index == b.index && a.quantity == b.quantity && same(a.price, b.price);
}

Key KeyOfEvent(const Event& e, bool named) {
  const Key type = Hash64(&e.type, sizeof e.type, 1);
  if (named && !IsInventedId(e.id)) return PairKey(type, KeyOf(e.id));
  const Key who = PairKey(KeyOf(e.user_id), KeyOf(e.session_id));
  return PairKey(PairKey(type, KeyOf(e.request_id)), Hash64(&e.time_ms, sizeof e.time_ms, who));
}

}  // namespace

bool GatherRows::HasLines(const Event& e) const {
  if (IsSlate(e.type)) return slates_ && ((named_ && !IsInventedId(e.id)) || !e.request_id.empty());
  return IsOrder(e.type) && named_ && !IsInventedId(e.id);
}

Status GatherRows::Put(std::uint64_t line, Event&& event) {
  ++rows_;
  while (!open_.empty() && open_.front().row + kWindow < rows_) {
    Open oldest = std::move(open_.front());
    by_key_.erase(oldest.key);
    open_.pop_front();
    GFR_TRY(HandOn(oldest.line, std::move(oldest.event)));
  }
  if (!HasLines(event)) {
    if (named_ && IsRepeated(line, event)) return {};
    return HandOn(line, std::move(event));
  }
  const Key key = KeyOfEvent(event, named_);
  const auto [at, is_new] = by_key_.try_emplace(key, open_.end());
  if (is_new) {
    at->second = open_.insert(open_.end(), {std::move(event), line, rows_, key});
    return {};
  }
  open_.splice(open_.end(), open_, at->second);
  at->second->row = rows_;
  Merge(line, std::move(event), &*at->second);
  return {};
}

void GatherRows::Merge(std::uint64_t line, Event event, Open* open) {
  Event& whole = open->event;
  if (whole.user_id != event.user_id) {
    report_.Reject(file_, line,
                   "id '" + event.id.substr(0, 60) + "' is the id of line " + std::to_string(open->line) +
                       " too, which is of another user; leave `id` out of the map if it names no event");
    return;
  }
  for (EventItem& item : event.items) {
    if (std::ranges::any_of(whole.items, [&](const EventItem& i) { return SameLine(i, item); })) {
      ++report_.repeated_rows;
      continue;
    }
    whole.items.push_back(std::move(item));
  }
}

bool GatherRows::IsRepeated(std::uint64_t line, const Event& e) {
  if (IsInventedId(e.id)) return false;
  std::string bytes;
  EncodeEvent(e, &bytes);
  const std::uint64_t content = Hash64(bytes.data(), bytes.size());
  const Key key = KeyOfEvent(e, true);
  if (recent_.size() >= (1u << 20)) {
    older_.swap(recent_);
    recent_.clear();
  }
  const auto old = older_.find(key);
  const auto [at, is_new] = recent_.try_emplace(key, old == older_.end() ? content : old->second);
  if (is_new && old == older_.end()) return false;
  if (at->second == content) {
    ++report_.repeated_rows;
  } else {
    report_.Reject(file_, line,
                   "id '" + e.id.substr(0, 60) +
                       "' is the id of a row before, which says something else; leave `id` out of the map "
                       "if it names no event");
  }
  return true;
}

Status GatherRows::HandOn(std::uint64_t line, Event&& e) {
  if (IsSlate(e.type)) {
    for (std::size_t i = 0; i < e.items.size(); ++i) {
      if (e.items[i].index < 0) e.items[i].index = static_cast<std::int32_t>(i);
    }
    std::vector<std::string_view> ids;
    for (const EventItem& item : e.items) ids.push_back(item.item_id);
    std::ranges::sort(ids);
    if (const auto twice = std::ranges::adjacent_find(ids); twice != ids.end() && e.type == EventType::kFeedImpression)
      report_.Warn("a slate shows an item twice", std::string(*twice), file_, line);
  }
  ++report_.events;
  return sink_(std::move(e));
}

Status GatherRows::Flush() {
  for (Open& open : open_) GFR_TRY(HandOn(open.line, std::move(open.event)));
  open_.clear();
  by_key_.clear();
  return {};
}

}  // namespace gfr
