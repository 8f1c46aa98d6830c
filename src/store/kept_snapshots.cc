#include "store/kept_snapshots.h"

#include <algorithm>

#include "base/time.h"

namespace gfr {
namespace {

constexpr std::string_view kUnfinished = ".tmp";  // What Snapshot::Write leaves when it is interrupted.

}  // namespace

Result<std::vector<std::string>> ListKeptSnapshots(FileSystem& fs, const std::string& folder) {
  GFR_ASSIGN(std::vector<std::string> names, fs.List(folder));
  std::erase_if(names, [](const std::string& name) { return name.ends_with(kUnfinished); });
  std::ranges::reverse(names);  // Dates sort by time.
  for (std::string& name : names) name = JoinPath(folder, name);
  return names;
}

Status KeepSnapshot(FileSystem& fs, const std::string& folder, std::size_t count, const Snapshot& snapshot) {
  if (count > 0 && snapshot.instant().next_offset > 0) {
    const std::string path = JoinPath(folder, FormatDate(snapshot.instant().last_arrival_ms));
    if (!fs.Exists(path)) {
      GFR_TRY(fs.MakeFolders(folder));
      GFR_ASSIGN(const auto names, fs.List(folder));
      for (const std::string& name : names) {
        if (name.ends_with(kUnfinished)) GFR_TRY(fs.Remove(JoinPath(folder, name)));
      }
      GFR_TRY(snapshot.Write(fs, path));
    }
  }
  GFR_ASSIGN(const auto kept, ListKeptSnapshots(fs, folder));
  for (std::size_t i = count; i < kept.size(); ++i) GFR_TRY(fs.Remove(kept[i]));
  return {};
}

Result<std::vector<std::string>> RemoveKeptSnapshots(FileSystem& fs, const std::string& folder,
                                                     std::uint64_t from_offset, bool dry_run) {
  GFR_ASSIGN(const auto names, fs.List(folder));
  std::vector<std::string> removed;
  for (const std::string& name : names) {
    const std::string path = JoinPath(folder, name);
    const auto instant = ReadSnapshotInstant(fs, path);
    if (instant.ok() && static_cast<std::uint64_t>(instant.value().next_offset) <= from_offset) continue;
    removed.push_back(path);
    if (!dry_run) GFR_TRY(fs.Remove(path));
  }
  return removed;
}

}  // namespace gfr
