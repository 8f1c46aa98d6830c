#include "event/event_rules.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/number_text.h"
#include "base/text_encoding.h"
#include "event/property_value.h"

namespace gfr {
namespace {

using Refused = std::optional<Refusal>;

// A text for a message: short, and without what a terminal would not show.
std::string Shown(std::string_view text) {
  std::string out;
  for (const char c : text.substr(0, 60)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte < 0x7f) {
      out += c;
      continue;
    }
    constexpr char kHex[] = "0123456789abcdef";
    out += {'\\', 'x', kHex[byte >> 4], kHex[byte & 15]};
  }
  return "'" + out + (text.size() > 60 ? "..." : "") + "'";
}

// `what` gives the text's name for a message: nothing is put together for a text that is taken.
template <typename What>
Refused CheckText(std::string_view text, const What& what, std::size_t most) {
  if (text.size() > most)
    return Refusal{"too_large", what() + " has " + std::to_string(text.size()) + " bytes; valid are at most " +
                                    std::to_string(most)};
  if (!IsUtf8(text))
    return Refusal{"bad_text",
                   what() + " " + Shown(text) +
                       " is not UTF-8; of a CSV file the map says its encoding, as encoding = \"iso-8859-1\""};
  return {};
}

// An id may be empty, where it is missing.
Refused CheckId(std::string_view id, const char* what) {
  if (id.empty()) return {};
  if (auto refused = CheckText(
          id, [&] { return std::string(what); }, kMaxIdBytes)) {
    if (refused->code != std::string_view("too_large")) refused->code = "bad_id";
    return refused;
  }
  if (std::ranges::all_of(id, [](char c) { return c == ' '; }))
    return Refusal{"bad_id", std::string(what) + " is blank"};
  if (std::ranges::any_of(id, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }))
    return Refusal{"bad_id", std::string(what) + " " + Shown(id) + " has control characters"};
  return {};
}

template <typename What>
Refused CheckMoney(double money, const What& what, bool may_be_negative) {
  if (std::isnan(money) || (std::fabs(money) <= kMaxMoney && (may_be_negative || money >= 0))) return {};
  return Refusal{"bad_number", what() + " is " + NumberText(money) + "; valid are " +
                                   (may_be_negative ? "amounts" : "amounts from 0") + " to " + NumberText(kMaxMoney)};
}

Refused ReadProperty(const EventRules& rules, const std::string& where, Property* p) {
  if (auto refused = CheckText(
          p->name, [&] { return where + " has a name that"; }, kMaxIdBytes))
    return refused;
  if (!p->vector.empty()) return {};
  if (auto refused = CheckText(
          p->text, [&] { return where + "." + p->name; }, kMaxTextBytes))
    return refused;
  const auto declared = rules.properties.find(p->name);
  if (declared != rules.properties.end() && declared->second == PropertyType::kCategory) {
    p->text = CategoryText(*p);
    p->number = std::numeric_limits<double>::quiet_NaN();
    return {};
  }
  if (declared != rules.properties.end() && declared->second == PropertyType::kNumber && !p->text.empty()) {
    const double number = NumberOf(*p);
    if (!std::isnan(number)) {
      p->number = number;
      p->text.clear();
    }
  }
  if (p->text.empty() && !std::isnan(p->number) && !(std::fabs(p->number) <= std::numeric_limits<float>::max()))
    return Refusal{"bad_number", where + "." + p->name + " is " + NumberText(p->number) +
                                     "; valid are numbers of 32 bits, up to 3.4e38"};
  return {};
}

// Money in the project's currency.
Refused Convert(const EventRules& rules, Event* e) {
  if (rules.currency.empty() || e->currency.empty() || e->currency == rules.currency) return {};
  const auto rate = rules.rates.find(e->currency);
  if (rate == rules.rates.end()) {
    std::string valid = rules.currency;
    for (const auto& [currency, r] : rules.rates) valid += ", " + currency;
    return Refusal{"bad_currency", "currency " + Shown(e->currency) + " has no rate; valid are " + valid +
                                       ", and others by [money] rates"};
  }
  e->value *= rate->second;
  for (EventItem& item : e->items) item.price *= rate->second;
  e->currency = rules.currency;
  return {};
}

Refused CheckItem(const EventRules& rules, EventType type, EventItem* item) {
  if (item->item_id.empty()) return Refusal{"bad_id", "item_id is missing"};
  if (auto refused = CheckId(item->item_id, "item_id")) return refused;
  if (auto refused = CheckText(
          item->channel, [] { return std::string("channel"); }, kMaxIdBytes))
    return refused;
  const auto price = [&] { return "price of item " + Shown(item->item_id); };
  if (auto refused = CheckMoney(item->price, price, false)) {
    if (type == EventType::kPurchase && item->price < 0) refused->message += "; what comes back is a purchase.return";
    return refused;
  }
  if (IsOrder(type) && item->quantity < 1)
    return Refusal{"bad_quantity",
                   "quantity of item " + Shown(item->item_id) + " is " + std::to_string(item->quantity) +
                       "; valid are whole numbers from 1" +
                       (type == EventType::kPurchase ? ", and what comes back is a purchase.return" : "")};
  auto refused = ApplyRules(rules, "properties", &item->properties);
  if (refused) refused->message += " (item " + Shown(item->item_id) + ")";
  return refused;
}

}  // namespace

std::optional<Refusal> ApplyRules(const EventRules& rules, const std::string& where,
                                  std::vector<Property>* properties) {
  for (Property& p : *properties) {
    if (auto refused = ReadProperty(rules, where, &p)) return refused;
  }
  return {};
}

Status ReadMoney(Config& project, EventRules* rules) {
  Config money = project.Table("money");
  rules->currency = money.String("currency", "");
  Config rates = money.Table("rates");
  for (const std::string& currency : rates.Keys()) rules->rates[currency] = rates.Number(currency, 1, 1e-12, 1e12);
  if (rules->currency.empty() && !rules->rates.empty())
    money.Fail("currency", "is missing: the one that [money.rates] gives rates in");
  GFR_TRY(rates.Finish());
  return money.Finish();
}

std::optional<Refusal> CheckCurrency(const EventRules& rules, const Event& e, std::string* of_log) {
  if (e.currency.empty()) return {};
  // Also where one is declared: gfr.toml may be read anew without it.
  if (of_log->empty()) *of_log = e.currency;
  if (!rules.currency.empty() || *of_log == e.currency) return {};
  return Refusal{"bad_currency", "currency " + Shown(e.currency) + " is not the '" + *of_log +
                                     "' of events before; [money] currency and rates in gfr.toml convert it"};
}

std::optional<Refusal> ApplyRules(const EventRules& rules, Event* e) {
  const std::array<std::pair<const std::string*, const char*>, 6> ids = {{{&e->id, "id"},
                                                                          {&e->source, "source"},
                                                                          {&e->user_id, "user_id"},
                                                                          {&e->session_id, "session_id"},
                                                                          {&e->request_id, "request_id"},
                                                                          {&e->transaction_id, "transaction_id"}}};
  for (const auto& [id, what] : ids) {
    if (auto refused = CheckId(*id, what)) return refused;
  }
  const std::array<std::pair<const std::string*, const char*>, 4> texts = {
      {{&e->surface, "surface"}, {&e->variant, "variant"}, {&e->kind, "kind"}, {&e->currency, "currency"}}};
  for (const auto& [text, what] : texts) {
    if (auto refused = CheckText(
            *text, [&] { return std::string(what); }, kMaxIdBytes))
      return refused;
  }
  if (e->type == EventType::kUserAlias) {
    if (auto refused = CheckId(e->kind, "anonymous_id")) return refused;
  }
  if (auto refused = CheckMoney(
          e->value, [] { return std::string("value"); }, e->type != EventType::kPurchase))
    return refused;
  if (auto refused = ApplyRules(rules, "context", &e->context)) return refused;
  for (EventItem& item : e->items) {
    if (auto refused = CheckItem(rules, e->type, &item)) return refused;
  }
  return Convert(rules, e);
}

}  // namespace gfr
