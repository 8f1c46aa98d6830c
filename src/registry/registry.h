// Registry: model versions that never change, and the aliases that say what each is for; in a folder or on S3.
//
//   NAME/VERSION/claim          who took the number, before anything else (docs/formats/model.md)
//   NAME/VERSION/FILE           the version's files
//   NAME/VERSION/manifest.json  written last, only if absent: each file's size and SHA-256, and the lineage; without
//                               it the version is not there
//   NAME/ALIAS.json             champion, challenger, shadow: the versions that had it, newest last
//   NAME/leases/HOLDER.json     what a live server uses, until when: the champion it serves, and all that it has loaded
// Two writers of one version: one wins, the other is told kAlreadyExists. Aliases: the last writer wins, and the file
// is that of one writer, whole; changes of one process come one after another. Thread safety: all calls.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/file_system.h"
#include "object/object_store.h"

namespace gfr {

class Registry {
 public:
  using Files = std::map<std::string, std::string>;
  using Lineage = std::map<std::string, std::string>;  // Data range, fingerprints, code version, ...
  struct Entry {
    std::string name, version;
    bool champion;
    std::int64_t created_ms;
    std::vector<std::string> aliases = {};
    Lineage lineage = {};
  };
  // How errors call what is kept, and the commands that they name.
  struct Words {
    std::string thing = "model", commands = "gfr models", make = "gfr train";
  };
  Registry(std::shared_ptr<ObjectStore> store, const Clock& clock) : Registry(std::move(store), clock, Words()) {}
  Registry(std::shared_ptr<ObjectStore> store, const Clock& clock, Words words)
      : store_(std::move(store)), clock_(clock), words_(std::move(words)) {}
  Registry(FileSystem& fs, const Clock& clock, std::string folder)
      : Registry(LocalObjectStore(fs, std::move(folder)), clock) {}

  // The new version: "1", "2", ..., the next free number; or `version`, kAlreadyExists when another writer has it.
  Result<std::string> Register(const std::string& name, const Files& files, const Lineage& lineage = {},
                               const std::string& version = "");
  Result<std::vector<Entry>> List(const std::string& name);
  // kCorrupt when a file is not what its manifest says.
  Result<Files> Load(const std::string& name, const std::string& version);
  Result<Entry> Describe(const std::string& name, const std::string& version);

  // kNotFound when there is none; kCorrupt when champion.json cannot be read.
  Result<std::string> Champion(const std::string& name);
  // The versions that had the alias, newest last; errors likewise.
  Result<std::vector<std::string>> History(const std::string& name, const std::string& alias);
  Status Promote(const std::string& name, const std::string& version);
  Result<std::string> Rollback(const std::string& name);  // To the champion before; gives its version.
  // champion, challenger or shadow. An empty version takes the alias away (not the champion's).
  Result<std::string> Alias(const std::string& name, const std::string& alias);
  Status SetAlias(const std::string& name, const std::string& alias, const std::string& version);

  struct LeaseOf {
    std::string version;                                       // The champion that is served; empty: none is.
    std::map<std::string, std::vector<std::string>> versions;  // All that are loaded or about to be: their roles.
  };
  // Says that `holder` (a server's host and process) uses these versions until now + ttl_ms; renewed while it lives.
  Status Lease(const std::string& name, const std::string& holder, const LeaseOf& lease, std::int64_t ttl_ms);
  // Removes all but the newest `keep` versions, the last kChampionsKept champions, and what an alias, a lease or
  // `named` names (variants and experiments of a project, whose server may be away); and claims without a manifest that
  // are older than a day. Gives what was removed; `dry_run` only names it. kCorrupt, and nothing is removed, while an
  // alias or a lease cannot be read.
  static constexpr std::size_t kChampionsKept = 5;
  Result<std::vector<std::string>> CollectGarbage(const std::string& name, int keep, bool dry_run = false,
                                                  const std::set<std::string>& named = {});

 private:
  Status WriteHistory(const std::string& name, const std::string& alias, const std::vector<std::string>& versions);
  Error NotAVersion(const std::string& version) const;
  std::shared_ptr<ObjectStore> store_;
  const Clock& clock_;
  const Words words_;
};

// A model card in Markdown: what the version is, how it was judged, and how old its newest label is at `now_ms`.
// `metrics_json` is the version's metrics.json; lineage "rows_until" is the newest row's arrival in milliseconds.
std::string ModelCard(const Registry::Entry& entry, const std::string& metrics_json, std::int64_t now_ms);

}  // namespace gfr
