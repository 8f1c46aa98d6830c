#include "log/local_log.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/clock.h"
#include "log/frame.h"
#include "log/passed_records.h"
#include "runtime/logger.h"

namespace gfr {
namespace {

constexpr std::int64_t kLookAgainMs = 20;

// Reads the segments one after the other, in pieces. A segment is left for the next one only when it was read to its
// end after the next one was seen: its writer was done with it by then.
class LocalReader final : public EventReader, public PassedRecords {
 public:
  // `gives_all`: also records of other types than `options` has, undecoded.
  LocalReader(const LocalLog& log, std::shared_ptr<DurableEnd> durable, std::uint64_t from, ReadOptions options,
              bool gives_all = false)
      : log_(log.fs(), log.folder()),
        durable_(std::move(durable)),
        types_(options.types),
        gives_all_(gives_all),
        until_(options.until ? (*options.until)[0] : UINT64_MAX),
        from_(from) {}

  Result<ReadState> Next(LogRecord* record) override {
    for (;;) {
      if (std::max(expected_, from_) >= until_) return ReadState::kEnd;
      if (durable_ && expected_ >= durable_end_) {
        // What was read ahead was not on disk: its write may have failed, and another record have its offset. A frame
        // is on disk as a whole.
        if (!framed_) position_ += used_;
        buffer_.clear();
        used_ = last_size_ = 0;
        durable_end_ = durable_->offset();
        if (expected_ >= durable_end_) return ReadState::kNotYet;
      }
      if (!file_) {
        GFR_ASSIGN(const bool there, OpenSegment());
        if (!there) return ReadState::kNotYet;
        continue;
      }
      std::size_t size = 0;
      const std::string_view left = std::string_view(buffer_).substr(used_);
      const std::uint32_t types = expected_ < from_ ? 0 : types_;
      const RecordState state =
          framed_ ? ReadFramedRecord(left, expected_, record, &size, types) : ReadRecord(left, record, &size, types);
      if (state == RecordState::kBad) return Corrupt("is not what was written");
      if (state == RecordState::kNeedsNewer) return NeedsNewer();
      if (state == RecordState::kShort) {
        GFR_ASSIGN(const bool more, framed_ ? NextFrame() : ReadOn());
        if (!more) return ReadState::kNotYet;
        continue;
      }
      if (record->offset != expected_)
        return Corrupt("has offset " + std::to_string(record->offset) + ", which was to be " +
                       std::to_string(expected_));
      used_ += size;
      last_size_ = size;
      ++expected_;
      if (record->offset < from_) continue;
      if (gives_all_ || types_ >> static_cast<unsigned>(record->event.type) & 1u) return ReadState::kRecord;
      if (passed_) passed_(record->offset, record->arrival_ms);
    }
  }

  bool WaitFor(std::int64_t deadline_ms) override {
    if (durable_) return durable_->WaitBeyond(started_ ? expected_ : from_, deadline_ms);
    while (!Grown()) {
      if (MonotonicMs() >= deadline_ms) return false;
      WaitUntil(std::min(deadline_ms, MonotonicMs() + kLookAgainMs));
    }
    return true;
  }

  void OnPassed(PassedRecord passed) override { passed_ = std::move(passed); }

  int partition() const override { return 0; }
  std::string_view encoded() const override {
    const std::size_t header = framed_ ? kFramedHeaderBytes : kRecordHeaderBytes;
    return std::string_view(buffer_).substr(used_ - last_size_ + header, last_size_ - header);
  }

 private:
  Error Corrupt(const std::string& what) const {
    const std::string where = framed_ ? "the frame at or before byte " + std::to_string(position_)
                                      : "the record at byte " + std::to_string(position_ + used_);
    return {ErrorCode::kCorrupt, where + " of '" + JoinPath(log_.folder(), segment_) + "' " + what +
                                     "; `gfr log repair` can cut the log there"};
  }

  Error NeedsNewer() const {
    return {ErrorCode::kNeedsNewer, "the record of offset " + std::to_string(expected_) + " in '" +
                                        JoinPath(log_.folder(), segment_) +
                                        "' was written by a newer gfr, which is needed to read it"};
  }

  // Opens the segment behind the one that was read, at first the one that has `from_`. False: there is none yet.
  Result<bool> OpenSegment() {
    // Listed anew only behind the last one that was seen: a folder of many segments is not listed once a segment.
    if (!started_ || segments_.empty() || segments_.back() <= segment_) {
      GFR_ASSIGN(segments_, log_.Segments());
    }
    const std::vector<std::string>& segments = segments_;
    auto next = started_ ? std::ranges::upper_bound(segments, segment_)
                         : std::ranges::upper_bound(segments, SegmentName(from_));
    if (!started_ && next != segments.begin()) --next;
    if (next == segments.end()) return false;
    GFR_ASSIGN(file_, log_.fs().OpenForRead(JoinPath(log_.folder(), *next)));
    GFR_ASSIGN(const std::string header, file_->Read(0, kSegmentHeaderBytes));
    std::uint64_t first = 0;
    if (header.size() < kSegmentHeaderBytes && next + 1 == segments.end()) {  // Just being made.
      file_.reset();
      return false;
    }
    const std::string path = JoinPath(log_.folder(), *next);
    if (!ReadSegmentHeader(header, &first))
      return Error{ErrorCode::kCorrupt, "the header of '" + path + "' is not what was written; see `gfr log repair`"};
    if (first != (started_ ? expected_ : first) || SegmentName(first) != *next)
      return Error{ErrorCode::kCorrupt, "'" + path + "' begins at offset " + std::to_string(first) + ", and '" +
                                            segment_ + "' ends before offset " + std::to_string(expected_) +
                                            "; see `gfr log repair`"};
    if (!started_ && first > from_)
      return Error{ErrorCode::kCorrupt, "the log begins at offset " + std::to_string(first) + " with '" + path +
                                            "'; records from offset " + std::to_string(from_) + " on were to be there"};
    segment_ = *next;
    next_known_ = next + 1 != segments.end();
    started_ = true;
    expected_ = first;
    position_ = kSegmentHeaderBytes;
    buffer_.clear();
    used_ = last_size_ = 0;
    framed_ = IsFramedSegment(header);
    nonce_ = SegmentNonce(header);
    if (framed_) GFR_TRY(FindFrame());
    return true;
  }

  // In a segment just opened goes to the frame that has `from_`.
  Status FindFrame() {
    footed_ = false;
    GFR_ASSIGN(const bool footed, ReadFooterNow());
    if (!footed) {
      if (nonce_ == 0) return Corrupt("has no footer behind it");  // It was made as a whole.
      return PassFrames();
    }
    for (std::size_t k = 0; k + 1 < footer_.index.size() && footer_.index[k] <= from_; k += 2) {
      expected_ = footer_.index[k];
      position_ = footer_.index[k + 1];
    }
    return {};
  }

  // Whether the segment is closed; if so, `footer_` is set.
  Result<bool> ReadFooterNow() {
    GFR_ASSIGN(const std::uint64_t size, file_->size());
    GFR_ASSIGN(const std::string tail, file_->Read(size - std::min<std::uint64_t>(size, 16), 16));
    const std::uint64_t bytes = std::min(FooterBytes(tail), size);
    GFR_ASSIGN(const std::string footer, file_->Read(size - bytes, bytes));
    return footed_ = ReadFooter(footer, size, nonce_, &footer_);
  }

  // Of a segment without a footer: by the frames' heads.
  Status PassFrames() {
    while (expected_ < from_ && !(durable_ && expected_ >= durable_end_)) {
      GFR_ASSIGN(const std::string bytes, file_->Read(position_, kFrameHeadBytes));
      FrameHead head;
      if (!ReadFrameHead(bytes, nonce_, position_, &head) || head.first_offset != expected_ ||
          expected_ + head.count > from_)
        return {};  // NextFrame says what it is.
      expected_ += head.count;
      position_ += kFrameHeadBytes + head.length;
    }
    return {};
  }

  // The records of the next frame become visible; behind the last one the segment is left. False: there is none yet.
  Result<bool> NextFrame() {
    if (used_ < buffer_.size()) return Corrupt("ends within a record");
    buffer_.clear();
    used_ = last_size_ = 0;
    if (footed_ && position_ >= footer_.position) return LeaveClosed();
    GFR_ASSIGN(const std::string bytes, file_->Read(position_, kFrameHeadBytes));
    FrameHead head;
    if (!ReadFrameHead(bytes, nonce_, position_, &head)) return NoFrame(bytes);
    if (head.first_offset != expected_ || head.count == 0) return Corrupt("is not what was written");
    GFR_ASSIGN(const std::string stored, file_->Read(position_ + kFrameHeadBytes, head.length));
    if (stored.size() < head.length) return NoFrame(bytes);
    if (!ReadFrame(head, stored, &buffer_)) return TornOrCorrupt();
    position_ += kFrameHeadBytes + head.length;
    if (footed_ && position_ > footer_.position) return Corrupt("is not what was written");
    return true;
  }

  Result<bool> LeaveClosed() {
    if (position_ != footer_.position || expected_ != footer_.end_offset)
      return Corrupt("was to end at offset " + std::to_string(footer_.end_offset));
    file_.reset();
    framed_ = false;
    return true;
  }

  // Where no whole frame is, but the bytes `seen` of a head: the segment is closed, or it ends where its writer failed,
  // or the frame (or the footer) is being written, or it is corrupt.
  Result<bool> NoFrame(const std::string& seen) {
    if (footed_) return Corrupt("is not what was written");
    GFR_ASSIGN(const bool closed, ReadFooterNow());
    if (closed) return position_ == footer_.position ? LeaveClosed() : Corrupt("is not what was written");
    if (!next_known_) {
      GFR_ASSIGN(seen_bytes_, file_->size());
      GFR_ASSIGN(const auto segments, log_.Segments());
      next_known_ = !segments.empty() && segments.back() > segment_;
      if (next_known_) return true;  // Looked at once more: its writer was done with it by now.
      FrameHead head;
      const bool whole_head = seen.size() == kFrameHeadBytes;
      if (whole_head && !ReadFrameHead(seen, nonce_, position_, &head) && !FooterBegins(seen)) return TornOrCorrupt();
      return false;
    }
    if (!seen.empty()) return Corrupt("is cut off");
    file_.reset();
    framed_ = false;
    return true;
  }

  // What stands at `position_` is no frame. At the end of the last segment it may be a batch that a power cut tore: it
  // was never acknowledged, the next start cuts it (recover_segment.h), and until then the log ends before it. What was
  // said to be durable is corrupt.
  Result<bool> TornOrCorrupt() {
    buffer_.clear();
    GFR_ASSIGN(const auto segments, log_.Segments());
    if (footed_ || durable_ || segments.empty() || segments.back() != segment_)
      return Corrupt("is not what was written");
    GFR_ASSIGN(const std::string bytes, log_.fs().ReadAll(JoinPath(log_.folder(), segment_)));
    const FrameScan scan = ScanFrames(bytes);
    if (scan.state != FramesState::kTorn || scan.good_bytes != position_) return Corrupt("is not what was written");
    seen_bytes_ = bytes.size();
    if (!std::exchange(told_torn_, true))
      LogWarning("log", "the last batch was not written whole and was never acknowledged; the log is read up to it",
                 {{"segment", segment_}, {"at_byte", position_}, {"offset", expected_}});
    return false;
  }

  // A footer's third number is where the first frame begins: as a frame's lengths, these would be of no records.
  bool FooterBegins(std::string_view bytes) const {
    std::uint64_t words[3];
    std::memcpy(words, bytes.data(), sizeof words);
    return words[0] == expected_ && words[2] == kSegmentHeaderBytes;
  }

  // Makes more bytes visible, at least as many again as are held, or moves on to the next segment. False: there are
  // none now.
  Result<bool> ReadOn() {
    buffer_.erase(0, used_);
    position_ += used_;
    used_ = last_size_ = 0;
    GFR_ASSIGN(const std::string more,
               file_->Read(position_ + buffer_.size(), std::max<std::size_t>(1u << 20, buffer_.size())));
    buffer_ += more;
    if (!more.empty()) return true;
    if (!next_known_) {
      GFR_ASSIGN(const auto segments, log_.Segments());
      next_known_ = !segments.empty() && segments.back() > segment_;
      return next_known_;  // If so, this one is looked at once more.
    }
    if (!buffer_.empty()) return Corrupt("is cut off");
    file_.reset();
    return true;
  }

  bool Grown() {
    if (!file_) {
      const auto segments = log_.Segments();
      return !segments.ok() || !segments.value().empty();
    }
    const auto size = file_->size();
    const std::uint64_t seen = framed_ ? seen_bytes_ : position_ + buffer_.size();
    if (!size.ok() || size.value() > seen) return true;  // An error is Next's to say.
    const auto segments = log_.Segments();
    return !segments.ok() || segments.value().back() > segment_;
  }

  LocalLog log_;
  const std::shared_ptr<DurableEnd> durable_;
  const std::uint32_t types_;
  const bool gives_all_;
  PassedRecord passed_;
  const std::uint64_t until_, from_;
  std::uint64_t durable_end_ = 0;      // As last seen.
  bool started_ = false;               // A segment was opened: `segment_` and `expected_` are set.
  std::vector<std::string> segments_;  // As last listed.
  std::string segment_;
  bool next_known_ = false;
  std::uint64_t expected_ = 0;  // Offset of the next record.
  std::unique_ptr<RandomAccessFile> file_;
  bool framed_ = false;      // It is of format 2: `buffer_` has the records of one frame.
  std::uint32_t nonce_ = 0;  // If so.
  bool footed_ = false;      // It is closed: `footer_` is set.
  bool told_torn_ = false;
  std::uint64_t seen_bytes_ = 0;  // The size of the file when there was no whole frame.
  Footer footer_;
  std::uint64_t position_ = 0;  // Of `buffer_` in the file; of the next frame.
  std::string buffer_;
  std::size_t used_ = 0, last_size_ = 0;  // The record that Next gave ends at `used_`.
};

}  // namespace

Result<std::vector<std::string>> LocalLog::Segments() const {
  GFR_ASSIGN(auto names, fs_.List(folder_));
  std::erase_if(names, [](const std::string& name) { return !name.ends_with(".log"); });
  return names;
}

std::string LocalLog::BaseName(std::uint64_t first_offset) {
  const std::string name = SegmentName(first_offset);
  return name.substr(0, name.size() - 4) + ".base";
}

// The newest base counts from the moment that it is there, also while segments before it are still being deleted.
Result<Positions> LocalLog::Begin() {
  GFR_ASSIGN(const auto names, fs_.List(folder_));
  std::uint64_t begin = 0;
  for (const std::string& name : names) {
    if (name.ends_with(".base")) begin = std::max<std::uint64_t>(begin, std::stoull(name));
  }
  return Positions{begin};
}

Result<std::unique_ptr<RandomAccessFile>> LocalLog::OpenBase() {
  GFR_ASSIGN(const Positions begin, Begin());
  if (begin[0] == 0) return std::unique_ptr<RandomAccessFile>();
  return fs_.OpenForRead(JoinPath(folder_, BaseName(begin[0])));
}

Result<Positions> LocalLog::End() {
  if (durable_) return Positions{durable_->offset()};
  GFR_ASSIGN(const auto segments, Segments());
  if (segments.empty()) return Positions{0};
  // The last one is read; one whose header is not whole yet holds nothing.
  std::uint64_t end = std::stoull(segments.back());
  GFR_ASSIGN(const auto reader, OpenUndecoded(end, UINT64_MAX));
  for (LogRecord record;; ++end) {
    GFR_ASSIGN(const bool more, reader->More(&record));
    if (!more) return Positions{end};
  }
}

Result<std::uint64_t> LocalLog::SizeBytes() {
  GFR_ASSIGN(const auto segments, Segments());
  std::uint64_t bytes = 0;
  for (const std::string& name : segments) {
    GFR_ASSIGN(const auto file, fs_.OpenForRead(JoinPath(folder_, name)));
    GFR_ASSIGN(const std::uint64_t size, file->size());
    bytes += size;
  }
  return bytes;
}

Result<std::unique_ptr<EventReader>> LocalLog::OpenUndecoded(std::uint64_t from, std::uint64_t until) {
  return std::unique_ptr<EventReader>(std::make_unique<LocalReader>(
      *this, durable_, from, ReadOptions{.types = 0, .until = Positions{until}}, /*gives_all=*/true));
}

Result<std::unique_ptr<EventReader>> LocalLog::Open(const Positions& from, ReadOptions options) {
  return std::unique_ptr<EventReader>(std::make_unique<LocalReader>(*this, durable_, from[0], std::move(options)));
}

}  // namespace gfr
