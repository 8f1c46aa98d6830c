#include "world/child_programs.h"

#include <map>

#include "automation/gate.h"
#include "base/json_text.h"
#include "evaluate/report.h"
#include "operations/train_version.h"
#include "world/server_process.h"

namespace gfr {
namespace {

using Flags = std::map<std::string, std::string>;

// "--name value" of the arguments behind `first`.
Flags FlagsOf(const std::vector<std::string>& arguments, std::size_t first) {
  Flags flags;
  for (std::size_t i = first; i + 1 < arguments.size(); ++i) {
    if (arguments[i].starts_with("--")) flags[arguments[i]] = arguments[i + 1];
  }
  return flags;
}

Result<std::string> Train(const Project& project, const Flags& flags) {
  TrainSettings settings = project.train_settings();
  if (const auto run = flags.find("--run"); run != flags.end()) settings.lineage["run"] = run->second;
  GFR_ASSIGN(const Trained trained, TrainVersion(project.workspace(), settings));
  auto json = ParseJson<nlohmann::ordered_json>(ReportToJson(trained.report));
  json["version"] = trained.version;
  json["champion"] = trained.champion;
  return DumpJson(json);
}

Result<std::string> Judge(const Project& project, const std::string& version, const Flags& flags) {
  GFR_ASSIGN(const JudgedWithOffPolicy judged,
             JudgeWithOffPolicy(project.workspace(), project.judge_settings(), version));
  GateRules rules;
  rules.rule = flags.at("--rule") == "better"      ? GateRules::Rule::kBetter
               : flags.at("--rule") == "not_worse" ? GateRules::Rule::kNotWorse
                                                   : GateRules::Rule::kAuto;
  rules.margin = std::stod(flags.at("--margin"));
  rules.max_miscalibration = std::stod(flags.at("--max-miscalibration"));
  rules.max_slowdown = std::stod(flags.at("--max-slowdown"));
  rules.needs_off_policy = flags.at("--without-evidence") == "canary";
  return VerdictJson(judged, DecideGates(judged, rules));
}

Result<std::string> Run(FileSystem& disk, const Clock& clock, const std::vector<std::string>& arguments) {
  GFR_ASSIGN(const auto project, OpenProject(disk, clock));
  if (!arguments.empty() && arguments[0] == "train") return Train(*project, FlagsOf(arguments, 1));
  if (arguments.size() > 3 && arguments[0] == "models" && arguments[1] == "judge")
    return Judge(*project, arguments[2], FlagsOf(arguments, 3));
  return Error{ErrorCode::kInvalidArgument, "the world has no such program"};
}

}  // namespace

SubprocessResult RunGfr(FileSystem& disk, const Clock& clock, const std::vector<std::string>& arguments) {
  const auto out = Run(disk, clock, arguments);
  if (out.ok()) return {.end = {}, .out = out.value() + "\n", .err = ""};
  return {.end = {.code = out.error().code == ErrorCode::kInvalidArgument ? 2 : 1},
          .out = "",
          .err = out.error().ToString() + "\n"};
}

}  // namespace gfr
