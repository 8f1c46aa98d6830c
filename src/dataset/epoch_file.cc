#include "dataset/epoch_file.h"

#include <cstring>

namespace gfr {

void AppendEpoch(std::int64_t end_ms, std::string_view delta, std::string* out) {
  const std::uint64_t size = delta.size();
  out->append(reinterpret_cast<const char*>(&end_ms), 8);
  out->append(reinterpret_cast<const char*>(&size), 8);
  out->append(delta);
}

Result<std::int64_t> EpochReader::PeekEnd() {
  GFR_ASSIGN(const bool more, in_.Have(16));
  std::int64_t end_ms = INT64_MAX;
  if (more) std::memcpy(&end_ms, in_.data().data(), 8);
  return end_ms;
}

Status EpochReader::Take(SharedState& shared, Status (SharedState::*take)(std::int64_t, std::string_view)) {
  std::int64_t end_ms = 0;
  std::uint64_t size = 0;
  std::memcpy(&end_ms, in_.data().data(), 8);
  std::memcpy(&size, in_.data().data() + 8, 8);
  GFR_ASSIGN(const bool whole, in_.Have(16 + size));
  if (!whole) return in_.EndsTooEarly();
  GFR_TRY((shared.*take)(end_ms, in_.data().substr(16, size)));
  in_.Skip(16 + size);
  return {};
}

Status MergedEpochs::Before(std::int64_t epoch_end_ms, SharedState& shared) {
  for (;;) {
    GFR_ASSIGN(const std::int64_t end_ms, epochs_.PeekEnd());
    if (end_ms == INT64_MAX || end_ms > epoch_end_ms) return {};
    GFR_TRY(epochs_.SealIn(shared));
  }
}

Status LinesOut::Before(std::int64_t epoch_end_ms, SharedState& shared) {
  for (const std::int64_t end_ms : shared.OpenEpochs()) {
    if (end_ms > epoch_end_ms) break;
    AppendEpoch(end_ms, shared.TakeDelta(end_ms), out_);
  }
  return catalogue_.Before(epoch_end_ms, shared);
}

}  // namespace gfr
