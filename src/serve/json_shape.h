// JsonShape: which JSON a request, a reply or a member of one may be. One definition checks what clients send and is
// printed as JSON Schema in /openapi.json, so that the document cannot say anything else than the server does.
//
// A member that is null is the same as one that is not there, unless it is required. Sizes of texts are bytes of UTF-8;
// JSON Schema counts characters, so that its bound is the looser one where a text is not ASCII.
// Thread safety: plain values; Check and Schema are const.
#pragma once

#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gfr {

struct JsonMember;

struct JsonShape {
  enum class Kind : std::uint8_t { kAny, kText, kWhole, kNumber, kBoolean, kList, kObject, kMap, kEither };

  Kind kind = Kind::kAny;
  double low = -std::numeric_limits<double>::infinity(), high = std::numeric_limits<double>::infinity();  // Of numbers.
  std::size_t least = 0, most = SIZE_MAX;  // Bytes of a text, elements of a list, names of a map.
  std::size_t most_name_bytes = SIZE_MAX;  // Of a map.
  bool is_closed = false;                  // An object has no members but those named.
  std::vector<std::string> valid = {};     // The only texts; empty: any.
  std::string format = {};                 // JSON Schema's name of a text's format; not checked here.
  std::string refusal = {};         // What is said of a value of another kind; empty: "X is not a string", and so on.
  std::string element = {};         // What an element of a list is called in messages.
  std::string says = {};            // For readers of the document.
  std::vector<JsonMember> members;  // Of an object.
  std::vector<std::string> one_of_these = {};  // Of an object: at least one of these members is not empty.
  std::vector<JsonShape> of;  // A list's or map's values (one), or what may stand here (kEither; kinds differ).

  // The first thing that is wrong with `value`, which messages call `what`; nothing if it may stand here.
  std::optional<std::string> Check(const nlohmann::json& value, std::string_view what) const;
  nlohmann::ordered_json Schema() const;  // JSON Schema 2020-12, as OpenAPI 3.1 has it.

  static JsonShape Text(std::size_t most_bytes = SIZE_MAX, std::size_t least_bytes = 0);
  static JsonShape Whole(double low, double high);
  static JsonShape Number();
  static JsonShape Boolean();
  static JsonShape List(JsonShape of, std::size_t most = SIZE_MAX, std::string element = {});
  static JsonShape Map(JsonShape of, std::size_t most_names = SIZE_MAX, std::size_t most_name_bytes = SIZE_MAX);
  static JsonShape Object(std::vector<JsonMember> members, bool is_closed = false);
  static JsonShape Either(std::vector<JsonShape> of, std::string refusal = {});
};

struct JsonMember {
  std::string name;
  JsonShape shape;
  bool required = false;
  bool may_be_null = true;  // Unless it is required.
  std::string says = {};
};

}  // namespace gfr
