#include "serve/champion.h"

#include <unistd.h>

#include <cstdio>
#include <utility>

#include "base/clock.h"
#include "base/time.h"

namespace gfr {

std::string ProcessName() {
  char host[256] = {};
  ::gethostname(host, sizeof host - 1);
  std::string name = std::string(host) + "-" + std::to_string(::getpid());
  for (char& c : name) {
    if (!std::isalnum(static_cast<unsigned char>(c)) && c != '-') c = '_';
  }
  return name;
}

void ChampionWatch::Look() {
  const auto champion = registry_.Champion(Project::kModelName);
  if (MonotonicMs() >= next_lease_ms_ && !version_.empty()) {  // `gfr models gc` keeps what a server uses.
    next_lease_ms_ = MonotonicMs() + kMinuteMs;
    if (const Status leased = registry_.Lease(Project::kModelName, holder_, version_, 5 * kMinuteMs); !leased.ok())
      std::fprintf(stderr, "gfr serve: no lease of the model: %s\n", leased.error().ToString().c_str());
  }
  if (!champion.ok() || champion.value() == version_) return;
  next_lease_ms_ = 0;
  version_ = champion.value();  // Tried once, whether it can be used or not.
  auto loaded = project_.LoadModel(version_);
  auto bound = loaded.ok() ? BoundModel::Make(std::move(loaded).value(), *project_.features())
                           : Result<std::shared_ptr<const BoundModel>>(loaded.error());
  if (!bound.ok()) {
    std::fprintf(stderr, "gfr serve: champion %s is not used: %s\n", version_.c_str(),
                 bound.error().ToString().c_str());
    return;
  }
  std::shared_ptr<const BoundModel> before;  // Let go after the lock.
  const std::lock_guard lock(mutex_);
  before = std::exchange(model_, std::move(bound).value());
}

}  // namespace gfr
