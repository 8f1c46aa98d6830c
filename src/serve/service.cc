#include "serve/service.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <condition_variable>
#include <cstdio>
#include <cstring>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <stop_token>
#include <thread>
#include <unordered_map>

#include "base/progress.h"
#include "base/time.h"
#include "event/event_json.h"
#include "log/erased_ids.h"
#include "log/event_log.h"
#include "log/seal.h"
#include "rank/ranker.h"
#include "serve/champion.h"
#include "serve/explain.h"
#include "serve/feed_json.h"
#include "serve/request_index.h"
#include "serve/slates.h"
#include "store/memory_budget.h"
#include "store/redis_store.h"
#include "store/snapshot.h"

namespace gfr {
namespace {

using Json = nlohmann::ordered_json;

// The log is opened before it is known where it ends, which the clock may go on from.
struct ServiceClock final : Clock {
  std::unique_ptr<Clock> real;
  std::int64_t now_ms() const override { return real ? real->now_ms() : 0; }
};

constexpr std::int64_t kSnapshotMs = 10 * kMinuteMs;
constexpr std::size_t kMaxBytesInFlight = 64u << 20;  // Event bodies; more is answered 429.

}  // namespace

struct Service::State {
  explicit State(const Project& p) : project(p), store(std::make_unique<OnlineStore>(p.features())), champion(p) {}

  // How many of what, since the start; read by /metrics.
  struct Counters {
    std::atomic<std::uint64_t> accepted = 0, duplicates = 0, rejected = 0, feeds = 0, undeclared = 0, degraded = 0;
    std::atomic<std::uint64_t> verified = 0, different = 0;  // Served values that a replay gave again, or not.
  };
  const Project& project;
  ServiceClock clock;
  std::unique_ptr<EventLog> log;
  std::atomic<bool> log_failed = false;
  std::atomic<std::size_t> bytes_in_flight = 0;

  std::mutex mutex;  // Of those that fold: the store's writer, and what it notes.
  std::condition_variable folded;
  std::condition_variable_any stopping, changed;
  std::unique_ptr<OnlineStore> store;
  std::unique_ptr<const StoreReader> reader;  // Feeds read beside the writer.
  std::unique_ptr<RedisStore> redis;          // [store] online: or there. Null: embedded.
  std::atomic<bool> redis_lost = false;
  std::atomic<std::int64_t> last_arrival_ms = 0, next_offset = 0;
  std::map<std::uint64_t, LogRecord> waiting;  // Durable, but an earlier record is not folded yet.
  RequestIndex requests;

  ChampionWatch champion;
  std::atomic<std::uint64_t> generated = 0;
  Counters counters;

  void Note(const LogRecord& r) {
    if (r.event.type == EventType::kFeedRequest) requests.Add(KeyOf(r.event.request_id), r.offset);
  }

  // Folds `records` in log order with those of other threads, and returns when all of them are in.
  void FoldDurable(std::vector<LogRecord> records) {
    if (records.empty()) return;
    const auto last = static_cast<std::int64_t>(records.back().offset);
    std::unique_lock lock(mutex);
    for (LogRecord& r : records) waiting.emplace(r.offset, std::move(r));
    while (!waiting.empty() && static_cast<std::int64_t>(waiting.begin()->first) == store->next_offset()) {
      store->Fold(waiting.begin()->second);
      Note(waiting.begin()->second);
      waiting.erase(waiting.begin());
    }
    store->Publish();
    NoteMemory();
    last_arrival_ms = store->last_arrival_ms();
    next_offset = store->next_offset();
    ++publishable;
    changed.notify_all();
    folded.notify_all();
    folded.wait(lock, [&] { return store->next_offset() > last; });
  }

  // Events are refused while the states take more than they may: nothing is forgotten instead. Feeds go on.
  void NoteMemory() {
    memory_bytes = MemoryBytes(*store);
    const std::uint64_t limit = project.serve().memory_bytes;
    const bool full = limit > 0 && memory_bytes > limit;
    if (full && !memory_full)
      std::fprintf(stderr, "gfr serve: ALERT: events are refused: %s\n",
                   CheckMemory(*store, limit).error().message.c_str());
    memory_full = full;
  }
  std::atomic<std::uint64_t> memory_bytes = 0;
  std::atomic<bool> memory_full = false;

  std::uint64_t publishable = 0;  // Goes up with each change that readers of a Redis have not seen.

  // Brings to the Redis what was folded and sealed, as soon as it was.
  void PublishRows(const std::stop_token& stop) {
    std::uint64_t done = 0;
    while (!stop.stop_requested()) {
      {
        std::unique_lock lock(mutex);
        changed.wait_for(lock, stop, std::chrono::milliseconds(redis_lost ? 200 : 1000),
                         [&] { return publishable != done; });
        done = publishable;
      }
      const Status status = redis->Publish(mutex);
      if (!status.ok() && !redis_lost)
        std::fprintf(stderr, "gfr serve: rows are not published: %s\n", status.error().message.c_str());
      redis_lost = !status.ok();
    }
  }

  Status CheckMemoryAtStart() const {
    const Status status = CheckMemory(*store, project.serve().memory_bytes);
    if (status.ok()) return {};
    return Error{ErrorCode::kInvalidArgument,
                 status.error().message + "; give it more, or declare fewer or smaller features (`gfr features list`)",
                 {JoinPath(project.folder(), "gfr.toml"), 0}};
  }

  // Rows in a Redis that another process took over are of its log, not of this one's.
  const FeatureReader& rows() const { return redis && !redis->fenced() ? redis->features() : reader->features(); }

  // Seals the epochs that have ended, also while no event comes. Not while one is on its way to the disk: it may be of
  // an epoch that has ended since.
  void SealEpochs() {
    const std::int64_t now_ms = clock.now_ms();
    const std::lock_guard lock(mutex);
    const std::int64_t before_ms = store->epoch_end_ms();
    if (store->next_offset() == static_cast<std::int64_t>(log->next_offset())) store->AdvanceTo(EpochEndAt(now_ms));
    if (store->epoch_end_ms() == before_ms) return;
    ++publishable;
    changed.notify_all();
  }

  // The skew monitor: a sample of what was served since the last snapshot, against a replay from it.
  void VerifySample() {
    const auto check = VerifyServed(PosixFileSystem(), project.log_folder(), project.features(),
                                    {.snapshot = project.snapshot_path(), .max_requests = 1000});
    if (!check.ok()) {
      std::fprintf(stderr, "gfr serve: served values cannot be verified: %s\n", check.error().ToString().c_str());
      return;
    }
    counters.verified += check.value().values;
    counters.different += check.value().different;
    if (check.value().different > 0)
      std::fprintf(stderr, "gfr serve: ALERT: served values differ from the replay: %s\n",
                   check.value().first_difference.c_str());
  }

  void Verify(const std::stop_token& stop) {
    const std::int64_t every_ms = project.serve().verify_ms;
    while (every_ms > 0 && !stop.stop_requested()) {
      {
        std::unique_lock lock(mutex);
        stopping.wait_for(lock, stop, std::chrono::milliseconds(every_ms), [] { return false; });
      }
      if (!stop.stop_requested()) VerifySample();
    }
  }

  // Seals epochs, looks for a new champion, writes snapshots.
  void Watch(const std::stop_token& stop) {
    std::int64_t next_snapshot_ms = MonotonicMs() + kSnapshotMs;
    while (!stop.stop_requested()) {
      SealEpochs();
      champion.Look();
      if (MonotonicMs() >= next_snapshot_ms) {
        next_snapshot_ms = MonotonicMs() + kSnapshotMs;
        SaveSnapshot();
        if (const auto sealed = SealSegments(PosixFileSystem(), project.log_folder(), project.lake_folder());
            !sealed.ok()) {
          std::fprintf(stderr, "gfr serve: a segment cannot be sealed: %s\n", sealed.error().ToString().c_str());
        }
      }
      std::unique_lock lock(mutex);
      stopping.wait_for(lock, stop, std::chrono::milliseconds(100), [] { return false; });
    }
  }

  // Goes on from the last snapshot; without a usable one from the start of the log.
  void LoadSnapshot() {
    std::string extra;
    const Status status = ReadSnapshot(PosixFileSystem(), project.snapshot_path(), store.get(), &extra);
    if (status.ok() && extra.size() % 16 == 0 &&
        store->next_offset() <= static_cast<std::int64_t>(log->next_offset())) {
      for (std::size_t i = 0; i < extra.size(); i += 16) {
        std::uint64_t pair[2];
        std::memcpy(pair, extra.data() + i, 16);
        requests.Add(pair[0], pair[1]);
      }
      snapshot_at = store->next_offset();
      return;
    }
    if (PosixFileSystem().Exists(project.snapshot_path()))
      std::fprintf(stderr, "gfr serve: the snapshot is not used (%s); the whole log is read\n",
                   status.ok() ? "it is not of this log" : status.error().message.c_str());
    store = std::make_unique<OnlineStore>(project.features());
  }

  void SaveSnapshot() {
    std::optional<Snapshot> snapshot;
    std::optional<RequestIndex::Frozen> frozen;
    {
      const std::lock_guard lock(mutex);
      if (store->next_offset() == snapshot_at) return;
      frozen = requests.Freeze();
      snapshot.emplace(Snapshot::Take(*store));
      snapshot_at = store->next_offset();
    }
    Status status = PosixFileSystem().MakeFolders(JoinPath(project.folder(), "data/store"));
    if (status.ok()) status = snapshot->Write(PosixFileSystem(), project.snapshot_path(), frozen->Bytes());
    if (!status.ok())
      std::fprintf(stderr, "gfr serve: the snapshot cannot be written: %s\n", status.error().ToString().c_str());
  }
  std::int64_t snapshot_at = 0;

  HttpResponse LogFailed(const Error& error) {
    log_failed = true;
    return ProblemResponse(503, "Service Unavailable", error.message);
  }

  // Events of erased users from before their erasure: late ones, or sent again.
  void LeaveOutErased(ParsedEvents* parsed) const {
    if (erased.empty()) return;
    std::size_t kept = 0;
    for (std::size_t i = 0; i < parsed->events.size(); ++i) {
      if (erased.Covers(parsed->events[i])) {
        parsed->rejected.push_back({parsed->indexes[i], "erased", "is of an erased user, from before the erasure"});
        continue;
      }
      if (kept != i) parsed->events[kept] = std::move(parsed->events[i]);
      parsed->indexes[kept++] = parsed->indexes[i];
    }
    parsed->events.resize(kept);
    parsed->indexes.resize(kept);
  }
  ErasedIds erased;  // As of the start: nobody is erased while a server has the log.

  HttpResponse Events(const HttpRequest& request);
  HttpResponse FeedFor(const HttpRequest& request);
  HttpResponse Served(const HttpRequest& request);
  HttpResponse Explain(const std::string& request_id);
  HttpResponse Metrics();
  HttpResponse Models();
  HttpResponse ChangeChampion(const HttpRequest& request);

  std::jthread watcher, publisher, verifier;  // The last members: they use the others until they have ended.
};

Service::Service(std::unique_ptr<State> state) : state_(std::move(state)) {}
Service::~Service() {
  if (state_->publisher.joinable()) {
    state_->publisher.request_stop();
    state_->publisher.join();
  }
  if (!state_->watcher.joinable()) return;
  state_->verifier.request_stop();
  state_->watcher.request_stop();
  state_->watcher.join();
  state_->SaveSnapshot();
}

Result<std::unique_ptr<Service>> Service::Open(const Project& project, const std::string& clock) {
  auto state = std::make_unique<State>(project);
  State& s = *state;
  // The log first: it cuts a torn tail, and keeps other processes out.
  GFR_ASSIGN(s.log, EventLog::Open(PosixFileSystem(), s.clock, {.folder = project.log_folder()}));
  GFR_ASSIGN(s.erased, ErasedIds::Load(PosixFileSystem(), project.erased_path()));
  s.LoadSnapshot();
  const std::int64_t from = s.store->next_offset();
  GFR_ASSIGN(const auto reader,
             LogReader::Open(PosixFileSystem(), project.log_folder(), static_cast<std::uint64_t>(from)));
  Progress progress("read the log", s.log->next_offset(), "events");
  for (LogRecord record;;) {
    GFR_ASSIGN(const bool more, reader->Next(&record));
    if (!more) break;
    s.store->Fold(record);
    s.Note(record);
    if (record.offset % 1024 == 0) GFR_TRY(s.CheckMemoryAtStart());
    progress.Update(record.offset + 1);
  }
  GFR_TRY(s.CheckMemoryAtStart());
  const std::int64_t last_ms = s.log->last_arrival_ms();
  if (clock == "wall" || (clock == "log" && last_ms == INT64_MIN)) {
    s.clock.real = std::make_unique<WallClock>();
  } else if (clock == "log") {
    s.clock.real = std::make_unique<OffsetClock>(last_ms);
  } else if (clock.starts_with("fixed:")) {
    GFR_ASSIGN(const std::int64_t at_ms, ParseTime(clock.substr(6)));
    s.clock.real = std::make_unique<FixedClock>(at_ms);
  } else {
    return Error{ErrorCode::kInvalidArgument, "clock is '" + clock + "'; valid are wall, log and fixed:TIME"};
  }
  s.store->AdvanceTo(EpochEndAt(s.clock.now_ms()));
  s.store->Share();
  s.reader = std::make_unique<const StoreReader>(*s.store);
  if (const OnlineAddress& online = project.serve().online; !online.embedded) {
    s.store->Track();
    const WallClock started;
    s.redis = std::make_unique<RedisStore>(online.redis, *s.store, ProcessName(), started.now_ms());
    if (const Status status = s.redis->Publish(s.mutex); !status.ok()) {
      std::fprintf(stderr, "gfr serve: rows are not published: %s\n", status.error().message.c_str());
      s.redis_lost = true;
    }
    s.publisher = std::jthread([&s](const std::stop_token& stop) { s.PublishRows(stop); });
  }
  s.NoteMemory();
  s.last_arrival_ms = std::max<std::int64_t>(s.store->last_arrival_ms(), 0);
  s.next_offset = s.store->next_offset();
  s.champion.Look();
  s.watcher = std::jthread([&s](const std::stop_token& stop) { s.Watch(stop); });
  s.verifier = std::jthread([&s](const std::stop_token& stop) { s.Verify(stop); });
  return std::unique_ptr<Service>(new Service(std::move(state)));
}

HttpResponse Service::State::Events(const HttpRequest& request) {
  const std::string type = request.content_type.substr(0, request.content_type.find(';'));
  BodyFormat format = BodyFormat::kJson;
  if (type == "application/x-ndjson")
    format = BodyFormat::kNdjson;
  else if (type != "application/json" && type != "application/cloudevents+json" &&
           type != "application/cloudevents-batch+json") {
    return ProblemResponse(415, "Unsupported Media Type",
                           "content type is '" + type +
                               "'; valid are application/json, application/x-ndjson, application/cloudevents+json and "
                               "application/cloudevents-batch+json");
  }
  // Bounded: what waits for the disk is held in memory.
  struct InFlight {
    std::atomic<std::size_t>& total;
    const std::size_t mine;
    InFlight(std::atomic<std::size_t>& t, std::size_t m) : total(t), mine(m) { total += mine; }
    ~InFlight() { total -= mine; }
  } const in_flight(bytes_in_flight, request.body.size());
  if (bytes_in_flight > kMaxBytesInFlight) {
    return ProblemResponse(429, "Too Many Requests",
                           "more events are waiting for the disk than the server holds; send them again later",
                           /*retry_after_s=*/1);
  }
  if (memory_full) {
    return ProblemResponse(503, "Service Unavailable",
                           "the states take more than [store] memory lets them; nothing was taken",
                           /*retry_after_s=*/60);
  }
  ParsedEvents parsed = ParseEvents(request.body, format, {});
  if (parsed.rejected.size() == 1 && parsed.events.empty() && parsed.rejected[0].code == "too_large") {
    return ProblemResponse(413, "Content Too Large", "too_large: " + parsed.rejected[0].message);
  }
  std::uint64_t accepted = 0, duplicates = 0;
  LeaveOutErased(&parsed);
  if (!parsed.events.empty()) {
    auto appended = log->Append(std::move(parsed.events));
    if (!appended.ok()) return LogFailed(appended.error());
    for (std::size_t i = 0; i < appended.value().results.size(); ++i) {
      const AppendResult result = appended.value().results[i];
      accepted += result == AppendResult::kAccepted;
      duplicates += result == AppendResult::kDuplicate;
      if (result == AppendResult::kFutureTime)
        parsed.rejected.push_back({parsed.indexes[i], "future_time", "time is more than 5 minutes ahead of arrival"});
      if (result == AppendResult::kIdCollision)
        parsed.rejected.push_back({parsed.indexes[i], "id_collision", "an id has the hash of another id"});
    }
    FoldDurable(std::move(appended.value().records));
  }
  Json json{{"accepted", accepted}, {"duplicates", duplicates}, {"rejected", Json::array()}};
  for (const Rejection& r : parsed.rejected)
    json["rejected"].push_back({{"index", r.index}, {"code", r.code}, {"message", r.message}});
  counters.accepted += accepted;
  counters.duplicates += duplicates;
  counters.rejected += parsed.rejected.size();
  return JsonResponse(accepted + duplicates > 0 || parsed.rejected.empty() ? 202 : 400, json);
}

HttpResponse Service::State::FeedFor(const HttpRequest& http) {
  FeedRequest request = ParseFeedRequest(http.body);
  request.now_ms = std::max(clock.now_ms(), last_arrival_ms.load());
  if (request.request_id.empty())
    request.request_id = "r-" + std::to_string(request.now_ms) + "-" + std::to_string(next_offset.load()) + "-" +
                         std::to_string(++generated);
  const std::shared_ptr<const BoundModel> bound = champion.model();
  Feed feed = Rank(*store, rows(), bound.get(), project.feed(), request);
  ++counters.feeds;
  counters.degraded += !feed.degraded.empty();
  counters.undeclared += UndeclaredNames(request, store->features().schema);
  const Json json = FeedJson(feed, request, project.features().get(), http.query == "explain=true");
  std::vector<Event> events{std::move(feed.event)};
  if (project.feed().impressions_on_serve) events.push_back(ImpressionOf(events[0], feed));
  auto appended = log->Append(std::move(events));
  if (!appended.ok()) return LogFailed(appended.error());
  FoldDurable(std::move(appended.value().records));
  return JsonResponse(200, json);
}

// Slates that readers served, as EncodeSlates made them: into the log, like this server's own.
HttpResponse Service::State::Served(const HttpRequest& request) {
  auto slates = DecodeSlates(request.body);
  if (!slates.ok()) return ProblemResponse(400, "Bad Request", slates.error().message);
  for (const Event& e : slates.value()) {
    if (e.type == EventType::kFeedRequest && (e.served.columns != project.features()->columns() ||
                                              e.served.feature_fingerprint != project.features()->fingerprint))
      return ProblemResponse(409, "Conflict", "the slate was served with other feature definitions than this server's");
    // What a row is as of was in this log before it was published.
    if (e.served.as_of >= next_offset)
      return ProblemResponse(409, "Conflict", "the slate was read as of a record that this server does not have");
  }
  auto appended = log->Append(std::move(slates).value());
  if (!appended.ok()) return LogFailed(appended.error());
  const std::size_t accepted = appended.value().records.size();
  FoldDurable(std::move(appended.value().records));
  return JsonResponse(202, {{"accepted", accepted}});
}

HttpResponse Service::State::Explain(const std::string& request_id) {
  std::uint64_t offset = 0;
  {
    const std::lock_guard lock(mutex);
    const std::uint64_t* at = requests.Find(KeyOf(request_id));
    if (at == nullptr)
      return ProblemResponse(404, "Not Found", "no request '" + request_id.substr(0, 200) + "' is in the log");
    offset = *at;
  }
  LogRecord record;
  const auto reader = LogReader::Open(PosixFileSystem(), project.log_folder(), offset);
  if (!reader.ok()) return ProblemResponse(503, "Service Unavailable", reader.error().message);
  const auto read = reader.value()->Next(&record);
  if (!read.ok() || !read.value()) return ProblemResponse(503, "Service Unavailable", "the log cannot be read");
  return {.status = 200, .body = ExplainJson(record, store->features()) + "\n"};
}

HttpResponse Service::State::Metrics() {
  const std::pair<const char*, std::uint64_t> since_start[] = {
      {"gfr_events_accepted_total", counters.accepted}, {"gfr_events_duplicate_total", counters.duplicates},
      {"gfr_events_rejected_total", counters.rejected}, {"gfr_feeds_total", counters.feeds},
      {"gfr_feeds_degraded_total", counters.degraded},  {"gfr_undeclared_names_total", counters.undeclared},
      {"gfr_skew_values_total", counters.verified},     {"gfr_skew_different_total", counters.different}};
  std::string text;
  for (const auto& [name, count] : since_start) {
    text += std::string("# HELP ") + name + " Since the server started.\n# TYPE " + name + " counter\n" + name + " " +
            std::to_string(count) + "\n";
  }
  text += "# HELP gfr_log_records Records in the log.\n# TYPE gfr_log_records gauge\ngfr_log_records " +
          std::to_string(next_offset.load()) + "\n";
  text += "# HELP gfr_state_bytes What the states take in memory.\n# TYPE gfr_state_bytes gauge\ngfr_state_bytes " +
          std::to_string(memory_bytes.load()) + "\n";
  return {.content_type = "text/plain; version=0.0.4", .body = text};
}

HttpResponse Service::State::Models() {
  const std::lock_guard lock(mutex);
  const auto entries = champion.registry().List(Project::kModelName);
  Json list = Json::array();
  if (entries.ok()) {
    for (const auto& e : entries.value())
      list.push_back(
          {{"name", e.name}, {"version", e.version}, {"champion", e.champion}, {"created", FormatTime(e.created_ms)}});
  }
  return JsonResponse(200, {{"models", list}});
}

// POST /v1/models/promote {"version"} and /v1/models/rollback.
HttpResponse Service::State::ChangeChampion(const HttpRequest& request) {
  if (request.path == "/v1/models/rollback") {
    if (const auto to = champion.registry().Rollback(Project::kModelName); !to.ok())
      return ProblemResponse(409, "Conflict", to.error().message);
    return Models();
  }
  const Json json = Json::parse(request.body, nullptr, false);
  if (!json.is_object()) throw BadRequest{"the body is not a JSON object"};
  const std::string version = TextOf(json, "version");
  const auto model_to_be = project.LoadModel(version);
  if (version.empty() || !model_to_be.ok())
    return ProblemResponse(404, "Not Found", "there is no version '" + version.substr(0, 200) + "'");
  const auto bound = BoundModel::Make(model_to_be.value(), store->features());
  if (!bound.ok()) return ProblemResponse(409, "Conflict", bound.error().message);
  if (const Status promoted = champion.registry().Promote(Project::kModelName, version); !promoted.ok())
    return ProblemResponse(409, "Conflict", promoted.error().message);
  return Models();
}

HttpResponse Service::Handle(const HttpRequest& request) try {
  State& s = *state_;
  const bool get = request.method == "GET", post = request.method == "POST";
  if (request.path == "/v1/events" && post) return s.Events(request);
  if (request.path == "/v1/feed" && post) return s.FeedFor(request);
  if (request.path == "/v1/models" && get) return s.Models();
  if (request.path == "/livez" && get) return JsonResponse(200, {{"status", "ok"}});
  if (request.path == "/readyz" && get)
    return s.log_failed ? ProblemResponse(503, "Service Unavailable", "the log cannot be written")
                        : JsonResponse(200, {{"status", "ok"}});
  if (request.path == "/metrics" && get) return s.Metrics();
  const bool explains = request.path.starts_with("/v1/explain/") && get;
  const bool serves = request.path == "/v1/served" && post;
  const bool changes = (request.path == "/v1/models/promote" || request.path == "/v1/models/rollback") && post;
  if (explains || changes || serves) {
    if (!IsAdmin(request, s.project.serve().admin_token)) return Denied();
    if (serves) return s.Served(request);
    return explains ? s.Explain(UrlDecode(request.path.substr(12))) : s.ChangeChampion(request);
  }
  for (const char* known : {"/v1/events", "/v1/feed", "/v1/models", "/v1/models/promote", "/v1/models/rollback",
                            "/v1/served", "/livez", "/readyz", "/metrics"}) {
    if (request.path == known)
      return ProblemResponse(405, "Method Not Allowed", request.method + " is not for " + request.path);
  }
  return ProblemResponse(404, "Not Found", "there is nothing at " + request.path.substr(0, 200));
} catch (const BadRequest& bad) {
  return ProblemResponse(400, "Bad Request", bad.why);
}

}  // namespace gfr
