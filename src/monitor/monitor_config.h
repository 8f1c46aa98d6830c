// [monitor]: what drift is judged by, how often it may alert when nothing happens, and which alerts are silenced.
// docs/configuration.md has the keys.
#pragma once

#include <string>
#include <vector>

#include "base/config.h"
#include "monitor/drift_options.h"

namespace gfr {

// [[monitor.silence]]: alerts of this name are kept and shown, but told to nobody.
struct Silence {
  std::string name;  // Of the column, objective or event type.
  std::int64_t until_ms = INT64_MAX;
};

struct MonitorConfig {
  DriftOptions options;
  std::vector<Silence> silences;

  // kInvalidArgument names the key and what is valid.
  static Result<MonitorConfig> Read(Config& project);
  // Whether an alert of `name` is silenced at that time.
  bool Silences(const std::string& name, std::int64_t now_ms) const;
};

}  // namespace gfr
