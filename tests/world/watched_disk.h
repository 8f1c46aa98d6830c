// WatchedDisk: another file system, which says of each file that takes its name (a rename) that it is about to, that it
// has, and that the name lasts (its folder was synced): a world kills its server at that very moment. Thread safety: of
// one folder's files one thread at a time; `watch` as it says.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/file_system.h"

namespace gfr {

class WatchedDisk final : public FileSystem {
 public:
  enum class When { kBefore, kNamed, kLasts };
  // `at`: where the content lies now; `path`: its name then.
  using Watch = std::function<void(When when, const std::string& at, const std::string& path)>;

  WatchedDisk(FileSystem& disk, Watch watch) : disk_(disk), watch_(std::move(watch)) {}

  Result<std::unique_ptr<WritableFile>> OpenForWrite(const std::string& path, bool append) override {
    return disk_.OpenForWrite(path, append);
  }
  Result<std::unique_ptr<RandomAccessFile>> OpenForRead(const std::string& path) override {
    return disk_.OpenForRead(path);
  }
  Result<std::string> ReadAll(const std::string& path) override { return disk_.ReadAll(path); }
  Result<std::vector<std::string>> List(const std::string& folder) override { return disk_.List(folder); }
  bool Exists(const std::string& path) override { return disk_.Exists(path); }
  Status MakeFolders(const std::string& folder) override { return disk_.MakeFolders(folder); }
  Status Rename(const std::string& from, const std::string& to) override {
    watch_(When::kBefore, from, to);
    GFR_TRY(disk_.Rename(from, to));
    named_[to.substr(0, to.rfind('/'))] = to;
    watch_(When::kNamed, to, to);
    return {};
  }
  Status Remove(const std::string& path) override { return disk_.Remove(path); }
  Status RemoveTree(const std::string& folder) override { return disk_.RemoveTree(folder); }
  Status SyncDirectory(const std::string& folder) override {
    GFR_TRY(disk_.SyncDirectory(folder));
    const auto named = named_.find(folder);
    if (named == named_.end()) return {};
    const std::string path = std::exchange(named->second, "");
    if (!path.empty()) watch_(When::kLasts, path, path);
    return {};
  }
  Result<std::unique_ptr<FileLock>> Lock(const std::string& path) override { return disk_.Lock(path); }

 private:
  FileSystem& disk_;
  const Watch watch_;
  std::map<std::string, std::string> named_;  // By folder: the last file whose name may not last yet.
};

}  // namespace gfr
