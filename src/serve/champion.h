// ChampionWatch: the registry's champion, loaded aside and swapped in between two requests.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "project/project.h"
#include "rank/ranker.h"

namespace gfr {

std::string ProcessName();  // Host and process, as an object's name can have them.

class ChampionWatch {
 public:
  explicit ChampionWatch(const Project& project) : project_(project), registry_(project.registry()) {}
  // Looks for a new champion, and says once a minute that the one in use is. One thread at a time.
  void Look();
  std::shared_ptr<const BoundModel> model() const { return model_.load(); }  // From any thread. Null: there is none.
  Registry& registry() { return registry_; }                                 // Likewise.

 private:
  const Project& project_;
  Registry registry_;
  const std::string holder_ = ProcessName();
  std::int64_t next_lease_ms_ = 0;
  std::string version_;
  std::atomic<std::shared_ptr<const BoundModel>> model_;
};

}  // namespace gfr
