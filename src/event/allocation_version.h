// Which version of an experiment's allocation gave an exposed unit its arm: said by the record of the exposure, so that
// a unit keeps the version of its first exposure (state/allocation_note.h) and reports know the arms' probabilities.
//
//   feed.request         ServedSlate::policy: "price@12 banner@3"
//   experiment.exposure  context: experiment "price", version 12
// Only experiments whose allocation changes (design bandit) have versions, numbered from 1. Thread safety: pure
// functions.
#pragma once

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>

#include "event/event.h"

namespace gfr {

inline constexpr std::uint32_t kMostAllocationVersions = 1u << 30;

// One more at the end of a record's policy. REQUIRES: the name has neither '@' nor a space.
inline void AddAllocationVersion(std::string_view experiment, std::uint32_t version, std::string* policy) {
  if (!policy->empty()) *policy += ' ';
  policy->append(experiment).append("@").append(std::to_string(version));
}

// Gives each (experiment, version) of an exposure to `visit`; what is none is passed over.
template <typename Visit>
void ForEachAllocationVersion(const Event& event, const Visit& visit) {
  if (event.type == EventType::kFeedRequest) {
    for (std::string_view left = event.served.policy; !left.empty();) {
      const std::string_view one = left.substr(0, left.find(' '));
      left.remove_prefix(std::min(left.size(), one.size() + 1));
      const std::size_t at = one.rfind('@');
      std::uint32_t version = 0;
      if (at == 0 || at == std::string_view::npos) continue;
      const auto read = std::from_chars(one.data() + at + 1, one.data() + one.size(), version);
      if (read.ec == std::errc() && read.ptr == one.data() + one.size() && version > 0 &&
          version <= kMostAllocationVersions)
        visit(one.substr(0, at), version);
    }
  } else if (event.type == EventType::kExperimentExposure) {
    std::string_view experiment;
    double version = 0;
    for (const Property& p : event.context) {
      if (p.name == "experiment") experiment = p.text;
      if (p.name == "version" && p.text.empty()) version = p.number;
    }
    if (!experiment.empty() && version >= 1 && version <= kMostAllocationVersions)
      visit(experiment, static_cast<std::uint32_t>(version));
  }
}

inline bool HasAllocationVersions(const Event& event) {
  bool has = false;
  ForEachAllocationVersion(event, [&](std::string_view, std::uint32_t) { has = true; });
  return has;
}

}  // namespace gfr
