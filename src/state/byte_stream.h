// Where a table's bytes go to and come from, so that a snapshot is written and read in pieces.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/file_system.h"
#include "base/result.h"

namespace gfr {

using ByteSink = std::function<Status(std::string_view)>;

class ByteSource {
 public:
  virtual ~ByteSource() = default;
  // The next `size` bytes, valid until the next call; kCorrupt when there are fewer.
  virtual Result<std::string_view> Next(std::size_t size) = 0;
  virtual std::uint64_t remaining() const = 0;
};

// Of bytes in memory (a mapped file), which outlive it.
class SpanSource : public ByteSource {
 public:
  explicit SpanSource(std::string_view bytes) : bytes_(bytes) {}
  Result<std::string_view> Next(std::size_t size) override {
    if (size > bytes_.size()) return Error{ErrorCode::kCorrupt, "the bytes end too early"};
    const std::string_view piece = bytes_.substr(0, size);
    bytes_.remove_prefix(size);
    return piece;
  }
  std::uint64_t remaining() const override { return bytes_.size(); }

 private:
  std::string_view bytes_;
};

// Of a file's bytes from `offset` to `end`. REQUIRES: the file outlives it.
class FileSource : public ByteSource {
 public:
  FileSource(const RandomAccessFile& file, std::uint64_t offset, std::uint64_t end)
      : file_(file), offset_(offset), end_(std::max(offset, end)) {}
  Result<std::string_view> Next(std::size_t size) override {
    if (size > end_ - offset_) return Error{ErrorCode::kCorrupt, "the file ends too early"};
    GFR_ASSIGN(piece_, file_.Read(offset_, size));
    if (piece_.size() != size) return Error{ErrorCode::kCorrupt, "the file ends too early"};
    offset_ += size;
    return std::string_view(piece_);
  }
  std::uint64_t remaining() const override { return end_ - offset_; }

 private:
  const RandomAccessFile& file_;
  std::uint64_t offset_, end_;
  std::string piece_;
};

}  // namespace gfr
