#include "state/state_table.h"

#include <algorithm>
#include <cstring>

namespace gfr {

std::byte* StateTable::Get(Key key) {
  if (keys_.size() * 4 >= index_.size() * 3) Grow();
  const std::size_t mask = index_.size() - 1;
  std::size_t slot = key & mask;
  for (; index_[slot] != 0; slot = (slot + 1) & mask) {
    if (keys_[index_[slot] - 1] == key) return Row(index_[slot] - 1);
  }
  const std::size_t id = keys_.size();
  keys_.push_back(key);
  index_[slot] = static_cast<std::uint32_t>(id + 1);
  if (id / kChunkRows == chunks_.size()) {
    chunks_.push_back(std::make_unique_for_overwrite<std::uint64_t[]>(kChunkRows * row_bytes_ / 8 + 1));
  }
  std::memset(Row(id), 0, row_bytes_);
  return Row(id);
}

const std::byte* StateTable::Find(Key key) const {
  if (index_.empty()) return nullptr;
  const std::size_t mask = index_.size() - 1;
  for (std::size_t slot = key & mask; index_[slot] != 0; slot = (slot + 1) & mask) {
    if (keys_[index_[slot] - 1] == key) return row(index_[slot] - 1);
  }
  return nullptr;
}

void StateTable::Clear() {
  keys_.clear();
  std::ranges::fill(index_, 0);
}

void StateTable::Grow() {
  index_.assign(std::max<std::size_t>(16, index_.size() * 2), 0);
  const std::size_t mask = index_.size() - 1;
  for (std::size_t id = 0; id < keys_.size(); ++id) {
    std::size_t slot = keys_[id] & mask;
    while (index_[slot] != 0) slot = (slot + 1) & mask;
    index_[slot] = static_cast<std::uint32_t>(id + 1);
  }
}

}  // namespace gfr
