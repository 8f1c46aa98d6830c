#include "serve/binary_tensor.h"

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>

namespace gfr {
namespace {

static_assert(std::endian::native == std::endian::little, "values are copied as they are");

// IEEE 754's binary16, whose every value is a float.
struct Half {
  std::uint16_t bits;
  explicit operator double() const {
    const int exponent = bits >> 10 & 0x1f;
    const double fraction = bits & 0x3ff;
    const double size = exponent == 0    ? std::ldexp(fraction, -24)
                        : exponent == 31 ? (fraction == 0 ? INFINITY : NAN)
                                         : std::ldexp(fraction + 1024, exponent - 25);
    return (bits & 0x8000) != 0 ? -size : size;
  }
};

// Kept as they are where the rows hold the same type.
template <typename T>
void AppendValues(std::string_view bytes, RowMatrix* values) {
  const std::size_t before = values->values(), count = bytes.size() / sizeof(T);
  values->Resize(before + count);
  if constexpr (std::is_same_v<T, float>) {
    if (!values->doubles) {
      if (count > 0) std::memcpy(values->f32.data() + before, bytes.data(), bytes.size());
      return;
    }
  }
  for (std::size_t i = 0; i < count; ++i) {
    T value;
    std::memcpy(&value, bytes.data() + i * sizeof(T), sizeof value);
    values->Set(before + i, static_cast<double>(value));
  }
}

struct Datatype {
  std::string_view name;
  std::size_t bytes;
  void (*append)(std::string_view, RowMatrix*);
};

constexpr Datatype kDatatypes[] = {
    {"FP16", 2, AppendValues<Half>},
    {"FP32", 4, AppendValues<float>},
    {"FP64", 8, AppendValues<double>},
    {"INT8", 1, AppendValues<std::int8_t>},
    {"INT16", 2, AppendValues<std::int16_t>},
    {"INT32", 4, AppendValues<std::int32_t>},
    {"INT64", 8, AppendValues<std::int64_t>},
    {"UINT8", 1, AppendValues<std::uint8_t>},
    {"UINT16", 2, AppendValues<std::uint16_t>},
    {"UINT32", 4, AppendValues<std::uint32_t>},
    {"UINT64", 8, AppendValues<std::uint64_t>},
    {"BOOL", 1, AppendValues<std::uint8_t>},
};

const Datatype* FindDatatype(std::string_view name) {
  for (const Datatype& datatype : kDatatypes) {
    if (datatype.name == name) return &datatype;
  }
  return nullptr;
}

}  // namespace

bool IsNumericDatatype(std::string_view datatype) { return FindDatatype(datatype) != nullptr; }

Status AppendBinaryValues(std::string_view datatype, std::string_view bytes, RowMatrix* values) {
  const Datatype* const found = FindDatatype(datatype);
  if (found == nullptr)
    return Error{ErrorCode::kInvalidArgument,
                 "datatype '" + std::string(datatype.substr(0, 20)) + "' is not one of numbers"};
  if (bytes.size() % found->bytes != 0)
    return Error{ErrorCode::kInvalidArgument,
                 std::to_string(bytes.size()) + " bytes are no whole number of values of " + std::string(datatype)};
  found->append(bytes, values);
  return {};
}

void AppendAsBinary(const std::vector<double>& values, bool as_doubles, std::string* out) {
  const auto append = [&](auto value) {
    char bytes[sizeof value];
    std::memcpy(bytes, &value, sizeof value);
    out->append(bytes, sizeof value);
  };
  for (const double value : values) as_doubles ? append(value) : append(static_cast<float>(value));
}

}  // namespace gfr
