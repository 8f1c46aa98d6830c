#include "store/state_layout.h"

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>

#include "base/byte_reader.h"
#include "base/hash.h"
#include "base/hex.h"
#include "base/json_text.h"
#include "state/login_text.h"
#include "state/shared_state.h"
#include "state/sparse_rows.h"
#include "state/state_rows.h"

namespace gfr {
namespace {

using Json = nlohmann::ordered_json;
using State = StateLayout::State;
using Property = StateLayout::Property;

// Of all that the state's bytes depend on, the log aside. Kinds and sizes of properties are in spec.state.
std::uint64_t StateFingerprint(const FeatureSet& set, const BoundFeature& f) {
  const FeatureSpec& spec = f.view->spec();
  std::string text = spec.state + "\nscope=" + std::to_string(static_cast<int>(spec.scope)) +
                     "\nbytes=" + std::to_string(spec.state_bytes);
  if (f.entity >= 0) text += "\nentity=" + set.entities[static_cast<std::size_t>(f.entity)].name;
  if (set.schema.price_from_impressions) text += "\ncatalogue=price_from_impressions";
  return Hash64(text.data(), text.size());
}

std::vector<Property> Properties(const std::vector<std::string>& names, const std::vector<bool>& categorical) {
  std::vector<Property> properties;
  for (std::size_t k = 0; k < names.size(); ++k)
    properties.push_back({names[k], categorical[k] ? "category" : "number"});
  return properties;
}

std::size_t VectorFloats(const Property& vector) { return std::stoul(vector.kind.substr(7)); }

std::size_t Floats(const std::vector<Property>& vectors) {
  std::size_t floats = 0;
  for (const Property& v : vectors) floats += VectorFloats(v);
  return floats;
}

Json ToJson(const std::vector<Property>& properties) {
  Json json = Json::array();
  for (const Property& p : properties) json.push_back({p.name, p.kind});
  return json;
}
Json ToJson(const std::vector<State>& states) {
  Json json = Json::array();
  for (const State& s : states) json.push_back({HexText(s.fingerprint), s.offset, s.bytes});
  return json;
}

std::vector<Property> PropertiesOf(const Json& json) {
  std::vector<Property> properties;
  for (const Json& p : json) {
    properties.push_back({p.at(0).get<std::string>(), p.at(1).get<std::string>()});
    const std::string& kind = properties.back().kind;
    const bool vector = kind.starts_with("vector:") && kind.size() > 7 && kind.size() < 12 &&
                        kind.find_first_not_of("0123456789", 7) == std::string::npos;
    if (kind != "category" && kind != "number" && !vector) throw std::runtime_error("a property of kind " + kind);
  }
  return properties;
}
std::vector<State> StatesOf(const Json& json, std::uint32_t row_bytes) {
  std::vector<State> states;
  for (const Json& s : json) {
    const auto fingerprint = ParseHex(s.at(0).get<std::string>());
    if (!fingerprint.ok()) throw std::runtime_error(fingerprint.error().message);
    states.push_back({fingerprint.value(), s.at(1).get<std::uint32_t>(), s.at(2).get<std::uint32_t>()});
    const State& state = states.back();
    if (std::uint64_t{state.offset} + state.bytes > row_bytes || state.offset % 8 != 0 || state.bytes % 8 != 0)
      throw std::runtime_error("a state outside its row");
  }
  return states;
}

// Moves of the elements that both lists have, each `bytes` long, from and to where the lists begin.
void AddProperties(const std::vector<Property>& from, const std::vector<Property>& to, std::size_t bytes,
                   std::size_t from_at, std::size_t to_at, RowMap* map) {
  for (std::size_t k = 0; k < to.size(); ++k) {
    if (const auto at = std::ranges::find(from, to[k]); at != from.end())
      map->push_back({from_at + static_cast<std::size_t>(at - from.begin()) * bytes, to_at + k * bytes, bytes});
  }
}

void AddVectors(const std::vector<Property>& from, const std::vector<Property>& to, std::size_t from_at,
                std::size_t to_at, RowMap* map) {
  for (const Property& vector : to) {
    std::size_t at = from_at;
    for (const Property& other : from) {
      if (other == vector) map->push_back({at, to_at, VectorFloats(vector) * sizeof(float)});
      at += VectorFloats(other) * sizeof(float);
    }
    to_at += VectorFloats(vector) * sizeof(float);
  }
}

bool Has(const std::vector<State>& states, std::uint64_t fingerprint) {
  return std::ranges::find(states, fingerprint, &State::fingerprint) != states.end();
}
bool HasAll(const std::vector<Property>& from, const std::vector<Property>& to) {
  return std::ranges::all_of(to, [&](const Property& p) { return std::ranges::count(from, p) > 0; });
}

std::size_t Rounded(std::size_t bytes) { return (bytes + 7) / 8 * 8; }

// Rows by key, as an open epoch has them.
struct DeltaRows {
  std::vector<std::pair<Key, std::vector<std::uint64_t>>> rows;
  void Read(ByteReader& r, std::size_t bytes) {
    for (auto left = r.Number<std::uint64_t>(); left > 0 && !r.bad; --left) {
      auto& [key, row] = rows.emplace_back(r.Number<Key>(), std::vector<std::uint64_t>(bytes / 8));
      TakeRow(r, row);
    }
  }
  // Those that are not all zero in the other layout.
  void Write(const RowMap& map, std::size_t bytes, std::string* out) const {
    std::string mapped;
    std::uint64_t count = 0;
    std::vector<std::uint64_t> to(bytes / 8);
    for (const auto& [key, row] : rows) {
      std::ranges::fill(to, 0);
      CopyRow(map, reinterpret_cast<const std::byte*>(row.data()), reinterpret_cast<std::byte*>(to.data()));
      if (std::ranges::all_of(to, [](std::uint64_t word) { return word == 0; })) continue;
      ++count;
      PutNumber(key, &mapped);
      PutRow(reinterpret_cast<const std::byte*>(to.data()), bytes, &mapped);
    }
    PutNumber(count, out);
    out->append(mapped);
  }
};

}  // namespace

StateLayout StateLayout::Of(const FeatureSet& set) {
  StateLayout layout;
  layout.item_properties = Properties(set.schema.item_names, set.schema.item_categorical);
  layout.user_properties = Properties(set.schema.user_names, set.schema.user_categorical);
  for (std::size_t v = 0; v < set.schema.vector_names.size(); ++v)
    layout.vectors.push_back({set.schema.vector_names[v], "vector:" + std::to_string(set.schema.vector_sizes[v])});
  layout.price_from_impressions = set.schema.price_from_impressions;
  layout.alias = set.schema.alias.Canonical();
  layout.item_delta_head = SharedState::kItemDeltaBytes;
  layout.hidden_bytes = sizeof(HiddenItems);
  layout.login_bytes = kLoginRowBytes;
  layout.user_bytes = set.user_row_bytes;
  layout.session_bytes = set.session_row_bytes;
  for (const SharedEntity& entity : set.entities) layout.entities.push_back({entity.name, entity.row_bytes, {}});
  for (const BoundFeature& f : set.features) {
    const FeatureSpec& spec = f.view->spec();
    if (f.shares_state || spec.state_bytes == 0 || spec.scope == Scope::kRequest) continue;
    const std::uint64_t fingerprint = StateFingerprint(set, f);
    if (spec.scope == Scope::kUser) layout.users.push_back({fingerprint, f.offset, spec.state_bytes});
    if (spec.scope == Scope::kSession) layout.sessions.push_back({fingerprint, f.offset, spec.state_bytes});
    if (f.entity < 0) continue;
    layout.entities[static_cast<std::size_t>(f.entity)].states.push_back({fingerprint, f.offset, spec.state_bytes});
    layout.shop.push_back({fingerprint, layout.shop_bytes, spec.state_bytes});  // As SharedState lays it out.
    layout.shop_bytes += spec.state_bytes;
  }
  for (const BoundFeature& f : set.parents)
    layout.entities[static_cast<std::size_t>(f.entity)].states.push_back(
        {StateFingerprint(set, f), f.offset, f.view->spec().state_bytes});
  return layout;
}

std::string StateLayout::ToJson() const {
  Json json{{"item_properties", gfr::ToJson(item_properties)},
            {"vectors", gfr::ToJson(vectors)},
            {"user_properties", gfr::ToJson(user_properties)},
            {"price_from_impressions", price_from_impressions},
            {"item_delta_head", item_delta_head},
            {"hidden", hidden_bytes},
            {"logins", login_bytes},
            {"users", {{"bytes", user_bytes}, {"states", gfr::ToJson(users)}}},
            {"sessions", {{"bytes", session_bytes}, {"states", gfr::ToJson(sessions)}}},
            {"shop", {{"bytes", shop_bytes}, {"states", gfr::ToJson(shop)}}},
            {"entities", Json::array()}};
  if (!alias.empty()) json["alias"] = alias;
  for (const Entity& e : entities)
    json["entities"].push_back({{"name", e.name}, {"bytes", e.bytes}, {"states", gfr::ToJson(e.states)}});
  return DumpJson(json);
}

Result<StateLayout> StateLayout::FromJson(std::string_view text) try {
  const Json json = ParseJson<Json>(text);
  StateLayout layout;
  layout.item_properties = PropertiesOf(json.at("item_properties"));
  layout.vectors = PropertiesOf(json.at("vectors"));
  layout.user_properties = PropertiesOf(json.at("user_properties"));
  layout.price_from_impressions = json.at("price_from_impressions");
  layout.alias = json.value("alias", "");
  layout.item_delta_head = json.value("item_delta_head", layout.item_delta_head);
  layout.hidden_bytes = json.value("hidden", layout.hidden_bytes);
  layout.login_bytes = json.value("logins", layout.login_bytes);
  const auto known = [](std::size_t bytes, std::size_t before, std::size_t now) {
    if (bytes != before && bytes != now) throw std::runtime_error("a row of " + std::to_string(bytes) + " bytes");
  };
  known(layout.item_delta_head, SharedState::kItemCountsBytes, SharedState::kItemDeltaBytes);
  known(layout.hidden_bytes, 0, sizeof(HiddenItems));
  known(layout.login_bytes, 0, kLoginRowBytes);
  const auto read = [](const Json& rows, std::uint32_t* bytes, std::vector<State>* states) {
    *bytes = rows.at("bytes");
    if (*bytes % 8 != 0) throw std::runtime_error("a row of " + std::to_string(*bytes) + " bytes");
    *states = StatesOf(rows.at("states"), *bytes);
  };
  read(json.at("users"), &layout.user_bytes, &layout.users);
  read(json.at("sessions"), &layout.session_bytes, &layout.sessions);
  read(json.at("shop"), &layout.shop_bytes, &layout.shop);
  for (const Json& entity : json.at("entities")) {
    Entity& e = layout.entities.emplace_back();
    e.name = entity.at("name");
    read(entity, &e.bytes, &e.states);
  }
  return layout;
} catch (const std::exception& e) {
  return Error{ErrorCode::kCorrupt, std::string("the list of states cannot be read: ") + e.what()};
}

const StateLayout::Entity* StateLayout::Find(std::string_view entity) const {
  const auto at = std::ranges::find(entities, entity, &Entity::name);
  return at == entities.end() ? nullptr : &*at;
}

std::size_t StateLayout::user_row_bytes() const {
  return sizeof(UserHeader) + user_properties.size() * sizeof(PropertyValue) + user_bytes;
}
std::size_t StateLayout::session_row_bytes() const { return sizeof(SessionHeader) + session_bytes; }
std::size_t StateLayout::item_row_bytes() const {
  return Rounded(sizeof(ItemSummary) + item_properties.size() * sizeof(PropertyValue) +
                 Floats(vectors) * sizeof(float));
}
std::size_t StateLayout::item_delta_bytes() const {
  return Rounded(item_delta_head + item_properties.size() * SharedState::kStampedBytes + vectors.size() * 8 +
                 Floats(vectors) * sizeof(float));
}

RowMap StatesMap(const std::vector<State>& from, const std::vector<State>& to, std::size_t from_at, std::size_t to_at) {
  RowMap map;
  for (const State& state : to) {
    const auto at = std::ranges::find(from, state.fingerprint, &State::fingerprint);
    if (at != from.end() && at->bytes == state.bytes)
      map.push_back({from_at + at->offset, to_at + state.offset, state.bytes});
  }
  return map;
}

RowMap UserRowMap(const StateLayout& from, const StateLayout& to) {
  const auto states_at = [](const StateLayout& l) { return l.user_row_bytes() - l.user_bytes; };
  RowMap map = StatesMap(from.users, to.users, states_at(from), states_at(to));
  map.push_back({0, 0, sizeof(UserHeader)});
  AddProperties(from.user_properties, to.user_properties, sizeof(PropertyValue), sizeof(UserHeader), sizeof(UserHeader),
                &map);
  return map;
}

RowMap SessionRowMap(const StateLayout& from, const StateLayout& to) {
  RowMap map = StatesMap(from.sessions, to.sessions, sizeof(SessionHeader), sizeof(SessionHeader));
  map.push_back({0, 0, sizeof(SessionHeader)});
  return map;
}

RowMap ItemRowMap(const StateLayout& from, const StateLayout& to) {
  RowMap map{{0, 0, sizeof(ItemSummary)}};
  AddProperties(from.item_properties, to.item_properties, sizeof(PropertyValue), sizeof(ItemSummary),
                sizeof(ItemSummary), &map);
  const auto vectors_at = [](const StateLayout& l) {
    return sizeof(ItemSummary) + l.item_properties.size() * sizeof(PropertyValue);
  };
  AddVectors(from.vectors, to.vectors, vectors_at(from), vectors_at(to), &map);
  return map;
}

RowMap ItemDeltaMap(const StateLayout& from, const StateLayout& to) {
  RowMap map{{0, 0, std::min(from.item_delta_head, to.item_delta_head)}};
  AddProperties(from.item_properties, to.item_properties, SharedState::kStampedBytes, from.item_delta_head,
                to.item_delta_head, &map);
  const auto stamps_at = [](const StateLayout& l) {
    return l.item_delta_head + l.item_properties.size() * SharedState::kStampedBytes;
  };
  AddProperties(from.vectors, to.vectors, 8, stamps_at(from), stamps_at(to), &map);
  AddVectors(from.vectors, to.vectors, stamps_at(from) + from.vectors.size() * 8, stamps_at(to) + to.vectors.size() * 8,
             &map);
  return map;
}

void CopyRow(const RowMap& map, const std::byte* from, std::byte* to) {
  for (const RowMove& move : map) std::memcpy(to + move.to, from + move.from, move.bytes);
}

LackingStates FindLacking(const StateLayout& from, const FeatureSet& set) {
  const StateLayout to = StateLayout::Of(set);
  LackingStates lacking;
  lacking.catalogue = !HasAll(from.item_properties, to.item_properties) || !HasAll(from.vectors, to.vectors) ||
                      !HasAll(from.user_properties, to.user_properties) ||
                      from.price_from_impressions != to.price_from_impressions || from.hidden_bytes == 0 ||
                      from.login_bytes == 0;
  const auto there = [&](const BoundFeature& f, bool column) {
    const std::uint64_t fingerprint = StateFingerprint(set, f);
    if (f.entity >= 0) {
      const StateLayout::Entity* entity = from.Find(set.entities[static_cast<std::size_t>(f.entity)].name);
      return entity && Has(entity->states, fingerprint) && (!column || Has(from.shop, fingerprint));
    }
    return Has(f.view->spec().scope == Scope::kUser ? from.users : from.sessions, fingerprint);
  };
  for (std::size_t k = 0; k < set.features.size(); ++k) {
    const BoundFeature& f = set.features[k];
    const FeatureSpec& spec = f.view->spec();
    if (f.shares_state || spec.state_bytes == 0 || spec.scope == Scope::kRequest) continue;
    if (!there(f, /*column=*/true)) lacking.features.push_back(static_cast<std::uint32_t>(k));
  }
  for (std::size_t k = 0; k < set.parents.size(); ++k) {
    if (!there(set.parents[k], /*column=*/false)) lacking.parents.push_back(static_cast<std::uint32_t>(k));
  }
  return lacking;
}

Result<std::string> MapDelta(std::string_view delta, const StateLayout& from, const StateLayout& to, bool items) {
  ByteReader r{delta};
  DeltaRows of_items;
  of_items.Read(r, from.item_delta_bytes());
  std::vector<DeltaRows> entities(from.entities.size());
  for (std::size_t e = 0; e < entities.size(); ++e) entities[e].Read(r, from.entities[e].bytes);
  std::vector<std::uint64_t> shop(from.shop_bytes / 8), mapped_shop(to.shop_bytes / 8);
  TakeRow(r, shop);
  const std::string_view texts = r.left;
  if (r.bad) return Error{ErrorCode::kCorrupt, "an open epoch's bytes are not those of the snapshot's states"};

  std::string out;
  if (!items) of_items.rows.clear();
  of_items.Write(ItemDeltaMap(from, to), to.item_delta_bytes(), &out);
  for (const StateLayout::Entity& entity : to.entities) {
    const StateLayout::Entity* source = from.Find(entity.name);
    if (source)
      entities[static_cast<std::size_t>(source - from.entities.data())].Write(StatesMap(source->states, entity.states),
                                                                              entity.bytes, &out);
    else
      PutNumber(0, &out);
  }
  CopyRow(StatesMap(from.shop, to.shop), reinterpret_cast<const std::byte*>(shop.data()),
          reinterpret_cast<std::byte*>(mapped_shop.data()));
  PutRow(reinterpret_cast<const std::byte*>(mapped_shop.data()), to.shop_bytes, &out);
  if (items)
    out.append(texts);
  else
    PutNumber(0, &out);
  return out;
}

}  // namespace gfr
