// check: gfr.toml is valid, and the models in use can be used with it.
#include <fmt/format.h>

#include "commands.h"
#include "operations/check_models.h"
#include "serve/allocations.h"

namespace gfr {
namespace {

int RunCheck(const Common& common) {
  auto project = OpenProject(common.project);
  if (!project.ok()) return Fail(project.error());
  Registry registry = project.value()->registry();
  const auto models = CheckModels(project.value()->workspace(), registry, *project.value()->features());
  if (!models.ok()) return Fail(models.error());
  if (const auto allocation = AllocationOf(*project.value(), project.value()->workspace().clock().now_ms());
      !allocation.ok())
    return Fail(allocation.error());
  Json json{{"features", project.value()->features()->columns()}, {"models", Json::array()}};
  int code = 0;
  for (const CheckedModel& model : models.value()) {
    json["models"].push_back({{"role", model.role}, {"version", model.version}, {"usable", model.usable.ok()}});
    if (model.usable.ok()) continue;
    json["models"].back()["error"] = model.usable.error().ToString();
    // A server goes on without the others.
    if (model.role == "champion") {
      Fail(model.usable.error());
      code = 2;
    }
  }
  if (common.json) {
    PrintJson(json);
    return code;
  }
  fmt::print("gfr.toml is valid: {} features\n", project.value()->features()->columns());
  if (models.value().empty()) fmt::print("there is no model yet; `gfr train` makes one\n");
  for (const CheckedModel& model : models.value())
    fmt::print("{} {}: {}\n", model.role, model.version,
               model.usable.ok() ? "can be used" : model.usable.error().ToString());
  return code;
}

}  // namespace

void AddCheck(CLI::App& app, Command& run) {
  static Common common;
  CLI::App* c =
      AddCommand(app, "check", "Check gfr.toml, and that the champion can be used with it (exit code 2: it cannot)",
                 "gfr check --project demo", common);
  c->callback([&run] { run = [] { return RunCheck(common); }; });
}

}  // namespace gfr
