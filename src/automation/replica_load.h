// ReplicaLoad: what several servers of one address have to do, from their /metrics.
//
// Counters of a server begin at 0 with its process. Thread safety: none; time comes with each call.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>

namespace gfr {

// Of one server since its start.
struct ReplicaCounts {
  double feeds = 0;
  std::map<double, double> feeds_within;  // By seconds: how many calls of /v1/feed took at most so long.

  // Lines that it does not know are passed over.
  static ReplicaCounts Read(std::string_view metrics);
};

class ReplicaLoad {
 public:
  static constexpr std::int64_t kWindowMs = 10'000;

  // A server that was started anew has another name.
  void Add(const std::string& replica, std::int64_t now_ms, ReplicaCounts counts);
  void Forget(const std::string& replica) { samples_.erase(replica); }

  // Of all servers, over the last kWindowMs of each; 0 before the second sample.
  double feeds_per_minute() const;
  // The upper bound of the bucket that has the 99th percentile; 0: there was no call.
  double p99_ms() const;

 private:
  struct Sample {
    std::int64_t at_ms;
    ReplicaCounts counts;
  };
  std::map<std::string, std::deque<Sample>> samples_;
};

}  // namespace gfr
