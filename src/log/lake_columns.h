// LakeColumns: a batch of records as the columns of a lake file (docs/formats/lake.md): what people query, each field a
// column, and `record`, the whole event as the log has it, from which a replay is made.
//
// Thread safety: none.
#pragma once

#include <string_view>
#include <vector>

#include "event/event.h"
#include "table/parquet_writer.h"

namespace gfr {

class LakeColumns {
 public:
  LakeColumns();
  // `encoded`: the event as event_codec.h encodes it.
  void Add(const LogRecord& record, std::string_view encoded);
  std::size_t rows() const { return rows_; }
  std::size_t bytes() const { return bytes_; }  // About how many the batch takes.
  const std::vector<NamedColumn>& columns() const { return columns_; }
  void Clear();
  std::vector<NamedColumn> Schema() const;                 // The columns without values.
  static const std::vector<std::string>& UniqueColumns();  // NamedColumn::is_unique of them.

 private:
  template <typename Values>
  Values& At(std::size_t column) {
    return std::get<Values>(columns_[column].values);
  }
  void AddItems(const Event& event);
  void AddProperties(std::int64_t item, const std::vector<Property>& properties);
  void AddSlate(const ServedSlate& slate);

  std::vector<NamedColumn> columns_;
  std::size_t rows_ = 0, bytes_ = 0;
};

}  // namespace gfr
