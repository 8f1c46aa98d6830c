// Bytes that say which frames a segment has and what becomes of it: a scan of it refuses it or finds exactly the frames
// before the damage; and any bytes at all behind a good header, and behind a good head, are safe to read.
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "base/hash.h"
#include "event/event_codec.h"
#include "log/frame.h"

namespace {

using namespace gfr;

void Require(bool holds) {
  if (!holds) std::abort();
}

struct Bytes {
  const std::uint8_t* data;
  std::size_t left;
  std::uint32_t Take(int n) {
    std::uint32_t value = 0;
    for (; n > 0 && left > 0; --n, --left) value = value << 8 | *data++;
    return value;
  }
};

void DamageASegment(Bytes in) {
  const std::uint32_t nonce = in.Take(2) + 1;
  std::string bytes = FramedSegmentHeader(7, nonce), records;
  FrameEncoder encoder(1);
  FrameIndex index;
  std::uint64_t end = 7;
  std::vector<std::size_t> begins;
  std::vector<std::uint64_t> offsets;
  for (std::uint32_t frames = in.Take(1) % 6; frames > 0; --frames) {
    records.clear();
    const std::uint32_t count = 1 + in.Take(1) % 3;
    for (std::uint32_t i = 0; i < count; ++i) {
      // Texts of what the fuzzer gives, or of the segment so far.
      const std::size_t size = std::min<std::size_t>(in.Take(1), in.left);
      std::string event(reinterpret_cast<const char*>(in.data), size);
      in.data += size;
      in.left -= size;
      if (size % 5 == 0) event += bytes;
      AppendFramedRecord(1, event, &records);
    }
    begins.push_back(bytes.size());
    offsets.push_back(end);
    index.push_back(end);
    index.push_back(bytes.size());
    encoder.Append({.first_offset = end, .synced = end, .count = count}, records, nonce, bytes.size(), &bytes);
    end += count;
  }
  begins.push_back(bytes.size());
  offsets.push_back(end);
  Require(ScanFrames(bytes).state == FramesState::kOpen && ScanFrames(bytes).end_offset == end);
  Require(ScanFrames(bytes + SegmentFooter(end, index, nonce)).state == FramesState::kClosed);
  const std::size_t cut = kSegmentHeaderBytes + in.Take(2) % (bytes.size() - kSegmentHeaderBytes + 1);
  std::size_t bad = cut;  // The first changed byte.
  bytes.resize(cut);
  if (in.Take(1) % 2 == 1 && cut > kSegmentHeaderBytes) {
    bad = kSegmentHeaderBytes + in.Take(2) % (cut - kSegmentHeaderBytes);
    bytes[bad] = static_cast<char>(bytes[bad] ^ (1 + in.Take(1) % 255));
  }
  std::size_t frame = 0;
  while (frame + 1 < begins.size() && begins[frame + 1] <= bad) ++frame;
  const FrameScan scan = ScanFrames(bytes);
  Require(scan.end_offset == offsets[frame] && scan.good_bytes == begins[frame]);
  if (begins[frame] == bytes.size())
    Require(scan.state == FramesState::kOpen);
  else
    Require(scan.state == (frame + 2 < begins.size() && begins[frame + 1] + kFrameHeadBytes <= bytes.size()
                               ? FramesState::kCorrupt
                               : FramesState::kTorn));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  DamageASegment({data, size});
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto decode = [](std::uint64_t, std::int64_t, std::string_view event) { (void)DecodeEvent(event); };
  (void)WalkFramed(input, decode);
  (void)WalkFramed(FramedSegmentHeader(0, 5) + std::string(input), decode);
  std::string segment = FramedSegmentHeader(0, 5);  // The fuzzer's records behind good checksums.
  FrameEncoder(1).Append({.count = 1}, input, 5, segment.size(), &segment);
  (void)WalkFramed(segment, decode);
  (void)WalkFramed(segment + std::string(input) + SegmentFooter(1, {0, kSegmentHeaderBytes}, 5), decode);
  return 0;
}
