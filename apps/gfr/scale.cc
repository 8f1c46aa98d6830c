// scale: the scaling rules of a project, for others to carry out.
#include <fmt/format.h>

#include "automation/scale_manifest.h"
#include "base/json_text.h"
#include "commands.h"

namespace gfr {
namespace {

struct ScaleFlags {
  Common common;
  std::string of;
  ManifestNames names;
};

int RunManifest(const ScaleFlags& flags) {
  const auto project = OpenProject(flags.common.project);
  if (!project.ok()) return Fail(project.error());
  const ScalingRules& rules = *project.value()->configuration().scaling;
  const std::string text = flags.of == "kubernetes" ? KubernetesManifest(rules, flags.names)
                           : flags.of == "keda"     ? KedaManifest(rules, flags.names)
                                                    : SageMakerManifest(rules, flags.names);
  if (flags.common.json)
    PrintJson({{"manifest", flags.of}, {"text", text}});
  else
    fmt::print("{}{}", text, text.ends_with('\n') ? "" : "\n");
  return 0;
}

}  // namespace

void AddScale(CLI::App& app, Command& run) {
  static ScaleFlags flags;
  CLI::App* group = AddGroup(app, "scale", "How many servers a load needs (docs/automation.md)",
                             "gfr scale manifest kubernetes --project demo");
  CLI::App* c = AddCommand(*group, "manifest", "The rules of [scale] as another system carries them out",
                           "gfr scale manifest sagemaker --endpoint shop --project demo", flags.common);
  c->add_option("SYSTEM", flags.of, "Whose manifest")
      ->required()
      ->check(CLI::IsMember({"kubernetes", "keda", "sagemaker"}));
  c->add_option("--deployment", flags.names.deployment, "Kubernetes' Deployment of the readers")->capture_default_str();
  c->add_option("--prometheus", flags.names.prometheus, "Where KEDA finds Prometheus")->capture_default_str();
  c->add_option("--endpoint", flags.names.endpoint, "SageMaker's endpoint")->capture_default_str();
  c->add_option("--variant", flags.names.variant, "Its production variant")->capture_default_str();
  c->callback([&run] { run = [] { return RunManifest(flags); }; });
}

}  // namespace gfr
