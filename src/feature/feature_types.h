// The feature types and what each of their readings is: one entry a reading, in feature_types.cc. What is checked of a
// [[feature]] table, and what `gfr features show` says of it, comes from here; a new type is one file and its entries.
//
// Thread safety: constants.
#pragma once

#include <span>
#include <string_view>

#include "feature/feature_set.h"

namespace gfr {

enum class ScopeRule : std::uint8_t { kRequest, kUserOrSession, kShared, kAny };  // kAny: any but the request.
enum class PropertyRule : std::uint8_t {
  kNone,
  kContext,  // A user property, or one of kContextNames.
  kItem,
  kItemNumber,
  kItemCategory,
  kItemVector,
  kRequest,  // Of [request] or [request_item].
};

// What `context` reads beside user properties.
inline constexpr const char* kContextNames[] = {"local_hour", "day_of_week", "month", "is_weekend", "surface"};

struct FeatureRead {
  const char* name;  // The key `read`; null: the type has one reading and no such key.
  const char* keys;  // Of the table beside name, type and read; those in brackets may be left out.
  ScopeRule scopes;
  PropertyRule property;
  int state;            // Readings of a type with one number keep one state, if their other keys are equal.
  const char* value;    // What the value is, in words.
  const char* missing;  // When there is none.
};

struct FeatureType {
  const char* name;
  MadeView (*make)(const FeatureConfig&);
  std::span<const FeatureRead> reads;
};

// The key `in_slate` of any type (in_slate_view.cc).
inline constexpr std::string_view kInSlateNames[] = {"rank", "share", "mean", "known"};

std::span<const FeatureType> FeatureTypes();
const FeatureType* FindFeatureType(std::string_view name);  // Null: there is none.

MadeView MakeContextView(const FeatureConfig&);      // context_view.cc: context, property, age
MadeView MakeRequestView(const FeatureConfig&);      // request_view.cc
MadeView MakeSlateView(const FeatureConfig&);        // slate_view.cc
MadeView MakePositionView(const FeatureConfig&);     // position_view.cc
MadeView MakeCountView(const FeatureConfig&);        // count_view.cc: count, sum, mean, min, max
MadeView MakeRateView(const FeatureConfig&);         // rate_view.cc
MadeView MakeDecayView(const FeatureConfig&);        // decay_view.cc: decayed_count, since
MadeView MakeDistinctView(const FeatureConfig&);     // distinct_view.cc
MadeView MakeTrendView(const FeatureConfig&);        // trend_view.cc
MadeView MakeInteractionView(const FeatureConfig&);  // interaction_view.cc
MadeView MakeLastEventView(const FeatureConfig&);    // last_event_view.cc
MadeView MakeSequenceView(const FeatureConfig&);     // sequence_view.cc
MadeView MakePlaceView(const FeatureConfig&);        // place_view.cc
MadeView MakeAffinityView(const FeatureConfig&);     // affinity_view.cc
MadeView MakeDistanceView(const FeatureConfig&);     // distance_view.cc
MadeView MakeRelativeView(const FeatureConfig&);     // relative_view.cc
MadeView MakeTasteView(const FeatureConfig&);        // taste_view.cc
MadeView MakeSimilarityView(const FeatureConfig&);   // similarity_view.cc
// That `bands` are there, and rise, where the property is a number.
Status CheckBands(const FeatureConfig& f);
// What affinity and taste tell values apart by: the category, or with bands 1 + the number's band; 0: missing.
Key CategoryOrBand(const PropertyValue& value, std::span<const double> bands);
// `of` compared as f.in_slate says.
MadeView MakeInSlateView(std::shared_ptr<const FeatureView> of, const FeatureConfig& f);

}  // namespace gfr
