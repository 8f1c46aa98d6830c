#include "doctor/observations.h"

#include <algorithm>

#include "base/time.h"
#include "event/anonymised_record.h"
#include "event/event_rules.h"

namespace gfr {
namespace {

constexpr std::size_t kListed = 1000;  // Items followed a request, and clicked items a user.

}  // namespace

void Observations::Add(const LogRecord& record) {
  Count(record);
  Join(record.event);
  Follow(record.event, record.arrival_ms);
}

void Observations::Count(const LogRecord& r) {
  const Event& e = r.event;
  const auto type = static_cast<std::size_t>(e.type);
  if (events++ == 0) first_ms = last_ms = r.arrival_ms;
  if (r.arrival_ms - last_ms > silence_ms) {
    silence_ms = r.arrival_ms - last_ms;
    silence_from_ms = last_ms;
  }
  last_ms = r.arrival_ms;
  simulated += e.source == "simulator";
  ++by_type[type];
  if (days.size() < 3660 || days.contains(r.arrival_ms / kDayMs)) ++days[r.arrival_ms / kDayMs][type];
  if (NeedsUser(e.type) && e.user_id.empty() && !IsAnonymised(e)) {
    ++no_user[type];
    no_one[type] += e.session_id.empty();
  }
  no_item[type] +=
      NeedsItem(e.type) &&
      (e.items.empty() || std::ranges::any_of(e.items, [](const EventItem& i) { return i.item_id.empty(); }));
  const std::int64_t delay_ms = r.arrival_ms - e.time_ms;
  delays.Add(delay_ms);
  exact += delay_ms == 0;
  late_minute += delay_ms > kMinuteMs;
  late_hour += delay_ms > kHourMs;
  late_day += delay_ms > kDayMs;
  ahead += delay_ms < -kSecondMs;
  if (sources.size() < 1000 || sources.contains(e.source)) {
    SourceClock& source = sources[e.source];
    ++source.events;
    source.late_hour += delay_ms > kHourMs;
    source.ahead += delay_ms < -kSecondMs;
  }
}

// Requests with what names them; purchases with clicks; items with the catalogue.
void Observations::Join(const Event& e) {
  JoinRequest(e);
  JoinUser(e);
  // What users did with items says more than what they were offered.
  if (!IsSlate(e.type)) JoinItems(e);
}

void Observations::JoinRequest(const Event& e) {
  const bool request = e.type == EventType::kFeedRequest, impression = e.type == EventType::kFeedImpression,
             click = e.type == EventType::kFeedClick;
  if ((request || impression || click) && e.request_id.empty()) {
    click_without_request += click;
    impression_without_request += impression;
  } else if (request || impression || click) {
    if (RequestEntry* entry = requests.Touch(KeyOf(e.request_id))) {
      const std::size_t before = entry->heap_bytes();
      entry->before_request += click && entry->requests == 0;
      entry->before_impression += click && entry->requests > 0 && entry->impressions == 0;
      entry->requests += request;
      entry->impressions += impression;
      entry->clicks += click;
      if (entry->requests == 1 && entry->before_request == 0) entry->id.clear(), entry->id.shrink_to_fit();
      if (entry->requests != 1) entry->id = e.request_id;
      std::vector<Key>& list = request ? entry->slate : impression ? entry->shown : entry->clicked;
      for (const EventItem& item : e.items) {
        if (list.size() < kListed) list.push_back(KeyOf(item.item_id));
      }
      requests.Grew(entry->heap_bytes() - std::min(before, entry->heap_bytes()));
    }
  }
}

void Observations::JoinUser(const Event& e) {
  const bool purchase = e.type == EventType::kPurchase;
  if (purchase || e.type == EventType::kFeedClick) {
    if (UserEntry* user = users.Touch(KeyOf(e.user_id.empty() ? e.session_id : e.user_id))) {
      for (const EventItem& item : e.items) {
        const Key key = KeyOf(item.item_id);
        if (purchase) {
          ++user->lines;
          user->after_click += user->clicked.contains(key);
        } else if (user->clicked.size() < kListed && user->clicked.insert(key).second) {
          users.Grew(40);
        }
      }
    }
  }
  if (purchase) {
    purchase_without_price +=
        std::isnan(e.value) && std::ranges::all_of(e.items, [](const EventItem& i) { return std::isnan(i.price); });
    if (OrderEntry* order = e.transaction_id.empty() ? nullptr : orders.Touch(KeyOf(e.transaction_id))) {
      if (++order->purchases == 2) order->id = e.transaction_id;
    }
  }
}

void Observations::JoinItems(const Event& e) {
  for (const EventItem& line : e.items) {
    ItemEntry* item = line.item_id.empty() ? nullptr : items.Touch(KeyOf(line.item_id));
    if (!item) continue;
    if (IsCatalogue(e.type)) {
      item->in_catalogue = true;
      item->id.clear();
    } else {
      if (item->lines++ == 0 && !item->in_catalogue) {
        item->id = line.item_id;
        items.Grew(item->id.capacity());
      }
    }
  }
}

void Observations::Follow(const Event& e, std::int64_t arrival_ms) {
  const std::string& id = e.user_id.empty() ? e.session_id : e.user_id;
  if (id.empty() || !NeedsUser(e.type)) return;
  Activity& user = people[KeyOf(id)];
  if (user.id.empty()) user.id = id;
  user.Add(e.type, arrival_ms);
  if (people.size() <= most_people) return;
  people_dropped = true;  // The quieter half goes: a user who is back begins anew.
  std::vector<std::uint64_t> counts;
  for (const auto& [key, activity] : people) counts.push_back(activity.events);
  std::ranges::nth_element(counts, counts.begin() + static_cast<std::ptrdiff_t>(counts.size() / 2));
  const std::uint64_t median = counts[counts.size() / 2];
  std::erase_if(people, [&](const auto& p) { return p.second.events <= median; });
}

}  // namespace gfr
