// container serve: the inference side of a SageMaker container (docs/protocols.md).
#include <cstdlib>

#include "commands.h"
#include "model_server.h"
#include "serve/model_host.h"

namespace gfr {
namespace {

std::string Variable(const char* name, const std::string& otherwise) {
  const char* value = std::getenv(name);
  return value == nullptr || *value == '\0' ? otherwise : value;
}

bool IsTrue(const std::string& value) { return value == "true" || value == "True" || value == "1"; }

// As SageMaker starts it: models below /opt/ml, port 8080, and what the environment says.
int ServeInContainer(const std::string& root, std::string listen) {
  ModelServerFlags flags{.open = true, .container = true, .batch = IsTrue(Variable("SAGEMAKER_BATCH", ""))};
  if (IsTrue(Variable("SAGEMAKER_MULTI_MODEL", ""))) {
    flags.models = JoinPath(root, "opt/ml/models");
  } else {
    flags.model = JoinPath(root, "opt/ml/model");
  }
  if (listen.empty()) listen = "0.0.0.0:" + Variable("SAGEMAKER_BIND_TO_PORT", "8080");
  flags.listen = std::move(listen);
  return RunModelServer(flags);
}

}  // namespace

void AddContainer(CLI::App& app, Command& run) {
  static std::string root = "/", listen;
  CLI::App* container = AddGroup(
      app, "container", "What a SageMaker container runs: make `gfr container` its entry point", "gfr container serve");
  CLI::App* serve = container->add_subcommand(
      "serve", "Serve the model in /opt/ml/model, or with SAGEMAKER_MULTI_MODEL=true those below /opt/ml/models");
  serve->add_option("--root", root, "Where /opt/ml is")->capture_default_str();
  serve->add_option("--listen", listen, "ADDRESS:PORT; default: 0.0.0.0 and SAGEMAKER_BIND_TO_PORT, else 8080");
  serve->footer("Example: gfr container serve");
  serve->callback([&run] { run = [] { return ServeInContainer(root, listen); }; });
}

}  // namespace gfr
