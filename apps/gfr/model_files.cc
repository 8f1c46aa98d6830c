// models export and checkout: a version for other systems, and its configuration back in gfr.toml.
#include <fmt/format.h>

#include "commands.h"
#include "operations/export_model.h"
#include "project/checkout.h"

namespace gfr {
namespace {

struct ModelFilesFlags {
  Common common;
  std::string version, to;
  bool dry_run = false;
};

int RunExport(const ModelFilesFlags& flags) {
  const auto project = OpenProject(flags.common.project);
  if (!project.ok()) return Fail(project.error());
  const auto model = project.value()->LoadModel(flags.version);
  if (!model.ok()) return Fail(model.error());
  const Workspace& workspace = project.value()->workspace();
  if (const Status s = ExportModel(workspace.fs(), model.value(), workspace.clock().now_ms(), flags.to); !s.ok())
    return Fail(s.error());
  if (flags.common.json) {
    PrintJson({{"version", model.value().version}, {"folder", flags.to}, {"columns", model.value().columns}});
    return 0;
  }
  fmt::print(
      "version {} is in {}: model.onnx for any ONNX runtime, the folder for MLflow (mlflow models serve -m {})\n",
      model.value().version, flags.to, flags.to);
  return 0;
}

int RunCheckout(const ModelFilesFlags& flags) {
  const auto project = OpenProject(flags.common.project);
  if (!project.ok()) return Fail(project.error());
  const auto model = project.value()->LoadModel(flags.version);
  if (!model.ok()) return Fail(model.error());
  if (model.value().configuration.empty()) {
    return Fail({ErrorCode::kNotFound,
                 "version " + model.value().version + " was registered by gfr 0.1, which kept no configuration"});
  }
  const Workspace& workspace = project.value()->workspace();
  const auto text = workspace.fs().ReadAll(workspace.configuration_path());
  if (!text.ok()) return Fail(text.error());
  const auto checkout = CheckOut(text.value(), model.value().configuration);
  if (!checkout.ok()) return Fail(checkout.error());
  const bool applies = !flags.dry_run && !checkout.value().changes.empty();
  ServeConfig serve;
  if (const Status s = WriteCheckout(workspace, checkout.value(), ServeConfig::Reader(&serve), applies); !s.ok())
    return Fail(s.error());
  if (flags.common.json) {
    PrintJson({{"version", model.value().version}, {"changes", checkout.value().changes}, {"applied", applies}});
    return 0;
  }
  for (const std::string& line : checkout.value().changes) fmt::print("{}\n", line);
  if (checkout.value().changes.empty()) {
    fmt::print("gfr.toml has the features, items, objectives and feeds of version {}\n", model.value().version);
  } else if (applies) {
    fmt::print("gfr.toml is that of version {} now; the one before is {}. A running server reads it on `gfr reload`\n",
               model.value().version, workspace.configuration_path() + kBeforeCheckout);
  }
  return 0;
}

}  // namespace

void AddModelsFiles(CLI::App& models, Command& run) {
  static ModelFilesFlags flags;
  CLI::App* exported =
      AddCommand(models, "export", "A version as an MLflow folder with model.onnx, for other systems to predict with",
                 "gfr models export 2 --to feed-model --project demo", flags.common);
  exported->add_option("VERSION", flags.version, "As `gfr models list` has it")->required();
  exported->add_option("--to", flags.to, "A folder that is not there yet, or empty")->required();
  exported->callback([&run] { run = [] { return RunExport(flags); }; });
  CLI::App* checkout = AddCommand(
      models, "checkout", "Put the features, items, objectives and feeds that a version was trained with into gfr.toml",
      "gfr models checkout 2 --dry-run --project demo", flags.common);
  checkout->add_option("VERSION", flags.version, "As `gfr models list` has it")->required();
  checkout->add_flag("--dry-run", flags.dry_run, "Only show the changes");
  checkout->callback([&run] { run = [] { return RunCheckout(flags); }; });
}

}  // namespace gfr
