// Demo: the whole pipeline in one run: events, features, training, evaluation, and a server with clients.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "event/event_rules.h"
#include "operations/demo_clients.h"
#include "operations/train_version.h"

namespace gfr {

struct DemoOptions {
  std::string log;  // A file to import; empty: simulated events.
  std::string format = "trivago";
  std::string map;   // Of csv and parquet.
  EventRules rules;  // What gfr.toml says of events.
  MarketConfig market{.days = 56};
  bool simulated() const { return log.empty(); }
  std::string template_name() const { return simulated() || format != "trivago" ? "shop" : "trivago"; }
};

struct DemoReport {
  Trained trained;
  std::vector<StageTime> stages;
  DemoFeeds feeds;
};

using StartDemoServer = std::function<Result<std::unique_ptr<DemoServer>>(const Workspace& workspace)>;

// Removes the project of an earlier demo, if there is one. kInvalidArgument, and nothing is touched, when the folder
// holds a project that MarkDemo did not mark.
Status RemoveDemo(const Workspace& workspace);
// Says that the folder is a demo's, which the next one may remove.
Status MarkDemo(const Workspace& workspace);

// Fills the log of a project without events, trains, starts the server and runs its clients. Logs each stage
// when it is done.
Result<DemoReport> RunDemo(const Workspace& workspace, const TrainSettings& settings, const DemoOptions& options,
                           const StartDemoServer& start_server);

}  // namespace gfr
