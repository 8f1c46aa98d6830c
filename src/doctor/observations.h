// Observations: what the doctor keeps of a log, for the checks to judge. Counts are of the whole log; of ids, as many
// as the memory holds are followed completely (KeySample).
//
// Thread safety: none.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "doctor/doctor.h"
#include "base/key_sample.h"
#include "event/activity.h"
#include "event/event.h"

namespace gfr {

// A request id: who used it, and for what.
struct RequestEntry {
  std::string id;  // Until a feed.request has it.
  std::uint32_t requests = 0, impressions = 0, clicks = 0;
  // Clicks that stand in the log before any request of the id; of the others, those before any impression.
  std::uint32_t before_request = 0, before_impression = 0;
  std::vector<Key> slate, shown, clicked;
  std::size_t heap_bytes() const {
    return id.capacity() + sizeof(Key) * (slate.capacity() + shown.capacity() + clicked.capacity());
  }
};

struct UserEntry {
  std::unordered_set<Key> clicked;
  std::uint32_t lines = 0, after_click = 0;  // Of purchases.
  std::size_t heap_bytes() const { return clicked.size() * 40; }
};

struct ItemEntry {
  std::string id;  // Until the catalogue has it.
  bool in_catalogue = false;
  std::uint32_t lines = 0;
  std::size_t heap_bytes() const { return id.capacity(); }
};

struct OrderEntry {
  std::string id;
  std::uint32_t purchases = 0;
  std::size_t heap_bytes() const { return id.capacity(); }
};

// Delays by 16 bins a doubling, both signs: a quantile is right to 5 %.
class DelayHistogram {
 public:
  void Add(std::int64_t delay_ms) {
    const int size = static_cast<int>(std::log2(std::fabs(static_cast<double>(delay_ms)) + 1) * 16);
    ++bins_[delay_ms < 0 ? -size : size];
    ++count_;
  }
  double Quantile(double q) const {
    double left = q * static_cast<double>(count_);
    for (const auto& [bin, count] : bins_) {
      left -= static_cast<double>(count);
      if (left <= 0) return std::copysign(std::exp2(std::abs(bin) / 16.0) - 1, bin);
    }
    return 0;
  }

 private:
  std::map<int, std::uint64_t> bins_;
  std::uint64_t count_ = 0;
};

struct SourceClock {
  std::uint64_t events = 0, late_hour = 0, ahead = 0;
};

inline bool NeedsUser(EventType type) { return !IsCatalogue(type); }
inline bool NeedsItem(EventType type) {
  return type == EventType::kFeedImpression || type == EventType::kFeedClick || type == EventType::kItemView ||
         type == EventType::kCartAdd || type == EventType::kPurchase;
}

struct Observations {
  explicit Observations(const DoctorOptions& options)
      : requests(options.memory_bytes / 2),
        users(options.memory_bytes / 8),
        items(options.memory_bytes / 8),
        orders(options.memory_bytes / 8),
        most_people(std::max<std::size_t>(1000, options.memory_bytes / 8 / (sizeof(Activity) + 64))) {}

  KeySample<RequestEntry> requests;
  KeySample<UserEntry> users;
  KeySample<ItemEntry> items;
  KeySample<OrderEntry> orders;
  const std::size_t most_people;
  std::unordered_map<Key, Activity> people;
  bool people_dropped = false;

  std::uint64_t events = 0, simulated = 0;
  std::array<std::uint64_t, kEventTypes> by_type{}, no_user{}, no_one{}, no_item{};
  std::uint64_t click_without_request = 0, impression_without_request = 0, purchase_without_price = 0;
  std::int64_t first_ms = 0, last_ms = 0, silence_ms = 0, silence_from_ms = 0;
  std::map<std::int64_t, std::array<std::uint64_t, kEventTypes>> days;
  DelayHistogram delays;
  std::uint64_t late_minute = 0, late_hour = 0, late_day = 0, ahead = 0, exact = 0;
  std::map<std::string, SourceClock> sources;

  void Add(const LogRecord& record);  // In log order.

 private:
  void Count(const LogRecord& r);
  void Join(const Event& e);
  void JoinRequest(const Event& e);
  void JoinUser(const Event& e);
  void JoinItems(const Event& e);
  void Follow(const Event& e, std::int64_t arrival_ms);
};

}  // namespace gfr
