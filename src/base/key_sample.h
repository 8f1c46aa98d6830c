// KeySample: what is known of each key, for as many keys as memory allows: all of them, else those of a share 1/2^level
// picked by their hash, so that everything said of a picked key is complete (Gibbons 2001, distinct sampling).
//
// REQUIRES: keys that are hashes (KeyOf). Thread safety: none.
#pragma once

#include <cstdint>
#include <unordered_map>

#include "base/hash.h"

namespace gfr {

template <typename Entry>
class KeySample {
 public:
  explicit KeySample(std::size_t limit_bytes) : limit_bytes_(limit_bytes) {}

  // The key's entry, made when new; nullptr when the key is not of the sample. Valid until the next call.
  Entry* Touch(Key key) {
    if (!Picked(key)) return nullptr;
    const auto [at, fresh] = entries_.try_emplace(key);
    if (fresh) bytes_ += kEntryBytes;
    while (bytes_ > limit_bytes_ && !entries_.empty() && level_ < 63) Halve();
    return Picked(key) ? &entries_[key] : nullptr;
  }

  // Tells that an entry grew by so many bytes on the heap; counted at the next Touch.
  void Grew(std::size_t bytes) { bytes_ += bytes; }

  int level() const { return level_; }  // 0: every key is here.
  const std::unordered_map<Key, Entry>& entries() const { return entries_; }

 private:
  static constexpr std::size_t kEntryBytes = sizeof(Entry) + 4 * sizeof(void*);

  bool Picked(Key key) const { return (key & ((std::uint64_t{1} << level_) - 1)) == 0; }
  void Halve() {
    ++level_;
    std::erase_if(entries_, [&](const auto& e) { return !Picked(e.first); });
    bytes_ = 0;
    for (const auto& [key, entry] : entries_) bytes_ += kEntryBytes + entry.heap_bytes();
  }

  const std::size_t limit_bytes_;
  int level_ = 0;
  std::size_t bytes_ = 0;
  std::unordered_map<Key, Entry> entries_;
};

}  // namespace gfr
