#include "log/frame.h"

#include <zstd.h>

#include <cstring>

#include "base/hash.h"
#include "event/event_codec.h"

namespace gfr {
namespace {

constexpr char kMagic[] = "GFRLOG2\n", kEndMagic[] = "GFREND2\n";
constexpr std::uint32_t kPlain = 0, kZstd = 1;
constexpr int kWholeLevel = 3;
// Fewer bytes than these are not tried: zstd saves less of them than the head takes (docs/formats/log.md).
constexpr std::size_t kMinCompressed = 256;

template <typename T>
T Load(const char* p) {
  T value;
  std::memcpy(&value, p, sizeof value);
  return value;
}

template <typename T>
void Put(T value, std::string* out) {
  out->append(reinterpret_cast<const char*>(&value), sizeof value);
}

// What a checksum begins with, so that it holds in one segment and at one place alone.
std::uint32_t Seed(std::uint32_t nonce, std::uint64_t position) {
  if (nonce == 0) return 0;
  char bytes[12];
  std::memcpy(bytes, &nonce, 4);
  std::memcpy(bytes + 4, &position, 8);
  return Crc32c(bytes, sizeof bytes);
}

}  // namespace

bool IsFramedSegment(std::string_view header) { return header.substr(0, 8) == std::string_view(kMagic, 8); }

std::string FramedSegmentHeader(std::uint64_t first_offset, std::uint32_t nonce) {
  std::string header(kMagic, 8);
  Put(first_offset, &header);
  std::uint32_t crc = Crc32c(header.data(), 16);
  if (nonce != 0) crc = Crc32c(&nonce, 4, crc);
  Put(crc, &header);
  Put(nonce, &header);
  return header;
}

void AppendFramedRecord(std::int64_t arrival_ms, std::string_view event, std::string* out) {
  Put(static_cast<std::uint32_t>(event.size()), out);
  Put(arrival_ms, out);
  out->append(event);
}

void AppendFramedRecord(std::int64_t arrival_ms, const Event& event, std::string* out) {
  const std::size_t at = out->size();
  Put(std::uint32_t{0}, out);
  Put(arrival_ms, out);
  EncodeEvent(event, out);
  const auto length = static_cast<std::uint32_t>(out->size() - at - kFramedHeaderBytes);
  std::memcpy(out->data() + at, &length, 4);
}

struct FrameEncoder::Context {
  ZSTD_CCtx* const zstd = ZSTD_createCCtx();
  ~Context() { ZSTD_freeCCtx(zstd); }
};

FrameEncoder::FrameEncoder(int level) : context_(std::make_unique<Context>()), level_(level) {}
FrameEncoder::~FrameEncoder() = default;

void FrameEncoder::Append(FrameHead head, std::string_view records, std::uint32_t nonce, std::uint64_t position,
                          std::string* out) {
  std::string_view stored = records;
  head.codec = kPlain;
  if (records.size() >= kMinCompressed) {
    stored_.resize(ZSTD_compressBound(records.size()));
    const std::size_t size =
        ZSTD_compressCCtx(context_->zstd, stored_.data(), stored_.size(), records.data(), records.size(), level_);
    if (!ZSTD_isError(size) && size < records.size()) {
      stored = std::string_view(stored_).substr(0, size);
      head.codec = kZstd;
    }
  }
  const std::size_t at = out->size();
  Put(head.first_offset, out);
  Put(head.synced, out);
  Put(static_cast<std::uint32_t>(stored.size()), out);
  Put(static_cast<std::uint32_t>(records.size()), out);
  Put(head.count, out);
  Put(head.codec, out);
  Put(Crc32c(stored.data(), stored.size()), out);
  Put(Crc32c(out->data() + at, 36, Seed(nonce, position)), out);
  out->append(stored);
}

std::string SegmentFooter(std::uint64_t end_offset, const FrameIndex& index, std::uint32_t nonce) {
  std::string footer;
  Put(end_offset, &footer);
  for (const std::uint64_t value : index) Put(value, &footer);
  Put(static_cast<std::uint32_t>(footer.size() + 16), &footer);
  Put(Crc32c(footer.data(), footer.size(), Seed(nonce, 0)), &footer);
  footer.append(kEndMagic, 8);
  return footer;
}

FramedSegment::FramedSegment(std::uint64_t first_offset)
    : encoder_(kWholeLevel),
      bytes_(FramedSegmentHeader(first_offset, 0)),
      next_(first_offset),
      frame_first_(first_offset) {}

void FramedSegment::Add(std::int64_t arrival_ms, std::string_view event) {
  if (!frame_.empty() && frame_.size() + kFramedHeaderBytes + event.size() > kFrameBytes) EndFrame();
  AppendFramedRecord(arrival_ms, event, &frame_);
  ++next_;
}

void FramedSegment::EndFrame() {
  index_.push_back(frame_first_);
  index_.push_back(bytes_.size());
  // What stands before it was on disk: the segment is made as a whole.
  encoder_.Append(
      {.first_offset = frame_first_, .synced = frame_first_, .count = static_cast<std::uint32_t>(next_ - frame_first_)},
      frame_, 0, bytes_.size(), &bytes_);
  frame_.clear();
  frame_first_ = next_;
}

std::string FramedSegment::Finish() {
  if (!frame_.empty()) EndFrame();
  bytes_ += SegmentFooter(next_, index_, 0);
  return std::move(bytes_);
}

namespace {

// What our writer put there, be it one of a later version.
bool IsFrameHead(std::string_view bytes, std::uint32_t nonce, std::uint64_t position) {
  return bytes.size() >= kFrameHeadBytes &&
         Load<std::uint32_t>(bytes.data() + 36) == Crc32c(bytes.data(), 36, Seed(nonce, position));
}

}  // namespace

bool ReadFrameHead(std::string_view bytes, std::uint32_t nonce, std::uint64_t position, FrameHead* head) {
  if (!IsFrameHead(bytes, nonce, position)) return false;
  const char* p = bytes.data();
  *head = {.first_offset = Load<std::uint64_t>(p),
           .synced = Load<std::uint64_t>(p + 8),
           .length = Load<std::uint32_t>(p + 16),
           .raw_length = Load<std::uint32_t>(p + 20),
           .count = Load<std::uint32_t>(p + 24),
           .codec = Load<std::uint32_t>(p + 28),
           .crc = Load<std::uint32_t>(p + 32)};
  return head->raw_length <= kMaxPayloadBytes + kFrameBytes &&
         ((head->codec == kZstd && head->length <= ZSTD_compressBound(head->raw_length)) ||
          (head->codec == kPlain && head->length == head->raw_length));
}

namespace {

// The records of stored bytes that are what was written.
bool UnpackFrame(const FrameHead& head, std::string_view stored, std::string* records) {
  if (head.codec == kPlain) {
    records->assign(stored);
    return head.length == head.raw_length;
  }
  // Memory is taken for what the compressed bytes themselves say, too.
  if (ZSTD_getFrameContentSize(stored.data(), stored.size()) != head.raw_length) return false;
  records->resize(head.raw_length);
  return ZSTD_decompress(records->data(), records->size(), stored.data(), stored.size()) == head.raw_length;
}

}  // namespace

bool ReadFrame(const FrameHead& head, std::string_view stored, std::string* records) {
  return stored.size() == head.length && Crc32c(stored.data(), stored.size()) == head.crc &&
         UnpackFrame(head, stored, records);
}

RecordState ReadFramedRecord(std::string_view records, std::uint64_t offset, LogRecord* record, std::size_t* size,
                             std::uint32_t types) {
  if (records.size() < kFramedHeaderBytes) return RecordState::kShort;
  const auto length = Load<std::uint32_t>(records.data());
  if (length > records.size() - kFramedHeaderBytes) return RecordState::kShort;
  record->offset = offset;
  record->arrival_ms = Load<std::int64_t>(records.data() + 4);
  *size = kFramedHeaderBytes + length;
  return ReadPayload(records.substr(kFramedHeaderBytes, length), record, types);
}

std::uint64_t FooterBytes(std::string_view last_16) {
  if (last_16.size() != 16 || last_16.substr(8) != std::string_view(kEndMagic, 8)) return 0;
  return Load<std::uint32_t>(last_16.data());
}

bool ReadFooter(std::string_view bytes, std::uint64_t file_bytes, std::uint32_t nonce, Footer* footer) {
  if (bytes.size() < 24 || bytes.size() % 16 != 8 || FooterBytes(bytes.substr(bytes.size() - 16)) != bytes.size())
    return false;
  if (bytes.size() + kSegmentHeaderBytes > file_bytes) return false;
  const char* crc = bytes.data() + bytes.size() - 12;
  if (Load<std::uint32_t>(crc) != Crc32c(bytes.data(), bytes.size() - 12, Seed(nonce, 0))) return false;
  footer->end_offset = Load<std::uint64_t>(bytes.data());
  footer->position = file_bytes - bytes.size();
  footer->index.clear();
  for (std::size_t at = 8; at + 16 < bytes.size(); at += 8)
    footer->index.push_back(Load<std::uint64_t>(bytes.data() + at));
  return true;
}

namespace {

// Whether a frame of this segment begins anywhere from `from` on: its head has its own place in its checksum.
bool HeadFollows(std::string_view bytes, std::size_t from, std::uint32_t nonce) {
  for (std::size_t at = from; at + kFrameHeadBytes <= bytes.size(); ++at) {
    if (IsFrameHead(bytes.substr(at), nonce, at)) return true;
  }
  return false;
}

}  // namespace

FrameScan ScanFrames(std::string_view bytes) {
  FrameScan scan;
  if (!IsFramedSegment(bytes) || !ReadSegmentHeader(bytes, &scan.end_offset)) return scan;
  const std::uint32_t nonce = SegmentNonce(bytes);
  scan.good_bytes = kSegmentHeaderBytes;
  const std::uint64_t footer_bytes = FooterBytes(bytes.substr(bytes.size() - 16));
  Footer footer;
  const bool footed = footer_bytes <= bytes.size() &&
                      ReadFooter(bytes.substr(bytes.size() - footer_bytes), bytes.size(), nonce, &footer);
  const std::size_t end = footed ? footer.position : bytes.size();
  FrameHead head;
  std::size_t behind = 0;  // The first byte that is not of the bad frame, as far as is known.
  while (scan.good_bytes < end) {
    const std::string_view left = bytes.substr(scan.good_bytes);
    behind = scan.good_bytes + 1;
    if (!IsFrameHead(left, nonce, scan.good_bytes)) break;
    if (!ReadFrameHead(left, nonce, scan.good_bytes, &head) || head.first_offset != scan.end_offset || head.count == 0)
      return scan;  // Nothing torn: it was written so.
    behind = scan.good_bytes + kFrameHeadBytes + head.length;
    const std::string_view stored = left.substr(kFrameHeadBytes, head.length);
    if (stored.size() != head.length || Crc32c(stored.data(), stored.size()) != head.crc) break;
    scan.index.push_back(scan.end_offset);
    scan.index.push_back(scan.good_bytes);
    scan.end_offset += head.count;
    scan.raw_bytes += head.raw_length;
    scan.good_bytes += kFrameHeadBytes + head.length;
  }
  if (footed) {
    if (scan.good_bytes == end && scan.end_offset == footer.end_offset && scan.index == footer.index)
      scan.state = FramesState::kClosed;
  } else if (nonce != 0 && scan.good_bytes == end) {
    scan.state = FramesState::kOpen;
  } else if (nonce != 0) {
    if (!HeadFollows(bytes, behind, nonce)) scan.state = FramesState::kTorn;
  }
  return scan;
}

FramedWalk WalkFramed(std::string_view bytes,
                      const std::function<void(std::uint64_t, std::int64_t, std::string_view)>& each) {
  const FrameScan scan = ScanFrames(bytes);
  FramedWalk walk;
  if (scan.good_bytes == 0) return walk;
  (void)ReadSegmentHeader(bytes, &walk.end_offset);
  walk.good_bytes = kSegmentHeaderBytes;
  std::string records;
  std::vector<std::string_view> framed;
  for (std::size_t k = 0; k < scan.index.size(); k += 2) {
    FrameHead head;
    const std::string_view left = bytes.substr(scan.index[k + 1]);
    if (!ReadFrameHead(left, SegmentNonce(bytes), scan.index[k + 1], &head)) return walk;
    // The scan has compared the checksum of what is stored.
    if (!UnpackFrame(head, left.substr(kFrameHeadBytes, head.length), &records)) return walk;
    LogRecord record;
    std::string_view rest = records;
    framed.clear();
    for (std::size_t size = 0; !rest.empty(); rest.remove_prefix(size)) {
      if (ReadFramedRecord(rest, 0, &record, &size, /*types=*/0) != RecordState::kOk) return walk;
      framed.push_back(rest.substr(0, size));
    }
    if (framed.size() != head.count) return walk;
    for (const std::string_view one : framed)
      each(walk.end_offset++, Load<std::int64_t>(one.data() + 4), one.substr(kFramedHeaderBytes));
    walk.good_bytes += kFrameHeadBytes + head.length;
  }
  walk.whole = scan.state == FramesState::kClosed || scan.state == FramesState::kOpen;
  return walk;
}

}  // namespace gfr
