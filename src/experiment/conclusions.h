// Conclusions: experiments that are over although gfr.toml has them running: stopped by a person, or rolled back by a
// guardrail. Their units get the default, as of an experiment whose status is off.
//
// All of a project's are one JSON document (serve/conclude.h says where). Thread safety: plain values, pure functions.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "base/result.h"
#include "experiment/experiments.h"

namespace gfr {

struct Conclusion {
  static constexpr const char* kRestarted = "restarted";
  std::string decision;  // "roll back", "stopped", or "restarted": it runs again, and only a person ends it.
  std::string reason;
  std::int64_t at_ms = 0;
  bool runs_again() const { return decision == kRestarted; }
  bool operator==(const Conclusion&) const = default;
};

struct Conclusions {
  std::map<std::string, Conclusion> by_experiment;

  std::string ToJson() const;
  // kCorrupt: not what ToJson gave.
  static Result<Conclusions> FromJson(std::string_view text);
  const Conclusion* Find(const std::string& experiment) const {  // Null: none.
    const auto at = by_experiment.find(experiment);
    return at == by_experiment.end() ? nullptr : &at->second;
  }
  // What is over does not run.
  Experiments Apply(Experiments experiments) const;
};

}  // namespace gfr
