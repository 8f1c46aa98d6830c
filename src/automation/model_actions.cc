#include "automation/model_actions.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <limits>

#include "automation/index_step.h"
#include "base/json_text.h"
#include "operations/load_model.h"
#include "runtime/logger.h"
#include "runtime/webhook.h"

namespace gfr {
namespace {

using Json = nlohmann::ordered_json;

// What a child of ours needs: where programs and libraries lie, how times are read, and the registry's credentials.
const std::vector<std::string>& OwnVariables() {
  static const std::vector<std::string> names{"PATH",
                                              "HOME",
                                              "TMPDIR",
                                              "LANG",
                                              "TZ",
                                              "TZDIR",
                                              "LD_LIBRARY_PATH",
                                              "GFR_LOG_FORMAT",
                                              "GFR_LOG_LEVEL",
                                              "GFR_XGBOOST_LIBRARY",
                                              "GFR_LIGHTGBM_LIBRARY",
                                              "OMP_NUM_THREADS",
                                              "AWS_REGION",
                                              "AWS_ENDPOINT_URL",
                                              "AWS_ACCESS_KEY_ID",
                                              "AWS_SECRET_ACCESS_KEY",
                                              "AWS_SESSION_TOKEN"};
  return names;
}
// What another program gets: no credentials.
const std::vector<std::string>& PublicVariables() {
  static const std::vector<std::string> names{"PATH", "HOME", "TMPDIR", "LANG", "TZ", "TZDIR"};
  return names;
}

// As `gfr models judge` says it (automation/gate.h).
constexpr const char* kCanaryOnlyVerdict = "canary only";

std::string LastLine(std::string_view text) {
  while (text.ends_with('\n')) text.remove_suffix(1);
  const std::size_t at = text.rfind('\n');
  return std::string(text.substr(at == std::string_view::npos ? 0 : at + 1)).substr(0, 500);
}

std::string LineageOf(const StepContext& context) { return context.run.id + "/" + context.record.name; }

// A number of a report, NaN where it is null or not there.
double NumberIn(const Json& json, const char* key) {
  const auto at = json.is_object() ? json.find(key) : json.end();
  return json.is_object() && at != json.end() && at->is_number() ? at->get<double>()
                                                                 : std::numeric_limits<double>::quiet_NaN();
}

// Of the report's first objective.
StepValues MetricsOf(const Json& report) {
  const auto objectives = report.is_object() ? report.find("objectives") : report.end();
  const bool any = report.is_object() && objectives != report.end() && objectives->is_object() && !objectives->empty();
  const Json first = any ? objectives->front() : Json::object();
  return {{"log_loss", NumberIn(first, "log_loss")},
          {"auc", NumberIn(first, "auc_roc")},
          {"observed_over_expected", NumberIn(first, "observed_over_expected")},
          {"rows", NumberIn(first, "rows")}};
}

// "at least 3 and at most 6 servers for 2h".
std::string BoundsText(const StepConfig& step) {
  if (!step.min_replicas && !step.max_replicas) return "as many servers as [scale] says";
  std::string text;
  if (step.min_replicas) text = fmt::format("at least {}", *step.min_replicas);
  if (step.max_replicas) text += fmt::format("{}at most {}", text.empty() ? "" : " and ", *step.max_replicas);
  text += " servers";
  return step.for_ms > 0 ? text + " for " + FormatDuration(step.for_ms) : text;
}

Error NoCandidate(const StepContext& context) {
  return {ErrorCode::kInvalidArgument,
          fmt::format("step {} has no version: put `retrain` or `recalibrate` before it", context.record.name)};
}

// Whether a canary of this run has shown how the version does: not one that had nothing to be compared with.
bool PassedCanary(const RunRecord& run, const std::string& version) {
  return std::ranges::any_of(run.steps, [&](const StepRecord& step) {
    const auto its = step.outputs.find("version");
    return step.action == ActionName(StepAction::kCanary) && step.state == StepState::kDone &&
           step.outputs.contains("share") && its != step.outputs.end() && its->second == StepValue(version);
  });
}

}  // namespace

std::string OwnProgram() {
  std::error_code code;
  std::string path = std::filesystem::read_symlink("/proc/self/exe", code).string();
  constexpr std::string_view kDeleted = " (deleted)";
  if (path.ends_with(kDeleted)) path.resize(path.size() - kDeleted.size());
  return path;
}

std::vector<std::string> ChildArguments(const StepConfig& step, const std::string& folder, const std::string& version,
                                        const std::string& lineage) {
  std::vector<std::string> arguments;
  switch (step.action) {
    case StepAction::kRetrain:
      arguments = {"train", "--run", lineage};
      break;
    case StepAction::kRecalibrate:
      arguments = {"train", "--recalibrate", "--run", lineage};
      break;
    case StepAction::kEvaluate:
      arguments = {"evaluate"};
      if (!version.empty()) arguments.insert(arguments.end(), {"--model", version});
      break;
    case StepAction::kGate:
    case StepAction::kPromote:
      arguments = {"models",
                   "judge",
                   version,
                   "--rule",
                   step.rule,
                   "--margin",
                   fmt::format("{}", step.margin),
                   "--max-miscalibration",
                   fmt::format("{}", step.max_miscalibration),
                   "--max-slowdown",
                   fmt::format("{}", step.max_slowdown),
                   "--without-evidence",
                   step.without_evidence};
      break;
    case StepAction::kIndex:
      arguments = IndexArguments(step, lineage);
      break;
    case StepAction::kShadow:
    case StepAction::kCanary:
    case StepAction::kRollback:
    case StepAction::kWebhook:
    case StepAction::kRun:
    case StepAction::kAlert:
    case StepAction::kScale:
      return {};
  }
  arguments.insert(arguments.end(), {"--project", folder, "--json"});
  return arguments;
}

Result<StepOutcome> ModelActions::operator()(StepContext& context) const {
  if (context.ends) return TakeBack(context);
  switch (context.config.action) {
    case StepAction::kRetrain:
    case StepAction::kRecalibrate:
      return Train(context);
    case StepAction::kEvaluate:
      return Evaluate(context);
    case StepAction::kGate:
      return Gate(context);
    case StepAction::kPromote:
      return Promote(context);
    case StepAction::kShadow:
      return Shadow(context);
    case StepAction::kCanary:
      return RunCanary(context);
    case StepAction::kRollback:
      return RollBack(context);
    case StepAction::kWebhook:
      return Webhook(context);
    case StepAction::kRun:
      return Run(context);
    case StepAction::kScale:
      return Scale(context);
    case StepAction::kIndex:
      return MakeIndexStep(context, options_.registry, *options_.clock, LineageOf(context),
                           ChildArguments(context.config, options_.project_folder, "", LineageOf(context)),
                           [&](const std::vector<std::string>& arguments) { return RunChild(context, arguments); });
    case StepAction::kAlert:
      LogError("triggers", "ALERT: " + (context.config.message.empty() ? context.run.reason : context.config.message),
               {{"run", context.run.id}, {"trigger", context.run.trigger}});
      return StepOutcome{};
  }
  return Error{ErrorCode::kInternal, "no such action"};
}

std::string ModelActions::Describe(const RunRecord& run, const TriggerConfig& trigger, std::size_t at) const {
  const StepConfig& step = trigger.steps[at];
  std::vector<std::string> words = ChildArguments(step, options_.project_folder, "VERSION", run.id + "/" + step.name);
  if (!words.empty()) words.insert(words.begin(), "gfr");
  if (step.action == StepAction::kRun) words = step.command;
  if (step.action == StepAction::kWebhook) words = {"POST", step.url};
  if (step.action == StepAction::kShadow) words = {"shadow for", FormatDuration(step.for_ms)};
  if (step.action == StepAction::kCanary)
    words = {fmt::format("canary with {} of the units,", fmt::join(step.ramp, ", then ")), FormatDuration(step.for_ms),
             "each"};
  if (step.action == StepAction::kRollback) words = {"the champion before"};
  if (step.action == StepAction::kScale) words = {BoundsText(step)};
  if (step.action == StepAction::kAlert) words = {"ALERT in the log"};
  return fmt::format("{}", fmt::join(words, " "));
}

Result<std::string> ModelActions::RunChild(StepContext& context, const std::vector<std::string>& arguments) const {
  std::vector<std::string> command{options_.program};
  command.insert(command.end(), arguments.begin(), arguments.end());
  context.record.inputs["command"] = fmt::format("{}", fmt::join(command, " "));
  GFR_TRY(context.save());
  GFR_ASSIGN(const SubprocessResult done, options_.run({.command = command,
                                                        .environment = {},
                                                        .inherit = OwnVariables(),
                                                        .out = SubprocessOptions::Stream::kRead,
                                                        .err = SubprocessOptions::Stream::kRead,
                                                        .max_output_bytes = 16u << 20,
                                                        .nice = context.trigger.nice,
                                                        .max_memory_bytes = context.trigger.memory_bytes},
                                                       context.deadline_ms, context.stop));
  if (done.end.ok()) return done.out;
  const bool wrong = !done.end.killed && done.end.code == 2;
  return Error{wrong ? ErrorCode::kInvalidArgument : ErrorCode::kUnavailable,
               fmt::format("gfr {} {}: {}", arguments[0], done.end.ToString(), LastLine(done.err))};
}

Result<StepOutcome> ModelActions::Train(StepContext& context) const {
  // A version of this very step, from before a kill.
  Registry registry(options_.registry, *options_.clock);
  const std::string lineage = LineageOf(context);
  if (context.record.begun > 1) {
    GFR_ASSIGN(const auto entries, registry.List(kModelName));
    for (const Registry::Entry& entry : entries) {
      const auto run = entry.lineage.find("run");
      if (run == entry.lineage.end() || run->second != lineage) continue;
      GFR_ASSIGN(const auto files, registry.Load(kModelName, entry.version));
      const auto report = files.find("metrics.json");
      StepValues values = MetricsOf(report == files.end() ? Json() : ParseJson<Json>(report->second, /*throws=*/false));
      values.erase("observed_over_expected");
      values["version"] = entry.version;
      values["first"] = entry.champion ? 1.0 : 0.0;
      return StepOutcome{.outputs = std::move(values), .why = "its version was registered before a kill"};
    }
  }
  GFR_ASSIGN(const std::string out,
             RunChild(context, ChildArguments(context.config, options_.project_folder, "", lineage)));
  const Json json = ParseJson<Json>(out, /*throws=*/false);
  // A log that is still too young for it is nobody's fault: the run ends, and the next one looks again.
  if (json.is_object() && json.contains("nothing_to_train") && json["nothing_to_train"].is_string())
    return StepOutcome{.stops = true, .why = "nothing to train yet: " + json["nothing_to_train"].get<std::string>()};
  if (!json.is_object() || !json.contains("version") || !json["version"].is_string())
    return Error{ErrorCode::kInternal, "gfr train did not say which version it made"};
  StepValues values = MetricsOf(json);
  values.erase("observed_over_expected");
  values["version"] = json["version"].get<std::string>();
  values["first"] = json.value("champion", false) ? 1.0 : 0.0;
  if (options_.changed) options_.changed();  // The first version of all is the champion at once.
  return StepOutcome{.outputs = std::move(values)};
}

Result<StepOutcome> ModelActions::Evaluate(StepContext& context) const {
  GFR_ASSIGN(const std::string out,
             RunChild(context, ChildArguments(context.config, options_.project_folder, context.Text("version"), "")));
  return StepOutcome{.outputs = MetricsOf(ParseJson<Json>(out, /*throws=*/false))};
}

Result<StepOutcome> ModelActions::Judge(StepContext& context, const std::string& version) const {
  GFR_ASSIGN(const std::string out,
             RunChild(context, ChildArguments(context.config, options_.project_folder, version, "")));
  const Json json = ParseJson<Json>(out, /*throws=*/false);
  if (!json.is_object() || !json.contains("decision") || !json["decision"].is_string())
    return Error{ErrorCode::kInternal, "gfr models judge did not say what it decided"};
  StepOutcome outcome{.outputs = {{"version", version},
                                  {"verdict", json["decision"].get<std::string>()},
                                  {"rule", json.value("rule", "")},
                                  {"difference", NumberIn(json, "log_loss_difference")},
                                  {"checks", DumpJson(json.value("checks", Json::array()))}},
                      .why = json.value("summary", "")};
  outcome.stops = json["decision"] != "promote" && json["decision"] != kCanaryOnlyVerdict;
  return outcome;
}

Result<StepOutcome> ModelActions::Gate(StepContext& context) const {
  const std::string version = context.Text("version");
  if (version.empty()) return NoCandidate(context);
  Registry registry(options_.registry, *options_.clock);
  GFR_ASSIGN(const std::string champion, registry.Champion(kModelName));
  context.record.inputs["version"] = version;
  context.record.inputs["champion"] = champion;
  if (champion == version)
    return StepOutcome{.outputs = {{"version", version}, {"verdict", std::string("promote")}},
                       .why = "version " + version + " is the champion already"};
  GFR_ASSIGN(StepOutcome outcome, Judge(context, version));
  outcome.outputs["judged_against"] = champion;
  return outcome;
}

Result<StepOutcome> ModelActions::Promote(StepContext& context) const {
  const std::string version = context.Text("version");
  if (version.empty()) return NoCandidate(context);
  Registry registry(options_.registry, *options_.clock);
  context.record.inputs["version"] = version;
  const auto champion = registry.Champion(kModelName);
  if (!champion.ok() && champion.error().code != ErrorCode::kNotFound) return champion.error();
  if (champion.ok() && champion.value() == version)
    return StepOutcome{.outputs = {{"promoted", 1.0}, {"verdict", std::string("promote")}},
                       .why = "version " + version + " is the champion already"};
  if (champion.ok()) context.record.inputs["champion"] = champion.value();
  StepOutcome outcome{.outputs = {{"verdict", std::string("promote")}}, .why = "there was no champion"};
  if (champion.ok() && context.Text("judged_against") == champion.value()) {
    outcome.outputs["verdict"] = context.Text("verdict");
    outcome.why = "a gate of this run let it pass";
  } else if (champion.ok()) {
    GFR_ASSIGN(outcome, Judge(context, version));
    outcome.outputs.erase("version");
  }
  if (!outcome.stops && std::get<std::string>(outcome.outputs["verdict"]) == kCanaryOnlyVerdict &&
      !PassedCanary(context.run, version)) {
    outcome.stops = true;
    outcome.why =
        "without evidence of its off-policy value it needs a canary before it (or without_evidence = "
        "\"promote\"); " +
        outcome.why;
  }
  outcome.outputs["promoted"] = outcome.stops ? 0.0 : 1.0;
  if (outcome.stops) return outcome;
  // It was judged against the champion of then: another one since is another question.
  const auto now = registry.Champion(kModelName);
  if (champion.ok() && now.ok() && now.value() != champion.value())
    return Error{ErrorCode::kUnavailable, "the champion was changed while the candidate was judged"};
  GFR_TRY(registry.Promote(kModelName, version));
  if (options_.changed) options_.changed();
  return outcome;
}

Result<StepOutcome> ModelActions::Shadow(StepContext& context) const {
  const std::string version = context.Text("version");
  if (version.empty()) return NoCandidate(context);
  if (!options_.is_shadow)
    return Error{ErrorCode::kInvalidArgument, "a shadow needs a server: none of this project runs triggers"};
  Registry registry(options_.registry, *options_.clock);
  const std::int64_t now_ms = options_.clock->now_ms(), until_ms = context.record.started_ms + context.config.for_ms;
  const auto alias = registry.Alias(kModelName, "shadow");
  if (!alias.ok() && alias.error().code != ErrorCode::kNotFound) return alias.error();
  if (!alias.ok() || alias.value() != version) {
    // Taken away by somebody while it waited: then it is not to be promoted either.
    if (context.record.state == StepState::kWaiting)
      return Error{ErrorCode::kInvalidArgument, "the shadow was changed while it ran"};
    // A person's shadow is theirs again when the step ends: it is written down before it is taken away.
    context.record.inputs.emplace("shadow_before", alias.ok() ? alias.value() : "");
    GFR_TRY(context.save());
    GFR_TRY(registry.SetAlias(kModelName, "shadow", version));
    if (options_.changed) options_.changed();
  }
  if (now_ms < until_ms)
    return StepOutcome{.wait_until_ms = until_ms,
                       .why = fmt::format("version {} is the shadow until {}", version, FormatTime(until_ms))};
  const Status loaded = options_.is_shadow(version);
  GFR_TRY(EndShadow(context, version));
  if (!loaded.ok()) return Error{ErrorCode::kInvalidArgument, loaded.error().message};
  return StepOutcome{.outputs = {{"version", version}}, .why = "it was loaded and scored requests beside the champion"};
}

Status ModelActions::EndShadow(StepContext& context, const std::string& version) const {
  Registry registry(options_.registry, *options_.clock);
  const auto alias = registry.Alias(kModelName, "shadow");
  if (!alias.ok() && alias.error().code != ErrorCode::kNotFound) return alias.error();
  if (!alias.ok() || alias.value() != version) return {};  // Another's.
  const auto before = context.record.inputs.find("shadow_before");
  const std::string* text = before != context.record.inputs.end() ? std::get_if<std::string>(&before->second) : nullptr;
  Status back = registry.SetAlias(kModelName, "shadow", text != nullptr ? *text : "");
  // A version that was removed meanwhile is nobody's shadow.
  if (!back.ok() && back.error().code == ErrorCode::kNotFound) back = registry.SetAlias(kModelName, "shadow", "");
  GFR_TRY(back);
  if (options_.changed) options_.changed();
  return {};
}

Result<StepOutcome> ModelActions::TakeBack(StepContext& context) const {
  // A canary is ended by its server, as soon as its run is over.
  if (context.config.action == StepAction::kShadow && context.record.inputs.contains("shadow_before"))
    GFR_TRY(EndShadow(context, context.Text("version")));
  return StepOutcome{};
}

Result<StepOutcome> ModelActions::Scale(StepContext& context) const {
  const StepConfig& step = context.config;
  if (!options_.scale)
    return Error{ErrorCode::kInvalidArgument,
                 "no servers are counted here: `scale` needs `gfr serve --replicas`; tell another system by a `run` or "
                 "`webhook` step"};
  // As of the step's beginning, so that a step that a kill cut ends when it would have.
  const ScaleBounds bounds{.min_replicas = step.min_replicas,
                           .max_replicas = step.max_replicas,
                           .until_ms = step.for_ms > 0 ? context.record.started_ms + step.for_ms : 0,
                           .by = context.run.id};
  GFR_TRY(options_.scale(bounds));
  constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
  return StepOutcome{.outputs = {{"min_replicas", step.min_replicas ? double{1} * *step.min_replicas : kNone},
                                 {"max_replicas", step.max_replicas ? double{1} * *step.max_replicas : kNone}},
                     .why = "asked for " + BoundsText(step)};
}

Result<StepOutcome> ModelActions::RunCanary(StepContext& context) const {
  const std::string version = context.Text("version");
  if (version.empty()) return NoCandidate(context);
  if (!options_.canary)
    return Error{ErrorCode::kInvalidArgument, "a canary needs a server: none of this project runs triggers"};
  Registry registry(options_.registry, *options_.clock);
  const auto champion = registry.Champion(kModelName);
  if (!champion.ok() && champion.error().code != ErrorCode::kNotFound) return champion.error();
  if (!champion.ok() || champion.value() == version)
    return StepOutcome{.outputs = {{"version", version}}, .why = "there is no other champion to compare it with"};
  // The champion of its beginning: another one since is another question.
  context.record.inputs.emplace("champion", champion.value());
  context.record.inputs["version"] = version;
  const Canary canary{.run = context.run.id,
                      .version = version,
                      .champion = std::get<std::string>(context.record.inputs["champion"]),
                      .ramp = context.config.ramp};
  const auto looked = options_.canary(canary, context.config, context.record.outputs.contains("share"));
  // What else chooses the model now is no fault of the candidate's: the run ends, and the next one looks again.
  if (!looked.ok() && looked.error().code == ErrorCode::kInvalidArgument)
    return StepOutcome{.outputs = {{"version", version}}, .stops = true, .why = looked.error().message};
  if (!looked.ok()) return looked.error();
  const CanaryLook& look = looked.value();
  StepOutcome outcome{.outputs = {{"version", version}}, .why = look.why};
  if (look.state == CanaryLook::State::kWaits) {
    outcome.wait_until_ms = look.next_ms;
    return outcome;
  }
  outcome.outputs["share"] = look.share;
  outcome.outputs["units"] = look.units;
  outcome.outputs["clicks"] = look.clicks;
  outcome.outputs["observed_over_expected"] = look.observed_over_expected;
  if (look.state == CanaryLook::State::kRuns) outcome.wait_until_ms = look.next_ms;
  outcome.stops = look.state == CanaryLook::State::kEnded;
  return outcome;
}

Result<StepOutcome> ModelActions::RollBack(StepContext& context) const {
  Registry registry(options_.registry, *options_.clock);
  GFR_ASSIGN(const std::string champion, registry.Champion(kModelName));
  // What it was is written first: one that was rolled back before a kill is not rolled back again.
  if (!context.record.inputs.contains("champion")) {
    context.record.inputs["champion"] = champion;
    GFR_TRY(context.save());
  }
  if (std::get<std::string>(context.record.inputs["champion"]) != champion)
    return StepOutcome{.outputs = {{"version", champion}}, .why = "it was rolled back before a kill"};
  const auto back = registry.Rollback(kModelName);
  if (!back.ok())
    return Error{back.error().code == ErrorCode::kNotFound ? ErrorCode::kInvalidArgument : back.error().code,
                 back.error().message};
  if (options_.changed) options_.changed();
  return StepOutcome{.outputs = {{"version", back.value()}}};
}

Result<StepOutcome> ModelActions::Webhook(StepContext& context) const {
  GFR_ASSIGN(const std::string secret, WebhookSecret(context.config.secret_env));
  Json data = ParseJson<Json>(context.run.ToJson());
  if (!context.config.message.empty()) data["message"] = context.config.message;
  GFR_ASSIGN(const int status, CallWebhook({.url = context.config.url,
                                            .secret = secret,
                                            .type = "gfr.trigger.run",
                                            .id = LineageOf(context),
                                            .data = DumpJson(data),
                                            .allow_private = context.config.allow_private,
                                            .deadline_ms = context.deadline_ms,
                                            .now_ms = options_.clock->now_ms()},
                                           context.stop));
  return StepOutcome{.outputs = {{"status", static_cast<double>(status)}}};
}

Result<StepOutcome> ModelActions::Run(StepContext& context) const {
  context.record.inputs["command"] = fmt::format("{}", fmt::join(context.config.command, " "));
  GFR_TRY(context.save());
  std::vector<std::string> environment{"GFR_PROJECT=" + options_.project_folder, "GFR_RUN=" + context.run.id};
  if (const std::string version = context.Text("version"); !version.empty())
    environment.push_back("GFR_VERSION=" + version);
  GFR_ASSIGN(const SubprocessResult done, options_.run({.command = context.config.command,
                                                        .environment = std::move(environment),
                                                        .inherit = PublicVariables(),
                                                        .out = SubprocessOptions::Stream::kRead,
                                                        .err = SubprocessOptions::Stream::kRead,
                                                        .max_output_bytes = 64u << 10,
                                                        .nice = context.trigger.nice,
                                                        .max_memory_bytes = context.trigger.memory_bytes},
                                                       context.deadline_ms, context.stop));
  if (!done.end.ok())
    return Error{ErrorCode::kUnavailable,
                 fmt::format("{} {}: {}", context.config.command[0], done.end.ToString(), LastLine(done.err))};
  return StepOutcome{.outputs = {{"code", 0.0}, {"output", LastLine(done.out)}}};
}

}  // namespace gfr
