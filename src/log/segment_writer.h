// SegmentWriter: writes a segment of format 2 frame by frame (frame.h). Each frame is on disk when Append returns.
//
// After an error nothing more may be written to the segment: its owner cuts the file to synced_bytes() and goes on in
// another one. Thread safety: none.
#pragma once

#include <memory>
#include <string>

#include "base/file_system.h"
#include "log/frame.h"

namespace gfr {

class SegmentWriter {
 public:
  // A new segment, whose header and name are on disk.
  static Result<std::unique_ptr<SegmentWriter>> Make(FileSystem& fs, const std::string& folder,
                                                     std::uint64_t first_offset);
  // Goes on behind the frames of `scan`, at which the file ends. REQUIRES: scan.state is kOpen.
  static Result<std::unique_ptr<SegmentWriter>> Continue(FileSystem& fs, const std::string& path,
                                                         std::string_view header, const FrameScan& scan);

  // `records`: `count` of them, as AppendFramedRecord made them, the first at offset end_offset().
  Status Append(std::string_view records, std::uint32_t count);
  Status Sync() { return file_->Sync(); }
  Status Close();  // Writes the footer; nothing may be appended after it.

  std::uint64_t end_offset() const { return end_offset_; }
  std::uint64_t raw_bytes() const { return raw_bytes_; }  // Of its records.
  std::uint64_t synced_bytes() const { return synced_bytes_; }

 private:
  SegmentWriter(std::unique_ptr<WritableFile> file, std::uint32_t nonce, FrameScan so_far);

  std::unique_ptr<WritableFile> file_;
  const std::uint32_t nonce_;
  FrameEncoder encoder_;
  FrameIndex index_;
  std::uint64_t end_offset_, raw_bytes_, synced_bytes_;
  std::string frame_;
};

}  // namespace gfr
