// StateTable: rows of plain bytes by key, zero when new, for one thread: open epochs, and states that are replayed.
//
// An open-addressing index to dense ids (0, 1, 2, ... in order of first use) and rows in chunks that never move, so
// that addresses stay until Clear. Memory: 12 bytes an entity at least, and its row.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "base/hash.h"

namespace gfr {

class StateTable {
 public:
  explicit StateTable(std::size_t row_bytes) : row_bytes_((row_bytes + 7) / 8 * 8) {}
  std::byte* Get(Key key);               // Made when missing. REQUIRES: key is not 0.
  const std::byte* Find(Key key) const;  // Null when missing.
  std::byte* Find(Key key) { return const_cast<std::byte*>(std::as_const(*this).Find(key)); }
  std::size_t size() const { return keys_.size(); }
  std::size_t row_bytes() const { return row_bytes_; }
  Key key(std::size_t id) const { return keys_[id]; }
  const std::byte* row(std::size_t id) const { return const_cast<StateTable*>(this)->Row(id); }
  void Clear();  // Keeps the memory.

 private:
  static constexpr std::size_t kChunkRows = 256;
  std::byte* Row(std::size_t id) {
    return reinterpret_cast<std::byte*>(chunks_[id / kChunkRows].get()) + id % kChunkRows * row_bytes_;
  }
  void Grow();
  const std::size_t row_bytes_;
  std::vector<std::uint32_t> index_;  // Id + 1; 0 is empty. A power of two long.
  std::vector<Key> keys_;
  std::vector<std::unique_ptr<std::uint64_t[]>> chunks_;
};

}  // namespace gfr
