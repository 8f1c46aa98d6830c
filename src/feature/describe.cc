#include "feature/describe.h"

#include <algorithm>

#include "base/time.h"
#include "feature/feature_types.h"

namespace gfr {
namespace {

// "a", "a and b", "a, b and c".
std::string Listed(const std::vector<std::string>& words) {
  std::string text;
  for (std::size_t k = 0; k < words.size(); ++k)
    text += (k == 0 ? "" : k + 1 == words.size() ? " and " : ", ") + words[k];
  return text;
}

std::string EventsOf(const EventFilter& filter) {
  std::vector<std::string> names;
  for (int t = 1; t < kEventTypes; ++t) {
    if (filter.types >> t & 1u) names.emplace_back(EventTypeName(static_cast<EventType>(t)));
  }
  return Listed(names);
}

std::string PartOf(const SharedEntity::Of& of, const PropertySchema& schema) {
  switch (of.part) {
    case SharedEntity::Part::kItem:
      return "the candidate";
    case SharedEntity::Part::kItemProperty:
      return "the candidate's " + schema.item_names[static_cast<std::size_t>(of.property)];
    case SharedEntity::Part::kUserProperty:
      return "the request's " + schema.user_names[static_cast<std::size_t>(of.property)];
    case SharedEntity::Part::kSurface:
      return "the request's surface";
    case SharedEntity::Part::kLastItem:
      return "the item that the session touched last";
  }
  return "";
}

// ", of the candidate's category": whose state it is, where the value's own words do not say it.
std::string Whose(const FeatureSet& set, const BoundFeature& f, ScopeRule rule) {
  if (rule != ScopeRule::kAny && rule != ScopeRule::kShared) return "";
  if (f.entity < 0) return f.view->spec().scope == Scope::kUser ? ", of the user" : ", of the session";
  const SharedEntity& entity = set.entities[static_cast<std::size_t>(f.entity)];
  std::string text;
  for (const SharedEntity::Of& part : entity.parts)
    text += (text.empty() ? ", of " : " together with ") + PartOf(part, set.schema);
  return text.empty() ? ", of the whole shop" : text;
}

std::string InputsOf(const FeatureConfig& f, const FeatureType& type, PropertyRule rule) {
  std::vector<std::string> parts;
  if (f.events.types != 0) {
    std::string text = "events " + EventsOf(f.events);
    if (!f.kinds.empty()) {
      std::vector<std::string> kinds;
      for (const std::string& kind : f.kinds) kinds.push_back("'" + kind + "'");
      text += ", of kind " + Listed(kinds);
    }
    parts.push_back(std::move(text));
  }
  if (!f.of.empty()) parts.push_back(f.of_property >= 0 ? "their item property " + f.of : "their " + f.of);
  if (f.denominator.types != 0) parts.push_back("over " + EventsOf(f.denominator));
  if (f.without.types != 0) parts.push_back("less " + EventsOf(f.without));
  if (!f.parent.empty()) parts.push_back("the same of the scope " + f.parent);
  std::vector<std::string> weights;
  for (std::size_t t = 0; t < f.weights.size(); ++t) {
    if (f.weights[t] > 1)
      weights.push_back(std::string(EventTypeName(static_cast<EventType>(t))) + " " + std::to_string(f.weights[t]));
  }
  if (!weights.empty()) parts.push_back("counting " + Listed(weights) + " times");
  const std::string named = f.property + (f.vector_size > 0 ? " (a vector of " + std::to_string(f.vector_size) + ")"
                                          : f.categorical   ? " (a category)"
                                                            : " (a number)");
  if (rule == PropertyRule::kContext && f.user_property < 0)
    parts.push_back(f.property == "surface" ? "the request's surface" : "the request's instant, in the shop's time");
  else if (rule == PropertyRule::kContext)
    parts.push_back("user property " + named);
  else if (rule == PropertyRule::kRequest)
    parts.push_back((f.request_item_property >= 0 ? "candidate's " : "request's ") + named);
  else if (rule != PropertyRule::kNone)
    parts.push_back("item property " + named);
  if (type.inputs) parts.push_back(type.inputs(f));
  std::string text;
  for (const std::string& part : parts) text += (text.empty() ? "" : "; ") + part;
  return text;
}

std::string KeptOf(const FeatureConfig& f, const FeatureType& type, std::string_view keys) {
  std::vector<std::string> parts;
  const auto has = [&](std::string_view key) { return keys.find(key) != std::string_view::npos; };
  if (f.window_ms > 0) {
    const std::int64_t tile_ms = f.window_ms / f.tiles;
    std::string text = "a window of " + FormatDuration(f.window_ms);
    if (has("tiles"))
      text += " in " + std::to_string(f.tiles) + " tiles of " + FormatDuration(tile_ms) + ": " +
              (f.tiles > 1 ? "between " + FormatDuration(f.window_ms - tile_ms) + " and " : "up to ") +
              FormatDuration(f.window_ms) + " back";
    parts.push_back(std::move(text));
  } else if (has("window")) {
    parts.emplace_back("all since ever");
  }
  if (f.half_life_ms > 0)
    parts.push_back(
        "each event halves every " + FormatDuration(f.half_life_ms) +
        (f.long_half_life_ms > 0 ? ", and in the long run every " + FormatDuration(f.long_half_life_ms) : ""));
  if (has("capacity")) parts.push_back("the " + std::to_string(f.capacity) + type.capacity_of);
  if (has("prior_weight")) {
    std::string prior = std::to_string(f.prior_weight);
    prior.erase(prior.find_last_not_of('0') + 1);
    if (prior.ends_with('.')) prior.pop_back();
    parts.push_back("the prior counts for " + prior + " observations");
  }
  std::string text;
  for (const std::string& part : parts) text += (text.empty() ? "" : "; ") + part;
  return text;
}

std::string FreshnessOf(const FeatureConfig& f, const FeatureType& type) {
  switch (f.scope) {
    case Scope::kUser:
      return "the user's last event";
    case Scope::kSession:
      return "the session's last event";
    case Scope::kShared:
      return "the last sealed epoch (60 s), at its end";
    case Scope::kRequest:
      break;
  }
  if (type.of_item_alone)
    return "the catalogue of the last sealed epoch (60 s), under what the request says of the candidate";
  return "the request";
}

std::string ComparedOf(const FeatureConfig& f) {
  if (f.in_slate == "rank") return ": how many of the candidates have a smaller one";
  if (f.in_slate == "share") return ": its share of the sum over the candidates";
  if (f.in_slate == "mean") return ": the mean over the candidates, for every candidate";
  if (f.in_slate == "known") return ": how many of the candidates have one, for every candidate";
  return "";
}

}  // namespace

FeatureFacts Describe(const FeatureSet& set, std::size_t feature) {
  const BoundFeature& bound = set.features[feature];
  const FeatureSpec& spec = bound.view->spec();
  const FeatureConfig& f = *bound.config;
  const FeatureType& type = *FindFeatureType(f.type);
  const FeatureRead& read = type.reads[static_cast<std::size_t>(f.read_index)];
  FeatureFacts facts{.name = spec.name,
                     .type = f.type,
                     .read = f.read,
                     .scope = f.scope_name.empty() ? "request" : f.scope_name,
                     .value = read.value + Whose(set, bound, read.scopes) + ComparedOf(f),
                     .inputs = InputsOf(f, type, read.property),
                     .freshness = FreshnessOf(f, type),
                     .kept = KeptOf(f, type, read.keys),
                     .missing = read.missing,
                     .state_bytes = spec.state_bytes,
                     .categorical = spec.categorical,
                     .fingerprint = std::to_string(spec.fingerprint),
                     .definition = spec.canonical};
  if (bound.shares_state) facts.shares_state_with = set.features[bound.owner].view->spec().name;
  return facts;
}

std::string Grouped(std::uint64_t number) {
  std::string text = std::to_string(number);
  for (std::size_t at = text.size(); at > 3;) text.insert(at -= 3, ",");
  return text;
}

}  // namespace gfr
