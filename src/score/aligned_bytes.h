// AlignedBytes: memory for vectors, 64-aligned (2 MiB-aligned when large, so that huge pages can hold it); grows, never
// shrinks, keeps nothing when it grows. Zero when new. Thread safety: none.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>

namespace gfr {

class AlignedBytes {
 public:
  std::uint8_t* Reserve(std::size_t size) {
    if (size > size_) {
      const std::size_t alignment = size >= kHuge ? kHuge : 64;
      size_ = (size + alignment - 1) / alignment * alignment;
      data_.reset();
      data_.reset(static_cast<std::uint8_t*>(std::aligned_alloc(alignment, size_)));
      if (!data_) throw std::bad_alloc();
      std::memset(data_.get(), 0, size_);
    }
    return data_.get();
  }
  std::uint8_t* data() { return data_.get(); }
  const std::uint8_t* data() const { return data_.get(); }
  std::size_t size() const { return size_; }

 private:
  static constexpr std::size_t kHuge = std::size_t{2} << 20;
  struct Free {
    void operator()(std::uint8_t* p) const { std::free(p); }
  };
  std::unique_ptr<std::uint8_t, Free> data_;
  std::size_t size_ = 0;
};

}  // namespace gfr
