#include "serve/model_pool.h"

#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <utility>

#include "base/clock.h"
#include "base/time.h"
#include "runtime/logger.h"

namespace gfr {
namespace {

constexpr const char* kRoles[] = {"champion", "challenger", "shadow", "canary"};
constexpr std::int64_t kLeaseMs = 5 * kMinuteMs;

bool MayPass(ErrorCode code) { return code != ErrorCode::kCorrupt && code != ErrorCode::kInvalidArgument; }

// Whether it is wanted for this role.
bool HasRole(const std::map<std::string, std::vector<std::string>>& roles, const std::string& version,
             const char* role) {
  const auto at = roles.find(version);
  return at != roles.end() && std::ranges::count(at->second, role) > 0;
}

}  // namespace

std::string ProcessName() {
  char host[256] = {};
  ::gethostname(host, sizeof host - 1);
  std::string name = std::string(host) + "-" + std::to_string(::getpid());
  for (char& c : name) {
    if (!std::isalnum(static_cast<unsigned char>(c)) && c != '-') c = '_';
  }
  return name;
}

std::shared_ptr<const BoundModel> ServedModels::Find(const std::string& version) const {
  const auto at = std::ranges::find(entries, version, &Entry::version);
  return at == entries.end() ? nullptr : at->model;
}

ModelPool::ModelPool(Registry registry, std::string name, Load load, std::shared_ptr<const FeatureSet> features,
                     std::string holder)
    : registry_(std::move(registry)),
      name_(std::move(name)),
      load_(std::move(load)),
      holder_(std::move(holder)),
      features_(std::move(features)) {
  Publish({.features = features_});
}

std::shared_ptr<const ServedModels> ModelPool::models() const {
  const MutexLock lock(mutex_);
  return models_;
}

void ModelPool::Publish(ServedModels next) {
  auto made = std::make_shared<const ServedModels>(std::move(next));
  const MutexLock lock(mutex_);
  models_.swap(made);  // What was served before goes after the lock.
}

void ModelPool::Look() {
  const MutexLock lock(look_mutex_);
  const std::int64_t now_ms = MonotonicMs();
  const bool due = now_ms >= next_look_ms_ || std::ranges::any_of(failures_, [&](const auto& failure) {
                     return failure.second.next_ms <= now_ms;
                   });
  if (due) LookLocked(/*all=*/false);
}

void ModelPool::LookNow() {
  const MutexLock lock(look_mutex_);
  LookLocked(/*all=*/true);
}

void ModelPool::Name(std::set<std::string> versions) {
  const MutexLock lock(look_mutex_);
  named_ = std::move(versions);
  next_look_ms_ = 0;
}

Status ModelPool::Check(const std::string& version) const {
  const std::shared_ptr<const ServedModels> now = models();
  if (now->Find(version)) return {};
  GFR_ASSIGN(Model model, load_(version));
  const auto bound = BoundModel::Make(std::move(model), *now->features);
  return bound.ok() ? Status() : bound.error();
}

ModelPool::Wanted ModelPool::ReadAliases() {
  Wanted wanted;
  for (const char* role : kRoles) {
    auto history = registry_.History(name_, role);
    if (history.ok() || history.error().code == ErrorCode::kNotFound) {
      std::vector<std::string> versions = history.ok() ? std::move(history).value() : std::vector<std::string>();
      std::vector<std::string>& before = aliases_[role];
      if (before != versions) {  // What failed for good may be wanted for another reason now.
        for (const std::string& version : versions) failures_.erase(version);
        before = std::move(versions);
      }
    } else {
      // What it said when it could be read last holds.
      wanted.degraded.push_back(std::string("the alias ") + role + " cannot be read: " + history.error().ToString());
    }
    const std::vector<std::string>& versions = aliases_[role];
    if (!versions.empty()) wanted.roles[versions.back()].emplace_back(role);
  }
  const std::vector<std::string>& champions = aliases_["champion"];
  for (auto version = champions.rbegin(); version != champions.rend(); ++version) {
    if (!std::ranges::count(wanted.champions, *version)) wanted.champions.push_back(*version);
  }
  for (const std::string& version : named_) wanted.roles[version];
  return wanted;
}

// The version as it is served now, else loaded and bound; null: it failed, and failures_ says how.
std::shared_ptr<const BoundModel> ModelPool::Get(const std::string& version, const ServedModels& now) {
  if (auto there = now.Find(version)) return there;
  const auto failed = failures_.find(version);
  if (failed != failures_.end() && failed->second.next_ms > MonotonicMs()) return nullptr;
  auto model = load_(version);
  auto bound = model.ok() ? BoundModel::Make(std::move(model).value(), *features_)
                          : Result<std::shared_ptr<const BoundModel>>(model.error());
  if (bound.ok()) {
    failures_.erase(version);
    LogInfo("models", "loaded", {{"version", version}});
    return std::move(bound).value();
  }
  const Error& error = bound.error();
  Failure& failure = failures_[version];
  const std::int64_t wait_ms =
      std::min(kLongestRetryMs, kFirstRetryMs << std::min(failure.attempts, 16));  // 1 s, 2 s, 4 s, ...
  failure.next_ms = MayPass(error.code) ? MonotonicMs() + wait_ms : INT64_MAX;
  ++failure.attempts;
  failure.error = error;
  return nullptr;
}

// The alias's champion; else the one served now; else, at a start, the newest earlier one that can be used. Notes in
// `next` when it is not the alias's.
std::shared_ptr<const BoundModel> ModelPool::ChooseChampion(const Wanted& wanted, const ServedModels& now,
                                                            ServedModels* next) {
  if (wanted.champions.empty()) return now.champion;  // The alias cannot be read; one is never taken away.
  const std::string& version = wanted.champions.front();
  if (auto model = Get(version, now)) return model;
  std::shared_ptr<const BoundModel> instead = now.champion;
  for (std::size_t k = 1; !instead && k < wanted.champions.size(); ++k) instead = Get(wanted.champions[k], now);
  next->degraded.push_back("champion " + version + " cannot be used (" + failures_.at(version).error.ToString() +
                           "); " +
                           (instead ? "version " + instead->model().version + " is served" : "no model is served"));
  return instead;
}

// Says what is loaded and what is wanted, but for versions that failed for good. A lease that cannot be written keeps
// nobody from serving: it is told once.
void ModelPool::WriteLease(const ServedModels& now, const Roles& wanted) {
  Registry::LeaseOf lease{.version = now.champion ? now.champion->model().version : "", .versions = wanted};
  for (const auto& [version, failure] : failures_) {
    if (failure.next_ms == INT64_MAX) lease.versions.erase(version);
  }
  for (const ServedModels::Entry& entry : now.entries) lease.versions.emplace(entry.version, entry.roles);
  if (lease.versions.empty() && lease_text_.empty()) return;  // There never was a model.
  std::string text = lease.version;
  for (const auto& [version, roles] : lease.versions) {
    text += ";" + version;
    for (const std::string& role : roles) text += "," + role;
  }
  const std::int64_t now_ms = MonotonicMs();
  if (text == lease_text_ && now_ms < next_lease_ms_) return;
  const Status written = registry_.Lease(name_, holder_, lease, kLeaseMs);
  if (written.ok()) {
    lease_text_ = std::move(text);
    next_lease_ms_ = now_ms + kMinuteMs;
  } else if (!lease_failed_) {
    LogWarning("models", "no lease of the models can be written", {{"error", written.error().ToString()}});
  }
  lease_failed_ = !written.ok();
}

void ModelPool::LookLocked(bool all) {
  next_look_ms_ = MonotonicMs() + kLookMs;
  if (all) {
    for (auto& [version, failure] : failures_) {
      if (failure.next_ms != INT64_MAX) failure.next_ms = 0;
    }
  }
  const std::shared_ptr<const ServedModels> now = models();
  const Wanted wanted = ReadAliases();
  std::erase_if(failures_, [&](const auto& failure) {
    return !wanted.roles.contains(failure.first) && !std::ranges::count(wanted.champions, failure.first);
  });
  WriteLease(*now, wanted.roles);  // Before anything is loaded.

  ServedModels next{.features = features_, .degraded = wanted.degraded};
  next.champion = ChooseChampion(wanted, *now, &next);
  std::map<std::string, std::shared_ptr<const BoundModel>> loaded;
  if (next.champion) loaded[next.champion->model().version] = next.champion;
  for (const auto& [version, roles] : wanted.roles) {
    if (loaded.contains(version)) continue;
    if (auto model = Get(version, *now)) {
      loaded[version] = std::move(model);
    } else if (!HasRole(wanted.roles, version, "champion")) {
      next.degraded.push_back("version " + version + " cannot be used: " + failures_.at(version).error.ToString());
    }
  }
  for (auto& [version, model] : loaded) {
    std::vector<std::string> roles;
    if (const auto of = wanted.roles.find(version); of != wanted.roles.end()) roles = of->second;
    if (model == next.champion && !std::ranges::count(roles, "champion")) roles.insert(roles.begin(), "champion");
    next.entries.push_back({version, std::move(roles), std::move(model)});
  }
  std::ranges::sort(next.entries, [](const auto& a, const auto& b) {
    return std::pair(a.version.size(), a.version) < std::pair(b.version.size(), b.version);
  });
  for (const std::string& what : next.degraded) {
    if (!std::ranges::count(now->degraded, what)) LogWarning("models", what);
  }
  Publish(std::move(next));
  WriteLease(*models(), wanted.roles);
}

}  // namespace gfr
