// Any bytes are counts of contracts or an error; what is read is written again as it was.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "feed/contract_counts.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto counts = gfr::ContractCounts::Decode(bytes, {{.id = "home/new"}, {.id = "home/acme"}});
  if (!counts.ok()) return 0;
  const std::string again = counts.value().Encode();
  const auto same = gfr::ContractCounts::Decode(again, counts.value().duals().targets());
  if (!same.ok() || same.value().Encode() != again) std::abort();
  return 0;
}
