// Scratch files of a replay: Spill, which is written once; Piecewise, which reads one front to back.
//
// Thread safety: none; a closed Spill may be read by several Piecewise at once.
#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/file_system.h"

namespace gfr {

// Removed when it is destroyed.
class Spill {
 public:
  Spill(FileSystem& fs, std::string path) : fs_(fs), path_(std::move(path)) {}
  ~Spill() { (void)fs_.Remove(path_); }
  Spill(const Spill&) = delete;
  Spill& operator=(const Spill&) = delete;

  static constexpr std::size_t kBufferBytes = 1 << 16;
  std::string buffer;  // Append here, then Flush now and then.
  Status Flush(bool all = false) {
    if (buffer.empty() || (!all && buffer.size() < kBufferBytes)) return {};
    if (!file_) {
      GFR_ASSIGN(file_, fs_.OpenForWrite(path_, /*append=*/false));
    }
    GFR_TRY(file_->Append(buffer));
    buffer.clear();
    return {};
  }
  Status Close() {
    GFR_TRY(Flush(true));
    file_.reset();
    return {};
  }
  const std::string& path() const { return path_; }
  FileSystem& fs() const { return fs_; }

 private:
  FileSystem& fs_;
  const std::string path_;
  std::unique_ptr<WritableFile> file_;
};

// Have(n) makes at least n bytes visible at `data`, or says that there are none. A file that is not there is empty.
class Piecewise {
 public:
  explicit Piecewise(const Spill& spill) : Piecewise(spill.fs(), spill.path()) {}
  Piecewise(FileSystem& fs, std::string path) : fs_(fs), path_(std::move(path)) {}

  Result<bool> Have(std::size_t size) {
    if (!file_ && !fs_.Exists(path_)) return false;
    if (!file_) {
      GFR_ASSIGN(file_, fs_.OpenForRead(path_));
    }
    while (buffer_.size() - used_ < size) {
      buffer_.erase(0, std::exchange(used_, 0));
      GFR_ASSIGN(const std::string more, file_->Read(position_, std::max(Spill::kBufferBytes, size)));
      if (more.empty()) return false;
      position_ += more.size();
      buffer_ += more;
    }
    return true;
  }
  std::string_view data() const { return std::string_view(buffer_).substr(used_); }
  void Skip(std::size_t size) { used_ += size; }
  Error EndsTooEarly() const { return {ErrorCode::kCorrupt, "ends too early", {path_, 0}}; }

 private:
  FileSystem& fs_;
  const std::string path_;
  std::unique_ptr<RandomAccessFile> file_;
  std::uint64_t position_ = 0;
  std::string buffer_;
  std::size_t used_ = 0;
};

}  // namespace gfr
