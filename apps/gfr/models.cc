// models: versions, their aliases, cards and differences; and garbage collection.
#include <fmt/format.h>

#include "base/time.h"
#include "commands.h"

namespace gfr {
namespace {

constexpr const char* kName = Project::kModelName;

struct ModelsOptions {
  std::string action, alias = "champion";
  std::vector<std::string> versions;
  int keep = 10;
  bool dry_run = false;
};

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
int Diff(Registry& registry, const ModelsOptions& options, const Common& common) {
  Json sides[2];
  for (int k = 0; k < 2; ++k) {
    const auto files = registry.Load(kName, options.versions[static_cast<std::size_t>(k)]);
    if (!files.ok()) return Fail(files.error());
    const auto entry = registry.Describe(kName, options.versions[static_cast<std::size_t>(k)]);
    if (!entry.ok()) return Fail(entry.error());
    const auto metrics = files.value().find("metrics.json");
    if (metrics != files.value().end()) sides[k]["metrics"] = Json::parse(metrics->second, nullptr, false);
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
    PrintJson({{"from", options.versions[0]}, {"to", options.versions[1]}, {"changes", changes}});
    return 0;
  }
  for (const Json& c : changes)
    fmt::print("{:<64} {} -> {}{}\n", c["what"].get<std::string>(), c["from"].dump(), c["to"].dump(),
               c.contains("difference") ? fmt::format("  ({:+.6g})", c["difference"].get<double>()) : "");
  fmt::print("{} differences\n", changes.size());
  return 0;
}

int CollectGarbage(Registry& registry, const ModelsOptions& options, const Common& common) {
  const auto removed = registry.CollectGarbage(kName, options.keep, options.dry_run);
  if (!removed.ok()) return Fail(removed.error());
  if (common.json) {
    PrintJson({{"removed", removed.value()}, {"dry_run", options.dry_run}});
    return 0;
  }
  for (const std::string& version : removed.value())
    fmt::print("{} {}/{}\n", options.dry_run ? "would remove" : "removed", kName, version);
  fmt::print("{} versions\n", removed.value().size());
  return 0;
}

int Run(const ModelsOptions& options, const Common& common) {
  const std::string& action = options.action;
  const std::size_t wanted = action == "diff" ? 2 : action == "promote" || action == "show" || action == "card" ? 1 : 0;
  if (options.versions.size() != wanted)
    return Fail({ErrorCode::kInvalidArgument,
                 fmt::format("`gfr models {}` takes {} version(s), not {}", action, wanted, options.versions.size())});
  auto project = Project::Open(common.project);
  if (!project.ok()) return Fail(project.error());
  Registry registry = project.value()->registry();
  if (action == "gc") return CollectGarbage(registry, options, common);
  if (action == "diff") return Diff(registry, options, common);
  if (action == "promote") {
    if (const Status s = registry.SetAlias(kName, options.alias, options.versions[0]); !s.ok()) return Fail(s.error());
  } else if (action == "rollback") {
    if (const auto to = registry.Rollback(kName); !to.ok()) return Fail(to.error());
  } else if (action == "show" || action == "card") {
    const auto files = registry.Load(kName, options.versions[0]);
    if (!files.ok()) return Fail(files.error());
    const auto entry = registry.Describe(kName, options.versions[0]);
    if (!entry.ok()) return Fail(entry.error());
    const auto metrics = files.value().find("metrics.json");
    const std::string text = metrics == files.value().end() ? "{}" : metrics->second;
    if (action == "show")
      PrintJson(Json::parse(text));
    else
      fmt::print("{}", ModelCard(entry.value(), text, WallClock().now_ms()));
    return 0;
  }
  return List(registry, common);
}

}  // namespace

void AddModels(CLI::App& app, Command& run) {
  static Common common;
  static ModelsOptions options;
  CLI::App* c = AddCommand(app, "models", "Model versions: list, show, card, diff, promote, rollback, gc",
                           "gfr models promote 2 --project demo", common);
  c->add_option("ACTION", options.action,
                "list; show (metrics) or card (Markdown) of a version; diff A B; promote VERSION; rollback: the "
                "champion before; gc: remove old versions that nothing uses")
      ->required()
      ->check(CLI::IsMember({"list", "show", "card", "diff", "promote", "rollback", "gc"}));
  c->add_option("VERSIONS", options.versions, "For show, card, diff and promote");
  c->add_option("--alias", options.alias, "promote: champion, challenger or shadow")
      ->capture_default_str()
      ->check(CLI::IsMember({"champion", "challenger", "shadow"}));
  c->add_option("--keep", options.keep, "gc: the newest versions to keep whether used or not")
      ->capture_default_str()
      ->check(CLI::Range(1, 1'000'000));
  c->add_flag("--dry-run", options.dry_run, "gc: only say what would go");
  c->callback([&run] { run = [] { return Run(options, common); }; });
}

}  // namespace gfr
