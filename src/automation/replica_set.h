// ReplicaSet: several servers of one project at one address of this machine: started, replaced and ended by their
// number, which ScalingPolicy decides from what they have to do.
//
// The supervisor binds the socket and hands the descriptor down to each server: they accept from one queue of
// connections. So no connection that waits is lost with a server that ends, as happens to the queues of SO_REUSEPORT,
// and none is refused while the first one starts anew. The first server is the owner of the log; the others are
// readers, which find it at an address of its own on loopback. Each has such an address: its measures are asked there.
//   start     one after the other needs nothing of another: readers start once the owner serves
//   crash     the server is started again after 1 s, then 2 s, 4 s, up to 60 s; a minute without a crash begins anew.
//             So is one that does not answer for 60 s, and at once a reader that ended by itself (with code 0: gfr.toml
//             has other features)
//   fewer     the youngest reader is asked to drain (SIGUSR1): it takes no connection, answers with
//             Connection: close, and ends; what is left after drain_ms is cut. The owner is never drained
//   bounds    scale_bounds.h in place of those of [scale]
// What there is, and why, stands in data/replicas.json; data/replicas.targets.json has the servers' own addresses, as
// Prometheus reads files of targets (file_sd_configs), with the label `replica`. The servers are killed when this
// process ends, however it ends. Thread safety: one thread; each call may take as long as a server's answer (a second
// each).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "automation/replica_load.h"
#include "automation/scaling.h"
#include "base/clock.h"
#include "base/file_system.h"
#include "runtime/http_client.h"
#include "runtime/subprocess.h"

namespace gfr {

// A server of it, as a Subprocess is one (runtime/subprocess.h): another one in tests.
class ReplicaProcess {
 public:
  virtual ~ReplicaProcess() = default;  // Ends it.
  virtual long id() const = 0;
  virtual void Signal(int signal) = 0;
  virtual std::optional<SubprocessEnd> Wait(std::int64_t deadline_ms) = 0;
  virtual Result<std::string> ReadLine(std::int64_t deadline_ms) = 0;
};
using StartReplica = std::function<Result<std::unique_ptr<ReplicaProcess>>(const SubprocessOptions&)>;

struct ReplicaSetOptions {
  std::vector<std::string> command;  // "gfr serve --project P": what every server is started with.
  int listener = -1;                 // The bound socket.
  std::string project_folder;
  std::int64_t drain_ms = 25'000;  // [serve] drain.
  FileSystem* fs = nullptr;
  const Clock* clock = nullptr;                  // Of the bounds' end.
  StartReplica start = {};                       // None: a child process.
  std::shared_ptr<HttpCaller> caller = nullptr;  // Who asks for their measures. Null: over HTTP.
};

// What tells a server of a ReplicaSet from another: the number of the descriptor that it is to listen on.
inline constexpr char kListenerVariable[] = "GFR_LISTENER";

class ReplicaSet {
 public:
  ReplicaSet(ReplicaSetOptions options, const ScalingRules& rules);
  ~ReplicaSet();  // Stop.

  // Starts the owner and waits until it serves, which may take as long as its log is to read. kUnavailable: it ended
  // before, or `stopped` said true.
  Status StartOwner(const std::function<bool()>& stopped);
  // Looks after them: to be called a few times a second.
  void Tick();
  // [scale] was read again; the servers are told (SIGHUP to the owner, whose configuration the readers follow).
  void Reload(const ScalingRules& rules);
  // Ends the readers, then the owner; each within drain_ms and what a snapshot takes.
  void Stop();

 private:
  enum class State { kWaiting, kStarting, kReady, kDraining };
  struct Replica {
    std::string name;  // "owner", "reader-3".
    State state = State::kWaiting;
    std::unique_ptr<ReplicaProcess> process;  // Null: waiting.
    int port = 0;                             // Of its own address; of the owner, the same for good.
    int started = 0, failures = 0;            // How often; in a row.
    std::int64_t start_ms = 0;                // Of MonotonicMs(): when it started, or of a waiting one will.
    std::int64_t answered_ms = 0;             // When it answered last.
    std::int64_t drain_until_ms = 0;
  };
  static const char* NameOf(State state);
  bool IsOwner(const Replica& replica) const { return &replica == &replicas_.front(); }
  void Start(Replica* replica);
  // False: it is gone for good.
  bool Look(Replica* replica);
  void NoteEnd(Replica* replica, const SubprocessEnd& end);
  void Measure(Replica* replica, ScalingSample* sample);
  void Sample();
  void SetNumber(int desired);
  int live() const;  // Without those that drain.
  void WriteState();
  void Publish(const char* name, std::string text, std::string* written);

  const ReplicaSetOptions options_;
  ScalingRules rules_;  // Of [scale].
  std::string bounds_by_;
  ScalingPolicy policy_;
  ReplicaLoad load_;
  const std::shared_ptr<HttpCaller> caller_;
  std::vector<Replica> replicas_;  // The first is the owner.
  int named_ = 0;
  std::int64_t next_sample_ms_ = 0;
  int desired_ = 1;
  std::string why_ = "the first", written_, targets_;
  bool stopped_ = false;
};

}  // namespace gfr
