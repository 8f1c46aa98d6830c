// LakeLog: the lake read as a log: the same records at the same offsets and arrivals, byte for byte, so that whatever
// is replayed from the log can be replayed from the lake.
//
// It ends where the lake's files do: the log's last segment is in it once it is closed and exported. What `[log] keep`
// deleted from the log is still there, so it begins with the first record ever, and has no base. Errors: kCorrupt,
// offsets are missing between files, or a file is not what was written. Thread safety: as EventSource says.
#pragma once

#include <string>

#include "log/event_source.h"

namespace gfr {

class LakeLog final : public EventSource {
 public:
  LakeLog(FileSystem& fs, std::string lake_folder) : fs_(fs), folder_(std::move(lake_folder)) {}

  int partitions() const override { return 1; }
  Result<Positions> Begin() override;
  Result<Positions> End() override;
  Result<std::uint64_t> SizeBytes() override;
  using EventSource::Open;
  Result<std::unique_ptr<EventReader>> Open(const Positions& from, ReadOptions options) override;

 private:
  FileSystem& fs_;
  const std::string folder_;
};

}  // namespace gfr
