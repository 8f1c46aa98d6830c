// LocalLog: the log of a project as files of a folder (docs/formats/log.md), to be read: an EventSource of one
// partition. It holds no file open and no lock. EventLog (event_log.h) is the one that writes.
//
// It may be read while a process writes. A LocalLog that the writer itself gives (EventLog::source) ends at what is on
// disk; any other one ends at the last whole record, which its writer may not have synced yet, and WaitFor looks at the
// files now and then. Operations that rewrite segments (erase, repair, compact) take a LocalLog. Thread safety: all
// calls.
#pragma once

#include <string>

#include "base/file_system.h"
#include "log/durable_end.h"
#include "log/event_source.h"

namespace gfr {

class LocalLog final : public EventSource {
 public:
  LocalLog(FileSystem& fs, std::string folder, std::shared_ptr<DurableEnd> durable = nullptr)
      : fs_(fs), folder_(std::move(folder)), durable_(std::move(durable)) {}

  int partitions() const override { return 1; }
  Result<Positions> Begin() override;  // Of the base where there is one, else 0.
  Result<std::unique_ptr<RandomAccessFile>> OpenBase() override;
  Result<Positions> End() override;
  Result<std::uint64_t> SizeBytes() override;
  using EventSource::Open;
  Result<std::unique_ptr<EventReader>> Open(const Positions& from, ReadOptions options) override;
  // Gives every record from `from` to `until`, of which EventReader::encoded alone says what the event is: for those
  // who compare records and do not read them.
  Result<std::unique_ptr<EventReader>> OpenUndecoded(std::uint64_t from, std::uint64_t until);

  static std::string BaseName(std::uint64_t first_offset);  // "00000000000000000042.base".
  FileSystem& fs() const { return fs_; }
  const std::string& folder() const { return folder_; }
  // Names of the segments ("00000000000000000042.log"), in log order; the last one may still be written.
  Result<std::vector<std::string>> Segments() const;

 private:
  FileSystem& fs_;
  const std::string folder_;
  const std::shared_ptr<DurableEnd> durable_;
};

}  // namespace gfr
