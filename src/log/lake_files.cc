#include "log/lake_files.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/json_text.h"

namespace gfr {
namespace {

Error BadMarker(const std::string& path) { return {ErrorCode::kCorrupt, "is no commit marker of the lake", {path, 0}}; }

Result<LakeDate> ReadMarker(const std::string& text, const std::string& date, const std::string& path) {
  const auto json = ParseJson<nlohmann::json>(text, /*throws=*/false);
  if (!json.is_object() || !json.contains("files") || !json["files"].is_array()) return BadMarker(path);
  if (json.value("format", 0) > 2)
    return Error{ErrorCode::kNeedsNewer, "the lake was written by a newer gfr, which is needed to read it", {path, 0}};
  LakeDate read{.date = date, .is_complete = json.contains("complete") && json["complete"] == true, .files = {}};
  for (const auto& file : json["files"]) {
    if (!file.is_object() || !file.contains("first") || !file["first"].is_number_unsigned() || !file.contains("end") ||
        !file["end"].is_number_unsigned())
      return BadMarker(path);
    read.files.push_back({file["first"].get<std::uint64_t>(), file["end"].get<std::uint64_t>()});
    const LakeFile& last = read.files.back();
    if (last.end <= last.first || (read.files.size() > 1 && read.files.end()[-2].end > last.first))
      return BadMarker(path);
  }
  return read;
}

}  // namespace

std::string LakeFile::name() const { return fmt::format("{:020}-{:020}.parquet", first, end); }

std::string LakeDate::folder(const std::string& lake_folder) const {
  return JoinPath(lake_folder, kLakeDatePrefix + date);
}

std::string LakeDate::path(const std::string& lake_folder, const LakeFile& file) const {
  return JoinPath(folder(lake_folder), file.name());
}

Result<std::vector<LakeDate>> ReadLake(FileSystem& fs, const std::string& lake_folder) {
  std::vector<LakeDate> dates;
  GFR_ASSIGN(const auto names, fs.List(lake_folder));
  for (const std::string& name : names) {
    if (!name.starts_with(kLakeDatePrefix)) continue;
    const std::string path = JoinPath(JoinPath(lake_folder, name), kLakeMarker);
    if (!fs.Exists(path)) continue;
    GFR_ASSIGN(const std::string text, fs.ReadAll(path));
    GFR_ASSIGN(LakeDate date, ReadMarker(text, name.substr(std::string(kLakeDatePrefix).size()), path));
    dates.push_back(std::move(date));
  }
  return dates;
}

Status CommitDate(FileSystem& fs, const std::string& lake_folder, const LakeDate& date) {
  const std::string folder = date.folder(lake_folder), path = JoinPath(folder, kLakeMarker);
  if (date.files.empty()) {
    GFR_TRY(fs.Remove(path));
    return fs.SyncDirectory(folder);
  }
  nlohmann::ordered_json json{
      {"format", 2}, {"partition", 0}, {"complete", date.is_complete}, {"files", nlohmann::ordered_json::array()}};
  for (const LakeFile& file : date.files)
    json["files"].push_back({{"name", file.name()}, {"first", file.first}, {"end", file.end}});
  return PublishFile(fs, path, DumpJson(json, 1) + "\n");
}

std::vector<OffsetRange> MissingIn(const std::vector<LakeDate>& lake, const OffsetRange& range) {
  std::vector<OffsetRange> missing;
  std::uint64_t at = range.begin;
  // Arrival never goes back, so that dates are in order of offset as their files are.
  for (const LakeDate& date : lake) {
    for (const LakeFile& file : date.files) {
      if (file.end <= at) continue;
      if (file.first >= range.end) break;
      if (file.first > at) missing.push_back({at, file.first});
      at = std::max(at, file.end);
    }
  }
  if (at < range.end) missing.push_back({at, range.end});
  return missing;
}

}  // namespace gfr
