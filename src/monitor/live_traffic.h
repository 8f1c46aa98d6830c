// LiveTraffic: how many events come by the hour, of which type and from which source, and how they join: what gfr
// doctor checks of a whole log, kept live.
//
// Series, by hour of arrival:
//   feed.click from app            events of the type and source
//   clock late from app            events that arrived more than an hour after their time, of the source's
//   clock ahead from app           events that arrived more than a second before their time, of the source's
//   request shown                  requests whose impression came within kJoinMs, of requests; by the request's hour
//   impression known, click known  events of a request that is in the log, of those of the last kJoinMs
//   click shown                    clicks of a request whose impression is in the log, of clicks of known requests
//   purchase clicked               purchases of an item that the user clicked or viewed within a day, of their lines
//   field context.city of feed.request     events of the type that have the property
//   refused, twice                 events that were refused, and that were in the log already, of all that were sent
// A source beyond kMostSources counts as (other), a property beyond kMostFields is not followed. Joins are of a sample
// of request and user ids, by hash, that holds at most kMostKeys each. All of it is in the bytes, so that a server that
// starts again goes on exactly. Memory: 16 bytes a series and hour of kKeptMs, and about 80 bytes a key. Thread safety:
// none.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/byte_reader.h"
#include "base/byte_writer.h"
#include "base/hash.h"
#include "base/time.h"
#include "event/event.h"

namespace gfr {

// Of one hour: `count` of `of`; of a volume `of` is 0.
struct TrafficCount {
  std::uint64_t count = 0, of = 0;
  bool operator==(const TrafficCount&) const = default;
};

class LiveTraffic {
 public:
  static constexpr std::int64_t kJoinMs = kHourMs, kClickMs = kDayMs, kKeptMs = 56 * kDayMs;
  static constexpr std::size_t kMostSources = 16, kMostFields = 64, kMostKeys = 20'000;

  // REQUIRES: records come in log order, from next() on; those before next() are passed over.
  void Fold(const LogRecord& record);
  // Events of these hours that never entered the log, since the last call.
  void AddRefused(std::int64_t now_ms, std::uint64_t refused, std::uint64_t twice, std::uint64_t sent);
  // Settles requests that no impression can come for any more, and forgets what is old.
  void Advance(std::int64_t now_ms);
  void StartAt(std::uint64_t offset) { next_ = offset; }
  std::uint64_t next() const { return next_; }

  const std::vector<std::string>& names() const { return names_; }
  bool is_volume(std::size_t series) const { return volume_[series]; }
  std::int64_t first_ms() const { return hours_.empty() ? 0 : hours_.begin()->first; }
  // By start of the hour; one a series, as many as there were then.
  const std::map<std::int64_t, std::vector<TrafficCount>>& hours() const { return hours_; }

  std::string Encode() const;
  Status Restore(std::string_view bytes);  // kCorrupt, kNeedsNewer.

 private:
  struct Request {
    std::int64_t arrival_ms = 0;
    bool shown = false;
  };
  // Keys that are followed: those whose hash's first `level` bits are 0.
  template <typename Value>
  struct Sample {
    std::map<Key, Value> by_key;
    int level = 0;
    bool Follows(Key key) const { return level == 0 || key >> (64 - level) == 0; }
    void Bound();
  };

  std::size_t Series(const std::string& name, bool volume);
  TrafficCount& At(std::int64_t time_ms, std::size_t series);
  void Count(std::int64_t time_ms, const std::string& name, bool counts);
  void CountClock(const LogRecord& record, const std::string& source);
  void CountFields(const LogRecord& record);
  void Join(const LogRecord& record);
  const std::string& SourceOf(const std::string& source);

  std::vector<std::string> names_;
  std::vector<bool> volume_;
  std::unordered_map<std::string, std::size_t> series_;
  std::map<std::string, bool> sources_, fields_;  // Known ones.
  std::map<std::int64_t, std::vector<TrafficCount>> hours_;
  Sample<Request> requests_;
  Sample<std::int64_t> clicked_;  // By user and item: arrival of the last click or view; followed by its own hash.
  std::uint64_t next_ = 0;
};

}  // namespace gfr
