// SettledRows: what a replay gave for the records before some offset, once no later record changes it but by rules that
// can be told (KeptRows::Unsettle): rows whose windows are over, slates, drawn places and what made no row. The next
// replay gives them as they are. docs/formats/kept-rows.md has the bytes.
//
// A row names the record that its features were read for and where; the features lie in value files. Thread safety:
// none.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <unordered_map>

#include "base/file_system.h"
#include "dataset/row_builder.h"

namespace gfr {

class SettledWriter {
 public:
  SettledWriter();  // Use Open.
  ~SettledWriter();
  // Replaces what is at `path`.
  static Result<std::unique_ptr<SettledWriter>> Open(FileSystem& fs, const std::string& path);
  // What follows comes of the record at `offset`, whose person that is. Errors: the file's.
  Status At(std::uint64_t offset, Key person);
  void Row(std::size_t objective, const RowPlace& place, bool label, const ItemsRead& values);
  void Slate(const SlateRow& slate, const ItemsRead& values);
  void Choice(const ChoiceRow& choice, const ItemsRead& values);
  void Dropped(std::size_t objective, DropReason reason, std::uint64_t lines);
  // Syncs. Nothing is added after it.
  Status Close();
  std::uint64_t bytes() const { return bytes_; }

 private:
  struct Chunk;
  void BeginRecord();
  void Put(const ItemsRead& values);
  Status Flush();

  std::unique_ptr<WritableFile> file_;
  std::unique_ptr<Chunk> chunk_;
  std::uint64_t offset_ = 0;  // Of the record, which is written once it has given something.
  Key person_ = 0;
  bool has_begun_ = false;
  std::uint64_t bytes_ = 0;
};

struct SettledGive {
  std::size_t columns = 0;
  // The column that rows of impressions have the place shown in; -1: none. Which objectives' rows are impressions.
  int position_column = -1;
  std::vector<bool> of_impressions;
  // As ValueReader::Find.
  std::function<Result<bool>(const ReadInstant&, std::span<float>, std::span<float>, std::vector<bool>*)> find;
  // Who is left out now: all that they gave counts as dropped, for that reason. Null: nobody's reason.
  std::function<const DropReason*(Key person)> left_out;
};
// Gives all of the file to `sink`, in order, until its status is one. kCorrupt: it is not what was written, or values
// are missing: what `sink` has is of no use.
Status GiveSettled(FileSystem& fs, const std::string& path, std::uint64_t bytes, const SettledGive& give,
                   RowSink& sink);

}  // namespace gfr
