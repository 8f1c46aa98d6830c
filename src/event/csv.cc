#include <algorithm>

#include "base/text_reader.h"
#include "event/import_map.h"
#include "event/importer.h"

namespace gfr {

bool SplitCsv(std::string_view line, std::vector<std::string>* cells) {
  cells->clear();
  std::size_t at = 0;
  for (;;) {
    std::string cell;
    if (at < line.size() && line[at] == '"') {
      for (++at;; ++at) {
        if (at >= line.size()) return false;
        if (line[at] == '"') {
          if (at + 1 >= line.size() || line[at + 1] != '"') break;
          ++at;
        }
        cell += line[at];
      }
      if (++at < line.size() && line[at] != ',') return false;
    } else {
      const std::size_t end = std::min(line.find(',', at), line.size());
      cell = line.substr(at, end - at);
      at = end;
    }
    cells->push_back(std::move(cell));
    if (at >= line.size()) return true;
    ++at;
  }
}

namespace {

constexpr std::size_t kMaxRecordBytes = 16u << 20;

class CsvRows final : public RowSource {
 public:
  explicit CsvRows(std::unique_ptr<TextReader> reader) : reader_(std::move(reader)) {}
  const std::vector<std::string>& columns() const override { return columns_; }
  std::uint64_t line() const override { return record_line_; }

  Result<bool> ReadHeader() {
    GFR_ASSIGN(const bool more, Record());
    columns_ = cells_;
    if (more && !columns_.empty() && columns_[0].starts_with("\xef\xbb\xbf")) columns_[0].erase(0, 3);
    return more;
  }
  Result<bool> Next(std::vector<Cell>* row) override {
    GFR_ASSIGN(const bool more, Record());
    row->clear();
    for (std::string& cell : cells_) row->push_back({.text = std::move(cell)});
    return more;
  }

 private:
  // A record goes on over line ends inside quotes.
  Result<bool> Record() {
    std::string record, line;
    for (bool first = true;; first = false) {
      GFR_ASSIGN(const bool more, reader_->NextLine(&line));
      if (!more && first) return false;
      if (more) ++lines_;
      if (first) record_line_ = lines_;
      record += first ? line : "\n" + line;
      if (SplitCsv(record, &cells_)) return true;
      if (!more || record.size() > kMaxRecordBytes || std::ranges::count(record, '"') % 2 == 0) {
        cells_.clear();  // Rejected by its width, and the rest goes on.
        return true;
      }
    }
  }
  std::unique_ptr<TextReader> reader_;
  std::vector<std::string> columns_, cells_;
  std::uint64_t lines_ = 0, record_line_ = 0;
};

}  // namespace

Result<std::unique_ptr<RowSource>> OpenCsv(const std::string& path) {
  GFR_ASSIGN(auto reader, TextReader::Open(path));
  auto rows = std::make_unique<CsvRows>(std::move(reader));
  GFR_ASSIGN(const bool any, rows->ReadHeader());
  if (!any)
    return Error{ErrorCode::kInvalidArgument, "the file is empty; its first line must name the columns", {path, 1}};
  return std::unique_ptr<RowSource>(std::move(rows));
}

}  // namespace gfr
