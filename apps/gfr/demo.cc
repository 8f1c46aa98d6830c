// demo: the whole road in one run: events, features, training, evaluation, a server with clients, and what came of it.
#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <deque>

#include "base/time.h"
#include "commands.h"
#include "event/event_json.h"
#include "log/event_log.h"
#include "operations/import_events.h"
#include "operations/simulate_events.h"
#include "print_report.h"
#include "serve/http_server.h"

extern char** environ;

namespace gfr {
namespace {

constexpr int kFeeds = 300;

struct DemoOptions {
  std::string log, format = "trivago";
  MarketConfig market{.days = 56};
};

// A `gfr serve` of the project as a child process, ended when this goes.
class ServerProcess {
 public:
  static Result<std::unique_ptr<ServerProcess>> Start(const std::string& project) {
    int out[2];
    if (::pipe2(out, O_CLOEXEC) != 0) return Error{ErrorCode::kUnavailable, "no pipe"};
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, out[1], 1);
    std::string arguments[] = {"gfr", "serve", "--project", project, "--listen", "127.0.0.1:0", "--clock", "log"};
    std::vector<char*> argv;
    for (std::string& a : arguments) argv.push_back(a.data());
    argv.push_back(nullptr);
    auto server = std::make_unique<ServerProcess>();
    const int failed = ::posix_spawn(&server->pid_, "/proc/self/exe", &actions, nullptr, argv.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    ::close(out[1]);
    if (failed != 0) {
      ::close(out[0]);
      return Error{ErrorCode::kUnavailable, "cannot start `gfr serve`"};
    }
    std::string line;
    for (char c = 0; ::read(out[0], &c, 1) == 1 && c != '\n';) line += c;
    ::close(out[0]);
    const std::size_t colon = line.rfind(':');
    if (!line.starts_with("listening on ") || colon == std::string::npos)
      return Error{ErrorCode::kUnavailable, "`gfr serve` did not start"};
    server->port_ = std::atoi(line.c_str() + colon + 1);
    return server;
  }
  ~ServerProcess() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGTERM);
    ::waitpid(pid_, nullptr, 0);
  }
  int port() const { return port_; }

 private:
  pid_t pid_ = -1;
  int port_ = 0;
};

// One client's call for a feed, and what its user then does.
struct Call {
  Json request;
  std::vector<Event> after;  // Of a real log: what the user did next.
  Visit visit;
};

// The last slates of an imported log, asked for again, and clicked as they were.
Result<std::vector<Call>> CallsOfLog(const Project& project) {
  std::deque<Call> calls;
  GFR_ASSIGN(const auto reader, LogReader::Open(PosixFileSystem(), project.log_folder()));
  for (LogRecord record;;) {
    GFR_ASSIGN(const bool more, reader->Next(&record));
    if (!more) break;
    const Event& e = record.event;
    if (e.type == EventType::kFeedRequest && e.served.columns == 0) {
      Json candidates = Json::array(), context = Json::object();
      for (const EventItem& item : e.items) {
        Json c{{"item_id", item.item_id}};
        if (!std::isnan(item.price)) c["properties"] = {{"price", item.price}};
        candidates.push_back(std::move(c));
      }
      for (const Property& p : e.context) {
        if (!p.text.empty())
          context[p.name] = p.text;
        else if (!std::isnan(p.number))
          context[p.name] = p.number;
      }
      calls.push_back({.request = {{"request_id", "demo/" + e.request_id},
                                   {"user_id", e.user_id},
                                   {"session_id", e.session_id},
                                   {"surface", e.surface},
                                   {"context", context},
                                   {"candidates", candidates}}});
      if (calls.size() > kFeeds) calls.pop_front();
    } else if (!calls.empty() && (e.type == EventType::kFeedImpression || e.type == EventType::kFeedClick) &&
               calls.back().request["request_id"] == "demo/" + e.request_id) {
      Event again = e;
      again.id = "demo/" + e.id;
      again.source = "demo";
      again.request_id = "demo/" + e.request_id;
      calls.back().after.push_back(std::move(again));
    }
  }
  return std::vector<Call>(calls.begin(), calls.end());
}

struct Feeds {
  std::uint64_t feeds = 0, items = 0, events = 0;
  double feed_seconds = 0, event_seconds = 0;
  Json before, after;
  std::string clicked;
};

Result<Json> Post(HttpClient& client, const std::string& path, const std::string& body, int expected) {
  GFR_ASSIGN(const HttpResponse response, client.Send("POST", path, body));
  if (response.status != expected)
    return Error{ErrorCode::kInternal,
                 path + " answered " + std::to_string(response.status) + ": " + response.body.substr(0, 300)};
  return Json::parse(response.body);
}

std::string ArrayOf(const std::vector<Event>& events) {
  std::string body = "[";
  for (const Event& e : events) body += (body.size() > 1 ? "," : "") + EventToJson(e);
  return body + "]";
}

Result<Feeds> CallServer(const Project& project, Market* market, std::int64_t last_arrival_ms) {
  GFR_ASSIGN(const auto server, ServerProcess::Start(project.folder()));
  HttpClient client("127.0.0.1", server->port());
  Feeds feeds;
  const std::int64_t start_ms = MonotonicMs();
  const auto now_ms = [&] { return last_arrival_ms + MonotonicMs() - start_ms; };
  std::vector<Call> calls;
  if (!market) {
    GFR_ASSIGN(calls, CallsOfLog(project));
  }
  const std::size_t count = market ? kFeeds : calls.size();
  const auto send = [&](std::vector<Event> events) -> Status {
    if (events.empty()) return {};
    for (Event& e : events) e.time_ms = std::min(e.time_ms, now_ms());  // A moment's reading is not waited for.
    const double before_s = MonotonicSeconds();
    GFR_ASSIGN(const Json reply, Post(client, "/v1/events", ArrayOf(events), 202));
    feeds.event_seconds += MonotonicSeconds() - before_s;
    if (reply["accepted"] != events.size())
      return Error{ErrorCode::kInternal, "events were not accepted: " + reply.dump()};
    feeds.events += events.size();
    return {};
  };
  for (std::size_t i = 0; i < count; ++i) {
    Call call;
    if (market) {
      call.visit = market->Arrive(now_ms());
      Json context;
      for (const Property& p : call.visit.context) context[p.name] = p.text;
      call.request = {{"request_id", "demo-" + std::to_string(i)},
                      {"user_id", call.visit.user_id},
                      {"session_id", call.visit.session_id},
                      {"surface", "home"},
                      {"context", context}};
    } else {
      call = std::move(calls[i]);
    }
    const double before_s = MonotonicSeconds();
    GFR_ASSIGN(const Json reply, Post(client, "/v1/feed", call.request.dump(), 200));
    feeds.feed_seconds += MonotonicSeconds() - before_s;
    ++feeds.feeds;
    feeds.items += reply["items"].size();
    std::vector<std::string> slate;
    for (const Json& item : reply["items"]) slate.push_back(item["item_id"]);
    std::vector<Event> events = market ? market->React(call.visit, reply["request_id"], slate, now_ms()) : call.after;
    const auto click = std::ranges::find(events, EventType::kFeedClick, &Event::type);
    const bool last = i + 1 == count || (click != events.end() && i + 20 > count);
    if (last && click == events.end() && !slate.empty()) {  // The one shown below clicks for certain.
      Event e;
      e.id = "demo-click";
      e.source = "demo";
      e.type = EventType::kFeedClick;
      e.time_ms = now_ms();
      e.user_id = call.request["user_id"];
      e.session_id = call.request["session_id"];
      e.request_id = reply["request_id"];
      e.items = {{.item_id = slate[slate.size() / 2], .index = static_cast<std::int32_t>(slate.size() / 2)}};
      events.push_back(std::move(e));
    }
    for (const Event& e : events) {
      if (e.type == EventType::kFeedClick && feeds.clicked.empty() && last) feeds.clicked = e.items[0].item_id;
    }
    GFR_TRY(send(std::move(events)));
    if (!last) continue;
    feeds.before = reply;
    call.request["request_id"] = call.request["request_id"].get<std::string>() + "/after";
    GFR_ASSIGN(feeds.after, Post(client, "/v1/feed", call.request.dump(), 200));
    break;
  }
  return feeds;
}

std::string FeedLine(const Json& feed, std::size_t p, const std::string& clicked) {
  if (p >= feed["items"].size()) return "";
  const Json& item = feed["items"][p];
  const auto number = [&](const char* key) {
    return item["scores"][key].is_null() ? std::string("-") : fmt::format("{:.4f}", item["scores"][key].get<double>());
  };
  return fmt::format("{}{:<12} {:<10} {} {} {}", item["item_id"] == clicked ? "*" : " ",
                     item["item_id"].get<std::string>(), item["channel"].get<std::string>(), number("pctr"),
                     number("pcvr"), number("value"));
}

int RunDemo(const DemoOptions& options, const Common& common) {
  FileSystem& fs = PosixFileSystem();
  const bool simulated = options.log.empty();
  const std::string marker = JoinPath(common.project, ".gfr-demo");
  if (fs.Exists(JoinPath(common.project, "gfr.toml"))) {
    if (!fs.Exists(marker))
      return Fail({ErrorCode::kInvalidArgument,
                   "'" + common.project + "' holds a project that is not a demo; name another folder with --project"});
    if (const Status s = fs.RemoveTree(common.project); !s.ok()) return Fail(s.error());  // The demo before.
  }
  const std::string name = simulated || options.format != "trivago" ? "shop" : "trivago";
  if (const Status s = Project::Init(common.project, name); !s.ok()) return Fail(s.error());
  if (const Status s = PublishFile(fs, marker, "made by `gfr demo`, which may remove this folder\n"); !s.ok())
    return Fail(s.error());
  const auto opened = Project::Open(common.project);
  if (!opened.ok()) return Fail(opened.error());
  Project& project = *opened.value();

  std::vector<StageTime> stages;
  double start_s = MonotonicSeconds();
  const auto stage = [&](std::string what, std::uint64_t rows) {
    const double now_s = MonotonicSeconds();
    stages.push_back({std::move(what), rows, now_s - std::exchange(start_s, now_s)});
    std::fprintf(stderr, "demo: %s done, %llu rows, %.1f s\n", stages.back().name.c_str(),
                 static_cast<unsigned long long>(rows), stages.back().seconds);
  };
  const auto imported = simulated
                            ? SimulateEvents(project.workspace(), options.market)
                            : ImportEvents(project.workspace(), {.format = options.format, .files = {options.log}});
  if (!imported.ok()) return Fail(imported.error());
  stage(simulated ? "simulate (simulated events)" : "import", imported.value().report.events);
  std::uint64_t rows = 0;
  std::int64_t last_arrival_ms = 0;
  Project::Trained trained;
  {
    const auto data = project.MakeDataset({});
    if (!data.ok()) return Fail(data.error());
    for (const ObjectiveRows& o : data.value().objectives) rows += o.size();
    last_arrival_ms = data.value().last_arrival_ms;
    stage("features and dataset", rows);
    auto made = project.TrainOn(data.value());
    if (!made.ok()) return Fail(made.error());
    trained = std::move(made).value();
    stages.insert(stages.end(), trained.stages.begin(), trained.stages.end());
    start_s = MonotonicSeconds();
  }
  std::unique_ptr<Market> market;
  if (simulated) {
    MarketConfig config = options.market;
    config.seed += 1'000'000;  // The same market's users go on with dice of their own.
    market = std::make_unique<Market>(options.market);
    market->Reseed(config.seed);
  }
  const auto served = CallServer(project, market.get(), last_arrival_ms);
  if (!served.ok()) return Fail(served.error());
  const Feeds& feeds = served.value();
  stages.push_back({"serve feeds over HTTP", feeds.feeds, feeds.feed_seconds});
  stages.push_back({"take events over HTTP", feeds.events, feeds.event_seconds});

  if (common.json) {
    Json json = Json::parse(ReportToJson(trained.report));
    json["stages"] = Json::array();
    for (const StageTime& s : stages)
      json["stages"].push_back({{"stage", s.name},
                                {"rows", s.rows},
                                {"seconds", s.seconds},
                                {"rows_per_second", static_cast<double>(s.rows) / std::max(s.seconds, 1e-9)}});
    json["feed_before"] = feeds.before;
    json["clicked"] = feeds.clicked;
    json["feed_after"] = feeds.after;
    json["report"] = trained.html_path;
    PrintJson(json);
    return 0;
  }
  const char* what = simulated ? " (simulated)" : "";
  fmt::print("\nStages{}\n  {:<30}{:>12}{:>10}{:>14}\n", what, "stage", "rows", "seconds", "rows/s");
  for (const StageTime& s : stages)
    fmt::print("  {:<30}{:>12}{:>10.2f}{:>14.0f}\n", s.name, s.rows, s.seconds,
               static_cast<double>(s.rows) / std::max(s.seconds, 1e-9));
  PrintReport(trained.report);
  const std::string user = "user's feed";
  fmt::print("\nOne {} before and after a click on {}{} (item, channel, pctr, pcvr, value)\n", user, feeds.clicked,
             what);
  for (std::size_t p = 0;
       p < std::min<std::size_t>(10, std::max(feeds.before["items"].size(), feeds.after["items"].size())); ++p) {
    fmt::print("  {:>2}  {:<52}  {}\n", p + 1, FeedLine(feeds.before, p, feeds.clicked),
               FeedLine(feeds.after, p, feeds.clicked));
  }
  fmt::print(
      "\nThe report{}: {}\n`gfr serve --project {}` serves it; `gfr explain {} --project {}` shows what lies behind "
      "the feed above.\n",
      what, trained.html_path, common.project, feeds.before["request_id"].get<std::string>(), common.project);
  return 0;
}

}  // namespace

void AddDemo(CLI::App& app, Command& run) {
  static Common common{.project = "demo"};
  static DemoOptions options;
  CLI::App* c = AddCommand(app, "demo", "The whole road, on simulated events or on a log of yours",
                           "gfr demo --project demo --log train.csv.xz --format trivago", common);
  c->add_option("--log", options.log, "A log to import; simulated events when left out");
  c->add_option("--format", options.format, "trivago or ndjson")
      ->capture_default_str()
      ->check(CLI::IsMember({"trivago", "ndjson"}));
  c->add_option("--users", options.market.users, "Simulated users")
      ->capture_default_str()
      ->check(CLI::Range(10, 10'000'000));
  c->add_option("--items", options.market.items, "Simulated items")
      ->capture_default_str()
      ->check(CLI::Range(20, 10'000'000));
  c->add_option("--days", options.market.days, "Simulated days")->capture_default_str()->check(CLI::Range(1, 3650));
  c->add_option("--seed", options.market.seed, "Of the simulation")->capture_default_str();
  c->callback([&run] { run = [] { return RunDemo(options, common); }; });
}

}  // namespace gfr
