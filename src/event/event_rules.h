// EventRules: what every event must keep, whatever it came by, and what a project's gfr.toml says of events.
//
// The importers and POST /v1/events apply the same rules before an event is taken. Thread safety: a plain value; the
// function is pure.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "base/config.h"
#include "event/event.h"

namespace gfr {

enum class PropertyType : std::uint8_t { kCategory, kNumber, kVector };

// Events whose items are a slate, and those whose items are the lines of an order.
constexpr bool IsSlate(EventType type) { return type == EventType::kFeedRequest || type == EventType::kFeedImpression; }
constexpr bool IsOrder(EventType type) {
  return type == EventType::kPurchase || type == EventType::kPurchaseCancel || type == EventType::kPurchaseReturn;
}

// The longest id, surface, kind, currency or name; the longest text of a property.
inline constexpr std::size_t kMaxIdBytes = 1024, kMaxTextBytes = 8192;
// The largest price or value: sums of them are kept in cents, as 64-bit integers.
inline constexpr double kMaxMoney = 1e12;

struct EventRules {
  // As gfr.toml declares names ([item], [user], [request], [request_item]); others are taken as they came.
  std::map<std::string, PropertyType, std::less<>> properties;
  // What prices and values are in. Empty: nothing is declared, and no event is converted or refused for it.
  std::string currency;
  std::map<std::string, double, std::less<>> rates;  // Of one unit of another currency in `currency`.
};

struct Refusal {
  const char* code;  // too_large, bad_id, bad_text, bad_number, bad_quantity, bad_currency.
  std::string message;
};

// [money] of gfr.toml: currency, and [money.rates], one unit of another currency in it.
Status ReadMoney(Config& project, EventRules* rules);

// Writes what is declared a category as text and what is declared a number as a number, and money in the project's
// currency. A refusal: the event breaks a rule, and is to be rejected; the message names the field, the value and what
// is valid.
std::optional<Refusal> ApplyRules(const EventRules& rules, Event* event);
// Where gfr.toml declares no currency: an event in another one than the log's is refused, as sums would mix them.
// `of_log`: the log's; the first event that names one decides.
std::optional<Refusal> CheckCurrency(const EventRules& rules, const Event& event, std::string* of_log);
// ApplyRules of properties alone; `where` is what they are called in a message.
std::optional<Refusal> ApplyRules(const EventRules& rules, const std::string& where, std::vector<Property>* properties);

}  // namespace gfr
