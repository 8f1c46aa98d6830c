// ImportMap: how the columns of any warehouse's export become events (docs/importing.md has examples).
//
//   source = "warehouse"            time_zone = "+01:00"     # of times that name none
//   time_format = "rfc3339"         # or "s", "ms", "us" since 1970
//   slate = "list"                  # a slate is a list column, or "rows": one row an item, rows of one event together
//   list_separator = "|"            # of lists in CSV
//   [columns]     event field = column: id, type, time, user_id, session_id, request_id, surface, kind, value,
//   currency, transaction_id,
//                 item_id, index, price, quantity, items (a list), prices (a list beside it)
//   [types]       value of the type column = event type, or a list of them; a single key "*" when every row is of one
//   [context]     context property = column
//   [properties]  item property = column
//   [vectors]     vector property of the item = a column of lists of numbers (in CSV, with list_separator)
// A row whose type value is not in [types] is counted as unmapped and left out; a row that cannot be read is rejected
// by line.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/config.h"
#include "base/row_source.h"
#include "event/importer.h"

namespace gfr {

struct ImportMap {
  std::string source = "import", list_separator = "|";
  std::int64_t utc_offset_ms = 0, time_unit_us = 0;  // time_unit_us 0: RFC 3339.
  bool rows_of_slate = false;
  std::map<std::string, std::string> columns, context, properties, vectors;
  std::map<std::string, std::vector<EventType>> types;

  static Result<ImportMap> Parse(std::string_view toml, const std::string& file);
};

// Adds the rows of one file to `report`. Errors: a column that the map names and the file has not; the sink's.
Status ImportRows(RowSource& rows, const std::string& file, const ImportMap& map, const ImportSink& sink,
                  ImportReport* report);

Result<std::unique_ptr<RowSource>> OpenCsv(
    const std::string& path);  // RFC 4180 with a header; .xz, .gz and .zst are read directly.

}  // namespace gfr
