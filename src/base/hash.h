// Hash: the 64-bit key of an id (XXH3-64) and the checksum of bytes on disk (CRC32C).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace gfr {

using Key = std::uint64_t;  // XXH3-64 of an id; 0 is "none".

// The key of a string; never 0 for a string that is not empty (a hash of 0 becomes 1), 0 for the empty one.
Key KeyOf(std::string_view id);

// The key of a pair of keys, in order.
Key PairKey(Key a, Key b);

std::uint64_t Hash64(const void* data, std::size_t size, std::uint64_t seed = 0);

// CRC32C (Castagnoli) of `data`, going on from `crc`. Uses the SSE 4.2 instruction where the machine has it.
std::uint32_t Crc32c(const void* data, std::size_t size, std::uint32_t crc = 0);

// SHA-256 as 64 hex digits (FIPS 180-4).
std::string Sha256Hex(std::string_view data);

}  // namespace gfr
