// Co-occurrence: which items the same users view, put into carts and buy, each apart: counts that follow the log, and
// the lists of similar items that an epoch makes of them.
//
// Two items co-occur when a user comes to one while the other is among the user's kLast last ones of that kind. What
// comes again is not counted again while it is among them; a user counts at most kMostADay times a day, and their last
// items are forgotten after kForgetMs without an event. Per item the neighbours met most are kept, by Misra and Gries
// (1982): of a full row the least one loses a count (of equal ones the oldest), and its place when it has none left.
// Memory is bounded: with Limits::items items, the half that were met least are forgotten; with Limits::users users,
// the one who came first.
// Users are people (counted_people.h): a device that becomes a user's brings its last items along. The same records in
// the same order give the same bytes, whether Encode and Decode came in between or not.
// Thread safety: CooccurrenceCounts none; CooccurrenceLists is immutable.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/hash.h"
#include "base/result.h"
#include "event/event.h"
#include "retrieve/counted_people.h"

namespace gfr {

enum class Together : std::uint8_t { kViews = 0, kCarts = 1, kPurchases = 2 };
inline constexpr std::size_t kTogetherKinds = 3;
inline constexpr std::array<const char*, kTogetherKinds> kTogetherNames{"view", "cart", "purchase"};

// An item beside another one.
struct SimilarItem {
  Key item;
  std::uint32_t together;  // How often they co-occurred, at least.
  double lift;             // Over what items as frequent as both would by chance.
  double score;            // Cosine of the two, shrunk by together / (together + kShrink): what they are ordered by.
  static constexpr double kShrink = 10;
};

// The most similar items of each item, all kinds together.
class CooccurrenceLists {
 public:
  static constexpr std::size_t kMost = 12;
  // What carts and purchases count beside views.
  static constexpr std::array<double, kTogetherKinds> kWeights{1, 1.5, 2};
  struct Near {
    std::uint32_t place;  // Of `keys`.
    float score;
  };
  // By rising key; `ends` of each one's entries in `near`, best first.
  CooccurrenceLists(std::vector<Key> keys, std::vector<std::uint32_t> ends, std::vector<Near> near)
      : keys_(std::move(keys)), ends_(std::move(ends)), near_(std::move(near)) {}
  std::span<const Near> Of(Key item) const;
  std::span<const Near> At(std::size_t place) const {
    const std::uint32_t begin = place == 0 ? 0 : ends_[place - 1];
    return std::span(near_).subspan(begin, ends_[place] - begin);
  }
  const std::vector<Key>& keys() const { return keys_; }
  std::size_t memory_bytes() const {
    return keys_.capacity() * sizeof(Key) + ends_.capacity() * 4 + near_.capacity() * sizeof(Near);
  }

 private:
  std::vector<Key> keys_;
  std::vector<std::uint32_t> ends_;
  std::vector<Near> near_;
};

class CooccurrenceCounts {
 public:
  struct Limits {
    std::size_t items = 1u << 18, users = 1u << 18;  // Each at least 2.
  };
  static constexpr std::size_t kLast = 8;
  static constexpr std::array<std::size_t, kTogetherKinds> kNeighbours{16, 8, 8};
  static constexpr std::uint32_t kMostADay = 200;
  static constexpr std::int64_t kForgetMs = 30ll * 24 * 3600 * 1000;
  // Of records to fold: those of other types change nothing.
  static constexpr std::uint32_t kTypes =
      1u << static_cast<unsigned>(EventType::kFeedClick) | 1u << static_cast<unsigned>(EventType::kItemView) |
      1u << static_cast<unsigned>(EventType::kCartAdd) | 1u << static_cast<unsigned>(EventType::kPurchase) |
      1u << static_cast<unsigned>(EventType::kUserAlias);

  CooccurrenceCounts() : CooccurrenceCounts(Limits()) {}
  explicit CooccurrenceCounts(Limits limits, const CountedPeople::Rules& rules = {})
      : limits_(limits), people_(rules) {}

  void Fold(const LogRecord& record);
  // What was read up to there holds nothing more to fold.
  void SkipTo(std::uint64_t offset) { next_offset_ = std::max(next_offset_, offset); }
  std::uint64_t next_offset() const { return next_offset_; }
  std::size_t items() const { return items_.size(); }
  std::size_t memory_bytes() const;

  // The items that co-occur with it, best first; none of an item that is not known.
  std::vector<SimilarItem> Similar(Key item, Together kind) const;
  std::shared_ptr<const CooccurrenceLists> MakeLists() const;

  // docs/formats/cooccurrence.md. Decode: kCorrupt, other bytes; `limits` and `rules` as those that the counts were
  // made with.
  std::string Encode() const;
  static Result<CooccurrenceCounts> Decode(std::string_view bytes, Limits limits,
                                           const CountedPeople::Rules& rules = {});

 private:
  struct Neighbour {
    std::uint32_t item = 0, count = 0;  // 0: an empty place.
  };
  static constexpr std::size_t kAllNeighbours = kNeighbours[0] + kNeighbours[1] + kNeighbours[2];  // At most 32.
  static constexpr std::array<std::size_t, kTogetherKinds> kFirst{0, kNeighbours[0], kNeighbours[0] + kNeighbours[1]};
  struct Item {
    Key key = 0;
    std::array<std::uint32_t, kTogetherKinds> met = {};
    std::array<Neighbour, kAllNeighbours> neighbours = {};
  };
  static constexpr std::uint32_t kNoItem = 0xffffffffu;
  struct User {
    Key key = 0;
    std::int64_t last_ms = 0;
    std::uint32_t day = 0, today = 0;
    std::array<std::array<std::uint32_t, kLast>, kTogetherKinds> last;  // Newest first; kNoItem behind the oldest.
  };
  User& UserOf(Key key, std::int64_t time_ms);
  std::uint32_t ItemOf(Key key);
  void Join(const LogRecord& alias);
  void Note(std::size_t kind, Key item, User& user);
  void Meet(std::size_t kind, std::uint32_t item, std::uint32_t other);
  void ForgetItems();
  // What lists are made of an item as a neighbour.
  struct Met {
    std::uint32_t place;  // By rising key.
    std::array<std::uint32_t, kTogetherKinds> met;
  };
  void NearOf(std::uint32_t at, std::span<const Met> met, std::vector<CooccurrenceLists::Near>* near) const;
  SimilarItem Judge(std::size_t kind, const Item& item, const Neighbour& neighbour) const;

  Limits limits_;
  CountedPeople people_;
  std::uint64_t next_offset_ = 0;
  std::array<std::uint64_t, kTogetherKinds> met_ = {};  // Of all items.
  std::vector<Item> items_;
  std::unordered_map<Key, std::uint32_t> item_of_;
  std::vector<User> users_;
  std::unordered_map<Key, std::uint32_t> user_of_;
  std::size_t oldest_ = 0;  // The user who is forgotten next, once there are Limits::users.
};

}  // namespace gfr
