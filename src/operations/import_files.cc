#include "operations/import_files.h"

#include <algorithm>
#include <array>

#include "base/file_system.h"
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
  if (name.ends_with(".ndjson") || name.ends_with(".jsonl")) return "ndjson";
  if (name.ends_with(".csv") || name.ends_with(".tsv")) return "csv";
  return "";
}

Result<ImportMap> ReadMap(const std::string& path) {
  const auto text = PosixFileSystem().ReadAll(path);
  if (!text.ok()) return Error{ErrorCode::kInvalidArgument, "the map cannot be read: " + text.error().message};
  return ImportMap::Parse(text.value(), path);
}

// A hash of a file's bytes, and how many there are.
Result<std::pair<std::uint64_t, std::uint64_t>> Fingerprint(const std::string& path) {
  GFR_ASSIGN(const auto file, PosixFileSystem().OpenForRead(path));
  std::uint64_t hash = 0, offset = 0;
  for (;;) {
    GFR_ASSIGN(const std::string bytes, file->Read(offset, 4u << 20));
    if (bytes.empty()) return std::pair(hash, offset);
    hash = Hash64(bytes.data(), bytes.size(), hash);
    offset += bytes.size();
  }
}

}  // namespace

Result<std::vector<ImportInput>> ParseInputs(const std::string& format, const std::vector<std::string>& files,
                                             const std::string& map) {
  constexpr std::array<std::string_view, 4> kFormats = {"trivago", "ndjson", "csv", "parquet"};
  if (std::ranges::find(kFormats, format) == kFormats.end())
    return Error{ErrorCode::kInvalidArgument, "format is '" + format + "'; valid are trivago, ndjson, csv and parquet"};
  std::vector<ImportInput> inputs;
  for (const std::string& argument : files) {
    ImportInput input{.format = format, .file = argument, .map = map};
    const std::size_t colon = argument.rfind(':');
    if (colon != std::string::npos && argument.ends_with(".toml")) {
      input.file = argument.substr(0, colon);
      input.map = argument.substr(colon + 1);
    }
    if (format == "csv" || format == "parquet") {
      if (const std::string named = FormatOf(input.file); !named.empty()) input.format = named;
      if (input.format != "ndjson" && input.map.empty())
        return Error{ErrorCode::kInvalidArgument, "import " + format +
                                                      " needs --map map.toml, or FILE:MAP.toml, which "
                                                      "says what each column is; `gfr import guess FILE` proposes one"};
    }
    inputs.push_back(std::move(input));
  }
  return inputs;
}

Status ReadInputs(const std::vector<ImportInput>& inputs, const ImportSettings& settings, const ImportSink& sink,
                  ImportReport* report) {
  std::map<std::tuple<std::uint64_t, std::uint64_t, std::string>, std::string> read;  // Hash, size and map -> file.
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
      GFR_ASSIGN(const auto fingerprint, Fingerprint(input.file));
      const auto [before, is_new] = read.try_emplace({fingerprint.first, fingerprint.second, input.map}, input.file);
      if (!is_new) {
        report->skipped_files.push_back(input.file + " has the bytes of " + before->second);
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
  if (FormatOf(file) == "parquet") {
    GFR_ASSIGN(const auto columns, ParquetColumns(file));
    GFR_ASSIGN(const auto rows, OpenParquet(file, columns));
    return GuessMap(*rows, columns, file);
  }
  CsvFormat format;
  for (const char* common : {"timestamp", "time", "ts", "event_time", "user_id", "userId", "session_id", "sessionId",
                             "item_id", "itemId", "product_id", "event", "event_type", "action", "type", "price"})
    format.wanted.emplace_back(common);
  GFR_ASSIGN(const auto rows, OpenCsv(file, format));
  return GuessMap(*rows, rows->columns(), file);
}

}  // namespace gfr
