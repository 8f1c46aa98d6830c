// LogFollower: the states of a reader that has no Redis: it folds the files of the owner's log itself.
//
// It reads the log in the project's folder only as far as the owner says that it has folded it (GET /v1/status), which
// is on disk, and ends epochs where the owner does. So its rows are the owner's of a moment ago, to the bit. It begins
// with the owner's last snapshot, where there is one. When another process is the owner, or the log is shorter than
// before, the states are made anew (what was erased meanwhile is in none of them), and swapped whole.
//   cost   a reader holds as much memory as the owner's states, folds each record too, and asks the owner 20 times a
//          second; an event is in its feeds up to kPeriodMs later than in the owner's
// Thread safety: Now from any thread; one Follow at a time.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "base/sync.h"
#include "log/durable_end.h"
#include "log/local_log.h"
#include "project/project.h"
#include "serve/owner_client.h"
#include "state/online_store.h"

namespace gfr {

class LogFollower {
 public:
  static constexpr std::int64_t kPeriodMs = 50;  // Of Follow.

  // Folds all that the owner has, which may take minutes. Both must outlive it. kUnavailable: the owner does not
  // answer, or its log is not in this folder.
  static Result<std::unique_ptr<LogFollower>> Open(const Project& project, OwnerClient& owner);

  // Takes what is new. kUnavailable: the owner does not answer, or a stop was requested; kCorrupt: the log cannot be
  // read. What was folded before stays.
  Status Follow(const std::stop_token& stop);

  // The rows; hold it as long as the features are used.
  class Rows {
   public:
    explicit Rows(std::unique_ptr<OnlineStore> folded) : store_(std::move(folded)), reader_(Shared(*store_)) {}
    const FeatureReader& features() const { return reader_.features(); }

   private:
    friend class LogFollower;
    static const OnlineStore& Shared(OnlineStore& store) { return store.Share(), store; }
    const std::unique_ptr<OnlineStore> store_;
    const StoreReader reader_;
  };
  std::shared_ptr<const Rows> Now() const;

  // How far an owner is, as its status says. nullopt: it is none, or the body cannot be read.
  struct OwnersEnd {
    std::string process;
    std::uint64_t records = 0;
    std::optional<std::int64_t> epoch_end_ms;  // Of which all records lie before `records`; none: it is not known now.
  };
  static std::optional<OwnersEnd> ReadEnd(const std::string& status_body);

 private:
  LogFollower(const Project& project, OwnerClient& owner) : project_(project), owner_(owner) {}
  Result<OwnersEnd> AskOwner(const std::stop_token& stop);
  // Makes the states anew, up to `end`.
  Status Build(const OwnersEnd& end, const std::stop_token& stop);
  static Status Fold(LocalLog& log, EventReader& records, const OwnersEnd& end, OnlineStore& store, bool publish,
                     const std::stop_token& stop);

  const Project& project_;
  OwnerClient& owner_;
  // Of Follow.
  std::shared_ptr<DurableEnd> durable_;
  std::unique_ptr<LocalLog> log_;
  std::unique_ptr<EventReader> records_;
  std::string process_;  // The owner that they are of.
  mutable Mutex mutex_;
  std::shared_ptr<Rows> rows_;
};

}  // namespace gfr
