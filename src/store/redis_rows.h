// Rows in Redis: one process owns a timeline's tables and publishes what it changed; others read them at one bound.
//
// Keys: PREFIX SPACE :owner, :published, and :T: with the key's 8 bytes for a row of table T. A row is one blob: its
// version and, when one was published before, that one behind it (docs/formats/redis.md). A reader takes the published
// stamp first, then the rows, and of each the version that is not newer; when a row has moved on by two publishes in
// between it starts again with the new stamp. So every row of a Fetch is as of one stamp.
//
// Fencing: Take() makes a token, a number that only goes up; every script that writes compares it, so that a process
// that lost the ownership without knowing it changes nothing. Redis keeps nothing that the owner does not have: after a
// lost connection, or when the server has lost data, the owner writes all rows again and removes those it does not
// know.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/sync.h"
#include "state/row_reader.h"
#include "state/versioned_table.h"
#include "store/redis_connection.h"

namespace gfr {

struct RedisRowsConfig {
  RedisAddress server;
  std::string space;  // Of one timeline; holds the definitions' fingerprint, so that others' rows differ.
  std::vector<std::uint32_t> row_bytes;  // One a table.
  std::int64_t timeout_ms = 20;          // Of a Fetch.
  std::int64_t answer_ms = 1000;         // The owner waits so long for each answer, and both for a connection.
  std::int64_t backoff_ms = 200;         // Before the first attempt to connect again; doubles up to 50 times that.
  int connections = 4;                   // Of a reader: Fetches at once; more of them wait for one another.
};

// Thread safety: one thread at a time, not necessarily the tables' writer.
class RedisRowOwner {
 public:
  // `owner` names this process to people. `ordinal` is above that of every owner before, even when Redis forgot them:
  // the time of start in ms. REQUIRES: the tables outlive it; 0 < ordinal < 2^53.
  RedisRowOwner(RedisRowsConfig config, std::vector<const VersionedTable*> tables, std::string owner,
                std::int64_t ordinal);
  ~RedisRowOwner();

  // Becomes the owner: whoever was it before is refused from now on. kUnavailable: no server.
  Status Take();
  // Makes `now` what readers see. REQUIRES: `changes` are all keys written with stamps above the last call's pin and up
  // to this one's; keys may come twice. kUnavailable: the server does not answer (all rows are written again when it
  // does: a call tries that once per back-off, and may take as long as all rows need); or another process owns the
  // rows.
  Status Publish(Pin now, std::span<const RowChange> changes);
  bool fenced() const { return fenced_; }             // Another process took over; only Take() ends that.
  std::uint64_t resyncs() const { return resyncs_; }  // How often all rows were written.

 private:
  Status Connect();
  // What is published from: rows to set with their blobs, rows to delete, and the stamp that is set after them.
  struct Batch {
    std::vector<std::string> names, blobs, gone;
  };
  void Write(const Batch& batch, const std::string& stamp);
  Status Send(std::span<const RowChange> changes, const Pin& now, Batch* erased);
  Status SendAll(const Pin& now);
  Status RemoveUnknown(const Pin& now);
  Status Await();
  Status Lost(Error error);

  const RedisRowsConfig config_;
  const std::vector<const VersionedTable*> tables_;
  const std::string owner_, space_;
  const std::int64_t ordinal_;
  std::unique_ptr<RedisConnection> connection_;
  std::unique_ptr<Pin> last_;  // What readers of Redis see; null: not known, so all rows are to be written.
  std::string run_id_, script_, token_;
  bool fenced_ = false, forgotten_ = false;  // forgotten_: the server lost this owner's token, and so maybe rows.
  std::size_t awaited_ = 0;                  // Replies.
  std::uint64_t resyncs_ = 0;
  std::int64_t retry_at_ms_ = 0, backoff_ms_ = 0;
};

class RedisRowReader final : public RowReader {
 public:
  explicit RedisRowReader(RedisRowsConfig config);
  ~RedisRowReader() override;
  void Fetch(std::span<const RowQuery> queries, RowLease* lease) override;
  // A row that has moved on by two publishes since the lease's Fetch is missing, and the lease degraded.
  void FetchMore(std::span<const RowQuery> queries, RowLease* lease) override;
  bool up() const;
  std::string last_error() const;  // Empty: there was none.

 private:
  enum class Outcome { kDone, kMoved, kFailed };
  // `more`: at the lease's bound, beside its rows; else at the newest, in their place.
  Outcome FetchOnce(RedisConnection& connection, std::span<const RowQuery> queries, bool more, std::int64_t deadline_ms,
                    RowLease* lease);
  std::unique_ptr<RedisConnection> Borrow(std::int64_t deadline_ms);
  void Return(std::unique_ptr<RedisConnection> connection, bool failed);
  void Connect();  // The background thread.

  const RedisRowsConfig config_;
  const std::string space_;
  mutable Mutex mutex_;
  CondVar changed_;
  std::vector<std::unique_ptr<RedisConnection>> idle_;
  bool up_ = false, stop_ = false;
  std::string last_error_;
  Thread connector_;
};

}  // namespace gfr
