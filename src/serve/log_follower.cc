#include "serve/log_follower.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "base/json_text.h"
#include "base/time.h"
#include "dataset/start_at_base.h"
#include "runtime/logger.h"
#include "serve/restore_store.h"

namespace gfr {
namespace {

constexpr std::int64_t kStatusTimeoutMs = 2000;
constexpr int kPublishEvery = 256;  // Records: a feed sees the first of many soon.

}  // namespace

std::optional<LogFollower::OwnersEnd> LogFollower::ReadEnd(const std::string& status_body) {
  const auto json = nlohmann::json::parse(status_body, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || !json.contains("log") || !json["log"].is_object()) return std::nullopt;
  const auto& log = json["log"];
  if (!log.contains("records") || !log["records"].is_number_unsigned()) return std::nullopt;
  OwnersEnd end{
      .process = json.value("process", ""), .records = log["records"].get<std::uint64_t>(), .epoch_end_ms = {}};
  if (!log.contains("folded") || !log["folded"].is_object()) return end;
  const auto& folded = log["folded"];
  if (!folded.contains("records") || !folded["records"].is_number_unsigned()) return end;
  end.records = folded["records"].get<std::uint64_t>();
  if (!folded.contains("epoch_end") || !folded["epoch_end"].is_string()) return end;
  if (const auto at_ms = ParseTime(folded["epoch_end"].get<std::string>()); at_ms.ok())
    end.epoch_end_ms = at_ms.value();
  return end;
}

Result<LogFollower::OwnersEnd> LogFollower::AskOwner(const std::stop_token& stop) {
  GFR_ASSIGN(const HttpResponse answer,
             owner_.Send({.method = "GET", .path = "/v1/status", .timeout_ms = kStatusTimeoutMs, .alone = true}, stop));
  const auto end = answer.status == 200 ? ReadEnd(answer.body) : std::nullopt;
  if (!end)
    return Error{ErrorCode::kUnavailable,
                 "the server at " + owner_.address() + " does not say how far its log is: it is no owner"};
  return *end;
}

Result<std::unique_ptr<LogFollower>> LogFollower::Open(const Project& project, OwnerClient& owner) {
  std::unique_ptr<LogFollower> made(new LogFollower(project, owner));
  GFR_ASSIGN(const OwnersEnd end, made->AskOwner({}));
  GFR_TRY(made->Build(end, {}));
  return made;
}

Status LogFollower::Build(const OwnersEnd& end, const std::stop_token& stop) {
  FileSystem& fs = project_.workspace().fs();
  auto durable = std::make_shared<DurableEnd>(end.records);
  auto log = std::make_unique<LocalLog>(fs, project_.log_folder(), durable);
  std::unique_ptr<OnlineStore> store;
  auto restored = RestoreStore(fs, project_.snapshot_path(), *log, end.records, project_.features(), stop);
  if (restored.ok()) {
    store = std::move(restored.value().store);
  } else {
    store = std::make_unique<OnlineStore>(project_.features());
    GFR_TRY(StartAtBase(*log, store.get()));
  }
  GFR_ASSIGN(auto records, log->Open({static_cast<std::uint64_t>(store->next_offset())}));
  GFR_TRY(Fold(*log, *records, end, *store, /*publish=*/false, stop));
  auto rows = std::make_shared<Rows>(std::move(store));
  durable_ = std::move(durable);
  records_ = std::move(records);
  log_ = std::move(log);
  process_ = end.process;
  const MutexLock lock(mutex_);
  rows_ = std::move(rows);
  return {};
}

Status LogFollower::Fold(LocalLog& log, EventReader& records, const OwnersEnd& end, OnlineStore& store, bool publish,
                         const std::stop_token& stop) {
  int folded = 0;
  for (LogRecord record;; ++folded) {
    GFR_ASSIGN(const bool more, records.More(&record));
    if (!more) break;
    store.Fold(record);
    if (publish && folded % kPublishEvery == 0) store.Publish();
    if (stop.stop_requested()) return Error{ErrorCode::kUnavailable, "the server is being stopped"};
  }
  if (publish && folded > 0) store.Publish();
  if (static_cast<std::uint64_t>(store.next_offset()) != end.records)
    return Error{ErrorCode::kUnavailable, "the owner has folded " + std::to_string(end.records) + " records, and " +
                                              log.folder() + " has " + std::to_string(store.next_offset()) +
                                              ": a server without a Redis needs the owner's own log in its project"};
  if (end.epoch_end_ms) store.AdvanceTo(*end.epoch_end_ms);
  return {};
}

Status LogFollower::Follow(const std::stop_token& stop) {
  GFR_ASSIGN(const OwnersEnd end, AskOwner(stop));
  OnlineStore& store = *rows_->store_;  // Only this thread puts another in its place.
  if (end.process != process_ || end.records < static_cast<std::uint64_t>(store.next_offset())) {
    LogInfo("serve", "another process has the log: its states are made anew", {{"owner", end.process}});
    return Build(end, stop);
  }
  durable_->Set(end.records);
  return Fold(*log_, *records_, end, store, /*publish=*/true, stop);
}

std::shared_ptr<const LogFollower::Rows> LogFollower::Now() const {
  const MutexLock lock(mutex_);
  return rows_;
}

}  // namespace gfr
