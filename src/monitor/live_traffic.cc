#include "monitor/live_traffic.h"

#include <algorithm>

namespace gfr {
namespace {

constexpr std::string_view kTrafficMagic = "GFRTRAFF";
constexpr std::uint32_t kTrafficFormat = 1;
constexpr std::size_t kMostSeries = 4096;

const std::string kOtherSource = "(other)";

Key RequestKey(const Event& event) {
  const std::string& who = event.user_id.empty() ? event.session_id : event.user_id;
  return PairKey(KeyOf(who), KeyOf(event.request_id));
}

std::int64_t HourOfTime(std::int64_t time_ms) { return time_ms / kHourMs * kHourMs; }

}  // namespace

template <typename Value>
void LiveTraffic::Sample<Value>::Bound() {
  while (by_key.size() > kMostKeys) {
    ++level;
    std::erase_if(by_key, [&](const auto& entry) { return !Follows(entry.first); });
  }
}

std::size_t LiveTraffic::Series(const std::string& name, bool volume) {
  const auto [at, is_new] = series_.emplace(name, names_.size());
  if (is_new) {
    names_.push_back(name);
    volume_.push_back(volume);
  }
  return at->second;
}

TrafficCount& LiveTraffic::At(std::int64_t time_ms, std::size_t series) {
  std::vector<TrafficCount>& counts = hours_[HourOfTime(time_ms)];
  if (counts.size() <= series) counts.resize(series + 1);
  return counts[series];
}

void LiveTraffic::Count(std::int64_t time_ms, const std::string& name, bool counts) {
  TrafficCount& at = At(time_ms, Series(name, false));
  at.count += counts;
  ++at.of;
}

const std::string& LiveTraffic::SourceOf(const std::string& source) {
  const auto at = sources_.find(source);
  if (at != sources_.end()) return at->first;
  if (sources_.size() >= kMostSources) return kOtherSource;
  return sources_.emplace(source, true).first->first;
}

void LiveTraffic::CountClock(const LogRecord& record, const std::string& source) {
  const std::int64_t delay_ms = record.arrival_ms - record.event.time_ms;
  Count(record.arrival_ms, "clock late from " + source, delay_ms > kHourMs);
  Count(record.arrival_ms, "clock ahead from " + source, delay_ms < -kSecondMs);
}

// A property is followed from its first event on; its share is of all events of the type since then.
void LiveTraffic::CountFields(const LogRecord& record) {
  const std::string type(EventTypeName(record.event.type));
  std::vector<std::string> have;
  for (const Property& property : record.event.context) {
    std::string name = "field context." + property.name + " of " + type;
    if (!fields_.contains(name)) {
      if (fields_.size() >= kMostFields) continue;
      fields_.emplace(name, true);
    }
    have.push_back(std::move(name));
  }
  const std::string suffix = " of " + type;
  for (const auto& [name, known] : fields_) {
    if (name.ends_with(suffix)) Count(record.arrival_ms, name, std::ranges::count(have, name) > 0);
  }
}

void LiveTraffic::Join(const LogRecord& record) {
  const Event& e = record.event;
  const std::int64_t now_ms = record.arrival_ms;
  if (e.type == EventType::kFeedRequest || e.type == EventType::kFeedImpression || e.type == EventType::kFeedClick) {
    const Key key = RequestKey(e);
    if (e.type == EventType::kFeedRequest) {
      if (!requests_.Follows(key)) return;
      requests_.by_key.emplace(key, Request{now_ms, false});
      requests_.Bound();
    } else if (!e.request_id.empty() && requests_.Follows(key)) {
      const auto request = requests_.by_key.find(key);
      const bool known = request != requests_.by_key.end();
      const bool click = e.type == EventType::kFeedClick;
      Count(now_ms, click ? "click known" : "impression known", known);
      if (known && click) Count(now_ms, "click shown", request->second.shown);
      if (known && !click) request->second.shown = true;
    }
  }
  const bool took = e.type == EventType::kFeedClick || e.type == EventType::kItemView;
  if (!took && e.type != EventType::kPurchase) return;
  for (const EventItem& item : e.items) {
    const Key key = PairKey(KeyOf(e.user_id.empty() ? e.session_id : e.user_id), KeyOf(item.item_id));
    if (!clicked_.Follows(key)) continue;
    if (took) {
      clicked_.by_key[key] = now_ms;
    } else {
      const auto click = clicked_.by_key.find(key);
      Count(now_ms, "purchase clicked", click != clicked_.by_key.end() && now_ms - click->second <= kClickMs);
    }
  }
  clicked_.Bound();
}

void LiveTraffic::Fold(const LogRecord& record) {
  if (record.offset < next_) return;
  next_ = record.offset + 1;
  const Event& e = record.event;
  const std::string& source = SourceOf(e.source);
  ++At(record.arrival_ms, Series(std::string(EventTypeName(e.type)) + " from " + source, true)).count;
  if (IsServerOnly(e.type)) {
    if (e.type == EventType::kFeedRequest) CountFields(record);
  } else if (!IsCatalogue(e.type)) {
    CountClock(record, source);
  }
  Join(record);
}

void LiveTraffic::AddRefused(std::int64_t now_ms, std::uint64_t refused, std::uint64_t twice, std::uint64_t sent) {
  if (sent == 0) return;
  const auto add = [&](const char* name, std::uint64_t count) {
    TrafficCount& at = At(now_ms, Series(name, false));
    at.count += count;
    at.of += sent;
  };
  add("refused", refused);
  add("twice", twice);
}

void LiveTraffic::Advance(std::int64_t now_ms) {
  // Clicks come later than impressions: a request is known for twice as long as its impressions are waited for.
  std::erase_if(requests_.by_key, [&](const auto& entry) {
    if (entry.second.arrival_ms + 2 * kJoinMs > now_ms) return false;
    Count(entry.second.arrival_ms, "request shown", entry.second.shown);
    return true;
  });
  std::erase_if(clicked_.by_key, [&](const auto& entry) { return entry.second + kClickMs < now_ms; });
  hours_.erase(hours_.begin(), hours_.lower_bound(now_ms - kKeptMs));
}

std::string LiveTraffic::Encode() const {
  std::string bytes(kTrafficMagic);
  ByteWriter out{&bytes};
  out.Number(kTrafficFormat);
  out.Varint(next_);
  out.Varint(names_.size());
  for (std::size_t s = 0; s < names_.size(); ++s) {
    out.String(names_[s]);
    out.Byte(volume_[s]);
  }
  for (const auto* known : {&sources_, &fields_}) {
    out.Varint(known->size());
    for (const auto& [name, is_known] : *known) out.String(name);
  }
  out.Varint(hours_.size());
  for (const auto& [hour, counts] : hours_) {
    out.Signed(hour);
    out.Varint(counts.size());
    for (const TrafficCount& c : counts) {
      out.Varint(c.count);
      out.Varint(c.of);
    }
  }
  out.Varint(static_cast<std::uint64_t>(requests_.level));
  out.Varint(requests_.by_key.size());
  for (const auto& [key, request] : requests_.by_key) {
    out.Number(key);
    out.Signed(request.arrival_ms);
    out.Byte(request.shown);
  }
  out.Varint(static_cast<std::uint64_t>(clicked_.level));
  out.Varint(clicked_.by_key.size());
  for (const auto& [key, arrival_ms] : clicked_.by_key) {
    out.Number(key);
    out.Signed(arrival_ms);
  }
  return bytes;
}

Status LiveTraffic::Restore(std::string_view bytes) {
  const Error damaged{ErrorCode::kCorrupt, "the live counts of events are damaged; they begin anew"};
  ByteReader in{bytes};
  if (in.Take(kTrafficMagic.size()) != kTrafficMagic) return damaged;
  if (in.Number<std::uint32_t>() > kTrafficFormat)
    return Error{ErrorCode::kNeedsNewer, "the live counts of events were written by a newer gfr; they begin anew"};
  LiveTraffic read;
  read.next_ = in.Varint();
  for (std::size_t n = in.Count(2); n > 0; --n) {
    const std::string name(in.String());
    const bool volume = in.Number<std::uint8_t>() != 0;
    if (in.bad || read.names_.size() >= kMostSeries || read.Series(name, volume) + 1 != read.names_.size())
      return damaged;
  }
  for (auto* known : {&read.sources_, &read.fields_}) {
    for (std::size_t n = in.Count(1); n > 0; --n) known->emplace(in.String(), true);
  }
  for (std::size_t n = in.Count(2); n > 0; --n) {
    std::vector<TrafficCount>& counts = read.hours_[in.Signed()];
    counts.resize(in.Count(2));
    if (counts.size() > read.names_.size()) return damaged;
    for (TrafficCount& c : counts) c = {in.Varint(), in.Varint()};
  }
  const auto level = [&] { return static_cast<int>(std::min<std::uint64_t>(in.Varint(), 63)); };
  read.requests_.level = level();
  for (std::size_t n = in.Count(10); n > 0; --n) {
    const auto key = in.Number<Key>();
    const std::int64_t arrival_ms = in.Signed();
    read.requests_.by_key[key] = {arrival_ms, in.Number<std::uint8_t>() != 0};
  }
  read.clicked_.level = level();
  for (std::size_t n = in.Count(9); n > 0; --n) {
    const auto key = in.Number<Key>();
    read.clicked_.by_key[key] = in.Signed();
  }
  if (in.bad || !in.left.empty()) return damaged;
  *this = std::move(read);
  return {};
}

}  // namespace gfr
