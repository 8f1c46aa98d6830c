#include "event/event_codec.h"

#include <bit>

#include "base/byte_reader.h"

namespace gfr {
namespace {

// Older ones are read too: 1 knew no vectors, 2 no probabilities at the place shown, 3 no swaps.
constexpr std::uint8_t kVersion = 4;

struct Writer {
  std::string* out;
  void Byte(std::uint8_t b) { out->push_back(static_cast<char>(b)); }
  void Varint(std::uint64_t v) {
    for (; v >= 128; v >>= 7) Byte(static_cast<std::uint8_t>(v | 128));
    Byte(static_cast<std::uint8_t>(v));
  }
  void Signed(std::int64_t v) { Varint(static_cast<std::uint64_t>(v) << 1 ^ static_cast<std::uint64_t>(v >> 63)); }
  void String(std::string_view s) {
    Varint(s.size());
    out->append(s);
  }
  void Double(double d) {
    const auto bits = std::bit_cast<std::uint64_t>(d);
    out->append(reinterpret_cast<const char*>(&bits), 8);
  }
  void Floats(const std::vector<float>& v) {
    Varint(v.size());
    out->append(reinterpret_cast<const char*>(v.data()), v.size() * 4);
  }
  void Properties(const std::vector<Property>& list) {
    Varint(list.size());
    for (const Property& p : list) {
      String(p.name);
      Byte(!p.text.empty() ? 1 : p.vector.empty() ? 0 : 2);
      if (!p.text.empty())
        String(p.text);
      else if (!p.vector.empty())
        Floats(p.vector);
      else
        Double(p.number);
    }
  }
};

std::vector<Property> Properties(ByteReader& r, std::uint8_t version) {
  std::vector<Property> list(r.Count(2));
  for (Property& p : list) {
    p.name = r.String();
    const auto kind = r.Number<std::uint8_t>();
    if (kind == 0)
      p.number = r.Number<double>();
    else if (kind == 2 && version >= 2)
      p.vector = r.Floats();
    else if (kind == 1 || version == 1)
      p.text = r.String();
    else
      r.bad = true;
  }
  return list;
}

}  // namespace

void EncodeEvent(const Event& e, std::string* out) {
  Writer w{out};
  w.Byte(kVersion);
  w.Byte(static_cast<std::uint8_t>(e.type));
  for (const std::string* s : {&e.id, &e.source, &e.user_id, &e.session_id, &e.request_id, &e.surface, &e.variant,
                               &e.kind, &e.currency, &e.transaction_id})
    w.String(*s);
  w.Signed(e.time_ms);
  w.Double(e.value);
  w.Varint(e.items.size());
  for (const EventItem& item : e.items) {
    w.String(item.item_id);
    w.Signed(item.index);
    w.String(item.channel);
    w.Double(item.price);
    w.Signed(item.quantity);
    w.Properties(item.properties);
  }
  w.Properties(e.context);
  const ServedSlate& s = e.served;
  w.Byte(s.columns > 0 ? 1 : 0);
  if (s.columns == 0) return;
  w.Signed(s.as_of);
  w.Signed(s.now_ms);
  w.Signed(s.epoch_end_ms);
  w.String(s.model);
  w.Varint(s.feature_fingerprint);
  w.Varint(s.columns);
  for (const auto* v : {&s.features, &s.pctr, &s.pcvr, &s.value, &s.propensity, &s.pctr_shown, &s.pcvr_shown})
    w.Floats(*v);
  w.Varint(s.swaps.size());
  for (const std::int32_t k : s.swaps) w.Varint(static_cast<std::uint64_t>(k));
}

EventType PeekEventType(std::string_view bytes) {
  const unsigned type = bytes.size() < 2 ? 0 : static_cast<std::uint8_t>(bytes[1]);
  return type == 0 || type >= kEventTypes ? EventType::kItemView : static_cast<EventType>(type);
}

Result<Event> DecodeEvent(std::string_view bytes) {
  ByteReader r{bytes};
  const auto version = r.Number<std::uint8_t>(), type = r.Number<std::uint8_t>();
  if (version == 0 || version > kVersion || type == 0 || type >= kEventTypes) {
    return Error{ErrorCode::kCorrupt, "an event of version " + std::to_string(version) + " and type " +
                                          std::to_string(type) + "; known are versions 1 to 4, types 1 to 19"};
  }
  Event e;
  e.type = static_cast<EventType>(type);
  for (std::string* s : {&e.id, &e.source, &e.user_id, &e.session_id, &e.request_id, &e.surface, &e.variant, &e.kind,
                         &e.currency, &e.transaction_id})
    *s = r.String();
  e.time_ms = r.Signed();
  e.value = r.Number<double>();
  e.items.resize(r.Count(13));
  for (EventItem& item : e.items) {
    item.item_id = r.String();
    item.index = static_cast<std::int32_t>(r.Signed());
    item.channel = r.String();
    item.price = r.Number<double>();
    item.quantity = static_cast<std::int32_t>(r.Signed());
    item.properties = Properties(r, version);
  }
  e.context = Properties(r, version);
  if (r.Number<std::uint8_t>() != 0) {
    ServedSlate& s = e.served;
    s.as_of = r.Signed();
    s.now_ms = r.Signed();
    s.epoch_end_ms = r.Signed();
    s.model = r.String();
    s.feature_fingerprint = r.Varint();
    s.columns = static_cast<std::uint32_t>(r.Varint());
    for (auto* v : {&s.features, &s.pctr, &s.pcvr, &s.value, &s.propensity}) *v = r.Floats();
    if (version >= 3) {
      s.pctr_shown = r.Floats();
      s.pcvr_shown = r.Floats();
    }
    if (version >= 4) {
      s.swaps.resize(r.Count(1));
      for (std::int32_t& k : s.swaps) {
        const std::uint64_t place = r.Varint();
        r.bad = r.bad || place > INT32_MAX;
        k = static_cast<std::int32_t>(place);
      }
    }
  }
  if (r.bad || !r.left.empty()) return Error{ErrorCode::kCorrupt, "an event's bytes end too early or too late"};
  return e;
}

}  // namespace gfr
