// Writes tables of plain columns as Parquet (Zstandard), for DuckDB, pandas and Spark: whole, or batch by batch.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/file_system.h"
#include "base/result.h"

namespace gfr {

// Texts one behind the other, and where each ends: many short ones without an allocation each. REQUIRES: less than 2
// GiB.
struct Texts {
  std::string bytes;
  std::vector<std::int32_t> ends;

  void Add(std::string_view text) {
    bytes += text;
    End();
  }
  void End() { ends.push_back(static_cast<std::int32_t>(bytes.size())); }  // What was appended to `bytes` is a text.
  std::size_t size() const { return ends.size(); }
  void clear() {
    bytes.clear();
    ends.clear();
  }
};

// A list of texts a row; `ends`: how many texts stand before the end of each.
struct TextLists {
  Texts texts;
  std::vector<std::int32_t> ends;

  void End() { ends.push_back(static_cast<std::int32_t>(texts.size())); }
  std::size_t size() const { return ends.size(); }
  void clear() {
    texts.clear();
    ends.clear();
  }
};

// Texts that may be any bytes: a column of type binary.
struct Blobs : Texts {};

// A list of numbers a row; `ends`: how many numbers stand before the end of each.
template <typename T>
struct NumberLists {
  std::vector<T> numbers;
  std::vector<std::int32_t> ends;

  void End() { ends.push_back(static_cast<std::int32_t>(numbers.size())); }
  std::size_t size() const { return ends.size(); }
  void clear() {
    numbers.clear();
    ends.clear();
  }
};

struct NamedColumn {
  std::string name;
  // NaN and the empty string are null.
  std::variant<std::vector<float>, std::vector<double>, std::vector<std::int64_t>, std::vector<std::uint64_t>,
               std::vector<std::string>, Texts, TextLists, Blobs, NumberLists<std::int64_t>, NumberLists<double>>
      values;
  bool is_unique = false;  // No value comes twice: no dictionary and no statistics are made.
};

// Key-value metadata of a file.
using ParquetMetadata = std::vector<std::pair<std::string, std::string>>;

// A file of any size in the memory of one batch. Written beside (`path`.tmp), synced and renamed by Close; a writer
// that is destroyed before leaves no file. After an error it is of no more use. Thread safety: none.
class ParquetWriter {
 public:
  // `schema`: the columns' names and types, without values.
  static Result<std::unique_ptr<ParquetWriter>> Open(FileSystem& fs, const std::string& path,
                                                     const std::vector<NamedColumn>& schema,
                                                     const ParquetMetadata& metadata = {});
  ~ParquetWriter();
  // A file of the columns of another one. `unique`: those without a dictionary and statistics (NamedColumn::is_unique).
  static Result<std::unique_ptr<ParquetWriter>> OpenLike(FileSystem& fs, const std::string& path,
                                                         const std::string& like,
                                                         const std::vector<std::string>& unique);
  // One row group. REQUIRES: the schema's columns, of one length.
  Status Append(const std::vector<NamedColumn>& batch);
  // Copies the rows of another file whose `column`, of int64, is in [from, until), in its order. Small row groups of
  // files that are copied one after the other become one. kInvalidArgument: its columns are not this file's.
  Status AppendFile(const std::string& path, const std::string& column, std::int64_t from, std::int64_t until);
  Status Close();

 private:
  struct State;
  explicit ParquetWriter(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// REQUIRES: columns of one length. Written beside and renamed.
Status WriteParquet(const std::string& path, const std::vector<NamedColumn>& columns);

// What Arrow keeps of closed tables' memory, about 90 MB, for the next one: given back to the system. For processes
// that write tables minutes apart. Thread safety: all calls.
void GiveBackTableMemory();

}  // namespace gfr
