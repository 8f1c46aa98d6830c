#include "registry/registry.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <unordered_map>

#include "base/hash.h"
#include "base/json_text.h"
#include "base/sync.h"
#include "base/time.h"

namespace gfr {
namespace {

constexpr const char* kAliases[] = {"champion", "challenger", "shadow", "canary"};

bool IsVersion(const std::string& name) {
  return !name.empty() && name.size() < 10 && name.find_first_not_of("0123456789") == std::string::npos;
}

// Held from reading an alias until its new list is written, by all registries of one store. A store that is gone leaves
// its mutex to the next one at its address.
Mutex& AliasMutex(const ObjectStore* store) {
  static Mutex guard;
  static std::unordered_map<const ObjectStore*, Mutex> mutexes;
  const MutexLock lock(guard);
  return mutexes[store];
}

Status CheckAlias(const std::string& alias) {
  if (std::ranges::find(kAliases, alias) != std::end(kAliases)) return {};
  return Error{ErrorCode::kInvalidArgument,
               "'" + alias + "' is not an alias; valid are champion, challenger, shadow and canary"};
}

// The version that has each alias now; those that nobody has are left out.
std::map<std::string, std::string> CurrentAliases(Registry& registry, const std::string& name) {
  std::map<std::string, std::string> current;
  for (const char* alias : kAliases) {
    if (auto version = registry.Alias(name, alias); version.ok()) current[alias] = std::move(version).value();
  }
  return current;
}

Registry::Entry EntryOf(const std::string& name, const std::string& version, const std::string& manifest_text,
                        const std::map<std::string, std::string>& aliases) {
  const auto manifest = ParseJson<nlohmann::json>(manifest_text, /*throws=*/false);
  Registry::Entry entry{name, version, false, 0};
  if (!manifest.is_object()) return entry;
  entry.created_ms = manifest.value("created_ms", std::int64_t{0});
  if (const auto lineage = manifest.find("lineage"); lineage != manifest.end() && lineage->is_object()) {
    for (const auto& [key, value] : lineage->items())
      entry.lineage[key] = value.is_string() ? value.get<std::string>() : DumpJson(value);
  }
  for (const char* alias : kAliases) {
    if (const auto at = aliases.find(alias); at != aliases.end() && at->second == version)
      entry.aliases.push_back(alias);
  }
  entry.champion = std::ranges::find(entry.aliases, "champion") != entry.aliases.end();
  return entry;
}

}  // namespace

Error Registry::NotAVersion(const std::string& version) const {
  return {ErrorCode::kInvalidArgument, "'" + version + "' is not a version; see `" + words_.commands + " list`"};
}

Result<std::string> Registry::Register(const std::string& name, const Files& files, const Lineage& lineage,
                                       const std::string& version) {
  if (!version.empty() && !IsVersion(version)) return NotAVersion(version);
  nlohmann::json manifest{{"format", 1},
                          {"name", name},
                          {"created_ms", clock_.now_ms()},
                          {"lineage", lineage},
                          {"files", nlohmann::json::object()}};
  GFR_ASSIGN(const auto names, store_->List(name));
  int last = 0;
  for (const std::string& n : names) {
    if (IsVersion(n)) last = std::max(last, std::stoi(n));
  }
  std::string mine = version.empty() ? std::to_string(last + 1) : version;
  const std::string claim = DumpJson(nlohmann::json{{"created_ms", clock_.now_ms()}});
  for (;;) {  // A number taken by another writer meanwhile is his; unless it was asked for, the next one does.
    if (version.empty() || std::ranges::find(names, mine) == names.end()) {
      const Status claimed = store_->PutIfAbsent(JoinPath(JoinPath(name, mine), "claim"), claim);
      if (claimed.ok()) break;
      if (claimed.error().code != ErrorCode::kAlreadyExists) return claimed.error();
    }
    if (!version.empty())
      return Error{ErrorCode::kAlreadyExists, "version " + version + " of " + words_.thing + " '" + name +
                                                  "' belongs to another writer; versions never change: take another"};
    mine = std::to_string(std::stoi(mine) + 1);
  }
  const std::string folder = JoinPath(name, mine);
  manifest["version"] = mine;
  for (const auto& [file, content] : files) {
    GFR_TRY(store_->Put(JoinPath(folder, file), content));
    manifest["files"][file] = {{"sha256", Sha256Hex(content)}, {"size_bytes", content.size()}};
  }
  GFR_TRY(store_->PutIfAbsent(JoinPath(folder, "manifest.json"), DumpJson(manifest, 1)));
  return mine;
}

Result<Registry::Entry> Registry::Describe(const std::string& name, const std::string& version) {
  if (!IsVersion(version)) return NotAVersion(version);
  const auto text = store_->Get(JoinPath(JoinPath(name, version), "manifest.json"));
  if (text.ok()) return EntryOf(name, version, text.value(), CurrentAliases(*this, name));
  if (text.error().code != ErrorCode::kNotFound) return text.error();
  return Error{ErrorCode::kNotFound, "there is no version '" + version + "' of " + words_.thing + " '" + name +
                                         "'; see `" + words_.commands + " list`"};
}

// An alias has the list of all that had it: it is read once, not for each version.
Result<std::vector<Registry::Entry>> Registry::List(const std::string& name) {
  std::vector<Entry> entries;
  GFR_ASSIGN(const auto names, store_->List(name));
  const auto aliases = CurrentAliases(*this, name);
  for (const std::string& version : names) {
    if (!IsVersion(version)) continue;
    const auto text = store_->Get(JoinPath(JoinPath(name, version), "manifest.json"));
    if (text.ok())
      entries.push_back(EntryOf(name, version, text.value(), aliases));
    else if (text.error().code != ErrorCode::kNotFound)
      return text.error();
  }
  std::ranges::sort(entries, {}, [](const Entry& e) { return std::stoi(e.version); });
  return entries;
}

Result<Registry::Files> Registry::Load(const std::string& name, const std::string& version) {
  if (const auto there = Describe(name, version); !there.ok()) return there.error();
  const std::string folder = JoinPath(name, version);
  GFR_ASSIGN(const std::string text, store_->Get(JoinPath(folder, "manifest.json")));
  const auto manifest = ParseJson<nlohmann::json>(text, /*throws=*/false);
  if (!manifest.is_object() || !manifest.contains("files"))
    return Error{ErrorCode::kCorrupt, "the manifest in '" + store_->Describe() + "/" + folder + "' cannot be read"};
  Files files;
  for (const auto& [file, entry] : manifest["files"].items()) {
    GFR_ASSIGN(files[file], store_->Get(JoinPath(folder, file)));
    if (!entry.is_object() || Sha256Hex(files[file]) != entry.value("sha256", ""))
      return Error{ErrorCode::kCorrupt,
                   "'" + store_->Describe() + "/" + JoinPath(folder, file) + "' is not what its manifest says"};
  }
  return files;
}

Result<std::vector<std::string>> Registry::History(const std::string& name, const std::string& alias) {
  GFR_TRY(CheckAlias(alias));
  const auto text = store_->Get(JoinPath(name, alias + ".json"));
  if (!text.ok() && text.error().code != ErrorCode::kNotFound) return text.error();
  const auto json = text.ok() ? ParseJson<nlohmann::json>(text.value(), /*throws=*/false) : nlohmann::json::array();
  const auto version = [](const nlohmann::json& v) { return v.is_string() && IsVersion(v.get<std::string>()); };
  if (!json.is_array() || !std::ranges::all_of(json, version))
    return Error{ErrorCode::kCorrupt, "'" + store_->Describe() + "/" + JoinPath(name, alias + ".json") +
                                          "' is no list of versions; `" + words_.commands +
                                          " promote VERSION` writes it anew"};
  if (json.empty())
    return Error{ErrorCode::kNotFound, words_.thing + " '" + name + "' has no " + alias + " yet" +
                                           (alias == "champion" ? "; `" + words_.make + "` makes one" : "")};
  return json.get<std::vector<std::string>>();
}

Status Registry::WriteHistory(const std::string& name, const std::string& alias,
                              const std::vector<std::string>& versions) {
  return store_->Put(JoinPath(name, alias + ".json"), DumpJson(nlohmann::json(versions)));
}

Result<std::string> Registry::Alias(const std::string& name, const std::string& alias) {
  GFR_ASSIGN(const auto versions, History(name, alias));
  return versions.back();
}

Status Registry::SetAlias(const std::string& name, const std::string& alias, const std::string& version) {
  GFR_TRY(CheckAlias(alias));
  if (version.empty()) {
    if (alias == "champion")
      return Error{ErrorCode::kInvalidArgument, "the champion can be replaced but not taken away"};
    return WriteHistory(name, alias, {});
  }
  if (const auto files = Load(name, version); !files.ok()) return files.error();
  const MutexLock lock(AliasMutex(store_.get()));
  auto before = History(name, alias);
  // One that cannot be read is written anew; of one that cannot be reached nothing is forgotten.
  if (!before.ok() && before.error().code != ErrorCode::kNotFound && before.error().code != ErrorCode::kCorrupt)
    return before.error();
  std::vector<std::string> versions = before.ok() ? std::move(before).value() : std::vector<std::string>();
  if (versions.empty() || versions.back() != version) versions.push_back(version);
  return WriteHistory(name, alias, versions);
}

Result<std::string> Registry::Champion(const std::string& name) { return Alias(name, "champion"); }

Status Registry::Promote(const std::string& name, const std::string& version) {
  return SetAlias(name, "champion", version);
}

Result<std::string> Registry::Rollback(const std::string& name) {
  const MutexLock lock(AliasMutex(store_.get()));
  GFR_ASSIGN(auto champions, History(name, "champion"));
  if (champions.size() < 2)
    return Error{ErrorCode::kNotFound,
                 words_.thing + " '" + name + "' had no champion before version " + champions.back()};
  champions.pop_back();
  if (const auto files = Load(name, champions.back()); !files.ok()) return files.error();
  GFR_TRY(WriteHistory(name, "champion", champions));
  return champions.back();
}

Status Registry::Lease(const std::string& name, const std::string& holder, const LeaseOf& lease, std::int64_t ttl_ms) {
  nlohmann::json json{
      {"version", lease.version}, {"versions", nlohmann::json::array()}, {"until_ms", clock_.now_ms() + ttl_ms}};
  for (const auto& [version, roles] : lease.versions)
    json["versions"].push_back({{"version", version}, {"roles", roles}});
  return store_->Put(JoinPath(JoinPath(name, "leases"), holder + ".json"), DumpJson(json));
}

namespace {

// The versions that a lease names; false: it cannot be read. Leases of gfr 0.1 name one version.
bool ReadLease(const nlohmann::json& lease, std::vector<std::string>* versions) try {
  versions->push_back(lease.at("version").get<std::string>());
  for (const auto& loaded : lease.value("versions", nlohmann::json::array()))
    versions->push_back(loaded.at("version").get<std::string>());
  return lease.value("until_ms", std::int64_t{0}) >= 0;
} catch (const nlohmann::json::exception&) {
  return false;
}

}  // namespace

Result<std::vector<std::string>> Registry::CollectGarbage(const std::string& name, int keep, bool dry_run,
                                                          const std::set<std::string>& named) {
  const std::int64_t now_ms = clock_.now_ms();
  std::set<std::string> used = named;
  for (const char* alias : kAliases) {
    const auto versions = History(name, alias);
    if (!versions.ok()) {
      if (versions.error().code != ErrorCode::kNotFound) return versions.error();  // Unreadable: remove nothing.
      continue;
    }
    const std::vector<std::string>& all = versions.value();
    const std::size_t kept = alias == std::string_view("champion") ? kChampionsKept : 2;  // Rollbacks go back to them.
    used.insert(all.end() - static_cast<std::ptrdiff_t>(std::min(kept, all.size())), all.end());
  }
  const std::string leases = JoinPath(name, "leases");
  GFR_ASSIGN(const auto holders, store_->List(leases));
  for (const std::string& holder : holders) {
    const auto text = store_->Get(JoinPath(leases, holder));
    if (!text.ok()) return text.error();
    const auto lease = ParseJson<nlohmann::json>(text.value(), /*throws=*/false);
    std::vector<std::string> versions;
    if (!ReadLease(lease, &versions))
      return Error{ErrorCode::kCorrupt, "'" + JoinPath(leases, holder) + "' cannot be read; nothing was removed"};
    if (lease.value("until_ms", std::int64_t{0}) >= now_ms)
      used.insert(versions.begin(), versions.end());
    else if (!dry_run)
      GFR_TRY(store_->Remove(JoinPath(leases, holder)));
  }
  GFR_ASSIGN(const auto entries, List(name));
  for (std::size_t i = 0; i < entries.size(); ++i) {
    if (i + static_cast<std::size_t>(std::max(keep, 1)) >= entries.size()) used.insert(entries[i].version);
  }
  std::vector<std::string> removed;
  GFR_ASSIGN(const auto names, store_->List(name));
  int last = 0;
  for (const std::string& version : names) {
    if (IsVersion(version)) last = std::max(last, std::stoi(version));
  }
  for (const std::string& version : names) {
    if (!IsVersion(version) || used.contains(version)) continue;
    const std::string folder = JoinPath(name, version);
    if (std::ranges::find(entries, version, &Entry::version) == entries.end()) {  // Claimed and not finished.
      const auto claim = store_->Get(JoinPath(folder, "claim"));
      const auto json = claim.ok() ? ParseJson<nlohmann::json>(claim.value(), /*throws=*/false) : nlohmann::json();
      if (!json.is_object() || json.value("created_ms", now_ms) > now_ms - kDayMs || std::stoi(version) == last)
        continue;
    }
    removed.push_back(version);
    if (dry_run) continue;
    GFR_TRY(store_->Remove(JoinPath(folder, "manifest.json")));  // First: from here on it is not there.
    GFR_ASSIGN(const auto files, store_->List(folder));
    for (const std::string& file : files) {
      if (file != "claim") GFR_TRY(store_->Remove(JoinPath(folder, file)));
    }
    GFR_TRY(store_->Remove(JoinPath(folder, "claim")));
  }
  return removed;
}

}  // namespace gfr
