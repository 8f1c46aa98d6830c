// FileSystem: the one interface through which GFR touches files, so that a test can drop unsynced bytes or fail any
// call.
//
// Durability: what was written is there after a crash only once Sync() of the file has returned, and (for a new,
// renamed or removed name) SyncDirectory() of its folder. A failed Sync is final for that file: its owner must stop
// using it. Errors: kNotFound for a missing file, kAlreadyExists, else kUnavailable, with the path and the system's
// message. Thread safety: FileSystem from any thread; one file by one thread at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace gfr {

class WritableFile {
 public:
  virtual ~WritableFile() = default;  // Closes; what was not synced may be lost.
  virtual Status Append(std::string_view data) = 0;
  virtual Status Sync() = 0;  // fdatasync.
  virtual Status Truncate(std::uint64_t size) = 0;
  virtual std::uint64_t size() const = 0;
};

class RandomAccessFile {
 public:
  virtual ~RandomAccessFile() = default;
  // Up to `size` bytes at `offset`; fewer only at the end of the file.
  virtual Result<std::string> Read(std::uint64_t offset, std::size_t size) const = 0;
  virtual Result<std::uint64_t> size() const = 0;
};

// Held until destroyed; the system releases it when the process dies.
class FileLock {
 public:
  virtual ~FileLock() = default;
};

class FileSystem {
 public:
  virtual ~FileSystem() = default;
  // `append`: goes on at the end of the file, which is made if missing; else an empty file, replacing any other.
  virtual Result<std::unique_ptr<WritableFile>> OpenForWrite(const std::string& path, bool append) = 0;
  virtual Result<std::unique_ptr<RandomAccessFile>> OpenForRead(const std::string& path) = 0;
  virtual Result<std::string> ReadAll(const std::string& path) = 0;
  virtual Result<std::vector<std::string>> List(
      const std::string& folder) = 0;  // Names, sorted; a missing folder is empty.
  virtual bool Exists(const std::string& path) = 0;
  virtual Status MakeFolders(const std::string& folder) = 0;
  virtual Status Rename(const std::string& from, const std::string& to) = 0;
  virtual Status Remove(const std::string& path) = 0;        // A missing file is no error.
  virtual Status RemoveTree(const std::string& folder) = 0;  // Likewise.
  virtual Status SyncDirectory(const std::string& folder) = 0;
  // kUnavailable when another process (or this one) holds it.
  virtual Result<std::unique_ptr<FileLock>> Lock(const std::string& path) = 0;
};

FileSystem& PosixFileSystem();

// Writes beside, syncs, renames and syncs the folder: after a crash the file is the old one or the new one, whole.
Status PublishFile(FileSystem& fs, const std::string& path, std::string_view content);

// "a/b" of "a" and "b"; `name` alone when folder is empty.
std::string JoinPath(std::string_view folder, std::string_view name);

}  // namespace gfr
