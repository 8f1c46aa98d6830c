#include "log/segment_writer.h"

#include <random>

namespace gfr {
namespace {

constexpr int kLevel = 1;  // Of frames on the way to the disk; `gfr log compact` takes its time.

std::uint32_t RandomNonce() {
  std::random_device random;
  for (;;) {
    if (const std::uint32_t nonce = random(); nonce != 0) return nonce;
  }
}

}  // namespace

SegmentWriter::SegmentWriter(std::unique_ptr<WritableFile> file, std::uint32_t nonce, FrameScan so_far)
    : file_(std::move(file)),
      nonce_(nonce),
      encoder_(kLevel),
      index_(std::move(so_far.index)),
      end_offset_(so_far.end_offset),
      raw_bytes_(so_far.raw_bytes),
      synced_bytes_(so_far.good_bytes) {}

Result<std::unique_ptr<SegmentWriter>> SegmentWriter::Make(FileSystem& fs, const std::string& folder,
                                                           std::uint64_t first_offset) {
  const std::uint32_t nonce = RandomNonce();
  GFR_ASSIGN(auto file, fs.OpenForWrite(JoinPath(folder, SegmentName(first_offset)), /*append=*/false));
  GFR_TRY(file->Append(FramedSegmentHeader(first_offset, nonce)));
  GFR_TRY(file->Sync());
  GFR_TRY(fs.SyncDirectory(folder));
  FrameScan empty;
  empty.end_offset = first_offset;
  empty.good_bytes = kSegmentHeaderBytes;
  return std::unique_ptr<SegmentWriter>(new SegmentWriter(std::move(file), nonce, std::move(empty)));
}

Result<std::unique_ptr<SegmentWriter>> SegmentWriter::Continue(FileSystem& fs, const std::string& path,
                                                               std::string_view header, const FrameScan& scan) {
  GFR_ASSIGN(auto file, fs.OpenForWrite(path, /*append=*/true));
  return std::unique_ptr<SegmentWriter>(new SegmentWriter(std::move(file), SegmentNonce(header), scan));
}

Status SegmentWriter::Append(std::string_view records, std::uint32_t count) {
  frame_.clear();
  // One frame is written at a time, so what stands before it is on disk.
  encoder_.Append({.first_offset = end_offset_, .synced = end_offset_, .count = count}, records, nonce_, synced_bytes_,
                  &frame_);
  GFR_TRY(file_->Append(frame_));
  GFR_TRY(file_->Sync());
  index_.push_back(end_offset_);
  index_.push_back(synced_bytes_);
  end_offset_ += count;
  raw_bytes_ += records.size();
  synced_bytes_ += frame_.size();
  return {};
}

Status SegmentWriter::Close() {
  GFR_TRY(file_->Append(SegmentFooter(end_offset_, index_, nonce_)));
  return file_->Sync();
}

}  // namespace gfr
