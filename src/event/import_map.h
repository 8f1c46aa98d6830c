// ImportMap: how the columns of any warehouse's export become events (docs/importing.md lists every key).
//
// A column is named by its header; of Parquet also by its path through structs and lists ("items.item_id",
// "event_params[ga_session_id].value.int_value"). A row whose type the map does not name is counted as unmapped and
// left out; a row that cannot be read is rejected by line. Thread safety: immutable once parsed.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/time_format.h"
#include "event/csv.h"
#include "event/event.h"

namespace gfr {

// [[type]]: rows of which `column` is so are events of `types`; the first that holds counts, before [types].
struct TypeRule {
  enum class When : std::uint8_t { kEquals, kPrefix, kBelow, kAbove, kEmpty, kFilled };
  std::string column;
  When when = When::kEquals;
  std::string text;              // kEquals, kPrefix.
  double number = 0;             // kBelow, kAbove.
  std::vector<EventType> types;  // None: such rows are left out.
};

// [long]: each row says one property of an item.
struct LongTable {
  std::string property, value;               // Columns.
  std::map<std::string, std::string> names;  // What a property is called: ours; none: as it is called there.
  std::string number_prefix;                 // "n": "n12.5" is the number 12.5.
};

struct ImportMap {
  std::string source = "import", list_separator = "|";
  CsvFormat csv;
  TimeFormat time;
  std::string time_prefix;  // Put before the time's text, with a blank.
  char decimal = '.';
  std::optional<std::set<std::string>> null;  // Texts that are missing. None given: kNullTexts, of ids and numbers.
  bool rows_of_slate = false;
  std::int32_t index_from = 0;  // What the first position of a slate is called.
  // A field has several columns: of the time they are joined by a blank; of others the first that is not missing
  // counts.
  std::map<std::string, std::vector<std::string>> columns;
  std::map<std::string, std::string> constants, context, properties, vectors;
  std::vector<TypeRule> rules;
  std::map<std::string, std::vector<EventType>> types;
  std::optional<LongTable> long_table;

  static Result<ImportMap> Parse(std::string_view toml, const std::string& file);
  std::vector<std::string> Columns() const;  // All that it names, once each.
};

inline const std::set<std::string, std::less<>> kNullTexts = {"NULL", "null", "\\N", "nan", "NaN", "None", "N/A", "NA"};
inline constexpr std::size_t kLongestNullText = 4;

}  // namespace gfr
