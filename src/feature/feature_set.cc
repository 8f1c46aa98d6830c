#include "feature/feature_set.h"

#include <algorithm>
#include <set>

#include "feature/column_fingerprint.h"
#include "feature/feature_types.h"
#include "feature/read_feature.h"

namespace gfr {

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
  FeatureSpec spec{f.name, f.scope, categorical, state_bytes, f.fingerprint, f.canonical, f.state};
  spec.event_types = f.events.types | f.denominator.types | f.without.types;
  return spec;
}

namespace {

// Gives `feature` its entity and a place in the row: that of an earlier feature of an equal state, else a new one at
// the row's end.
void Place(BoundFeature& feature, const SharedEntity& entity, FeatureSet& set) {
  const FeatureSpec& spec = feature.view->spec();
  if (spec.scope == Scope::kShared) {
    auto at = std::ranges::find(set.entities, entity.name, &SharedEntity::name);
    if (at == set.entities.end()) at = set.entities.insert(at, entity);
    feature.entity = static_cast<int>(at - set.entities.begin());
  }
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

// Whether the feature is shrunk to states that are not its own view's.
bool HasParent(const FeatureConfig& f) {
  const ParentRule rule = FindFeatureType(f.type)->parent;
  return rule == ParentRule::kAlways ||
         (rule == ParentRule::kOfOthers && (f.scope != Scope::kShared || (!f.parent.empty() && f.parent != "shop")));
}

// The states that `rate` is shrunk to: the same counts of its parent's entity.
Result<FeatureConfig> ParentOf(FeatureConfig rate, const PropertySchema& schema, SharedEntity* entity) {
  GFR_TRY(ReadSharedEntity(rate.parent.empty() ? "shop" : rate.parent, schema, entity));
  rate.scope = Scope::kShared;
  // The parent of a category affinity rate is a rate over all categories, whatever the property.
  rate.canonical = rate.state =
      "parent " + entity->name + " of " +
      (FindFeatureType(rate.type)->parent == ParentRule::kAlways
           ? ";events=" + rate.events.canonical + ";denominator=" + rate.denominator.canonical +
                 ";half_life=" + std::to_string(rate.half_life_ms)
           : rate.canonical.substr(rate.canonical.find(";events=")));
  rate.fingerprint = Hash64(rate.canonical.data(), rate.canonical.size());
  return rate;
}

void AddParent(std::shared_ptr<const FeatureView> view, const SharedEntity& entity, FeatureSet& set) {
  BoundFeature parent{.view = std::move(view)};
  auto at = std::ranges::find(set.entities, entity.name, &SharedEntity::name);
  if (at == set.entities.end()) at = set.entities.insert(at, entity);
  parent.entity = static_cast<int>(at - set.entities.begin());
  parent.owner = static_cast<std::uint32_t>(set.parents.size());
  parent.offset = std::exchange(at->row_bytes, at->row_bytes + parent.view->spec().state_bytes);
  set.parents.push_back(std::move(parent));
}

// Returns its index in set.parents.
Result<int> PlaceParent(const FeatureConfig& rate, const SharedEntity& entity, FeatureSet& set) {
  for (std::size_t k = 0; k < set.parents.size(); ++k) {
    if (set.parents[k].view->spec().canonical == rate.canonical) return static_cast<int>(k);
  }
  GFR_ASSIGN(auto view, MakeRateView(rate));
  AddParent(std::move(view), entity, set);
  return static_cast<int>(set.parents.size()) - 1;
}

}  // namespace

std::shared_ptr<const FeatureSet> FeatureSet::Subset(const std::vector<std::uint32_t>& of_features,
                                                     const std::vector<std::uint32_t>& of_parents) const {
  auto set = std::make_shared<FeatureSet>();
  set->schema = schema;
  const auto entity_of = [&](const BoundFeature& f) {  // Without its row's bytes.
    SharedEntity entity;
    if (f.entity >= 0) entity = entities[static_cast<std::size_t>(f.entity)];
    entity.row_bytes = 0;
    return entity;
  };
  std::vector<std::uint64_t> columns;
  for (const std::uint32_t k : of_features) {
    BoundFeature feature{.view = features[k].view, .config = features[k].config};
    Place(feature, entity_of(features[k]), *set);
    columns.push_back(feature.view->spec().fingerprint);
    set->features.push_back(std::move(feature));
  }
  for (const std::uint32_t k : of_parents) AddParent(parents[k].view, entity_of(parents[k]), *set);
  set->fingerprint = RowFingerprint(columns);
  return set;
}

Result<std::shared_ptr<const FeatureSet>> FeatureSet::Make(Config& config) {
  auto set = std::make_shared<FeatureSet>();
  GFR_TRY(ReadSchema(config, &set->schema));
  std::set<std::string> names;
  std::string canonical;
  std::vector<std::uint64_t> columns;
  for (Config& table : config.Tables("feature")) {
    SharedEntity entity;
    auto read = ReadFeature(table, set->schema, &entity);
    const std::string name = table.String("name", "");
    if (!read.ok())
      return Error{read.error().code, "feature '" + name + "': " + read.error().message, read.error().where};
    FeatureConfig f = std::move(read).value();
    const auto invalid = [&](const std::string& message) {
      return Error{ErrorCode::kInvalidArgument, "feature '" + name + "': " + message, table.where()};
    };
    if (!names.insert(name).second) return invalid("there is another of this name");
    FeatureConfig parent;
    SharedEntity parent_entity;
    if (HasParent(f)) {
      auto found = ParentOf(f, set->schema, &parent_entity);
      if (!found.ok()) return invalid("parent " + found.error().message);
      parent = std::move(found).value();
    }
    f.fingerprint = ColumnFingerprint(f, set->schema, parent.canonical);
    const FeatureType& type = *FindFeatureType(f.type);
    auto made = type.make(f);
    if (type.shown_place) {
      if (set->position_column >= 0) return invalid("there is another of type " + f.type + "; valid is one");
      if (!f.in_slate.empty()) return invalid("in_slate does not go with type " + f.type);
      set->position_column = static_cast<int>(set->features.size());
      set->position_reference = static_cast<float>(f.Own("reference"));
    }
    if (made.ok() && !f.in_slate.empty()) made = MakeInSlateView(std::move(made).value(), f);
    if (!made.ok()) return invalid(made.error().message);
    BoundFeature feature{.view = std::move(made).value(),
                         .config = std::make_shared<const FeatureConfig>(std::move(f))};
    Place(feature, entity, *set);
    if (HasParent(*feature.config)) {
      auto placed = PlaceParent(parent, parent_entity, *set);
      if (!placed.ok()) return invalid("parent " + placed.error().message);
      feature.parent = placed.value();
    }
    canonical += feature.view->spec().canonical + "\n";
    columns.push_back(feature.view->spec().fingerprint);
    set->features.push_back(std::move(feature));
  }
  if (set->features.empty()) return Error{ErrorCode::kInvalidArgument, "no [[feature]] is declared", config.where()};
  set->fingerprint = RowFingerprint(columns);
  set->old_fingerprint = Hash64(canonical.data(), canonical.size());
  return std::shared_ptr<const FeatureSet>(std::move(set));
}

}  // namespace gfr
