// models: versions, their aliases, cards and differences; and garbage collection.
#include <fmt/format.h>

#include <array>
#include <set>

#include "automation/run_versions.h"
#include "base/json_text.h"
#include "base/time.h"
#include "commands.h"

namespace gfr {
namespace {

constexpr const char* kName = kModelName;

Json EntryJson(const Registry::Entry& e) {
  return {{"name", e.name},
          {"version", e.version},
          {"champion", e.champion},
          {"aliases", e.aliases},
          {"created", FormatTime(e.created_ms)}};
}

int List(Registry& registry, const Common& common) {
  const auto entries = registry.List(kName);
  if (!entries.ok()) return Fail(entries.error());
  Json list = Json::array();
  for (const auto& e : entries.value()) {
    list.push_back(EntryJson(e));
    std::string aliases;
    for (const std::string& alias : e.aliases) aliases += " " + alias;
    if (!common.json) fmt::print("{}/{} {}{}\n", kName, e.version, FormatTime(e.created_ms), aliases);
  }
  if (common.json) PrintJson({{"models", list}});
  return 0;
}

// Every number and text of two versions' metrics and lineage that is not the same.
int Diff(Registry& registry, const std::array<std::string, 2>& versions, const Common& common) {
  Json sides[2];
  for (std::size_t k = 0; k < 2; ++k) {
    const auto files = registry.Load(kName, versions[k]);
    if (!files.ok()) return Fail(files.error());
    const auto entry = registry.Describe(kName, versions[k]);
    if (!entry.ok()) return Fail(entry.error());
    const auto metrics = files.value().find("metrics.json");
    if (metrics != files.value().end()) sides[k]["metrics"] = ParseJson<Json>(metrics->second, /*throws=*/false);
    sides[k]["lineage"] = entry.value().lineage;
    for (const auto& [file, content] : files.value()) sides[k]["files"][file] = KeyOf(content);
  }
  const Json a = sides[0].flatten(), b = sides[1].flatten();
  Json changes = Json::array();
  const auto add = [&](const std::string& what, const Json& from, const Json& to) {
    if (from == to) return;
    Json change{{"what", what.substr(1)}, {"from", from}, {"to", to}};
    if (what.starts_with("/files/"))
      change = {{"what", what.substr(1)},
                {"from", from.is_null() ? "none" : "one content"},
                {"to", to.is_null() ? "none" : "another"}};
    else if (from.is_number() && to.is_number())
      change["difference"] = to.get<double>() - from.get<double>();
    changes.push_back(std::move(change));
  };
  for (const auto& [what, value] : a.items()) add(what, value, b.contains(what) ? b[what] : Json());
  for (const auto& [what, value] : b.items()) {
    if (!a.contains(what)) add(what, Json(), value);
  }
  if (common.json) {
    PrintJson({{"from", versions[0]}, {"to", versions[1]}, {"changes", changes}});
    return 0;
  }
  for (const Json& c : changes)
    fmt::print("{:<64} {} -> {}{}\n", c["what"].get<std::string>(), DumpJson(c["from"]), DumpJson(c["to"]),
               c.contains("difference") ? fmt::format("  ({:+.6g})", c["difference"].get<double>()) : "");
  fmt::print("{} differences\n", changes.size());
  return 0;
}

int CollectGarbage(Registry& registry, int keep, bool dry_run, const Common& common) {
  const auto project = OpenProject(common.project);
  if (!project.ok()) return Fail(project.error());
  std::set<std::string> named = project.value()->configuration().experiments.Versions();
  RunStore runs(project.value()->shared_objects());
  const auto of_runs = VersionsOfUnfinishedRuns(runs);
  if (!of_runs.ok()) return Fail(of_runs.error());
  named.insert(of_runs.value().begin(), of_runs.value().end());
  const auto removed = registry.CollectGarbage(kName, keep, dry_run, named);
  if (!removed.ok()) return Fail(removed.error());
  if (common.json) {
    PrintJson({{"removed", removed.value()}, {"dry_run", dry_run}});
    return 0;
  }
  for (const std::string& version : removed.value())
    fmt::print("{} {}/{}\n", dry_run ? "would remove" : "removed", kName, version);
  fmt::print("{} versions\n", removed.value().size());
  return 0;
}

int ShowMetrics(Registry& registry, const std::string& version) {
  const auto files = registry.Load(kName, version);
  if (!files.ok()) return Fail(files.error());
  const auto metrics = files.value().find("metrics.json");
  PrintJson(metrics == files.value().end() ? Json::object() : ParseJson<Json>(metrics->second));
  return 0;
}

int ShowCard(Registry& registry, const std::string& version) {
  const auto files = registry.Load(kName, version);
  if (!files.ok()) return Fail(files.error());
  const auto entry = registry.Describe(kName, version);
  if (!entry.ok()) return Fail(entry.error());
  const auto metrics = files.value().find("metrics.json");
  fmt::print("{}",
             ModelCard(entry.value(), metrics == files.value().end() ? "{}" : metrics->second, WallClock().now_ms()));
  return 0;
}

// What the subcommands read; each has its own options, so one command line fills only some of them.
struct ModelsFlags {
  Common common;
  std::string version, other, alias = "champion";
  int keep = 10;
  bool dry_run = false;
};

// Adds a subcommand that runs `command` on the project's registry. `common` must outlive the parser.
CLI::App* AddModelsCommand(CLI::App& models, Command& run, Common& common, const char* name, const char* what,
                           const char* example, std::function<int(Registry&)> command) {
  CLI::App* c = AddCommand(models, name, what, example, common);
  c->callback([&run, &common, command] {
    run = [&common, command] {
      const auto project = OpenProject(common.project);
      if (!project.ok()) return Fail(project.error());
      Registry registry = project.value()->registry();
      return command(registry);
    };
  });
  return c;
}

void AddVersion(CLI::App& command, std::string& version) {
  command.add_option("VERSION", version, "As `gfr models list` has it")->required();
}

}  // namespace

void AddModels(CLI::App& app, Command& run) {
  static ModelsFlags flags;
  CLI::App& models =
      *AddGroup(app, "models", "Model versions of the project's registry", "gfr models promote 2 --project demo");
  AddModelsCommand(models, run, flags.common, "list", "Every version, with its aliases",
                   "gfr models list --project demo", [](Registry& r) { return List(r, flags.common); });
  AddVersion(
      *AddModelsCommand(models, run, flags.common, "show", "The metrics of a version, as JSON",
                        "gfr models show 2 --project demo", [](Registry& r) { return ShowMetrics(r, flags.version); }),
      flags.version);
  AddVersion(
      *AddModelsCommand(models, run, flags.common, "card", "The model card of a version, as Markdown",
                        "gfr models card 2 --project demo", [](Registry& r) { return ShowCard(r, flags.version); }),
      flags.version);
  CLI::App* diff =
      AddModelsCommand(models, run, flags.common, "diff", "Every number and file in which two versions differ",
                       "gfr models diff 1 2 --project demo", [](Registry& r) {
                         return Diff(r, {flags.version, flags.other}, flags.common);
                       });
  AddVersion(*diff, flags.version);
  diff->add_option("OTHER", flags.other, "The version to compare with")->required();
  CLI::App* promote =
      AddModelsCommand(models, run, flags.common, "promote", "Make a version the champion, or what --alias names",
                       "gfr models promote 2 --project demo", [](Registry& r) {
                         const Status s = r.SetAlias(kName, flags.alias, flags.version);
                         return s.ok() ? List(r, flags.common) : Fail(s.error());
                       });
  AddVersion(*promote, flags.version);
  promote->add_option("--alias", flags.alias, "champion, challenger or shadow")
      ->capture_default_str()
      ->check(CLI::IsMember({"champion", "challenger", "shadow"}));
  AddModelsCommand(models, run, flags.common, "rollback", "Make the champion before the present one the champion again",
                   "gfr models rollback --project demo", [](Registry& r) {
                     const auto to = r.Rollback(kName);
                     return to.ok() ? List(r, flags.common) : Fail(to.error());
                   });
  AddModelsJudge(models, run);
  AddModelsFiles(models, run);
  CLI::App* gc = AddModelsCommand(
      models, run, flags.common, "gc", "Remove old versions that no alias, variant or run names and no server uses",
      "gfr models gc --keep 10 --project demo",
      [](Registry& r) { return CollectGarbage(r, flags.keep, flags.dry_run, flags.common); });
  gc->add_option("--keep", flags.keep, "The newest versions, which stay whether used or not")
      ->capture_default_str()
      ->check(CLI::Range(1, 1'000'000));
  gc->add_flag("--dry-run", flags.dry_run, "Only name what would go");
}

}  // namespace gfr
