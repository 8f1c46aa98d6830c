// ChampionWatch: the registry's champion, loaded aside and swapped in between two requests.
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "bound/bound_model.h"
#include "project/project.h"

namespace gfr {

std::string ProcessName();  // Host and process, as an object's name can have them.

class ChampionWatch {
 public:
  explicit ChampionWatch(const Project& project) : project_(project), registry_(project.registry()) {}
  // Looks for a new champion, and says once a minute that the one in use is. One thread at a time.
  void Look();
  // From any thread. Null: there is none. (GCC 12's atomic shared_ptr is not free of races.)
  std::shared_ptr<const BoundModel> model() const {
    const std::lock_guard lock(mutex_);
    return model_;
  }
  Registry& registry() { return registry_; }  // Likewise.

 private:
  const Project& project_;
  Registry registry_;
  const std::string holder_ = ProcessName();
  std::int64_t next_lease_ms_ = 0;
  std::string version_;
  mutable std::mutex mutex_;
  std::shared_ptr<const BoundModel> model_;
};

}  // namespace gfr
