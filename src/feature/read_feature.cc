#include "feature/read_feature.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

#include "base/time.h"

namespace gfr {
namespace {

std::string Join(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text.empty() ? "none, as none is declared" : text;
}

Error Invalid(std::string message) { return Error{ErrorCode::kInvalidArgument, std::move(message)}; }

// 16 of "vector:16"; 0: something else.
std::uint32_t VectorSize(std::string_view type) {
  std::uint32_t size = 0;
  if (!type.starts_with("vector:")) return 0;
  type.remove_prefix(7);
  const auto [end, code] = std::from_chars(type.data(), type.data() + type.size(), size);
  return code == std::errc{} && end == type.data() + type.size() && size <= kMaxVectorSize ? size : 0;
}

class SchemaReader {
 public:
  explicit SchemaReader(PropertySchema* schema) : s_(*schema) {}
  void Read(Config table, const char* where, std::vector<std::string>& names, std::vector<bool>& categorical) {
    const bool of_item = &names == &s_.item_names;
    for (const std::string& key : table.Keys()) {
      const std::string type = table.String(key, "");
      const std::uint32_t size = of_item ? VectorSize(type) : 0;
      if (type != "category" && type != "number" && size == 0)
        table.Fail(key, "is '" + type + "'; valid are category" +
                            (of_item ? ", number and vector:SIZE, SIZE from 1 to 1024" : " and number"));
      if (of_item && key == "price") {
        if (type != "number") table.Fail(key, "is '" + type + "'; the price is a number");
        continue;
      }
      for (const auto& [name, other] : seen_) {
        if (name == key && Mix(where, other))
          table.Fail(key, "is declared in " + other + " already; valid is one place");
      }
      seen_.emplace_back(key, where);
      if (size > 0) {
        s_.vector_names.push_back(key);
        s_.vector_sizes.push_back(size);
        s_.vector_offsets.push_back(std::exchange(s_.vector_width, s_.vector_width + size));
      } else {
        names.push_back(key);
        categorical.push_back(type == "category");
      }
    }
    if (const Status status = table.Finish(); !status.ok() && !error_) error_ = status.error();
  }
  const std::optional<Error>& error() const { return error_; }

 private:
  // Both are read from the context, or both from a candidate's properties, or `request` could not tell them apart.
  static bool Mix(const std::string& a, const std::string& b) {
    const bool candidates = a == "[item]" || a == "[request_item]", of_items = b == "[item]" || b == "[request_item]";
    return candidates == of_items || (a.starts_with("[request") && b.starts_with("[request"));
  }
  PropertySchema& s_;
  std::vector<std::pair<std::string, std::string>> seen_{{"price", "[item]"}};
  std::optional<Error> error_;
};

std::string CategoryNames(const PropertySchema& schema, bool of_item) {
  std::vector<std::string> names;
  const auto& all = of_item ? schema.item_names : schema.user_names;
  const auto& categorical = of_item ? schema.item_categorical : schema.user_categorical;
  for (std::size_t k = 0; k < all.size(); ++k) {
    if (categorical[k]) names.push_back((of_item ? "item." : "user.") + all[k]);
  }
  return Join(names);
}

Result<SharedEntity::Of> ReadPart(std::string_view text, const PropertySchema& schema) {
  using Part = SharedEntity::Part;
  if (text == "item") return SharedEntity::Of{Part::kItem, -1};
  if (text == "surface") return SharedEntity::Of{Part::kSurface, -1};
  if (text == "last") return SharedEntity::Of{Part::kLastItem, -1};
  const bool of_item = text.starts_with("item."), of_user = text.starts_with("user.");
  const int p = of_item ? schema.FindItem(text.substr(5)) : of_user ? schema.FindUser(text.substr(5)) : -1;
  if (p < 0)
    return Invalid("'" + std::string(text) + "' is no entity; valid are item, surface, last (the item touched last), " +
                   CategoryNames(schema, true) + ", " + CategoryNames(schema, false) +
                   ", and two of them with ' x ' between");
  if (!(of_item ? schema.item_categorical : schema.user_categorical)[static_cast<std::size_t>(p)])
    return Invalid("'" + std::string(text) + "' is a number, and only a category names an entity; valid are " +
                   CategoryNames(schema, of_item));
  return SharedEntity::Of{of_item ? Part::kItemProperty : Part::kUserProperty, p};
}

// "user", "session", "shop", one part, or two with " x " between them.
Result<Scope> ReadScope(const std::string& text, ScopeRule rule, const PropertySchema& schema, SharedEntity* entity) {
  const bool own = text == "user" || text == "session";
  if (rule == ScopeRule::kUserOrSession && !own)
    return Invalid(text.empty() ? "is missing; valid are user and session"
                                : "is '" + text + "'; valid are user and session");
  if (own && rule == ScopeRule::kShared)
    return Invalid("is '" + text + "'; valid are shop, item, item.PROPERTY, user.PROPERTY, surface, last, and pairs");
  if (own) return text == "user" ? Scope::kUser : Scope::kSession;
  entity->name = text;
  if (text == "shop") return Scope::kShared;
  if (text.empty())
    return Invalid(std::string("is missing; valid are ") + (rule == ScopeRule::kAny ? "user, session, " : "") +
                   "shop, item, item.PROPERTY, user.PROPERTY, surface, last, and pairs such as user.PROPERTY x item");
  const auto cross = text.find(" x ");
  if (cross == std::string::npos) {
    GFR_ASSIGN(const SharedEntity::Of part, ReadPart(text, schema));
    entity->parts = {part};
    return Scope::kShared;
  }
  const std::string first = text.substr(0, cross), second = text.substr(cross + 3);
  if (first == second) return Invalid("is '" + text + "'; a pair is of two different entities");
  GFR_ASSIGN(const SharedEntity::Of a, ReadPart(first, schema));
  GFR_ASSIGN(const SharedEntity::Of b, ReadPart(second, schema));
  entity->parts = {a, b};
  return Scope::kShared;
}

EventFilter ReadEvents(Config& table, const char* key, std::vector<std::string> otherwise,
                       const std::vector<std::string>& kinds) {
  EventFilter filter;
  for (const std::string& name : table.Strings(key, std::move(otherwise))) {
    const auto type = ParseEventType(name);
    if (!type.ok()) {
      table.Fail(key, type.error().message);
      continue;
    }
    filter.types |= 1u << static_cast<unsigned>(type.value());
  }
  for (const std::string& kind : kinds) filter.kinds.push_back(KeyOf(kind));
  std::ranges::sort(filter.kinds);
  filter.canonical = std::to_string(filter.types);
  for (const Key kind : filter.kinds) filter.canonical += "," + std::to_string(kind);
  std::uint32_t with_kinds = 0;
  for (int t = 0; t < kEventTypes; ++t) with_kinds |= std::uint32_t{HasKind(static_cast<EventType>(t))} << t;
  if (!kinds.empty() && (filter.types & ~with_kinds) != 0) filter.canonical += ",and all without";
  return filter;
}

// weights = { "purchase" = 5 }: whole numbers of declared events.
void ReadWeights(Config& table, FeatureConfig& f) {
  if (!table.Has("weights")) return (void)table.Table("weights");
  Config weights = table.Table("weights");
  f.weights.assign(kEventTypes, 1);
  for (const std::string& name : weights.Keys()) {
    const auto type = ParseEventType(name);
    if (!type.ok() || !(f.events.types >> static_cast<unsigned>(type.value()) & 1u))
      weights.Fail(name, "is not among the events of this feature; valid are those that events names");
    const std::int64_t weight = weights.Integer(name, 1, 1, 1000);
    if (type.ok()) f.weights[static_cast<std::size_t>(type.value())] = static_cast<std::uint16_t>(weight);
  }
  if (const Status status = weights.Finish(); !status.ok()) table.Fail("weights", status.error().message);
}

// Finds the property that the reading needs, or says which are valid.
Status FindProperty(PropertyRule rule, const PropertySchema& schema, FeatureConfig& f) {
  const auto names = [&](bool number, bool category) {
    std::vector<std::string> found;
    for (std::size_t k = 0; k < schema.item_names.size(); ++k) {
      if (schema.item_categorical[k] ? category : number) found.push_back(schema.item_names[k]);
    }
    return Join(found);
  };
  const auto index = [](int k) { return static_cast<std::size_t>(k); };
  std::vector<std::string> valid;
  switch (rule) {
    case PropertyRule::kNone:
      return {};
    case PropertyRule::kContext:
      f.user_property = schema.FindUser(f.property);
      f.categorical = f.user_property >= 0 ? schema.user_categorical[index(f.user_property)] : f.property == "surface";
      if (f.user_property >= 0 || std::ranges::count(kContextNames, f.property)) return {};
      valid = schema.user_names;
      valid.insert(valid.end(), std::begin(kContextNames), std::end(kContextNames));
      return Invalid("'" + f.property + "' is not declared in [user]; valid are " + Join(valid));
    case PropertyRule::kRequest:
      f.request_property = schema.FindRequest(f.property);
      f.request_item_property = schema.FindRequestItem(f.property);
      if (f.request_property >= 0) f.categorical = schema.request_categorical[index(f.request_property)];
      if (f.request_item_property >= 0) f.categorical = schema.request_item_categorical[index(f.request_item_property)];
      if (f.request_property >= 0 || f.request_item_property >= 0) return {};
      valid = schema.request_names;
      valid.insert(valid.end(), schema.request_item_names.begin(), schema.request_item_names.end());
      return Invalid("'" + f.property + "' is not declared in [request] or [request_item]; valid are " + Join(valid));
    case PropertyRule::kItemVector:
      if (const int k = schema.FindVector(f.property); k >= 0) {
        f.vector_offset = schema.vector_offsets[index(k)];
        f.vector_size = schema.vector_sizes[index(k)];
        return {};
      }
      return Invalid("'" + f.property + "' is not a vector of [item]; valid are " + Join(schema.vector_names));
    default:
      break;
  }
  f.item_property = schema.FindItem(f.property);
  f.categorical = f.item_property >= 0 && schema.item_categorical[index(f.item_property)];
  const bool number = rule != PropertyRule::kItemCategory, category = rule != PropertyRule::kItemNumber;
  if (f.item_property >= 0 && (f.categorical ? category : number)) return {};
  const char* what = number && category ? "'"
                     : number           ? "' is not a number of [item]"
                                        : "' is not a category of [item]";
  return Invalid("'" + f.property + (number && category ? "' is not declared in [item]" : what) + "; valid are " +
                 names(number, category));
}

const char* ValidFor(std::string_view key) {
  if (key == "half_life" || key == "long_half_life" || key == "window") return "a duration above 0 such as \"7d\"";
  if (key == "events" || key == "denominator") return "a list of event types such as [\"feed.click\"]";
  return "a declared name";
}

const FeatureRead* FindRead(Config& t, const FeatureType& type, FeatureConfig& f) {
  if (!type.reads[0].name) return &type.reads[0];
  f.read = t.String("read", "");
  std::vector<std::string> names;
  for (std::size_t k = 0; k < type.reads.size(); ++k) {
    if (f.read == type.reads[k].name) {
      f.read_index = static_cast<int>(k);
      return &type.reads[k];
    }
    names.emplace_back(type.reads[k].name);
  }
  t.Fail("read", (f.read.empty() ? "is missing" : "is '" + f.read + "'") + "; valid are " + Join(names));
  return nullptr;
}

// A key that only this type has. False: there is none of that name.
bool ReadOwnKey(Config& t, std::string_view name, const FeatureType& type, FeatureConfig& f) {
  const auto key = std::ranges::find_if(type.own_keys, [&](const OwnKey& own) { return own.name == name; });
  if (key == type.own_keys.end()) return false;
  const auto whole = [](double x) { return static_cast<std::int64_t>(x); };
  f.own.emplace_back(key->name, key->whole ? static_cast<double>(t.Integer(key->name, whole(key->otherwise),
                                                                           whole(key->low), whole(key->high)))
                                           : t.Number(key->name, key->otherwise, key->low, key->high));
  return true;
}

void ReadKey(Config& t, std::string_view key, FeatureConfig& f) {
  if (key == "events") f.events = ReadEvents(t, "events", {}, f.kinds);
  if (key == "denominator") f.denominator = ReadEvents(t, "denominator", {}, {});
  if (key == "without") f.without = ReadEvents(t, "without", {"feed.click"}, {});
  if (key == "window") f.window_ms = t.DurationMs("window", 0);
  if (key == "half_life") f.half_life_ms = t.DurationMs("half_life", 0);
  if (key == "long_half_life") f.long_half_life_ms = t.DurationMs("long_half_life", 0);
  if (key == "tiles") f.tiles = static_cast<std::uint32_t>(t.Integer("tiles", f.window_ms > 0 ? 12 : 1, 1, 128));
  if (key == "capacity") f.capacity = static_cast<std::uint32_t>(t.Integer("capacity", 16, 1, 1024));
  if (key == "prior_weight") f.prior_weight = t.Number("prior_weight", 20, 0, 1e9);
  if (key == "bands") f.bands = t.Numbers("bands", {});
  if (key == "weights") ReadWeights(t, f);
  const auto bad_duration = [&](const char* name, std::int64_t ms) {
    if (key == name && t.Has(name) && ms <= 0) t.Fail(name, std::string("is not above 0; valid is ") + ValidFor(name));
  };
  bad_duration("window", f.window_ms);
  bad_duration("half_life", f.half_life_ms);
  bad_duration("long_half_life", f.long_half_life_ms);
  if (key == "tiles" && t.Has("tiles") && f.window_ms == 0)
    t.Fail("tiles", "is of a window, and there is none; valid is a window beside it");
}

void SetCanonical(FeatureConfig& f, const FeatureType& its, const FeatureRead& read) {
  const auto has = [&](std::string_view key) {
    return std::string_view(read.keys).find(key) != std::string_view::npos;
  };
  std::string rest;
  const auto add = [&](const char* key, const std::string& value, bool said) {
    if (said) rest += std::string(";") + key + "=" + value;
  };
  add("scope", f.scope_name, !f.scope_name.empty());
  add("property", f.property + (f.categorical ? ":category" : ""), !f.property.empty());
  add("events", f.events.canonical, f.events.types != 0);
  add("denominator", f.denominator.canonical, f.denominator.types != 0);
  add("without", f.without.canonical, f.without.types != 0);
  add("window", std::to_string(f.window_ms), f.window_ms > 0);
  add("tiles", std::to_string(f.tiles), f.window_ms > 0);
  add("half_life", std::to_string(f.half_life_ms), f.half_life_ms > 0);
  add("long_half_life", std::to_string(f.long_half_life_ms), f.long_half_life_ms > 0);
  add("prior", std::to_string(f.prior_weight), has("prior_weight"));
  add("of", f.of, !f.of.empty());
  add("parent", f.parent, !f.parent.empty());
  add("vector", std::to_string(f.vector_size), f.vector_size > 0);
  for (std::size_t k = 0; k < f.weights.size(); ++k)
    add("weight", std::to_string(k) + ":" + std::to_string(f.weights[k]), f.weights[k] > 1);
  for (const double band : f.bands) add("band", std::to_string(band), true);
  add("capacity", std::to_string(f.capacity), has("capacity"));
  for (const auto& [key, value] : f.own) {
    const bool whole = value == std::floor(value) && std::abs(value) < 1e15;
    add(key.c_str(), whole ? std::to_string(static_cast<std::int64_t>(value)) : std::to_string(value), true);
  }
  add("utc", std::to_string(f.utc_offset_ms), its.in_local_time);
  const int version = its.version > 0 ? its.version : f.half_life_ms > 0 ? 3 : 2;
  const std::string type = f.type + "/" + std::to_string(version);
  f.canonical =
      type + (f.read.empty() ? "" : ";read=" + f.read) + rest + (f.in_slate.empty() ? "" : ";in_slate=" + f.in_slate);
  f.state = type + ";state=" + std::to_string(read.state) + rest;
}

Status ReadAliasRule(Config users, AliasRule* rule) {
  const std::string keeps = users.String("alias", "first");
  if (keeps == "last")
    rule->keeps = AliasRule::Keeps::kLast;
  else if (keeps == "none")
    rule->keeps = AliasRule::Keeps::kNone;
  else if (keeps != "first")
    users.Fail("alias", "is '" + keeps + "'; valid are \"first\", \"last\", \"none\"");
  rule->max_logins = static_cast<std::uint32_t>(users.Integer("max_logins", 0, 0, AliasRule::kMostLogins));
  if (rule->keeps == AliasRule::Keeps::kNone && rule->max_logins > 0)
    users.Fail("max_logins", "does not go with alias = \"none\", by which no login has a device");
  return users.Finish();
}

}  // namespace

double FeatureConfig::Own(std::string_view key) const {
  const auto at = std::ranges::find(own, key, [](const auto& pair) -> const std::string& { return pair.first; });
  return at == own.end() ? 0 : at->second;
}

Status ReadSchema(Config& config, PropertySchema* schema) {
  schema->item_names = {"price"};
  schema->item_categorical = {false};
  SchemaReader reader(schema);
  reader.Read(config.Table("item"), "[item]", schema->item_names, schema->item_categorical);
  reader.Read(config.Table("request_item"), "[request_item]", schema->request_item_names,
              schema->request_item_categorical);
  reader.Read(config.Table("user"), "[user]", schema->user_names, schema->user_categorical);
  reader.Read(config.Table("request"), "[request]", schema->request_names, schema->request_categorical);
  if (reader.error()) return *reader.error();
  Config catalogue = config.Table("catalogue");
  schema->price_from_impressions = catalogue.Boolean("price_from_impressions", false);
  schema->utc_offset_ms = catalogue.Integer("utc_offset_minutes", 0, -840, 840) * kMinuteMs;
  if (const std::string parent = catalogue.String("parent", ""); !parent.empty()) {
    schema->parent_property = schema->FindItem(parent);
    if (schema->parent_property < 0 || !schema->item_categorical[static_cast<std::size_t>(schema->parent_property)])
      catalogue.Fail("parent", "is '" + parent + "'; valid is a category of [item]");
  }
  GFR_TRY(catalogue.Finish());
  return ReadAliasRule(config.Table("users"), &schema->alias);
}

Status ReadSharedEntity(const std::string& text, const PropertySchema& schema, SharedEntity* entity) {
  const auto scope = ReadScope(text, ScopeRule::kShared, schema, entity);
  return scope.ok() ? Status() : scope.error();
}

Result<FeatureConfig> ReadFeature(Config& t, const PropertySchema& schema, SharedEntity* entity) {
  FeatureConfig f;
  f.name = t.String("name", "");
  f.type = t.String("type", "");
  f.utc_offset_ms = schema.utc_offset_ms;
  if (f.name.empty()) t.Fail("name", "is missing; valid is a name of its own");
  const FeatureType* type = FindFeatureType(f.type);
  if (!type) {
    std::vector<std::string> valid;
    for (const FeatureType* known : FeatureTypes()) valid.emplace_back(known->name);
    t.Fail("type", (f.type.empty() ? "is missing" : "is '" + f.type + "'") + "; valid are " + Join(valid));
  }
  const FeatureRead* read = type ? FindRead(t, *type, f) : nullptr;
  if (!read) return t.Finish().error();

  // The keys of this reading are read, so that Finish refuses all others and names these.
  std::vector<std::string> keys;
  for (std::string_view left = read->keys; !left.empty();) {
    const std::size_t end = std::min(left.find(' '), left.size());
    std::string key(left.substr(0, end));
    left.remove_prefix(std::min(end + 1, left.size()));
    const bool optional = key.starts_with('[');
    if (optional) key = key.substr(1, key.size() - 2);
    if (!optional && key != "scope" && !t.Has(key)) t.Fail(key, std::string("is missing; valid is ") + ValidFor(key));
    keys.push_back(std::move(key));
  }
  const auto has = [&](const char* key) { return std::ranges::count(keys, key) > 0; };
  if (has("scope")) f.scope_name = t.String("scope", "");
  if (has("property")) f.property = t.String("property", "");
  if (has("parent")) f.parent = t.String("parent", "");
  if (has("of")) {
    f.of = t.String("of", "");
    f.of_property = schema.FindItem(f.of);
    f.of_categorical = f.of_property >= 0 && schema.item_categorical[static_cast<std::size_t>(f.of_property)];
  }
  if (has("kinds")) f.kinds = t.Strings("kinds", {});
  for (const std::string& key : keys) {
    if (!ReadOwnKey(t, key, *type, f)) ReadKey(t, key, f);
  }
  f.in_slate = t.String("in_slate", "");
  if (t.Has("in_slate") && !std::ranges::count(kInSlateNames, f.in_slate))
    t.Fail("in_slate",
           "is '" + f.in_slate + "'; valid are " + Join({std::begin(kInSlateNames), std::end(kInSlateNames)}));
  if (has("events") && t.Has("events") && f.events.types == 0)
    t.Fail("events", "is empty; valid is at least one event type");
  if (!f.kinds.empty() && !f.events.types) t.Fail("kinds", "is of events, and there are none");
  if (has("property") && t.Has("property")) {
    if (const Status found = FindProperty(read->property, schema, f); !found.ok())
      t.Fail("property", found.error().message);
  }
  if (has("scope")) {
    const auto scope = ReadScope(f.scope_name, read->scopes, schema, entity);
    if (scope.ok())
      f.scope = scope.value();
    else
      t.Fail("scope", scope.error().message);
  }
  GFR_TRY(t.Finish());
  SetCanonical(f, *type, *read);
  return f;
}

}  // namespace gfr
