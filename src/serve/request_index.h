// RequestIndex: where a request's record lies in the log, by the request's id.
//
// Thread safety: none; what Freeze gives may be read beside the writer.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/hash.h"

namespace gfr {

class RequestIndex {
  using Pair = std::array<std::uint64_t, 2>;  // Key and offset.
  static constexpr std::size_t kBlock = 1 << 12;
  using Block = std::array<Pair, kBlock>;

 public:
  // The latest offset of a key counts.
  void Add(Key request, std::uint64_t offset) {
    offsets_[request] = offset;
    if (added_ % kBlock == 0) blocks_.push_back(std::make_shared<Block>());
    (*blocks_.back())[added_++ % kBlock] = {request, offset};
  }
  const std::uint64_t* Find(Key request) const {
    const auto at = offsets_.find(request);
    return at == offsets_.end() ? nullptr : &at->second;
  }

  // What was added so far. To take one costs a pointer for 4096 requests.
  class Frozen {
   public:
    // Keys and offsets, 8 bytes each, in the order in which they were added.
    std::string Bytes() const {
      std::string bytes;
      bytes.reserve(count_ * sizeof(Pair));
      for (std::size_t i = 0; i < count_; ++i)
        bytes.append(reinterpret_cast<const char*>(&(*blocks_[i / kBlock])[i % kBlock]), sizeof(Pair));
      return bytes;
    }

   private:
    friend class RequestIndex;
    std::vector<std::shared_ptr<const Block>> blocks_;  // Written by the index only behind `count_`.
    std::size_t count_ = 0;
  };
  Frozen Freeze() const {
    Frozen frozen;
    frozen.blocks_.assign(blocks_.begin(), blocks_.end());
    frozen.count_ = added_;
    return frozen;
  }

 private:
  std::unordered_map<Key, std::uint64_t> offsets_;
  std::vector<std::shared_ptr<Block>> blocks_;
  std::size_t added_ = 0;
};

}  // namespace gfr
