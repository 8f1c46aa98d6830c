#include "registry/registry.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/hash.h"

namespace gfr {
namespace {

bool IsVersion(const std::string& name) {
  return !name.empty() && name.size() < 10 && name.find_first_not_of("0123456789") == std::string::npos;
}

}  // namespace

Result<std::string> Registry::Register(const std::string& name, const std::map<std::string, std::string>& files) {
  const std::string folder = JoinPath(folder_, name);
  GFR_TRY(fs_.MakeFolders(folder));
  GFR_ASSIGN(const auto names, fs_.List(folder));
  int last = 0;
  for (const std::string& n : names) {
    if (IsVersion(n)) last = std::max(last, std::stoi(n));
  }
  const std::string version = std::to_string(last + 1), beside = JoinPath(folder, version + ".tmp");
  GFR_TRY(fs_.RemoveTree(beside));
  GFR_TRY(fs_.MakeFolders(beside));
  nlohmann::json manifest{{"format", 1},
                          {"name", name},
                          {"version", version},
                          {"created_ms", clock_.now_ms()},
                          {"files", nlohmann::json::object()}};
  for (const auto& [file, content] : files) {
    GFR_TRY(PublishFile(fs_, JoinPath(beside, file), content));
    manifest["files"][file] = {{"sha256", Sha256Hex(content)}, {"size_bytes", content.size()}};
  }
  GFR_TRY(PublishFile(fs_, JoinPath(beside, "manifest.json"), manifest.dump(1)));
  GFR_TRY(fs_.Rename(beside, JoinPath(folder, version)));
  GFR_TRY(fs_.SyncDirectory(folder));
  return version;
}

Result<std::vector<Registry::Entry>> Registry::List(const std::string& name) {
  std::vector<Entry> entries;
  const auto champion = Champion(name);
  GFR_ASSIGN(const auto names, fs_.List(JoinPath(folder_, name)));
  for (const std::string& version : names) {
    if (!IsVersion(version)) continue;
    const auto text = fs_.ReadAll(JoinPath(JoinPath(JoinPath(folder_, name), version), "manifest.json"));
    if (!text.ok()) continue;
    const auto manifest = nlohmann::json::parse(text.value(), nullptr, false);
    entries.push_back({name, version, champion.ok() && champion.value() == version,
                       manifest.is_object() ? manifest.value("created_ms", std::int64_t{0}) : 0});
  }
  std::ranges::sort(entries, {}, [](const Entry& e) { return std::stoi(e.version); });
  return entries;
}

Result<std::map<std::string, std::string>> Registry::Load(const std::string& name, const std::string& version) {
  if (!IsVersion(version))
    return Error{ErrorCode::kInvalidArgument, "'" + version + "' is not a version; see `gfr models list`"};
  const std::string folder = JoinPath(JoinPath(folder_, name), version);
  const auto text = fs_.ReadAll(JoinPath(folder, "manifest.json"));
  if (!text.ok())
    return Error{ErrorCode::kNotFound,
                 "there is no version '" + version + "' of model '" + name + "'; see `gfr models list`"};
  const auto manifest = nlohmann::json::parse(text.value(), nullptr, false);
  if (!manifest.is_object() || !manifest.contains("files"))
    return Error{ErrorCode::kCorrupt, "the manifest in '" + folder + "' cannot be read"};
  std::map<std::string, std::string> files;
  for (const auto& [file, entry] : manifest["files"].items()) {
    GFR_ASSIGN(files[file], fs_.ReadAll(JoinPath(folder, file)));
    if (Sha256Hex(files[file]) != entry.value("sha256", "")) {
      return Error{ErrorCode::kCorrupt, "'" + JoinPath(folder, file) + "' is not what its manifest says"};
    }
  }
  return files;
}

Result<std::vector<std::string>> Registry::Aliases(const std::string& name) {
  const auto text = fs_.ReadAll(JoinPath(JoinPath(folder_, name), "champion.json"));
  if (!text.ok()) return Error{ErrorCode::kNotFound, "model '" + name + "' has no champion yet; `gfr train` makes one"};
  const auto json = nlohmann::json::parse(text.value(), nullptr, false);
  if (!json.is_array() || json.empty())
    return Error{ErrorCode::kCorrupt, "champion.json of model '" + name + "' cannot be read"};
  return json.get<std::vector<std::string>>();
}

Status Registry::WriteAliases(const std::string& name, const std::vector<std::string>& champions) {
  return PublishFile(fs_, JoinPath(JoinPath(folder_, name), "champion.json"), nlohmann::json(champions).dump());
}

Result<std::string> Registry::Champion(const std::string& name) {
  GFR_ASSIGN(const auto champions, Aliases(name));
  return champions.back();
}

Status Registry::Promote(const std::string& name, const std::string& version) {
  if (const auto files = Load(name, version); !files.ok()) return files.error();
  const auto before = Aliases(name);
  std::vector<std::string> champions = before.ok() ? before.value() : std::vector<std::string>();
  if (champions.empty() || champions.back() != version) champions.push_back(version);
  return WriteAliases(name, champions);
}

Result<std::string> Registry::Rollback(const std::string& name) {
  GFR_ASSIGN(auto champions, Aliases(name));
  if (champions.size() < 2)
    return Error{ErrorCode::kNotFound, "model '" + name + "' had no champion before version " + champions.back()};
  champions.pop_back();
  GFR_TRY(WriteAliases(name, champions));
  return champions.back();
}

}  // namespace gfr
