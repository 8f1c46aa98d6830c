#include "log/frame.h"

#include <zstd.h>

#include <cstring>

#include "base/hash.h"
#include "event/event_codec.h"

namespace gfr {
namespace {

constexpr char kMagic[] = "GFRLOG2\n", kEndMagic[] = "GFREND2\n";
constexpr std::uint32_t kZstd = 1;
constexpr int kLevel = 3;

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

}  // namespace

bool IsFramedSegment(std::string_view header) { return header.substr(0, 8) == std::string_view(kMagic, 8); }

FramedSegment::FramedSegment(std::uint64_t first_offset) : next_(first_offset), frame_first_(first_offset) {
  bytes_.assign(kMagic, 8);
  Put(first_offset, &bytes_);
  Put(Crc32c(bytes_.data(), 16), &bytes_);
  Put(std::uint32_t{0}, &bytes_);
}

void FramedSegment::Add(std::int64_t arrival_ms, std::string_view event) {
  if (!frame_.empty() && frame_.size() + kFramedHeaderBytes + event.size() > kFrameBytes) EndFrame();
  Put(static_cast<std::uint32_t>(event.size()), &frame_);
  Put(arrival_ms, &frame_);
  frame_.append(event);
  ++next_;
}

void FramedSegment::EndFrame() {
  std::string stored(ZSTD_compressBound(frame_.size()), '\0');
  stored.resize(ZSTD_compress(stored.data(), stored.size(), frame_.data(), frame_.size(), kLevel));
  index_.push_back(frame_first_);
  index_.push_back(bytes_.size());
  const std::size_t at = bytes_.size();
  Put(frame_first_, &bytes_);
  Put(frame_first_, &bytes_);  // What stood before was on disk: the segment was closed.
  Put(static_cast<std::uint32_t>(stored.size()), &bytes_);
  Put(static_cast<std::uint32_t>(frame_.size()), &bytes_);
  Put(static_cast<std::uint32_t>(next_ - frame_first_), &bytes_);
  Put(kZstd, &bytes_);
  Put(Crc32c(stored.data(), stored.size()), &bytes_);
  Put(Crc32c(bytes_.data() + at, bytes_.size() - at), &bytes_);
  bytes_ += stored;
  frame_.clear();
  frame_first_ = next_;
}

std::string FramedSegment::Finish() {
  if (!frame_.empty()) EndFrame();
  const std::size_t at = bytes_.size();
  Put(next_, &bytes_);
  for (const std::uint64_t value : index_) Put(value, &bytes_);
  Put(static_cast<std::uint32_t>(bytes_.size() - at + 16), &bytes_);
  Put(Crc32c(bytes_.data() + at, bytes_.size() - at), &bytes_);
  bytes_.append(kEndMagic, 8);
  return std::move(bytes_);
}

bool ReadFrameHead(std::string_view bytes, FrameHead* head) {
  const char* p = bytes.data();
  if (bytes.size() < kFrameHeadBytes || Load<std::uint32_t>(p + 36) != Crc32c(p, 36)) return false;
  *head = {.first_offset = Load<std::uint64_t>(p),
           .synced = Load<std::uint64_t>(p + 8),
           .length = Load<std::uint32_t>(p + 16),
           .raw_length = Load<std::uint32_t>(p + 20),
           .count = Load<std::uint32_t>(p + 24),
           .codec = Load<std::uint32_t>(p + 28),
           .crc = Load<std::uint32_t>(p + 32)};
  return head->raw_length <= kMaxPayloadBytes + kFrameBytes && head->codec == kZstd &&
         head->length <= ZSTD_compressBound(head->raw_length);
}

bool ReadFrame(const FrameHead& head, std::string_view stored, std::string* records) {
  if (stored.size() != head.length || Crc32c(stored.data(), stored.size()) != head.crc) return false;
  // Memory is taken for what the compressed bytes themselves say, too.
  if (ZSTD_getFrameContentSize(stored.data(), stored.size()) != head.raw_length) return false;
  records->resize(head.raw_length);
  return ZSTD_decompress(records->data(), records->size(), stored.data(), stored.size()) == head.raw_length;
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

FramedWalk WalkFramed(std::string_view bytes,
                      const std::function<void(std::uint64_t, std::int64_t, std::string_view)>& each) {
  FramedWalk walk;
  if (!IsFramedSegment(bytes) || !ReadSegmentHeader(bytes, &walk.end_offset)) return walk;
  walk.good_bytes = kSegmentHeaderBytes;
  const std::uint64_t footer_bytes = FooterBytes(bytes.substr(bytes.size() - 16));
  Footer footer;
  const bool footed =
      footer_bytes <= bytes.size() && ReadFooter(bytes.substr(bytes.size() - footer_bytes), bytes.size(), &footer);
  FrameHead head;
  std::string records;
  std::size_t frames = 0;
  while (!footed || walk.good_bytes < footer.position) {
    const std::string_view left = bytes.substr(walk.good_bytes);
    if (!ReadFrameHead(left, &head) || head.first_offset != walk.end_offset) return walk;
    if (footed && (2 * frames + 1 >= footer.index.size() || footer.index[2 * frames] != head.first_offset ||
                   footer.index[2 * frames + 1] != walk.good_bytes))
      return walk;
    if (!ReadFrame(head, left.substr(kFrameHeadBytes, head.length), &records)) return walk;
    LogRecord record;
    std::string_view rest = records;
    std::vector<std::string_view> framed;
    for (std::size_t size = 0; !rest.empty(); rest.remove_prefix(size)) {
      if (ReadFramedRecord(rest, 0, &record, &size, /*types=*/0) != RecordState::kOk) return walk;
      framed.push_back(rest.substr(0, size));
    }
    if (framed.size() != head.count) return walk;
    for (const std::string_view one : framed)
      each(walk.end_offset++, Load<std::int64_t>(one.data() + 4), one.substr(kFramedHeaderBytes));
    walk.good_bytes += kFrameHeadBytes + head.length;
    ++frames;
  }
  walk.whole =
      walk.good_bytes == footer.position && walk.end_offset == footer.end_offset && 2 * frames == footer.index.size();
  return walk;
}

std::uint64_t FooterBytes(std::string_view last_16) {
  if (last_16.size() != 16 || last_16.substr(8) != std::string_view(kEndMagic, 8)) return 0;
  return Load<std::uint32_t>(last_16.data());
}

bool ReadFooter(std::string_view bytes, std::uint64_t file_bytes, Footer* footer) {
  if (bytes.size() < 24 || bytes.size() % 16 != 8 || FooterBytes(bytes.substr(bytes.size() - 16)) != bytes.size())
    return false;
  if (bytes.size() + kSegmentHeaderBytes > file_bytes) return false;
  const char* crc = bytes.data() + bytes.size() - 12;
  if (Load<std::uint32_t>(crc) != Crc32c(bytes.data(), bytes.size() - 12)) return false;
  footer->end_offset = Load<std::uint64_t>(bytes.data());
  footer->position = file_bytes - bytes.size();
  footer->index.clear();
  for (std::size_t at = 8; at + 16 < bytes.size(); at += 8)
    footer->index.push_back(Load<std::uint64_t>(bytes.data() + at));
  return true;
}

}  // namespace gfr
