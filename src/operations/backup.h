// Backup and restore: a project's log, models, configuration and what goes with them, in a folder or on S3.
//
// A backup is consistent while a server writes: what was acknowledged before it began is in it. Meanwhile it holds the
// log's REWRITE.LOCK, so that no segment is compacted, trimmed or erased. While the registry is copied, a lease on
// every model version keeps them from being collected; it is renewed, so that of a backup that is killed it soon ends.
// A backup holds gfr.toml, the log, erased ids, definitions of older models, the registry's objects (versions, aliases,
// runs of triggers, allocations of experiments) and, unless it is left out, the lake. It does not hold what is made
// again (snapshots, reports, the offline store), nor tokens.
//
// At the target:
//   objects/SHA256       each content once: a further backup adds only what is new
//   backups/ID.json      written last: each path or registry object, its size and SHA-256
// Thread safety: one call a project and target at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "object/object_store.h"
#include "workspace/workspace.h"

namespace gfr {

struct BackupSettings {
  std::shared_ptr<ObjectStore> registry;
  bool lake = true;
};

struct BackupReport {
  std::string id;                                     // Of its time: ids in order are backups in order.
  std::uint64_t files = 0, bytes = 0, new_bytes = 0;  // New: not at the target before.
};

// kUnavailable: the log is being rewritten, or the target cannot be written.
Result<BackupReport> BackupProject(const Workspace& workspace, const BackupSettings& settings, ObjectStore& target);

Result<std::vector<std::string>> ListBackups(ObjectStore& source);  // Ids, oldest first.

// Makes the project's folder anew from a backup (an empty id: the newest); gfr.toml comes last. A gfr.toml that stands
// alone in the folder is kept instead of the backup's, under another name until all else is there. Only names of the
// manifest are written, and only inside the folder. kAlreadyExists: the folder has other files; kCorrupt: a name or a
// content is not what a backup has; nothing of the folder is to be used then.
Result<BackupReport> RestoreProject(ObjectStore& source, const std::string& id, FileSystem& fs,
                                    const std::string& folder);
// Then the objects of the registry into its store. What is there already stays: a registry on S3 that is in use.
Result<BackupReport> RestoreRegistry(ObjectStore& source, const std::string& id, ObjectStore& registry);

}  // namespace gfr
