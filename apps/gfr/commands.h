// The subcommands of gfr: each adds itself to the parser and, when chosen, runs and gives the exit code (0 done, 1
// failed, 2 wrong usage).
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>

#include "base/result.h"
#include "project/project.h"
#include "serve/serve_config.h"

namespace gfr {

using Json = nlohmann::ordered_json;

struct Common {
  std::string project = ".";
  bool json = false;
};

using Command = std::function<int()>;
// A command of one project: --project and --json go to `common`, which must outlive the parser.
CLI::App* AddCommand(CLI::App& app, const char* name, const char* what, const char* example, Common& common);
// A command that only holds subcommands, one of which must be given: `gfr log check`. Each subcommand has the options
// that it reads and no other.
CLI::App* AddGroup(CLI::App& app, const char* name, const char* what, const char* example);

// pipeline.cc
void AddInit(CLI::App& app, Command& run);
void AddSimulate(CLI::App& app, Command& run);
void AddDataset(CLI::App& app, Command& run);
void AddTrain(CLI::App& app, Command& run);
void AddEvaluate(CLI::App& app, Command& run);
// import.cc
void AddImport(CLI::App& app, Command& run);
// check.cc
void AddCheck(CLI::App& app, Command& run);
// experiment.cc
void AddExperiment(CLI::App& app, Command& run);
void AddExperimentAnalyze(CLI::App& experiment, Command& run);  // analyze_experiment.cc
void AddExperimentReport(CLI::App& experiment, Command& run);   // report_experiment.cc
void AddExperimentInterleaving(CLI::App& experiment, Command& run);
void AddExperimentPolicy(CLI::App& experiment, Command& run);
// log.cc
void AddLog(CLI::App& app, Command& run);
// models.cc
void AddModels(CLI::App& app, Command& run);
void AddModelsJudge(CLI::App& models, Command& run);  // judge_model.cc
void AddModelsFiles(CLI::App& models, Command& run);  // model_files.cc: export, checkout
// index.cc
void AddIndex(CLI::App& app, Command& run);
// trigger.cc
void AddTrigger(CLI::App& app, Command& run);
Result<Json> RunTriggerToItsEnd(const Project& project, const std::string& name);  // Gives its record.
void PrintTriggerRun(const Json& run);
// backup.cc
void AddBackup(CLI::App& app, Command& run);
void AddRestore(CLI::App& app, Command& run);
// scale.cc
void AddScale(CLI::App& app, Command& run);
// erase.cc
void AddErase(CLI::App& app, Command& run);
// doctor.cc
void AddDoctor(CLI::App& app, Command& run);
// features.cc; the rest of `gfr features` in feature_values.cc, materialize.cc and profile.cc
void AddFeatures(CLI::App& app, Command& run);
void AddFeaturesGet(CLI::App& features, Command& run);
void AddFeaturesJoin(CLI::App& features, Command& run);
void AddFeaturesMaterialize(CLI::App& features, Command& run);
void AddFeaturesProfile(CLI::App& features, Command& run);
// completion.cc, manual.cc: made from all of the above
void AddCompletion(CLI::App& app, Command& run);
void AddManual(CLI::App& app, Command& run);
// server.cc
void AddServe(CLI::App& app, Command& run);
void AddToken(CLI::App& app, Command& run);
void AddExplain(CLI::App& app, Command& run);
// send.cc
void AddSend(CLI::App& app, Command& run);
// status.cc
void AddStatus(CLI::App& app, Command& run);
// container.cc
void AddContainer(CLI::App& app, Command& run);
// trials.cc
void AddTrials(CLI::App& app, Command& run);
// score.cc
void AddPredict(CLI::App& app, Command& run);
void AddScore(CLI::App& app, Command& run);
// demo.cc
void AddDemo(CLI::App& app, Command& run);

// How a log is replayed: --from, --to, --memory, --workers.
struct ReplayFlags {
  std::string from, to;
  std::uint64_t memory_bytes = 4ull << 30;
  int workers = 1;
  Result<DatasetOptions> Options() const;  // kInvalidArgument: not a time.
};
Result<std::int64_t> TimeOption(const std::string& text, std::int64_t otherwise);  // RFC 3339; `otherwise` if empty.
void AddMemoryFlags(CLI::App& command, ReplayFlags& flags);
void AddRangeFlags(CLI::App& command, ReplayFlags& flags);

// Opens a project, and reads [serve] too: a mistake in any table is refused by every command. `serve`: where that goes.
Result<std::unique_ptr<Project>> OpenProject(const std::string& folder, ServeConfig* serve = nullptr);

// Says with which clock a log that ends long ago is served; INT64_MIN: nothing to say.
void PrintClockHint(std::int64_t last_arrival_ms);
void PrintJson(const Json& json);  // On stdout.

// The next line of stdin, without its end; kNotFound at the end of it, kInvalidArgument over 1 MiB.
Result<std::string> ReadLine();

// Prints the error on stderr; 2 for wrong input or configuration, else 1.
int Fail(const Error& error);

}  // namespace gfr
