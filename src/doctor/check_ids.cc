#include <fmt/format.h>

#include "doctor/checks.h"
#include "doctor/share_finding.h"

namespace gfr {
namespace {

void Add(std::vector<Finding>& out, Finding finding, std::vector<std::string> examples) {
  finding.examples = std::move(examples);
  if (finding.examples.size() > kExamples) finding.examples.resize(kExamples);
  out.push_back(std::move(finding));
}

}  // namespace

void CheckMissingIds(const Observations& o, std::vector<Finding>& out) {
  std::uint64_t people_events = 0, without_user = 0, without_one = 0, item_events = 0, without_item = 0;
  Finding user, one, item;
  for (int t = 1; t < kEventTypes; ++t) {
    const auto type = static_cast<std::size_t>(t);
    if (o.by_type[type] == 0) continue;
    const std::string name(EventTypeName(static_cast<EventType>(t)));
    if (NeedsUser(static_cast<EventType>(t))) {
      people_events += o.by_type[type];
      without_user += o.no_user[type];
      without_one += o.no_one[type];
    }
    if (NeedsItem(static_cast<EventType>(t))) {
      item_events += o.by_type[type];
      without_item += o.no_item[type];
    }
    if (o.no_user[type] > 0) user.examples.push_back(fmt::format("{}: {}", name, o.no_user[type]));
    if (o.no_one[type] > 0) one.examples.push_back(fmt::format("{}: {}", name, o.no_one[type]));
    if (o.no_item[type] > 0) item.examples.push_back(fmt::format("{}: {}", name, o.no_item[type]));
  }
  Add(out,
      ShareFinding("event.no_user", without_user, people_events, 0.2, 0.9, false, "events have no user_id",
                   "What a session without a user did is forgotten with the session.",
                   "Give anonymous visitors a lasting id of their own and send user.alias when they log in."),
      user.examples);
  Add(out,
      ShareFinding(
          "event.nobody", without_one, people_events, 0, 0.01, false, "events have neither a user_id nor a session_id",
          "Nobody did them: they feed shared counts only and can label nothing.", "Send both ids with every event."),
      one.examples);
  Add(out,
      ShareFinding("event.no_item", without_item, item_events, 0, 0.01, false, "events about items lack an item_id",
                   "They count nothing.", "Send items with their item_id."),
      item.examples);
}

void CheckOrders(const Observations& o, std::vector<Finding>& out) {
  std::uint64_t reused = 0, all = o.orders.entries().size();
  std::vector<std::string> ids;
  for (const auto& [key, order] : o.orders.entries()) {
    reused += order.purchases > 1;
    if (order.purchases > 1 && ids.size() < kExamples) ids.push_back(order.id);
  }
  if (all > 0)
    Add(out,
        ShareFinding("purchase.transaction_reused", reused, all, 0, 0.01, o.orders.level() > 0,
                     "transaction ids have several purchase events",
                     "An order that is sent twice under different event ids counts twice, in features and labels.",
                     "Send one purchase event with all its lines, and repeat it under the same event id only."),
        ids);
  const std::uint64_t purchases = o.by_type[static_cast<std::size_t>(EventType::kPurchase)];
  if (purchases > 0)
    Add(out,
        ShareFinding("purchase.no_price", o.purchase_without_price, purchases, 0.01, 0.5, false,
                     "purchases have neither a value nor a price", "Spend is unknown: value metrics leave them out.",
                     "Send value and currency, or each line's price."),
        {});
}

void CheckCatalogue(const Observations& o, std::vector<Finding>& out) {
  std::uint64_t known = 0, unknown = 0, lines = 0, unknown_lines = 0;
  std::vector<std::string> ids;
  for (const auto& [key, entry] : o.items.entries()) {
    known += entry.in_catalogue;
    lines += entry.lines;
    if (entry.in_catalogue || entry.lines == 0) continue;
    ++unknown;
    unknown_lines += entry.lines;
    if (ids.size() < kExamples) ids.push_back(entry.id);
  }
  if (o.by_type[static_cast<std::size_t>(EventType::kItemUpdate)] == 0) {
    Add(out,
        {.check = "item.no_catalogue",
         .severity = Severity::kLook,
         .count = unknown,
         .of = unknown,
         .text = "the log has no item.update: there is no catalogue",
         .meaning = "Features of item properties are known only where events carry them (price in a slate).",
         .action = "Send item.update with each item's properties, or import the catalogue."},
        {});
  } else if (lines > 0) {
    Finding f = ShareFinding("item.unknown", unknown_lines, lines, 0.01, 0.1, o.items.level() > 0,
                             "items of clicks, views, carts and purchases never were in the catalogue",
                             "Their category, price and age are missing in every feature.",
                             "Send item.update before an item is offered; see that events use the catalogue's ids.");
    f.text += fmt::format("; {} different ids, {} are in the catalogue", unknown, known);
    Add(out, std::move(f), ids);
  }
}

}  // namespace gfr
