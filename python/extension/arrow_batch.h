// Record batches through the Arrow C data interface: BatchView reads one that Python gave, OutBatch is one that Python
// takes (__arrow_c_array__). Thread safety: none.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "arrow_abi.h"

namespace gfr {

// Columns of a batch by name, over its own memory. REQUIRES: `schema` and `array` outlive it. Throws
// std::invalid_argument for a column that is missing, of another type, or has a null.
class BatchView {
 public:
  BatchView(const ArrowSchema& schema, const ArrowArray& array);
  std::size_t rows() const { return static_cast<std::size_t>(array_.length); }

  class Bytes {
   public:
    std::string_view operator[](std::size_t row) const {
      return wide_ ? Slice(wide_[row], wide_[row + 1]) : Slice(narrow_[row], narrow_[row + 1]);
    }

   private:
    friend class BatchView;
    std::string_view Slice(std::int64_t begin, std::int64_t end) const {
      return {bytes_ + begin, static_cast<std::size_t>(end - begin)};
    }
    const std::int32_t* narrow_ = nullptr;
    const std::int64_t* wide_ = nullptr;
    const char* bytes_ = nullptr;
  };
  const std::int64_t* Integers(const char* name) const;  // Of int64.
  Bytes Binary(const char* name) const;                  // Of binary or large_binary.

 private:
  const ArrowArray& Find(const char* name, std::string_view formats, char* format) const;
  const ArrowSchema& schema_;
  const ArrowArray& array_;
};

// Columns of one length.
class OutBatch {
 public:
  void Add(std::string name, std::vector<std::int64_t> values);
  void Add(std::string name, std::vector<std::int32_t> values);
  void Add(std::string name, std::vector<float> values);  // NaN is null.
  void AddBinary(std::string name, const std::vector<std::string>& values);
  std::int64_t rows() const { return columns_.empty() ? 0 : columns_[0]->length; }

  void Export(ArrowSchema* schema) const;
  // The columns are shared with what is exported.
  void Export(ArrowArray* array) const;

 private:
  struct Column {
    std::string name, format;
    std::int64_t length = 0, nulls = 0;
    std::vector<std::int64_t> integers;
    std::vector<std::int32_t> narrow;  // Values, or the offsets of bytes.
    std::vector<std::int64_t> wide;    // Offsets of bytes.
    std::vector<float> floats;
    std::string bytes;
    std::vector<std::uint8_t> valid;  // Empty: no nulls.
    std::vector<const void*> buffers;
  };
  void Push(Column column);
  std::vector<std::shared_ptr<const Column>> columns_;
};

}  // namespace gfr
