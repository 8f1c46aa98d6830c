// ServiceState: what the calls of an owner (Service) share: the log, the store that its records are folded into, the
// models in use, and the work that goes on beside the calls.
//
// Thread safety: every method from any thread. `mutex` is of those that fold; feeds read beside them without it.
#pragma once

#include <algorithm>
#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/sync.h"
#include "event/event_json.h"
#include "event/recent_records.h"
#include "feed/contract_prices.h"
#include "log/erased_ids.h"
#include "log/event_log.h"
#include "project/project.h"
#include "runtime/scheduler.h"
#include "runtime/watched_clock.h"
#include "serve/freshness.h"
#include "serve/http_message.h"
#include "serve/jobs.h"
#include "serve/lanes.h"
#include "serve/recent_slates.h"
#include "serve/reply_deadlines.h"
#include "serve/request_index.h"
#include "serve/serve_config.h"
#include "serve/service_metrics.h"
#include "serve/serving.h"
#include "serve/shadows.h"
#include "state/epoch_starts.h"
#include "store/redis_store.h"

namespace gfr {

// The log is opened before it is known where it ends, which the clock may go on from.
struct ServiceClock final : Clock {
  std::unique_ptr<Clock> real;
  WatchedClock* watched = nullptr;  // `real`, where it is the machine's time of day.
  std::int64_t now_ms() const override { return real ? real->now_ms() : 0; }
  // How far the machine's clock has jumped ahead, while it is not followed (watched_clock.h).
  std::int64_t ahead_ms() const { return watched != nullptr ? watched->ahead_ms() : 0; }
};

inline constexpr char kDiskIsFull[] =
    "less of the disk is free than [serve] disk_reserve keeps for snapshots, models and repairs; nothing was taken";

struct ServiceState {
  ServiceState(const Project& p, const ServeConfig& c);

  using Folded = std::function<void()>;
  const Project& project;  // As at the start: the workspace, and what no reload changes. Requests use serving().
  const ServeConfig& config;
  ServiceClock clock;
  std::unique_ptr<EventLog> log;
  ErasedIds erased;  // As of the start: nobody is erased while a server has the log.
  Mutex currency_mutex;
  std::string currency;  // The log's (log/log_currency.h).

  ServiceMetrics counters;

  Mutex mutex;  // Of those that fold: the store's writer, and what it notes.
  CondVar changed;
  std::shared_ptr<OnlineStore> store;  // serving()'s, for those that have `mutex`.
  std::unique_ptr<RedisStore> redis;   // [store] online: rows are read there too. Null: embedded.
  std::atomic<bool> redis_lost = false;
  std::atomic<std::int64_t> last_arrival_ms = 0, next_offset = 0;
  RequestIndex requests;
  RecentRecords recent;  // What was folded last, for who watches it.
  Mutex epoch_starts_mutex;
  EpochStarts epoch_starts;  // Of the records that were folded since the start.
  std::atomic<std::uint64_t> memory_bytes = 0;
  std::atomic<bool> memory_full = false;
  // Less of the disk is free than is kept for snapshots, models and repairs: nothing is appended. Feeds go on.
  std::atomic<bool> disk_full = false;
  std::uint64_t publishable = 0;  // Goes up with each change that readers of a Redis have not seen.
  // Events that feeds do not read yet, of `mutex`: of shared state by arrival, and by `publishable` those that a Redis
  // is to have.
  Freshness shared_freshness{&counters.Freshness("embedded", "shared")};
  Freshness redis_user_freshness{&counters.Freshness("redis", "user")},
      redis_shared_freshness{&counters.Freshness("redis", "shared")};
  Mutex export_mutex;            // Of those that export segments.
  Mutex snapshot_mutex;          // Of those that save a snapshot; before `mutex`.
  std::int64_t snapshot_at = 0;  // The offset of the last one; -1: there is none of the states in use.

  // Durable records on their way to the fold: in log order, as the log acknowledges in it.
  struct Folding {
    std::vector<LogRecord> records;
    std::size_t next = 0;
    std::int64_t durable_us = 0;  // Of MonotonicUs().
    Folded done;
  };
  Mutex folding_mutex;
  CondVar folding_changed;
  std::deque<Folding> folding;
  std::atomic<std::size_t> unfolded = 0;  // Records that are durable, and not folded yet.
  std::atomic<int> large_appends = 0;     // Batches that the log is encoding now, for milliseconds each.

  std::atomic<std::uint64_t> generated = 0;

  FileSystem& fs() const { return project.workspace().fs(); }
  // What requests are answered as of: never before an event that is in the states.
  std::int64_t now_ms() const { return std::max(clock.now_ms(), last_arrival_ms.load()); }
  // Where feeds run: rows in a Redis are waited for.
  Lane feed_lane() const { return project.configuration().store.online.embedded ? Lane::kCompute : Lane::kBlocking; }
  // Each record behind the snapshot that a start took, in order.
  void Note(const LogRecord& r);
  // What is wrong with the epoch of a slate that a reader served, as the records say that are folded; empty: nothing.
  std::string ProblemOfEpoch(const ServedSlate& served);
  // Appends `events`. `failed`: the log refuses or has failed, on this thread or on the log's. Else `durable` says what
  // became of them, on the log's thread, which must not wait, and gives what to do when the accepted ones are folded
  // too: on that thread if they are few and nothing is before them, else on the fold's. `urgent`: what is to be done
  // does not wait for the fold while thousands of records are before it.
  void Append(std::vector<Event> events, std::function<void(const Error&)> failed,
              std::function<Folded(const Appended&)> durable, bool urgent);
  // For calls that fail with the log: 429 or 503.
  static std::function<void(const Error&)> ReplyLogFailed(HttpReply reply);
  // The slate of a request, from the log. kNotFound: none is folded; else the log cannot be read. Waits for the disk.
  Result<LogRecord> FindRequest(const std::string& request_id);
  // Events are refused while the states take more than they may: nothing is forgotten instead. Feeds go on.
  void NoteMemory();
  Status CheckMemoryAtStart() const;
  // Rows in a Redis that another process took over are of its log, not of this one's.
  const FeatureReader& rows(const Serving& of) const {
    return redis && !redis->fenced() ? redis->features() : of.reader->features();
  }
  // What is answered with now; hold it for the request.
  std::shared_ptr<const Serving> serving() const;
  void Publish(std::shared_ptr<const Serving> next);
  // What the contracts of exposure cost now (contracts_watch.h); null: there are none.
  std::shared_ptr<const ContractPrices> contracts() const;
  void PublishContracts(std::shared_ptr<const ContractPrices> prices);
  // Goes on from the last snapshot; without a usable one from the start of the log.
  void LoadSnapshot();
  Status SaveSnapshot();
  // Events that keep the rules of an event, but not this log's: of erased users from before their erasure (late ones,
  // or sent again), and in another currency than the log's where none is declared.
  void LeaveOut(const EventRules& rules, ParsedEvents* parsed);

  // Beside the calls (service_work.cc).
  void WatchClock();
  void WatchDisk();
  Status BoundLog();
  void AddJobs();  // Epochs, lists, models, snapshots, export and the skew monitor: each a job with its own period.
  void RunFolds(const std::stop_token& stop);     // Folds what is durable, in log order; at the stop, all of it.
  void PublishRows(const std::stop_token& stop);  // Brings to the Redis what was folded and sealed, as soon as it was.
  // REQUIRES, of both: `mutex` is held.
  void FoldSlice(std::deque<Folding>* taken, std::vector<Folded>* done);
  void NoteVisible(
      const std::vector<Freshness::Group>& folded);  // What feeds read from now on; these for the first time.
  // Folds few records at once, on the log's thread. False: others are before them, or being folded.
  bool FoldAtOnce(std::vector<LogRecord>* records);
  void SealEpochs();
  Status ExportSegments();
  Status VerifySample(const JobRun& run);

  // The bytes of the lists that a reader asked for last, or why there are none, and their ETag.
  struct PublishedLists {
    Mutex mutex;
    std::shared_ptr<const CandidateLists> of;
    Result<std::string> bytes = std::string();
    std::string tag;
  } published_lists;

  Mutex reload_mutex;                    // One reload at a time; before all others.
  std::atomic<std::size_t> filling = 0;  // Above 0: a reload's states are being filled.
  std::uint64_t reloads = 0;
  mutable Mutex serving_mutex;  // GCC 12's atomic shared_ptr is not free of races.
  std::shared_ptr<const Serving> served;
  std::shared_ptr<const ContractPrices> contract_prices;  // Of `serving_mutex`.

  RecentSlates recent_slates;  // [[feed]] reload.

  Jobs jobs;
  Shadows shadows{counters, [this] { return lanes.queued_feeds() > 0; }};
  ReplyDeadlines late_feeds{config.log_wait_ms};  // Are answered without their record.
  Lanes lanes{config.compute_threads,
              config.blocking_threads};  // The last members: they use the others until they have ended.
  Thread folder, publisher;
  Scheduler background{counters.telemetry(), clock};
};

}  // namespace gfr
