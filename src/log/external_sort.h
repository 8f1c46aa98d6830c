// ExternalSort: sorts more records than memory holds, by runs on disk that are merged.
//
// A record is bytes with a key. The order is by (key.first, key.second), and records of equal keys keep the order in
// which they were added. Add every record, call Sort once, then Next until it gives false. Memory: at most
// `memory_bytes` (but two records and 64 KiB a merged run at least), whatever is added; `folder` then takes about the
// bytes of all records, 20 more for each, and is removed by the destructor. What is in it is of no use to anyone else
// and is not synced. Errors: kUnavailable, the disk; kCorrupt, a run is not what was written. Thread safety: none.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/file_system.h"

namespace gfr {

struct SortKey {
  std::int64_t first = 0;
  std::uint64_t second = 0;
  auto operator<=>(const SortKey&) const = default;
};

class ExternalSort {
 public:
  // `folder` must be the sort's own: what is there is removed.
  ExternalSort(FileSystem& fs, std::string folder, std::size_t memory_bytes);
  ~ExternalSort();

  Status Add(SortKey key, std::string_view bytes);
  Status Sort();
  // False: there are no more. `bytes` stays until the next call. REQUIRES: Sort was called.
  Result<bool> Next(SortKey* key, std::string_view* bytes);

  std::uint64_t records() const { return records_; }
  int runs() const { return runs_made_; }  // Written to disk, those of repeated merges included.

 private:
  class RunReader;
  class RunWriter;
  struct Entry {
    SortKey key;
    const char* bytes;
    std::uint32_t size, order;  // `order` by Add, within what is in memory.
  };
  struct Merge;

  std::string RunPath(int run) const;
  void SortEntries();
  Status SpillRun();
  Result<std::unique_ptr<Merge>> OpenMerge(std::size_t first, std::size_t count);
  Status MergeOnce(std::size_t fan_in);

  FileSystem& fs_;
  const std::string folder_;
  const std::size_t memory_bytes_;
  std::uint64_t records_ = 0;
  std::vector<std::unique_ptr<char[]>> chunks_;
  std::size_t chunk_used_ = 0, chunk_size_ = 0, held_bytes_ = 0;
  std::vector<Entry> entries_;
  std::size_t next_entry_ = 0;
  std::vector<int> runs_;  // To be merged, in the order in which their records were added.
  int runs_made_ = 0;
  std::unique_ptr<Merge> merge_;  // Null: all is in memory.
};

}  // namespace gfr
