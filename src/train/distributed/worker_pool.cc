#include "train/distributed/worker_pool.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstring>
#include <random>

#include "base/clock.h"
#include "base/json_text.h"
#include "runtime/logger.h"
#include "train/distributed/worker_json.h"

namespace gfr {
namespace {

using Json = WorkerJson;

constexpr int kGraceMs = 3000;  // Of two that fail, the one that was lost is named, not the one that missed it.
constexpr std::size_t kMostHelloBytes = 1 << 12;

std::string RandomToken() {
  std::random_device entropy;
  std::string token;
  for (int i = 0; i < 4; ++i) token += std::to_string(entropy());
  return token;
}

}  // namespace

Result<std::unique_ptr<WorkerPool>> WorkerPool::Start(const WorkersConfig& given) {
  WorkersConfig config = given;
  if (config.token.empty()) config.token = RandomToken();
  std::unique_ptr<WorkerPool> pool(new WorkerPool);
  pool->wanted_ = config.local + config.remote;
  GFR_ASSIGN(pool->listener_, WorkerListener::Open(config.listen));
  GFR_TRY(pool->Spawn(config));
  if (config.remote > 0)
    LogInfo("train", "waiting for " + std::to_string(config.remote) + " more: gfr train worker --tracker " +
                         pool->listener_->address());
  GFR_TRY(pool->AwaitAll(config));
  return pool;
}

Status WorkerPool::Spawn(const WorkersConfig& config) {
  SubprocessOptions options{.command = config.command,
                            .environment = {std::string(kTokenVariable) + "=" + config.token}};
  options.command.push_back(listener_->address());
  for (int i = 0; i < config.local; ++i) {
    auto child = Subprocess::Start(options);
    if (!child.ok()) return Error{ErrorCode::kUnavailable, "a worker cannot be started: " + child.error().message};
    children_.push_back(std::move(child).value());
  }
  return {};
}

Status WorkerPool::AwaitAll(const WorkersConfig& config) {
  const double until_s = MonotonicSeconds() + config.join_timeout_s;
  while (size() < wanted_) {
    GFR_ASSIGN(auto connection, listener_->Accept(200));
    if (connection) {
      if (const Status s = Welcome(std::move(connection), config.token); !s.ok())
        LogWarning("train", "not taken as a worker", {{"error", s.error().message}});
    }
    for (const auto& child : children_) {
      if (const auto end = child->Wait(0))
        return Error{ErrorCode::kUnavailable, "a worker (process " + std::to_string(child->id()) +
                                                  ") was lost before it joined: " + end->ToString()};
    }
    if (size() < wanted_ && MonotonicSeconds() > until_s)
      return Error{ErrorCode::kUnavailable, std::to_string(size()) + " of " + std::to_string(wanted_) +
                                                " workers joined at " + listener_->address() + " within " +
                                                std::to_string(config.join_timeout_s) + " s"};
  }
  for (int w = 0; w < size(); ++w) GFR_TRY(Send(w, DumpJson(Json{{"worker", w}, {"workers", size()}})));
  return {};
}

Status WorkerPool::Welcome(std::unique_ptr<WorkerConnection> connection, const std::string& token) {
  if (!connection->Readable(5000)) return Error{ErrorCode::kUnavailable, "it said nothing"};
  GFR_ASSIGN(const Message hello, connection->Receive(kMostHelloBytes));
  const Json head = ParseHead(hello.head);
  if (HeadValue(head, "hello", 0) != 1) return Error{ErrorCode::kInvalidArgument, "it is not a worker of this version"};
  if (HeadValue(head, "token", std::string()) != token)
    return Error{ErrorCode::kInvalidArgument, std::string("its ") + kTokenVariable + " is another"};
  Worker worker{.connection = std::move(connection),
                .host = HeadValue(head, "host", std::string()),
                .engine = HeadValue(head, "engine", std::string()),
                .process = HeadValue(head, "process", 0L),
                .heard_s = MonotonicSeconds()};
  if (!workers_.empty() && worker.engine != workers_[0].engine)
    return Error{ErrorCode::kInvalidArgument, "its XGBoost on " + worker.host + " is " + worker.engine +
                                                  "; that of the others is " + workers_[0].engine};
  char here[256] = "";
  ::gethostname(here, sizeof here - 1);
  worker.local = worker.host == here && FindChild(worker.process) != nullptr;
  workers_.push_back(std::move(worker));
  return {};
}

std::string WorkerPool::NameOf(int worker) const {
  const Worker& w = workers_[static_cast<std::size_t>(worker)];
  return "worker " + std::to_string(worker + 1) + " of " + std::to_string(size()) + " (process " +
         std::to_string(w.process) + " on " + w.host + ")";
}

Error WorkerPool::Lost(int worker, const std::string& why) {
  const Worker& w = workers_[static_cast<std::size_t>(worker)];
  std::string how = why;
  if (w.local) {
    if (Subprocess* child = FindChild(w.process)) {
      if (const auto end = child->Wait(MonotonicMs() + 500)) how = end->ToString();
    }
  }
  const Error error{ErrorCode::kUnavailable, NameOf(worker) + " was lost: " + how +
                                                 "; its rows are missing, so training has ended; run it again"};
  status_ = error;
  KillLocal();
  return error;
}

Status WorkerPool::Send(int worker, const std::string& head, std::string_view body) {
  GFR_TRY(status_);
  const Status sent = workers_[static_cast<std::size_t>(worker)].connection->Send(head, body);
  if (!sent.ok()) return Lost(worker, sent.error().message);
  return {};
}

Result<std::pair<int, Message>> WorkerPool::Receive() {
  GFR_TRY(status_);
  const double begin_s = MonotonicSeconds();
  for (Worker& w : workers_) w.heard_s = std::max(w.heard_s, begin_s - WorkerConnection::kStalledSeconds / 2);
  int failed = -1;
  std::string failure;
  double failed_s = 0;
  for (;;) {
    std::vector<pollfd> ready;
    for (const Worker& w : workers_) ready.push_back({.fd = w.connection->socket(), .events = POLLIN});
    ::poll(ready.data(), ready.size(), 200);
    const double now_s = MonotonicSeconds();
    for (int i = 0; i < size(); ++i) {
      Worker& w = workers_[static_cast<std::size_t>(i)];
      if (i == failed) continue;
      if (ready[static_cast<std::size_t>(i)].revents == 0) {
        if (now_s - w.heard_s > WorkerConnection::kStalledSeconds)
          return Lost(i, "it has been silent for " + std::to_string(WorkerConnection::kStalledSeconds) + " s");
        continue;
      }
      auto received = w.connection->Receive();
      if (!received.ok()) return Lost(i, received.error().message);
      w.heard_s = now_s;
      Message message = std::move(received).value();
      const Json head = ParseHead(message.head);
      if (head.empty()) return Lost(i, "it does not speak as a worker does");
      if (head.contains("alive")) continue;
      if (head.contains("used")) w.used = HeadValue(head, "used", std::string());
      if (!head.contains("error")) return std::pair(i, std::move(message));
      if (failed >= 0) continue;
      failed = i;
      failure = HeadValue(head, "error", std::string());
      failed_s = now_s;
    }
    // Others tell of it too when one is lost; who is lost says nothing.
    if (failed >= 0 && (now_s - failed_s) * 1000 > kGraceMs) return Lost(failed, failure);
  }
}

void WorkerPool::KillLocal() {
  for (const auto& child : children_) child->Signal(SIGKILL);
  children_.clear();  // Waits for each.
}

Subprocess* WorkerPool::FindChild(long process) const {
  const auto at = std::ranges::find(children_, process, [](const auto& child) { return child->id(); });
  return at == children_.end() ? nullptr : at->get();
}

WorkerPool::~WorkerPool() {
  if (status_.ok()) {
    for (int w = 0; w < size(); ++w) {
      (void)Send(w, "{\"end\":true}");
      if (const std::string& used = workers_[static_cast<std::size_t>(w)].used; !used.empty())
        LogInfo("train", NameOf(w) + ": " + used);
    }
    for (const auto& child : children_) child->Wait(MonotonicMs() + 5000);
  }
  KillLocal();
}

}  // namespace gfr
