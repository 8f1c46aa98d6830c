#include "automation/replica_set.h"

#include <algorithm>
#include <charconv>
#include <csignal>
#include <utility>

#include "automation/scale_bounds.h"
#include "base/json_text.h"
#include "runtime/logger.h"

namespace gfr {
namespace {

using StateJson = nlohmann::ordered_json;

constexpr std::int64_t kSampleMs = 1000, kMeasureMs = 1000, kSilentMs = 60'000, kSteadyMs = 60'000;
constexpr std::int64_t kFirstBackoffMs = 1000, kMostBackoffMs = 60'000;
constexpr std::int64_t kEndMs = 10'000;  // After drain_ms, for what a server does at its end.

// Of "listening on http://127.0.0.1:41234"; 0: it is another line.
int PortIn(const std::string& line) {
  static constexpr std::string_view kSays = "listening on http://";
  const std::size_t colon = line.rfind(':');
  if (!line.starts_with(kSays) || colon < kSays.size()) return 0;
  int port = 0;
  std::from_chars(line.data() + colon + 1, line.data() + line.size(), port);
  return port;
}

class ChildProcess final : public ReplicaProcess {
 public:
  static Result<std::unique_ptr<ReplicaProcess>> Start(const SubprocessOptions& options) {
    GFR_ASSIGN(auto started, Subprocess::Start(options));
    return std::unique_ptr<ReplicaProcess>(std::make_unique<ChildProcess>(std::move(started)));
  }
  explicit ChildProcess(std::unique_ptr<Subprocess> of) : of_(std::move(of)) {}
  long id() const override { return of_->id(); }
  void Signal(int signal) override { of_->Signal(signal); }
  std::optional<SubprocessEnd> Wait(std::int64_t deadline_ms) override { return of_->Wait(deadline_ms); }
  Result<std::string> ReadLine(std::int64_t deadline_ms) override { return of_->ReadLine(deadline_ms); }

 private:
  const std::unique_ptr<Subprocess> of_;
};

}  // namespace

ReplicaSet::ReplicaSet(ReplicaSetOptions options, const ScalingRules& rules)
    : options_(std::move(options)),
      rules_(rules),
      policy_(rules),
      caller_(options_.caller ? options_.caller
                              : MakeHttpCaller({.allow_private = true, .connect_timeout_ms = kMeasureMs})),
      replicas_(1) {
  replicas_[0].name = "owner";
}

ReplicaSet::~ReplicaSet() { Stop(); }

const char* ReplicaSet::NameOf(State state) {
  switch (state) {
    case State::kWaiting:
      return "waiting";
    case State::kStarting:
      return "starting";
    case State::kReady:
      return "ready";
    case State::kDraining:
      return "draining";
  }
  return "";
}

int ReplicaSet::live() const {
  return static_cast<int>(
      std::ranges::count_if(replicas_, [](const Replica& r) { return r.state != State::kDraining; }));
}

void ReplicaSet::Start(Replica* replica) {
  SubprocessOptions child{.command = options_.command, .environment = {std::string(kListenerVariable) + "=3"}};
  // Readers find the owner where it was before it was started again.
  const int port = IsOwner(*replica) ? replica->port : 0;
  child.command.insert(child.command.end(), {"--listen", "127.0.0.1:" + std::to_string(port)});
  if (!IsOwner(*replica))
    child.command.insert(child.command.end(), {"--owner", "127.0.0.1:" + std::to_string(replicas_[0].port)});
  child.out = SubprocessOptions::Stream::kRead;
  child.listener = options_.listener;
  child.grace_ms = options_.drain_ms + kEndMs;
  replica->start_ms = MonotonicMs();
  auto started = options_.start ? options_.start(child) : ChildProcess::Start(child);
  ++replica->started;
  if (!started.ok()) {
    LogWarning("replicas", "a server cannot be started",
               {{"server", replica->name}, {"error", started.error().message}});
    replica->start_ms += kMostBackoffMs;
    return;
  }
  replica->process = std::move(started).value();
  replica->state = State::kStarting;
}

void ReplicaSet::NoteEnd(Replica* replica, const SubprocessEnd& end) {
  const std::int64_t now_ms = MonotonicMs();
  load_.Forget(replica->name + "." + std::to_string(replica->started));
  replica->process.reset();
  if (now_ms - replica->start_ms >= kSteadyMs) replica->failures = 0;
  const bool by_itself = end.ok() && !IsOwner(*replica);
  const std::int64_t backoff_ms =
      by_itself ? 0 : std::min(kMostBackoffMs, kFirstBackoffMs << std::min(replica->failures, 6));
  if (!by_itself) ++replica->failures;
  replica->state = State::kWaiting;
  replica->start_ms = now_ms + backoff_ms;
  LogWarning("replicas", "a server ended; it is started again",
             {{"server", replica->name}, {"end", end.ToString()}, {"in_ms", backoff_ms}});
}

bool ReplicaSet::Look(Replica* replica) {
  const std::int64_t now_ms = MonotonicMs();
  if (replica->process != nullptr) {
    if (const auto end = replica->process->Wait(0)) {
      if (replica->state == State::kDraining) {
        load_.Forget(replica->name + "." + std::to_string(replica->started));
        return false;
      }
      NoteEnd(replica, *end);
    }
  }
  if (replica->state == State::kWaiting && now_ms >= replica->start_ms &&
      (IsOwner(*replica) || replicas_[0].state == State::kReady))
    Start(replica);
  if (replica->state == State::kStarting) {
    const auto line = replica->process->ReadLine(now_ms + 1);
    if (const int port = line.ok() ? PortIn(line.value()) : 0; port != 0) {
      replica->port = port;
      replica->state = State::kReady;
      replica->answered_ms = now_ms;
      LogInfo("replicas", "a server is ready", {{"server", replica->name}, {"port", port}});
    }
  }
  if (replica->state == State::kReady && now_ms - replica->answered_ms >= kSilentMs) {
    LogWarning("replicas", "a server does not answer; it is killed", {{"server", replica->name}});
    replica->answered_ms = now_ms;
    replica->process->Signal(SIGKILL);
  }
  if (replica->state == State::kDraining && now_ms >= replica->drain_until_ms) replica->process->Signal(SIGKILL);
  return true;
}

void ReplicaSet::Measure(Replica* replica, ScalingSample* sample) {
  const std::string url = "http://127.0.0.1:" + std::to_string(replica->port);
  const auto ask = [&](const char* path) {
    return caller_->Send({.url = url + path, .headers = {}, .deadline_ms = MonotonicMs() + kMeasureMs});
  };
  const auto metrics = ask("/metrics");
  if (!metrics.ok() || metrics.value().status != 200) return;
  replica->answered_ms = MonotonicMs();
  load_.Add(replica->name + "." + std::to_string(replica->started), replica->answered_ms,
            ReplicaCounts::Read(metrics.value().body));
  if (policy_.rules().queued <= 0) return;
  const auto status = ask("/v1/status");
  if (!status.ok()) return;
  const auto json = ParseJson<StateJson>(status.value().body, /*throws=*/false);
  if (!json.is_object() || !json.contains("queue") || !json["queue"].is_object()) return;
  for (const auto& [lane, waiting] : json["queue"].items()) {
    if (waiting.is_number()) sample->queued += waiting.get<double>();
  }
}

void ReplicaSet::Sample() {
  ScalingRules rules = rules_;
  const auto bounds = ScaleBounds::Read(*options_.fs, ScaleBoundsPath(options_.project_folder));
  if (bounds.ok() && bounds.value()) rules = bounds.value()->Of(rules_, options_.clock->now_ms());
  bounds_by_ = rules == rules_ ? "" : bounds.value()->by;
  policy_.SetRules(rules);

  ScalingSample sample{.now_ms = MonotonicMs()};
  for (Replica& replica : replicas_) {
    if (replica.state == State::kReady) Measure(&replica, &sample);
    sample.ready += replica.state == State::kReady;
    sample.starting += replica.state == State::kStarting || replica.state == State::kWaiting;
  }
  sample.requests_per_minute = load_.feeds_per_minute();
  sample.p99_ms = load_.p99_ms();
  const ScalingDecision decision = policy_.Decide(sample);
  if (decision.desired == live()) return;
  desired_ = decision.desired;
  why_ = decision.why;
  LogInfo("replicas", "the number of servers changes",
          {{"from", live()}, {"to", decision.desired}, {"why", decision.why}});
  SetNumber(decision.desired);
}

void ReplicaSet::SetNumber(int desired) {
  while (live() < desired) {
    replicas_.emplace_back();
    replicas_.back().name = "reader-" + std::to_string(++named_);
  }
  for (std::size_t i = replicas_.size(); i-- > 1 && live() > desired;) {
    Replica& replica = replicas_[i];
    if (replica.state == State::kDraining) continue;
    if (replica.process == nullptr) {
      replicas_.erase(replicas_.begin() + static_cast<std::ptrdiff_t>(i));
      continue;
    }
    // One that has not begun to serve ends by the same signal.
    replica.state = State::kDraining;
    replica.drain_until_ms = MonotonicMs() + options_.drain_ms + kEndMs;
    replica.process->Signal(SIGUSR1);
  }
}

Status ReplicaSet::StartOwner(const std::function<bool()>& stopped) {
  Start(&replicas_[0]);
  while (replicas_[0].state == State::kStarting) {
    if (stopped()) return Error{ErrorCode::kUnavailable, "it was stopped while the owner started"};
    if (const auto end = replicas_[0].process->Wait(MonotonicMs() + 20))
      return Error{ErrorCode::kUnavailable, "the owner of the log " + end->ToString()};
    Look(&replicas_[0]);
  }
  if (replicas_[0].state != State::kReady) return Error{ErrorCode::kUnavailable, "the owner cannot be started"};
  WriteState();
  return {};
}

void ReplicaSet::Tick() {
  std::vector<std::size_t> gone;
  for (std::size_t i = 0; i < replicas_.size(); ++i) {
    if (!Look(&replicas_[i])) gone.push_back(i);
  }
  for (std::size_t n = gone.size(); n-- > 0;) replicas_.erase(replicas_.begin() + static_cast<std::ptrdiff_t>(gone[n]));
  if (const std::int64_t now_ms = MonotonicMs(); now_ms >= next_sample_ms_) {
    Sample();
    next_sample_ms_ = now_ms + kSampleMs;
  }
  WriteState();
}

void ReplicaSet::Reload(const ScalingRules& rules) {
  rules_ = rules;
  if (replicas_[0].process != nullptr && replicas_[0].state == State::kReady) replicas_[0].process->Signal(SIGHUP);
}

void ReplicaSet::Stop() {
  if (std::exchange(stopped_, true)) return;
  const std::int64_t end_ms = MonotonicMs() + options_.drain_ms + kEndMs;
  for (Replica& replica : replicas_) {
    if (!IsOwner(replica) && replica.process != nullptr) replica.process->Signal(SIGTERM);
  }
  for (Replica& replica : replicas_) {
    if (IsOwner(replica) || replica.process == nullptr) continue;
    if (!replica.process->Wait(end_ms)) replica.process->Signal(SIGKILL);
  }
  replicas_.erase(replicas_.begin() + 1, replicas_.end());
  // Its grace begins when its readers are gone: what they had begun is in its log.
  if (replicas_[0].process != nullptr) {
    replicas_[0].process->Signal(SIGTERM);
    (void)replicas_[0].process->Wait(INT64_MAX);  // A snapshot is worth its time.
  }
  for (const char* name : {"data/replicas.json", "data/replicas.targets.json"})
    (void)options_.fs->Remove(JoinPath(options_.project_folder, name));
}

void ReplicaSet::WriteState() {
  StateJson json{{"desired", desired_},
                 {"why", why_},
                 {"min_replicas", policy_.rules().min_replicas},
                 {"max_replicas", policy_.rules().max_replicas},
                 {"bounds_by", bounds_by_.empty() ? StateJson(nullptr) : StateJson(bounds_by_)},
                 {"replicas", StateJson::array()}};
  for (const Replica& replica : replicas_) {
    json["replicas"].push_back(
        {{"name", replica.name},
         {"state", NameOf(replica.state)},
         {"process", replica.process ? StateJson(replica.process->id()) : StateJson(nullptr)},
         {"address", replica.port != 0 ? StateJson("127.0.0.1:" + std::to_string(replica.port)) : StateJson(nullptr)},
         {"starts", replica.started}});
  }
  Publish("replicas.json", DumpJson(json, 2) + "\n", &written_);
  // At the shared address one of them answers, so that counters of a scrape there are now one's and now another's.
  StateJson targets = StateJson::array();
  for (const Replica& replica : replicas_) {
    if (replica.port != 0 && replica.process != nullptr)
      targets.push_back({{"targets", StateJson::array({"127.0.0.1:" + std::to_string(replica.port)})},
                         {"labels", {{"replica", replica.name}}}});
  }
  Publish("replicas.targets.json", DumpJson(targets, 2) + "\n", &targets_);
}

// A file of data/, where its text is another than was `written`.
void ReplicaSet::Publish(const char* name, std::string text, std::string* written) {
  if (text == *written) return;
  const std::string path = JoinPath(JoinPath(options_.project_folder, "data"), name);
  if (const Status status = PublishFile(*options_.fs, path, text); status.ok())
    *written = std::move(text);
  else
    LogWarning("replicas", "what servers there are cannot be written", {{"error", status.error().ToString()}});
}

}  // namespace gfr
