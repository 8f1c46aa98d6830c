#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "base/json_text.h"
#include "base/time.h"
#include "commands.h"
#include "drift.h"
#include "runtime/logger.h"

namespace gfr {

CLI::App* AddCommand(CLI::App& app, const char* name, const char* what, const char* example, Common& common) {
  CLI::App* command = app.add_subcommand(name, what);
  command->add_option("--project", common.project, "The project's folder")->capture_default_str();
  command->add_flag("--json", common.json, "One JSON object on stdout, all else on stderr");
  command->footer(std::string("Example: ") + example);
  return command;
}

CLI::App* AddGroup(CLI::App& app, const char* name, const char* what, const char* example) {
  CLI::App* group = app.add_subcommand(name, what);
  group->require_subcommand(1);
  group->footer(std::string("Example: ") + example);
  return group;
}

Result<std::unique_ptr<Project>> OpenProject(const std::string& folder, ServeConfig* serve) {
  ServeConfig unused;
  return Project::Open(folder, ServeConfig::Reader(serve ? serve : &unused));
}

void PrintClockHint(std::int64_t last_arrival_ms) {
  if (last_arrival_ms == INT64_MIN || last_arrival_ms > SystemClock().now_ms() - kDayMs) return;
  std::printf("the log ends at %s: `gfr serve --clock log` serves it as if it were that day\n",
              FormatTime(last_arrival_ms).c_str());
}

void PrintJson(const Json& json) { std::printf("%s\n", DumpJson(json, 2).c_str()); }

Result<std::string> ReadLine() {
  std::string line;
  for (int c = std::getchar(); c != '\n'; c = std::getchar()) {
    if (c == EOF && line.empty()) return Error{ErrorCode::kNotFound, "stdin has ended"};
    if (c == EOF) break;
    if (line.size() == 1 << 20) return Error{ErrorCode::kInvalidArgument, "a line on stdin is longer than 1 MiB"};
    line += static_cast<char>(c);
  }
  return line;
}

int Fail(const Error& error) {
  std::fprintf(stderr, "gfr: %s\n", error.ToString().c_str());
  return error.code == ErrorCode::kInvalidArgument ? 2 : 1;
}

// GFR_LOG_FORMAT and GFR_LOG_LEVEL (docs/operations.md). kInvalidArgument: not one of their values.
Status ConfigureLogOfEnvironment() {
  const char *format = std::getenv("GFR_LOG_FORMAT"), *level = std::getenv("GFR_LOG_LEVEL");
  GFR_ASSIGN(const LogFormat parsed_format, ParseLogFormat(format ? format : "text"));
  GFR_ASSIGN(const LogLevel parsed_level, ParseLogLevel(level ? level : "info"));
  ConfigureLog(parsed_format, parsed_level);
  return {};
}

// `gfr features --project X list`: the options that every command of a group has may stand before its name; they are
// moved behind it.
std::vector<char*> Arrange(const CLI::App& app, std::vector<char*> arguments) {
  const auto child = [](const CLI::App& of, const std::string& name) -> const CLI::App* {
    for (const CLI::App* c : of.get_subcommands([](const CLI::App*) { return true; })) {
      if (c->check_name(name)) return c;
    }
    return nullptr;
  };
  const CLI::App* group = arguments.size() > 2 ? child(app, arguments[1]) : nullptr;
  if (group == nullptr) return arguments;
  std::size_t at = 2;
  while (at < arguments.size()) {
    const std::string_view argument = arguments[at];
    if (argument == "--project")
      at += 2;
    else if (argument == "--json" || argument.starts_with("--project="))
      ++at;
    else
      break;
  }
  if (at > 2 && at < arguments.size() && child(*group, arguments[at]) != nullptr)
    std::rotate(arguments.begin() + 2, arguments.begin() + static_cast<std::ptrdiff_t>(at),
                arguments.begin() + static_cast<std::ptrdiff_t>(at) + 1);
  return arguments;
}

}  // namespace gfr

int main(int argc, char** argv) {
  CLI::App app("gfr: a generalized feed ranker, from an event log to a served, personalised feed");
  app.require_subcommand(1);
  app.set_version_flag("--version", "gfr " GFR_VERSION);
  gfr::Command run;
  for (const auto add :
       {gfr::AddInit,     gfr::AddCheck,   gfr::AddExperiment, gfr::AddSimulate,  gfr::AddImport,   gfr::AddLog,
        gfr::AddFeatures, gfr::AddDataset, gfr::AddTrain,      gfr::AddTrials,    gfr::AddEvaluate, gfr::AddModels,
        gfr::AddIndex,    gfr::AddTrigger, gfr::AddScale,      gfr::AddDoctor,    gfr::AddDrift,    gfr::AddErase,
        gfr::AddBackup,   gfr::AddRestore, gfr::AddServe,      gfr::AddContainer, gfr::AddStatus,   gfr::AddSend,
        gfr::AddToken,    gfr::AddExplain, gfr::AddPredict,    gfr::AddScore,     gfr::AddDemo,     gfr::AddCompletion,
        gfr::AddManual}) {
    add(app, run);
  }
  std::vector<char*> arguments = gfr::Arrange(app, {argv, argv + argc});
  try {
    app.parse(static_cast<int>(arguments.size()), arguments.data());
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : 2;
  }
  if (const gfr::Status configured = gfr::ConfigureLogOfEnvironment(); !configured.ok())
    return gfr::Fail(configured.error());
  try {
    return run();
  } catch (const std::exception& e) {  // Memory or a thread that cannot be had: what uses many says so itself.
    return gfr::Fail(gfr::Error{gfr::ErrorCode::kUnavailable,
                                std::string("the system refuses what this needs: ") + e.what() +
                                    "; see `ulimit -u` (threads), `ulimit -v` (memory) and `ulimit -n` (files)"});
  }
}
