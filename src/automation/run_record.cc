#include "automation/run_record.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <stdexcept>

#include "base/json_text.h"
#include "base/time.h"

namespace gfr {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kRuns = "automation/runs";
constexpr const char* kSeen = "automation/seen.json";
constexpr const char* kRequests = "automation/requests";
constexpr const char* kPaused = "automation/paused.json";
constexpr std::size_t kTimeDigits = 14;  // Of an id, at least.
constexpr std::array kStepStates{"pending", "running", "waiting", "done", "skipped", "failed"};
constexpr std::array kRunStates{"queued", "running", "done", "stopped", "failed"};

template <typename State, std::size_t n>
State StateOf(const std::array<const char*, n>& names, const std::string& name) {
  const auto at = std::ranges::find(names, name, [](const char* s) { return std::string(s); });
  if (at == names.end()) throw std::invalid_argument("no state is named " + name);
  return static_cast<State>(at - names.begin());
}

Json ValuesJson(const StepValues& values) {
  Json json = Json::object();
  for (const auto& [name, value] : values) {
    if (const double* number = std::get_if<double>(&value))
      json[name] = *number;
    else
      json[name] = std::get<std::string>(value);
  }
  return json;
}

StepValues ValuesOf(const Json& json) {
  StepValues values;
  for (const auto& [name, value] : json.items()) {
    if (value.is_string())
      values[name] = value.get<std::string>();
    else  // What is not finite has no JSON number.
      values[name] = value.is_null() ? std::numeric_limits<double>::quiet_NaN() : value.get<double>();
  }
  return values;
}

// An instant that is not set is null.
Json InstantJson(std::int64_t at_ms) { return at_ms == 0 ? Json() : Json(FormatTime(at_ms)); }

std::int64_t InstantOf(const Json& json, const char* key) {
  const auto at = json.find(key);
  if (at == json.end() || at->is_null()) return 0;
  const auto parsed = ParseTime(at->get<std::string>());
  if (!parsed.ok()) throw std::invalid_argument(parsed.error().message);
  return parsed.value();
}

StepRecord StepOf(const Json& json) {
  return {.name = json.at("name").get<std::string>(),
          .action = json.at("action").get<std::string>(),
          .state = StateOf<StepState>(kStepStates, json.at("state").get<std::string>()),
          .begun = json.value("begun", 0),
          .failures = json.value("failures", 0),
          .started_ms = InstantOf(json, "started"),
          .ended_ms = InstantOf(json, "ended"),
          .next_ms = InstantOf(json, "next"),
          .inputs = ValuesOf(json.value("inputs", Json::object())),
          .outputs = ValuesOf(json.value("outputs", Json::object())),
          .why = json.value("why", "")};
}

Json RequestJson(const RunRequest& request) {
  return {{"by", request.by}, {"reason", request.reason}, {"at_ms", request.at_ms}};
}

// None: it cannot be read.
std::optional<RunRequest> RequestOf(const std::string& text) {
  const Json json = ParseJson<Json>(text, /*throws=*/false);
  const bool valid = json.is_object() && json.contains("by") && json["by"].is_string() && json.contains("reason") &&
                     json["reason"].is_string() && json.contains("at_ms") && json["at_ms"].is_number_integer();
  if (!valid) return std::nullopt;
  return RunRequest{json["by"].get<std::string>(), json["reason"].get<std::string>(),
                    json["at_ms"].get<std::int64_t>()};
}

}  // namespace

const char* StepStateName(StepState state) { return kStepStates[static_cast<std::size_t>(state)]; }
const char* RunStateName(RunState state) { return kRunStates[static_cast<std::size_t>(state)]; }

const StepValue* RunRecord::Find(const std::string& output) const {
  for (auto step = steps.rbegin(); step != steps.rend(); ++step) {
    const auto at = step->outputs.find(output);
    if (step->state == StepState::kDone && at != step->outputs.end()) return &at->second;
  }
  return nullptr;
}

std::string RunRecord::ToJson() const {
  Json json{{"id", id},
            {"trigger", trigger},
            {"target", target},
            {"by", by},
            {"reason", reason},
            {"state", RunStateName(state)},
            {"why", why},
            {"queued", InstantJson(queued_ms)},
            {"started", InstantJson(started_ms)},
            {"ended", InstantJson(ended_ms)},
            {"project_fingerprint", std::to_string(project_fingerprint)},
            {"configuration", configuration},
            {"steps", Json::array()}};
  if (ended_ms > 0 && started_ms > 0) json["seconds"] = static_cast<double>(ended_ms - started_ms) / 1000;
  for (const StepRecord& step : steps) {
    Json one{{"name", step.name},
             {"action", step.action},
             {"state", StepStateName(step.state)},
             {"why", step.why},
             {"begun", step.begun},
             {"failures", step.failures},
             {"started", InstantJson(step.started_ms)},
             {"ended", InstantJson(step.ended_ms)},
             {"next", InstantJson(step.next_ms)},
             {"inputs", ValuesJson(step.inputs)},
             {"outputs", ValuesJson(step.outputs)}};
    if (step.ended_ms > 0 && step.started_ms > 0)
      one["seconds"] = static_cast<double>(step.ended_ms - step.started_ms) / 1000;
    json["steps"].push_back(std::move(one));
  }
  return DumpJson(json, 1);
}

Result<RunRecord> RunRecord::FromJson(std::string_view text) try {
  const Json json = ParseJson<Json>(text);
  RunRecord run{.id = json.at("id").get<std::string>(),
                .trigger = json.at("trigger").get<std::string>(),
                .target = json.at("target").get<std::string>(),
                .reason = json.at("reason").get<std::string>(),
                .by = json.at("by").get<std::string>(),
                .configuration = json.at("configuration").get<std::string>(),
                .project_fingerprint = std::stoull(json.at("project_fingerprint").get<std::string>()),
                .state = StateOf<RunState>(kRunStates, json.at("state").get<std::string>()),
                .why = json.value("why", ""),
                .queued_ms = InstantOf(json, "queued"),
                .started_ms = InstantOf(json, "started"),
                .ended_ms = InstantOf(json, "ended"),
                .steps = {}};
  for (const Json& step : json.at("steps")) run.steps.push_back(StepOf(step));
  return run;
} catch (const std::exception& e) {  // nlohmann/json's, and those of the helpers above.
  return Error{ErrorCode::kCorrupt, std::string("a run's record cannot be read: ") + e.what()};
}

std::string RunStore::IdOf(std::int64_t at_ms, const std::string& trigger) {
  return fmt::format("{:0{}d}-{}", at_ms, kTimeDigits, trigger);
}

std::pair<std::int64_t, std::string> RunStore::PartsOf(const std::string& id) {
  const std::size_t dash = id.find('-');
  if (dash == std::string::npos || dash < kTimeDigits || dash > 18 || id.find_first_not_of("0123456789") != dash)
    return {0, ""};
  return {std::stoll(id.substr(0, dash)), id.substr(dash + 1)};
}

Status RunStore::Save(const RunRecord& run) {
  return store_->Put(fmt::format("{}/{}.json", kRuns, run.id), run.ToJson());
}

Result<RunRecord> RunStore::Load(const std::string& id) {
  const std::string name = fmt::format("{}/{}.json", kRuns, id);
  if (const Status valid = CheckObjectName(name); !valid.ok())
    return Error{ErrorCode::kNotFound, "there is no run '" + id.substr(0, 100) + "'"};
  const auto text = store_->Get(name);
  if (!text.ok() && text.error().code == ErrorCode::kNotFound)
    return Error{ErrorCode::kNotFound, "there is no run '" + id.substr(0, 100) + "'; `gfr trigger history` lists them"};
  if (!text.ok()) return text.error();
  auto run = RunRecord::FromJson(text.value());
  if (!run.ok()) return Error{run.error().code, name + ": " + run.error().message};
  return run;
}

Result<std::vector<std::string>> RunStore::Ids() {
  GFR_ASSIGN(std::vector<std::string> names, store_->List(kRuns));
  std::vector<std::string> ids;
  for (std::string& name : names) {
    if (name.ends_with(".json")) ids.push_back(name.substr(0, name.size() - 5));
  }
  std::ranges::sort(ids);
  return ids;
}

Status RunStore::Prune() {
  GFR_ASSIGN(const std::vector<std::string> ids, Ids());
  for (std::size_t i = 0; i + kKept < ids.size(); ++i) {
    const auto run = Load(ids[i]);
    if (run.ok() && run.value().over()) GFR_TRY(store_->Remove(fmt::format("{}/{}.json", kRuns, ids[i])));
  }
  return {};
}

Result<std::map<std::string, std::int64_t>> RunStore::Seen() {
  std::map<std::string, std::int64_t> seen;
  const auto text = store_->Get(kSeen);
  if (!text.ok() && text.error().code == ErrorCode::kNotFound) return seen;
  if (!text.ok()) return text.error();
  const Json json = ParseJson<Json>(text.value(), /*throws=*/false);
  if (!json.is_object()) return Error{ErrorCode::kCorrupt, std::string("'") + kSeen + "' cannot be read"};
  for (const auto& [name, at_ms] : json.items()) {
    if (at_ms.is_number_integer()) seen[name] = at_ms.get<std::int64_t>();
  }
  return seen;
}

Status RunStore::SaveSeen(const std::map<std::string, std::int64_t>& seen_ms) {
  return store_->Put(kSeen, DumpJson(Json(seen_ms), 1));
}

Result<RunRequest> RunStore::Ask(const std::string& trigger, const RunRequest& request) {
  const std::string name = fmt::format("{}/{}.json", kRequests, trigger);
  const std::string text = DumpJson(RequestJson(request));
  const Status asked = store_->PutIfAbsent(name, text);
  if (asked.ok()) return request;
  if (asked.error().code != ErrorCode::kAlreadyExists) return asked.error();
  const auto stands = store_->Get(name);
  if (!stands.ok() && stands.error().code != ErrorCode::kNotFound) return stands.error();
  if (const auto read = stands.ok() ? RequestOf(stands.value()) : std::nullopt) return *read;
  // It was taken meanwhile, or cannot be read.
  GFR_TRY(store_->Put(name, text));
  return request;
}

Result<std::map<std::string, RunRequest>> RunStore::Requests() {
  std::map<std::string, RunRequest> requests;
  GFR_ASSIGN(const std::vector<std::string> names, store_->List(kRequests));
  for (const std::string& name : names) {
    if (!name.ends_with(".json")) continue;
    const auto text = store_->Get(fmt::format("{}/{}", kRequests, name));
    if (!text.ok() && text.error().code == ErrorCode::kNotFound) continue;  // It was taken meanwhile.
    if (!text.ok()) return text.error();
    requests[name.substr(0, name.size() - 5)] =
        RequestOf(text.value()).value_or(RunRequest{"command", "a request that cannot be read", 0});
  }
  return requests;
}

Status RunStore::Forget(const std::string& trigger) {
  return store_->Remove(fmt::format("{}/{}.json", kRequests, trigger));
}

Result<std::map<std::string, RunRequest>> RunStore::Paused() {
  std::map<std::string, RunRequest> paused;
  const auto text = store_->Get(kPaused);
  if (!text.ok() && text.error().code == ErrorCode::kNotFound) return paused;
  if (!text.ok()) return text.error();
  const Json json = ParseJson<Json>(text.value(), /*throws=*/false);
  if (!json.is_object()) return Error{ErrorCode::kCorrupt, std::string("'") + kPaused + "' cannot be read"};
  for (const auto& [name, request] : json.items())
    paused[name] = RequestOf(DumpJson(request)).value_or(RunRequest{"command", "", 0});
  return paused;
}

Status RunStore::SavePaused(const std::map<std::string, RunRequest>& paused) {
  Json json = Json::object();
  for (const auto& [name, request] : paused) json[name] = RequestJson(request);
  return store_->Put(kPaused, DumpJson(json, 1));
}

Status RunStore::Pause(const std::string& trigger, const RunRequest& request) {
  GFR_ASSIGN(auto paused, Paused());
  paused[trigger] = request;
  return SavePaused(paused);
}

Status RunStore::Resume(const std::string& trigger) {
  GFR_ASSIGN(auto paused, Paused());
  if (paused.erase(trigger) == 0) return Error{ErrorCode::kNotFound, "trigger '" + trigger + "' is not paused"};
  return SavePaused(paused);
}

}  // namespace gfr
