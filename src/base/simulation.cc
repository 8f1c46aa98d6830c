#include "base/simulation.h"

#include <algorithm>
#include <cassert>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

#include "base/hash.h"
#include "base/rng.h"
#include "base/sync_hook.h"

namespace gfr {
namespace {

constexpr std::size_t kKeptTrace = 60;
constexpr std::int64_t kMaxStepNs = 20'000;   // A step takes up to this long, so that no loop stands still in time.
constexpr std::int64_t kReadClockNs = 1'000;  // And reading the clock this long.

}  // namespace

class Simulation::Core final : public SyncHook {
 public:
  explicit Core(const Options& options)
      : options_(options), rng_(options.seed), wall_minus_monotonic_ns_(options.wall_ms * 1'000'000 - now_ns_) {}

  void Yield(const char* what) override;
  bool Park(const char* what, const void* address, std::int64_t deadline_ns) override;
  void Wake(const void* address, bool all) override;
  std::int64_t monotonic_ns() override;
  std::int64_t wall_ns() override;
  std::uint64_t AnnounceThread(const std::string& name) override;
  void EnterThread(std::uint64_t number) override;
  void LeaveThread() override;
  void JoinThread(std::uint64_t number) override;

  void Run(const std::function<void()>& body);
  int StartProcess(const std::shared_ptr<Core>& self, std::string name, std::function<void()> body);
  void Kill(int process);
  void WaitFor(int process);
  bool running(int process) const;
  void JumpWallMs(std::int64_t by_ms);
  void Note(std::string_view fact);
  std::uint64_t steps() const;
  std::uint64_t trace_hash() const;

 private:
  struct Simulated {
    std::uint64_t number;
    std::string name;
    int process;
    bool parked = false, woken = false, go = false;
    const char* at = "new";
    const void* address = nullptr;
    std::int64_t deadline_ns = kNever;
    std::condition_variable turn;
  };
  using Lock = std::unique_lock<std::mutex>;

  Simulated* Add(std::string name, int process);
  Simulated* Find(std::uint64_t number);
  void Step(const char* what);
  Simulated* Pick();
  void Pass(Lock& lock);  // The turn to the next thread; returns when it is this one's again.
  void WakeLocked(const void* address, bool all);
  void Mix(std::uint64_t value) { hash_ = (hash_ ^ value) * 0x9e3779b97f4a7c15u ^ hash_ >> 29; }
  [[noreturn]] void Fail(const char* why);

  static inline thread_local Simulated* me_ = nullptr;

  const Options options_;
  mutable std::mutex mutex_;  // The operating system's: held for moments, never across a turn.
  Rng rng_;
  std::vector<std::unique_ptr<Simulated>> live_;  // By number. Exactly one of them runs.
  std::vector<std::unique_ptr<Simulated>> gone_;  // Ended or killed; those killed wait on `turn` for ever.
  std::map<int, std::uint64_t> main_threads_;     // Of each process that runs.
  std::uint64_t next_number_ = 0;
  int next_process_ = 1;
  std::int64_t now_ns_ = 1'000'000'000'000;
  std::int64_t wall_minus_monotonic_ns_;
  std::uint64_t steps_ = 0, hash_ = 0;
  std::deque<std::string> trace_;  // Its end.
};

void Simulation::Core::Fail(const char* why) {
  std::fprintf(stderr, "simulation with seed %llu: %s\n", static_cast<unsigned long long>(options_.seed), why);
  for (const std::string& line : trace_) std::fprintf(stderr, "  %s\n", line.c_str());
  for (const auto& t : live_) {
    std::fprintf(stderr, "  thread %llu '%s' of process %d: %s at '%s'%s\n", static_cast<unsigned long long>(t->number),
                 t->name.c_str(), t->process, t->parked ? "waits" : "can run", t->at,
                 t.get() == me_ ? " (running)" : "");
  }
  std::abort();
}

Simulation::Core::Simulated* Simulation::Core::Add(std::string name, int process) {
  live_.push_back(std::make_unique<Simulated>());
  live_.back()->number = next_number_++;
  live_.back()->name = std::move(name);
  live_.back()->process = process;
  return live_.back().get();
}

Simulation::Core::Simulated* Simulation::Core::Find(std::uint64_t number) {
  const auto at = std::ranges::find(live_, number, [](const auto& t) { return t->number; });
  return at == live_.end() ? nullptr : at->get();
}

void Simulation::Core::Step(const char* what) {
  me_->at = what;
  now_ns_ += static_cast<std::int64_t>(rng_.Below(kMaxStepNs));
  Mix(me_->number);
  Mix(KeyOf(what));
  Mix(static_cast<std::uint64_t>(now_ns_));
  if (trace_.size() >= kKeptTrace) trace_.pop_front();
  trace_.push_back(std::to_string(now_ns_ / 1000) + " us: " + me_->name + " " + what);
  if (++steps_ > options_.max_steps) Fail("more steps than max_steps");
}

Simulation::Core::Simulated* Simulation::Core::Pick() {
  for (;;) {
    std::vector<Simulated*> ready;
    std::int64_t nearest_ns = kNever;
    for (const auto& t : live_) {
      if (t->parked && t->deadline_ns <= now_ns_) t->parked = false;  // Its time is up; `woken` stays false.
      if (!t->parked) ready.push_back(t.get());
      if (t->parked) nearest_ns = std::min(nearest_ns, t->deadline_ns);
    }
    if (!ready.empty()) return ready[rng_.Below(ready.size())];
    if (nearest_ns == kNever) Fail("every thread waits, and nothing can wake one");
    now_ns_ = nearest_ns;
  }
}

void Simulation::Core::Pass(Lock& lock) {
  Simulated* const next = Pick();
  if (next == me_) return;
  next->go = true;
  next->turn.notify_one();
  me_->turn.wait(lock, [] { return me_->go; });
  me_->go = false;
}

void Simulation::Core::Yield(const char* what) {
  Lock lock(mutex_);
  Step(what);
  Pass(lock);
}

bool Simulation::Core::Park(const char* what, const void* address, std::int64_t deadline_ns) {
  Lock lock(mutex_);
  Step(what);
  me_->parked = true;
  me_->woken = false;
  me_->address = address;
  me_->deadline_ns = deadline_ns;
  Pass(lock);
  me_->deadline_ns = kNever;
  return me_->woken;
}

void Simulation::Core::WakeLocked(const void* address, bool all) {
  std::vector<Simulated*> waiting;
  for (const auto& t : live_) {
    if (t->parked && t->address == address) waiting.push_back(t.get());
  }
  if (waiting.empty()) return;
  if (!all) waiting = {waiting[rng_.Below(waiting.size())]};
  for (Simulated* t : waiting) {
    t->parked = false;
    t->woken = true;
  }
}

void Simulation::Core::Wake(const void* address, bool all) {
  const Lock lock(mutex_);
  WakeLocked(address, all);
}

std::int64_t Simulation::Core::monotonic_ns() {
  const Lock lock(mutex_);
  return now_ns_ += kReadClockNs;
}

std::int64_t Simulation::Core::wall_ns() {
  const Lock lock(mutex_);
  return (now_ns_ += kReadClockNs) + wall_minus_monotonic_ns_;
}

std::uint64_t Simulation::Core::AnnounceThread(const std::string& name) {
  const Lock lock(mutex_);
  return Add(name, me_->process)->number;
}

void Simulation::Core::EnterThread(std::uint64_t number) {
  SetCurrent(this);
  Lock lock(mutex_);
  me_ = Find(number);
  if (me_ == nullptr) {  // Killed before its first step.
    for (const auto& t : gone_) {
      if (t->number == number) me_ = t.get();
    }
  }
  me_->turn.wait(lock, [] { return me_->go; });
  me_->go = false;
}

void Simulation::Core::LeaveThread() {
  Lock lock(mutex_);
  Step("end");
  WakeLocked(me_, /*all=*/true);
  if (const auto at = main_threads_.find(me_->process); at != main_threads_.end() && at->second == me_->number)
    main_threads_.erase(at);
  const auto mine = std::ranges::find(live_, me_, [](const auto& t) { return t.get(); });
  gone_.push_back(std::move(*mine));
  live_.erase(mine);
  Simulated* const next = Pick();
  next->go = true;
  next->turn.notify_one();
  SetCurrent(nullptr);
  me_ = nullptr;
}

void Simulation::Core::JoinThread(std::uint64_t number) {
  Yield("join");
  for (;;) {
    const void* address = nullptr;
    {
      const Lock lock(mutex_);
      address = Find(number);
    }
    if (address == nullptr) return;
    (void)Park("join", address, kNever);
  }
}

void Simulation::Core::Run(const std::function<void()>& body) {
  {
    const Lock lock(mutex_);
    me_ = Add("world", 0);
  }
  SetCurrent(this);
  body();
  SetCurrent(nullptr);
  const Lock lock(mutex_);
  if (live_.size() != 1) Fail("the body returned while threads still run");
  live_.clear();
  me_ = nullptr;
}

int Simulation::Core::StartProcess(const std::shared_ptr<Core>& self, std::string name, std::function<void()> body) {
  int process = 0;
  std::uint64_t number = 0;
  {
    const Lock lock(mutex_);
    process = next_process_++;
    number = main_threads_[process] = Add(std::move(name), process)->number;
  }
  // Detached: it ends before Run does, or it is killed and waits for ever.
  std::thread([self, number, body = std::move(body)]() mutable {
    self->EnterThread(number);
    body();
    body = nullptr;
    self->LeaveThread();
  }).detach();
  Yield("start process");
  return process;
}

void Simulation::Core::Kill(int process) {
  Lock lock(mutex_);
  assert(process != me_->process);
  Step("kill");
  std::vector<const Simulated*> killed;
  for (auto& t : live_) {
    if (t->process == process) {
      killed.push_back(t.get());
      gone_.push_back(std::move(t));
    }
  }
  std::erase(live_, nullptr);
  main_threads_.erase(process);
  for (const Simulated* t : killed) WakeLocked(t, /*all=*/true);
}

void Simulation::Core::WaitFor(int process) {
  std::uint64_t number = 0;
  {
    const Lock lock(mutex_);
    const auto at = main_threads_.find(process);
    if (at == main_threads_.end()) return;
    number = at->second;
  }
  JoinThread(number);
}

bool Simulation::Core::running(int process) const {
  const Lock lock(mutex_);
  return main_threads_.contains(process);
}

void Simulation::Core::JumpWallMs(std::int64_t by_ms) {
  const Lock lock(mutex_);
  wall_minus_monotonic_ns_ += by_ms * 1'000'000;
}

void Simulation::Core::Note(std::string_view fact) {
  const Lock lock(mutex_);
  Mix(KeyOf(fact));
  if (trace_.size() >= kKeptTrace) trace_.pop_front();
  trace_.push_back(std::to_string(now_ns_ / 1000) + " us: " + me_->name + " notes " + std::string(fact.substr(0, 100)));
}

std::uint64_t Simulation::Core::steps() const {
  const Lock lock(mutex_);
  return steps_;
}

std::uint64_t Simulation::Core::trace_hash() const {
  const Lock lock(mutex_);
  return hash_;
}

Simulation::Simulation(Options options) : core_(std::make_shared<Core>(options)) {}
Simulation::~Simulation() = default;
void Simulation::Run(const std::function<void()>& body) { core_->Run(body); }
int Simulation::StartProcess(std::string name, std::function<void()> body) {
  return core_->StartProcess(core_, std::move(name), std::move(body));
}
void Simulation::Kill(int process) { core_->Kill(process); }
void Simulation::WaitFor(int process) { core_->WaitFor(process); }
bool Simulation::running(int process) const { return core_->running(process); }
void Simulation::JumpWallMs(std::int64_t by_ms) { core_->JumpWallMs(by_ms); }
void Simulation::Note(std::string_view fact) { core_->Note(fact); }
std::uint64_t Simulation::steps() const { return core_->steps(); }
std::uint64_t Simulation::trace_hash() const { return core_->trace_hash(); }

}  // namespace gfr
