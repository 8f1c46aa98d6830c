#include "event/csv.h"

#include <algorithm>
#include <deque>
#include <optional>

#include "base/text_reader.h"

namespace gfr {
namespace {

// How far a quoted cell may go.
constexpr std::size_t kMaxRecordBytes = 16u << 20;

// Reads the cells of one record from lines that `Line(i)` gives (i from 0; null: there are no more).
template <typename Line>
class RecordParser {
 public:
  enum class End { kWhole, kNotClosed, kTextBehindQuote };

  // `skip_blanks`: those before a cell are left out.
  RecordParser(const CsvFormat& format, bool skip_blanks, const Line& line, std::vector<std::string>* cells)
      : format_(format), skip_blanks_(skip_blanks), line_(line), cells_(*cells) {}

  std::size_t lines() const { return index_ + 1; }  // That were looked at.

  // REQUIRES: there is a line 0.
  End Parse() {
    text_ = line_(0);
    const End end = ParseCells();
    cells_.resize(count_);
    return end;
  }

 private:
  // Into the strings of the record before, whose memory stays.
  End ParseCells() {
    for (;;) {
      if (count_ == cells_.size()) cells_.emplace_back();
      std::string& cell = cells_[count_];
      cell.clear();
      if (skip_blanks_) at_ = std::min(text_->find_first_not_of(' ', at_), text_->size());
      if (format_.quote != '\0' && at_ < text_->size() && (*text_)[at_] == format_.quote) {
        ++at_;
        if (!Quoted(&cell)) return End::kNotClosed;
        // Blanks between a closing quote and the delimiter are nobody's text.
        const std::size_t behind = std::min(text_->find_first_not_of(' ', at_), text_->size());
        if (behind < text_->size() && (*text_)[behind] != format_.delimiter) return End::kTextBehindQuote;
        at_ = behind;
      } else {
        const std::size_t end = std::min(text_->find(format_.delimiter, at_), text_->size());
        cell.assign(*text_, at_, end - at_);
        at_ = end;
      }
      ++count_;
      if (at_ >= text_->size()) return End::kWhole;
      ++at_;
    }
  }
  // Behind an opening quote, to behind the closing one. A line end belongs to the text.
  bool Quoted(std::string* cell) {
    const char stops[] = {format_.quote, '\\', '\0'};
    for (std::size_t bytes = 0;;) {
      const std::size_t stop = format_.backslash ? text_->find_first_of(stops, at_) : text_->find(format_.quote, at_);
      if (stop == std::string::npos) {
        cell->append(*text_, at_);
        cell->push_back('\n');
        bytes += text_->size() + 1;
        const std::string* next = bytes > kMaxRecordBytes ? nullptr : line_(index_ + 1);
        if (!next) return false;
        text_ = next;
        ++index_;
        at_ = 0;
        continue;
      }
      cell->append(*text_, at_, stop - at_);
      const bool escape = (*text_)[stop] == '\\' && format_.quote != '\\';
      const bool doubled = !escape && stop + 1 < text_->size() && (*text_)[stop + 1] == format_.quote;
      at_ = stop + 1;
      if (!escape && !doubled) return true;
      if (at_ < text_->size()) cell->push_back((*text_)[at_++]);
    }
  }

  const CsvFormat& format_;
  const bool skip_blanks_;
  const Line& line_;
  std::vector<std::string>& cells_;
  const std::string* text_ = nullptr;
  std::size_t index_ = 0, at_ = 0, count_ = 0;
};

class CsvRows final : public RowSource {
 public:
  CsvRows(std::unique_ptr<TextReader> reader, CsvFormat format)
      : reader_(std::move(reader)), format_(std::move(format)) {}
  const std::vector<std::string>& columns() const override { return columns_; }
  std::uint64_t line() const override { return record_line_; }
  std::string fault() const override { return fault_; }

  // False: the file is empty.
  Result<bool> ReadHeader(const std::string& path) {
    const std::string* first = Ahead(0);
    if (failed_) return *failed_;
    if (!first) return false;
    if (first->find('\0') != std::string::npos)
      return Error{ErrorCode::kInvalidArgument, "the file is not text: its first line has bytes 0", {path, 1}};
    if (!format_.header.empty()) {
      columns_ = format_.header;
      if (format_.delimiter == '\0') format_.delimiter = ',';
      return true;
    }
    const std::string header = *first;
    if (format_.delimiter == '\0') format_.delimiter = DelimiterOf(header);
    GFR_TRY(Record());
    skip_blanks_ = cells_.size() > 1 && std::all_of(cells_.begin() + 1, cells_.end(),
                                                    [](const std::string& name) { return name.starts_with(' '); });
    if (skip_blanks_) {
      const auto line = [&](std::size_t i) { return i == 0 ? &header : nullptr; };
      RecordParser(format_, true, line, &cells_).Parse();
    }
    columns_ = cells_;
    return true;
  }

  Result<bool> Next(std::vector<Cell>* row) override {
    do {
      if (!Ahead(0)) {
        row->clear();
        if (failed_) return *failed_;
        return false;
      }
      GFR_TRY(Record());
    } while (columns_.size() > 1 && blank_);
    row->resize(cells_.size());
    for (std::size_t k = 0; k < cells_.size(); ++k) (*row)[k].text.swap(cells_[k]);  // The memory goes back and forth.
    return true;
  }

 private:
  // The line i behind the last record; null: there is none, or `failed_` says why.
  const std::string* Ahead(std::size_t i) {
    while (ahead_.size() <= i && !ended_) {
      std::string line = std::move(spare_);
      const auto more = reader_->NextLine(&line);
      if (!more.ok()) failed_ = more.error();
      ended_ = !more.ok() || !more.value();
      if (!ended_) ahead_.push_back(std::move(line));
    }
    return i < ahead_.size() ? &ahead_[i] : nullptr;
  }

  char DelimiterOf(const std::string& header) const {
    char best = ',';
    std::size_t most = 0;
    for (const char delimiter : {',', ';', '\t', '|'}) {
      CsvFormat format = format_;
      format.delimiter = delimiter;
      const auto line = [&](std::size_t i) { return i == 0 ? &header : nullptr; };
      std::vector<std::string> names;
      RecordParser(format, true, line, &names).Parse();
      const auto found = static_cast<std::size_t>(std::ranges::count_if(
          format_.wanted, [&](const std::string& name) { return std::ranges::find(names, name) != names.end(); }));
      // Where no name is known the delimiter that is there most often; a comma first.
      const std::size_t likely =
          found * 100'000 + (format_.wanted.empty() ? 0 : std::min<std::size_t>(names.size(), 99'999));
      if (likely > most) {
        best = delimiter;
        most = likely;
      }
    }
    return best;
  }

  // A long quoted text whose lines all have the width of a row: a stray quote, whose end is another stray one.
  bool HoldsRows(std::size_t lines) {
    const std::size_t width = columns_.size(), inside = lines < 2 ? 0 : lines - 2;
    if (inside == 0 || width < 3 || (width < 5 && inside < 3)) return false;
    std::vector<std::string> cells;
    for (std::size_t i = 1; i + 1 < lines; ++i) {
      const auto line = [&](std::size_t k) { return k == 0 ? &ahead_[i] : nullptr; };
      RecordParser parser(format_, skip_blanks_, line, &cells);
      if (parser.Parse() != decltype(parser)::End::kWhole || cells.size() != width) return false;
    }
    return true;
  }

  Status Record() {
    const auto line = [this](std::size_t i) { return Ahead(i); };
    RecordParser parser(format_, skip_blanks_, line, &cells_);
    using End = decltype(parser)::End;
    const End end = parser.Parse();
    if (failed_) return *failed_;
    const std::size_t lines = parser.lines(), at = cells_.size();
    record_line_ = line_ + 1;
    blank_ = ahead_.front().empty();
    fault_.clear();
    if (end != End::kWhole || (!columns_.empty() && at != columns_.size()) || HoldsRows(lines)) Blame(end, lines, at);
    const bool whole = fault_.empty() || lines == 1;
    const std::size_t used = whole ? lines : 1;
    spare_ = std::move(ahead_.front());
    ahead_.erase(ahead_.begin(), ahead_.begin() + static_cast<std::ptrdiff_t>(used));
    line_ += used;
    if (!fault_.empty()) cells_.clear();
    return {};
  }

  // Says why the record that ends so, over so many lines and with so many cells, is none.
  template <typename End>
  void Blame(End end, std::size_t lines, std::size_t at) {
    const std::string column =
        at < columns_.size() ? "column '" + columns_[at] + "'" : "cell " + std::to_string(at + 1);
    const std::string again =
        lines > 1 ? "; the " + std::to_string(lines - 1) + " lines behind it are read as rows" : "";
    if (end == End::kNotClosed)
      fault_ = column + " opens a quote that is not closed" + again;
    else if (end == End::kTextBehindQuote)
      fault_ = column + " has text behind a closing quote" +
               (lines > 1 ? ", on line " + std::to_string(line_ + lines) : "") + again +
               "; valid is a quote that is doubled inside of quotes, or escape = \"\\\\\" in the map";
    else if (!columns_.empty() && at != columns_.size())
      fault_ = std::to_string(at) + " cells, not the " + std::to_string(columns_.size()) + " of the header" + again;
    else
      fault_ = "a quote took " + std::to_string(lines - 1) + " lines that are rows of their own" + again;
  }

  std::unique_ptr<TextReader> reader_;
  CsvFormat format_;
  std::deque<std::string> ahead_;  // Lines read and not yet part of a record.
  bool ended_ = false, skip_blanks_ = false, blank_ = false;
  std::optional<Error> failed_;
  std::vector<std::string> columns_, cells_;
  std::string fault_, spare_;                 // spare_: a line that was used, for its memory.
  std::uint64_t line_ = 0, record_line_ = 0;  // Lines used; where the last record began.
};

}  // namespace

bool SplitCsv(std::string_view text, std::vector<std::string>* cells) {
  const std::string owned(text);
  CsvFormat format;
  format.delimiter = ',';
  const auto line = [&](std::size_t i) { return i == 0 ? &owned : nullptr; };
  RecordParser parser(format, false, line, cells);
  return parser.Parse() == decltype(parser)::End::kWhole;
}

Result<std::unique_ptr<RowSource>> OpenCsv(const std::string& path, const CsvFormat& format) {
  GFR_ASSIGN(auto reader, TextReader::Open(path, format.encoding));
  auto rows = std::make_unique<CsvRows>(std::move(reader), format);
  GFR_ASSIGN(const bool any, rows->ReadHeader(path));
  if (!any)
    return Error{ErrorCode::kInvalidArgument, "the file is empty; its first line must name the columns", {path, 1}};
  return std::unique_ptr<RowSource>(std::move(rows));
}

}  // namespace gfr
