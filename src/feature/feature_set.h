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
#include "event/alias.h"
#include "feature/feature_view.h"

namespace gfr {

// What is known of items and users: [item] and [user] properties, "category" or "number", of items also "vector:SIZE"
// (an embedding made elsewhere); and what a caller says of a request ([request], in its context) and of its candidates
// ([request_item], in their properties). Item property 0 is always the price. A name is declared in one place.
struct PropertySchema {
  std::vector<std::string> item_names, user_names, request_names, request_item_names;
  std::vector<bool> item_categorical, user_categorical, request_categorical, request_item_categorical;
  std::vector<std::string> vector_names;  // Vector properties lie one after another in an item's vectors.
  std::vector<std::uint32_t> vector_offsets, vector_sizes;
  std::uint32_t vector_width = 0;
  bool price_from_impressions = false;  // Prices shown are catalogue updates (for logs without a catalogue).
  std::int64_t utc_offset_ms = 0;       // The shop's local time.
  int parent_property = -1;             // Of the items: names what the item is a variant of ([catalogue] parent).
  AliasRule alias;                      // [users]: whose events of a joined id are.

  int FindItem(std::string_view name) const;  // -1: none.
  int FindUser(std::string_view name) const;
  int FindVector(std::string_view name) const;
  int FindRequest(std::string_view name) const;
  int FindRequestItem(std::string_view name) const;

  // Writes into `values` (request_names.size()) what a request's context says, missing for the rest; returns how many
  // of its names are declared neither in [request] nor in [user].
  std::size_t ReadRequest(std::span<const Property> context, std::span<PropertyValue> values) const;
  // The same of a candidate's properties: [request_item], and [item].
  std::size_t ReadRequestItem(std::span<const Property> properties, std::span<PropertyValue> values) const;
  // Writes over `vectors` (vector_width floats; NaN: missing) those that `properties` gives in their declared size;
  // returns whether one was.
  bool ReadVectors(std::span<const Property> properties, float* vectors) const;
};

// A property as declared: a category's key, or a number, by the one rule of event/property_value.h.
PropertyValue ValueOf(const Property& property, bool categorical);

struct FeatureConfig;

struct BoundFeature {
  std::shared_ptr<const FeatureView> view;
  int entity = -1;           // Shared views: index into FeatureSet::entities.
  std::uint32_t offset = 0;  // Of its state in the row of its scope (or entity).
  // Another feature of an equal state (an interaction's count and its seconds since) owns it: it is folded, merged and
  // sealed once, and read by both.
  bool shares_state = false;
  std::uint32_t owner = 0;  // Index of the feature that owns the state; its own when it does.
  int parent = -1;          // Index into FeatureSet::parents: whose states StateRows::parents are.
  std::shared_ptr<const FeatureConfig> config = nullptr;
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
  std::vector<BoundFeature> parents;  // Shared views without a column, folded and sealed like any other: what rates are
                                      // shrunk to.
  std::vector<SharedEntity> entities;
  std::uint32_t user_row_bytes = 0, session_row_bytes = 0;
  std::uint64_t fingerprint = 0;  // Of a row (column_fingerprint.h).
  // What gfr 0.1 called the fingerprint: of the columns' canonical texts, in order. Models of format 1 to 4 and the
  // slates and snapshots of that time carry it.
  std::uint64_t old_fingerprint = 0;
  // The column of type "position", -1: none. It reads the reference, and rows to learn from have the place that their
  // item was shown at there instead.
  int position_column = -1;
  float position_reference = 0;

  std::size_t columns() const { return features.size(); }
  // Whether rows with this fingerprint, of today or of gfr 0.1, have these columns in this order.
  bool HasRowsOf(std::uint64_t row_fingerprint) const {
    return row_fingerprint == fingerprint || row_fingerprint == old_fingerprint;
  }
  // The set of these features and parents alone (their indexes; each owns its state), laid out anew: to fold what they
  // keep. Its features are shrunk to no parent.
  std::shared_ptr<const FeatureSet> Subset(const std::vector<std::uint32_t>& features,
                                           const std::vector<std::uint32_t>& parents) const;
  // Reads [item], [user] and [[feature]] of the project's configuration; errors name the file, the line, the key and
  // what is valid.
  static Result<std::shared_ptr<const FeatureSet>> Make(Config& config);
};

// Which events a view counts: types, and of those that have kinds (item.view, search, filter) only these when there are
// any; of other types all.
struct EventFilter {
  std::uint32_t types = 0;
  std::vector<Key> kinds;
  std::string canonical;
  bool Counts(const EventLine& line) const noexcept {
    if (!(types >> static_cast<unsigned>(line.type) & 1u)) return false;
    if (kinds.empty() || !HasKind(line.type)) return true;
    for (const Key kind : kinds) {
      if (kind == line.kind) return true;
    }
    return false;
  }
};

// What a [[feature]] table says, as the factories get it: keys that the type needs are there, its scope and property
// are of a valid kind. The types are in feature_types.h.
struct FeatureConfig {
  std::string name, type, read, property, scope_name, of, parent;
  int read_index = 0;  // Among the type's reads.
  Scope scope = Scope::kRequest;
  EventFilter events, denominator, without;
  std::vector<std::string> kinds;
  std::vector<std::uint16_t> weights;  // One an event type; empty: each event weighs 1.
  std::int64_t window_ms = 0, half_life_ms = 0, long_half_life_ms = 0;
  std::uint32_t tiles = 1, capacity = 16;
  double prior_weight = 0;
  int item_property = -1, user_property = -1, request_property = -1, request_item_property = -1;
  std::uint32_t vector_offset = 0, vector_size = 0;  // Of the vector property named.
  bool categorical = false;                          // The property named is a category.
  std::vector<std::pair<std::string, double>> own;   // Keys that this type alone has (OwnKey).
  double Own(std::string_view key) const;            // The caller has declared it.
  int of_property = -1;                              // The item property that `of` names.
  bool of_categorical = false;
  std::vector<double> bands;
  std::int64_t utc_offset_ms = 0;
  std::string in_slate;  // Empty: the value itself; else how it is compared with the other candidates' values.
  std::string canonical;
  std::string state;  // Features of one scope and an equal text here have equal states.
  std::uint64_t fingerprint = 0;
};
using MadeView = Result<std::shared_ptr<const FeatureView>>;
FeatureSpec SpecOf(const FeatureConfig& config, std::uint32_t state_bytes, bool categorical = false);

}  // namespace gfr
