// [monitor]: what drift is judged by, how often it may alert when nothing happens, who is told, and which alerts are
// silenced.
// docs/configuration.md has the keys.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/config.h"
#include "monitor/alert.h"
#include "monitor/drift_options.h"

namespace gfr {

// [[monitor.silence]]: what is known of this name is a note, and no alert.
struct Silence {
  std::string name;  // Of the column, objective or event type.
  std::int64_t until_ms = INT64_MAX;
};

// [monitor.webhook]: who is told when an alert opens and when it is over.
struct AlertWebhook {
  std::string url, secret_env;  // Of the variable with the secret that signs; empty: no signature.
  bool allow_private = false;   // The URL may lead to this network.
};

struct MonitorConfig {
  DriftOptions options;
  std::optional<AlertWebhook> webhook;
  std::vector<Silence> silences;

  // kInvalidArgument names the key and what is valid.
  static Result<MonitorConfig> Read(Config& project);
  // Takes out the alerts that are silenced at that time; `notes` get a sentence for each.
  void LeaveOutSilenced(std::int64_t now_ms, std::vector<DriftAlert>* alerts, std::vector<std::string>* notes) const;
};

}  // namespace gfr
