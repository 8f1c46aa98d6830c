// trigger: what runs by itself: list, run, history, explain, pause, resume.
#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "automation/model_actions.h"
#include "automation/owner_facts.h"
#include "automation/trigger_runner.h"
#include "base/json_text.h"
#include "base/time.h"
#include "commands.h"
#include "log/local_log.h"
#include "operations/load_model.h"
#include "serve/allocations.h"

namespace gfr {
namespace {

// What a look of the command itself goes by: the log's files, the registry, no metrics.
struct TriggerView {
  explicit TriggerView(const Project& p)
      : project(p),
        log(p.workspace().fs(), p.log_folder()),
        facts({.log = &log,
               .objectives = p.objectives(),
               .registry = p.registry(),
               .model_name = kModelName,
               .clock = &p.workspace().clock(),
               .conclusions = [&p] { return ConclusionsOf(p); }}),
        store(p.shared_objects()),
        triggers(p.triggers()) {}

  Result<const TriggerConfig*> Find(const std::string& name) const {
    const auto at = std::ranges::find(triggers.all, name, &TriggerConfig::name);
    if (at != triggers.all.end()) return &*at;
    std::string valid;
    for (const TriggerConfig& t : triggers.all) valid += (valid.empty() ? "" : ", ") + t.name;
    return Error{ErrorCode::kInvalidArgument, "no [[trigger]] is named '" + name + "'; " +
                                                  (valid.empty() ? "gfr.toml has none" : "valid are " + valid)};
  }
  // When the trigger's last run was queued; 0: never.
  Result<std::int64_t> LastMs(const std::string& name) {
    std::int64_t last_ms = 0;
    GFR_ASSIGN(const auto ids, store.Ids());
    for (const std::string& id : ids) {
      const auto [at_ms, of] = RunStore::PartsOf(id);
      if (of == name) last_ms = std::max(last_ms, at_ms);
    }
    return last_ms;
  }
  Result<TriggerDecision> Decide(const TriggerConfig& trigger) {
    GFR_ASSIGN(const std::int64_t last_ms, LastMs(trigger.name));
    GFR_ASSIGN(auto seen, store.Seen());
    const std::int64_t now_ms = project.workspace().clock().now_ms();
    GFR_ASSIGN(const auto paused, store.Paused());
    if (const auto by = paused.find(trigger.name); by != paused.end())
      return TriggerDecision{
          false, fmt::format("it was paused at {}{}; `gfr trigger resume {}` ends that", FormatTime(by->second.at_ms),
                             by->second.reason.empty() ? "" : " (" + by->second.reason + ")", trigger.name)};
    const auto at = seen.find(trigger.name);
    return DecideTrigger(trigger, now_ms, at == seen.end() ? now_ms : std::min(at->second, now_ms),
                         IsOfTheFuture(last_ms, now_ms) ? now_ms : last_ms, facts);
  }
  // What has or waits for the target; empty: nothing does.
  Result<std::string> Holder(const std::string& target) {
    GFR_ASSIGN(const auto ids, store.Ids());
    for (const std::string& id : ids) {
      const auto run = store.Load(id);
      if (run.ok() && !run.value().over() && run.value().target == target) return id;
    }
    return std::string();
  }

  const Project& project;
  LocalLog log;
  OwnerFacts facts;
  RunStore store;
  Triggers triggers;
};

ModelActions ActionsOf(const Project& project) {
  return ModelActions({.program = OwnProgram(),
                       .project_folder = project.folder(),
                       .registry = project.shared_objects(),
                       .clock = &project.workspace().clock()});
}

Json DecisionJson(const TriggerConfig& trigger, const TriggerDecision& decision) {
  Json json{{"trigger", trigger.name},
            {"on", OnName(trigger.on)},
            {"enabled", trigger.enabled},
            {"due", decision.due},
            {"why", decision.why},
            {"target", trigger.target},
            {"cooldown", FormatDuration(trigger.cooldown_ms)},
            {"next", nullptr},
            {"do", Json::array()}};
  if (decision.next_ms > 0) json["next"] = FormatTime(decision.next_ms);
  for (const StepConfig& step : trigger.steps) json["do"].push_back(ActionName(step.action));
  return json;
}

int RunTriggerList(const Common& common) {
  const auto project = OpenProject(common.project);
  if (!project.ok()) return Fail(project.error());
  TriggerView view(*project.value());
  Json list = Json::array();
  for (const TriggerConfig& trigger : view.triggers.all) {
    const auto decision = view.Decide(trigger);
    if (!decision.ok()) return Fail(decision.error());
    list.push_back(DecisionJson(trigger, decision.value()));
    if (common.json) continue;
    std::string steps;
    for (const StepConfig& step : trigger.steps) steps += (steps.empty() ? "" : ", ") + step.name;
    fmt::print("{} (on {}): {}\n  {}\n", trigger.name, OnName(trigger.on), steps, decision.value().why);
  }
  if (common.json)
    PrintJson({{"triggers", list}});
  else if (list.empty())
    fmt::print("gfr.toml has no [[trigger]] (docs/automation.md)\n");
  return 0;
}

void PrintRun(const Json& run) {
  const auto text = [](const Json& json, const char* key) {
    return json.contains(key) && json[key].is_string() ? json[key].get<std::string>() : std::string();
  };
  fmt::print("run {}: {}\n  trigger {}, begun by {}, because {}\n", text(run, "id"), text(run, "state"),
             text(run, "trigger"), text(run, "by"), text(run, "reason"));
  if (!text(run, "why").empty()) fmt::print("  {}\n", text(run, "why"));
  for (const Json& step : run["steps"]) {
    fmt::print("  {:<12} {}", text(step, "name"), text(step, "state"));
    if (step.contains("seconds")) fmt::print(", {:.1f} s", step["seconds"].get<double>());
    if (step["begun"].get<int>() > 1) fmt::print(", begun {} times", step["begun"].get<int>());
    fmt::print("\n");
    if (!text(step, "why").empty()) fmt::print("    {}\n", text(step, "why"));
    for (const auto& [name, value] : step["outputs"].items()) {
      if (name != "checks")
        fmt::print("    {} = {}\n", name, value.is_string() ? value.get<std::string>() : DumpJson(value));
    }
  }
}

int RunTriggerHistory(const std::string& trigger, int limit, const Common& common) {
  const auto project = OpenProject(common.project);
  if (!project.ok()) return Fail(project.error());
  TriggerView view(*project.value());
  const auto ids = view.store.Ids();
  if (!ids.ok()) return Fail(ids.error());
  Json list = Json::array();
  for (auto id = ids.value().rbegin(); id != ids.value().rend() && list.size() < static_cast<std::size_t>(limit);
       ++id) {
    if (!trigger.empty() && RunStore::PartsOf(*id).second != trigger) continue;
    const auto run = view.store.Load(*id);
    if (!run.ok() && run.error().code == ErrorCode::kNotFound) continue;  // Pruned meanwhile.
    if (!run.ok() && run.error().code == ErrorCode::kUnavailable) return Fail(run.error());
    // One record that cannot be read hides no other.
    list.push_back(run.ok() ? ParseJson<Json>(run.value().ToJson())
                            : Json{{"id", *id}, {"state", "unreadable"}, {"why", run.error().message}});
    if (!common.json)
      fmt::print("{}  {:<8} {}\n", *id, run.ok() ? RunStateName(run.value().state) : "unreadable",
                 run.ok() ? run.value().why : run.error().message);
  }
  if (common.json)
    PrintJson({{"runs", list}});
  else if (list.empty())
    fmt::print("no trigger has run yet\n");
  return 0;
}

// A run's record, or whether and why a trigger would run now.
int RunTriggerExplain(const std::string& name, const Common& common) {
  const auto project = OpenProject(common.project);
  if (!project.ok()) return Fail(project.error());
  TriggerView view(*project.value());
  const bool is_trigger = std::ranges::count(view.triggers.all, name, &TriggerConfig::name) > 0;
  if (!is_trigger && !RunStore::PartsOf(name).second.empty()) {
    const auto run = view.store.Load(name);
    if (!run.ok()) return Fail(run.error());
    const Json json = ParseJson<Json>(run.value().ToJson());
    common.json ? PrintJson(json) : PrintRun(json);
    return 0;
  }
  const auto trigger = view.Find(name);
  if (!trigger.ok()) return Fail(trigger.error());
  const auto decision = view.Decide(*trigger.value());
  if (!decision.ok()) return Fail(decision.error());
  const auto holder = view.Holder(trigger.value()->target);
  if (!holder.ok()) return Fail(holder.error());
  Json json = DecisionJson(*trigger.value(), decision.value());
  if (!holder.value().empty()) json["waits_for"] = holder.value();
  const ModelActions actions = ActionsOf(*project.value());
  const RunRecord run = NewRun(*trigger.value(), "command", decision.value().why,
                               project.value()->workspace().clock().now_ms(), view.triggers.project_fingerprint);
  json["would"] = Json::array();
  for (std::size_t s = 0; s < trigger.value()->steps.size(); ++s) {
    const StepConfig& step = trigger.value()->steps[s];
    json["would"].push_back({{"step", step.name}, {"runs", actions.Describe(run, *trigger.value(), s)}});
    if (!step.when.empty()) json["would"].back()["when"] = step.when;
  }
  if (common.json) {
    PrintJson(json);
    return 0;
  }
  fmt::print("{} {}: {}\n", name, decision.value().due ? "is due" : "is not due", decision.value().why);
  if (!holder.value().empty()) fmt::print("a run would wait for {}\n", holder.value());
  for (const Json& step : json["would"])
    fmt::print("  {}: {}{}\n", step["step"].get<std::string>(), step["runs"].get<std::string>(),
               step.contains("when") ? "  when " + step["when"].get<std::string>() : "");
  return 0;
}

// The run, once it is over; none: not yet.
Result<std::optional<RunRecord>> EndedRun(TriggerView& view, const std::string& id) {
  auto run = view.store.Load(id);
  if (!run.ok() && run.error().code == ErrorCode::kNotFound) return std::optional<RunRecord>();
  if (!run.ok()) return run.error();
  return run.value().over() ? std::optional(std::move(run).value()) : std::nullopt;
}

// Brings the request to its end here, as no server does.
Result<RunRecord> RunHere(TriggerView& view, const std::string& id) {
  const Project& project = view.project;
  const ModelActions actions = ActionsOf(project);
  TriggerRunner runner(
      project.shared_objects(), project.workspace().clock(), view.facts,
      [&](StepContext& context) { return actions(context); }, /*threads=*/0);
  Triggers only = view.triggers;  // By requests alone: what is due by itself is a server's.
  for (TriggerConfig& trigger : only.all) trigger.enabled = false;
  for (;;) {
    GFR_TRY(runner.Look(only));
    GFR_ASSIGN(auto ended, EndedRun(view, id));
    if (ended) return *std::move(ended);
    const auto run = view.store.Load(id);
    const std::int64_t next_ms = run.ok() ? NextOf(run.value()) : 0;
    const std::int64_t wait_ms = std::clamp<std::int64_t>(next_ms - project.workspace().clock().now_ms(), 100, 1000);
    WaitUntil(MonotonicMs() + wait_ms);
  }
}

// Whether a request or its run is there: a server whose configuration does not have the trigger forgets the request.
Status CheckIsKnown(TriggerView& view, const std::string& name, const std::string& id) {
  GFR_ASSIGN(const auto requests, view.store.Requests());
  if (requests.contains(name)) return {};
  // A run is there before its request is forgotten.
  if (const auto run = view.store.Load(id); run.ok() || run.error().code != ErrorCode::kNotFound) return {};
  return Error{ErrorCode::kUnavailable,
               "the server that runs this project's triggers has no trigger '" + name + "': reload its configuration"};
}

constexpr std::int64_t kLookMs = 200;
// A server that starts again goes on with its runs, and can do steps that a command cannot; one that is away for longer
// leaves them to the command that waits.
constexpr std::int64_t kServerAwayMs = 30 * kSecondMs;

// Asks for a run, and brings it to its end where no server does; none: a server begins it.
struct AskedRun {
  std::string id;
  std::optional<RunRecord> ended;
};
Result<AskedRun> AskAndRun(const Project& project, const std::string& name, bool wait) {
  const Workspace& workspace = project.workspace();
  TriggerView view(project);
  if (const auto trigger = view.Find(name); !trigger.ok()) return trigger.error();
  GFR_ASSIGN(const RunRequest request,
             view.store.Ask(name, {"command", "`gfr trigger run`", workspace.clock().now_ms()}));
  AskedRun asked{.id = RunStore::IdOf(request.at_ms, name), .ended = {}};
  GFR_TRY(workspace.fs().MakeFolders(workspace.data_folder()));
  std::int64_t free_ms = 0;  // How long no server has held the lock.
  for (bool first = true;; first = false) {
    if (const auto lock = workspace.fs().Lock(workspace.automation_lock_path()); !lock.ok()) {
      free_ms = 0;
    } else if (first || free_ms >= kServerAwayMs) {
      GFR_ASSIGN(asked.ended, RunHere(view, asked.id));
      return asked;
    } else {
      free_ms += kLookMs;
    }
    if (!wait) return asked;
    GFR_ASSIGN(asked.ended, EndedRun(view, asked.id));
    if (asked.ended) return asked;
    GFR_TRY(CheckIsKnown(view, name, asked.id));
    WaitUntil(MonotonicMs() + kLookMs);
  }
}

int RunTriggerRun(const std::string& name, bool dry_run, bool wait, const Common& common) {
  if (dry_run) return RunTriggerExplain(name, common);
  const auto project = OpenProject(common.project);
  if (!project.ok()) return Fail(project.error());
  const auto asked = AskAndRun(*project.value(), name, wait);
  if (!asked.ok()) return Fail(asked.error());
  if (!asked.value().ended) {
    if (common.json)
      PrintJson({{"id", asked.value().id}, {"state", "asked"}});
    else
      fmt::print("the server begins it: gfr trigger explain {}\n", asked.value().id);
    return 0;
  }
  const Json json = ParseJson<Json>(asked.value().ended->ToJson());
  common.json ? PrintJson(json) : PrintRun(json);
  return asked.value().ended->state == RunState::kFailed ? 1 : 0;
}

// By whichever process looks next; what was begun goes on.
int RunTriggerPause(const std::string& name, const std::string& reason, bool pause, const Common& common) {
  const auto project = OpenProject(common.project);
  if (!project.ok()) return Fail(project.error());
  TriggerView view(*project.value());
  // One that gfr.toml does not have any more can still be resumed.
  if (const auto trigger = view.Find(name); pause && !trigger.ok()) return Fail(trigger.error());
  const std::int64_t now_ms = project.value()->workspace().clock().now_ms();
  const Status done = pause ? view.store.Pause(name, {"command", reason, now_ms}) : view.store.Resume(name);
  if (!done.ok()) return Fail(done.error());
  if (common.json)
    PrintJson({{"trigger", name}, {"paused", pause}});
  else
    fmt::print(
        "{} {}\n", name,
        pause ? "begins no run by itself until `gfr trigger resume " + name + "`" : "goes by its occasions again");
  return 0;
}

}  // namespace

Result<Json> RunTriggerToItsEnd(const Project& project, const std::string& name) {
  GFR_ASSIGN(const AskedRun asked, AskAndRun(project, name, /*wait=*/true));
  return ParseJson<Json>(asked.ended->ToJson());
}

void PrintTriggerRun(const Json& run) { PrintRun(run); }

void AddTrigger(CLI::App& app, Command& run) {
  static Common common;
  static std::string name, of;
  static int limit = 20;
  static bool dry_run = false, wait = false;
  CLI::App* group = AddGroup(app, "trigger", "What retrains, checks and releases by itself (docs/automation.md)",
                             "gfr trigger list --project demo");
  CLI::App* c =
      AddCommand(*group, "list", "Every trigger, and whether it is due", "gfr trigger list --project demo", common);
  c->callback([&run] { run = [] { return RunTriggerList(common); }; });
  c = AddCommand(*group, "run",
                 "Run a trigger now, whatever its occasion and cool-down; by the server, if there is one",
                 "gfr trigger run nightly --project demo", common);
  c->add_option("NAME", name, "As [[trigger]] names it")->required();
  c->add_flag("--dry-run", dry_run, "Only say whether it is due, why, and what each step would run");
  c->add_flag("--wait", wait, "Wait for the end of a run that the server does");
  c->callback([&run] { run = [] { return RunTriggerRun(name, dry_run, wait, common); }; });
  c = AddCommand(*group, "history", "The newest runs", "gfr trigger history nightly --project demo", common);
  c->add_option("NAME", of, "Of this trigger alone");
  c->add_option("--limit", limit, "So many")->capture_default_str()->check(CLI::Range(1, 500));
  c->callback([&run] { run = [] { return RunTriggerHistory(of, limit, common); }; });
  c = AddCommand(*group, "explain", "A run step by step, or whether a trigger is due and what it would do",
                 "gfr trigger explain nightly --project demo", common);
  c->add_option("NAME", name, "A trigger's name, or a run's id")->required();
  c->callback([&run] { run = [] { return RunTriggerExplain(name, common); }; });
  static std::string reason;
  c = AddCommand(*group, "pause", "Let a trigger begin no run by itself; what was begun goes on",
                 "gfr trigger pause nightly --reason 'the shop moves' --project demo", common);
  c->add_option("NAME", name, "As [[trigger]] names it")->required();
  c->add_option("--reason", reason, "For whoever asks `gfr trigger list`");
  c->callback([&run] { run = [] { return RunTriggerPause(name, reason, true, common); }; });
  c = AddCommand(*group, "resume", "End a pause", "gfr trigger resume nightly --project demo", common);
  c->add_option("NAME", name, "Of the trigger that was paused")->required();
  c->callback([&run] { run = [] { return RunTriggerPause(name, "", false, common); }; });
}

}  // namespace gfr
