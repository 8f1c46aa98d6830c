// init, import, features, dataset, train, evaluate, models.
#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/time.h"
#include "commands.h"

namespace gfr {
namespace {

using Json = nlohmann::ordered_json;

void Print(const Json& json) { std::printf("%s\n", json.dump(2).c_str()); }

Result<std::int64_t> TimeOption(const std::string& text, std::int64_t otherwise) {
  if (text.empty()) return otherwise;
  return ParseTime(text);
}

int RunImport(const std::string& format, const std::vector<std::string>& files, bool dry_run, const Common& common) {
  auto project = Project::Open(common.project);
  if (!project.ok()) return Fail(project.error());
  const auto imported = project.value()->Import(format, files, dry_run);
  if (!imported.ok()) return Fail(imported.error());
  const ImportReport& r = imported.value().report;
  for (const std::string& why : r.rejections) std::fprintf(stderr, "rejected %s\n", why.c_str());
  if (common.json) {
    Print({{"rows", r.rows}, {"events", r.events}, {"rejected", r.rejected}, {"duplicates", imported.value().duplicates}, {"clicks", r.clicks}, {"clicks_in_slate", r.clicks_in_slate}, {"dry_run", dry_run}});
  } else {
    std::printf("%s %llu rows: %llu events, %llu rejected, %llu duplicates; %llu of %llu clicks find their slate\n", dry_run ? "read" : "imported",
                static_cast<unsigned long long>(r.rows), static_cast<unsigned long long>(r.events), static_cast<unsigned long long>(r.rejected),
                static_cast<unsigned long long>(imported.value().duplicates), static_cast<unsigned long long>(r.clicks_in_slate), static_cast<unsigned long long>(r.clicks));
  }
  return 0;
}

Json FeatureJson(const FeatureSet& set, const BoundFeature& f) {
  static constexpr const char* kScopes[] = {"request", "user", "session", "shared"};
  const FeatureSpec& spec = f.view->spec();
  return {{"name", spec.name}, {"scope", f.entity >= 0 ? set.entities[static_cast<std::size_t>(f.entity)].name : kScopes[static_cast<int>(spec.scope)]},
          {"category", spec.categorical}, {"state_bytes", spec.state_bytes}, {"fingerprint", std::to_string(spec.fingerprint)}, {"definition", spec.canonical}};
}

int RunFeatures(const std::string& action, const std::string& name, const Common& common) {
  auto project = Project::Open(common.project);
  if (!project.ok()) return Fail(project.error());
  const FeatureSet& set = *project.value()->features();
  if (action == "show") {
    for (const BoundFeature& f : set.features) {
      if (f.view->spec().name != name) continue;
      Print(FeatureJson(set, f));
      return 0;
    }
    return Fail({ErrorCode::kNotFound, "there is no feature '" + name + "'; see `gfr features list`"});
  }
  Json list = Json::array();
  for (const BoundFeature& f : set.features) list.push_back(FeatureJson(set, f));
  if (common.json) {
    Print({{"features", list}, {"user_bytes", set.user_row_bytes}, {"session_bytes", set.session_row_bytes}});
    return 0;
  }
  for (const Json& f : list) std::printf("%-28s %-24s %6d bytes\n", f["name"].get<std::string>().c_str(), f["scope"].get<std::string>().c_str(), f["state_bytes"].get<int>());
  std::printf("%zu features; %u bytes a user, %u a session", set.features.size(), set.user_row_bytes, set.session_row_bytes);
  for (const SharedEntity& e : set.entities) std::printf(", %u a %s", e.row_bytes, e.name.c_str());
  std::printf("\n");
  return 0;
}

}  // namespace

void AddInit(CLI::App& app, Command& run) {
  static std::string folder, name = "shop";
  static bool json = false;
  CLI::App* c = app.add_subcommand("init", "Make a project folder with a gfr.toml");
  c->add_option("DIR", folder, "The folder to make")->required();
  c->add_option("--template", name, "shop or trivago")->capture_default_str();
  c->add_flag("--json", json, "One JSON object on stdout");
  c->footer("Example: gfr init myshop --template shop");
  c->callback([&run] {
    run = [] {
      if (const Status s = Project::Init(folder, name); !s.ok()) return Fail(s.error());
      if (json) Print({{"project", folder}, {"template", name}});
      else std::printf("made %s/gfr.toml of template %s\n", folder.c_str(), name.c_str());
      return 0;
    };
  });
}

void AddImport(CLI::App& app, Command& run) {
  static Common common;
  static std::string format;
  static std::vector<std::string> files;
  static bool dry_run = false;
  CLI::App* c = AddCommand(app, "import", "Import an outside log (.xz, .gz and .zst are read directly)", "gfr import trivago train.csv.xz --project demo", common);
  c->add_option("FORMAT", format, "trivago or ndjson")->required();
  c->add_option("FILES", files, "The files")->required();
  c->add_flag("--dry-run", dry_run, "Only read and report");
  c->callback([&run] { run = [] { return RunImport(format, files, dry_run, common); }; });
}

void AddFeatures(CLI::App& app, Command& run) {
  static Common common;
  static std::string action, name;
  CLI::App* c = AddCommand(app, "features", "The features that gfr.toml declares", "gfr features list --project demo", common);
  c->add_option("ACTION", action, "list or show")->required()->check(CLI::IsMember({"list", "show"}));
  c->add_option("NAME", name, "The feature to show");
  c->callback([&run] { run = [] { return RunFeatures(action, name, common); }; });
}

void AddDataset(CLI::App& app, Command& run) {
  static Common common;
  CLI::App* c = AddCommand(app, "dataset", "Replay the log to rows with labels, and count them", "gfr dataset --project demo", common);
  c->callback([&run] {
    run = [] {
      auto project = Project::Open(common.project);
      if (!project.ok()) return Fail(project.error());
      const auto data = project.value()->MakeDataset({});
      if (!data.ok()) return Fail(data.error());
      Json json{{"events", data.value().records}, {"slates", data.value().slates.size()}, {"columns", data.value().columns}, {"objectives", Json::object()}};
      for (std::size_t o = 0; o < project.value()->objectives().size(); ++o) {
        const ObjectiveRows& rows = data.value().objectives[o];
        json["objectives"][project.value()->objectives()[o].name] = {{"rows", rows.size()}, {"positives", std::ranges::count(rows.label, 1.0f)}};
      }
      Print(json);
      return 0;
    };
  });
}

void AddTrain(CLI::App& app, Command& run) {
  static Common common;
  CLI::App* c = AddCommand(app, "train", "Train, calibrate, evaluate and register a model version", "gfr train --project demo", common);
  c->callback([&run] {
    run = [] {
      auto project = Project::Open(common.project);
      if (!project.ok()) return Fail(project.error());
      const auto trained = project.value()->Train();
      if (!trained.ok()) return Fail(trained.error());
      const Project::Trained& t = trained.value();
      if (common.json) {
        Json json = Json::parse(ReportToJson(t.report));
        json["version"] = t.version;
        json["champion"] = t.champion;
        json["report"] = t.html_path;
        Print(json);
      } else {
        std::printf("registered version %s%s; report: %s\n", t.version.c_str(), t.champion ? " (champion)" : "", t.html_path.c_str());
      }
      return 0;
    };
  });
}

void AddEvaluate(CLI::App& app, Command& run) {
  static Common common;
  static std::string model, from, to;
  CLI::App* c = AddCommand(app, "evaluate", "Judge a model version on the rows of a time range", "gfr evaluate --from 2018-11-08 --project demo --json", common);
  c->add_option("--model", model, "The version; the champion when left out");
  c->add_option("--from", from, "RFC 3339, inclusive; the test range when both are left out");
  c->add_option("--to", to, "RFC 3339, exclusive");
  c->callback([&run] {
    run = [] {
      const auto from_ms = TimeOption(from, INT64_MIN), to_ms = TimeOption(to, INT64_MAX);
      if (!from_ms.ok()) return Fail(from_ms.error());
      if (!to_ms.ok()) return Fail(to_ms.error());
      auto project = Project::Open(common.project);
      if (!project.ok()) return Fail(project.error());
      const auto report = project.value()->Evaluate(model, from_ms.value(), to_ms.value());
      if (!report.ok()) return Fail(report.error());
      if (!report.value().note.empty()) std::fprintf(stderr, "note: %s\n", report.value().note.c_str());
      std::printf("%s\n", ReportToJson(report.value()).c_str());
      return 0;
    };
  });
}

void AddModels(CLI::App& app, Command& run) {
  static Common common;
  static std::string action, version;
  CLI::App* c = AddCommand(app, "models", "Model versions: list, show, promote, rollback", "gfr models promote 2 --project demo", common);
  c->add_option("ACTION", action, "list, show, promote or rollback")->required()->check(CLI::IsMember({"list", "show", "promote", "rollback"}));
  c->add_option("VERSION", version, "For show and promote");
  c->callback([&run] {
    run = [] {
      auto project = Project::Open(common.project);
      if (!project.ok()) return Fail(project.error());
      Registry registry = project.value()->registry();
      const std::string name = Project::kModelName;
      if (action == "promote") {
        if (const Status s = registry.Promote(name, version); !s.ok()) return Fail(s.error());
      } else if (action == "rollback") {
        const auto to = registry.Rollback(name);
        if (!to.ok()) return Fail(to.error());
        version = to.value();
      } else if (action == "show") {
        const auto files = registry.Load(name, version);
        if (!files.ok()) return Fail(files.error());
        Print(Json::parse(files.value().at("metrics.json")));
        return 0;
      }
      const auto entries = registry.List(name);
      if (!entries.ok()) return Fail(entries.error());
      Json list = Json::array();
      for (const auto& e : entries.value()) list.push_back({{"name", e.name}, {"version", e.version}, {"champion", e.champion}, {"created", FormatTime(e.created_ms)}});
      if (common.json) Print({{"models", list}});
      else for (const Json& e : list) std::printf("%s/%s %s%s\n", name.c_str(), e["version"].get<std::string>().c_str(), e["created"].get<std::string>().c_str(), e["champion"].get<bool>() ? " champion" : "");
      return 0;
    };
  });
}

}  // namespace gfr
