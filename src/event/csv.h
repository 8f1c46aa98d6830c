// CSV: RFC 4180 with a header, and what files of other systems do differently.
//
// A quote that is not closed, or closed in the middle of a text, costs its own line only: the row is read as none
// (RowSource::fault says why), and the lines that were looked at for its end are read again as rows. Lines are read
// once, or twice behind such a quote. Blank lines are skipped where there are several columns. Where the header has a
// blank behind each delimiter, blanks before a cell belong to the layout and are left out.
//
// Thread safety: none of the reader; the functions are pure.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/row_source.h"

namespace gfr {

struct CsvFormat {
  char delimiter = '\0';            // 0: the one of , ; tab and | under which the header has most of `wanted`.
  char quote = '"';                 // 0: there are none, and a quote is a letter.
  bool backslash = false;           // A backslash before a quote escapes it too.
  std::string encoding;             // Empty: UTF-8, or UTF-16 with a byte order mark (base/text_encoding.h).
  std::vector<std::string> header;  // Of a file without one: the columns' names.
  std::vector<std::string> wanted;  // Names of columns, to find the delimiter by.
};

// .xz, .gz and .zst are read directly. kInvalidArgument: the file is empty, or the encoding is not known.
Result<std::unique_ptr<RowSource>> OpenCsv(const std::string& path, const CsvFormat& format = {});

// One record of RFC 4180 CSV that lies on one line. False: a quote is not closed, or text follows a closing one.
bool SplitCsv(std::string_view line, std::vector<std::string>* cells);

}  // namespace gfr
