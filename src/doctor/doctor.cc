#include "doctor/doctor.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <unordered_set>

#include "base/progress.h"
#include "base/time.h"
#include "doctor/key_sample.h"
#include "event/activity.h"
#include "event/anonymised_record.h"
#include "log/erase_user.h"
#include "stats/descriptive.h"

namespace gfr {
namespace {

constexpr std::size_t kExamples = 5, kListed = 1000;  // Items followed a request, and clicked items a user.

// A request id: who used it, and for what.
struct RequestEntry {
  std::string id;  // Until a feed.request has it.
  std::uint32_t requests = 0, impressions = 0, clicks = 0;
  std::vector<Key> slate, shown, clicked;
  std::size_t heap_bytes() const {
    return id.capacity() + sizeof(Key) * (slate.capacity() + shown.capacity() + clicked.capacity());
  }
};

struct UserEntry {
  std::unordered_set<Key> clicked;
  std::uint32_t lines = 0, after_click = 0;  // Of purchases.
  std::size_t heap_bytes() const { return clicked.size() * 40; }
};

struct ItemEntry {
  std::string id;  // Until the catalogue has it.
  bool in_catalogue = false;
  std::uint32_t lines = 0;
  std::size_t heap_bytes() const { return id.capacity(); }
};

struct OrderEntry {
  std::string id;
  std::uint32_t purchases = 0;
  std::size_t heap_bytes() const { return id.capacity(); }
};

// Delays by 16 bins a doubling, both signs: a quantile is right to 5 %.
class DelayHistogram {
 public:
  void Add(std::int64_t delay_ms) {
    const int size = static_cast<int>(std::log2(std::fabs(static_cast<double>(delay_ms)) + 1) * 16);
    ++bins_[delay_ms < 0 ? -size : size];
    ++count_;
  }
  double Quantile(double q) const {
    double left = q * static_cast<double>(count_);
    for (const auto& [bin, count] : bins_) {
      left -= static_cast<double>(count);
      if (left <= 0) return std::copysign(std::exp2(std::abs(bin) / 16.0) - 1, bin);
    }
    return 0;
  }

 private:
  std::map<int, std::uint64_t> bins_;
  std::uint64_t count_ = 0;
};

struct SourceClock {
  std::uint64_t events = 0, late_hour = 0, ahead = 0;
};

bool NeedsUser(EventType type) { return type != EventType::kItemUpdate; }
bool NeedsItem(EventType type) {
  return type == EventType::kFeedImpression || type == EventType::kFeedClick || type == EventType::kItemView ||
         type == EventType::kCartAdd || type == EventType::kPurchase;
}

std::string Percent(double share) { return fmt::format("{:.{}f} %", 100 * share, share > 0 && share < 0.01 ? 3 : 1); }

std::string Milliseconds(double ms) {
  const double size = std::fabs(ms);
  if (size < 1000) return fmt::format("{:.0f} ms", ms);
  if (size < 120e3) return fmt::format("{:.1f} s", ms / 1e3);
  if (size < 120 * 60e3) return fmt::format("{:.1f} min", ms / 60e3);
  return fmt::format("{:.1f} h", ms / 3600e3);
}

// `look` from this share on (any count when 0), `bad` when even the low end of the share's interval is above `bad`.
Severity Grade(std::uint64_t count, std::uint64_t of, double look, double bad) {
  if (count == 0 || of == 0) return Severity::kOk;
  const Estimate share = Share(static_cast<double>(count), static_cast<double>(of));
  if (share.interval.low >= bad) return Severity::kBad;
  return share.value >= look ? Severity::kLook : Severity::kOk;
}

Finding ShareFinding(std::string check, std::uint64_t count, std::uint64_t of, double look, double bad, bool sampled,
                     const std::string& what, std::string meaning, std::string action) {
  const Estimate share = Share(static_cast<double>(count), static_cast<double>(of));
  Finding f{.check = std::move(check), .severity = Grade(count, of, look, bad), .figure = share.value};
  f.count = count;
  f.of = of;
  if (sampled) f.interval = share.interval;
  f.text = fmt::format("{} of {} {} ({})", count, of, what, of > 0 ? Percent(share.value) : "none");
  f.meaning = std::move(meaning);
  f.action = std::move(action);
  return f;
}

}  // namespace

struct Doctor::State {
  explicit State(const DoctorOptions& options)
      : requests(options.memory_bytes / 2),
        users(options.memory_bytes / 8),
        items(options.memory_bytes / 8),
        orders(options.memory_bytes / 8),
        most_people(std::max<std::size_t>(1000, options.memory_bytes / 8 / (sizeof(Activity) + 64))) {}

  KeySample<RequestEntry> requests;
  KeySample<UserEntry> users;
  KeySample<ItemEntry> items;
  KeySample<OrderEntry> orders;
  const std::size_t most_people;
  std::unordered_map<Key, Activity> people;
  bool people_dropped = false;

  std::uint64_t events = 0, simulated = 0;
  std::array<std::uint64_t, kEventTypes> by_type{}, no_user{}, no_one{}, no_item{};
  std::uint64_t click_without_request = 0, impression_without_request = 0, purchase_without_price = 0;
  std::int64_t first_ms = 0, last_ms = 0, silence_ms = 0, silence_from_ms = 0;
  std::map<std::int64_t, std::array<std::uint64_t, kEventTypes>> days;
  DelayHistogram delays;
  std::uint64_t late_minute = 0, late_hour = 0, late_day = 0, ahead = 0, exact = 0;
  std::map<std::string, SourceClock> sources;

  void Count(const LogRecord& r);
  void Join(const Event& e);
  void Follow(const Event& e, std::int64_t arrival_ms);

  void Joins(std::vector<Finding>& out) const;
  void Ids(std::vector<Finding>& out) const;
  void Clocks(std::vector<Finding>& out) const;
  void Robots(std::vector<Finding>& out) const;
  void Days(std::vector<Finding>& out) const;
};

void Doctor::State::Count(const LogRecord& r) {
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
void Doctor::State::Join(const Event& e) {
  const bool request = e.type == EventType::kFeedRequest, impression = e.type == EventType::kFeedImpression,
             click = e.type == EventType::kFeedClick;
  if ((request || impression || click) && e.request_id.empty()) {
    click_without_request += click;
    impression_without_request += impression;
  } else if (request || impression || click) {
    if (RequestEntry* entry = requests.Touch(KeyOf(e.request_id))) {
      const std::size_t before = entry->heap_bytes();
      entry->requests += request;
      entry->impressions += impression;
      entry->clicks += click;
      if (entry->requests > 0 && entry->requests < 2) entry->id.clear(), entry->id.shrink_to_fit();
      if (entry->requests != 1) entry->id = e.request_id;
      std::vector<Key>& list = request ? entry->slate : impression ? entry->shown : entry->clicked;
      for (const EventItem& item : e.items) {
        if (list.size() < kListed) list.push_back(KeyOf(item.item_id));
      }
      requests.Grew(entry->heap_bytes() - std::min(before, entry->heap_bytes()));
    }
  }
  const bool purchase = e.type == EventType::kPurchase;
  if (click || purchase) {
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
  if (request || impression) return;  // What users did with items says more than what they were offered.
  for (const EventItem& line : e.items) {
    ItemEntry* item = line.item_id.empty() ? nullptr : items.Touch(KeyOf(line.item_id));
    if (!item) continue;
    if (e.type == EventType::kItemUpdate) {
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

void Doctor::State::Follow(const Event& e, std::int64_t arrival_ms) {
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

void Doctor::State::Joins(std::vector<Finding>& out) const {
  const std::uint64_t logged = by_type[static_cast<std::size_t>(EventType::kFeedRequest)],
                      impressions = by_type[static_cast<std::size_t>(EventType::kFeedImpression)],
                      clicks = by_type[static_cast<std::size_t>(EventType::kFeedClick)];
  const bool sampled = requests.level() > 0;
  std::uint64_t known = 0, shown = 0, lost_impressions = 0, all_impressions = 0, lost_clicks = 0, all_clicks = 0;
  std::uint64_t clicked_lines = 0, outside = 0, unseen = 0, reused = 0, lines_shown = 0;
  std::vector<std::string> lost_impression_ids, lost_click_ids, reused_ids;
  const auto example = [](std::vector<std::string>& list, const std::string& id) {
    if (list.size() < kExamples) list.push_back(id);
  };
  for (const auto& [key, r] : requests.entries()) {
    all_impressions += r.impressions;
    all_clicks += r.clicks;
    lines_shown += r.shown.size();
    if (r.requests == 0) {
      lost_impressions += r.impressions;
      lost_clicks += r.clicks;
      if (r.impressions > 0) example(lost_impression_ids, r.id);
      if (r.clicks > 0) example(lost_click_ids, r.id);
      continue;
    }
    ++known;
    shown += r.impressions > 0;
    if (r.requests > 1) {
      ++reused;
      example(reused_ids, r.id);
    }
    for (const Key item : r.clicked) {
      ++clicked_lines;
      const bool in_slate = std::ranges::find(r.slate, item) != r.slate.end();
      outside += !in_slate;
      unseen += in_slate && std::ranges::find(r.shown, item) == r.shown.end();
    }
  }
  Finding f = ShareFinding(
      "request.not_shown", known - shown, known, 0.5, 0.98, sampled, "feed requests have no impression",
      "Slates that were made but of which no client said that they were seen.",
      "Some are normal (prefetched, scrolled past). Many: the client does not send feed.impression with the request_id "
      "of its feed; or set [feed] impressions = \"on_serve\".");
  if (logged == 0) {
    f.severity = Severity::kLook;
    f.text = "the log has no feed.request at all";
    f.meaning = "Without slates nothing can be learnt of what was offered and not taken; joins cannot be checked.";
    f.action = "Serve feeds through gfr, which logs them, or map the other system's slates to feed.request.";
  }
  out.push_back(std::move(f));
  if (logged > 0) {
    f = ShareFinding("impression.unknown_request", lost_impressions, all_impressions, 0.01, 0.1, sampled,
                     "impressions name a request that is not in the log",
                     "These impressions cannot become training rows: their features are unknown.",
                     "See that the client sends back the request_id it was given, and that no request was lost on the "
                     "way to the log.");
    f.examples = lost_impression_ids;
    out.push_back(std::move(f));
    f = ShareFinding("click.unknown_request", lost_clicks, all_clicks, 0.01, 0.1, sampled,
                     "clicks name a request that is not in the log",
                     "These clicks label nothing: the row they belong to counts as not clicked.",
                     "See that the click carries the request_id of the feed it was made in, unchanged.");
    f.examples = lost_click_ids;
    out.push_back(std::move(f));
    out.push_back(ShareFinding("click.not_in_slate", outside, clicked_lines, 0.01, 0.1, sampled,
                               "clicked items are not in the slate of their request",
                               "The click names the wrong request or another id of the item (a variant, a parent).",
                               "Send the item_id exactly as the feed had it."));
    out.push_back(ShareFinding("click.not_shown", unseen, clicked_lines, 0.05, 0.5, sampled,
                               "clicked items were in the slate but no impression of them came",
                               "Clicks without an impression make no row of the click objective: its rate is too low.",
                               "Send the impression before the click, also when the user clicks at once."));
    f = ShareFinding("request.id_reused", reused, known, 0, 0.01, sampled, "request ids were used more than once",
                     "Two slates of one id cannot be told apart: clicks join the wrong one.",
                     "Make a new request_id for each feed call; repeat one only to get the same answer again.");
    f.examples = reused_ids;
    out.push_back(std::move(f));
  }
  if (impressions > 0)
    out.push_back(ShareFinding("impression.no_request", impression_without_request, impressions, 0.01, 0.1, false,
                               "impressions have no request_id", "They cannot be joined to a slate.",
                               "Send the request_id of the feed with each impression."));
  if (clicks > 0) {
    out.push_back(
        ShareFinding("click.no_request", click_without_request, clicks, 0.01, 0.2, false, "clicks have no request_id",
                     "They label the user's latest impression of the item, which may be the wrong one, or nothing.",
                     "Send the request_id of the feed with each click."));
  }
  if (logged > 0 && clicks == 0)
    out.push_back({.check = "click.none",
                   .severity = Severity::kBad,
                   .text = "there are requests and not one click",
                   .meaning = "Nothing can be learnt of what users like.",
                   .action = "Send feed.click from the client."});
  if (lines_shown > 0)
    out.push_back(ShareFinding("impression.clicked", clicked_lines, lines_shown, 2, 0.9, sampled,
                               "items shown were clicked", "The click rate, for comparison with your own analytics.",
                               "Nothing, unless it is not what you know."));
  std::uint64_t lines = 0, after_click = 0;
  for (const auto& [key, u] : users.entries()) {
    lines += u.lines;
    after_click += u.after_click;
  }
  if (lines > 0)
    out.push_back(ShareFinding(
        "purchase.no_click", lines - after_click, lines, 0.5, 0.95, users.level() > 0,
        "lines of purchases have no earlier click of that user on that item",
        "Purchases without a click in the feed are organic: they feed features but label no row of the purchase "
        "objective.",
        "If most of your buyers come through the feed: see that user_id is the same in both (log-in: send user.alias) "
        "and that purchases name items as clicks do (not SKUs or order lines)."));
}

void Doctor::State::Ids(std::vector<Finding>& out) const {
  std::uint64_t people_events = 0, without_user = 0, without_one = 0, item_events = 0, without_item = 0;
  Finding user, one, item;
  for (int t = 1; t < kEventTypes; ++t) {
    const auto type = static_cast<std::size_t>(t);
    if (by_type[type] == 0) continue;
    const std::string name(EventTypeName(static_cast<EventType>(t)));
    if (NeedsUser(static_cast<EventType>(t))) {
      people_events += by_type[type];
      without_user += no_user[type];
      without_one += no_one[type];
    }
    if (NeedsItem(static_cast<EventType>(t))) {
      item_events += by_type[type];
      without_item += no_item[type];
    }
    if (no_user[type] > 0) user.examples.push_back(fmt::format("{}: {}", name, no_user[type]));
    if (no_one[type] > 0) one.examples.push_back(fmt::format("{}: {}", name, no_one[type]));
    if (no_item[type] > 0) item.examples.push_back(fmt::format("{}: {}", name, no_item[type]));
  }
  const auto add = [&](Finding finding, std::vector<std::string> examples) {
    finding.examples = std::move(examples);
    if (finding.examples.size() > kExamples) finding.examples.resize(kExamples);
    out.push_back(std::move(finding));
  };
  add(ShareFinding("event.no_user", without_user, people_events, 0.2, 0.9, false, "events have no user_id",
                   "What a session without a user did is forgotten with the session.",
                   "Give anonymous visitors a lasting id of their own and send user.alias when they log in."),
      user.examples);
  add(ShareFinding(
          "event.nobody", without_one, people_events, 0, 0.01, false, "events have neither a user_id nor a session_id",
          "Nobody did them: they feed shared counts only and can label nothing.", "Send both ids with every event."),
      one.examples);
  add(ShareFinding("event.no_item", without_item, item_events, 0, 0.01, false, "events about items lack an item_id",
                   "They count nothing.", "Send items with their item_id."),
      item.examples);
  std::uint64_t reused = 0, all = orders.entries().size();
  std::vector<std::string> ids;
  for (const auto& [key, order] : orders.entries()) {
    reused += order.purchases > 1;
    if (order.purchases > 1 && ids.size() < kExamples) ids.push_back(order.id);
  }
  if (all > 0)
    add(ShareFinding("purchase.transaction_reused", reused, all, 0, 0.01, orders.level() > 0,
                     "transaction ids have several purchase events",
                     "An order that is sent twice under different event ids counts twice, in features and labels.",
                     "Send one purchase event with all its lines, and repeat it under the same event id only."),
        ids);
  const std::uint64_t purchases = by_type[static_cast<std::size_t>(EventType::kPurchase)];
  if (purchases > 0)
    add(ShareFinding("purchase.no_price", purchase_without_price, purchases, 0.01, 0.5, false,
                     "purchases have neither a value nor a price", "Spend is unknown: value metrics leave them out.",
                     "Send value and currency, or each line's price."),
        {});
  std::uint64_t known = 0, unknown = 0, lines = 0, unknown_lines = 0;
  ids.clear();
  for (const auto& [key, entry] : items.entries()) {
    known += entry.in_catalogue;
    lines += entry.lines;
    if (entry.in_catalogue || entry.lines == 0) continue;
    ++unknown;
    unknown_lines += entry.lines;
    if (ids.size() < kExamples) ids.push_back(entry.id);
  }
  if (by_type[static_cast<std::size_t>(EventType::kItemUpdate)] == 0) {
    add({.check = "item.no_catalogue",
         .severity = Severity::kLook,
         .count = unknown,
         .of = unknown,
         .text = "the log has no item.update: there is no catalogue",
         .meaning = "Features of item properties are known only where events carry them (price in a slate).",
         .action = "Send item.update with each item's properties, or import the catalogue."},
        {});
  } else if (lines > 0) {
    Finding f = ShareFinding("item.unknown", unknown_lines, lines, 0.01, 0.1, items.level() > 0,
                             "items of clicks, views, carts and purchases never were in the catalogue",
                             "Their category, price and age are missing in every feature.",
                             "Send item.update before an item is offered; see that events use the catalogue's ids.");
    f.text += fmt::format("; {} different ids, {} are in the catalogue", unknown, known);
    add(std::move(f), ids);
  }
}

void Doctor::State::Clocks(std::vector<Finding>& out) const {
  if (exact == events) {
    out.push_back({.check = "clock",
                   .text = "every event arrived at its own time: an imported or simulated log",
                   .meaning = "An import takes event time for arrival time, so delays and wrong clocks cannot be seen.",
                   .action = "Nothing; look again when events come through the server."});
    return;
  }
  Finding f = ShareFinding("clock.late", late_hour, events, 0.01, 0.2, false, "events arrived more than 1 h late", "",
                           "Send events as they happen, in batches of seconds; give mobile clients a queue that is "
                           "emptied when they are on line again.");
  f.text += fmt::format("; {} more than 1 min, {} more than 1 d; delay at 1 % {}, 50 % {}, 90 % {}, 99 % {}",
                        Percent(static_cast<double>(late_minute) / static_cast<double>(events)),
                        Percent(static_cast<double>(late_day) / static_cast<double>(events)),
                        Milliseconds(delays.Quantile(0.01)), Milliseconds(delays.Quantile(0.5)),
                        Milliseconds(delays.Quantile(0.9)), Milliseconds(delays.Quantile(0.99)));
  f.meaning = "A late event is missing from the features of every feed served before it came.";
  Finding a =
      ShareFinding("clock.ahead", ahead, events, 0.001, 0.05, false, "events are more than 1 s ahead of their arrival",
                   "The sender's clock is fast: recency and windows of these events are wrong by as much; more "
                   "than 5 min ahead is rejected.",
                   "Set the sender's clock (NTP), or send the server's time.");
  for (const auto& [name, source] : sources) {
    if (source.late_hour * 20 > source.events && f.examples.size() < kExamples)
      f.examples.push_back(fmt::format("source '{}': {} of {}", name, source.late_hour, source.events));
    if (source.ahead * 20 > source.events && a.examples.size() < kExamples)
      a.examples.push_back(fmt::format("source '{}': {} of {}", name, source.ahead, source.events));
  }
  out.push_back(std::move(f));
  out.push_back(std::move(a));
}

void Doctor::State::Robots(std::vector<Finding>& out) const {
  std::vector<const Activity*> robots;
  std::uint64_t theirs = 0, all = 0;
  for (int t = 1; t < kEventTypes; ++t)
    all += NeedsUser(static_cast<EventType>(t)) ? by_type[static_cast<std::size_t>(t)] : 0;
  for (const auto& [key, user] : people) {
    if (user.RobotReason().empty()) continue;
    robots.push_back(&user);
    theirs += user.events;
  }
  std::ranges::sort(robots, [](const Activity* a, const Activity* b) {
    return a->events != b->events ? a->events > b->events : a->id < b->id;
  });
  Finding f = ShareFinding("user.robots", theirs, all, 0, 0.2, false, "events are of users that look like robots",
                           "Robots teach the model what nobody likes, and inflate counts and denominators. Looks like "
                           "one: over 1,200 events in an hour, awake for 22 hours of a day, or a step like a clock's.",
                           "Look at the ones listed; leave crawlers and monitoring out where events are sent, internal "
                           "users too.");
  f.text = fmt::format("{} users look like robots; {}", robots.size(), f.text);
  if (people_dropped)
    f.text += fmt::format(" (of the busiest {} users at a time: quiet robots may be missed)", most_people);
  for (std::size_t i = 0; i < std::min(kExamples, robots.size()); ++i)
    f.examples.push_back(fmt::format("{}: {} events, {}", robots[i]->id, robots[i]->events, robots[i]->RobotReason()));
  out.push_back(std::move(f));
}

void Doctor::State::Days(std::vector<Finding>& out) const {
  const std::int64_t first = first_ms / kDayMs, last = last_ms / kDayMs;
  Finding gap{.check = "days.gap",
              .meaning = "A day without events of a type that comes every day: sending or importing broke.",
              .action = "Import the missing days with --rebuild, or leave them out of training by time."};
  Finding jump{.check = "days.jump",
               .meaning = "A day with less than a third or more than three times the usual events of a type.",
               .action = "See what was released or run that day: double sending, a campaign, robots, a lost client."};
  for (int t = 1; t < kEventTypes; ++t) {
    if (t == static_cast<int>(EventType::kItemUpdate) || t == static_cast<int>(EventType::kUserUpdate)) continue;
    std::vector<std::uint64_t> counts;  // Of whole days: the first and the last are not.
    for (std::int64_t d = first + 1; d < last; ++d) {
      const auto day = days.find(d);
      counts.push_back(day == days.end() ? 0 : day->second[static_cast<std::size_t>(t)]);
    }
    if (counts.size() < 3) continue;
    std::vector<std::uint64_t> sorted = counts;
    std::ranges::sort(sorted);
    const auto median = static_cast<double>(sorted[sorted.size() / 2]);
    if (median < 20) continue;
    for (std::size_t i = 0; i < counts.size(); ++i) {
      const auto count = static_cast<double>(counts[i]);
      const bool none = counts[i] == 0,
                 odd = (count * 3 < median || count > 3 * median) && std::fabs(count - median) > 6 * std::sqrt(median);
      Finding& f = none ? gap : jump;
      if (!none && !odd) continue;
      ++f.count;
      if (f.examples.size() < kExamples)
        f.examples.push_back(fmt::format("{} {}: {} (usually {})",
                                         FormatDate((first + 1 + static_cast<std::int64_t>(i)) * kDayMs),
                                         EventTypeName(static_cast<EventType>(t)), counts[i], median));
    }
  }
  const auto span = static_cast<std::uint64_t>(last - first + 1);
  gap.severity = gap.count > 0 ? Severity::kBad : Severity::kOk;
  jump.severity = jump.count > 0 ? Severity::kLook : Severity::kOk;
  for (Finding* f : {&gap, &jump}) {
    f->of = span;
    f->figure = static_cast<double>(f->count);
    f->text = span < 5 ? fmt::format("{} day(s) of log: too few to tell what is usual", span)
                       : fmt::format("{} (day, type) pairs of {} days", f->count, span);
    out.push_back(std::move(*f));
  }
  const double daily = static_cast<double>(events) / static_cast<double>(span);
  Finding silence{.check = "log.silence",
                  .figure = static_cast<double>(silence_ms) / 1000,
                  .text = fmt::format("the longest time without any event is {}, from {}",
                                      Milliseconds(static_cast<double>(silence_ms)), FormatTime(silence_from_ms)),
                  .meaning = "With this many events a day, silence means that nothing was taken.",
                  .action = "Look at what the senders and the server logged then."};
  if (daily >= 1000 && silence_ms > kDayMs)
    silence.severity = Severity::kBad;
  else if (daily >= 1000 && silence_ms > 6 * kHourMs)
    silence.severity = Severity::kLook;
  out.push_back(std::move(silence));
}

const char* SeverityName(Severity severity) {
  static constexpr const char* kNames[] = {"ok", "look", "bad"};
  return kNames[static_cast<int>(severity)];
}

Severity DoctorReport::worst() const { return findings.empty() ? Severity::kOk : findings.front().severity; }

Doctor::Doctor(const DoctorOptions& options) : state_(std::make_unique<State>(options)) {}
Doctor::~Doctor() = default;

void Doctor::Add(const LogRecord& record) {
  state_->Count(record);
  state_->Join(record.event);
  state_->Follow(record.event, record.arrival_ms);
}

DoctorReport Doctor::Finish() const {
  const State& s = *state_;
  DoctorReport report{.events = s.events, .first_arrival_ms = s.first_ms, .last_arrival_ms = s.last_ms};
  report.simulated = s.simulated > 0;
  report.share_of_requests = std::exp2(-s.requests.level());
  report.share_of_users = std::exp2(-s.users.level());
  report.share_of_items = std::exp2(-s.items.level());
  if (s.events == 0) {
    report.findings.push_back({.check = "log.empty",
                               .severity = Severity::kBad,
                               .text = "the log has no events",
                               .meaning = "There is nothing to look at.",
                               .action = "`gfr import`, `gfr simulate` or a server fills it."});
    return report;
  }
  for (std::int64_t d = s.first_ms / kDayMs; d <= s.last_ms / kDayMs && report.days.size() < 3660; ++d) {
    const auto day = s.days.find(d);
    report.days.push_back({FormatDate(d * kDayMs), std::vector<std::uint64_t>(kEventTypes)});
    if (day != s.days.end()) report.days.back().events.assign(day->second.begin(), day->second.end());
  }
  s.Joins(report.findings);
  s.Ids(report.findings);
  s.Clocks(report.findings);
  s.Robots(report.findings);
  s.Days(report.findings);
  report.findings.push_back(
      {.check = "event.refused",
       .text = "duplicates and rejected events never enter the log, so it cannot tell of them",
       .meaning = "They are counted where they were refused.",
       .action =
           "See gfr_events_duplicate_total and the rejections in the answers of /v1/events, and what `gfr import` "
           "printed."});
  std::ranges::stable_sort(report.findings, std::greater<>(), &Finding::severity);
  return report;
}

Result<DoctorReport> Diagnose(EventSource& log, const DoctorOptions& options) {
  Doctor doctor(options);
  GFR_ASSIGN(const auto reader, log.OpenAll());
  Progress progress("doctor", 0, "events");
  std::uint64_t done = 0;
  for (LogRecord record;;) {
    GFR_ASSIGN(const bool more, reader->More(&record));
    if (!more) return doctor.Finish();
    doctor.Add(record);
    progress.Update(++done);
  }
}

}  // namespace gfr
