#include "model/name_columns.h"

#include <cstdint>
#include <set>
#include <string_view>

namespace gfr {
namespace {

// An integer of UBJSON: 'L' and eight bytes, the highest first.
std::string Length(std::uint64_t value) {
  std::string bytes = "L";
  for (int shift = 56; shift >= 0; shift -= 8) bytes += static_cast<char>(value >> static_cast<unsigned>(shift));
  return bytes;
}

// Where `what` is, if it is there once; npos.
std::size_t FindOnce(std::string_view in, std::string_view what) {
  const std::size_t at = in.find(what);
  return at == std::string_view::npos || in.find(what, at + 1) == std::string_view::npos ? at : std::string_view::npos;
}

void NameXgboost(const std::vector<std::string>& names, std::string* forest) {
  constexpr std::string_view kKey = "feature_names";
  const std::string key = Length(kKey.size()).append(kKey) + "[#", none = key + Length(0);
  const std::size_t at = FindOnce(*forest, none);
  if (at == std::string::npos) return;
  std::string list = key + Length(names.size());
  for (const std::string& name : names) list.append("S").append(Length(name.size())).append(name);
  forest->replace(at, none.size(), list);
}

std::string LightgbmName(std::string name) {
  for (char& c : name) {
    if (static_cast<unsigned char>(c) <= ' ' || std::string_view("\"[]{}:,").find(c) != std::string_view::npos) c = '_';
  }
  return name;
}

void NameLightgbm(const std::vector<std::string>& names, std::string* forest) {
  std::string numbered = "\nfeature_names=", named = numbered;
  for (std::size_t k = 0; k < names.size(); ++k) {
    const char* const between = k == 0 ? "" : " ";
    numbered.append(between).append("Column_").append(std::to_string(k));
    named.append(between).append(LightgbmName(names[k]));
  }
  numbered += "\n";
  named += "\n";
  if (const std::size_t at = FindOnce(*forest, numbered); at != std::string::npos)
    forest->replace(at, numbered.size(), named);
}

}  // namespace

std::string NameColumns(std::string forest, Forest::Engine engine, const std::vector<std::string>& names) {
  std::set<std::string> different;
  for (const std::string& name : names) different.insert(LightgbmName(name));
  if (different.size() < names.size()) return forest;
  engine == Forest::Engine::kXgboost ? NameXgboost(names, &forest) : NameLightgbm(names, &forest);
  return forest;
}

}  // namespace gfr
