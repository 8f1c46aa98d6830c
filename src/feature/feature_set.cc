#include "feature/feature_set.h"

#include <algorithm>
#include <optional>
#include <set>

#include "base/time.h"

namespace gfr {
namespace {

// The feature types: one line a type.
struct TypeEntry {
  const char* name;
  MadeView (*make)(const FeatureConfig&);
};
constexpr TypeEntry kTypes[] = {
    {"context", MakeContextView},   {"property", MakeContextView}, {"age", MakeContextView},
    {"slate", MakeSlateView},       {"count", MakeCountView},      {"decayed_count", MakeCountView},
    {"rate", MakeCountView},        {"since", MakeCountView},      {"interaction", MakeInteractionView},
    {"affinity", MakeAffinityView}, {"distance", MakeAffinityView}};

void ReadProperties(Config table, std::vector<std::string>& names, std::vector<bool>& categorical,
                    std::optional<Error>& error) {
  for (const std::string& key : table.Keys()) {
    const std::string type = table.String(key, "");
    if (type != "category" && type != "number") table.Fail(key, "is '" + type + "'; valid are category and number");
    if (std::ranges::count(names, key)) continue;
    names.push_back(key);
    categorical.push_back(type == "category");
  }
  if (const Status status = table.Finish(); !status.ok() && !error) error = status.error();
}

EventFilter ReadEvents(Config& table, const char* key, const std::vector<std::string>& kinds) {
  EventFilter filter;
  for (const std::string& name : table.Strings(key, {})) {
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
  return filter;
}

constexpr char kScopes[] =
    "user, session, shop, item, item.PROPERTY, user.PROPERTY, surface, last, and pairs of the latter five such as "
    "user.PROPERTY x item; properties are declared in [item] and [user]";

std::optional<SharedEntity::Of> ReadPart(std::string_view text, const PropertySchema& schema) {
  using Part = SharedEntity::Part;
  if (text == "item") return SharedEntity::Of{Part::kItem, -1};
  if (text == "surface") return SharedEntity::Of{Part::kSurface, -1};
  if (text == "last") return SharedEntity::Of{Part::kLastItem, -1};
  const bool of_item = text.starts_with("item."), of_user = text.starts_with("user.");
  if (!of_item && !of_user) return std::nullopt;
  const int p = of_item ? schema.FindItem(text.substr(5)) : schema.FindUser(text.substr(5));
  if (p < 0) return std::nullopt;
  return SharedEntity::Of{of_item ? Part::kItemProperty : Part::kUserProperty, p};
}

// "user", "session", "shop", one part, or two with " x " between them.
Result<Scope> ReadScope(const std::string& text, const PropertySchema& schema, SharedEntity* entity) {
  if (text.empty()) return Scope::kRequest;
  if (text == "user") return Scope::kUser;
  if (text == "session") return Scope::kSession;
  entity->name = text;
  if (text == "shop") return Scope::kShared;
  const auto cross = text.find(" x ");
  for (const std::string& part : cross == std::string::npos
                                     ? std::vector<std::string>{text}
                                     : std::vector<std::string>{text.substr(0, cross), text.substr(cross + 3)}) {
    const auto of = ReadPart(part, schema);
    if (!of) return Error{ErrorCode::kInvalidArgument, "scope is '" + text + "'; valid are " + kScopes};
    entity->parts.push_back(*of);
  }
  return Scope::kShared;
}

// Reads one [[feature]] table. The canonical text holds everything but the name.
Result<FeatureConfig> ReadFeature(Config& t, const PropertySchema& schema, SharedEntity* entity) {
  FeatureConfig f;
  f.name = t.String("name", "");
  f.type = t.String("type", "");
  f.read = t.String("read", "");
  f.property = t.String("property", "");
  const std::string scope = t.String("scope", "");
  const std::vector<std::string> kinds = t.Strings("kinds", {});
  f.events = ReadEvents(t, "events", kinds);
  f.denominator = ReadEvents(t, "denominator", {});
  f.window_ms = t.DurationMs("window", 0);
  f.half_life_ms = t.DurationMs("half_life", 0);
  f.tiles = static_cast<std::uint32_t>(t.Integer("tiles", f.window_ms > 0 ? 12 : 1, 1, 128));
  f.capacity = static_cast<std::uint32_t>(t.Integer("capacity", 16, 1, 1024));
  f.prior_weight = t.Number("prior_weight", 20, 0, 1e9);
  f.bands = t.Numbers("bands", {});
  f.utc_offset_ms = schema.utc_offset_ms;
  f.item_property = schema.FindItem(f.property);
  f.user_property = schema.FindUser(f.property);
  f.categorical = f.type == "context" ? f.user_property >= 0 && schema.user_categorical[f.user_property]
                                      : f.item_property >= 0 && schema.item_categorical[f.item_property];
  if (f.name.empty()) t.Fail("name", "is missing");
  const auto parsed = ReadScope(scope, schema, entity);
  if (!parsed.ok()) t.Fail("scope", parsed.error().message);
  GFR_TRY(t.Finish());
  f.scope = parsed.value();
  f.canonical = f.type + "/1;scope=" + scope + ";read=" + f.read + ";property=" + f.property +
                ";events=" + f.events.canonical + ";denominator=" + f.denominator.canonical +
                ";window=" + std::to_string(f.window_ms) + ";half_life=" + std::to_string(f.half_life_ms) +
                ";tiles=" + std::to_string(f.tiles) + ";capacity=" + std::to_string(f.capacity) +
                ";prior=" + std::to_string(f.prior_weight) + ";utc=" + std::to_string(f.utc_offset_ms);
  for (const double band : f.bands) f.canonical += ";" + std::to_string(band);
  f.state = f.canonical;
  if (f.type == "interaction" || f.type == "slate") f.state.replace(f.state.find(";read=") + 6, f.read.size(), "");
  return f;
}

// Gives `feature` a place in its row: that of an earlier feature of an equal state, else a new one at the row's end.
void PlaceState(FeatureSet& set, BoundFeature& feature) {
  const FeatureSpec& spec = feature.view->spec();
  feature.owner = static_cast<std::uint32_t>(set.features.size());
  if (spec.state_bytes == 0 || spec.scope == Scope::kRequest) return;
  for (const BoundFeature& other : set.features) {
    const FeatureSpec& its = other.view->spec();
    if (other.shares_state || its.scope != spec.scope || other.entity != feature.entity ||
        its.state_bytes != spec.state_bytes || its.state != spec.state)
      continue;
    feature.shares_state = true;
    feature.owner = other.owner;
    feature.offset = other.offset;
    return;
  }
  std::uint32_t& row_bytes = spec.scope == Scope::kUser ? set.user_row_bytes
                             : spec.scope == Scope::kSession
                                 ? set.session_row_bytes
                                 : set.entities[static_cast<std::size_t>(feature.entity)].row_bytes;
  feature.offset = std::exchange(row_bytes, row_bytes + spec.state_bytes);
}

}  // namespace

int PropertySchema::FindItem(std::string_view name) const {
  const auto at = std::ranges::find(item_names, name);
  return at == item_names.end() ? -1 : static_cast<int>(at - item_names.begin());
}
int PropertySchema::FindUser(std::string_view name) const {
  const auto at = std::ranges::find(user_names, name);
  return at == user_names.end() ? -1 : static_cast<int>(at - user_names.begin());
}

bool SharedEntity::needs_item() const {
  return std::ranges::any_of(parts,
                             [](const Of& of) { return of.part == Part::kItem || of.part == Part::kItemProperty; });
}

Key SharedEntity::KeyFor(const EntityValues& values) const {
  if (parts.empty()) return 1;
  Key keys[2] = {};
  for (std::size_t i = 0; i < parts.size(); ++i) {
    switch (parts[i].part) {
      case Part::kItem:
        keys[i] = values.item;
        break;
      case Part::kItemProperty:
        keys[i] = values.item_properties[static_cast<std::size_t>(parts[i].property)].category;
        break;
      case Part::kUserProperty:
        keys[i] = values.user_properties[static_cast<std::size_t>(parts[i].property)].category;
        break;
      case Part::kSurface:
        keys[i] = values.surface;
        break;
      case Part::kLastItem:
        keys[i] = values.last_item;
        break;
    }
    if (keys[i] == 0) return 0;
  }
  return parts.size() == 1 ? keys[0] : PairKey(keys[0], keys[1]);
}

FeatureSpec SpecOf(const FeatureConfig& f, std::uint32_t state_bytes, bool categorical) {
  FeatureSpec spec{f.name,      f.scope, categorical, state_bytes, Hash64(f.canonical.data(), f.canonical.size()),
                   f.canonical, f.state};
  if (f.type != "interaction") spec.event_types = f.events.types | f.denominator.types;  // It counts a user's steps.
  return spec;
}

Result<std::shared_ptr<const FeatureSet>> FeatureSet::Make(Config& config) {
  auto set = std::make_shared<FeatureSet>();
  PropertySchema& schema = set->schema;
  schema.item_names = {"price"};
  schema.item_categorical = {false};
  std::optional<Error> error;
  ReadProperties(config.Table("item"), schema.item_names, schema.item_categorical, error);
  ReadProperties(config.Table("user"), schema.user_names, schema.user_categorical, error);
  if (error) return *error;
  Config catalogue = config.Table("catalogue");
  schema.price_from_impressions = catalogue.Boolean("price_from_impressions", false);
  schema.utc_offset_ms = catalogue.Integer("utc_offset_minutes", 0, -840, 840) * kMinuteMs;
  GFR_TRY(catalogue.Finish());

  std::set<std::string> names;
  std::string canonical;
  for (Config& table : config.Tables("feature")) {
    SharedEntity entity;
    GFR_ASSIGN(const FeatureConfig f, ReadFeature(table, schema, &entity));
    const auto invalid = [&](const std::string& message) {
      return Error{ErrorCode::kInvalidArgument, "feature '" + f.name + "': " + message, table.where()};
    };
    if (!names.insert(f.name).second) return invalid("there is another of this name");
    const auto type = std::ranges::find_if(kTypes, [&](const TypeEntry& t) { return f.type == t.name; });
    if (type == std::end(kTypes)) {
      std::string valid;
      for (const TypeEntry& t : kTypes) valid += (valid.empty() ? "" : ", ") + std::string(t.name);
      return invalid("type is '" + f.type + "'; valid are " + valid);
    }
    auto made = type->make(f);
    if (!made.ok()) return invalid(made.error().message);
    BoundFeature feature{std::move(made).value()};
    const FeatureSpec& spec = feature.view->spec();
    if (spec.scope == Scope::kShared) {
      auto at = std::ranges::find(set->entities, entity.name, &SharedEntity::name);
      if (at == set->entities.end()) at = set->entities.insert(at, entity);
      feature.entity = static_cast<int>(at - set->entities.begin());
    }
    PlaceState(*set, feature);
    canonical += spec.canonical + "\n";
    set->features.push_back(std::move(feature));
  }
  if (set->features.empty()) return Error{ErrorCode::kInvalidArgument, "no [[feature]] is declared", config.where()};
  set->fingerprint = Hash64(canonical.data(), canonical.size());
  return std::shared_ptr<const FeatureSet>(std::move(set));
}

}  // namespace gfr
