// Scratch files of a replay: Spill, which is written once; Piecewise, which reads one front to back.
//
// A Spill lies on disk in blocks (u32 bytes as stored, u32 bytes, what stored_block.h makes of them): rows and epochs
// are a good deal larger than the log's records, and mostly alike.
//
// Thread safety: none; a closed Spill may be read by several Piecewise at once.
#pragma once

#include <memory>
#include <string>
#include <string_view>

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
  Status Flush(bool all = false);
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
// By its path: a file of others, whose bytes lie as they are.
class Piecewise {
 public:
  explicit Piecewise(const Spill& spill) : Piecewise(spill.fs(), spill.path()) { has_blocks_ = true; }
  Piecewise(FileSystem& fs, std::string path) : fs_(fs), path_(std::move(path)) {}

  Result<bool> Have(std::size_t size);
  std::string_view data() const { return std::string_view(buffer_).substr(used_); }
  void Skip(std::size_t size) { used_ += size; }
  Error EndsTooEarly() const { return {ErrorCode::kCorrupt, "ends too early", {path_, 0}}; }

 private:
  // Appends what follows in the file to the buffer. False: nothing does.
  Result<bool> More(std::size_t size);

  FileSystem& fs_;
  const std::string path_;
  bool has_blocks_ = false;
  std::unique_ptr<RandomAccessFile> file_;
  std::uint64_t position_ = 0;
  std::string buffer_;
  std::size_t used_ = 0;
};

}  // namespace gfr
