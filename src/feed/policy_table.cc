#include "feed/policy_table.h"

#include <algorithm>
#include <set>
#include <string>
#include <utility>

#include "base/time.h"

namespace gfr {
namespace {

using Names = std::vector<ConditionName>;

ItemCondition ReadCondition(Config& table, const char* key, const Names& names) {
  auto condition = ItemCondition::Parse(table.String(key, ""), names);
  if (condition.ok()) return std::move(condition).value();
  table.Fail(key, condition.error().message);
  return {};
}

// Names of one kind of table, each once.
class TableNames {
 public:
  std::string Read(Config& table) {
    std::string name = table.String("name", "");
    if (name.empty()) table.Fail("name", "is missing; valid is what metrics, records and explanations call it");
    if (!taken_.insert(name).second) table.Fail("name", "is '" + name + "', as of a table of this kind before");
    return name;
  }

 private:
  std::set<std::string> taken_;
};

Status ReadRules(Config& feed, const Names& names, FeedPolicy* policy) {
  TableNames taken;
  for (Config& table : feed.Tables("rule")) {
    FeedRule rule{.name = taken.Read(table), .leave_out = ReadCondition(table, "leave_out", names)};
    if (rule.name == kOffSaleRule)
      table.Fail("name", "is '" + rule.name + "', which the items that are off sale are counted under");
    if (rule.name == kHiddenRule || rule.name == kExcludedRule)
      table.Fail("name", "is '" + rule.name +
                             "', which candidates that the user hid or a request excludes are counted "
                             "under");
    GFR_TRY(table.Finish());
    policy->rules.push_back(std::move(rule));
  }
  return {};
}

// The index of the category property of items that `key` names.
std::uint32_t FindCategory(Config& table, const char* key, const std::string& name, const Names& names) {
  std::string valid;
  for (const ConditionName& n : names) {
    if (n.source != ConditionName::Source::kItem || n.type != Expression::Type::kCategory) continue;
    if (n.name == name) return n.index;
    valid += (valid.empty() ? "" : ", ") + n.name;
  }
  table.Fail(key, "is '" + name + "'; valid are the categories of [item]: " + valid);
  return 0;
}

// A number of positions; SIZE_MAX where the key is missing.
std::size_t ReadPositions(Config& table, const char* key) {
  return table.Has(key) ? static_cast<std::size_t>(table.Integer(key, 1, 1, 1000)) : SIZE_MAX;
}

Status ReadCaps(Config& feed, const Names& names, FeedPolicy* policy) {
  TableNames taken;
  for (Config& table : feed.Tables("cap")) {
    FeedCap cap{.name = taken.Read(table), .of = table.String("of", "")};
    cap.property = FindCategory(table, "of", cap.of, names);
    cap.at_most = static_cast<std::uint32_t>(table.Integer("at_most", 1, 1, 1000));
    cap.window = ReadPositions(table, "window");
    if (cap.window <= cap.at_most) table.Fail("window", "is not above at_most, so that it caps nothing");
    GFR_TRY(table.Finish());
    policy->caps.push_back(std::move(cap));
  }
  return {};
}

Status ReadFloors(Config& feed, const Names& names, FeedPolicy* policy) {
  TableNames taken;
  for (Config& table : feed.Tables("floor")) {
    FeedFloor floor{.name = taken.Read(table), .where = ReadCondition(table, "where", names)};
    floor.at_least = static_cast<std::uint32_t>(table.Integer("at_least", 1, 1, 1000));
    floor.first = ReadPositions(table, "first");
    if (floor.first < floor.at_least) table.Fail("first", "has fewer positions than at_least wants");
    GFR_TRY(table.Finish());
    policy->floors.push_back(std::move(floor));
  }
  return {};
}

Status ReadPins(Config& feed, const Names& names, FeedPolicy* policy) {
  TableNames taken;
  for (Config& table : feed.Tables("pin")) {
    FeedPin pin{.name = taken.Read(table), .item = table.String("item", ""), .where = {}};
    if (table.Has("where")) pin.where = ReadCondition(table, "where", names);
    if (pin.item.empty() == !table.Has("where")) table.Fail("item", "and where: one of them is wanted, and not both");
    pin.position = static_cast<std::size_t>(table.Integer("position", 0, 0, 999));
    if (std::ranges::find(policy->pins, pin.position, &FeedPin::position) != policy->pins.end())
      table.Fail("position", "is that of a [[feed.pin]] before");
    GFR_TRY(table.Finish());
    policy->pins.push_back(std::move(pin));
  }
  return {};
}

Status ReadBoosts(Config& feed, const Names& names, FeedPolicy* policy) {
  TableNames taken;
  for (Config& table : feed.Tables("boost")) {
    FeedBoost boost{.name = taken.Read(table), .where = ReadCondition(table, "where", names)};
    boost.times = table.Number("times", 1, 0, 1e6);
    boost.plus = table.Number("plus", 0, -1e9, 1e9);
    if (!table.Has("times") && !table.Has("plus")) table.Fail("times", "and plus are missing; one of them is wanted");
    GFR_TRY(table.Finish());
    policy->boosts.push_back(std::move(boost));
  }
  return {};
}

Status ReadContracts(Config& feed, const Names& names, FeedPolicy* policy) {
  using Kind = FeedContract::Kind;
  TableNames taken;
  for (Config& table : feed.Tables("contract")) {
    FeedContract contract{.name = taken.Read(table), .where = {}};
    const bool each = table.Has("each_item"), explored = table.Boolean("explored", false);
    contract.kind = each ? Kind::kEachItem : explored ? Kind::kExplored : Kind::kShare;
    if (each == table.Has("at_most")) table.Fail("each_item", "and at_most: one of them is wanted, and not both");
    if (explored == table.Has("where")) table.Fail("where", "and explored: one of them is wanted, and not both");
    if (each && explored) table.Fail("explored", "goes with at_most; what is owed to each item has a where");
    if (table.Has("where")) contract.where = ReadCondition(table, "where", names);
    contract.views = static_cast<double>(table.Integer("each_item", 1, 1, 1'000'000'000));
    contract.share = table.Number("at_most", 1, 1e-6, 1);
    contract.within_ms = table.DurationMs("within", contract.within_ms);
    if (table.Has("within") && (!each || contract.within_ms < kHourMs || contract.within_ms > 90 * kDayMs))
      table.Fail("within", "is of each_item alone, from an hour to 90 days; shares are of a day's views");
    GFR_TRY(table.Finish());
    policy->contracts.push_back(std::move(contract));
  }
  return {};
}

Status ReadSettings(Config& feed, const Names& names, FeedPolicy* policy) {
  Config table = feed.Table("policy");
  policy->diversity = table.Number("diversity", 0, 0, 10);
  for (const std::string& of : table.Strings("diversity_of", {}))
    policy->diversity_of.push_back(FindCategory(table, "diversity_of", of, names));
  if (policy->diversity > 0 && policy->diversity_of.empty())
    table.Fail("diversity_of", "is missing; valid are categories of [item] by which items are alike");
  policy->examination = table.Number("examination", policy->examination, 0, 10);
  policy->explore_every = static_cast<std::size_t>(table.Integer("explore_every", 6, 1, 1000));
  policy->explore_rate = table.Number("explore_rate", 1, 0, 1);
  const std::vector<std::string> relax = table.Strings("relax", {"floors", "windows", "caps"});
  std::vector<std::string> sorted = relax;
  std::ranges::sort(sorted);
  if (sorted != std::vector<std::string>{"caps", "floors", "windows"})
    table.Fail("relax", "is no order of floors, windows and caps; what is named first is given up first");
  const auto level = [&](const char* kind) {
    return static_cast<std::uint32_t>(std::ranges::find(relax, kind) - relax.begin());
  };
  policy->floor_level = level("floors");
  policy->window_level = level("windows");
  policy->cap_level = level("caps");
  return table.Finish();
}

}  // namespace

// Properties of a request's four parts and numeric features; names of properties are declared in one place alone.
std::vector<ConditionName> ConditionNamesOf(const FeatureSet& features) {
  using Source = ConditionName::Source;
  std::vector<ConditionName> names;
  const auto add = [&](Source source, const std::vector<std::string>& of, const std::vector<bool>& categorical) {
    for (std::size_t p = 0; p < of.size(); ++p)
      names.push_back({of[p], categorical[p] ? Expression::Type::kCategory : Expression::Type::kNumber, source,
                       static_cast<std::uint32_t>(p)});
  };
  const PropertySchema& schema = features.schema;
  add(Source::kItem, schema.item_names, schema.item_categorical);
  add(Source::kUser, schema.user_names, schema.user_categorical);
  add(Source::kRequest, schema.request_names, schema.request_categorical);
  add(Source::kRequestItem, schema.request_item_names, schema.request_item_categorical);
  names.push_back({"age_days", Expression::Type::kNumber, Source::kAgeDays, 0});
  for (std::size_t k = 0; k < features.columns(); ++k) {
    const FeatureSpec& spec = features.features[k].view->spec();
    if (!spec.categorical)
      names.push_back({spec.name, Expression::Type::kNumber, Source::kFeature, static_cast<std::uint32_t>(k)});
  }
  return names;
}

Result<std::shared_ptr<const FeedPolicy>> ReadFeedPolicy(Config& feed, const std::vector<ConditionName>& names) {
  FeedPolicy policy;
  const bool has_policy = feed.Has("policy");
  GFR_TRY(ReadRules(feed, names, &policy));
  GFR_TRY(ReadCaps(feed, names, &policy));
  GFR_TRY(ReadFloors(feed, names, &policy));
  GFR_TRY(ReadPins(feed, names, &policy));
  GFR_TRY(ReadBoosts(feed, names, &policy));
  GFR_TRY(ReadContracts(feed, names, &policy));
  GFR_TRY(ReadSettings(feed, names, &policy));
  policy.solves = has_policy || !policy.caps.empty() || !policy.floors.empty() || !policy.pins.empty() ||
                  !policy.boosts.empty() || !policy.contracts.empty();
  if (!policy.solves && policy.rules.empty()) return std::shared_ptr<const FeedPolicy>();
  return std::shared_ptr<const FeedPolicy>(std::make_shared<const FeedPolicy>(std::move(policy)));
}

}  // namespace gfr
