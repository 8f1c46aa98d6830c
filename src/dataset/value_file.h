// Value files: what the items of records were read as (row_values.h), in files that are written once and looked up by
// record. docs/formats/kept-rows.md has the bytes.
//
// Entries lie in checked and compressed chunks of about 1 MiB, about in log order, so that a replay finds them by
// reading each chunk once, within the memory of a few. Thread safety: none.
#pragma once

#include <list>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/file_system.h"
#include "dataset/row_values.h"

namespace gfr {

class ValueWriter {
 public:
  // Replaces what is at `path`.
  static Result<std::unique_ptr<ValueWriter>> Open(FileSystem& fs, const std::string& path, std::size_t columns);
  // Keeps the items that are `used`. Errors: the file's.
  Status Add(const ReadInstant& at, std::span<const float> features, std::span<const float> popularity,
             const std::vector<bool>& used);
  // Syncs. Nothing is added after it.
  Status Close();
  std::uint64_t bytes() const { return bytes_; }

 private:
  struct Chunk {
    std::string entries;
    std::uint64_t first = UINT64_MAX, last = 0;  // Offsets.
  };
  Status Flush(bool is_request);

  std::unique_ptr<WritableFile> file_;
  std::size_t columns_ = 0;
  Chunk chunks_[2];  // Of events of their own; of requests.
  std::uint64_t bytes_ = 0;
};

class ValueReader {
 public:
  explicit ValueReader(std::size_t columns) : columns_(columns) {}
  // One file more, whose chunks' heads are read. kCorrupt: it is not what was written, or not of `bytes`.
  Status Add(FileSystem& fs, const std::string& path, std::uint64_t bytes);
  // As RowValues::Take. False: nothing was read at that instant. kCorrupt: a chunk is not what was written.
  Result<bool> Find(const ReadInstant& at, std::span<float> features, std::span<float> popularity,
                    std::vector<bool>* known);

 private:
  struct Chunk {
    std::size_t file;
    std::uint64_t position;                  // Behind its head.
    std::uint32_t bytes, block, crc;         // As stored; before, by columns.
    std::uint64_t first, last, last_so_far;  // Offsets; of all chunks up to this one.
  };
  struct Loaded {
    std::string entries;
    std::unordered_map<std::uint64_t, std::size_t> at;  // By offset.
  };
  struct Kind {
    std::vector<Chunk> chunks;
    bool sorted = false;
    std::list<std::pair<std::size_t, Loaded>> loaded;  // The last few used, newest first.
  };
  struct File {
    std::string path;
    std::unique_ptr<RandomAccessFile> file;
  };
  Result<const Loaded*> Load(Kind& kind, std::size_t chunk) const;

  const std::size_t columns_;
  std::vector<File> files_;
  Kind kinds_[2];
};

}  // namespace gfr
