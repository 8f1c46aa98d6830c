#include "operations/shared_store.h"

#include "base/hash.h"
#include "base/json_text.h"
#include "log/lake_log.h"
#include "log/local_log.h"
#include "log/refill_log.h"

namespace gfr {
namespace {

constexpr const char* kFiles = "project";
constexpr const char* kErased = "erased";
constexpr const char* kDefinitions = "definitions";
constexpr const char* kSentFiles = "_files.json";  // Hashes of what the store has, in the lake's folder.

// Paths below data/ that are shared beside the lake.
Result<std::vector<std::string>> SharedFiles(const Workspace& workspace) {
  std::vector<std::string> paths;
  if (workspace.fs().Exists(workspace.erased_path())) paths.push_back(kErased);
  GFR_ASSIGN(const auto names, workspace.fs().List(workspace.definitions_folder()));
  for (const std::string& name : names) {
    if (!name.ends_with(".tmp")) paths.push_back(JoinPath(kDefinitions, name));
  }
  return paths;
}

Status PushFiles(const Workspace& workspace, ObjectStore& store) {
  FileSystem& fs = workspace.fs();
  const std::string sent_path = JoinPath(workspace.lake_folder(), kSentFiles);
  nlohmann::json sent = nlohmann::json::object();
  if (const auto text = fs.ReadAll(sent_path); text.ok()) {
    if (const auto read = ParseJson<nlohmann::json>(text.value(), /*throws=*/false); read.is_object()) sent = read;
  }
  GFR_ASSIGN(const auto paths, SharedFiles(workspace));
  bool changed = false;
  for (const std::string& path : paths) {
    GFR_ASSIGN(const std::string content, fs.ReadAll(JoinPath(workspace.data_folder(), path)));
    const std::string hash = Sha256Hex(content);
    if (sent.contains(path) && sent[path] == hash) continue;
    GFR_TRY(store.Put(JoinPath(kFiles, path), content));
    sent[path] = hash;
    changed = true;
  }
  if (!changed) return {};
  GFR_TRY(fs.MakeFolders(workspace.lake_folder()));
  return PublishFile(fs, sent_path, DumpJson(sent) + "\n");
}

Status FetchFile(const Workspace& workspace, ObjectStore& store, const std::string& path) {
  const auto content = store.Get(JoinPath(kFiles, path));
  if (!content.ok() && content.error().code == ErrorCode::kNotFound) return {};
  GFR_TRY(content);
  return PublishFile(workspace.fs(), JoinPath(workspace.data_folder(), path), content.value());
}

Status FetchFiles(const Workspace& workspace, ObjectStore& store) {
  GFR_TRY(FetchFile(workspace, store, kErased));
  GFR_ASSIGN(const auto names, store.List(JoinPath(kFiles, kDefinitions)));
  if (!names.empty()) GFR_TRY(workspace.fs().MakeFolders(workspace.definitions_folder()));
  for (const std::string& name : names) {
    if (name.find('/') == std::string::npos) GFR_TRY(FetchFile(workspace, store, JoinPath(kDefinitions, name)));
  }
  return {};
}

Result<bool> HasLog(const Workspace& workspace) {
  LocalLog log(workspace.fs(), workspace.log_folder());
  GFR_ASSIGN(const auto segments, log.Segments());
  GFR_ASSIGN(const auto base, log.OpenBase());
  return !segments.empty() || base != nullptr;
}

}  // namespace

Result<LakeCopied> PushProject(const Workspace& workspace, ObjectStore& store) {
  // The lake first: it finds out whether the store is this project's.
  GFR_ASSIGN(const LakeCopied lake, PushLake(workspace.fs(), workspace.lake_folder(), store));
  GFR_TRY(PushFiles(workspace, store));
  return lake;
}

Result<FetchedProject> FetchProject(const Workspace& workspace, ObjectStore& store) {
  FileSystem& fs = workspace.fs();
  FetchedProject fetched;
  {
    GFR_ASSIGN(const bool has_log, HasLog(workspace));
    if (has_log) return fetched;
  }
  GFR_TRY(fs.MakeFolders(workspace.data_folder()));
  const auto lock = fs.Lock(JoinPath(workspace.data_folder(), "fetch.lock"));
  if (!lock.ok())
    return Error{lock.error().code, "another process is fetching the project from its store: " + lock.error().message};
  GFR_ASSIGN(const bool has_log, HasLog(workspace));  // The other one's.
  if (has_log) return fetched;
  GFR_ASSIGN(fetched.lake, FetchLake(fs, workspace.lake_folder(), store));
  LakeLog lake(fs, workspace.lake_folder());
  GFR_ASSIGN(const Positions end, lake.End());
  if (end[0] == 0) return fetched;
  GFR_TRY(FetchFiles(workspace, store));
  const std::string fresh = JoinPath(workspace.data_folder(), "log.new");
  GFR_TRY(fs.RemoveTree(fresh));
  GFR_TRY(fs.MakeFolders(fresh));
  GFR_ASSIGN(fetched.log_events, RefillLog(lake, fs, fresh));
  GFR_TRY(fs.SyncDirectory(fresh));
  GFR_TRY(fs.RemoveTree(workspace.log_folder()));
  GFR_TRY(fs.Rename(fresh, workspace.log_folder()));
  GFR_TRY(fs.SyncDirectory(workspace.data_folder()));
  return fetched;
}

}  // namespace gfr
