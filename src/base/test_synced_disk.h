// The real file system, whose syncs a test or a benchmark counts, and may hold up or let fail.
//
// Thread safety: as the real one.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/file_system.h"

namespace gfr {

class SyncedDisk : public FileSystem {
 public:
  std::atomic<int> syncs = 0;  // That were begun.

  Result<std::unique_ptr<WritableFile>> OpenForWrite(const std::string& path, bool append) override {
    GFR_ASSIGN(auto file, real_.OpenForWrite(path, append));
    return std::unique_ptr<WritableFile>(new File(*this, std::move(file)));
  }
  Result<std::unique_ptr<RandomAccessFile>> OpenForRead(const std::string& path) override {
    return real_.OpenForRead(path);
  }
  Result<std::string> ReadAll(const std::string& path) override { return real_.ReadAll(path); }
  Result<std::vector<std::string>> List(const std::string& folder) override { return real_.List(folder); }
  bool Exists(const std::string& path) override { return real_.Exists(path); }
  Status MakeFolders(const std::string& folder) override { return real_.MakeFolders(folder); }
  Status Rename(const std::string& from, const std::string& to) override { return real_.Rename(from, to); }
  Status Remove(const std::string& path) override { return real_.Remove(path); }
  Status RemoveTree(const std::string& folder) override { return real_.RemoveTree(folder); }
  Status SyncDirectory(const std::string& folder) override { return real_.SyncDirectory(folder); }
  Result<std::unique_ptr<FileLock>> Lock(const std::string& path) override { return real_.Lock(path); }

 protected:
  // Before a file is synced, on the thread that syncs it. An error is the sync's, and the file is not synced.
  virtual Status BeforeSync() = 0;

 private:
  struct File final : WritableFile {
    File(SyncedDisk& d, std::unique_ptr<WritableFile> r) : disk(d), real(std::move(r)) {}
    Status Append(std::string_view data) override { return real->Append(data); }
    Status Sync() override {
      ++disk.syncs;
      GFR_TRY(disk.BeforeSync());
      return real->Sync();
    }
    Status Truncate(std::uint64_t size) override { return real->Truncate(size); }
    std::uint64_t size() const override { return real->size(); }
    SyncedDisk& disk;
    const std::unique_ptr<WritableFile> real;
  };
  FileSystem& real_ = PosixFileSystem();
};

}  // namespace gfr
