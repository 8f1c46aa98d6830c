// container serve|train: both sides of a SageMaker container (docs/protocols.md).
#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "commands.h"
#include "model_server.h"
#include "operations/train_in_container.h"
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

// What SageMaker's metric definitions read stands on stdout, a line a round.
int RunContainerTraining(const std::string& root, bool json) {
  const auto trained = TrainInContainer(PosixFileSystem(), root, [json](int round, double log_loss) {
    if (json || std::isnan(log_loss)) return;
    std::printf("[%d] validation-logloss:%.6f\n", round, log_loss);
    std::fflush(stdout);
  });
  if (!trained.ok()) return Fail(trained.error());
  const ContainerTraining& t = trained.value();
  if (json) {
    Json out{{"rows", t.rows}, {"features", t.columns}, {"rounds", t.rounds}, {"model", t.model}};
    if (t.validation_rows > 0) out["validation"] = {{"rows", t.validation_rows}, {"log_loss", t.log_loss}};
    std::printf("%s\n", out.dump().c_str());
  } else {
    std::printf("%zu rows of %zu features, %d rounds: %s\n", t.rows, t.columns, t.rounds, t.model.c_str());
  }
  return 0;
}

}  // namespace

void AddContainer(CLI::App& app, Command& run) {
  static std::string root = "/", listen;
  static bool json = false;
  CLI::App* container = AddGroup(
      app, "container", "What a SageMaker container runs: make `gfr container` its entry point", "gfr container serve");
  CLI::App* serve = container->add_subcommand(
      "serve", "Serve the model in /opt/ml/model, or with SAGEMAKER_MULTI_MODEL=true those below /opt/ml/models");
  serve->add_option("--root", root, "Where /opt/ml is")->capture_default_str();
  serve->add_option("--listen", listen, "ADDRESS:PORT; default: 0.0.0.0 and SAGEMAKER_BIND_TO_PORT, else 8080");
  serve->footer("Example: gfr container serve");
  serve->callback([&run] { run = [] { return ServeInContainer(root, listen); }; });
  CLI::App* train = container->add_subcommand(
      "train",
      "Train a forest on the tables in /opt/ml/input/data/train, by /opt/ml/input/config/hyperparameters.json");
  train->add_option("--root", root, "Where /opt/ml is")->capture_default_str();
  train->add_flag("--json", json, "One JSON object at the end, and nothing else");
  train->footer("Example: gfr container train");
  train->callback([&run] { run = [] { return RunContainerTraining(root, json); }; });
}

}  // namespace gfr
