// features: list, show, verify.
#include <algorithm>
#include <cstdio>

#include "base/time.h"
#include "commands.h"
#include "dataset/offline_store.h"
#include "feature/describe.h"
#include "operations/check_log.h"

namespace gfr {
namespace {

Json FactsJson(const FeatureFacts& f) {
  return {{"name", f.name},
          {"type", f.type},
          {"read", f.read},
          {"scope", f.scope},
          {"value", f.value},
          {"inputs", f.inputs},
          {"fresh_to", f.freshness},
          {"kept", f.kept},
          {"missing", f.missing},
          {"category", f.categorical},
          {"state_bytes", f.state_bytes},
          {"shares_state_with", f.shares_state_with},
          {"fingerprint", f.fingerprint},
          {"definition", f.definition}};
}

int ShowFeature(const FeatureSet& set, const std::string& name, const Common& common) {
  const auto at = std::ranges::find_if(set.features, [&](const auto& f) { return f.view->spec().name == name; });
  if (at == set.features.end())
    return Fail({ErrorCode::kNotFound, "there is no feature '" + name + "'; see `gfr features list`"});
  const FeatureFacts f = Describe(set, static_cast<std::size_t>(at - set.features.begin()));
  if (common.json) {
    PrintJson(FactsJson(f));
    return 0;
  }
  const auto line = [](const char* what, const std::string& text) {
    if (!text.empty()) std::printf("  %-12s %s\n", what, text.c_str());
  };
  std::printf("%s (%s%s%s): %s\n", f.name.c_str(), f.type.c_str(), f.read.empty() ? "" : ", ", f.read.c_str(),
              f.value.c_str());
  line("scope", f.scope);
  line("inputs", f.inputs);
  line("fresh to", f.freshness);
  line("kept", f.kept);
  line("missing", f.missing);
  line("value", f.categorical ? "a category" : "a number");
  line("state", f.state_bytes == 0 ? "none"
                : f.shares_state_with.empty()
                    ? Grouped(f.state_bytes) + " bytes a " + f.scope
                    : "that of " + f.shares_state_with + " (" + Grouped(f.state_bytes) + " bytes a " + f.scope + ")");
  line("fingerprint", f.fingerprint);
  line("definition", f.definition);
  return 0;
}

// "2026-01-05 to 2026-01-09 (5 dates)"; gaps are said.
std::string DatesText(const std::vector<std::string>& dates) {
  if (dates.size() == 1) return dates[0];
  const auto first = ParseTime(dates.front()), last = ParseTime(dates.back());
  const bool gaps =
      first.ok() && last.ok() && (last.value() - first.value()) / kDayMs + 1 != static_cast<std::int64_t>(dates.size());
  return dates.front() + " to " + dates.back() + " (" + Grouped(dates.size()) + " dates" +
         (gaps ? ", with gaps)" : ")");
}

int ListFeatures(const Project& project, const Common& common) {
  const FeatureSet& set = *project.features();
  const auto offline = ListOffline(PosixFileSystem(), project.offline_folder(), set);
  if (!offline.ok()) return Fail(offline.error());
  std::uint32_t item_bytes = 0;
  for (const SharedEntity& e : set.entities) item_bytes += e.name == "item" ? e.row_bytes : 0;
  Json list = Json::array(), entities = Json::object();
  std::vector<FeatureFacts> facts;
  for (std::size_t k = 0; k < set.features.size(); ++k) facts.push_back(Describe(set, k));
  for (const FeatureFacts& f : facts) list.push_back(FactsJson(f));
  for (const SharedEntity& e : set.entities) entities[e.name] = e.row_bytes;
  if (common.json) {
    Json kept = Json::array();
    for (const OfflineDates& o : offline.value())
      kept.push_back({{"source", o.source},
                      {"view", o.view},
                      {"definition", o.definition},
                      {"current", o.current},
                      {"dates", o.dates}});
    PrintJson({{"features", list},
               {"user_bytes", set.user_row_bytes},
               {"user_budget_bytes", kUserBudgetBytes},
               {"session_bytes", set.session_row_bytes},
               {"item_bytes", item_bytes},
               {"item_budget_bytes", kItemBudgetBytes},
               {"entity_bytes", entities},
               {"materialised", kept}});
    return 0;
  }
  std::size_t wide[3] = {4, 4, 5};
  for (const FeatureFacts& f : facts) {
    wide[0] = std::max(wide[0], f.name.size());
    wide[1] = std::max(wide[1], f.type.size() + (f.read.empty() ? 0 : 1 + f.read.size()));
    wide[2] = std::max(wide[2], f.scope.size());
  }
  const auto row = [&](const std::string& name, const std::string& type, const std::string& scope,
                       const std::string& bytes, const std::string& fingerprint, const std::string& value) {
    std::printf("%-*s  %-*s  %-*s  %6s  %20s  %s\n", static_cast<int>(wide[0]), name.c_str(), static_cast<int>(wide[1]),
                type.c_str(), static_cast<int>(wide[2]), scope.c_str(), bytes.c_str(), fingerprint.c_str(),
                value.c_str());
  };
  row("name", "type", "scope", "bytes", "fingerprint", "value");
  for (const FeatureFacts& f : facts)
    row(f.name, f.read.empty() ? f.type : f.type + " " + f.read, f.scope,
        f.shares_state_with.empty() ? Grouped(f.state_bytes) : "shared", f.fingerprint,
        f.scope == "request" && f.type != "slate" ? f.value + ": " + f.inputs : f.value);
  std::printf("%zu features; bytes of state: %s a user, %s a session", facts.size(),
              Grouped(set.user_row_bytes).c_str(), Grouped(set.session_row_bytes).c_str());
  for (const SharedEntity& e : set.entities) std::printf(", %s a %s", Grouped(e.row_bytes).c_str(), e.name.c_str());
  const auto within = [](std::uint32_t bytes, std::uint32_t budget) {
    return Grouped(bytes) + " of " + Grouped(budget) + (bytes > budget ? " (over)" : "");
  };
  std::printf("\nbudget: %s bytes a user, %s an item\n", within(set.user_row_bytes, kUserBudgetBytes).c_str(),
              within(item_bytes, kItemBudgetBytes).c_str());
  for (const OfflineDates& o : offline.value())
    std::printf("%s values of view %s, definition %s: %s%s\n", o.source.c_str(), o.view.c_str(), o.definition.c_str(),
                DatesText(o.dates).c_str(), o.current ? "" : "; of another definition than gfr.toml has now");
  return 0;
}

int VerifyFeatures(const Project& project, const Common& common) {
  const auto checked = VerifyServedValues(project.workspace(), project.features());
  if (!checked.ok()) return Fail(checked.error());
  const ServedCheck& c = checked.value();
  if (common.json) {
    PrintJson({{"requests", c.requests},
               {"values", c.values},
               {"different", c.different},
               {"other_definitions", c.other_definitions},
               {"before_drop", c.before_drop},
               {"bad_slates", c.bad_slates},
               {"first_bad_slate", c.first_bad},
               {"first_difference", c.first_difference}});
  } else {
    std::printf("%llu served requests, %llu values: %llu differ from the replay%s%s\n",
                static_cast<unsigned long long>(c.requests), static_cast<unsigned long long>(c.values),
                static_cast<unsigned long long>(c.different),
                c.first_difference.empty() ? "" : "; first: ", c.first_difference.c_str());
    if (c.other_definitions > 0)
      std::printf("%llu requests were served with other feature definitions and are not compared\n",
                  static_cast<unsigned long long>(c.other_definitions));
    if (c.before_drop > 0)
      std::printf("%llu requests were served before `gfr log drop` changed what they were read from\n",
                  static_cast<unsigned long long>(c.before_drop));
  }
  if (c.bad_slates > 0)
    std::printf("%llu requests were logged with what cannot have been and are not compared; first: %s\n",
                static_cast<unsigned long long>(c.bad_slates), c.first_bad.c_str());
  return c.different == 0 ? 0 : 1;
}

// Opens the project, then runs `command` on it.
template <typename Run>
int OnProject(const Common& common, const Run& command) {
  const auto project = OpenProject(common.project);
  return project.ok() ? command(*project.value()) : Fail(project.error());
}

}  // namespace

void AddFeatures(CLI::App& app, Command& run) {
  static Common common;
  static std::string name;
  CLI::App* features = AddGroup(app, "features", "The features that gfr.toml declares, and their values",
                                "gfr features list --project demo");
  AddCommand(*features, "list", "Every feature with its type, scope, bytes of state and fingerprint",
             "gfr features list --project demo", common)
      ->callback(
          [&run] { run = [] { return OnProject(common, [](const Project& p) { return ListFeatures(p, common); }); }; });
  CLI::App* show = AddCommand(*features, "show", "One feature: what it reads, keeps and says of missing values",
                              "gfr features show item_ctr_7d --project demo", common);
  show->add_option("NAME", name, "As in gfr.toml")->required();
  show->callback([&run] {
    run = [] { return OnProject(common, [](const Project& p) { return ShowFeature(*p.features(), name, common); }); };
  });
  AddFeaturesGet(*features, run);
  AddFeaturesJoin(*features, run);
  AddCommand(*features, "verify",
             "Compare the values that were served with those of a replay; exit code 1 if any differs",
             "gfr features verify --project demo", common)
      ->callback([&run] {
        run = [] { return OnProject(common, [](const Project& p) { return VerifyFeatures(p, common); }); };
      });
  AddFeaturesProfile(*features, run);
  AddFeaturesMaterialize(*features, run);
}

}  // namespace gfr
