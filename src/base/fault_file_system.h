// FaultFileSystem: a disk in memory that forgets what was not synced and fails when told to. For tests only.
//
// Every Append, Sync, Truncate, Rename, Remove and SyncDirectory counts as one operation; `fail_count` of them fail
// from operation `fail_at` (from 0) on, an Append after keeping only a part of its bytes. So does one that finds the
// disk full. Crash() and PowerCut() take the power away: a file keeps what was synced, and of the rest what each of
// them says; a Truncate that no Sync followed may not have been; a name is what its folder synced. Kill() is the end of
// a process: nothing is lost but its locks. In a simulated thread (simulation.h) each of these operations is a step at
// which another thread may run, or the process be killed, and Sync takes up to 5 ms. Thread safety: all calls.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <utility>
#include <vector>

#include "base/file_system.h"
#include "base/rng.h"
#include "base/sync_hook.h"

namespace gfr {

class FaultFileSystem final : public FileSystem {
 public:
  explicit FaultFileSystem(std::uint64_t seed) : rng_(seed) {}

  std::atomic<std::int64_t> fail_at = -1, fail_count = 1;
  std::atomic<std::size_t> capacity_bytes = SIZE_MAX;  // Of all files together.
  std::atomic<int> appends_after_failure = 0;          // To files of which an Append or Sync had failed.
  std::atomic<std::int64_t> hangs_until_ms = 0;        // Of MonotonicMs(), in a simulated thread: no Sync ends before.
  bool syncs_lie = false;                              // Sync says that all is well and does nothing, as some disks do.
  std::function<void()> before_sync;  // Called by each Sync of a file, without a lock: a test may hold the disk up.
  std::int64_t operations() const {
    const std::lock_guard lock(mutex_);
    return operations_;
  }

  // Each file keeps a prefix of its unsynced bytes; unsynced names are lost.
  void Crash() {
    const std::lock_guard lock(mutex_);
    names_since_.clear();
    LosePower([this](File& file) { return rng_.Below(file.bytes.size() - file.synced + 1); });
  }

  // The worst that a disk with a journal of names may do: of each file's unsynced writes some whole ones are kept, in
  // their order; then perhaps a torn one, or one of which pages came in any order and the others are zero. Unsynced
  // changes of names are kept up to any one of them.
  void PowerCut() {
    const std::lock_guard lock(mutex_);
    const std::size_t kept = rng_.Below(names_since_.size() + 1);
    for (std::size_t i = 0; i < kept; ++i) Apply(names_since_[i], &named_);
    names_since_.clear();
    LosePower([this](File& file) { return KeepSomeWrites(&file); });
  }

  // The process is gone, the machine is not.
  void Kill() {
    const std::lock_guard lock(mutex_);
    ++process_;
    locked_.clear();
  }

  Result<std::unique_ptr<WritableFile>> OpenForWrite(const std::string& path, bool append) override {
    const std::lock_guard lock(mutex_);
    auto& file = now_[path];
    if (!file || !append) {
      file = std::make_shared<File>();
      names_since_.push_back({{path, file}});
    }
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
    std::set<std::string> names;  // Files and folders.
    for (const auto& [path, file] : now_) {
      if (!path.starts_with(folder + "/")) continue;
      const std::string below = path.substr(folder.size() + 1);
      names.insert(below.substr(0, below.find('/')));
    }
    return std::vector<std::string>(names.begin(), names.end());
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
    return Change({{from, nullptr}, {to, now_[from]}});
  }
  Status Remove(const std::string& path) override {
    Step("disk remove");
    const std::lock_guard lock(mutex_);
    GFR_TRY(Count());
    return now_.contains(path) ? Change({{path, nullptr}}) : Status();
  }
  Status RemoveTree(const std::string& folder) override {
    Step("disk remove tree");
    const std::lock_guard lock(mutex_);
    GFR_TRY(Count());
    NameChange all;
    for (const auto& [path, file] : now_) {
      if (path.starts_with(folder + "/")) all.push_back({path, nullptr});
    }
    return Change(std::move(all));
  }
  Status SyncDirectory(const std::string& folder) override {
    Step("disk sync folder");
    const std::lock_guard lock(mutex_);
    GFR_TRY(Count());
    if (syncs_lie) return {};
    const auto below = [&](const std::string& path) { return path.starts_with(folder + "/"); };
    std::erase_if(named_, [&](const auto& entry) { return below(entry.first); });
    for (const auto& [path, file] : now_) {
      if (below(path)) named_[path] = file;
    }
    for (NameChange& change : names_since_) std::erase_if(change, [&](const auto& name) { return below(name.first); });
    std::erase_if(names_since_, [](const NameChange& change) { return change.empty(); });
    return {};
  }
  Result<std::unique_ptr<FileLock>> Lock(const std::string& path) override {
    const std::lock_guard lock(mutex_);
    if (!locked_.insert(path).second) return Error{ErrorCode::kUnavailable, "'" + path + "' is held"};
    return std::unique_ptr<FileLock>(std::make_unique<Held>(*this, path, process_));
  }

 private:
  struct File {
    std::string bytes;
    std::size_t synced = 0;
    std::vector<std::size_t> ends;           // Of each Append behind `synced`.
    bool failed = false;                     // One of its writes or syncs.
    std::shared_ptr<const File> before_cut;  // As it was before its first Truncate that no Sync followed; null: none.
  };
  // A name and its file (null: none any more); a rename has two, which come together.
  using NameChange = std::vector<std::pair<std::string, std::shared_ptr<File>>>;
  using Names = std::map<std::string, std::shared_ptr<File>>;

  struct Held final : FileLock {
    Held(FaultFileSystem& f, std::string p, int by) : fs(f), path(std::move(p)), process(by) {}
    ~Held() override {
      const std::lock_guard lock(fs.mutex_);
      if (process == fs.process_) fs.locked_.erase(path);
    }
    FaultFileSystem& fs;
    const std::string path;
    const int process;
  };
  struct Writer final : WritableFile {
    Writer(FaultFileSystem& f, std::shared_ptr<File> i) : fs(f), file(std::move(i)) {}
    Status Append(std::string_view data) override {
      Step("disk append");
      const std::lock_guard lock(fs.mutex_);
      Status status = fs.Count();
      std::size_t kept = status.ok() ? data.size() : fs.rng_.Below(data.size() + 1);
      if (const std::size_t left = fs.Left(); kept > left) {
        kept = left;
        if (status.ok()) status = Error{ErrorCode::kUnavailable, "no space left on device"};
      }
      file->bytes += data.substr(0, kept);
      fs.appends_after_failure += file->failed;
      file->failed = file->failed || !status.ok();
      file->ends.push_back(file->bytes.size());
      return status;
    }
    Status Sync() override {
      if (fs.before_sync) fs.before_sync();
      const std::size_t size_before = size();
      fs.SpendSyncTime();
      const std::lock_guard lock(fs.mutex_);
      if (Status status = fs.Count(); !status.ok()) {
        file->failed = true;
        return status;
      }
      if (fs.syncs_lie) return {};
      file->before_cut.reset();
      file->synced = std::min(size_before, file->bytes.size());
      std::erase_if(file->ends, [&](std::size_t end) { return end <= file->synced; });
      return {};
    }
    Status Truncate(std::uint64_t size) override {
      Step("disk truncate");
      const std::lock_guard lock(fs.mutex_);
      GFR_TRY(fs.Count());
      if (!file->before_cut && size < file->bytes.size()) file->before_cut = std::make_shared<const File>(*file);
      file->bytes.resize(size);
      file->synced = std::min(file->synced, file->bytes.size());
      std::erase_if(file->ends, [&](std::size_t end) { return end > size; });
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
    const std::int64_t end_ns = std::max(hook->monotonic_ns() + took_ns, hangs_until_ms.load() * 1'000'000);
    (void)hook->Park("disk sync", &took_ns, end_ns);
  }

  static void Apply(const NameChange& change, Names* names) {
    for (const auto& [path, file] : change) {
      if (file) {
        (*names)[path] = file;
      } else {
        names->erase(path);
      }
    }
  }
  Status Change(NameChange change) {
    Apply(change, &now_);
    names_since_.push_back(std::move(change));
    return {};
  }

  // `keep` gives how many of a file's unsynced bytes are left.
  template <typename Keep>
  void LosePower(Keep keep) {
    ++process_;
    locked_.clear();
    now_ = named_;
    for (auto& [path, file] : now_) {
      // Whoever has it open belongs to what is gone: a file of its own, so that nothing of theirs can come in.
      const bool uncut = file->before_cut != nullptr && rng_.Chance(0.5);
      auto after = std::make_shared<File>(uncut ? *file->before_cut : *file);
      after->before_cut.reset();
      after->synced = std::min(after->synced, after->bytes.size());
      after->bytes.resize(after->synced + keep(*after));
      after->synced = after->bytes.size();
      after->ends.clear();
      file = std::move(after);
    }
    named_ = now_;
  }

  std::size_t KeepSomeWrites(File* file) {
    constexpr std::size_t kPage = 512;
    std::vector<std::size_t> ends{file->synced};
    for (const std::size_t end : file->ends) ends.push_back(std::min(end, file->bytes.size()));
    const std::size_t whole = rng_.Below(ends.size());  // Writes that are kept.
    const std::size_t begin = ends[whole];
    if (whole + 1 >= ends.size() || rng_.Chance(0.3)) return begin - file->synced;
    const std::size_t end = ends[whole + 1];
    if (rng_.Chance(0.5)) return begin + rng_.Below(end - begin + 1) - file->synced;  // Torn.
    for (std::size_t page = begin / kPage * kPage; page < end; page += kPage) {
      if (rng_.Chance(0.5)) continue;
      for (std::size_t i = std::max(page, begin); i < std::min(page + kPage, end); ++i) file->bytes[i] = '\0';
    }
    return end - file->synced;
  }

  Status Count() {
    const std::int64_t operation = operations_++;
    if (fail_at >= 0 && operation >= fail_at && operation - fail_at < fail_count)
      return Error{ErrorCode::kUnavailable, "injected fault"};
    return {};
  }

  std::size_t Left() const {
    std::size_t used = 0;
    const std::size_t capacity = capacity_bytes;
    for (const auto& [path, file] : now_) used += file->bytes.size();
    return capacity - std::min(used, capacity);
  }

  mutable std::mutex mutex_;
  Rng rng_;
  Names now_, named_;                    // As the running program sees it; as it is after a power cut.
  std::vector<NameChange> names_since_;  // What makes the one of the other, in order, but for folders synced since.
  std::int64_t operations_ = 0;
  int process_ = 0;
  std::set<std::string> locked_;
};

}  // namespace gfr
