// Any bytes are lists of candidates or an error, packed or as a body.
#include <cstdint>
#include <cstdlib>
#include <unordered_set>

#include "retrieve/list_maker.h"
#include "retrieve/lists_codec.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const gfr::PropertySchema schema;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  for (const auto& lists : {gfr::DecodeLists(bytes, schema), gfr::DecodeListsBody(bytes, schema)}) {
    if (!lists.ok()) continue;
    const gfr::ListedItems& items = *lists.value()->items();
    for (std::size_t i = 0; i < items.keys.size(); ++i) {
      if (items.PlaceOf(items.keys[i]) != i || gfr::KeyOf(items.Id(i)) != items.keys[i]) std::abort();
    }
  }
  return 0;
}
