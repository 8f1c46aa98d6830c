#include "world/world.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "base/fault_file_system.h"
#include "base/simulation.h"
#include "event/event_json.h"
#include "log/event_log.h"
#include "operations/erase_users.h"
#include "world/served_check.h"
#include "world/server_process.h"

namespace gfr {
namespace {

constexpr int kClients = 5;
constexpr std::int64_t kPatienceMs = 700;  // Of a client; then it sends again.
constexpr char kLeaver[] = "leaver";       // Who asks to be erased; their events' ids begin so too.

class World {
 public:
  explicit World(const WorldOptions& options)
      : options_(options), rng_(options.seed), disk_(options.seed ^ 0x6469736b), simulation_({.seed = options.seed}) {
    disk_.syncs_lie = options.disk_lies;
  }

  WorldReport Run() {
    simulation_.Run([this] { Live(); });
    report_.steps = simulation_.steps();
    report_.trace_hash = simulation_.trace_hash();
    return report_;
  }

 private:
  void Live();
  void LiveOnce(bool last);
  void Shop(int client, const std::stop_token& stop);
  void SendEvents(const std::vector<Event>& events, const std::stop_token& stop);
  void AskForAFeed(const std::string& request_id, Rng* rng);
  void NoteArm(const std::string& user, const std::string& reply);
  void Leave(const std::stop_token& stop);
  void Erase();
  std::shared_ptr<Exchange> Begin(const std::string& path, const std::string& type, std::string body);
  std::optional<HttpResponse> Ask(const std::string& path, const std::string& type, std::string body);
  void TrainModels(std::uint64_t seed);
  void Acknowledge(const std::vector<std::string>& ids);
  void BeginLife(int server, int trainer, bool last);
  std::int64_t LivesMs();
  bool Endures(std::int64_t ms);
  void End(bool last, std::stop_source* stop);
  void CheckVersions();
  std::vector<Event> MakeEvents(int client, std::uint64_t* made, Rng* rng);
  void Broken(const std::string& what);
  void CheckLog();
  void CheckChampion();
  void CheckErased();

  const WorldOptions options_;
  WorldReport report_;
  Rng rng_;
  FaultFileSystem disk_;
  Simulation simulation_;
  Mailbox mailbox_;
  const WallClock clock_;
  Mutex mutex_;  // Of what follows.
  std::set<std::string> acknowledged_;
  CondVar struck_changed_;
  bool struck_ = false;  // An acknowledgement took the power away from this life.
  int strikes_in_ = -1;  // Acknowledgements until one does; -1: none does.
  int server_ = -1, trainer_ = -1;
  bool slow_ = false;  // Clients come once in some seconds, for minutes.
  int promoted_ = 0;   // The newest version whose promotion was acknowledged.
  bool had_champion_ = false;
  std::map<std::string, std::string> arms_;  // Of each user.
  bool left_ = false;                        // The leaver's events are acknowledged.
  bool erasing_ = false, erased_ = false;    // An erasure has begun; one has ended.
};

void World::Broken(const std::string& what) {
  simulation_.Note("broken: " + what);
  report_.broken.push_back(what);
}

std::vector<Event> World::MakeEvents(int client, std::uint64_t* made, Rng* rng) {
  static constexpr EventType kTypes[] = {EventType::kItemView, EventType::kFeedClick, EventType::kItemUpdate};
  std::vector<Event> events(1 + rng->Below(4));
  for (Event& e : events) {
    e.id = "c" + std::to_string(client) + "-" + std::to_string((*made)++);
    e.source = "world";
    e.type = kTypes[rng->Below(3)];
    e.time_ms = clock_.now_ms() - 1000;
    if (e.type != EventType::kItemUpdate) e.user_id = "u" + std::to_string(rng->Below(6));
    e.items = {{.item_id = "i" + std::to_string(rng->Below(5))}};
    if (e.type == EventType::kItemUpdate) e.items[0].price = 1 + static_cast<double>(rng->Below(100));
    e.context = {{.name = "city", .text = "rome"}};
  }
  return events;
}

std::shared_ptr<Exchange> World::Begin(const std::string& path, const std::string& type, std::string body) {
  auto exchange = std::make_shared<Exchange>(HttpRequest{.method = "POST",
                                                         .path = path,
                                                         .headers = {{"host", "localhost"}, {"content-type", type}},
                                                         .body = std::move(body),
                                                         .client = "127.0.0.1"});
  mailbox_.Send(exchange);
  return exchange;
}

std::optional<HttpResponse> World::Ask(const std::string& path, const std::string& type, std::string body) {
  return Begin(path, type, std::move(body))->Await(MonotonicMs() + kPatienceMs);
}

// A batch that is not acknowledged is sent again until it is. Now and then a client that has no patience at all sends
// it again at once: what is said of the second one, while the first is on its way to the disk, holds too.
void World::SendEvents(const std::vector<Event>& events, const std::stop_token& stop) {
  std::string body;
  for (const Event& e : events) body += EventToJson(e) + "\n";
  Rng rng(KeyOf(events[0].id) ^ options_.seed);
  while (!stop.stop_requested()) {
    if (rng.Chance(0.3)) (void)Begin("/v1/events", "application/x-ndjson", body);
    const auto answer = Ask("/v1/events", "application/x-ndjson", body);
    if (answer && answer->status == 202 && answer->body.find("\"rejected\":[]") != std::string::npos) {
      std::vector<std::string> ids;
      for (const Event& e : events) ids.push_back(e.id);
      return Acknowledge(ids);
    }
    if (answer && answer->status != 503)
      Broken("events were answered " + std::to_string(answer->status) + answer->body);
    if (answer) WaitUntil(MonotonicMs() + 500, stop);
  }
}

// What was said holds, also when the power is cut at that very moment.
void World::Acknowledge(const std::vector<std::string>& ids) {
  const MutexLock lock(mutex_);
  acknowledged_.insert(ids.begin(), ids.end());
  if (strikes_in_ < 0 || --strikes_in_ > 0) return;
  strikes_in_ = -1;
  simulation_.Kill(trainer_);
  simulation_.Kill(server_);
  disk_.PowerCut();
  ++report_.power_cuts;
  simulation_.Note("power cut at an acknowledgement");
  struck_ = true;
  struck_changed_.NotifyAll();
}

void World::AskForAFeed(const std::string& request_id, Rng* rng) {
  const std::string user = "u" + std::to_string(rng->Below(6));
  const std::string body = R"({"user_id":")" + user + R"(","request_id":")" + request_id +
                           R"(","context":{"city":"rome"},"candidates":["i0","i1","i2","i3","i4"]})";
  const auto answer = Ask("/v1/feed", "application/json", body);
  if (!answer) return;
  if (answer->status != 200) return Broken("a feed was answered " + std::to_string(answer->status) + answer->body);
  const MutexLock lock(mutex_);
  ++report_.feeds;
  NoteArm(user, answer->body);
  if (answer->body.find("\"log\"") == std::string::npos)
    acknowledged_.insert(request_id);
  else
    ++report_.unlogged;
}

// REQUIRES: `mutex_` is held.
void World::NoteArm(const std::string& user, const std::string& reply) {
  const std::size_t at = reply.find("\"experiment\":{");
  const std::string arm = at == std::string::npos ? "none" : reply.substr(at, reply.find('}', at) - at);
  const auto [first, is_new] = arms_.emplace(user, arm);
  report_.assigned = arms_.size();
  if (!is_new && first->second != arm) Broken(user + " was in " + first->second + " and is in " + arm);
}

// Events of someone who then asks to be erased; later, old ones of them still come.
void World::Leave(const std::stop_token& stop) {
  Rng rng(options_.seed * 1000 + 999);
  const auto was_erased = [this] {
    const MutexLock lock(mutex_);
    return erased_;
  };
  for (int n = 0; n < 200 && !stop.stop_requested(); ++n) {
    const bool late = n >= 8;
    if (late) WaitUntil(MonotonicMs() + 300, stop);
    Event e{.id = std::string(kLeaver) + std::to_string(n), .source = "world", .type = EventType::kFeedClick};
    e.time_ms = late ? 1'600'000'000'000 + n : clock_.now_ms() - 1000;  // Of long before the erasure.
    e.user_id = kLeaver;
    e.items = {{.item_id = "i" + std::to_string(rng.Below(5))}};
    if (!late)
      SendEvents({e}, stop);
    else if (was_erased())
      (void)Ask("/v1/events", "application/x-ndjson", EventToJson(e) + "\n");
    if (n != 7) continue;
    const MutexLock lock(mutex_);
    left_ = !stop.stop_requested();
  }
}

// Between two lives of the server. It may be killed, or the power be cut, anywhere; the next one begins anew.
void World::Erase() {
  {
    const MutexLock lock(mutex_);
    if (!left_ || erased_) return;
    erasing_ = true;
    std::erase_if(acknowledged_, [](const std::string& id) { return id.starts_with(kLeaver); });
  }
  const auto ended = std::make_shared<bool>(false);
  const int eraser = simulation_.StartProcess("eraser", [this, ended] {
    const auto project = OpenProject(disk_, clock_);
    if (!project.ok()) return;
    *ended = EraseUsers(project.value()->workspace(), project.value()->features(), {.user = kLeaver}).ok();
  });
  if (rng_.Chance(0.5)) {
    WaitUntil(MonotonicMs() + static_cast<std::int64_t>(rng_.Below(40)));
    simulation_.Kill(eraser);
    rng_.Chance(0.5) ? disk_.PowerCut() : disk_.Kill();
  } else {
    simulation_.WaitFor(eraser);
    disk_.Kill();
  }
  const MutexLock lock(mutex_);
  erased_ = *ended;
  report_.erased = erased_;
  simulation_.Note(erased_ ? "erased" : "not erased yet");
}

void World::Shop(int client, const std::stop_token& stop) {
  Rng rng(options_.seed * 1000 + client);
  std::uint64_t made = 0;
  for (int feed = 0; !stop.stop_requested(); ++feed) {
    SendEvents(MakeEvents(client, &made, &rng), stop);
    if (rng.Chance(0.5)) AskForAFeed("f" + std::to_string(client) + "-" + std::to_string(feed), &rng);
    WaitUntil(MonotonicMs() + static_cast<std::int64_t>(rng.Below(slow_ ? 10'000 : 60)), stop);
  }
}

// A process of its own: registers and promotes version after version, at times without a pause.
void World::TrainModels(std::uint64_t seed) {
  Rng rng(seed);
  Registry registry(disk_, clock_, Workspace(kProjectFolder, disk_, clock_).models_folder());
  for (;;) {
    WaitUntil(MonotonicMs() + static_cast<std::int64_t>(rng.Below(slow_ ? 20'000 : rng.Chance(0.5) ? 2000 : 20)));
    const std::string content(100 + rng.Below(2000), static_cast<char>('a' + rng.Below(26)));
    const auto version = registry.Register(kModelName, {{"forest", content}, {"calibrator", content}});
    if (!version.ok() || !registry.Promote(kModelName, version.value()).ok()) continue;
    const MutexLock lock(mutex_);
    promoted_ = std::stoi(version.value());
    had_champion_ = true;
    ++report_.versions;
  }
}

// One life of the server, and how it ends.
void World::LiveOnce(bool last) {
  // Of the world, not of the process: whoever ends it gracefully asks here.
  const auto stop = std::make_shared<std::stop_source>();
  slow_ = rng_.Chance(0.2);
  // At times nobody starts it at once; whoever called meanwhile has reached nobody.
  if (rng_.Chance(0.5)) WaitUntil(MonotonicMs() + static_cast<std::int64_t>(rng_.Below(500)));
  mailbox_.Clear();
  const int server = simulation_.StartProcess("server", [this, stop] {
    ServerProcess process({.disk = disk_,
                           .mailbox = mailbox_,
                           .broken = [this](const std::string& what) { Broken(what); },
                           .had_champion = had_champion_});
    (void)process.Run(stop->get_token());
  });
  const int trainer = simulation_.StartProcess("trainer", [this, seed = rng_.Next()] { TrainModels(seed); });
  BeginLife(server, trainer, last);
  if (Endures(LivesMs())) {
    if (!last && rng_.Chance(0.3)) {  // A write fails; the log cuts it away and goes on.
      disk_.fail_at = disk_.operations() + static_cast<std::int64_t>(rng_.Below(20));
      ++report_.failed_writes;
      (void)Endures(1000);
    }
    End(last, stop.get());
  }
  disk_.hangs_until_ms = 0;
  CheckVersions();
  if (rng_.Chance(0.2)) simulation_.JumpWallMs(static_cast<std::int64_t>(rng_.Below(120'000)) - 60'000);
}

void World::BeginLife(int server, int trainer, bool last) {
  const MutexLock lock(mutex_);
  server_ = server;
  trainer_ = trainer;
  struck_ = false;
  // Often at the first: it may be told of what the life before has written.
  const int strikes_in = rng_.Chance(0.5) ? 1 : 1 + static_cast<int>(rng_.Below(10));
  strikes_in_ = !last && rng_.Chance(0.35) ? strikes_in : -1;
}

// Now and then a server lives for a moment only, and is killed while it starts; or for minutes, while epochs are
// sealed: then the disk hangs once.
std::int64_t World::LivesMs() {
  if (!slow_) return static_cast<std::int64_t>(rng_.Chance(0.2) ? rng_.Below(20) : rng_.Below(4000));
  if (Endures(static_cast<std::int64_t>(rng_.Below(60'000))))
    disk_.hangs_until_ms = MonotonicMs() + static_cast<std::int64_t>(rng_.Below(40'000));
  return 60'000 + static_cast<std::int64_t>(rng_.Below(60'000));
}

// False: an acknowledgement took the power away meanwhile, or before.
bool World::Endures(std::int64_t ms) {
  MutexLock lock(mutex_);
  return !struck_changed_.WaitUntil(lock, MonotonicMs() + ms, [&] { return struck_; });
}

void World::End(bool last, std::stop_source* stop) {
  int server = -1, trainer = -1;
  {
    const MutexLock lock(mutex_);
    if (struck_) return;
    strikes_in_ = -1;
    server = server_;
    trainer = trainer_;
  }
  simulation_.Kill(trainer);
  const double how = rng_.Uniform();
  if (last || how < 0.2) {
    stop->request_stop();
    simulation_.WaitFor(server);
    disk_.Kill();  // The trainer's locks.
  } else if (how < 0.6) {
    simulation_.Kill(server);
    disk_.Kill();
    ++report_.kills;
    simulation_.Note("killed");
  } else {
    simulation_.Kill(server);
    disk_.PowerCut();
    ++report_.power_cuts;
    simulation_.Note("power cut");
  }
}

void World::Live() {
  if (const Status made = MakeProject(disk_, clock_); !made.ok()) return Broken("no project: " + made.error().message);
  std::vector<Thread> clients;
  for (int c = 0; c < kClients; ++c)
    clients.emplace_back("client", [this, c](const std::stop_token& stop) { Shop(c, stop); });
  clients.emplace_back("leaver", [this](const std::stop_token& stop) { Leave(stop); });
  for (int round = 0; round < options_.rounds; ++round) {
    if (round > 0) Erase();
    LiveOnce(round + 1 == options_.rounds);
  }
  clients.clear();
  if (rng_.Chance(0.5)) disk_.PowerCut();
  CheckLog();
  report_.compared = CompareServed(disk_, clock_, [this](const std::string& why) { Broken(why); });
  CheckChampion();
  CheckErased();
}

void World::CheckErased() {
  if (!erased_) return;
  LocalLog log(disk_, Workspace(kProjectFolder, disk_, clock_).log_folder());
  const Status read = ForEachRecord(log, kEveryType, [&](const LogRecord& record) {
    if (record.event.user_id == kLeaver || record.event.id.starts_with(kLeaver))
      Broken("offset " + std::to_string(record.offset) + " is of a person who was erased");
    return Status();
  });
  if (!read.ok()) Broken("the log cannot be read after an erasure: " + read.error().message);
}

void World::CheckLog() {
  const std::string folder = Workspace(kProjectFolder, disk_, clock_).log_folder();
  const auto opened = EventLog::Open(disk_, clock_, {.folder = folder});  // Cuts a torn tail.
  if (!opened.ok()) return Broken("the log does not open at the end: " + opened.error().message);
  std::map<std::string, int> times;
  std::int64_t last_ms = INT64_MIN;
  bool in_order = true;
  LocalLog log(disk_, folder);
  const Status read = ForEachRecord(log, kEveryType, [&](const LogRecord& record) {
    if (record.offset != report_.records++ && in_order)
      Broken("offset " + std::to_string(record.offset) + " is not the one behind its predecessor's");
    in_order &= record.offset + 1 == report_.records;
    if (record.arrival_ms < last_ms) Broken("arrival goes back at offset " + std::to_string(record.offset));
    last_ms = record.arrival_ms;
    if (++times[record.event.id] == 2) Broken("event " + record.event.id + " is in the log twice");
    return Status();
  });
  if (!read.ok()) Broken("the log cannot be read: " + read.error().message);
  const MutexLock lock(mutex_);
  report_.acknowledged = acknowledged_.size();
  for (const std::string& id : acknowledged_) {
    if (!times.contains(id)) Broken("event " + id + " was acknowledged and is lost");
  }
}

// What is listed is whole, whenever whoever made it was killed.
void World::CheckVersions() {
  Registry registry(disk_, clock_, Workspace(kProjectFolder, disk_, clock_).models_folder());
  const auto versions = registry.List(kModelName);
  if (!versions.ok()) return Broken("the registry cannot be listed: " + versions.error().message);
  for (const Registry::Entry& version : versions.value()) {
    if (const auto files = registry.Load(kModelName, version.version); !files.ok())
      Broken("version " + version.version + " is listed and not whole: " + files.error().message);
  }
}

void World::CheckChampion() {
  Registry registry(disk_, clock_, Workspace(kProjectFolder, disk_, clock_).models_folder());
  const auto version = registry.Champion(kModelName);
  const MutexLock lock(mutex_);
  if (!had_champion_) return;
  if (!version.ok()) return Broken("the champion is lost: " + version.error().message);
  if (std::stoi(version.value()) < promoted_)
    Broken("the champion is " + version.value() + ", and " + std::to_string(promoted_) + " was promoted");
  if (const auto files = registry.Load(kModelName, version.value()); !files.ok())
    Broken("the champion is not whole: " + files.error().message);
}

}  // namespace

WorldReport RunWorld(const WorldOptions& options) { return World(options).Run(); }

}  // namespace gfr
