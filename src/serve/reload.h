// Reload: gfr.toml read anew while the server serves, by SIGHUP or POST /v1/reload.
//
// The new configuration is checked as `gfr check` does. It is refused, by name, when the file has a mistake, when the
// champion or a version of a variant could not be used with it, when units of a running experiment would move, and when
// it changes what only a start can ([serve], [store], [registry], [log] but for full_share); then the one in use stays.
// Else it is put in use whole, between two requests. Other feature definitions need other states: a store of them is
// filled beside the one in use, from a snapshot of it and, for new and changed states alone, from the log. Until it is
// whole everything is answered with the old configuration; both stores take memory meanwhile. Thread safety: any
// thread; one reload at a time.
#pragma once

#include <string>
#include <vector>

#include "serve/service_state.h"

namespace gfr {

struct Reloaded {
  std::vector<std::string> filling;  // Columns that are new or changed, while their states are filled.
  std::string job;                   // Of Jobs, which does that; empty: the new configuration is in use.
};

// gfr.toml as it is now. kInvalidArgument: it has a mistake, or changes what only a start can, which is named.
Result<std::shared_ptr<const Project>> OpenNext(const Project& now);
// Loads the versions that variants and experiments of `next` name beside those of `now`, of the same features. When the
// next configuration is in use, the pool is to be told its versions alone (ModelPool::Name). After an error, which
// names the version that cannot be served, the pool keeps those of `now`.
Status LoadVersions(const Configuration& now, const Configuration& next, ModelPool& pool);

// kInvalidArgument: refused; kUnavailable: the registry or the log cannot be read, or a reload is still filling states.
Result<Reloaded> Reload(ServiceState& s);

}  // namespace gfr
