// The feature types. Each x_view.cc says of its types what they are called, which keys they take, what each reading is
// and how it is made; what is checked of a [[feature]] table, what `gfr features show` says of it and whether its
// columns can be prepared by item comes from there. A new type is one new file and one line of feature_types.cc
// (docs/recipes/add-a-feature-type.md).
//
// Thread safety: constants.
#pragma once

#include <span>
#include <string>
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
// Whether the value is shrunk to that of another entity (the key `parent`).
enum class ParentRule : std::uint8_t {
  kNone,
  kOfOthers,  // The view reads the whole shop's itself, where it is shared: a state is kept for any other parent.
  kAlways,
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

// A key that is a number and that no other type has; the view reads it by FeatureConfig::Own. FeatureRead::keys names
// it too.
struct OwnKey {
  const char* name;
  double otherwise, low, high;
  bool whole;
};

struct FeatureType {
  const char* name;
  MadeView (*make)(const FeatureConfig&);  // The keys that it needs are there, its scope and property are valid.
  std::span<const FeatureRead> reads;
  std::span<const OwnKey> own_keys = {};
  int version = 0;  // Of its arithmetic, part of every fingerprint; 0: 3 with a half-life, else 2.
  ParentRule parent = ParentRule::kNone;
  bool of_item_alone = false;  // Of scope request: the item and the epoch say the value.
  bool in_local_time = false;  // It depends on the shop's time zone.
  bool shown_place = false;    // Rows to learn from have the place at which the item was shown; one feature at most.
  const char* capacity_of = " items touched last";        // What the key `capacity` counts, in words.
  std::string (*inputs)(const FeatureConfig&) = nullptr;  // What it reads beside what its keys name, in words.
};

// Keys and words that several types share.
inline constexpr char kEventKeys[] = "scope events [kinds]";
inline constexpr char kItemKeys[] = "scope events [kinds] [capacity]";
inline constexpr char kNotRemembered[] = "the candidate is not among the items remembered";

// The key `in_slate` of any type (in_slate_view.cc).
inline constexpr std::string_view kInSlateNames[] = {"rank", "share", "mean", "known"};

std::span<const FeatureType* const> FeatureTypes();
const FeatureType* FindFeatureType(std::string_view name);  // Null: there is none.

// A rate as a state alone, which others are shrunk to (rate_view.cc).
MadeView MakeRateView(const FeatureConfig&);
// `of` compared as f.in_slate says (in_slate_view.cc).
MadeView MakeInSlateView(std::shared_ptr<const FeatureView> of, const FeatureConfig& f);
// That `bands` are there, and rise, where the property is a number.
Status CheckBands(const FeatureConfig& f);
// What affinities and affinity rates tell values apart by: the category, or with bands 1 + the number's band; 0:
// missing.
Key CategoryOrBand(const PropertyValue& value, std::span<const double> bands);

}  // namespace gfr
