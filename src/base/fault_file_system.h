// FaultFileSystem: files in memory that forget what was not synced and fail when told to. For tests only.
//
// Every Append, Sync, Truncate, Rename, Remove and SyncDirectory counts as one operation; operation `fail_at` (from 0)
// fails, an Append after keeping only a part of its bytes. Crash() is the power cut: a file keeps what was synced and a
// part of the rest, a name what its folder synced. In a simulated thread (simulation.h) each of these operations is a
// step at which another thread may run, or the process be killed, and Sync takes up to 5 ms. Thread safety: all calls.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>

#include "base/file_system.h"
#include "base/rng.h"
#include "base/sync_hook.h"

namespace gfr {

class FaultFileSystem final : public FileSystem {
 public:
  explicit FaultFileSystem(std::uint64_t seed) : rng_(seed) {}

  std::int64_t fail_at = -1;
  std::function<void()> before_sync;  // Called by each Sync of a file, without a lock: a test may hold the disk up.
  std::int64_t operations() const { return operations_; }

  void Crash() {
    const std::lock_guard lock(mutex_);
    now_ = named_;
    for (auto& [path, file] : now_) {
      const std::size_t kept =
          file->synced + rng_.Below(file->bytes.size() - std::min(file->bytes.size(), file->synced) + 1);
      file->bytes.resize(std::min(kept, file->bytes.size()));
      file->synced = file->bytes.size();
    }
    locks_ = 0;
  }

  Result<std::unique_ptr<WritableFile>> OpenForWrite(const std::string& path, bool append) override {
    const std::lock_guard lock(mutex_);
    auto& file = now_[path];
    if (!file || !append) file = std::make_shared<File>();
    return std::unique_ptr<WritableFile>(std::make_unique<Writer>(*this, file));
  }
  Result<std::unique_ptr<RandomAccessFile>> OpenForRead(const std::string& path) override {
    const std::lock_guard lock(mutex_);
    if (!now_.contains(path)) return Error{ErrorCode::kNotFound, path};
    return std::unique_ptr<RandomAccessFile>(std::make_unique<Reader>(*this, now_[path]));
  }
  Result<std::string> ReadAll(const std::string& path) override {
    const std::lock_guard lock(mutex_);
    if (!now_.contains(path)) return Error{ErrorCode::kNotFound, path};
    return now_[path]->bytes;
  }
  Result<std::vector<std::string>> List(const std::string& folder) override {
    const std::lock_guard lock(mutex_);
    std::vector<std::string> names;
    for (const auto& [path, file] : now_) {
      if (path.starts_with(folder + "/") && path.find('/', folder.size() + 1) == std::string::npos)
        names.push_back(path.substr(folder.size() + 1));
    }
    return names;
  }
  bool Exists(const std::string& path) override {
    const std::lock_guard lock(mutex_);
    return now_.contains(path);
  }
  Status MakeFolders(const std::string&) override { return {}; }
  Status Rename(const std::string& from, const std::string& to) override {
    Step("disk rename");
    const std::lock_guard lock(mutex_);
    GFR_TRY(Count());
    now_[to] = now_[from];
    now_.erase(from);
    return {};
  }
  Status Remove(const std::string& path) override {
    Step("disk remove");
    const std::lock_guard lock(mutex_);
    GFR_TRY(Count());
    now_.erase(path);
    return {};
  }
  Status RemoveTree(const std::string&) override { return {}; }
  Status SyncDirectory(const std::string& folder) override {
    Step("disk sync folder");
    const std::lock_guard lock(mutex_);
    GFR_TRY(Count());
    std::erase_if(named_, [&](const auto& entry) { return entry.first.starts_with(folder + "/"); });
    for (const auto& [path, file] : now_) {
      if (path.starts_with(folder + "/")) named_[path] = file;
    }
    return {};
  }
  Result<std::unique_ptr<FileLock>> Lock(const std::string&) override {
    const std::lock_guard lock(mutex_);
    if (locks_ > 0) return Error{ErrorCode::kUnavailable, "held"};
    ++locks_;
    struct Held final : FileLock {
      FaultFileSystem& fs;
      explicit Held(FaultFileSystem& f) : fs(f) {}
      ~Held() override { fs.locks_ = 0; }
    };
    return std::unique_ptr<FileLock>(std::make_unique<Held>(*this));
  }

 private:
  struct File {
    std::string bytes;
    std::size_t synced = 0;
  };
  struct Writer final : WritableFile {
    Writer(FaultFileSystem& f, std::shared_ptr<File> i) : fs(f), file(std::move(i)) {}
    Status Append(std::string_view data) override {
      Step("disk append");
      const std::lock_guard lock(fs.mutex_);
      const Status status = fs.Count();
      file->bytes += status.ok() ? data : data.substr(0, fs.rng_.Below(data.size() + 1));
      return status;
    }
    Status Sync() override {
      if (fs.before_sync) fs.before_sync();
      const std::size_t size_before = size();
      fs.SpendSyncTime();
      const std::lock_guard lock(fs.mutex_);
      GFR_TRY(fs.Count());
      file->synced = std::min(size_before, file->bytes.size());
      return {};
    }
    Status Truncate(std::uint64_t size) override {
      Step("disk truncate");
      const std::lock_guard lock(fs.mutex_);
      GFR_TRY(fs.Count());
      file->bytes.resize(size);
      file->synced = std::min(file->synced, file->bytes.size());
      return {};
    }
    std::uint64_t size() const override {
      const std::lock_guard lock(fs.mutex_);
      return file->bytes.size();
    }
    FaultFileSystem& fs;
    const std::shared_ptr<File> file;
  };
  struct Reader final : RandomAccessFile {
    Reader(FaultFileSystem& f, std::shared_ptr<File> i) : fs(f), file(std::move(i)) {}
    Result<std::string> Read(std::uint64_t offset, std::size_t size) const override {
      const std::lock_guard lock(fs.mutex_);
      return offset >= file->bytes.size() ? std::string() : file->bytes.substr(offset, size);
    }
    Result<std::uint64_t> size() const override {
      const std::lock_guard lock(fs.mutex_);
      return static_cast<std::uint64_t>(file->bytes.size());
    }
    FaultFileSystem& fs;
    const std::shared_ptr<File> file;
  };

  static void Step(const char* what) {
    if (SyncHook* hook = SyncHook::current(); hook != nullptr) hook->Yield(what);
  }
  void SpendSyncTime() {
    SyncHook* const hook = SyncHook::current();
    if (hook == nullptr) return;
    std::int64_t took_ns = 0;
    {
      const std::lock_guard lock(mutex_);
      took_ns = static_cast<std::int64_t>(rng_.Below(5'000'000));
    }
    (void)hook->Park("disk sync", &took_ns, hook->monotonic_ns() + took_ns);
  }

  Status Count() {
    if (operations_++ == fail_at) return Error{ErrorCode::kUnavailable, "injected fault"};
    return {};
  }

  mutable std::mutex mutex_;
  Rng rng_;
  std::map<std::string, std::shared_ptr<File>> now_,
      named_;  // As the running program sees it; as it is after a power cut.
  std::int64_t operations_ = 0;
  int locks_ = 0;
};

}  // namespace gfr
