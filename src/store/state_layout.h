// StateLayout: where each state lies in a store's rows, so that a snapshot of other definitions can be read.
//
// A state has a fingerprint of all that it depends on (the log aside): its feature's keys, its entity, its size, the
// catalogue rules. Who is whom (the alias rule) is of the whole layout: rows of another rule are of no use. Two layouts share the states of equal fingerprints; RowMaps bring a row of one to a row of the
// other. Thread safety: plain values.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "feature/feature_set.h"

namespace gfr {

// Bytes of a row that lie elsewhere in another one.
struct RowMove {
  std::size_t from, to, bytes;
};
using RowMap = std::vector<RowMove>;

struct StateLayout {
  struct State {
    std::uint64_t fingerprint;
    std::uint32_t offset, bytes;  // In the states' part of its row.
  };
  struct Property {
    std::string name, kind;  // "category", "number", "vector:16".
    bool operator==(const Property&) const = default;
  };
  struct Entity {
    std::string name;
    std::uint32_t bytes = 0;
    std::vector<State> states;
  };
  std::vector<Property> item_properties, vectors, user_properties;
  bool price_from_impressions = false;
  std::string alias;  // AliasRule::Canonical.
  // Bytes of the head of an item in an open epoch, and of a row of hidden items and of logins; 16 and 0 (there is no
  // such table) in snapshots before GFRSNAP6.
  std::size_t item_delta_head = 16, hidden_bytes = 0, login_bytes = 0;
  std::uint32_t user_bytes = 0, session_bytes = 0, shop_bytes = 0;  // Of all states of a row.
  std::vector<State> users, sessions, shop;
  std::vector<Entity> entities;  // In the order of their tables.

  static StateLayout Of(const FeatureSet& set);
  std::string ToJson() const;
  static Result<StateLayout> FromJson(std::string_view text);  // kCorrupt: not one, or a state lies outside its row.

  const Entity* Find(std::string_view entity) const;  // Null: there is none.
  // Whole rows.
  std::size_t user_row_bytes() const;
  std::size_t session_row_bytes() const;
  std::size_t item_row_bytes() const;
  std::size_t item_delta_bytes() const;
};

// How rows of `from` become rows of `to`: heads, and the properties and states that both have.
RowMap UserRowMap(const StateLayout& from, const StateLayout& to);
RowMap SessionRowMap(const StateLayout& from, const StateLayout& to);
RowMap ItemRowMap(const StateLayout& from, const StateLayout& to);
RowMap ItemDeltaMap(const StateLayout& from, const StateLayout& to);
RowMap StatesMap(const std::vector<StateLayout::State>& from, const std::vector<StateLayout::State>& to,
                 std::size_t from_at = 0, std::size_t to_at = 0);
void CopyRow(const RowMap& map, const std::byte* from, std::byte* to);

// What a store of `set` does not find in rows of `from`.
struct LackingStates {
  bool catalogue = false;  // A property of an item or a user, or its rules; or the table of hidden items or of logins.
  std::vector<std::uint32_t> features, parents;  // Of the set: owners of states that are not there.
  bool any() const { return catalogue || !features.empty() || !parents.empty(); }
};
LackingStates FindLacking(const StateLayout& from, const FeatureSet& set);

// An open epoch's bytes (SharedState::EncodeDelta) of a store of `from`, for a store of `to`. `items`: with what the
// epoch says of items. kCorrupt: other bytes.
Result<std::string> MapDelta(std::string_view delta, const StateLayout& from, const StateLayout& to, bool items);

}  // namespace gfr
