// Rows that are mostly zeros as bytes: for every 64 words of 8 bytes a mask of those that are not zero, and then these
// (docs/formats/snapshot.md: an epoch's bytes).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "base/byte_reader.h"

namespace gfr {

void PutNumber(std::uint64_t number, std::string* out);
// REQUIRES: bytes is a multiple of 8.
void PutRow(const std::byte* row, std::size_t bytes, std::string* out);
// Into a row of zeros; r.bad when the bytes are of a longer row, or end.
void TakeRow(ByteReader& r, std::span<std::uint64_t> row);

}  // namespace gfr
