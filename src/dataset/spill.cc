#include "dataset/spill.h"

#include <algorithm>
#include <utility>

#include "base/byte_reader.h"
#include "base/byte_writer.h"
#include "dataset/stored_block.h"

namespace gfr {
namespace {

constexpr int kSpillLevel = 1;
constexpr std::size_t kBlockHeadBytes = 8;

}  // namespace

Status Spill::Flush(bool all) {
  if (buffer.empty() || (!all && buffer.size() < kBufferBytes)) return {};
  if (!file_) {
    GFR_ASSIGN(file_, fs_.OpenForWrite(path_, /*append=*/false));
  }
  GFR_ASSIGN(const std::string stored, StoreBlock(buffer, kSpillLevel));
  std::string head;
  ByteWriter out{&head};
  out.Number(static_cast<std::uint32_t>(stored.size()));
  out.Number(static_cast<std::uint32_t>(buffer.size()));
  GFR_TRY(file_->Append(head + stored));
  buffer.clear();
  return {};
}

Result<bool> Piecewise::Have(std::size_t size) {
  if (!file_ && !fs_.Exists(path_)) return false;
  if (!file_) {
    GFR_ASSIGN(file_, fs_.OpenForRead(path_));
  }
  while (buffer_.size() - used_ < size) {
    buffer_.erase(0, std::exchange(used_, 0));
    GFR_ASSIGN(const bool more, More(size));
    if (!more) return false;
  }
  return true;
}

Result<bool> Piecewise::More(std::size_t size) {
  if (!has_blocks_) {
    GFR_ASSIGN(const std::string more, file_->Read(position_, std::max(Spill::kBufferBytes, size)));
    position_ += more.size();
    buffer_ += more;
    return !more.empty();
  }
  GFR_ASSIGN(const std::string head, file_->Read(position_, kBlockHeadBytes));
  if (head.empty()) return false;
  ByteReader in{head};
  const auto stored_bytes = in.Number<std::uint32_t>(), bytes = in.Number<std::uint32_t>();
  if (in.bad) return EndsTooEarly();
  GFR_ASSIGN(const std::string stored, file_->Read(position_ + kBlockHeadBytes, stored_bytes));
  std::string more;
  if (stored.size() != stored_bytes || !ReadStoredBlock(stored, bytes, &more)) return EndsTooEarly();
  position_ += kBlockHeadBytes + stored_bytes;
  buffer_ += more;
  return true;
}

}  // namespace gfr
