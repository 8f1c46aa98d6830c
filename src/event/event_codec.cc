#include "event/event_codec.h"

#include <algorithm>
#include <cmath>

#include "base/byte_reader.h"
#include "base/byte_writer.h"
#include "event/slate_codec.h"

namespace gfr {
namespace {

// Older ones are read too: 1 knew no vectors, 2 no probabilities at the place shown, 3 no swaps; up to 4 items were
// written one after another, and a slate's fields in a fixed order.
constexpr std::uint8_t kFormat = 5;

// What shared bytes (a beginning of ids, a run of sources) may stand for when they are written out: a few bytes must
// not fill the memory of who reads them.
constexpr std::size_t kMaxRepeatedBytes = std::size_t{64} << 20;

// How the items' positions are written.
enum IndexForm : std::uint8_t {
  kNoIndex = 0,     // -1 each.
  kInOrder = 1,     // 0, 1, 2, ...
  kAnyIndex = 2,    // Each.
  kOfPositions = 3  // For the positions 0, 1, ...: which item. The others are not shown.
};

void WriteProperties(const std::vector<Property>& list, ByteWriter& w) {
  w.Varint(list.size());
  for (const Property& p : list) {
    w.String(p.name);
    w.Byte(!p.text.empty() ? 1 : p.vector.empty() ? 0 : 2);
    if (!p.text.empty())
      w.String(p.text);
    else if (!p.vector.empty())
      w.Floats(p.vector);
    else
      w.Number(p.number);
  }
}

std::vector<Property> ReadProperties(ByteReader& r, std::uint8_t format) {
  std::vector<Property> list(r.Count(2));
  for (Property& p : list) {
    p.name = r.String();
    const auto kind = r.Number<std::uint8_t>();
    if (kind == 0)
      p.number = r.Number<double>();
    else if (kind == 2 && format >= 2)
      p.vector = r.Floats();
    else if (kind == 1 || format == 1)
      p.text = r.String();
    else
      r.bad = true;
  }
  return list;
}

// Ids in the order given share a beginning more often than an order that would compress.
void WriteIds(const std::vector<EventItem>& items, ByteWriter& w) {
  std::string_view shared = items.size() > 1 ? std::string_view(items[0].item_id) : std::string_view();
  for (const EventItem& item : items) {
    const auto differ = std::ranges::mismatch(shared, item.item_id);
    shared = shared.substr(0, static_cast<std::size_t>(differ.in1 - shared.begin()));
  }
  if (shared.size() > kMaxRepeatedBytes / items.size()) shared = {};
  w.String(shared);
  for (const EventItem& item : items) w.Varint(item.item_id.size() - shared.size());
  for (const EventItem& item : items) w.out->append(item.item_id, shared.size());
}

void ReadIds(ByteReader& r, std::vector<EventItem>* items) {
  const std::string_view shared = r.String();
  std::vector<std::uint64_t> sizes(items->size());
  std::uint64_t total = 0;
  for (std::uint64_t& size : sizes) {
    size = r.Varint();
    r.bad = r.bad || size > r.left.size() || (total += size) > r.left.size();
    if (r.bad) return;
  }
  r.bad = r.bad || shared.size() > kMaxRepeatedBytes / items->size();
  for (std::size_t i = 0; i < sizes.size() && !r.bad; ++i) {
    EventItem& item = (*items)[i];
    item.item_id = shared;
    item.item_id += r.Take(sizes[i]);
  }
}

void WriteIndexes(const std::vector<EventItem>& items, ByteWriter& w) {
  std::vector<std::int64_t> at(items.size(), -1);  // Of each position, the item.
  std::size_t shown = 0;
  bool distinct = true;
  for (std::size_t i = 0; i < items.size(); ++i) {
    const std::int32_t index = items[i].index;
    if (index == -1) continue;
    ++shown;
    distinct = distinct && index >= 0 && static_cast<std::size_t>(index) < items.size() &&
               at[static_cast<std::size_t>(index)] < 0;
    if (distinct) at[static_cast<std::size_t>(index)] = static_cast<std::int64_t>(i);
  }
  if (shown == 0) return w.Byte(kNoIndex);
  const auto filled = static_cast<std::size_t>(std::ranges::find(at, -1) - at.begin());
  if (distinct && filled == items.size() && std::ranges::is_sorted(at)) return w.Byte(kInOrder);
  if (!distinct || filled != shown) {
    w.Byte(kAnyIndex);
    for (const EventItem& item : items) w.Signed(item.index);
    return;
  }
  w.Byte(kOfPositions);
  w.Varint(shown);
  for (std::size_t p = 0; p < shown; ++p) w.Varint(static_cast<std::uint64_t>(at[p]));
}

void ReadIndexes(ByteReader& r, std::vector<EventItem>* items) {
  const auto form = r.Number<std::uint8_t>();
  if (form == kNoIndex) return;
  if (form == kInOrder) {
    for (std::size_t i = 0; i < items->size(); ++i) (*items)[i].index = static_cast<std::int32_t>(i);
  } else if (form == kAnyIndex) {
    for (EventItem& item : *items) item.index = static_cast<std::int32_t>(r.Signed());
  } else if (form == kOfPositions) {
    const std::size_t shown = r.Count(1);
    for (std::size_t p = 0; p < shown && !r.bad; ++p) {
      const std::uint64_t i = r.Varint();
      r.bad = r.bad || i >= items->size() || (*items)[i].index != -1;
      if (!r.bad) (*items)[i].index = static_cast<std::int32_t>(p);
    }
  } else {
    r.bad = true;
  }
}

void WriteItems(const std::vector<EventItem>& items, ByteWriter& w) {
  w.Varint(items.size());
  if (items.empty()) return;
  WriteIds(items, w);
  WriteIndexes(items, w);
  // The sources, as runs.
  for (std::size_t i = 0; i < items.size();) {
    std::size_t end = i + 1;
    const bool repeats = items[i].channel.size() <= kMaxRepeatedBytes / items.size();
    while (repeats && end < items.size() && items[end].channel == items[i].channel) ++end;
    w.String(items[i].channel);
    w.Varint(end - i);
    i = end;
  }
  const bool prices = std::ranges::any_of(items, [](const EventItem& i) { return !std::isnan(i.price); });
  const bool quantities = std::ranges::any_of(items, [](const EventItem& i) { return i.quantity != 1; });
  const bool properties = std::ranges::any_of(items, [](const EventItem& i) { return !i.properties.empty(); });
  w.Byte(static_cast<std::uint8_t>((prices ? 1 : 0) | (quantities ? 2 : 0) | (properties ? 4 : 0)));
  for (const EventItem& item : items) {
    if (prices) w.Number(item.price);
  }
  for (const EventItem& item : items) {
    if (quantities) w.Signed(item.quantity);
  }
  for (const EventItem& item : items) {
    if (properties) WriteProperties(item.properties, w);
  }
}

// Into what was there before: the memory of a record's many items, and of their texts, is used again.
void ReadItems(ByteReader& r, std::size_t max_items, std::vector<EventItem>* into) {
  const std::size_t count = r.Count(1);
  r.bad = r.bad || count > max_items;
  std::vector<EventItem>& items = *into;
  items.resize(r.bad ? 0 : count);
  if (items.empty()) return;
  for (EventItem& item : items) {
    item.index = -1;
    item.price = EventItem().price;
    item.quantity = 1;
    item.properties.clear();
  }
  ReadIds(r, &items);
  ReadIndexes(r, &items);
  for (std::size_t i = 0; i < items.size() && !r.bad;) {
    const std::string_view channel = r.String();
    const std::uint64_t run = r.Varint();
    r.bad =
        r.bad || run == 0 || run > items.size() - i || (run > 1 && channel.size() > kMaxRepeatedBytes / items.size());
    for (std::uint64_t k = 0; k < run && !r.bad; ++k) items[i++].channel = channel;
  }
  const auto has = r.Number<std::uint8_t>();
  if (has > 7) r.bad = true;
  for (EventItem& item : items) {
    if (has & 1) item.price = r.Number<double>();
  }
  for (EventItem& item : items) {
    if (has & 2) item.quantity = static_cast<std::int32_t>(r.Signed());
  }
  for (EventItem& item : items) {
    if (has & 4) item.properties = ReadProperties(r, kFormat);
    if (r.bad) break;
  }
}

// The items of formats 1 to 4.
std::vector<EventItem> ReadOldItems(ByteReader& r, std::uint8_t format, std::size_t max_items) {
  const std::size_t count = r.Count(13);
  r.bad = r.bad || count > max_items;
  std::vector<EventItem> items(r.bad ? 0 : count);
  for (EventItem& item : items) {
    item.item_id = r.String();
    item.index = static_cast<std::int32_t>(r.Signed());
    item.channel = r.String();
    item.price = r.Number<double>();
    item.quantity = static_cast<std::int32_t>(r.Signed());
    item.properties = ReadProperties(r, format);
  }
  return items;
}

// The served part of formats 1 to 4: one model with the objectives pctr and pcvr, all candidates' features. A list that
// does not fit the items is left out: it was posted by somebody, and the record stays in the log.
ServedSlate ReadOldSlate(ByteReader& r, std::uint8_t format, const Event& e) {
  ServedSlate s;
  const std::size_t n = e.items.size();
  s.positions = {{0, r.Signed()}};
  s.now_ms = r.Signed();
  s.epoch_end_ms = r.Signed();
  if (const std::string_view model = r.String(); !model.empty())
    s.models = {{.name = std::string(model), .role = ModelRole::kChampion}};
  s.feature_fingerprint = r.Varint();
  const std::uint64_t columns = r.Varint();
  const std::vector<float> features = r.Floats();
  std::vector<float> pctr = r.Floats(), pcvr = r.Floats(), pctr_shown, pcvr_shown;
  s.value = r.Floats();
  s.propensity = r.Floats();
  if (format >= 3) {
    pctr_shown = r.Floats();
    pcvr_shown = r.Floats();
  }
  if (format >= 4) {
    s.swaps.resize(r.Count(1));
    for (std::int32_t& k : s.swaps) {
      const std::uint64_t place = r.Varint();
      r.bad = r.bad || place > INT32_MAX;
      k = static_cast<std::int32_t>(place);
    }
  }
  if (r.bad) return s;
  for (std::vector<float>* list : {&pctr, &pcvr, &s.value, &pctr_shown, &pcvr_shown}) {
    if (list->size() != n) list->clear();
  }
  if (s.propensity.size() != n) s.propensity.assign(n, 1.0f);
  // Not n * columns, which may wrap, and of no items is 0 for any number of columns.
  if (columns > 0 && n > 0 && features.size() % n == 0 && features.size() / n == columns)
    SetColumns(std::vector<std::uint64_t>(columns, 0), features, n, AllItems(n), &s);
  s.scored = AllItems(n);
  if (!s.models.empty() && !pctr.empty()) s.scores.push_back({0, "pctr", std::move(pctr), std::move(pctr_shown)});
  if (!s.models.empty() && !pcvr.empty()) s.scores.push_back({0, "pcvr", std::move(pcvr), std::move(pcvr_shown)});
  if (!e.variant.empty()) s.experiments = {{.experiment = "", .variant = e.variant}};
  return s;
}

}  // namespace

void EncodeEvent(const Event& e, std::string* out) {
  ByteWriter w{out};
  w.Byte(kFormat);
  w.Byte(static_cast<std::uint8_t>(e.type));
  for (const std::string* s : {&e.id, &e.source, &e.user_id, &e.session_id, &e.request_id, &e.surface, &e.variant,
                               &e.kind, &e.currency, &e.transaction_id})
    w.String(*s);
  w.Signed(e.time_ms);
  w.Number(e.value);
  WriteItems(e.items, w);
  WriteProperties(e.context, w);
  w.Byte(e.served.exists() ? 1 : 0);
  if (e.served.exists()) EncodeSlate(e.served, e.items, out);
}

EventType PeekEventType(std::string_view bytes) {
  const unsigned type = bytes.size() < 2 ? 0 : static_cast<std::uint8_t>(bytes[1]);
  return type == 0 || type >= kEventTypes ? EventType::kItemView : static_cast<EventType>(type);
}

Result<Event> DecodeEvent(std::string_view bytes, std::size_t max_items) {
  Event event;
  GFR_TRY(DecodeEventInto(bytes, &event, max_items));
  return event;
}

Status DecodeEventInto(std::string_view bytes, Event* event, std::size_t max_items) {
  ByteReader r{bytes};
  const auto format = r.Number<std::uint8_t>(), type = r.Number<std::uint8_t>();
  if (format > kFormat || (format == kFormat && type >= kEventTypes)) {
    return Error{ErrorCode::kNeedsNewer, "an event of format " + std::to_string(format) + " and type " +
                                             std::to_string(type) + " needs a newer gfr; known are formats 1 to " +
                                             std::to_string(kFormat) + " and types 1 to " +
                                             std::to_string(kEventTypes - 1)};
  }
  if (format == 0 || type == 0 || type >= kEventTypes) {
    return Error{ErrorCode::kCorrupt, "bytes of format " + std::to_string(format) + " and type " +
                                          std::to_string(type) + " are not an event; formats and types begin at 1"};
  }
  Event& e = *event;
  e.type = static_cast<EventType>(type);
  for (std::string* s : {&e.id, &e.source, &e.user_id, &e.session_id, &e.request_id, &e.surface, &e.variant, &e.kind,
                         &e.currency, &e.transaction_id})
    *s = r.String();
  e.time_ms = r.Signed();
  e.value = r.Number<double>();
  if (format == kFormat)
    ReadItems(r, max_items, &e.items);
  else
    e.items = ReadOldItems(r, format, max_items);
  e.context = ReadProperties(r, format);
  const bool served = r.Number<std::uint8_t>() != 0;
  if (e.served.exists()) e.served = {};  // Of the event before. What does not exist is as new.
  if (served && !r.bad && format == kFormat) {
    GFR_ASSIGN(e.served, DecodeSlate(r.Take(r.left.size()), e.items));
  } else if (served) {
    e.served = ReadOldSlate(r, format, e);
  }
  if (served && !e.served.exists()) e.served = {};  // Names no position: nothing was served.
  if (r.bad || !r.left.empty()) return Error{ErrorCode::kCorrupt, "an event's bytes end too early or too late"};
  return {};
}

}  // namespace gfr
