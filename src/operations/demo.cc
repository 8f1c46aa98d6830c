#include "operations/demo.h"

#include <utility>

#include "operations/import_events.h"
#include "operations/simulate_events.h"
#include "runtime/logger.h"

namespace gfr {
namespace {

std::string MarkerOf(const Workspace& workspace) { return JoinPath(workspace.folder(), ".gfr-demo"); }

// Times the stages one after another.
class Stages {
 public:
  explicit Stages(std::vector<StageTime>* stages) : stages_(stages) {}
  void Done(std::string what, std::uint64_t rows) {
    const double now_s = MonotonicSeconds();
    stages_->push_back({std::move(what), rows, now_s - std::exchange(start_s_, now_s)});
    LogInfo("demo", stages_->back().name + " done", {{"rows", rows}, {"seconds", stages_->back().seconds}});
  }

 private:
  std::vector<StageTime>* const stages_;
  double start_s_ = MonotonicSeconds();
};

// The users of the same market, who go on by other random numbers than those that made the log.
std::unique_ptr<Market> VisitorsOf(const MarketConfig& config) {
  auto market = std::make_unique<Market>(config);
  market->Reseed(config.seed + 1'000'000);
  return market;
}

}  // namespace

Status RemoveDemo(const Workspace& workspace) {
  FileSystem& fs = workspace.fs();
  if (!fs.Exists(workspace.configuration_path())) return {};
  if (!fs.Exists(MarkerOf(workspace)))
    return Error{ErrorCode::kInvalidArgument, "'" + workspace.folder() +
                                                  "' holds a project that is not a demo; name another folder with "
                                                  "--project"};
  return fs.RemoveTree(workspace.folder());
}

Status MarkDemo(const Workspace& workspace) {
  return PublishFile(workspace.fs(), MarkerOf(workspace), "made by `gfr demo`, which may remove this folder\n");
}

namespace {

Result<Imported> FillLog(const Workspace& workspace, const DemoOptions& options) {
  if (options.simulated()) return SimulateEvents(workspace, options.market);
  GFR_ASSIGN(auto inputs, ParseInputs(options.format, {options.log}, options.map));
  GFR_ASSIGN(auto imported, ImportEvents(workspace, {.inputs = std::move(inputs), .rules = options.rules}));
  if (imported.report.events == 0)
    return Error{ErrorCode::kInvalidArgument,
                 "no row of '" + options.log + "' became an event" +
                     (imported.report.rejections.empty() ? "" : ", as " + imported.report.rejections[0])};
  return imported;
}

}  // namespace

Result<DemoReport> RunDemo(const Workspace& workspace, const TrainSettings& settings, const DemoOptions& options,
                           const StartDemoServer& start_server) {
  DemoReport report;
  Stages stages(&report.stages);
  GFR_ASSIGN(const Imported imported, FillLog(workspace, options));
  stages.Done(options.simulated() ? "simulate (simulated events)" : "import", imported.report.events);
  std::int64_t last_arrival_ms = 0;
  {  // The rows are let go before the server starts.
    GFR_ASSIGN(const Dataset data, MakeDataset(workspace, settings.dataset));
    std::uint64_t rows = 0;
    for (const ObjectiveRows& o : data.objectives) rows += o.size();
    last_arrival_ms = data.last_arrival_ms;
    stages.Done("features and dataset", rows);
    GFR_ASSIGN(report.trained, TrainVersionOn(workspace, settings, data));
  }
  report.stages.insert(report.stages.end(), report.trained.stages.begin(), report.trained.stages.end());
  const auto market = options.simulated() ? VisitorsOf(options.market) : nullptr;
  GFR_ASSIGN(const auto server, start_server(workspace));
  GFR_ASSIGN(report.feeds, RunDemoClients(workspace, *server, market.get(), last_arrival_ms));
  report.stages.push_back({"serve feeds over HTTP", report.feeds.feeds, report.feeds.feed_seconds});
  report.stages.push_back({"take events over HTTP", report.feeds.events, report.feeds.event_seconds});
  return report;
}

}  // namespace gfr
