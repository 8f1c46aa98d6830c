// What readers make of a log whose last batch a power cut tore, before a start has cut it.
#include <gtest/gtest.h>

#include "base/clock.h"
#include "base/fault_file_system.h"
#include "log/event_log.h"
#include "log/frame.h"
#include "log/local_log.h"

namespace gfr {
namespace {

// A log of four batches of three events in one segment; its bytes, and where each frame begins.
class TornTailTest : public testing::Test {
 protected:
  TornTailTest() {
    const FixedClock clock(1'000'000);
    const auto log = EventLog::Open(disk_, clock, {.folder = "log"}).value();
    for (int batch = 0; batch < 4; ++batch) {
      std::vector<Event> events;
      for (int k = 0; k < 3; ++k)
        events.push_back({.id = std::to_string(batch) + "-" + std::to_string(k),
                          .source = "t",
                          .type = EventType::kSearch,
                          .time_ms = 1000,
                          .user_id = "u"});
      EXPECT_TRUE(log->Append(events).ok());
    }
    path_ = JoinPath("log", LocalLog(disk_, "log").Segments().value().back());
    bytes_ = disk_.ReadAll(path_).value();  // While it is open: its end writes a footer.
    const FrameScan scan = ScanFrames(bytes_);
    EXPECT_EQ(scan.state, FramesState::kOpen);
    for (std::size_t k = 1; k < scan.index.size(); k += 2) frames_.push_back(scan.index[k]);
  }
  // How many records are read of a log with these bytes; -1: it is refused as corrupt.
  int Read(const std::string& bytes) {
    FaultFileSystem disk(1);
    EXPECT_TRUE(PublishFile(disk, path_, bytes).ok());
    LocalLog log(disk, "log");
    int records = 0;
    const Status read = ForEachRecord(log, kEveryType, [&](const LogRecord&) {
      ++records;
      return Status();
    });
    if (read.ok()) return records;
    EXPECT_EQ(read.error().code, ErrorCode::kCorrupt) << read.error().message;
    return -1;
  }
  std::string Zeroed(std::size_t from, std::size_t to) const {
    std::string bytes = bytes_;
    std::fill(bytes.begin() + static_cast<std::ptrdiff_t>(from), bytes.begin() + static_cast<std::ptrdiff_t>(to), '\0');
    return bytes;
  }

  FaultFileSystem disk_{1};
  std::string path_, bytes_;
  std::vector<std::uint64_t> frames_;
};

TEST_F(TornTailTest, TheLogEndsBeforeABatchThatIsCutZeroedOrHasHoles) {
  ASSERT_EQ(frames_.size(), 4u);
  EXPECT_EQ(Read(bytes_), 12);
  for (std::size_t end = frames_[3]; end < bytes_.size(); ++end) EXPECT_EQ(Read(bytes_.substr(0, end)), 9) << end;
  for (std::size_t from = frames_[3]; from < bytes_.size(); ++from) {
    for (const std::string& torn : {Zeroed(from, bytes_.size()), Zeroed(from, from + 1)})
      EXPECT_EQ(Read(torn), torn == bytes_ ? 12 : 9) << from;
  }
}

TEST_F(TornTailTest, ABadBatchThatAWholeOneFollowsIsCorrupt) {
  EXPECT_EQ(Read(Zeroed(frames_[2], frames_[3])), -1);
  EXPECT_EQ(Read(Zeroed(frames_[2] + kFrameHeadBytes, frames_[3])), -1);
}

}  // namespace
}  // namespace gfr
