#include "operations/import_files.h"

#include <algorithm>
#include <array>
#include <optional>

#include "base/file_system.h"
#include "base/text_encoding.h"
#include "event/guess_map.h"
#include "event/map_rows.h"
#include "table/parquet_rows.h"

namespace gfr {
namespace {

// The format that a file's name says; empty: none.
std::string FormatOf(std::string name) {
  for (const std::string_view packed : {".xz", ".gz", ".zst"}) {
    if (name.ends_with(packed)) name.resize(name.size() - packed.size());
  }
  if (name.ends_with(".parquet")) return "parquet";
  if (name.ends_with(".ndjson") || name.ends_with(".jsonl") || name.ends_with(".json")) return "ndjson";
  if (name.ends_with(".csv") || name.ends_with(".tsv")) return "csv";
  return "";
}

Result<ImportMap> ReadMap(const std::string& path) {
  const auto text = PosixFileSystem().ReadAll(path);
  if (!text.ok()) return Error{ErrorCode::kInvalidArgument, "the map cannot be read: " + text.error().message};
  return ImportMap::Parse(text.value(), path);
}

Result<std::uint64_t> HashOf(const std::string& path) {
  GFR_ASSIGN(const auto file, PosixFileSystem().OpenForRead(path));
  std::uint64_t hash = 0, offset = 0;
  for (;;) {
    GFR_ASSIGN(const std::string bytes, file->Read(offset, 4u << 20));
    if (bytes.empty()) return hash;
    hash = Hash64(bytes.data(), bytes.size(), hash);
    offset += bytes.size();
  }
}

// Files read before, to tell those of equal bytes. Only files of one size are read for it.
class FilesBefore {
 public:
  // The file before with the bytes of `path` and its map; empty: none.
  Result<std::string> Same(const std::string& path, const std::string& map) {
    GFR_ASSIGN(const auto file, PosixFileSystem().OpenForRead(path));
    GFR_ASSIGN(const std::uint64_t bytes, file->size());
    Before now{path, map, bytes, {}};
    for (Before& before : files_) {
      if (before.map != map || before.bytes != bytes) continue;
      for (Before* b : {&before, &now}) {
        if (b->hash) continue;
        GFR_ASSIGN(b->hash, HashOf(b->path));
      }
      if (before.hash == now.hash) return before.path;
    }
    files_.push_back(std::move(now));
    return std::string();
  }

 private:
  struct Before {
    std::string path, map;
    std::uint64_t bytes;
    std::optional<std::uint64_t> hash;
  };
  std::vector<Before> files_;
};

// Whether the header and the rows that a guess looks at are UTF-8 (or UTF-16, which is read as it).
Result<bool> IsUtf8File(const std::string& file, const CsvFormat& format) {
  GFR_ASSIGN(const auto rows, OpenCsv(file, format));
  if (!std::ranges::all_of(rows->columns(), IsUtf8)) return false;
  std::vector<Cell> row;
  for (std::size_t n = 0; n < kGuessRows; ++n) {
    GFR_ASSIGN(const bool more, rows->Next(&row));
    if (!more) break;
    if (!std::ranges::all_of(row, [](const Cell& cell) { return IsUtf8(cell.text); })) return false;
  }
  return true;
}

}  // namespace

Result<std::vector<ImportInput>> ParseInputs(const std::string& format, const std::vector<std::string>& files,
                                             const std::string& map) {
  constexpr std::array<std::string_view, 4> kFormats = {"trivago", "ndjson", "csv", "parquet"};
  if (std::ranges::find(kFormats, format) == kFormats.end())
    return Error{ErrorCode::kInvalidArgument, "format is '" + format + "'; valid are trivago, ndjson, csv and parquet"};
  std::vector<ImportInput> inputs;
  bool map_is_used = false;
  for (const std::string& argument : files) {
    ImportInput input{.format = format, .file = argument, .map = map};
    const std::size_t colon = argument.rfind(':');
    const bool names_map = colon != std::string::npos && argument.ends_with(".toml");
    if (names_map) {
      input.file = argument.substr(0, colon);
      input.map = argument.substr(colon + 1);
    }
    const bool is_table = format == "csv" || format == "parquet";
    if (const std::string named = is_table ? FormatOf(input.file) : ""; !named.empty()) input.format = named;
    if (input.format == "csv" || input.format == "parquet") {
      if (input.map.empty())
        return Error{ErrorCode::kInvalidArgument, "import " + format +
                                                      " needs --map map.toml, or FILE:MAP.toml, which "
                                                      "says what each column is; `gfr import guess FILE` proposes one"};
      map_is_used = map_is_used || !names_map;
    } else {
      if (names_map)
        return Error{ErrorCode::kInvalidArgument, "'" + input.file + "' is read as " + input.format +
                                                      ", which has no map; maps are of csv and parquet"};
      input.map.clear();
    }
    inputs.push_back(std::move(input));
  }
  if (!map.empty() && !map_is_used)
    return Error{ErrorCode::kInvalidArgument,
                 "--map " + map + " is of none of the files: " +
                     (format == "csv" || format == "parquet" ? "each has a map of its own, or is ndjson"
                                                             : format + " has no map; maps are of csv and parquet")};
  return inputs;
}

Status ReadInputs(const std::vector<ImportInput>& inputs, const ImportSettings& settings, const ImportSink& sink,
                  ImportReport* report) {
  FilesBefore files;
  for (const ImportInput& input : inputs) {
    if (input.format == "trivago") {
      GFR_TRY(ImportTrivago(input.file, settings, sink, report));
      continue;
    }
    if (input.format == "ndjson") {
      GFR_TRY(ImportNdjson(input.file, settings, sink, report));
      continue;
    }
    GFR_ASSIGN(const ImportMap map, ReadMap(input.map));
    if (inputs.size() > 1 && !map.columns.contains("id")) {
      GFR_ASSIGN(const std::string before, files.Same(input.file, input.map));
      if (!before.empty()) {
        report->skipped_files.push_back(input.file + " has the bytes of " + before);
        continue;
      }
    }
    GFR_ASSIGN(const auto rows,
               input.format == "csv" ? OpenCsv(input.file, map.csv) : OpenParquet(input.file, map.Columns()));
    GFR_TRY(ImportRows(*rows, input.file, map, settings, sink, report));
  }
  return {};
}

Result<std::string> GuessMapOf(const std::string& file) {
  if (FormatOf(file) == "ndjson")
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("{} holds JSON, of which there are no maps: `gfr import ndjson` reads the events of POST "
                             "/v1/events, one a line; other objects are to be made CSV or Parquet",
                             file)};
  if (FormatOf(file) == "parquet") {
    GFR_ASSIGN(const auto columns, ParquetColumns(file));
    GFR_ASSIGN(const auto rows, OpenParquet(file, columns));
    return GuessMap(*rows, columns, file);
  }
  CsvFormat format;
  for (const char* common : {"timestamp", "time", "ts", "event_time", "user_id", "userId", "session_id", "sessionId",
                             "item_id", "itemId", "product_id", "event", "event_type", "action", "type", "price"})
    format.wanted.emplace_back(common);
  GFR_ASSIGN(const bool is_utf8, IsUtf8File(file, format));
  if (!is_utf8) format.encoding = "windows-1252";
  GFR_ASSIGN(const auto rows, OpenCsv(file, format));
  return GuessMap(*rows, rows->columns(), file, format.encoding);
}

}  // namespace gfr
