#include "operations/backup.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "base/hash.h"
#include "base/json_text.h"
#include "base/time.h"
#include "log/local_log.h"
#include "log/rewrite_lock.h"
#include "operations/load_model.h"
#include "registry/registry.h"

namespace gfr {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kConfiguration = "gfr.toml";
constexpr const char* kObjects = "objects";
constexpr const char* kBackups = "backups";
constexpr std::int64_t kLeaseMs = kHourMs, kRenewLeaseMs = 10 * kMinuteMs;
constexpr std::size_t kSha256Digits = 64;

struct BackupEntry {
  std::string name, sha256;  // A path of the project, or an object of the registry.
  std::uint64_t size_bytes = 0;
};

struct BackupManifest {
  std::vector<BackupEntry> files, registry;
};

// What a backup may hold, and a restore write.
bool IsBackedUp(const std::string& path) {
  const bool inside = !path.empty() && path.front() != '/' && path.back() != '/' &&
                      path.find("//") == std::string::npos && path.find('\\') == std::string::npos &&
                      path.find('\0') == std::string::npos;
  if (!inside) return false;
  for (std::size_t from = 0; from < path.size();) {
    const std::size_t end = std::min(path.find('/', from), path.size());
    const std::string part = path.substr(from, end - from);
    if (part.starts_with('.')) return false;
    from = end + 1;
  }
  return path == "gfr.toml" || path == "data/erased" || path.starts_with("data/log/") ||
         path.starts_with("data/events/") || path.starts_with("data/definitions/");
}

bool IsLeftOutOfLog(const std::string& name) {
  return name.ends_with("LOCK") || name.ends_with(".tmp") || name.ends_with(".cut");
}

class Backup {
 public:
  Backup(const Workspace& workspace, const BackupSettings& settings, ObjectStore& target)
      : workspace_(workspace), settings_(settings), target_(target) {}

  Result<BackupReport> Run() {
    FileSystem& fs = workspace_.fs();
    LocalLog log(fs, workspace_.log_folder());
    GFR_TRY(fs.MakeFolders(workspace_.log_folder()));
    GFR_ASSIGN(const auto lock, LockRewriting(log));
    // Aliases first, versions then: whatever an alias names is there. The log last: whatever a version says it was
    // trained on is in it.
    GFR_TRY(CopyLeasedRegistry());
    GFR_TRY(CopyFiles());
    report_.id = fmt::format("{:014d}", workspace_.clock().now_ms());
    Json json{{"format", 1},
              {"id", report_.id},
              {"created", FormatTime(workspace_.clock().now_ms())},
              {"files", EntriesJson(manifest_.files)},
              {"registry", EntriesJson(manifest_.registry)}};
    GFR_TRY(target_.PutIfAbsent(fmt::format("{}/{}.json", kBackups, report_.id), DumpJson(json, 1)));
    return report_;
  }

 private:
  static Json EntriesJson(const std::vector<BackupEntry>& entries) {
    Json list = Json::array();
    for (const BackupEntry& e : entries)
      list.push_back({{"name", e.name}, {"sha256", e.sha256}, {"size_bytes", e.size_bytes}});
    return list;
  }
  static std::string HolderName() { return "backup-" + std::to_string(::getpid()); }
  static std::string LeaseName() { return JoinPath(JoinPath(kModelName, "leases"), HolderName() + ".json"); }

  Status LeaseAllVersions() {
    Registry registry(settings_.registry, workspace_.clock());
    GFR_ASSIGN(const auto versions, registry.List(kModelName));
    Registry::LeaseOf lease;
    for (const Registry::Entry& entry : versions) lease.versions[entry.version] = {};
    leased_ms_ = workspace_.clock().now_ms();
    return registry.Lease(kModelName, HolderName(), lease, kLeaseMs);
  }

  Status CopyLeasedRegistry() {
    GFR_TRY(LeaseAllVersions());
    const Status copied = CopyRegistry();
    const Status released = settings_.registry->Remove(LeaseName());
    return copied.ok() ? released : copied;
  }

  Status CopyFiles() {
    FileSystem& fs = workspace_.fs();
    for (const char* path : {"gfr.toml", "data/erased"}) {
      if (fs.Exists(JoinPath(workspace_.folder(), path))) GFR_TRY(AddFile(path));
    }
    GFR_TRY(AddTree("data/definitions"));
    if (settings_.lake) GFR_TRY(AddTree("data/events"));
    GFR_ASSIGN(const std::vector<std::string> names, fs.List(workspace_.log_folder()));
    for (const std::string& name : names) {
      if (!IsLeftOutOfLog(name)) GFR_TRY(AddFile("data/log/" + name));
    }
    return {};
  }

  // Objects right below the root and its folders: an alias before the versions.
  Status CopyRegistry() {
    std::vector<std::string> folders{""};
    std::vector<std::string> objects;
    for (std::size_t f = 0; f < folders.size(); ++f) {
      GFR_ASSIGN(const auto names, settings_.registry->List(folders[f]));
      for (const std::string& name : names) {
        const std::string path = JoinPath(folders[f], name);
        if (name == "leases" || !CheckObjectName(path).ok()) continue;
        if (workspace_.clock().now_ms() >= leased_ms_ + kRenewLeaseMs) GFR_TRY(LeaseAllVersions());
        if (const auto content = settings_.registry->Get(path); content.ok())
          GFR_TRY(Add(path, content.value(), &manifest_.registry));
        else if (content.error().code == ErrorCode::kNotFound)
          folders.push_back(path);  // Of an object that is gone since, nothing lies in it.
        else
          return content.error();
      }
    }
    return {};
  }

  Status AddTree(const std::string& folder) {
    FileSystem& fs = workspace_.fs();
    GFR_ASSIGN(const std::vector<std::string> names, fs.List(JoinPath(workspace_.folder(), folder)));
    for (const std::string& name : names) {
      const std::string path = JoinPath(folder, name);
      if (name.starts_with('.') || name.ends_with(".tmp")) continue;
      const auto content = fs.ReadAll(JoinPath(workspace_.folder(), path));
      if (content.ok())
        GFR_TRY(Add(path, content.value(), &manifest_.files));
      else if (content.error().code != ErrorCode::kNotFound)
        GFR_TRY(AddTree(path));
    }
    return {};
  }

  Status AddFile(const std::string& path) {
    GFR_ASSIGN(const std::string content, workspace_.fs().ReadAll(JoinPath(workspace_.folder(), path)));
    return Add(path, content, &manifest_.files);
  }

  Status Add(const std::string& name, const std::string& content, std::vector<BackupEntry>* entries) {
    const std::string sha256 = Sha256Hex(content);
    const Status put = target_.PutIfAbsent(JoinPath(kObjects, sha256), content);
    if (!put.ok() && put.error().code != ErrorCode::kAlreadyExists) return put;
    entries->push_back({name, sha256, content.size()});
    ++report_.files;
    report_.bytes += content.size();
    if (put.ok()) report_.new_bytes += content.size();
    return {};
  }

  const Workspace& workspace_;
  const BackupSettings& settings_;
  ObjectStore& target_;
  BackupManifest manifest_;
  BackupReport report_;
  std::int64_t leased_ms_ = 0;  // When the lease was written last.
};

Error NotABackup(const std::string& id, const std::string& what) {
  return {ErrorCode::kCorrupt, fmt::format("backup {}: {}", id, what)};
}

Result<std::vector<BackupEntry>> EntriesOf(const std::string& id, const Json& json, const char* key, bool are_files) {
  std::vector<BackupEntry> entries;
  if (!json.is_object() || !json.contains(key) || !json[key].is_array())
    return NotABackup(id, "its manifest cannot be read");
  for (const Json& one : json[key]) {
    const bool whole = one.is_object() && one.contains("name") && one["name"].is_string() && one.contains("sha256") &&
                       one["sha256"].is_string() && one.contains("size_bytes") &&
                       one["size_bytes"].is_number_unsigned();
    if (!whole) return NotABackup(id, "its manifest cannot be read");
    BackupEntry entry{one["name"].get<std::string>(), one["sha256"].get<std::string>(),
                      one["size_bytes"].get<std::uint64_t>()};
    const bool valid = are_files ? IsBackedUp(entry.name) : CheckObjectName(entry.name).ok();
    if (!valid) return NotABackup(id, "'" + entry.name.substr(0, 200) + "' is no name that a backup has");
    const bool digits =
        entry.sha256.size() == kSha256Digits && entry.sha256.find_first_not_of("0123456789abcdef") == std::string::npos;
    if (!digits) return NotABackup(id, "the checksum of '" + entry.name + "' is none");
    entries.push_back(std::move(entry));
  }
  return entries;
}

Result<BackupManifest> ReadManifest(ObjectStore& source, std::string* id) {
  if (id->empty()) {
    GFR_ASSIGN(const auto ids, ListBackups(source));
    if (ids.empty()) return Error{ErrorCode::kNotFound, "'" + source.Describe() + "' has no backup"};
    *id = ids.back();
  }
  const auto text = source.Get(fmt::format("{}/{}.json", kBackups, *id));
  if (!text.ok() && text.error().code == ErrorCode::kNotFound)
    return Error{ErrorCode::kNotFound, "'" + source.Describe() + "' has no backup '" + *id + "'"};
  if (!text.ok()) return text.error();
  const Json json = ParseJson<Json>(text.value(), /*throws=*/false);
  BackupManifest manifest;
  GFR_ASSIGN(manifest.files, EntriesOf(*id, json, "files", /*are_files=*/true));
  GFR_ASSIGN(manifest.registry, EntriesOf(*id, json, "registry", /*are_files=*/false));
  if (json.value("format", 0) != 1)
    return Error{ErrorCode::kNeedsNewer, fmt::format("backup {} was made by a newer gfr", *id)};
  return manifest;
}

Result<std::string> ContentOf(ObjectStore& source, const std::string& id, const BackupEntry& entry) {
  GFR_ASSIGN(std::string content, source.Get(JoinPath(kObjects, entry.sha256)));
  if (content.size() != entry.size_bytes || Sha256Hex(content) != entry.sha256)
    return NotABackup(id, "the content of '" + entry.name + "' is not what was backed up");
  return content;
}

}  // namespace

Result<BackupReport> BackupProject(const Workspace& workspace, const BackupSettings& settings, ObjectStore& target) {
  return Backup(workspace, settings, target).Run();
}

Result<std::vector<std::string>> ListBackups(ObjectStore& source) {
  GFR_ASSIGN(const auto names, source.List(kBackups));
  std::vector<std::string> ids;
  for (const std::string& name : names) {
    if (name.ends_with(".json")) ids.push_back(name.substr(0, name.size() - 5));
  }
  std::ranges::sort(ids);
  return ids;
}

Result<BackupReport> RestoreProject(ObjectStore& source, const std::string& given_id, FileSystem& fs,
                                    const std::string& folder) {
  BackupReport report{.id = given_id};
  GFR_ASSIGN(const BackupManifest manifest, ReadManifest(source, &report.id));
  GFR_ASSIGN(const auto there, fs.List(folder));
  const bool has_configuration = there == std::vector<std::string>{kConfiguration};
  if (!there.empty() && !has_configuration)
    return Error{ErrorCode::kAlreadyExists, "'" + folder +
                                                "' is not empty: a backup is restored into a new folder, or into one "
                                                "that has gfr.toml alone"};
  GFR_TRY(fs.MakeFolders(folder));
  const std::string own = JoinPath(folder, kConfiguration), aside = own + ".restoring";
  if (has_configuration) GFR_TRY(fs.Rename(own, aside));
  std::vector<BackupEntry> files = manifest.files;
  if (has_configuration) std::erase_if(files, [](const BackupEntry& e) { return e.name == kConfiguration; });
  std::ranges::stable_partition(files, [](const BackupEntry& e) { return e.name != kConfiguration; });
  for (const BackupEntry& entry : files) {
    GFR_ASSIGN(const std::string content, ContentOf(source, report.id, entry));
    const std::string path = JoinPath(folder, entry.name);
    GFR_TRY(fs.MakeFolders(path.substr(0, path.rfind('/'))));
    GFR_TRY(PublishFile(fs, path, content));
    ++report.files;
    report.bytes += content.size();
  }
  if (has_configuration) {
    GFR_TRY(fs.Rename(aside, own));
    GFR_TRY(fs.SyncDirectory(folder));
  }
  return report;
}

Result<BackupReport> RestoreRegistry(ObjectStore& source, const std::string& given_id, ObjectStore& registry) {
  BackupReport report{.id = given_id};
  GFR_ASSIGN(BackupManifest manifest, ReadManifest(source, &report.id));
  // A version's manifest after its files, and aliases after the versions that they name.
  const auto order = [](const BackupEntry& e) {
    return e.name.ends_with("/manifest.json") ? 1 : std::ranges::count(e.name, '/') == 1 ? 2 : 0;
  };
  std::ranges::stable_sort(manifest.registry, {}, order);
  for (const BackupEntry& entry : manifest.registry) {
    GFR_ASSIGN(const std::string content, ContentOf(source, report.id, entry));
    const Status put = registry.PutIfAbsent(entry.name, content);
    if (!put.ok() && put.error().code == ErrorCode::kAlreadyExists) continue;
    GFR_TRY(put);
    ++report.files;
    report.bytes += content.size();
    report.new_bytes += content.size();
  }
  return report;
}

}  // namespace gfr
