#include "state/prepared_items.h"

#include <algorithm>
#include <cstring>

#include "base/sync.h"

namespace gfr {
namespace {

constexpr std::size_t kLine = 64;

}  // namespace

PreparedItems::Epoch::Epoch(std::int64_t end_ms, std::size_t columns, std::size_t row_bytes, std::uint32_t rows)
    : end_ms_(end_ms), columns_(columns), row_bytes_(row_bytes), rows_(rows), memory_(row_bytes) {
  for (std::uint32_t row = 0; row < rows; row += StableArray::kChunk) memory_.Ensure(row);
}

void PreparedItems::Epoch::Prefetch(std::uint32_t item) const noexcept {
  const auto* row = reinterpret_cast<const std::byte*>(&At(item));
  for (std::size_t at = 0; at < row_bytes_; at += kLine) __builtin_prefetch(row + at);
}

// The item's own place, and the one beside it: with a place of its own each, one in five items of a list found theirs
// taken when there is room for two and a half times as many.
const float* PreparedItems::Epoch::Find(std::uint32_t item) const noexcept {
  const std::uint32_t own = item % rows_;
  for (const std::uint32_t place : {own, own ^ 1}) {
    Row& row = At(place);
    const std::uint32_t owner = row.owner.load(std::memory_order_acquire);
    if (owner == item + 1) return row.values();
    if (owner == 0) return nullptr;  // It would have been put there.
  }
  return nullptr;
}

void PreparedItems::Epoch::Put(std::uint32_t item, const float* values) noexcept {
  const std::uint32_t own = item % rows_;
  for (const std::uint32_t place : {own, own ^ 1}) {
    Row& row = At(place);
    std::uint32_t owner = 0;
    if (row.owner.compare_exchange_strong(owner, kBeingPut, std::memory_order_acquire)) {
      std::memcpy(row.values(), values, columns_ * sizeof(float));
      row.owner.store(item + 1, std::memory_order_release);
      return;
    }
    if (owner == item + 1 || owner == kBeingPut) return;  // Or is being put by another request: not twice.
  }
}

PreparedItems::PreparedItems(std::size_t columns, std::size_t max_bytes)
    : columns_(columns),
      row_bytes_((sizeof(Epoch::Row) + columns * sizeof(float) + kLine - 1) / kLine * kLine),
      max_rows_(static_cast<std::uint32_t>(std::max<std::size_t>(max_bytes / row_bytes_ / 2 * 2, 2))) {}

std::shared_ptr<PreparedItems::Epoch> PreparedItems::At(std::int64_t epoch_end_ms, std::uint32_t items) {
  std::shared_ptr<Epoch> before;  // Let go after the lock.
  const MutexLock lock(mutex_);
  if (!latest_ || latest_->end_ms_ < epoch_end_ms) {
    before = std::move(latest_);
    before_ = before;
    latest_.reset(new Epoch(epoch_end_ms, columns_, row_bytes_, std::clamp(items + items % 2, 2u, max_rows_)));
  }
  return latest_->end_ms_ == epoch_end_ms ? latest_ : nullptr;
}

std::size_t PreparedItems::memory_bytes() {
  std::shared_ptr<Epoch> latest, before;  // Let go after the lock.
  const MutexLock lock(mutex_);
  latest = latest_;
  before = before_.lock();
  return (latest ? latest->memory_bytes() : 0) + (before ? before->memory_bytes() : 0);
}

}  // namespace gfr
