#include "serve/json_shape.h"

#include <algorithm>
#include <cmath>

namespace gfr {
namespace {

using Json = nlohmann::ordered_json;
using Kind = JsonShape::Kind;

bool IsOfKind(const nlohmann::json& value, const JsonShape& shape) {
  switch (shape.kind) {
    case Kind::kAny:
      return true;
    case Kind::kText:
      return value.is_string();
    case Kind::kWhole:
      return value.is_number_integer();
    case Kind::kNumber:
      return value.is_number();
    case Kind::kBoolean:
      return value.is_boolean();
    case Kind::kList:
      return value.is_array();
    case Kind::kObject:
    case Kind::kMap:
      return value.is_object();
    case Kind::kEither:
      return std::ranges::any_of(shape.of, [&](const JsonShape& s) { return IsOfKind(value, s); });
  }
  return false;
}

std::string WholeText(double value) { return std::to_string(static_cast<std::int64_t>(value)); }

// What is said of a value that is not of the shape's kind or bounds.
std::string NotOfKind(const JsonShape& shape, std::string_view what) {
  if (!shape.refusal.empty()) return shape.refusal;
  const std::string name(what);
  switch (shape.kind) {
    case Kind::kText:
      return name + " is not a string";
    case Kind::kWhole:
      return name + " is not a whole number from " + WholeText(shape.low) + " to " + WholeText(shape.high);
    case Kind::kNumber:
      return name + " is not a number";
    case Kind::kBoolean:
      return name + " is neither true nor false";
    case Kind::kList:
      return name + " is not a list" + (shape.most == SIZE_MAX ? "" : " of at most " + std::to_string(shape.most));
    case Kind::kObject:
    case Kind::kMap:
      return name + (what == "the body" ? " is not a JSON object" : " is not an object");
    default:
      return name + " is of a kind that is not valid here";
  }
}

std::optional<std::string> CheckText(const JsonShape& shape, const std::string& text, std::string_view what) {
  if (text.size() > shape.most) return std::string(what) + " is longer than " + std::to_string(shape.most) + " bytes";
  if (text.size() < shape.least) return std::string(what) + " is empty";
  if (shape.valid.empty() || std::ranges::find(shape.valid, text) != shape.valid.end()) return std::nullopt;
  std::string valid;
  for (const std::string& v : shape.valid) valid += (valid.empty() ? "" : ", ") + v;
  return std::string(what) + " is '" + text.substr(0, 100) + "'; valid are " + valid;
}

std::optional<std::string> UnknownMembers(const JsonShape& shape, const nlohmann::json& object, std::string_view what) {
  std::string unknown;
  int more = 0;
  for (const auto& [name, value] : object.items()) {
    if (std::ranges::find(shape.members, name, &JsonMember::name) != shape.members.end()) continue;
    if (more++ < 5) unknown += (unknown.empty() ? "'" : ", '") + name.substr(0, 100) + "'";
  }
  if (more == 0) return std::nullopt;
  std::string valid;
  for (const JsonMember& m : shape.members) valid += (valid.empty() ? "" : ", ") + m.name;
  return std::string(what) + " has unknown members: " + unknown + (more > 5 ? " and more" : "") + "; valid are " +
         valid;
}

bool IsEmptyMember(const nlohmann::json& object, const std::string& name) {
  const auto at = object.find(name);
  return at == object.end() || at->is_null() || (at->is_string() && at->get_ref<const std::string&>().empty());
}

std::optional<std::string> CheckObject(const JsonShape& shape, const nlohmann::json& object, std::string_view what) {
  if (shape.is_closed) {
    if (auto unknown = UnknownMembers(shape, object, what)) return unknown;
  }
  for (const JsonMember& m : shape.members) {
    const auto at = object.find(m.name);
    if (at == object.end() || at->is_null()) {
      if (m.required) return std::string(what) + " has no " + m.name;
      continue;
    }
    if (auto wrong = m.shape.Check(*at, m.name)) return wrong;
  }
  const auto is_empty = [&](const std::string& name) { return IsEmptyMember(object, name); };
  if (shape.one_of_these.empty() || !std::ranges::all_of(shape.one_of_these, is_empty)) return std::nullopt;
  std::string names;
  for (const std::string& name : shape.one_of_these) names += (names.empty() ? "" : " or ") + name;
  return names + " is missing";
}

std::optional<std::string> CheckMap(const JsonShape& shape, const nlohmann::json& map, std::string_view what) {
  if (map.size() > shape.most) return std::string(what) + " has more than " + std::to_string(shape.most) + " names";
  for (const auto& [name, value] : map.items()) {
    if (name.size() > shape.most_name_bytes)
      return std::string(what) + " is longer than " + std::to_string(shape.most_name_bytes) + " bytes";
    if (auto wrong = value.is_null() ? std::nullopt : shape.of.front().Check(value, name)) return wrong;
  }
  return std::nullopt;
}

Json ObjectSchema(const JsonShape& shape) {
  Json json{{"type", "object"}, {"properties", Json::object()}};
  for (const JsonMember& m : shape.members) {
    Json member = m.shape.Schema();
    if (!m.required && m.may_be_null) {
      if (member.contains("enum")) member["enum"].push_back(nullptr);
      if (member.contains("type"))
        member["type"] = Json::array({member["type"], "null"});
      else if (member.contains("oneOf"))
        member["oneOf"].push_back({{"type", "null"}});
    }
    if (!m.says.empty()) member["description"] = m.says;
    json["properties"][m.name] = std::move(member);
    if (m.required) json["required"].push_back(m.name);
  }
  if (shape.is_closed) json["additionalProperties"] = false;
  for (const std::string& name : shape.one_of_these)
    json["anyOf"].push_back({{"required", {name}}, {"properties", {{name, {{"type", "string"}, {"minLength", 1}}}}}});
  return json;
}

}  // namespace

std::optional<std::string> JsonShape::Check(const nlohmann::json& value, std::string_view what) const {
  if (!IsOfKind(value, *this)) return NotOfKind(*this, what);
  switch (kind) {
    case Kind::kText:
      return CheckText(*this, value.get_ref<const std::string&>(), what);
    case Kind::kWhole:
    case Kind::kNumber: {
      const double number = value.get<double>();
      return number < low || number > high ? std::optional(NotOfKind(*this, what)) : std::nullopt;
    }
    case Kind::kList:
      if (value.size() > most || value.size() < least) return NotOfKind(*this, what);
      for (const nlohmann::json& e : value) {
        if (auto wrong = of.front().Check(e, element)) return wrong;
      }
      return std::nullopt;
    case Kind::kObject:
      return CheckObject(*this, value, what);
    case Kind::kMap:
      return CheckMap(*this, value, what);
    case Kind::kEither:
      return std::ranges::find_if(of, [&](const JsonShape& s) { return IsOfKind(value, s); })->Check(value, what);
    default:
      return std::nullopt;
  }
}

Json JsonShape::Schema() const {
  Json json = Json::object();
  switch (kind) {
    case Kind::kAny:
      break;
    case Kind::kText:
      json["type"] = "string";
      if (least > 0) json["minLength"] = least;
      if (most != SIZE_MAX) json["maxLength"] = most;
      if (!valid.empty()) json["enum"] = valid;
      if (!format.empty()) json["format"] = format;
      break;
    case Kind::kWhole:
    case Kind::kNumber:
      json["type"] = kind == Kind::kWhole ? "integer" : "number";
      if (std::isfinite(low)) json["minimum"] = static_cast<std::int64_t>(low);
      if (std::isfinite(high)) json["maximum"] = static_cast<std::int64_t>(high);
      break;
    case Kind::kBoolean:
      json["type"] = "boolean";
      break;
    case Kind::kList:
      json = {{"type", "array"}, {"items", of.front().Schema()}};
      if (least > 0) json["minItems"] = least;
      if (most != SIZE_MAX) json["maxItems"] = most;
      break;
    case Kind::kObject:
      json = ObjectSchema(*this);
      break;
    case Kind::kMap:
      json = {{"type", "object"}, {"additionalProperties", of.front().Schema()}};
      if (most != SIZE_MAX) json["maxProperties"] = most;
      if (most_name_bytes != SIZE_MAX) json["propertyNames"] = {{"maxLength", most_name_bytes}};
      break;
    case Kind::kEither:
      for (const JsonShape& s : of) json["oneOf"].push_back(s.Schema());
      break;
  }
  if (!says.empty()) json["description"] = says;
  return json;
}

JsonShape JsonShape::Text(std::size_t most_bytes, std::size_t least_bytes) {
  return {.kind = Kind::kText, .least = least_bytes, .most = most_bytes};
}
JsonShape JsonShape::Whole(double low, double high) { return {.kind = Kind::kWhole, .low = low, .high = high}; }
JsonShape JsonShape::Number() { return {.kind = Kind::kNumber}; }
JsonShape JsonShape::Boolean() { return {.kind = Kind::kBoolean}; }
JsonShape JsonShape::List(JsonShape of, std::size_t most, std::string element) {
  return {.kind = Kind::kList, .most = most, .element = std::move(element), .of = {std::move(of)}};
}
JsonShape JsonShape::Map(JsonShape of, std::size_t most_names, std::size_t most_name_bytes) {
  return {.kind = Kind::kMap, .most = most_names, .most_name_bytes = most_name_bytes, .of = {std::move(of)}};
}
JsonShape JsonShape::Object(std::vector<JsonMember> members, bool is_closed) {
  return {.kind = Kind::kObject, .is_closed = is_closed, .members = std::move(members)};
}
JsonShape JsonShape::Either(std::vector<JsonShape> of, std::string refusal) {
  return {.kind = Kind::kEither, .refusal = std::move(refusal), .of = std::move(of)};
}

}  // namespace gfr
