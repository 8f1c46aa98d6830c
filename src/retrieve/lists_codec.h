// The lists of an epoch as bytes, for servers that have no catalogue of their own: docs/formats/lists.md.
//
// The bytes name each item once, by its id; the lists name items by their places in that table. A server that has read
// them finds the candidates that the one that made them would, from the same items' rows.
// Thread safety: plain values; pure functions.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/byte_reader.h"
#include "base/byte_writer.h"
#include "retrieve/candidate_source.h"

namespace gfr {

class CandidateLists;

// The items that came with lists, by rising key.
struct ListedItems {
  std::vector<Key> keys;
  std::vector<std::uint32_t> ends;  // Of each id in `text`.
  std::string text;
  std::string_view Id(std::size_t place) const {
    const std::size_t begin = place == 0 ? 0 : ends[place - 1];
    return std::string_view(text).substr(begin, ends[place] - begin);
  }
  // keys.size(): it is not there.
  std::size_t PlaceOf(Key item) const;
};

// What a source writes its lists to.
struct ListsWriter {
  const SharedState& shared;
  const ListedItems& items;
  ByteWriter out;
  void Item(Key item) { out.Varint(items.PlaceOf(item)); }
};

// And reads them from. `in.bad` is set by whatever cannot be.
struct ListsReader {
  const ListedItems& items;
  ByteReader in;
  // A place of an item; 0 when it is none.
  std::uint32_t Place();
  Key Item() {
    const std::uint32_t place = Place();
    return in.bad ? 0 : items.keys[place];
  }
};

// The greatest size of the bytes.
inline constexpr std::size_t kMaxListsBytes = 32u << 20;

// kResourceExhausted: they would be larger than kMaxListsBytes.
Result<std::string> EncodeLists(const CandidateLists& lists, const SharedState& shared, const PropertySchema& schema);
// kCorrupt: not what was written; kInvalidArgument: of a catalogue with other properties than `schema`'s.
Result<std::shared_ptr<const CandidateLists>> DecodeLists(std::string_view bytes, const PropertySchema& schema);

// What stands compressed in the bytes.
std::string EncodeListsBody(const CandidateLists& lists, const SharedState& shared, const PropertySchema& schema);
Result<std::shared_ptr<const CandidateLists>> DecodeListsBody(std::string_view body, const PropertySchema& schema);

}  // namespace gfr
