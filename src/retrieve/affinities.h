// Affinities: what a user likes, as the features keep it: for each property how much more (or less) often the user took
// to items of a category, or of a price band, than to others.
//
// A property is read from the first user-scope feature of type `taste` over it, else of type `affinity`; where the
// configuration has neither, from the items that the user interacted with last, the newest for most. Prices are read
// so from the last items where no feature has bands of them. Lifts of properties are multiplied, each to the power
// kTemper, since properties tell the same thing in part (a brand sells in few categories).
// Thread safety: immutable; of one request.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "retrieve/candidate_source.h"

namespace gfr {

// An item that the user interacted with.
struct LastItem {
  Key key;
  const std::byte* row;
  std::span<const PropertyValue> properties;
};
// The last of the user's items that are in the catalogue, newest first; at most kMostLastItems.
inline constexpr std::size_t kMostLastItems = 8;
std::vector<LastItem> FindLastItems(const SourceQuery& query);

class Affinities {
 public:
  static constexpr double kTemper = 0.8;

  // REQUIRES: what `query` and `last` point to outlives it.
  Affinities(const SourceQuery& query, std::span<const LastItem> last);
  // Nothing is known of the user.
  bool empty() const { return of_.empty() && near_.empty(); }
  // log2 of how many times as likely the user is to take to an item of these properties as to others.
  double LogLift(std::span<const PropertyValue> properties) const;
  // A value of a category property that the user takes to more often than to others.
  struct Liked {
    std::size_t property;
    Key value;
    double log_lift;
  };
  // The `most` best ones of each property, best first.
  std::vector<Liked> Best(std::size_t most) const;

 private:
  struct Value {
    Key key;
    double log_lift;
  };
  struct OfProperty {
    std::size_t property;
    std::span<const double> bands;  // Empty: of a category.
    std::vector<Value> values;      // By key; of others the log lift is 0.
  };
  struct Near {
    double log_price, weight;
  };
  void ReadFeatures(const SourceQuery& query);
  void ReadLastItems(const SourceQuery& query, std::span<const LastItem> last);
  bool Has(std::size_t property) const;
  std::vector<OfProperty> of_;
  std::vector<Near> near_;  // Prices of the last items; weights sum to 1 at most.
};

}  // namespace gfr
