#include "world/server_process.h"

#include <vector>

#include "serve/access.h"
#include "serve/service.h"

namespace gfr {
namespace {

constexpr const char* kToml = R"(
[serve]
verify = "0s"
[log]
full_share = 0.2
[item]
category = "category"
[user]
city = "category"
[[feature]]
name = "user_clicks"
type = "count"
scope = "user"
events = ["feed.click"]
[[feature]]
name = "item_clicks"
type = "count"
scope = "item"
events = ["feed.click"]
[[feature]]
name = "price"
type = "property"
property = "price"
[[feature]]
name = "city_item_clicks"
type = "count"
scope = "user.city x item"
events = ["feed.click"]
[[objective]]
name = "pctr"
[[experiment]]
name = "colour"
[[experiment.arm]]
name = "blue"
[[experiment.arm]]
name = "red"
weight = 2
)";

}  // namespace

Status MakeProject(FileSystem& disk, const Clock& clock, const std::string& toml) {
  const Workspace workspace(kProjectFolder, disk, clock);
  GFR_TRY(disk.MakeFolders(workspace.log_folder()));
  return PublishFile(disk, workspace.configuration_path(), toml.empty() ? kToml : toml);
}

Result<std::unique_ptr<Project>> OpenProject(FileSystem& disk, const Clock& clock) {
  static ServeConfig ignored;
  return Project::Open(Workspace(kProjectFolder, disk, clock), ServeConfig::Reader(&ignored));
}

Status ServerProcess::Run(const std::stop_token& stop) {
  ServeConfig config;
  GFR_ASSIGN(const auto project,
             Project::Open(Workspace(kProjectFolder, s_.disk, clock_), ServeConfig::Reader(&config)));
  config.compute_threads = config.blocking_threads = 2;
  config.run_child = s_.run_child;
  GFR_ASSIGN(const auto access, Access::Open(s_.disk, {.tokens = {{"admin", "the admin's token"}}}));
  auto opened = Service::Open(*project, config, "wall", *access);
  if (!opened.ok()) {
    if (opened.error().code == ErrorCode::kCorrupt) s_.broken("the server does not start: " + opened.error().message);
    return opened.error();
  }
  const std::unique_ptr<Service> service = std::move(opened).value();
  std::vector<Thread> threads;  // The I/O thread, but for its sockets.
  threads.emplace_back("http", [&](const std::stop_token& end) {
    while (const auto exchange = s_.mailbox.Take(end)) {
      if (auto refused = service->Admit(exchange->request()))
        exchange->Answer(*std::move(refused));
      else
        service->Handle(exchange->request(), [exchange](HttpResponse r) { exchange->Answer(std::move(r)); });
    }
  });
  threads.emplace_back("champion", [&](const std::stop_token& end) { LookAtChampion(project->registry(), end); });
  (void)WaitUntil(kNoDeadline, stop);
  threads.clear();  // No call comes any more; the service ends what was begun.
  return {};
}

void ServerProcess::LookAtChampion(Registry registry, const std::stop_token& stop) {
  do {
    const bool expected = s_.had_champion;
    const auto version = registry.Champion(kModelName);
    if (!version.ok()) {
      if (expected || version.error().code != ErrorCode::kNotFound)
        s_.broken("the champion cannot be found: " + version.error().message);
      continue;
    }
    const auto files = registry.Load(kModelName, version.value());
    if (!files.ok()) {
      s_.broken("champion " + version.value() + " is not whole: " + files.error().message);
    } else if (s_.versions_alike && files.value().at("forest") != files.value().at("calibrator")) {
      s_.broken("champion " + version.value() + " has the files of two trainings");
    }
  } while (WaitUntil(MonotonicMs() + 1000, stop));
}

}  // namespace gfr
