// IdTexts: the text of an id by its dense id; written once, and read by any thread that learned of the id afterwards.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace gfr {

class IdTexts {
 public:
  IdTexts() = default;
  IdTexts(const IdTexts&) = delete;
  ~IdTexts() {
    for (auto& block : blocks_) delete[] block.load(std::memory_order_relaxed);
  }
  // By one thread, before it publishes the id. REQUIRES: id < 2^28.
  void Set(std::uint32_t id, std::string_view text) {
    auto& block = blocks_[id / kBlock];
    std::string* texts = block.load(std::memory_order_relaxed);
    if (texts == nullptr) {
      texts = new std::string[kBlock];
      block.store(texts, std::memory_order_release);
      bytes_ += kBlock * sizeof(std::string);
    }
    std::string& own = texts[id % kBlock];
    bytes_ -= Beside(own);
    own = text;
    bytes_ += Beside(own);
  }
  // Empty for an id without a text. From any thread to which the id was published.
  std::string_view Get(std::uint32_t id) const {
    if (id >= kBlock * blocks_.size()) return {};
    const std::string* texts = blocks_[id / kBlock].load(std::memory_order_acquire);
    return texts == nullptr ? std::string_view() : std::string_view(texts[id % kBlock]);
  }
  std::size_t memory_bytes() const { return bytes_; }  // Of the writer's thread.

 private:
  static std::size_t Beside(const std::string& text) {  // What lies outside the object.
    return text.capacity() > std::string().capacity() ? text.capacity() + 1 : 0;
  }
  std::size_t bytes_ = 0;
  static constexpr std::uint32_t kBlock = 1u << 14;
  std::array<std::atomic<std::string*>, 1u << 14> blocks_ = {};
};

}  // namespace gfr
