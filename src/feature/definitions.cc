#include "feature/definitions.h"

#include <nlohmann/json.hpp>

#include "base/hex.h"

namespace gfr {
namespace {

std::string PathOf(const std::string& folder, std::uint64_t fingerprint) {
  return JoinPath(folder, HexText(fingerprint) + ".json");
}

}  // namespace

Status WriteDefinitions(FileSystem& fs, const std::string& folder, const FeatureSet& features) {
  nlohmann::ordered_json json{{"format", 1}, {"columns", nlohmann::ordered_json::array()}};
  for (const BoundFeature& f : features.features) {
    const FeatureSpec& spec = f.view->spec();
    json["columns"].push_back({{"name", spec.name}, {"fingerprint", HexText(spec.fingerprint)}});
  }
  GFR_TRY(fs.MakeFolders(folder));
  for (const std::uint64_t fingerprint : {features.fingerprint, features.old_fingerprint}) {
    const std::string path = PathOf(folder, fingerprint);
    if (!fs.Exists(path)) GFR_TRY(PublishFile(fs, path, json.dump(1)));
  }
  return {};
}

Result<std::vector<NamedFingerprint>> ReadDefinitions(FileSystem& fs, const std::string& folder,
                                                      std::uint64_t set_fingerprint) try {
  const std::string path = PathOf(folder, set_fingerprint);
  if (!fs.Exists(path)) return Error{ErrorCode::kNotFound, "there is no file of these definitions", {path, 0}};
  GFR_ASSIGN(const std::string text, fs.ReadAll(path));
  const auto json = nlohmann::json::parse(text);
  if (json.at("format") != 1)
    return Error{ErrorCode::kInvalidArgument, "is of a format that this gfr does not read; valid is 1", {path, 0}};
  std::vector<NamedFingerprint> columns;
  for (const auto& column : json.at("columns")) {
    GFR_ASSIGN(const std::uint64_t fingerprint, ParseHex(column.at("fingerprint").get<std::string>()));
    columns.push_back({column.at("name").get<std::string>(), fingerprint});
  }
  return columns;
} catch (const std::exception& e) {
  return Error{ErrorCode::kCorrupt,
               "the definitions cannot be read: " + std::string(e.what()),
               {PathOf(folder, set_fingerprint), 0}};
}

}  // namespace gfr
