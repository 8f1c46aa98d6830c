// experiment: what gfr.toml says of variants, experiments and the holdout, and what taking it would move.
#include <fmt/format.h>

#include <algorithm>

#include "base/json_text.h"
#include "commands.h"
#include "serve/allocations.h"
#include "serve/experiments_json.h"

namespace gfr {
namespace {

std::string PercentOfUnits(double share) { return fmt::format("{:.2f} %", 100 * share); }

// [low, high) of the buckets; there are 10,000.
std::string RangeText(const Json& range) {
  return fmt::format("{:.4g} to {:.4g}", range[0].get<double>(), range[1].get<double>());
}
std::string ListText(const Json& names) {
  std::string text;
  for (const Json& name : names) text += (text.empty() ? "" : ", ") + name.get<std::string>();
  return text;
}
std::string DesignText(const Json& experiment) {
  const std::string design = experiment.value("design", "");
  if (design.empty()) return "";
  return design == "interleaving" ? ", whose slates are merged of both arms" : ", design " + design;
}

void PrintExperiments(const Json& json) {
  if (json.contains("holdout"))
    fmt::print("holdout: {} of the units, another part after {} days\n",
               PercentOfUnits(json["holdout"]["share"].get<double>()), json["holdout"]["rotate_days"].get<int>());
  for (const Json& v : json["variants"])
    fmt::print("variant {}: {} of the units, model {}\n", v["name"].get<std::string>(),
               PercentOfUnits(v["share"].get<double>()), v.value("model", "champion"));
  for (const Json& e : json["experiments"]) {
    fmt::print("experiment {} ({}): {} of the units{}\n", e["name"].get<std::string>(), e["status"].get<std::string>(),
               PercentOfUnits(e["share"].get<double>()), DesignText(e));
    if (e.contains("namespace"))
      fmt::print("  namespace {} {}\n", e["namespace"]["name"].get<std::string>(), RangeText(e["namespace"]["range"]));
    if (e.contains("when")) fmt::print("  when {}\n", e["when"].get<std::string>());
    for (const Json& arm : e["arms"])
      fmt::print("  arm {}: buckets {}, model {}, sets {}\n", arm["name"].get<std::string>(), RangeText(arm["range"]),
                 arm.value("model", "champion"), arm["feed"].empty() ? "nothing of the feed" : ListText(arm["feed"]));
  }
  if (!json.contains("holdout") && json["variants"].empty() && json["experiments"].empty())
    fmt::print("no variants, experiments or holdout are configured\n");
}

int RunListExperiments(const Common& common) {
  const auto project = OpenProject(common.project);
  if (!project.ok()) return Fail(project.error());
  auto units = AllocationOf(*project.value(), project.value()->workspace().clock().now_ms());
  if (!units.ok()) return Fail(units.error());
  const auto assigner = MakeAssigner(*project.value(), std::move(units).value(), /*write=*/false);
  if (!assigner.ok()) return Fail(assigner.error());
  const Json json = ExperimentsJson(*assigner.value());
  if (common.json)
    PrintJson(json);
  else
    PrintExperiments(json);
  return 0;
}

int RunCheckExperiments(const Common& common) {
  const auto project = OpenProject(common.project);
  if (!project.ok()) return Fail(project.error());
  const auto allocation = AllocationOf(*project.value(), project.value()->workspace().clock().now_ms());
  if (!allocation.ok()) return Fail(allocation.error());
  const auto &before = allocation.value().before.variants, &next = allocation.value().next.variants;
  int moved = 0;
  for (std::size_t b = 0; b < std::min(before.size(), next.size()); ++b) moved += before[b] != next[b];
  const double share = static_cast<double>(moved) / kBuckets;
  if (common.json) {
    PrintJson({{"valid", true}, {"units_that_change_their_variant", share}});
    return 0;
  }
  fmt::print("the experiments are valid; no unit of a running one would move\n");
  if (!next.empty()) fmt::print("{} of the units would change their production variant\n", PercentOfUnits(share));
  return 0;
}

}  // namespace

void AddExperiment(CLI::App& app, Command& run) {
  static Common list, check;
  CLI::App* group = AddGroup(app, "experiment", "Variants, experiments and the holdout (docs/experiments.md)",
                             "gfr experiment list --project demo");
  CLI::App* c = AddCommand(*group, "list", "What gfr.toml says of them, and the buckets of each",
                           "gfr experiment list --project demo", list);
  c->callback([&run] { run = [] { return RunListExperiments(list); }; });
  c = AddCommand(*group, "check", "Whether a server could take them, and how many units would move",
                 "gfr experiment check --project demo", check);
  c->callback([&run] { run = [] { return RunCheckExperiments(check); }; });
  AddExperimentReport(*group, run);
  AddExperimentAnalyze(*group, run);
  AddExperimentInterleaving(*group, run);
  AddExperimentPolicy(*group, run);
}

}  // namespace gfr
