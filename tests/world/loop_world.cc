#include "world/loop_world.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "automation/run_record.h"
#include "base/fault_file_system.h"
#include "base/json_text.h"
#include "base/simulation.h"
#include "event/event_json.h"
#include "log/local_log.h"
#include "operations/simulate_events.h"
#include "world/child_programs.h"
#include "world/served_check.h"
#include "world/server_process.h"
#include "world/watched_disk.h"

namespace gfr {
namespace {

constexpr int kClients = 3, kItems = 60, kHistoryDays = 12;
constexpr std::int64_t kPatienceMs = 700;  // Of a client; then it sends again.
constexpr std::int64_t kStartMs = 1'700'000'000'000 / kHourMs * kHourMs + 58 * kMinuteMs;
constexpr std::int64_t kDriftsAfterMs = 30 * kSecondMs;  // Before an hour ends, at whose end it is judged.
// Nobody serves for most of the second hour: drift is an alert when two hours show it.
constexpr std::int64_t kAwayFromMs = 3 * kMinuteMs, kAwayUntilMs = kHourMs + 30 * kSecondMs;
constexpr std::int64_t kLoopBoundMs = 100 * kMinuteMs;  // The loop has ended by then.
constexpr std::int64_t kGoesOnMs = 20 * kSecondMs;      // Traffic after the run's end.
constexpr double kDislike = 0.05;                       // Share of the clicks that a disliked version keeps.
constexpr const char* kFirst = "1";                     // The version that is the champion at the start.
constexpr const char* kNewCity = "atlantis";

constexpr const char* kLoopToml = R"(
[serve]
verify = "0s"
[item]
category = "category"
[user]
geography = "category"
device = "category"
[[objective]]
name = "pctr"
window = "2m"
[split]
test = 0.25
validation = 0.2
folds = 0
[train]
depth = 3
max_rounds = 30
early_stopping = 5
threads = 1
[dataset]
incremental = false
[monitor]
min_rows = 50
[[feed]]
name = "home"
size = 10
value = "pctr"
[[feature]]
name = "geography"
type = "context"
property = "geography"
[[feature]]
name = "device"
type = "context"
property = "device"
[[feature]]
name = "category"
type = "property"
property = "category"
[[feature]]
name = "price"
type = "property"
property = "price"
[[feature]]
name = "item_clicks"
type = "count"
scope = "item"
events = ["feed.click"]

[[trigger]]
name = "learn_what_drifted"
on = "drift"
kind = "feature"
drifted = "geography"
rows = 300
retries = 8
backoff = "1s"
[[trigger.step]]
do = "retrain"
[[trigger.step]]
do = "gate"
margin = 0.05
max_miscalibration = 1
max_slowdown = 1000
[[trigger.step]]
do = "shadow"
for = "10s"
[[trigger.step]]
do = "canary"
ramp = [0.25, 0.5]
for = "90s"
window = "10s"
lateness = "2s"
min_units = 100
[[trigger.step]]
do = "promote"
)";

class LoopWorld {
 public:
  explicit LoopWorld(const LoopOptions& options)
      : options_(options),
        rng_(options.seed),
        disk_(options.seed ^ 0x6c6f6f70),
        watched_(disk_, [this](WatchedDisk::When when, const std::string& at,
                               const std::string& path) { OnRename(when, at, path); }),
        simulation_({.seed = options.seed, .wall_ms = kStartMs}),
        market_({.users = 200,
                 .items = kItems,
                 .days = kHistoryDays,
                 .seed = options.seed,
                 .start_ms = kStartMs / kHourMs * kHourMs - kHistoryDays * kDayMs}) {}

  LoopReport Run() {
    simulation_.Run([this] { Live(); });
    report_.steps = simulation_.steps();
    report_.trace_hash = simulation_.trace_hash();
    return report_;
  }

 private:
  struct Answer {
    std::string version, request_id;
    std::vector<std::string> items;
  };

  void Live();
  Status Begin();
  void LiveOnce();
  void LastLife();
  int StartServer(const std::shared_ptr<std::stop_source>& stop);
  Result<SubprocessResult> RunChild(const SubprocessOptions& options, std::int64_t deadline_ms,
                                    const std::stop_token& stop);
  void KillAll(int server);
  void OnRename(WatchedDisk::When when, const std::string& at, const std::string& path);
  void CheckRecord(const RunRecord& now, const std::string& champion);
  std::optional<RunRecord> TheRun();

  void Shop(int client, const std::stop_token& stop);
  std::optional<HttpResponse> Ask(const std::string& path, const std::string& type, const std::string& body);
  std::optional<Answer> AskForAFeed(const Visit& visit, const std::string& request_id, Rng* rng);
  void SendEvents(const std::vector<Event>& events, const std::stop_token& stop);

  void Broken(const std::string& what);
  void CheckEnd();
  void CheckSteps(const RunRecord& run);
  void CheckVersions(const RunRecord& run);

  const LoopOptions options_;
  LoopReport report_;
  Rng rng_;
  FaultFileSystem disk_;
  WatchedDisk watched_;  // The server's.
  Simulation simulation_;
  Mailbox mailbox_;
  const WallClock clock_;
  std::shared_ptr<ObjectStore> objects_;  // Of the world, which looks at what the server has written.
  const bool had_champion_ = true;
  Mutex mutex_;  // Of what follows.
  Market market_;
  std::set<int> children_;
  CondVar struck_changed_;
  bool struck_ = false, strikes_ = false;     // The server is to be killed; boundaries do that now.
  std::set<std::string> boundaries_;          // At which a server was killed.
  std::map<std::string, RunRecord> records_;  // As they were written last.
  std::set<std::string> versions_;            // That ranked feeds.
  bool late_candidate_ = false, settled_ = false;
};

void LoopWorld::Broken(const std::string& what) {
  simulation_.Note("broken: " + what);
  report_.broken.push_back(what);
}

std::optional<HttpResponse> LoopWorld::Ask(const std::string& path, const std::string& type, const std::string& body) {
  const auto exchange =
      std::make_shared<Exchange>(HttpRequest{.method = "POST",
                                             .path = path,
                                             .headers = {{"host", "localhost"}, {"content-type", type}},
                                             .body = body,
                                             .client = "127.0.0.1"});
  mailbox_.Send(exchange);
  return exchange->Await(MonotonicMs() + kPatienceMs);
}

std::optional<LoopWorld::Answer> LoopWorld::AskForAFeed(const Visit& visit, const std::string& request_id, Rng* rng) {
  nlohmann::json body{{"user_id", visit.user_id}, {"request_id", request_id}, {"candidates", nlohmann::json::array()}};
  for (const Property& p : visit.context) body["context"][p.name] = p.text;
  for (int n = 0; n < 20; ++n)
    body["candidates"].push_back("i" + std::to_string(100'000 + (rng->Below(3) + 3 * n) % kItems));
  const auto answer = Ask("/v1/feed", "application/json", body.dump());
  if (!answer) return std::nullopt;
  if (answer->status != 200) {
    Broken(fmt::format("a feed was answered {} {}", answer->status, answer->body));
    return std::nullopt;
  }
  const auto json = ParseJson<nlohmann::json>(answer->body);
  Answer slate{.version = json["model"].value("version", ""), .request_id = request_id, .items = {}};
  for (const auto& item : json["items"]) slate.items.push_back(item["item_id"]);
  const MutexLock lock(mutex_);
  ++report_.feeds;
  report_.by_candidate += slate.version != kFirst;
  versions_.insert(slate.version);
  if (options_.bad && settled_ && slate.version != kFirst) late_candidate_ = true;
  return slate;
}

// Until they are taken.
void LoopWorld::SendEvents(const std::vector<Event>& events, const std::stop_token& stop) {
  std::string body;
  for (const Event& e : events) body += EventToJson(e) + "\n";
  while (!stop.stop_requested()) {
    const auto answer = Ask("/v1/events", "application/x-ndjson", body);
    if (answer && answer->status == 202) return;
    if (answer && answer->status != 503)
      return Broken(fmt::format("events were answered {} {}", answer->status, answer->body));
    if (answer) WaitUntil(MonotonicMs() + 300, stop);
  }
}

// Somebody new each time comes, gets a slate, and does with it what the market's user would.
void LoopWorld::Shop(int client, const std::stop_token& stop) {
  Rng rng(options_.seed * 1000 + client);
  for (int n = 0; !stop.stop_requested(); WaitUntil(MonotonicMs() + 200 + rng.Below(1000), stop), ++n) {
    Visit visit;
    {
      const MutexLock lock(mutex_);
      visit = market_.Arrive(clock_.now_ms());
    }
    visit.user_id = fmt::format("v{}-{}", client, n);
    if (clock_.now_ms() >= kStartMs + kDriftsAfterMs) visit.context[0].text = kNewCity;
    const auto slate = AskForAFeed(visit, fmt::format("f{}-{}", client, n), &rng);
    if (!slate) continue;
    std::vector<Event> events;
    {
      const MutexLock lock(mutex_);
      events = market_.React(visit, slate->request_id, slate->items, clock_.now_ms());
    }
    const bool dislikes = options_.bad && slate->version != kFirst;
    std::erase_if(events, [&](const Event& e) {
      if (e.type == EventType::kFeedImpression) return false;
      return e.type != EventType::kFeedClick || (dislikes && !rng.Chance(kDislike));
    });
    for (Event& e : events) e.time_ms = std::min(e.time_ms, clock_.now_ms());
    SendEvents(events, stop);
  }
}

// A child of the server: a process of its own, which ends with it.
Result<SubprocessResult> LoopWorld::RunChild(const SubprocessOptions& options, std::int64_t deadline_ms,
                                             const std::stop_token& stop) {
  const auto done = std::make_shared<std::optional<SubprocessResult>>();
  const std::vector<std::string> arguments(options.command.begin() + 1, options.command.end());
  const int child =
      simulation_.StartProcess("child", [this, done, arguments] { *done = RunGfr(disk_, clock_, arguments); });
  {
    const MutexLock lock(mutex_);
    children_.insert(child);
  }
  while (!*done && MonotonicMs() < deadline_ms && !stop.stop_requested()) WaitUntil(MonotonicMs() + 100, stop);
  if (!*done) simulation_.Kill(child);
  const MutexLock lock(mutex_);
  children_.erase(child);
  if (!*done) return Error{ErrorCode::kUnavailable, "a stop was requested, or it took too long"};
  return **done;
}

// A run's record is about to be written, or was. The first time that it says this, the server is killed right there.
void LoopWorld::OnRename(WatchedDisk::When when, const std::string& at, const std::string& path) {
  if (path.find("automation/runs/") == std::string::npos) return;
  const auto text = disk_.ReadAll(at);
  const auto run = text.ok() ? RunRecord::FromJson(text.value()) : Result<RunRecord>(text.error());
  if (!run.ok()) return Broken("a run's record cannot be read: " + run.error().message);
  std::string boundary = fmt::format("{} {}", static_cast<int>(when), RunStateName(run.value().state));
  for (const StepRecord& step : run.value().steps)
    boundary += fmt::format(" {}:{}:{}", step.name, StepStateName(step.state), step.inputs.size());
  // Nothing below may let another thread run while the lock is held: a thread that is killed never gives it back.
  const auto champion = Registry(objects_, clock_).Champion(kModelName);
  {
    const MutexLock lock(mutex_);
    if (when == WatchedDisk::When::kLasts) CheckRecord(run.value(), champion.ok() ? champion.value() : "none");
    if (!strikes_ || struck_ || !boundaries_.insert(boundary).second) return;
    struck_ = true;
    ++report_.boundaries;
    simulation_.Note("killed " + boundary);
    struck_changed_.NotifyAll();
  }
  WaitUntil(kNoDeadline);  // It never comes back.
}

// REQUIRES: `mutex_` is held.
void LoopWorld::CheckRecord(const RunRecord& now, const std::string& champion) {
  const bool passed = std::ranges::all_of(
      now.steps, [](const StepRecord& step) { return step.name == "promote" || step.state == StepState::kDone; });
  if (champion != kFirst && !passed) Broken("version " + champion + " is the champion before it has passed");
  const RunRecord before = records_.contains(now.id) ? records_[now.id] : RunRecord();
  for (std::size_t i = 0; i < before.steps.size() && i < now.steps.size(); ++i) {
    const StepRecord &was = before.steps[i], &is = now.steps[i];
    if (was.state == StepState::kDone && (is.state != StepState::kDone || is.ended_ms != was.ended_ms ||
                                          is.outputs.size() != was.outputs.size() || is.begun != was.begun))
      Broken("step " + is.name + " was done and is " + StepStateName(is.state) + " again");
    if (is.begun < was.begun) Broken("step " + is.name + " forgot how often it was begun");
  }
  if (before.over() && before.state != now.state) Broken("the run was over and goes on");
  records_[now.id] = now;
  int running = 0;
  for (const auto& [id, run] : records_) running += run.state == RunState::kRunning;
  if (running > 1) Broken("two runs have one target");
}

std::optional<RunRecord> LoopWorld::TheRun() {
  RunStore store(objects_);
  const auto ids = store.Ids();
  if (!ids.ok() || ids.value().empty()) return std::nullopt;
  const auto run = store.Load(ids.value().back());
  return run.ok() ? std::optional(run.value()) : std::nullopt;
}

int LoopWorld::StartServer(const std::shared_ptr<std::stop_source>& stop) {
  mailbox_.Clear();
  return simulation_.StartProcess("server", [this, stop] {
    ServerProcess process(
        {.disk = watched_,
         .mailbox = mailbox_,
         .broken = [this](const std::string& what) { Broken(what); },
         .had_champion = had_champion_,
         .versions_alike = false,
         .run_child = [this](const SubprocessOptions& options, std::int64_t deadline_ms,
                             const std::stop_token& end) { return RunChild(options, deadline_ms, end); }});
    (void)process.Run(stop->get_token());
  });
}

// A server's children end with it.
void LoopWorld::KillAll(int server) {
  std::set<int> children;
  {
    const MutexLock lock(mutex_);
    children.swap(children_);
  }
  for (const int child : children) simulation_.Kill(child);
  simulation_.Kill(server);
  if (rng_.Chance(0.5)) {
    disk_.PowerCut();
    ++report_.power_cuts;
  } else {
    disk_.Kill();
    ++report_.kills;
  }
  disk_.fail_at = -1;
}

// One life of the server: it ends at a boundary of the run, or at some moment.
void LoopWorld::LiveOnce() {
  if (const std::int64_t age_ms = clock_.now_ms() - kStartMs; age_ms > kAwayFromMs && age_ms < kAwayUntilMs)
    WaitUntil(MonotonicMs() + kAwayUntilMs - age_ms);
  WaitUntil(MonotonicMs() + static_cast<std::int64_t>(rng_.Below(2000)));
  {
    const MutexLock lock(mutex_);
    struck_ = false;
    strikes_ = true;
  }
  const int server = StartServer(std::make_shared<std::stop_source>());
  if (rng_.Chance(0.2)) {  // A write fails, or a few: the disk is full for a moment.
    disk_.fail_count = 1 + static_cast<std::int64_t>(rng_.Below(5));
    disk_.fail_at = disk_.operations() + static_cast<std::int64_t>(rng_.Below(400));
    ++report_.failed_writes;
  }
  const std::int64_t lives_ms =
      static_cast<std::int64_t>(rng_.Chance(0.3) ? rng_.Below(5000) : 20'000 + rng_.Below(120'000));
  {
    MutexLock lock(mutex_);
    (void)struck_changed_.WaitUntil(lock, MonotonicMs() + lives_ms, [&] { return struck_; });
  }
  KillAll(server);
}

// What was decided holds, and the server ends as SIGTERM would end it.
void LoopWorld::LastLife() {
  {
    const MutexLock lock(mutex_);
    strikes_ = struck_ = false;
  }
  const auto stop = std::make_shared<std::stop_source>();
  const int server = StartServer(stop);
  WaitUntil(MonotonicMs() + 5000);
  settled_ = true;
  WaitUntil(MonotonicMs() + kGoesOnMs);
  stop->request_stop();
  simulation_.WaitFor(server);
  disk_.Kill();
}

// The project, its history, and its first champion.
Status LoopWorld::Begin() {
  GFR_TRY(MakeProject(disk_, clock_, kLoopToml));
  GFR_ASSIGN(const auto project, OpenProject(disk_, clock_));
  objects_ = project->shared_objects();
  MarketConfig history{.users = 200, .items = kItems, .days = kHistoryDays, .seed = options_.seed};
  history.start_ms = kStartMs / kHourMs * kHourMs - kHistoryDays * kDayMs;
  GFR_TRY(SimulateEvents(project->workspace(), history));
  market_.Reseed(options_.seed + 77);
  const SubprocessResult trained = RunGfr(disk_, clock_, {"train", "--project", kProjectFolder, "--json"});
  return trained.end.ok() ? Status() : Error{ErrorCode::kInternal, trained.err};
}

void LoopWorld::Live() {
  if (const Status begun = Begin(); !begun.ok()) return Broken("it does not begin: " + begun.error().message);
  std::vector<Thread> clients;
  for (int c = 0; c < kClients; ++c)
    clients.emplace_back("client", [this, c](const std::stop_token& stop) { Shop(c, stop); });
  const std::int64_t end_ms = MonotonicMs() + kLoopBoundMs;
  for (auto run = TheRun(); (!run || !run->over()) && MonotonicMs() < end_ms; run = TheRun()) LiveOnce();
  LastLife();
  clients.clear();
  CheckEnd();
  report_.compared = CompareServed(disk_, clock_, [this](const std::string& why) { Broken(why); });
}

void LoopWorld::CheckSteps(const RunRecord& run) {
  std::int64_t last_ms = run.started_ms;
  for (const StepRecord& step : run.steps) {
    report_.record += fmt::format("{} {}, begun {}, failures {}: {}\n", step.name, StepStateName(step.state),
                                  step.begun, step.failures, step.why);
    if (step.state == StepState::kPending && run.state == RunState::kStopped) continue;
    if (step.state != StepState::kDone) Broken("step " + step.name + " is " + StepStateName(step.state));
    if (step.started_ms < last_ms || step.ended_ms < step.started_ms)
      Broken("step " + step.name + " has no times in order");
    if (step.outputs.empty()) Broken("step " + step.name + " gave nothing");
    last_ms = step.started_ms;
  }
}

void LoopWorld::CheckVersions(const RunRecord& run) {
  Registry registry(objects_, clock_);
  const auto versions = registry.List(kModelName);
  if (!versions.ok()) return Broken("the registry cannot be listed: " + versions.error().message);
  int made = 0;
  for (const Registry::Entry& entry : versions.value()) {
    const auto lineage = entry.lineage.find("run");
    made += lineage != entry.lineage.end() && lineage->second == run.id + "/retrain";
    if (const auto files = registry.Load(kModelName, entry.version); !files.ok())
      Broken("version " + entry.version + " is not whole: " + files.error().message);
  }
  if (made != 1 || versions.value().size() != 2)
    Broken(fmt::format("the run's retrain made {} versions, and there are {}", made, versions.value().size()));
  const auto champion = registry.Champion(kModelName);
  // Not always 2: a training that was killed while it registered leaves a number that nobody has.
  const StepValue* version = run.Find("version");
  const std::string candidate = version != nullptr ? std::get<std::string>(*version) : "";
  for (const std::string& served : versions_) {
    if (served != kFirst && served != candidate) Broken("a feed was ranked by version '" + served + "'");
  }
  const std::string expected = options_.bad ? kFirst : candidate;
  if (!champion.ok() || champion.value() != expected)
    Broken("the champion is " + (champion.ok() ? champion.value() : champion.error().message) + ", not " + expected);
  for (const char* alias : {"canary", "shadow"}) {
    if (const auto of = registry.Alias(kModelName, alias); of.ok() && !of.value().empty())
      Broken(fmt::format("version {} is left as the {}", of.value(), alias));
  }
}

void LoopWorld::CheckEnd() {
  const auto run = TheRun();
  if (!run) return Broken("no run was begun");
  report_.took_ms = run->ended_ms - run->started_ms;
  report_.record = fmt::format("{}: {}\n{}: {}\n", run->id, run->reason, RunStateName(run->state), run->why);
  CheckSteps(*run);
  if (records_.size() != 1) Broken(fmt::format("there were {} runs", records_.size()));
  if (run->by != "trigger" || run->reason.find("geography") == std::string::npos)
    Broken("the run's reason is not the drift: " + run->reason);
  if (run->state != (options_.bad ? RunState::kStopped : RunState::kDone))
    Broken(fmt::format("the run is {}: {}", RunStateName(run->state), run->why));
  if (options_.bad && run->why.find("rolled back: guardrail") == std::string::npos)
    Broken("the run was not rolled back by a guardrail: " + run->why);
  if (report_.by_candidate == 0) Broken("nobody got the candidate");
  if (late_candidate_) Broken("the candidate ranked a feed after it was rolled back");
  CheckVersions(*run);
}

}  // namespace

LoopReport RunLoopWorld(const LoopOptions& options) { return LoopWorld(options).Run(); }

}  // namespace gfr
