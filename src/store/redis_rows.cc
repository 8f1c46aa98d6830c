#include "store/redis_rows.h"

#include <algorithm>
#include <cassert>
#include <charconv>
#include <chrono>
#include <cstring>
#include <unordered_set>

#include "base/clock.h"
#include "base/sync.h"

namespace gfr {
namespace {

constexpr std::uint32_t kErased = 1, kFirst = 2;  // Of a version: no row; nothing was before it.
constexpr std::size_t kVersionBytes =
    VersionedTable::kStampBefore;  // Stamp (8), flags (4), 0 (4); then the row unless erased.
constexpr std::size_t kScriptRows = 256, kMgetRows = 1000;
constexpr std::size_t kWindowBytes = 1 << 20;  // Sent before answers are waited for.
constexpr int kAttempts = 4;                   // Of a Fetch whose rows move on.
constexpr std::int64_t kMaxBackoff = 50;

// The number in a token only goes up, and is at least its owner's ordinal: who has the greater one came later.
constexpr std::string_view kTake =
    "local was = tonumber(string.match(redis.call('GET', KEYS[1]) or '', '^%d+')) or 0\n"
    "local token = string.format('%.0f', math.max(was + 1, tonumber(ARGV[1]))) .. ' ' .. ARGV[2]\n"
    "redis.call('SET', KEYS[1], token)\n"
    "return token\n";
// KEYS: owner, published, rows to set, rows to delete. ARGV: token, stamp or '', a blob for each row to set.
constexpr std::string_view kWrite =
    "local owner = redis.call('GET', KEYS[1])\n"
    "if owner ~= ARGV[1] then\n"
    "  local theirs = tonumber(string.match(owner or '', '^%d+')) or 0\n"
    "  if theirs >= tonumber(string.match(ARGV[1], '^%d+')) then return redis.error_reply('FENCED ' .. owner) end\n"
    "  redis.call('SET', KEYS[1], ARGV[1])\n"
    "  return redis.error_reply('FORGOTTEN by the server')\n"
    "end\n"
    "for i = 3, #ARGV do redis.call('SET', KEYS[i], ARGV[i]) end\n"
    "for i = #ARGV + 1, #KEYS do redis.call('DEL', KEYS[i]) end\n"
    "if ARGV[2] ~= '' then redis.call('SET', KEYS[2], ARGV[2]) end\n"
    "return 'OK'\n";

std::string RowKey(const std::string& space, std::uint32_t table, Key key) {
  std::string name = space + ":" + std::to_string(table) + ":";
  name.append(reinterpret_cast<const char*>(&key), sizeof key);
  return name;
}

void AppendVersion(std::string& blob, std::int64_t stamp, std::uint32_t flags, const std::byte* row,
                   std::size_t row_bytes) {
  const std::uint32_t words[2] = {flags, 0};
  blob.append(reinterpret_cast<const char*>(&stamp), 8);
  blob.append(reinterpret_cast<const char*>(words), 8);
  if (row != nullptr) blob.append(reinterpret_cast<const char*>(row), row_bytes);
}

struct BlobVersion {
  std::int64_t stamp;
  std::uint32_t flags;
};

BlobVersion VersionOf(std::string_view blob) {
  BlobVersion version;
  std::memcpy(&version.stamp, blob.data(), 8);
  std::memcpy(&version.flags, blob.data() + 8, 4);
  return version;
}

Error StoreUnavailable(std::string what) { return Error{ErrorCode::kUnavailable, std::move(what)}; }

}  // namespace

RedisRowOwner::RedisRowOwner(RedisRowsConfig config, std::vector<const VersionedTable*> tables, std::string owner,
                             std::int64_t ordinal)
    : config_(std::move(config)),
      tables_(std::move(tables)),
      owner_(std::move(owner)),
      space_(config_.server.prefix + config_.space),
      ordinal_(ordinal) {
  assert(tables_.size() == config_.row_bytes.size() && ordinal > 0 && ordinal < std::int64_t{1} << 53);
}

RedisRowOwner::~RedisRowOwner() = default;

// A version that only this pin keeps is of use to nobody while the server is away.
Status RedisRowOwner::Lost(Error error) {
  connection_.reset();
  awaited_ = 0;
  last_.reset();
  backoff_ms_ = backoff_ms_ == 0 ? config_.backoff_ms : std::min(backoff_ms_ * 2, config_.backoff_ms * kMaxBackoff);
  retry_at_ms_ = MonotonicMs() + backoff_ms_;
  return error;
}

Status RedisRowOwner::Connect() {
  const std::int64_t deadline = MonotonicMs() + config_.answer_ms;
  auto opened = RedisConnection::Open(config_.server, deadline);
  if (!opened.ok()) return opened.error();
  connection_ = std::move(opened).value();
  connection_->Command({"INFO", "server"});
  connection_->Command({"SCRIPT", "LOAD", kWrite});
  GFR_ASSIGN(const RedisReply info, connection_->Next(deadline));
  GFR_ASSIGN(const RedisReply script, connection_->Next(deadline));
  if (info.error() || script.error())
    return StoreUnavailable("redis: " + std::string(info.error() ? info.text() : script.text()));
  script_ = script.text();
  const std::string_view text = info.text();
  const std::size_t at = text.find("run_id:");
  std::string run_id(at == text.npos ? "" : text.substr(at + 7, 40));
  if (run_id != run_id_) last_.reset();  // It may have started with less than it had.
  run_id_ = std::move(run_id);
  return {};
}

Status RedisRowOwner::Take() {
  last_.reset();
  if (connection_ == nullptr) {
    if (const Status status = Connect(); !status.ok()) return Lost(status.error());
  }
  connection_->Command({"EVAL", kTake, "1", space_ + ":owner", std::to_string(ordinal_), owner_});
  auto reply = connection_->Next(MonotonicMs() + config_.answer_ms);
  if (!reply.ok()) return Lost(reply.error());
  if (reply.value().error()) return Lost(StoreUnavailable("redis: " + std::string(reply.value().text())));
  token_ = reply.value().text();
  fenced_ = false;
  backoff_ms_ = 0;
  return {};
}

Status RedisRowOwner::Publish(Pin now, std::span<const RowChange> changes) {
  if (fenced_ || token_.empty()) return StoreUnavailable("redis: this process does not own the rows of " + space_);
  if (connection_ == nullptr) {
    if (MonotonicMs() < retry_at_ms_) return StoreUnavailable("redis: the server was lost; it is tried again soon");
    if (const Status status = Connect(); !status.ok()) return Lost(status.error());
  }
  Status status;
  for (int attempt = 0; attempt < 2; ++attempt) {
    forgotten_ = false;
    Batch erased;  // Of erased rows the key itself goes once readers see the erasure.
    status = last_ == nullptr ? SendAll(now) : Send(changes, now, &erased);
    if (status.ok()) {
      Write(erased, std::to_string(now.bound()));
      status = Await();
    }
    if (!forgotten_) break;
    last_.reset();
  }
  if (fenced_) {
    connection_.reset();
    last_.reset();
    return status;
  }
  if (!status.ok()) return Lost(status.error());
  backoff_ms_ = 0;
  last_ = std::make_unique<Pin>(std::move(now));
  return {};
}

void RedisRowOwner::Write(const Batch& batch, const std::string& stamp) {
  const std::size_t rows = batch.names.size() + batch.gone.size();
  connection_->Begin(7 + rows + batch.blobs.size());
  connection_->Add("EVALSHA");
  connection_->Add(script_);
  connection_->Add(std::to_string(2 + rows));
  connection_->Add(space_ + ":owner");
  connection_->Add(space_ + ":published");
  for (const std::string& name : batch.names) connection_->Add(name);
  for (const std::string& name : batch.gone) connection_->Add(name);
  connection_->Add(token_);
  connection_->Add(stamp);
  for (const std::string& blob : batch.blobs) connection_->Add(blob);
  ++awaited_;
}

// Takes all answers, and gives the first that is an error.
Status RedisRowOwner::Await() {
  Status status;
  for (; awaited_ > 0; --awaited_) {
    GFR_ASSIGN(const RedisReply reply, connection_->Next(MonotonicMs() + config_.answer_ms));
    if (!reply.error() || fenced_) continue;
    const std::string text(reply.text());
    forgotten_ = forgotten_ || text.starts_with("FORGOTTEN");
    fenced_ = text.starts_with("FENCED ");
    if (fenced_) {
      status = StoreUnavailable("redis: \"" + text.substr(7) + "\" owns the rows of " + space_ +
                                " now; this process's \"" + token_ + "\" is stale and wrote nothing");
    } else if (status.ok()) {
      status = StoreUnavailable("redis: " + text);
    }
  }
  return status;
}

Status RedisRowOwner::Send(std::span<const RowChange> changes, const Pin& now, Batch* erased) {
  std::vector<std::unordered_set<Key>> anew(tables_.size());  // Erased since the last pin.
  for (const RowChange& change : changes) {
    if (change.erased) anew[change.table].insert(change.key);
  }
  Batch batch;
  for (std::size_t begin = 0; begin < changes.size(); begin += kScriptRows) {
    batch.names.clear();
    batch.blobs.clear();
    batch.gone.clear();
    for (const RowChange& change : changes.subspan(begin, std::min(kScriptRows, changes.size() - begin))) {
      const VersionedTable& table = *tables_[change.table];
      const std::byte* row = table.Find(change.key, now);
      const std::byte* before = last_ == nullptr ? nullptr : table.Find(change.key, *last_);
      std::string name = RowKey(space_, change.table, change.key);
      if (row == nullptr && before == nullptr) continue;
      if (!anew[change.table].empty() && anew[change.table].contains(change.key)) before = nullptr;
      std::string& blob = batch.blobs.emplace_back();
      if (row == nullptr) {
        AppendVersion(blob, now.bound(), kErased, nullptr, 0);
        erased->gone.push_back(name);
      } else {
        const bool first = last_ != nullptr && before == nullptr;
        AppendVersion(blob, VersionedTable::StampOf(row), first ? kFirst : 0, row, table.row_bytes());
        if (before != nullptr && before != row)
          AppendVersion(blob, VersionedTable::StampOf(before), 0, before, table.row_bytes());
      }
      batch.names.push_back(std::move(name));
    }
    if (batch.names.empty()) continue;
    Write(batch, "");
    if (connection_->unsent() >= kWindowBytes) GFR_TRY(Await());
  }
  return Await();
}

Status RedisRowOwner::SendAll(const Pin& now) {
  constexpr std::uint32_t kPart = 1 << 14;
  std::vector<RowChange> part;
  for (std::uint32_t t = 0; t < tables_.size(); ++t) {
    const std::uint32_t n = tables_[t]->size();
    for (std::uint32_t begin = 0; begin < n; begin += kPart) {
      part.clear();
      for (std::uint32_t id = begin; id < std::min(n, begin + kPart); ++id) {
        if (tables_[t]->At(id, now) != nullptr) part.push_back({t, tables_[t]->KeyAt(id)});
      }
      GFR_TRY(Send(part, now, nullptr));
    }
  }
  GFR_TRY(RemoveUnknown(now));
  ++resyncs_;
  return {};
}

// Rows that were erased while Redis, or their owner, was away.
Status RedisRowOwner::RemoveUnknown(const Pin& now) {
  std::string pattern;
  for (const char c : space_) {
    if (std::string_view("*?[]\\").find(c) != std::string_view::npos) pattern += '\\';
    pattern += c;
  }
  pattern += ":*";
  for (std::string cursor = "0";;) {
    connection_->Command({"SCAN", cursor, "MATCH", pattern, "COUNT", "1000"});
    GFR_ASSIGN(const RedisReply reply, connection_->Next(MonotonicMs() + config_.answer_ms));
    if (reply.size() != 2) return StoreUnavailable("redis: SCAN: " + std::string(reply.text()));
    cursor = reply.text(0);
    Batch batch;
    for (const std::string_view name : reply.list(1)) {
      for (std::uint32_t t = 0; t < tables_.size(); ++t) {
        std::string row = RowKey(space_, t, 0);
        if (name.size() != row.size() || !name.starts_with(std::string_view(row).substr(0, row.size() - 8))) continue;
        Key key;
        std::memcpy(&key, name.data() + name.size() - 8, 8);
        if (tables_[t]->Find(key, now) == nullptr) batch.gone.emplace_back(name);
      }
    }
    if (!batch.gone.empty()) Write(batch, "");
    GFR_TRY(Await());
    if (cursor == "0") return {};
  }
}

RedisRowReader::RedisRowReader(RedisRowsConfig config)
    : config_(std::move(config)), space_(config_.server.prefix + config_.space) {
  connector_ = Thread("redis-connect", [this] { Connect(); });
  MutexLock lock(mutex_);
  changed_.WaitUntil(lock, MonotonicMs() + config_.timeout_ms, [&] { return up_ || !last_error_.empty(); });
}

RedisRowReader::~RedisRowReader() {
  {
    const MutexLock lock(mutex_);
    stop_ = true;
  }
  changed_.NotifyAll();
  connector_.Join();
}

bool RedisRowReader::up() const {
  const MutexLock lock(mutex_);
  return up_;
}

std::string RedisRowReader::last_error() const {
  const MutexLock lock(mutex_);
  return last_error_;
}

// Connects as long as the server is not up: a request never does. Up is when it answers, not when it can be reached.
void RedisRowReader::Connect() {
  std::int64_t backoff_ms = 0;
  MutexLock lock(mutex_);
  for (std::int64_t up_since_ms = 0;;) {
    changed_.Wait(lock, [&] { return stop_ || !up_; });
    if (up_since_ms != 0 && MonotonicMs() - up_since_ms > config_.backoff_ms * kMaxBackoff) backoff_ms = 0;
    changed_.WaitUntil(lock, MonotonicMs() + backoff_ms, [&] { return stop_; });
    if (stop_) return;
    backoff_ms = std::clamp(backoff_ms * 2, config_.backoff_ms, config_.backoff_ms * kMaxBackoff);
    lock.Unlock();
    std::vector<std::unique_ptr<RedisConnection>> made;
    std::string error;
    for (int i = 0; i < config_.connections && error.empty(); ++i) {
      auto opened = RedisConnection::Open(config_.server, MonotonicMs() + config_.answer_ms);
      if (!opened.ok()) {
        error = opened.error().message;
        break;
      }
      made.push_back(std::move(opened).value());
      made.back()->Command({"PING"});
      const auto pong = made.back()->Next(MonotonicMs() + config_.timeout_ms);
      if (!pong.ok() || pong.value().error())
        error = pong.ok() ? "redis: " + std::string(pong.value().text()) : pong.error().message;
    }
    lock.Lock();
    if (error.empty()) {
      idle_ = std::move(made);
      up_ = true;
      up_since_ms = MonotonicMs();
    } else {
      last_error_ = error;
    }
    changed_.NotifyAll();
  }
}

std::unique_ptr<RedisConnection> RedisRowReader::Borrow(std::int64_t deadline_ms) {
  MutexLock lock(mutex_);
  changed_.WaitUntil(lock, deadline_ms, [&] { return !up_ || !idle_.empty(); });
  if (!up_ || idle_.empty()) return nullptr;
  auto connection = std::move(idle_.back());
  idle_.pop_back();
  return connection;
}

void RedisRowReader::Return(std::unique_ptr<RedisConnection> connection, bool failed) {
  {
    const MutexLock lock(mutex_);
    if (failed) {
      up_ = false;
      idle_.clear();
    } else if (up_) {
      idle_.push_back(std::move(connection));
    }
  }
  changed_.NotifyAll();
}

void RedisRowReader::Fetch(std::span<const RowQuery> queries, RowLease* lease) {
  const std::int64_t deadline = MonotonicMs() + config_.timeout_ms;
  Outcome outcome = Outcome::kFailed;
  if (auto connection = Borrow(deadline)) {
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
      outcome = FetchOnce(*connection, queries, /*more=*/false, deadline, lease);
      if (outcome != Outcome::kMoved) break;
    }
    Return(std::move(connection), outcome == Outcome::kFailed);
  }
  if (outcome != Outcome::kFailed) return;
  lease->pin_.reset();
  lease->bound_ = Timeline::kNothing;
  lease->degraded_ = true;
  for (const RowQuery& query : queries) std::fill(query.rows.begin(), query.rows.end(), nullptr);
}

void RedisRowReader::FetchMore(std::span<const RowQuery> queries, RowLease* lease) {
  Outcome outcome = Outcome::kFailed;
  const std::int64_t deadline = MonotonicMs() + config_.timeout_ms;
  if (auto connection = lease->bound_ == Timeline::kNothing ? nullptr : Borrow(deadline)) {
    outcome = FetchOnce(*connection, queries, /*more=*/true, deadline, lease);
    Return(std::move(connection), outcome == Outcome::kFailed);
  }
  if (outcome != Outcome::kFailed) return;
  lease->degraded_ = true;
  for (const RowQuery& query : queries) std::fill(query.rows.begin(), query.rows.end(), nullptr);
}

// kMoved: some rows are newer than the bound in both their versions; they are null, and the lease says degraded.
RedisRowReader::Outcome RedisRowReader::FetchOnce(RedisConnection& connection, std::span<const RowQuery> queries,
                                                  bool more, std::int64_t deadline_ms, RowLease* lease) {
  if (!more) connection.Command({"GET", space_ + ":published"});
  std::size_t words = 0;
  for (const RowQuery& query : queries) {
    words += query.keys.size() * (kVersionBytes + config_.row_bytes[query.table]) / 8;
    std::string name = RowKey(space_, query.table, 0);
    for (std::size_t begin = 0; begin < query.keys.size(); begin += kMgetRows) {
      const std::size_t n = std::min(kMgetRows, query.keys.size() - begin);
      connection.Begin(1 + n);
      connection.Add("MGET");
      for (const Key key : query.keys.subspan(begin, n)) {
        std::memcpy(name.data() + name.size() - 8, &key, 8);
        connection.Add(name);
      }
    }
  }
  const auto fail = [&](std::string what) {
    const MutexLock lock(mutex_);
    last_error_ = std::move(what);
    return Outcome::kFailed;
  };
  if (!more) {
    lease->pin_.reset();
    lease->bound_ = Timeline::kNothing;
    lease->degraded_ = false;
    lease->copied_ = 0;
    const auto published = connection.Next(deadline_ms);
    if (!published.ok()) return fail(published.error().message);
    if (published.value().error()) return fail("redis: " + std::string(published.value().text()));
    const std::string_view text = published.value().text();
    if (published.value().null() ||
        std::from_chars(text.data(), text.data() + text.size(), lease->bound_).ec != std::errc())
      lease->degraded_ = true;  // Nothing is published: its data was lost, or no owner ever came.
  }
  if (lease->copied_ == lease->copies_.size()) lease->copies_.emplace_back();
  std::vector<std::uint64_t>& copies = lease->copies_[lease->copied_++];
  copies.resize(words);
  std::uint64_t* copy = copies.data();

  bool moved = false;
  for (const RowQuery& query : queries) {
    const std::size_t row_bytes = config_.row_bytes[query.table], full = kVersionBytes + row_bytes;
    for (std::size_t begin = 0; begin < query.keys.size(); begin += kMgetRows) {
      const std::size_t n = std::min(kMgetRows, query.keys.size() - begin);
      const auto reply = connection.Next(deadline_ms);
      if (!reply.ok()) return fail(reply.error().message);
      const RedisReply& blobs = reply.value();
      if (blobs.error() || blobs.size() != n) return fail("redis: MGET: " + std::string(blobs.text()));
      for (std::size_t i = 0; i < n; ++i) {
        const std::byte*& row = query.rows[begin + i];
        row = nullptr;
        if (!blobs.is_text(i) || lease->bound_ == Timeline::kNothing) continue;
        std::string_view blob = blobs.text(i);
        if (blob.size() < kVersionBytes || (VersionOf(blob).flags & kErased) != 0) continue;
        if (blob.size() != full && blob.size() != 2 * full) {
          lease->degraded_ = true;  // Not of these tables.
          continue;
        }
        if (VersionOf(blob).stamp > lease->bound_) {
          if ((VersionOf(blob).flags & kFirst) != 0) continue;
          if (blob.size() == full || VersionOf(blob.substr(full)).stamp > lease->bound_) {
            moved = true;
            continue;
          }
          blob.remove_prefix(full);
        }
        std::memcpy(copy, blob.data(), full);
        row = reinterpret_cast<const std::byte*>(copy) + kVersionBytes;
        copy += full / 8;
      }
    }
  }
  lease->degraded_ = lease->degraded_ || moved;
  return moved ? Outcome::kMoved : Outcome::kDone;
}

}  // namespace gfr
