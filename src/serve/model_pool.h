// ModelPool: the model versions that a server uses, by role: champion, challenger, shadow, and versions named by
// others.
//
// Look reads the registry's aliases, loads aside what is wanted and not there, binds it to the features in use, and
// swaps all at once between two requests. What fails keeps the last good one in place:
//  - An error that may pass (the registry cannot be reached) is tried again, after 1 s, 2 s, 4 s, ... up to a minute.
//  - kCorrupt and kInvalidArgument (a column that is gone) are not, until an alias changes. Other features have a pool
//    of their own (reload.h).
//  - At a start, when the champion cannot be used, the newest earlier champion that can be is served.
// degraded() says so, for /readyz. A lease names the versions before they are loaded, so that `gfr models gc` leaves
// them; its `version` is the champion that is served, whatever the alias says.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/sync.h"
#include "bound/bound_model.h"
#include "feature/feature_set.h"
#include "registry/registry.h"

namespace gfr {

std::string ProcessName();  // Host and process, as an object's name can have them.

// What is served at one time. Immutable.
struct ServedModels {
  struct Entry {
    std::string version;
    std::vector<std::string> roles;  // "champion", ...; empty: it is only named.
    std::shared_ptr<const BoundModel> model;
  };
  std::shared_ptr<const FeatureSet> features;  // Of the rows that every model reads.
  std::vector<Entry> entries;                  // By version, rising.
  std::shared_ptr<const BoundModel> champion;  // Null: there is none.
  std::vector<std::string> degraded;           // What is not as the registry says, in words.

  std::shared_ptr<const BoundModel> Find(const std::string& version) const;  // Null: it is not loaded.
};

class ModelPool {
 public:
  using Load = std::function<Result<Model>(const std::string& version)>;
  static constexpr std::int64_t kLookMs = 2000, kFirstRetryMs = 1000, kLongestRetryMs = 60'000;

  // `load` gives a version of the model `name` of `registry`, from any thread.
  ModelPool(Registry registry, std::string name, Load load, std::shared_ptr<const FeatureSet> features,
            std::string holder = ProcessName());

  // What is served now. From any thread; hold it for the request.
  std::shared_ptr<const ServedModels> models() const;
  std::shared_ptr<const BoundModel> champion() const { return models()->champion; }

  // Looks at the registry if kLookMs have passed since the last time, or a retry is due. From any thread; a load takes
  // as long as the registry takes.
  void Look();
  // Looks at once, whatever the time; a version that was put off is tried again.
  void LookNow();
  // From the next look on these versions are loaded too, and kept.
  void Name(std::set<std::string> versions);
  // Whether the version could be served with the features in use: loads and binds it.
  Status Check(const std::string& version) const;

  Registry& registry() { return registry_; }

 private:
  struct Failure {
    Error error;
    int attempts = 0;
    std::int64_t next_ms = 0;  // Of MonotonicMs(); INT64_MAX: not before an alias changes.
  };
  using Roles = std::map<std::string, std::vector<std::string>>;  // By version.
  struct Wanted {
    Roles roles;
    std::vector<std::string> champions;  // Newest first.
    std::vector<std::string> degraded;
  };
  // All below: with look_mutex_ held.
  void LookLocked(bool all);
  Wanted ReadAliases();
  std::shared_ptr<const BoundModel> Get(const std::string& version, const ServedModels& now);
  std::shared_ptr<const BoundModel> ChooseChampion(const Wanted& wanted, const ServedModels& now, ServedModels* next);
  void WriteLease(const ServedModels& now, const Roles& wanted);
  void Publish(ServedModels next);

  Registry registry_;
  const std::string name_;
  const Load load_;
  const std::string holder_;
  const std::shared_ptr<const FeatureSet> features_;

  Mutex look_mutex_;  // One look at a time; before mutex_.
  std::set<std::string> named_;
  std::map<std::string, std::vector<std::string>> aliases_;  // As read last: by role, newest last.
  std::map<std::string, Failure> failures_;                  // By version.
  std::int64_t next_look_ms_ = 0, next_lease_ms_ = 0;
  std::string lease_text_;  // As written last.
  bool lease_failed_ = false;

  mutable Mutex mutex_;  // GCC 12's atomic shared_ptr is not free of races.
  std::shared_ptr<const ServedModels> models_;
};

}  // namespace gfr
