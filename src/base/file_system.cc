#include "base/file_system.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

namespace gfr {
namespace {

Error SystemError(const std::string& action, const std::string& path, int code) {
  const ErrorCode kind = code == ENOENT   ? ErrorCode::kNotFound
                         : code == EEXIST ? ErrorCode::kAlreadyExists
                                          : ErrorCode::kUnavailable;
  return {kind, "cannot " + action + " '" + path + "': " + std::strerror(code)};
}

class PosixWritableFile final : public WritableFile {
 public:
  PosixWritableFile(std::string path, int fd, std::uint64_t size) : path_(std::move(path)), fd_(fd), size_(size) {}
  ~PosixWritableFile() override { ::close(fd_); }

  Status Append(std::string_view data) override {
    while (!data.empty()) {
      const ssize_t n = ::write(fd_, data.data(), data.size());
      if (n < 0) {
        if (errno == EINTR) continue;
        return SystemError("write", path_, errno);
      }
      size_ += static_cast<std::uint64_t>(n);
      data.remove_prefix(static_cast<std::size_t>(n));
    }
    return {};
  }
  Status Sync() override {
    if (::fdatasync(fd_) != 0) return SystemError("sync", path_, errno);
    return {};
  }
  Status Truncate(std::uint64_t size) override {
    if (::ftruncate(fd_, static_cast<off_t>(size)) != 0) return SystemError("truncate", path_, errno);
    if (::lseek(fd_, 0, SEEK_END) < 0) return SystemError("seek in", path_, errno);
    size_ = size;
    return {};
  }
  std::uint64_t size() const override { return size_; }

 private:
  const std::string path_;
  const int fd_;
  std::uint64_t size_;
};

class PosixRandomAccessFile final : public RandomAccessFile {
 public:
  PosixRandomAccessFile(std::string path, int fd) : path_(std::move(path)), fd_(fd) {}
  ~PosixRandomAccessFile() override { ::close(fd_); }

  Result<std::string> Read(std::uint64_t offset, std::size_t size) const override {
    std::string data(size, '\0');
    std::size_t done = 0;
    while (done < size) {
      const ssize_t n = ::pread(fd_, data.data() + done, size - done, static_cast<off_t>(offset + done));
      if (n < 0) {
        if (errno == EINTR) continue;
        return SystemError("read", path_, errno);
      }
      if (n == 0) break;
      done += static_cast<std::size_t>(n);
    }
    data.resize(done);
    return data;
  }
  Result<std::uint64_t> size() const override {
    struct stat info;
    if (::fstat(fd_, &info) != 0) return SystemError("stat", path_, errno);
    return static_cast<std::uint64_t>(info.st_size);
  }

 private:
  const std::string path_;
  const int fd_;
};

class PosixLock final : public FileLock {
 public:
  explicit PosixLock(int fd) : fd_(fd) {}
  ~PosixLock() override { ::close(fd_); }

 private:
  const int fd_;
};

class PosixFiles final : public FileSystem {
 public:
  Result<std::unique_ptr<WritableFile>> OpenForWrite(const std::string& path, bool append) override {
    const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | (append ? 0 : O_TRUNC), 0644);
    if (fd < 0) return SystemError("open", path, errno);
    const off_t end = ::lseek(fd, 0, SEEK_END);
    return std::unique_ptr<WritableFile>(
        std::make_unique<PosixWritableFile>(path, fd, static_cast<std::uint64_t>(end)));
  }
  Result<std::unique_ptr<RandomAccessFile>> OpenForRead(const std::string& path) override {
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return SystemError("open", path, errno);
    return std::unique_ptr<RandomAccessFile>(std::make_unique<PosixRandomAccessFile>(path, fd));
  }
  Result<std::string> ReadAll(const std::string& path) override {
    GFR_ASSIGN(const auto file, OpenForRead(path));
    GFR_ASSIGN(const std::uint64_t size, file->size());
    return file->Read(0, size);
  }
  Result<std::vector<std::string>> List(const std::string& folder) override {
    std::vector<std::string> names;
    DIR* dir = ::opendir(folder.c_str());
    if (!dir) {
      if (errno == ENOENT) return names;
      return SystemError("list", folder, errno);
    }
    while (const dirent* entry = ::readdir(dir)) {
      const std::string name = entry->d_name;
      if (name != "." && name != "..") names.push_back(name);
    }
    ::closedir(dir);
    std::ranges::sort(names);
    return names;
  }
  bool Exists(const std::string& path) override { return ::access(path.c_str(), F_OK) == 0; }
  Status MakeFolders(const std::string& folder) override {
    std::error_code code;
    std::filesystem::create_directories(folder, code);
    if (code) return SystemError("make the folder", folder, code.value());
    return {};
  }
  Status Rename(const std::string& from, const std::string& to) override {
    if (::rename(from.c_str(), to.c_str()) != 0) return SystemError("rename to '" + to + "' the file", from, errno);
    return {};
  }
  Status Remove(const std::string& path) override {
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) return SystemError("remove", path, errno);
    return {};
  }
  Status RemoveTree(const std::string& folder) override {
    std::error_code code;
    std::filesystem::remove_all(folder, code);
    if (code) return SystemError("remove the folder", folder, code.value());
    return {};
  }
  Status SyncDirectory(const std::string& folder) override {
    const int fd = ::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return SystemError("open the folder", folder, errno);
    const int failed = ::fsync(fd) != 0 ? errno : 0;
    ::close(fd);
    if (failed) return SystemError("sync the folder", folder, failed);
    return {};
  }
  Result<std::unique_ptr<FileLock>> Lock(const std::string& path) override {
    const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0) return SystemError("open", path, errno);
    if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
      ::close(fd);
      return Error{ErrorCode::kUnavailable,
                   "'" + path + "' is held by another process (is a server running on this project?)"};
    }
    return std::unique_ptr<FileLock>(std::make_unique<PosixLock>(fd));
  }
};

}  // namespace

FileSystem& PosixFileSystem() {
  static PosixFiles files;
  return files;
}

Status PublishFile(FileSystem& fs, const std::string& path, std::string_view content) {
  const std::string beside = path + ".tmp";
  {
    GFR_ASSIGN(const auto file, fs.OpenForWrite(beside, /*append=*/false));
    GFR_TRY(file->Append(content));
    GFR_TRY(file->Sync());
  }
  GFR_TRY(fs.Rename(beside, path));
  const std::size_t slash = path.rfind('/');
  return fs.SyncDirectory(slash == std::string::npos ? "." : path.substr(0, slash));
}

std::string JoinPath(std::string_view folder, std::string_view name) {
  if (folder.empty()) return std::string(name);
  std::string path(folder);
  if (path.back() != '/') path += '/';
  return path.append(name);
}

}  // namespace gfr
