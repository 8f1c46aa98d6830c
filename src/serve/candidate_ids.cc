#include "serve/candidate_ids.h"

#include <simdjson.h>

#include <bit>
#include <string_view>

#include "base/hash.h"

namespace gfr {
namespace {

namespace dom = simdjson::dom;

constexpr int kDeepest = 32;                    // Deeper ones are left to the ordinary way.
constexpr std::size_t kMostBytes = 256u << 10;  // Likewise: a thread's parser keeps its memory.

// False: too deep.
bool ToJson(dom::element value, int depth, nlohmann::json* out) {
  if (depth == 0) return false;
  switch (value.type()) {
    case dom::element_type::ARRAY:
      *out = nlohmann::json::array();
      for (const dom::element element : dom::array(value)) {
        if (!ToJson(element, depth - 1, &out->emplace_back())) return false;
      }
      return true;
    case dom::element_type::OBJECT:
      *out = nlohmann::json::object();
      for (const auto field : dom::object(value)) {
        if (!ToJson(field.value, depth - 1, &(*out)[std::string(field.key)])) return false;
      }
      return true;
    case dom::element_type::STRING:
      *out = std::string(std::string_view(value));
      return true;
    case dom::element_type::INT64: {
      const auto whole = std::int64_t(value);  // As the ordinary parser: unsigned unless it is negative.
      if (whole >= 0)
        *out = static_cast<std::uint64_t>(whole);
      else
        *out = whole;
      return true;
    }
    case dom::element_type::UINT64:
      *out = std::uint64_t(value);
      return true;
    case dom::element_type::DOUBLE:
      *out = double(value);
      return true;
    case dom::element_type::BOOL:
      *out = bool(value);
      return true;
    default:
      *out = nullptr;
      return true;
  }
}

// Keys that were seen, in a table of twice as many places.
class SeenKeys {
 public:
  explicit SeenKeys(std::size_t most) : places_(std::bit_ceil(2 * most + 1)) {}
  // False: it was there. The key 0 is taken for one that was there.
  bool Add(Key key) {
    if (key == 0) return false;
    for (std::size_t at = key & (places_.size() - 1);; at = (at + 1) & (places_.size() - 1)) {
      if (places_[at] == key) return false;
      if (places_[at] != 0) continue;
      places_[at] = key;
      return true;
    }
  }

 private:
  std::vector<Key> places_;
};

bool ReadIds(dom::element value, std::size_t most, std::size_t id_bytes, std::vector<std::string>* ids) {
  dom::array list;
  // size() stops counting at 2^24 - 1, far above what a body has.
  if (value.get(list) != simdjson::SUCCESS || list.size() > most) return false;
  ids->reserve(list.size());
  SeenKeys seen(list.size());
  for (const dom::element element : list) {
    std::string_view id;
    if (element.get(id) != simdjson::SUCCESS || id.size() > id_bytes || !seen.Add(KeyOf(id))) return false;
    ids->emplace_back(id);
  }
  return true;
}

}  // namespace

std::optional<SplitBody> SplitCandidateIds(const std::string& body, std::size_t most, std::size_t id_bytes) {
  if (body.size() > kMostBytes) return std::nullopt;
  static thread_local dom::parser parser(kMostBytes);
  dom::object top;
  if (parser.parse(body).get(top) != simdjson::SUCCESS) return std::nullopt;
  SplitBody split{.rest = nlohmann::json::object(), .ids = {}};
  bool has_candidates = false;
  for (const auto field : top) {
    if (field.key != "candidates") {
      if (!ToJson(field.value, kDeepest, &split.rest[std::string(field.key)])) return std::nullopt;
      continue;
    }
    if (has_candidates || !ReadIds(field.value, most, id_bytes, &split.ids)) return std::nullopt;
    has_candidates = true;
  }
  if (!has_candidates) return std::nullopt;
  return split;
}

}  // namespace gfr
