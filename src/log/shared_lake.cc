#include "log/shared_lake.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <random>
#include <set>

#include "base/hash.h"
#include "base/json_text.h"

namespace gfr {
namespace {

constexpr const char* kPushed = "_pushed.json";
constexpr const char* kLogId = "_log.json";
constexpr std::size_t kHashDigits = 12;
constexpr int kFetchTries = 5;

struct SharedFile {
  LakeFile range;
  std::string name, sha256;
  std::uint64_t size_bytes = 0;
};

// A date as the store's marker has it.
struct SharedDate {
  bool is_complete = false;
  std::vector<SharedFile> files;
};

std::string ObjectOf(const std::string& date, const std::string& name) {
  return JoinPath(JoinPath(kSharedLakeFolder, kLakeDatePrefix + date), name);
}

std::string NameOf(const LakeFile& range, const std::string& sha256) {
  return fmt::format("{:020}-{:020}-{}.parquet", range.first, range.end, sha256.substr(0, kHashDigits));
}

std::string MarkerText(const SharedDate& date) {
  nlohmann::ordered_json json{
      {"format", 2}, {"partition", 0}, {"complete", date.is_complete}, {"files", nlohmann::ordered_json::array()}};
  for (const SharedFile& f : date.files)
    json["files"].push_back({{"name", f.name},
                             {"first", f.range.first},
                             {"end", f.range.end},
                             {"size_bytes", f.size_bytes},
                             {"sha256", f.sha256}});
  return DumpJson(json, 1) + "\n";
}

bool IsMarkedFile(const nlohmann::json& f) {
  if (!f.is_object()) return false;
  for (const char* number : {"first", "end", "size_bytes"}) {
    if (!f.contains(number) || !f[number].is_number_unsigned()) return false;
  }
  for (const char* text : {"name", "sha256"}) {
    if (!f.contains(text) || !f[text].is_string()) return false;
  }
  return true;
}

// `where`: for messages.
Result<SharedDate> ParseMarker(const std::string& text, const std::string& where) {
  const Error bad{ErrorCode::kCorrupt, "'" + where + "' is no commit marker of a lake"};
  const auto json = ParseJson<nlohmann::json>(text, /*throws=*/false);
  if (!json.is_object() || !json.contains("files") || !json["files"].is_array()) return bad;
  if (!json.contains("format") || !json["format"].is_number_unsigned()) return bad;
  if (json["format"].get<std::uint64_t>() > 2)
    return Error{ErrorCode::kNeedsNewer, "'" + where + "' was written by a newer gfr, which is needed to read it"};
  SharedDate date{.is_complete = json.contains("complete") && json["complete"] == true, .files = {}};
  std::uint64_t from = 0;
  for (const auto& f : json["files"]) {
    if (!IsMarkedFile(f)) return bad;
    SharedFile file{.range = {f["first"].get<std::uint64_t>(), f["end"].get<std::uint64_t>()},
                    .name = f["name"].get<std::string>(),
                    .sha256 = f["sha256"].get<std::string>(),
                    .size_bytes = f["size_bytes"].get<std::uint64_t>()};
    // The name is made of what else is said, so that no marker can name a file elsewhere.
    const bool in_order = file.range.first >= from && file.range.end > file.range.first;
    if (!in_order || file.sha256.size() != 64 || file.name != NameOf(file.range, file.sha256)) return bad;
    from = file.range.end;
    date.files.push_back(std::move(file));
  }
  return date;
}

// What the store had when this folder was last pushed or fetched; none: not known.
std::optional<SharedDate> ReadPushed(FileSystem& fs, const std::string& folder) {
  const auto text = fs.ReadAll(JoinPath(folder, kPushed));
  if (!text.ok()) return std::nullopt;
  auto date = ParseMarker(text.value(), kPushed);
  return date.ok() ? std::optional(std::move(date).value()) : std::nullopt;
}

const SharedFile* FindRange(const SharedDate& date, const LakeFile& range) {
  const auto at = std::ranges::find_if(
      date.files, [&](const SharedFile& f) { return f.range.first == range.first && f.range.end == range.end; });
  return at == date.files.end() ? nullptr : &*at;
}

bool IsPushed(const LakeDate& local, const std::optional<SharedDate>& pushed) {
  return pushed && pushed->is_complete == local.is_complete && pushed->files.size() == local.files.size() &&
         std::ranges::all_of(local.files, [&](const LakeFile& f) { return FindRange(*pushed, f) != nullptr; });
}

Result<std::vector<std::string>> DatesIn(ObjectStore& store) {
  GFR_ASSIGN(auto names, store.List(kSharedLakeFolder));
  std::vector<std::string> dates;
  for (const std::string& name : names) {
    if (name.starts_with(kLakeDatePrefix)) dates.push_back(name.substr(std::string_view(kLakeDatePrefix).size()));
  }
  return dates;
}

class LakePush {
 public:
  LakePush(FileSystem& fs, const std::string& folder, ObjectStore& store) : fs_(fs), folder_(folder), store_(store) {}

  Result<LakeCopied> Run() {
    GFR_ASSIGN(lake_, ReadLake(fs_, folder_));
    std::vector<const LakeDate*> waiting;
    for (const LakeDate& date : lake_) {
      if (!date.files.empty() && !IsPushed(date, ReadPushed(fs_, date.folder(folder_)))) waiting.push_back(&date);
    }
    if (waiting.empty()) return copied_;
    GFR_TRY(ClaimStore());
    GFR_ASSIGN(const auto there, DatesIn(store_));
    GFR_TRY(CheckIsAhead(there));
    for (const LakeDate* date : waiting) GFR_TRY(PushDate(*date));
    // Dates that have no events any more: arrivals were changed (`gfr log drop --ahead`).
    for (const std::string& date : there) {
      if (std::ranges::find(lake_, date, &LakeDate::date) == lake_.end()) GFR_TRY(RemoveAllBut(date, {}));
    }
    return copied_;
  }

 private:
  // The first log that is pushed has the store.
  Status ClaimStore() {
    const std::string path = JoinPath(folder_, kLogId), object = JoinPath(kSharedLakeFolder, kLogId);
    if (!fs_.Exists(path)) {
      std::random_device random;
      const std::string id = fmt::format("{:08x}{:08x}{:08x}{:08x}", random(), random(), random(), random());
      GFR_TRY(PublishFile(fs_, path, "{\"log\": \"" + id + "\"}\n"));
    }
    GFR_ASSIGN(const std::string mine, fs_.ReadAll(path));
    const Status claimed = store_.PutIfAbsent(object, mine);
    if (claimed.ok() || claimed.error().code != ErrorCode::kAlreadyExists) return claimed;
    GFR_ASSIGN(const std::string theirs, store_.Get(object));
    if (theirs == mine) return {};
    return Error{ErrorCode::kInvalidArgument,
                 "'" + store_.Describe() + "/" + kSharedLakeFolder +
                     "' has the lake of another log, which is left as it is: give [store] dir a folder of its own, or "
                     "remove that lake if this log replaces it"};
  }

  // Two machines that push one lake would take turns at destroying it.
  Status CheckIsAhead(const std::vector<std::string>& there) {
    // Only a date that this machine does not know to be as it left it can have more.
    for (const std::string& date : there) {
      const std::string object = ObjectOf(date, kLakeMarker);
      const auto pushed = ReadPushed(fs_, LakeDate{.date = date}.folder(folder_));
      const auto at = std::ranges::find(lake_, date, &LakeDate::date);
      if (at != lake_.end() && IsPushed(*at, pushed)) continue;
      const auto text = store_.Get(object);
      if (!text.ok() && text.error().code == ErrorCode::kNotFound) continue;
      GFR_TRY(text);
      GFR_ASSIGN(SharedDate shared, ParseMarker(text.value(), store_.Describe() + "/" + object));
      for (const SharedFile& f : shared.files) {
        if (MissingIn(lake_, {f.range.first, f.range.end}).empty()) continue;
        return Error{ErrorCode::kInvalidArgument,
                     "'" + store_.Describe() + "/" + object + "' has events up to offset " +
                         std::to_string(f.range.end) +
                         " that this machine's log has not: another machine writes this lake, or this log is an "
                         "older copy; one machine may write it"};
      }
    }
    return {};
  }

  Status PushDate(const LakeDate& local) {
    const auto before = ReadPushed(fs_, local.folder(folder_));
    GFR_ASSIGN(const auto there, store_.List(JoinPath(kSharedLakeFolder, kLakeDatePrefix + local.date)));
    SharedDate date{.is_complete = local.is_complete, .files = {}};
    for (const LakeFile& range : local.files) {
      if (const SharedFile* known = before ? FindRange(*before, range) : nullptr) {
        date.files.push_back(*known);
        continue;
      }
      GFR_ASSIGN(const std::string content, fs_.ReadAll(local.path(folder_, range)));
      SharedFile file{.range = range, .name = {}, .sha256 = Sha256Hex(content), .size_bytes = content.size()};
      file.name = NameOf(range, file.sha256);
      if (std::ranges::find(there, file.name) == there.end()) {
        GFR_TRY(store_.Put(ObjectOf(local.date, file.name), content));
        ++copied_.files;
        copied_.bytes += content.size();
      }
      date.files.push_back(std::move(file));
    }
    const std::string text = MarkerText(date);
    GFR_TRY(store_.Put(ObjectOf(local.date, kLakeMarker), text));
    // What is not removed now, for a crash, must not be forgotten: it may be what an erasure took out.
    GFR_TRY(RemoveAllBut(local.date, date.files));
    ++copied_.dates;
    return PublishFile(fs_, JoinPath(local.folder(folder_), kPushed), text);
  }

  // Removes what the store has of a date; with no `files`, its marker first.
  Status RemoveAllBut(const std::string& date, const std::vector<SharedFile>& files) {
    if (files.empty()) GFR_TRY(store_.Remove(ObjectOf(date, kLakeMarker)));
    GFR_ASSIGN(const auto names, store_.List(JoinPath(kSharedLakeFolder, kLakeDatePrefix + date)));
    for (const std::string& name : names) {
      if (name == kLakeMarker || std::ranges::find(files, name, &SharedFile::name) != files.end()) continue;
      GFR_TRY(store_.Remove(ObjectOf(date, name)));
    }
    return {};
  }

  FileSystem& fs_;
  const std::string& folder_;
  ObjectStore& store_;
  std::vector<LakeDate> lake_;
  LakeCopied copied_;
};

class LakeFetch {
 public:
  LakeFetch(FileSystem& fs, const std::string& folder, ObjectStore& store) : fs_(fs), folder_(folder), store_(store) {}

  Result<LakeCopied> Run() {
    GFR_ASSIGN(const auto dates, DatesIn(store_));
    GFR_ASSIGN(const auto here, ReadLake(fs_, folder_));
    for (const LakeDate& date : here) {
      if (std::ranges::find(dates, date.date) == dates.end()) GFR_TRY(fs_.RemoveTree(date.folder(folder_)));
    }
    if (dates.empty()) return copied_;
    GFR_ASSIGN(const std::string id, store_.Get(JoinPath(kSharedLakeFolder, kLogId)));
    GFR_TRY(fs_.MakeFolders(folder_));
    for (const std::string& date : dates) {
      // A file that is gone was replaced, and the marker with it.
      Status fetched = FetchDate({.date = date});
      for (int attempt = 1; attempt < kFetchTries && IsGone(fetched); ++attempt) fetched = FetchDate({.date = date});
      GFR_TRY(fetched);
    }
    GFR_TRY(PublishFile(fs_, JoinPath(folder_, kLogId), id));
    return copied_;
  }

 private:
  static bool IsGone(const Status& status) { return !status.ok() && status.error().code == ErrorCode::kNotFound; }

  Status FetchDate(LakeDate local) {
    const std::string object = ObjectOf(local.date, kLakeMarker), folder = local.folder(folder_);
    const auto text = store_.Get(object);
    if (!text.ok() && text.error().code == ErrorCode::kNotFound)
      return fs_.RemoveTree(folder);  // A push that was cut off, or a date that moved.
    GFR_TRY(text);
    GFR_ASSIGN(const SharedDate shared, ParseMarker(text.value(), store_.Describe() + "/" + object));
    GFR_TRY(fs_.MakeFolders(folder));
    const auto before = ReadPushed(fs_, folder);
    GFR_TRY(ForgetPushed(fs_, folder_, local));
    local.is_complete = shared.is_complete;
    for (const SharedFile& f : shared.files) {
      local.files.push_back(f.range);
      const SharedFile* had = before ? FindRange(*before, f.range) : nullptr;
      const std::string path = local.path(folder_, f.range);
      if (had == nullptr || had->name != f.name || !fs_.Exists(path)) GFR_TRY(FetchFile(local.date, f, path));
    }
    GFR_TRY(CommitDate(fs_, folder_, local));
    GFR_TRY(RemoveReplaced(local));
    ++copied_.dates;
    return PublishFile(fs_, JoinPath(folder, kPushed), text.value());
  }

  Status FetchFile(const std::string& date, const SharedFile& file, const std::string& path) {
    const std::string object = ObjectOf(date, file.name);
    GFR_ASSIGN(const std::string content, store_.Get(object));
    if (content.size() != file.size_bytes || Sha256Hex(content) != file.sha256)
      return Error{ErrorCode::kCorrupt, "'" + store_.Describe() + "/" + object + "' is not what its marker says"};
    ++copied_.files;
    copied_.bytes += content.size();
    return PublishFile(fs_, path, content);
  }

  Status RemoveReplaced(const LakeDate& local) {
    std::set<std::string> names;
    for (const LakeFile& f : local.files) names.insert(f.name());
    GFR_ASSIGN(const auto there, fs_.List(local.folder(folder_)));
    for (const std::string& name : there) {
      if (name.ends_with(".parquet") && !names.contains(name))
        GFR_TRY(fs_.Remove(JoinPath(local.folder(folder_), name)));
    }
    return {};
  }

  FileSystem& fs_;
  const std::string& folder_;
  ObjectStore& store_;
  LakeCopied copied_;
};

}  // namespace

Result<LakeCopied> PushLake(FileSystem& fs, const std::string& lake_folder, ObjectStore& store) {
  return LakePush(fs, lake_folder, store).Run();
}

Result<LakeCopied> FetchLake(FileSystem& fs, const std::string& lake_folder, ObjectStore& store) {
  return LakeFetch(fs, lake_folder, store).Run();
}

Status ForgetPushed(FileSystem& fs, const std::string& lake_folder, const LakeDate& date) {
  const std::string folder = date.folder(lake_folder), path = JoinPath(folder, kPushed);
  if (!fs.Exists(path)) return {};
  GFR_TRY(fs.Remove(path));
  return fs.SyncDirectory(folder);
}

}  // namespace gfr
