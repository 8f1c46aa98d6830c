// Trends: what is clicked, viewed and bought most of late, in the whole shop and in each segment of its users: each
// value of each category property of [user] (a city, an acquisition channel) that events carry in their context.
//
// Events of people who are left out (counted_people.h) do not count. An event counts 1, and halves every kHalfLifeMs.
// Per segment kItems items are kept, and a new one takes the place and the count of the least (space saving), of at
// most kSegments segments; further segments are not counted. All counts of a segment decay alike, so their order is
// that of log2(count) + time / half-life, which no time changes. The same records in the same order give the same
// bytes, whether Encode and Decode came in between or not. Thread safety: TrendCounts none; TrendLists is immutable.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/hash.h"
#include "base/result.h"
#include "event/event.h"
#include "feature/feature_set.h"
#include "retrieve/counted_people.h"

namespace gfr {

// The segment of the whole shop, and that of the users with one value of a property.
inline constexpr Key kWholeShop = 1;
inline Key SegmentOf(std::string_view property, Key value) { return PairKey(KeyOf(property), value); }

class TrendLists {
 public:
  explicit TrendLists(std::map<Key, std::vector<Key>> by_segment) : by_segment_(std::move(by_segment)) {}
  // Best first; empty: nothing is known of the segment.
  std::span<const Key> Of(Key segment) const {
    const auto at = by_segment_.find(segment);
    return at == by_segment_.end() ? std::span<const Key>() : std::span<const Key>(at->second);
  }
  const std::map<Key, std::vector<Key>>& by_segment() const { return by_segment_; }
  std::size_t memory_bytes() const;

 private:
  const std::map<Key, std::vector<Key>> by_segment_;
};

class TrendCounts {
 public:
  static constexpr std::size_t kItems = 64, kSegments = 4096;
  static constexpr std::int64_t kHalfLifeMs = 6ll * 3600 * 1000;
  static constexpr std::uint32_t kTypes =
      1u << static_cast<unsigned>(EventType::kFeedClick) | 1u << static_cast<unsigned>(EventType::kItemView) |
      1u << static_cast<unsigned>(EventType::kPurchase) | 1u << static_cast<unsigned>(EventType::kUserAlias);

  explicit TrendCounts(const PropertySchema& schema, const CountedPeople::Rules& rules = {});
  void Fold(const LogRecord& record);
  void SkipTo(std::uint64_t offset) { next_offset_ = std::max(next_offset_, offset); }
  std::uint64_t next_offset() const { return next_offset_; }
  std::size_t memory_bytes() const;
  std::shared_ptr<const TrendLists> MakeLists() const;

  // docs/formats/trends.md. kCorrupt: other bytes. kInvalidArgument: of other properties of [user].
  std::string Encode() const;
  Result<TrendCounts> Decode(std::string_view bytes) const;

 private:
  struct Counted {
    Key item;
    double count;  // As of `at_ms`.
    std::int64_t at_ms;
    double rank() const;
  };
  using Segment = std::vector<Counted>;  // At most kItems, in the order in which they came.
  void Count(Key segment, const LogRecord& record);

  std::vector<std::string> properties_;  // The category properties of [user].
  CountedPeople people_;
  std::uint64_t next_offset_ = 0;
  std::map<Key, Segment> segments_;
};

}  // namespace gfr
