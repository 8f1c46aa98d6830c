#include "base/column_source.h"

#include <utility>

namespace gfr {
namespace {

class RowsAsColumns final : public ColumnSource {
 public:
  RowsAsColumns(std::unique_ptr<RowSource> rows, std::string path) : rows_(std::move(rows)), path_(std::move(path)) {}
  const std::vector<std::string>& columns() const override { return rows_->columns(); }
  Status Select(std::vector<std::size_t> wanted) override {
    wanted_ = std::move(wanted);
    return {};
  }
  Status SelectIds(std::size_t column) override { return Select({column}); }
  std::uint64_t line(std::size_t i) const override { return lines_[i]; }

  Result<std::size_t> Next(std::size_t max, std::vector<SourceColumn>* out) override {
    const std::size_t width = rows_->columns().size();
    out->resize(wanted_.size());
    for (SourceColumn& column : *out) {
      column.is_text = true;
      column.texts.resize(max);  // Their memory is used again.
    }
    lines_.clear();
    while (lines_.size() < max) {
      GFR_ASSIGN(const bool more, rows_->Next(&cells_));
      if (!more) break;
      const SourceSpan where{path_, static_cast<int>(rows_->line())};
      if (cells_.size() == 1 && cells_[0].text.empty() && width > 1) continue;  // An empty line.
      if (!rows_->fault().empty()) return Error{ErrorCode::kInvalidArgument, rows_->fault(), where};
      if (cells_.size() != width)
        return Error{ErrorCode::kInvalidArgument,
                     std::to_string(cells_.size()) + " cells in a table of " + std::to_string(width) + " columns",
                     where};
      for (std::size_t k = 0; k < wanted_.size(); ++k) {
        if (cells_[wanted_[k]].is_list)
          return Error{ErrorCode::kInvalidArgument,
                       "column '" + columns()[wanted_[k]] + "' is a list; valid is a plain value", where};
        (*out)[k].texts[lines_.size()] = cells_[wanted_[k]].text;
      }
      lines_.push_back(rows_->line());
    }
    for (SourceColumn& column : *out) column.texts.resize(lines_.size());
    return lines_.size();
  }

 private:
  const std::unique_ptr<RowSource> rows_;
  const std::string path_;
  std::vector<std::size_t> wanted_;
  std::vector<Cell> cells_;
  std::vector<std::uint64_t> lines_;  // Of the last batch.
};

}  // namespace

std::unique_ptr<ColumnSource> ColumnsOfRows(std::unique_ptr<RowSource> rows, std::string path) {
  return std::make_unique<RowsAsColumns>(std::move(rows), std::move(path));
}

}  // namespace gfr
