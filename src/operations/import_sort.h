// ImportSort: the events of an import in order of arrival, sorted on disk within a bound of memory.
//
// Add every event (of the log that is made anew first, then of the files in the order given), call Sort once, then Next
// until it gives false. Events that name a request are sorted by it first, as their arrival depends on each other's
// (event/arrival_order.h). Equal rows without ids of their own are told apart here (event/importer.h, InventedIds), and
// aliases of rows that change nothing are left out (event/row_alias.h). Memory: `memory_bytes`, and what
// event/shown_pairs.h, InventedIds and LastLogins keep. Errors: kUnavailable, the disk. Thread
// safety: none.
#pragma once

#include <array>
#include <memory>
#include <string>

#include "base/file_system.h"
#include "event/importer.h"
#include "event/row_alias.h"
#include "event/shown_pairs.h"
#include "log/external_sort.h"

namespace gfr {

class ImportSort {
 public:
  // `folder` is the sort's own, and is removed by the destructor.
  static Result<std::unique_ptr<ImportSort>> Open(FileSystem& fs, const std::string& folder, std::size_t memory_bytes);
  ~ImportSort();

  Status Add(const Event& event);                              // Of a file.
  Status AddOld(const Event& event, std::int64_t arrival_ms);  // Of the log; keeps its id.
  Status Sort();
  Result<bool> Next(Event* event, std::int64_t* arrival_ms);

  std::uint64_t events() const { return added_; }
  std::uint64_t left_out() const { return left_out_; }  // Of them; of what Next passed over.
  const std::array<std::uint64_t, kEventTypes>& by_type() const { return by_type_; }  // Of files, without those.
  const ShownPairs& shown() const { return shown_; }  // Of what Next gave.

 private:
  ImportSort(FileSystem& fs, const std::string& folder, std::size_t memory_bytes);
  Status Put(bool old, std::int64_t time_ms, const Event& event);

  FileSystem& fs_;
  const std::string folder_;
  std::unique_ptr<ExternalSort> by_request_, by_arrival_;
  std::string record_;
  InventedIds invented_;
  LastLogins logins_;
  ShownPairs shown_;
  std::array<std::uint64_t, kEventTypes> by_type_ = {};
  std::uint64_t added_ = 0, left_out_ = 0;
};

}  // namespace gfr
