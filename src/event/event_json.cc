#include "event/event_json.h"

#include <simdjson.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "base/text_encoding.h"
#include "base/time.h"
#include "event/event_text.h"
#include "event/event_too_large.h"
#include "event/property_value.h"

namespace gfr {
namespace {

namespace dom = simdjson::dom;

// The members of an object that have these names, found in one pass. The first one of a name counts; a null is absent.
template <std::size_t N>
class Members {
 public:
  Members(dom::object object, const std::array<std::string_view, N>& names) {
    std::array<bool, N> seen{};
    for (const auto field : object) {
      for (std::size_t k = 0; k < N; ++k) {
        if (field.key != names[k]) continue;
        if (!std::exchange(seen[k], true) && !field.value.is_null()) values_[k] = field.value;
        break;
      }
    }
  }
  const std::optional<dom::element>& operator[](std::size_t k) const { return values_[k]; }

 private:
  std::array<std::optional<dom::element>, N> values_;
};

// Reads one event; the first thing that is wrong is kept, and the rest is read for nothing.
class Reader {
 public:
  explicit Reader(const EventRules& rules) : rules_(rules) {}

  bool Read(dom::element json, bool from_client, Event* e) {
    dom::object top;
    if (json.get(top) != simdjson::SUCCESS) return Fail("bad_type", "an event is a JSON object");
    static constexpr std::array<std::string_view, 5> kTop{"id", "source", "type", "time", "data"};
    const Members<5> members(top, kTop);
    std::string type, time;
    std::string* const texts[] = {&e->id, &e->source, &type, &time};
    for (std::size_t k = 0; k < 4; ++k) Text(members[k], kTop[k], texts[k], /*required=*/true);
    if (failed()) return false;
    const auto kind = ParseEventType(type);
    if (!kind.ok()) return Fail("unknown_type", kind.error().message);
    e->type = kind.value();
    if (from_client && IsServerOnly(e->type))
      return Fail("server_only", "'" + type +
                                     "' is logged by the server, which knows what it showed; clients send "
                                     "feed.impression and feed.click, and `gfr import` reads slates of another system");
    const auto at = ParseTime(time);
    if (!at.ok()) return Fail("bad_type", "time: " + at.error().message);
    e->time_ms = at.value();
    dom::object data;
    if (!members[4]) return Fail("missing_field", "data is missing");
    if (members[4]->get(data) != simdjson::SUCCESS) return Fail("bad_type", "data is not an object");
    ReadData(data, e);
    if (failed()) return false;
    if (!IsCatalogue(e->type) && e->user_id.empty() && e->session_id.empty())
      return Fail("missing_field", "data.user_id or data.session_id is missing");
    if (NeedsItems(e->type) && e->items.empty()) return Fail("missing_field", "data.items is missing or empty");
    if (e->type == EventType::kUserAlias && (e->user_id.empty() || e->kind.empty()))
      return Fail("missing_field", e->user_id.empty() ? "data.user_id is missing" : "data.anonymous_id is missing");
    if (auto refused = ApplyRules(rules_, e)) return Fail(refused->code, std::move(refused->message));
    return true;
  }
  std::string code, message;

 private:
  bool failed() const { return !code.empty(); }
  bool Fail(const char* c, std::string m) {
    if (code.empty()) {
      code = c;
      message = std::move(m);
    }
    return false;
  }
  // Of each: `value` is what the object has by the name `key`, if anything.
  using Value = std::optional<dom::element>;
  void Text(const Value& value, std::string_view key, std::string* out, bool required = false) {
    std::string_view text;
    if (value) {
      if (value->get(text) == simdjson::SUCCESS)
        *out = text;
      else
        Fail("bad_type", std::string(key) + " is " + Shown(*value) + "; valid is a string");
    }
    if (required && out->empty()) Fail("missing_field", std::string(key) + " is missing or empty");
  }
  void Number(const Value& value, std::string_view key, double* out) {
    if (value && value->get(*out) != simdjson::SUCCESS)
      Fail("bad_type", std::string(key) + " is " + Shown(*value) + "; valid is a number");
  }
  void Whole(const Value& value, std::string_view key, std::int32_t* out) {
    if (!value) return;
    double number = 0;
    if (value->get(number) != simdjson::SUCCESS || std::trunc(number) != number || number < -1 || number > 1e9)
      Fail(number < -1 && key == "quantity" ? "bad_quantity" : "bad_type",
           std::string(key) + " is " + Shown(*value) + "; valid is a whole number up to 1000000000" +
               (key == "quantity" ? ", and what comes back is a purchase.return" : ", from 0"));
    else
      *out = static_cast<std::int32_t>(number);
  }
  // The beginning of a value, for messages.
  static std::string Shown(dom::element value) {
    const std::string text = simdjson::minify(value);
    return text.size() <= 60 ? text : text.substr(0, 57) + "...";
  }
  void Properties(const Value& value, const char* key, bool vectors, std::vector<Property>* out) {
    dom::object table;
    if (!value) return;
    if (value->get(table) != simdjson::SUCCESS) {
      Fail("bad_type", std::string(key) + " is " + Shown(*value) + "; valid is an object");
      return;
    }
    out->reserve(table.size());
    for (const auto field : table) {
      if (field.value.is_null()) continue;
      if (auto p = PropertyOf(std::string(field.key), field.value, key, vectors)) out->push_back(std::move(*p));
    }
  }
  // Nothing: it is left out, or an error.
  std::optional<Property> PropertyOf(std::string name, dom::element value, const char* key, bool vectors) {
    switch (value.type()) {
      case dom::element_type::STRING:
        return Property{.name = std::move(name), .text = std::string(std::string_view(value))};
      case dom::element_type::BOOL:
        return Property{.name = std::move(name), .text = bool(value) ? "true" : "false"};
      case dom::element_type::INT64:
        return PropertyOfWhole(std::move(name), std::int64_t(value));
      case dom::element_type::UINT64:
        return PropertyOfWhole(std::move(name), std::uint64_t(value));
      case dom::element_type::DOUBLE:
        return Property{.name = std::move(name), .number = double(value)};
      default:
        break;
    }
    const auto declared = rules_.properties.find(name);
    const bool is_declared = declared != rules_.properties.end();
    const std::string where = std::string(key) + "." + name;
    dom::array list;
    const bool numbers = value.get(list) == simdjson::SUCCESS && list.size() > 0 &&
                         std::all_of(list.begin(), list.end(), [](dom::element x) { return x.is_number(); });
    if (vectors && (numbers || (is_declared && declared->second == PropertyType::kVector)) && value.is_array()) {
      Property p{.name = std::move(name)};
      Vector(list, where, &p.vector);
      return p;
    }
    if (is_declared)
      Fail("bad_type", where + " is " + Shown(value) + "; valid is " +
                           (declared->second == PropertyType::kVector ? "a list of numbers" : "a string or a number") +
                           ", as gfr.toml declares");
    return std::nullopt;
  }
  void Vector(dom::array list, const std::string& name, std::vector<float>* out) {
    for (const auto element : list) {
      double number = 0;
      if (element.get(number) != simdjson::SUCCESS || std::fabs(number) > std::numeric_limits<float>::max() ||
          out->size() == kMaxVectorSize) {
        Fail("bad_type", name + " is not a list of at most " + std::to_string(kMaxVectorSize) + " numbers of 32 bits");
        return;
      }
      out->push_back(static_cast<float>(number));
    }
  }
  void ReadData(dom::object data, Event* e) {
    static constexpr std::array<std::string_view, 12> kData{"user_id", "session_id", "request_id", "surface",
                                                            "variant", "kind",       "currency",   "transaction_id",
                                                            "value",   "context",    "items",      "anonymous_id"};
    const Members<12> members(data, kData);
    std::string* const texts[] = {&e->user_id, &e->session_id, &e->request_id, &e->surface,
                                  &e->variant, &e->kind,       &e->currency,   &e->transaction_id};
    for (std::size_t k = 0; k < 8; ++k) Text(members[k], kData[k], texts[k]);
    if (e->type == EventType::kUserAlias) Text(members[11], kData[11], &e->kind);
    Number(members[8], kData[8], &e->value);
    Properties(members[9], "context", false, &e->context);
    dom::array items;
    const Value& listed = members[10];
    if (!listed) return;
    if (listed->get(items) != simdjson::SUCCESS) {
      Fail("bad_type", "data.items is " + Shown(*listed) + "; valid is a list");
      return;
    }
    e->items.reserve(items.size());
    for (const auto element : items) {
      dom::object object;
      if (element.get(object) != simdjson::SUCCESS) {
        Fail("bad_type", "an entry of data.items is not an object");
        return;
      }
      static constexpr std::array<std::string_view, 6> kItem{"item_id", "index",    "channel",
                                                             "price",   "quantity", "properties"};
      const Members<6> of_item(object, kItem);
      EventItem& item = e->items.emplace_back();
      Text(of_item[0], kItem[0], &item.item_id, /*required=*/true);
      Whole(of_item[1], kItem[1], &item.index);
      Text(of_item[2], kItem[2], &item.channel);
      Number(of_item[3], kItem[3], &item.price);
      Whole(of_item[4], kItem[4], &item.quantity);
      Properties(of_item[5], "properties", true, &item.properties);
    }
  }

  const EventRules& rules_;
};

void ReadOne(dom::element json, std::size_t index, const JsonLimits& limits, ParsedEvents* out) {
  static const EventRules kNone;
  Reader reader(limits.rules ? *limits.rules : kNone);
  // Where it is to be: an event is large to move.
  if (reader.Read(json, limits.from_client, &out->events.emplace_back())) {
    out->indexes.push_back(index);
  } else {
    out->events.pop_back();
    out->Reject(index, reader.code, reader.message);
  }
}

std::string BadJson(simdjson::error_code code) {
  return std::string("not valid JSON: ") + simdjson::error_message(code);
}

// Reserves memory for `count` events, at most as many as a body of these bytes can hold.
void ReserveEvents(std::size_t count, std::size_t body_bytes, ParsedEvents* out) {
  constexpr std::size_t kLeastEvent = 64;
  out->events.reserve(std::min(count, body_bytes / kLeastEvent + 1));
}

void ReadLines(std::string_view body, const JsonLimits& limits, ParsedEvents* out) {
  dom::parser parser(limits.event_bytes);
  ReserveEvents(static_cast<std::size_t>(std::ranges::count(body, '\n')) + 1, body.size(), out);
  for (std::size_t index = 0; !body.empty();) {
    const std::size_t end = std::min(body.find('\n'), body.size());
    const std::string_view line = body.substr(0, end);
    body.remove_prefix(std::min(end + 1, body.size()));
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    if (line.size() > limits.event_bytes) {
      out->Reject(index++, "too_large", EventTooLarge(limits));
      continue;
    }
    dom::element json;
    if (const auto code = parser.parse(line.data(), line.size()).get(json))
      out->Reject(index, "bad_json", BadJson(code));
    else
      ReadOne(json, index, limits, out);
    ++index;
  }
}

// Of a body that is larger than an event may be, what its ends say: reading it would take several times its size.
std::optional<Rejection> RefuseUnread(std::string_view body, const JsonLimits& limits) {
  constexpr std::string_view kBlanks = " \t\r\n";
  if (body.size() <= limits.event_bytes) return std::nullopt;
  const std::size_t first = body.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return std::nullopt;
  if (body[first] != '[') return Rejection{.index = 0, .code = "too_large", .message = EventTooLarge(limits)};
  if (body[body.find_last_not_of(kBlanks)] == ']') return std::nullopt;
  return Rejection{.index = 0, .code = "bad_json", .message = "not valid JSON: the list has no end"};
}

enum class TextKind : std::uint8_t { kPlainAscii, kPlain, kEscaped };

// Whether a text needs escapes in JSON: eight bytes at a time (Anderson, Bit Twiddling Hacks, hasless and haszero).
TextKind KindOf(std::string_view text) {
  constexpr std::uint64_t kOnes = 0x0101010101010101u, kHigh = 0x8080808080808080u;
  const auto has_less = [](std::uint64_t x, std::uint64_t n) { return (x - kOnes * n) & ~x & kHigh; };
  std::uint64_t special = 0, high = 0;
  const auto look = [&](std::uint64_t x) {
    special |= has_less(x, 0x20) | has_less(x ^ kOnes * '"', 1) | has_less(x ^ kOnes * '\\', 1);
    high |= x & kHigh;
  };
  std::uint64_t eight = 0;
  for (; text.size() >= sizeof eight; text.remove_prefix(sizeof eight)) {
    std::memcpy(&eight, text.data(), sizeof eight);
    look(eight);
  }
  eight = kOnes * 'a';  // Bytes that are none.
  std::memcpy(&eight, text.data(), text.size());
  look(eight);
  return special != 0 ? TextKind::kEscaped : high != 0 ? TextKind::kPlain : TextKind::kPlainAscii;
}

// Appends JSON to a text, byte for byte as nlohmann's dump() has it. It is written for every event of an import.
class JsonText {
 public:
  explicit JsonText(std::string* out) : out_(*out) {}

  void Open(char bracket) {
    out_ += bracket;
    first_ = true;
  }
  void Close(char bracket) {
    out_ += bracket;
    first_ = false;
  }
  void Next() {
    if (!first_) out_ += ',';
    first_ = false;
  }
  void Key(std::string_view key) {
    Next();
    String(key);
    out_ += ':';
  }
  void Text(std::string_view key, std::string_view value) {
    if (value.empty()) return;
    Key(key);
    String(value);
  }
  void Number(double x) {
    char digits[64];
    out_.append(digits, nlohmann::detail::to_chars(digits, digits + sizeof digits, x));
  }
  void Number(std::int32_t x) { out_ += std::to_string(x); }
  void String(std::string_view text) {
    const TextKind kind = KindOf(text);
    if (kind == TextKind::kPlainAscii || (kind == TextKind::kPlain && IsUtf8(text))) {
      ((out_ += '"') += text) += '"';
      return;
    }
    out_ += nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  }
  // An object; of properties of one name the last one, in the first one's place.
  void Properties(const std::vector<Property>& list) {
    Open('{');
    const auto has_value = [](const Property& p) {
      return !p.text.empty() || !p.vector.empty() || std::isfinite(p.number);
    };
    for (std::size_t i = 0; i < list.size(); ++i) {
      const auto is_same = [&](const Property& p) { return p.name == list[i].name && has_value(p); };
      if (!has_value(list[i]) || std::any_of(list.begin(), list.begin() + static_cast<std::ptrdiff_t>(i), is_same))
        continue;
      const Property& last = *std::find_if(list.rbegin(), list.rend(), is_same);
      Key(last.name);
      if (!last.text.empty())
        String(last.text);
      else if (!last.vector.empty())
        Numbers(last.vector);
      else
        Number(last.number);
    }
    Close('}');
  }

 private:
  void Numbers(const std::vector<float>& list) {
    Open('[');
    for (const float x : list) {
      Next();
      if (std::isfinite(x))
        Number(static_cast<double>(x));
      else
        out_ += "null";
    }
    Close(']');
  }

  std::string& out_;
  bool first_ = true;
};

}  // namespace

void ParsedEvents::Reject(std::size_t index, std::string code, std::string message) {
  if (rejected_count++ >= kMostKept) return;
  if (message.size() > kMostMessageBytes) message.resize(kMostMessageBytes);
  rejected.push_back({index, std::move(code), std::move(message)});
}

ParsedEvents ParseEvents(std::string_view body, BodyFormat format, const JsonLimits& limits) {
  ParsedEvents out;
  if (body.size() > limits.body_bytes) {
    out.Reject(0, "too_large", "the body is larger than " + std::to_string(limits.body_bytes) + " bytes");
    return out;
  }
  if (format == BodyFormat::kNdjson) {
    ReadLines(body, limits, &out);
    return out;
  }
  if (auto refused = RefuseUnread(body, limits)) {
    out.Reject(0, std::move(refused->code), std::move(refused->message));
    return out;
  }
  dom::parser parser(limits.body_bytes);
  dom::element json;
  if (const auto code = parser.parse(body.data(), body.size()).get(json)) {
    out.Reject(0, "bad_json", BadJson(code));
    return out;
  }
  dom::array list;
  if (json.get(list) != simdjson::SUCCESS) {
    ReadOne(json, 0, limits, &out);
    return out;
  }
  std::size_t index = 0;
  ReserveEvents(list.size(), body.size(), &out);
  for (const auto element : list) {
    // Only a body over the limit can hold an event over it.
    if (body.size() > limits.event_bytes && simdjson::minify(element).size() > limits.event_bytes) {
      out.Reject(index, "too_large", EventTooLarge(limits));
    } else {
      ReadOne(element, index, limits, &out);
    }
    ++index;
  }
  return out;
}

std::string EventToJson(const Event& e) {
  std::string text;
  text.reserve(256);
  AppendEventJson(e, &text);
  return text;
}

void AppendEventJson(const Event& e, std::string* out) {
  JsonText json(out);
  json.Open('{');
  json.Text("specversion", "1.0");
  json.Key("id");
  json.String(e.id);
  json.Key("source");
  json.String(e.source);
  json.Text("type", EventTypeName(e.type));
  json.Text("time", FormatTime(e.time_ms));
  json.Key("data");
  json.Open('{');
  json.Text("user_id", e.user_id);
  json.Text("session_id", e.session_id);
  json.Text("request_id", e.request_id);
  json.Text("surface", e.surface);
  json.Text("variant", e.variant);
  json.Text(e.type == EventType::kUserAlias ? "anonymous_id" : "kind", e.kind);
  json.Text("currency", e.currency);
  json.Text("transaction_id", e.transaction_id);
  if (std::isfinite(e.value)) {
    json.Key("value");
    json.Number(e.value);
  }
  if (!e.context.empty()) {
    json.Key("context");
    json.Properties(e.context);
  }
  if (!e.items.empty()) {
    json.Key("items");
    json.Open('[');
  }
  for (const EventItem& item : e.items) {
    json.Next();
    json.Open('{');
    json.Key("item_id");
    json.String(item.item_id);
    if (item.index >= 0) {
      json.Key("index");
      json.Number(item.index);
    }
    json.Text("channel", item.channel);
    if (std::isfinite(item.price)) {
      json.Key("price");
      json.Number(item.price);
    }
    if (item.quantity != 1) {
      json.Key("quantity");
      json.Number(item.quantity);
    }
    if (!item.properties.empty()) {
      json.Key("properties");
      json.Properties(item.properties);
    }
    json.Close('}');
  }
  if (!e.items.empty()) json.Close(']');
  json.Close('}');
  json.Close('}');
}

}  // namespace gfr
