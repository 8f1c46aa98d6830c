// FeatureSet: every feature of a project, bound: definitions read from [[feature]] and [item], [user], turned into
// views once.
//
// Column k of a row is views[k]. A shared view belongs to an entity: "shop", "item", "item.PROPERTY", "user.PROPERTY",
// "surface", "last" (the item the session touched last), or a pair of them ("user.PROPERTY x item"); views of one
// entity share a table. Immutable and safe from any thread after Make.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/config.h"
#include "feature/feature_view.h"

namespace gfr {

// What is known of items and users: [item] and [user] properties, "category" or "number". Item property 0 is always the
// price.
struct PropertySchema {
  std::vector<std::string> item_names, user_names;
  std::vector<bool> item_categorical, user_categorical;
  std::vector<std::string> vector_names;  // Vector properties of items: embeddings made elsewhere, one after another in
  std::vector<std::uint32_t> vector_offsets, vector_sizes;  // item_vectors.
  std::uint32_t vector_width = 0;
  bool price_from_impressions = false;  // Prices shown are catalogue updates (for logs without a catalogue).
  std::int64_t utc_offset_ms = 0;       // The shop's local time.

  int FindItem(std::string_view name) const;  // -1: none.
  int FindUser(std::string_view name) const;
};

struct BoundFeature {
  std::shared_ptr<const FeatureView> view;
  int entity = -1;           // Shared views: index into FeatureSet::entities.
  std::uint32_t offset = 0;  // Of its state in the row of its scope (or entity).
  // Another feature of an equal state (an interaction's count and its seconds since) owns it: it is folded, merged and
  // sealed once, and read by both.
  bool shares_state = false;
  std::uint32_t owner = 0;  // Index of the feature that owns the state; its own when it does.
};

// What the key of shared state is made of.
struct EntityValues {
  Key item = 0;
  std::span<const PropertyValue> item_properties, user_properties;
  Key surface = 0, last_item = 0;
};

// Whose state a shared view keeps: the shop, or one part, or a pair of parts ("user.geography x item").
struct SharedEntity {
  enum class Part : std::uint8_t { kItem, kItemProperty, kUserProperty, kSurface, kLastItem };
  struct Of {
    Part part;
    int property;  // Index in the schema, of kItemProperty and kUserProperty.
  };
  std::string name;
  std::vector<Of> parts;  // None: the shop.
  std::uint32_t row_bytes = 0;

  bool needs_item() const;                       // A line without an item has no key.
  Key KeyFor(const EntityValues& values) const;  // 0 when a part is missing.
};

struct FeatureSet {
  PropertySchema schema;
  std::vector<BoundFeature> features;
  std::vector<SharedEntity> entities;
  std::uint32_t user_row_bytes = 0, session_row_bytes = 0;
  std::uint64_t fingerprint = 0;  // Of all definitions, in order.

  std::size_t columns() const { return features.size(); }
  // Reads [item], [user] and [[feature]] of the project's configuration; errors name the file, the line, the key and
  // what is valid.
  static Result<std::shared_ptr<const FeatureSet>> Make(Config& config);
};

// Which events a view counts: types, and of item.view only these kinds when there are any.
struct EventFilter {
  std::uint32_t types = 0;
  std::vector<Key> kinds;
  std::string canonical;
  bool Counts(const EventLine& line) const noexcept {
    if (!(types >> static_cast<unsigned>(line.type) & 1u)) return false;
    if (kinds.empty()) return true;
    for (const Key kind : kinds) {
      if (kind == line.kind) return true;
    }
    return false;
  }
};

// What a [[feature]] table says, as the factories get it. One factory a type; the list of them is in feature_set.cc.
struct FeatureConfig {
  std::string name, type, read, property;
  Scope scope = Scope::kRequest;
  EventFilter events, denominator;
  std::int64_t window_ms = 0, half_life_ms = 0;
  std::uint32_t tiles = 1, capacity = 16;
  double prior_weight = 0;
  int item_property = -1, user_property = -1;
  bool categorical = false;  // The property named is a category.
  std::vector<double> bands;
  std::int64_t utc_offset_ms = 0;
  std::string canonical;
  std::string state;  // Features of one scope and an equal text here have equal states.
};
using MadeView = Result<std::shared_ptr<const FeatureView>>;
MadeView MakeContextView(const FeatureConfig&);      // context_view.cc: context, property, age
MadeView MakeSlateView(const FeatureConfig&);        // slate_view.cc
MadeView MakeCountView(const FeatureConfig&);        // count_view.cc: count, decayed_count, rate, since
MadeView MakeInteractionView(const FeatureConfig&);  // interaction_view.cc
MadeView MakeAffinityView(const FeatureConfig&);     // affinity_view.cc: affinity, distance
FeatureSpec SpecOf(const FeatureConfig& config, std::uint32_t state_bytes, bool categorical = false);

}  // namespace gfr
