#include "dataset/value_file.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/byte_reader.h"
#include "base/byte_writer.h"
#include "dataset/stored_block.h"

namespace gfr {
namespace {

constexpr std::uint32_t kChunkMagic = 0x56524647;  // "GFRV"
constexpr std::size_t kChunkHeadBytes = 40, kChunkBytes = 1 << 20, kLoadedChunks = 8;
constexpr std::size_t kMaxChunkBytes = 1u << 30;  // Before it was stored.
constexpr std::size_t kEntryHeadBytes = 48, kValueBytes = sizeof(float);
constexpr int kZstdLevel = 1;

// What an entry begins with.
struct EntryHead {
  ReadInstant at;
  std::uint32_t used;
};

EntryHead ReadEntryHead(ByteReader& in, bool is_request) {
  EntryHead head{};
  head.at.offset = in.Number<std::uint64_t>();
  head.at.arrival_ms = in.Number<std::int64_t>();
  head.at.as_of = in.Number<std::int64_t>();
  head.at.now_ms = in.Number<std::int64_t>();
  head.at.epoch_end_ms = in.Number<std::int64_t>();
  head.at.items = in.Number<std::uint32_t>();
  head.at.is_request = is_request;
  head.used = in.Number<std::uint32_t>();
  if (head.used > head.at.items) in.bad = true;
  return head;
}

// What follows an entry's head. Columns that all its items have alike (most of a user's and a request's) lie there
// once.
struct EntryBody {
  std::string_view rows, popularity;  // u32 and float of each item kept.
  std::string_view alike;             // A bit a column.
  std::string_view values;            // Column by column: one value, or one of each item kept.

  bool IsAlike(std::size_t column) const { return static_cast<unsigned char>(alike[column / 8]) >> column % 8 & 1; }
};

EntryBody ReadEntryBody(const EntryHead& head, std::size_t columns, ByteReader& in) {
  EntryBody body;
  body.rows = in.Take(head.used * sizeof(std::uint32_t));
  body.popularity = in.Take(head.at.is_request ? head.used * sizeof(float) : 0);
  body.alike = in.Take((columns + 7) / 8);
  if (in.bad) return body;
  std::size_t alike = 0;
  for (const char bits : body.alike) alike += static_cast<std::size_t>(std::popcount(static_cast<unsigned char>(bits)));
  if (alike > columns) in.bad = true;
  if (!in.bad) body.values = in.Take((alike + (columns - alike) * head.used) * sizeof(float));
  return body;
}

// Numbers of `width` bytes each: all their first bytes, then all the second ones, and so on.
void PutPlanes(std::string_view numbers, std::size_t width, std::string* out) {
  const std::size_t count = numbers.size() / width, begin = out->size();
  out->resize(begin + numbers.size());
  for (std::size_t b = 0; b < width; ++b) {
    char* plane = out->data() + begin + b * count;
    for (std::size_t i = 0; i < count; ++i) plane[i] = numbers[i * width + b];
  }
}

std::string TakePlanes(ByteReader& in, std::size_t count, std::size_t width) {
  const std::string_view planes = in.Take(count * width);
  std::string numbers(planes.size(), 0);
  if (planes.empty()) return numbers;
  for (std::size_t b = 0; b < width; ++b) {
    for (std::size_t i = 0; i < count; ++i) numbers[i * width + b] = planes[b * count + i];
  }
  return numbers;
}

// A chunk's entries piece by piece and feature by feature: what is alike lies together, for zstd to find.
std::string ToColumns(std::string_view entries, std::size_t columns, bool is_request) {
  std::string heads, rows, popularity, alike, out;
  std::vector<std::string> values(columns);
  std::uint64_t count = 0;
  for (ByteReader in{entries}; !in.left.empty(); ++count) {
    heads += in.left.substr(0, kEntryHeadBytes);
    const EntryHead head = ReadEntryHead(in, is_request);
    const EntryBody body = ReadEntryBody(head, columns, in);
    rows += body.rows;
    popularity += body.popularity;
    alike += body.alike;
    const char* value = body.values.data();
    for (std::size_t c = 0; c < columns; ++c) {
      const std::size_t bytes = (body.IsAlike(c) ? 1 : head.used) * kValueBytes;
      values[c].append(value, bytes);
      value += bytes;
    }
  }
  ByteWriter{&out}.Varint(count);
  PutPlanes(heads, kEntryHeadBytes, &out);
  PutPlanes(rows, sizeof(std::uint32_t), &out);
  PutPlanes(popularity, kValueBytes, &out);
  PutPlanes(alike, std::max<std::size_t>(1, (columns + 7) / 8), &out);
  for (std::size_t c = 0; c < columns; ++c) {
    const auto same = std::find(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(c), values[c]);
    const auto place = static_cast<std::size_t>(same - values.begin());
    ByteWriter{&out}.Varint(place < c ? place + 1 : 0);
    if (place == c) PutPlanes(values[c], kValueBytes, &out);
  }
  return out;
}

// The entries of which ToColumns made `bytes`. False: it did not.
bool FromColumns(std::string_view bytes, std::size_t columns, bool is_request, std::string* entries) {
  ByteReader in{bytes};
  const std::size_t count = in.Count(kEntryHeadBytes), mask_bytes = (columns + 7) / 8;
  const std::string heads = TakePlanes(in, count, kEntryHeadBytes);
  std::vector<EntryHead> head(count);
  std::size_t all = 0;
  ByteReader each{heads};
  for (EntryHead& h : head) {
    h = ReadEntryHead(each, is_request);
    all += h.used;
  }
  if (in.bad || each.bad) return false;
  const std::string rows = TakePlanes(in, all, sizeof(std::uint32_t));
  const std::string popularity = TakePlanes(in, is_request ? all : 0, kValueBytes);
  const std::string alike = TakePlanes(in, mask_bytes > 0 ? count : 0, std::max<std::size_t>(1, mask_bytes));
  if (in.bad) return false;
  const auto is_alike = [&](std::size_t i, std::size_t c) {
    return static_cast<unsigned char>(alike[i * mask_bytes + c / 8]) >> c % 8 & 1;
  };
  std::vector<std::string> values(columns);
  std::size_t size = heads.size() + rows.size() + popularity.size() + alike.size();
  for (std::size_t c = 0; c < columns; ++c) {
    std::size_t numbers = 0;
    for (std::size_t i = 0; i < count; ++i) numbers += is_alike(i, c) ? 1 : head[i].used;
    const std::uint64_t same = in.Varint();
    if (same > c) return false;
    values[c] = same > 0 ? values[same - 1] : TakePlanes(in, numbers, kValueBytes);
    if (in.bad || values[c].size() != numbers * kValueBytes) return false;
    size += values[c].size();
  }
  entries->resize(size);
  char* to = entries->data();
  const auto put = [&to](const char*& from, std::size_t piece) {
    std::memcpy(to, from, piece);
    to += piece;
    from += piece;
  };
  const char *next_head = heads.data(), *next_row = rows.data(), *next_popularity = popularity.data(),
             *next_alike = alike.data();
  std::vector<const char*> next(columns);
  for (std::size_t c = 0; c < columns; ++c) next[c] = values[c].data();
  for (std::size_t i = 0; i < count; ++i) {
    put(next_head, kEntryHeadBytes);
    put(next_row, head[i].used * sizeof(std::uint32_t));
    if (is_request) put(next_popularity, head[i].used * kValueBytes);
    put(next_alike, mask_bytes);
    for (std::size_t c = 0; c < columns; ++c) put(next[c], (is_alike(i, c) ? 1 : head[i].used) * kValueBytes);
  }
  return in.left.empty();
}

}  // namespace

Result<std::unique_ptr<ValueWriter>> ValueWriter::Open(FileSystem& fs, const std::string& path, std::size_t columns) {
  auto made = std::make_unique<ValueWriter>();
  made->columns_ = columns;
  GFR_ASSIGN(made->file_, fs.OpenForWrite(path, /*append=*/false));
  return made;
}

Status ValueWriter::Add(const ReadInstant& at, std::span<const float> features, std::span<const float> popularity,
                        const std::vector<bool>& used) {
  const auto count = static_cast<std::uint32_t>(std::ranges::count(used, true));
  if (count == 0) return {};
  Chunk& chunk = chunks_[at.is_request ? 1 : 0];
  ByteWriter out{&chunk.entries};
  out.Number(at.offset);
  out.Number(at.arrival_ms);
  out.Number(at.as_of);
  out.Number(at.now_ms);
  out.Number(at.epoch_end_ms);
  out.Number(at.items);
  out.Number(count);
  for (std::uint32_t i = 0; i < at.items; ++i) {
    if (used[i]) out.Number(i);
  }
  for (std::uint32_t i = 0; at.is_request && i < at.items; ++i) {
    if (used[i]) out.Number(popularity[i]);
  }
  const auto first = static_cast<std::size_t>(std::ranges::find(used, true) - used.begin());
  const std::size_t mask = chunk.entries.size();
  chunk.entries.append((columns_ + 7) / 8, 0);
  for (std::size_t c = 0; c < columns_; ++c) {
    const auto bits = [&](std::size_t i) { return std::bit_cast<std::uint32_t>(features[i * columns_ + c]); };
    bool alike = true;
    for (std::size_t i = first + 1; i < at.items && alike; ++i) alike = !used[i] || bits(i) == bits(first);
    if (alike) chunk.entries[mask + c / 8] |= static_cast<char>(1u << c % 8);
    for (std::size_t i = first; i < (alike ? first + 1 : at.items); ++i) {
      if (used[i]) out.Number(bits(i));
    }
  }
  chunk.first = std::min(chunk.first, at.offset);
  chunk.last = std::max(chunk.last, at.offset);
  return chunk.entries.size() < kChunkBytes ? Status() : Flush(at.is_request);
}

Status ValueWriter::Flush(bool is_request) {
  Chunk& chunk = chunks_[is_request ? 1 : 0];
  if (chunk.entries.empty()) return {};
  const std::string block = ToColumns(chunk.entries, columns_, is_request);
  GFR_ASSIGN(const std::string stored, StoreBlock(block, kZstdLevel));
  std::string bytes;
  ByteWriter head{&bytes};
  head.Number(kChunkMagic);
  head.Number(static_cast<std::uint32_t>(stored.size()));
  head.Number(static_cast<std::uint32_t>(block.size()));
  head.Number(chunk.first);
  head.Number(chunk.last);
  head.Number(std::uint32_t{is_request});
  head.Number(Crc32c(stored.data(), stored.size()));
  head.Number(Crc32c(bytes.data(), bytes.size()));
  bytes += stored;
  chunk = {};
  bytes_ += bytes.size();
  return file_->Append(bytes);
}

Status ValueWriter::Close() {
  GFR_TRY(Flush(false));
  GFR_TRY(Flush(true));
  GFR_TRY(file_->Sync());
  file_.reset();
  return {};
}

Status ValueReader::Add(FileSystem& fs, const std::string& path, std::uint64_t bytes) {
  File file{path, nullptr};
  GFR_ASSIGN(file.file, fs.OpenForRead(path));
  GFR_ASSIGN(const std::uint64_t size, file.file->size());
  const Error broken{ErrorCode::kCorrupt, "is not what was written", {path, 0}};
  if (size != bytes) return broken;
  for (std::uint64_t position = 0; position < size;) {
    GFR_ASSIGN(const std::string head, file.file->Read(position, kChunkHeadBytes));
    ByteReader in{head};
    const auto magic = in.Number<std::uint32_t>();
    Chunk chunk{.file = files_.size(), .position = position + kChunkHeadBytes};
    chunk.bytes = in.Number<std::uint32_t>();
    chunk.block = in.Number<std::uint32_t>();
    chunk.first = in.Number<std::uint64_t>();
    chunk.last = in.Number<std::uint64_t>();
    const auto kind = in.Number<std::uint32_t>();
    chunk.crc = in.Number<std::uint32_t>();
    const auto crc = in.Number<std::uint32_t>();
    if (in.bad || magic != kChunkMagic || crc != Crc32c(head.data(), head.size() - sizeof crc) || kind > 1 ||
        chunk.block > kMaxChunkBytes || chunk.position + chunk.bytes > size)
      return broken;
    kinds_[kind].chunks.push_back(chunk);
    kinds_[kind].sorted = false;
    position = chunk.position + chunk.bytes;
  }
  files_.push_back(std::move(file));
  return {};
}

Result<const ValueReader::Loaded*> ValueReader::Load(Kind& kind, std::size_t index) const {
  const auto there = std::ranges::find(kind.loaded, index, &std::pair<std::size_t, Loaded>::first);
  if (there != kind.loaded.end()) {
    kind.loaded.splice(kind.loaded.begin(), kind.loaded, there);
    return &kind.loaded.front().second;
  }
  const Chunk& chunk = kind.chunks[index];
  Loaded loaded;
  GFR_ASSIGN(const std::string stored, files_[chunk.file].file->Read(chunk.position, chunk.bytes));
  const Error broken{ErrorCode::kCorrupt, "is not what was written", {files_[chunk.file].path, 0}};
  if (stored.size() != chunk.bytes || Crc32c(stored.data(), stored.size()) != chunk.crc) return broken;
  std::string block;
  if (!ReadStoredBlock(stored, chunk.block, &block) ||
      !FromColumns(block, columns_, &kind == &kinds_[1], &loaded.entries))
    return broken;
  for (ByteReader in{loaded.entries}; !in.left.empty();) {
    const std::size_t position = loaded.entries.size() - in.left.size();
    const EntryHead head = ReadEntryHead(in, &kind == &kinds_[1]);
    (void)ReadEntryBody(head, columns_, in);
    if (in.bad) return broken;
    loaded.at.emplace(head.at.offset, position);
  }
  if (kind.loaded.size() == kLoadedChunks) kind.loaded.pop_back();
  kind.loaded.emplace_front(index, std::move(loaded));
  return &kind.loaded.front().second;
}

Result<bool> ValueReader::Find(const ReadInstant& at, std::span<float> features, std::span<float> popularity,
                               std::vector<bool>* known) {
  Kind& kind = kinds_[at.is_request ? 1 : 0];
  if (!kind.sorted) {
    std::ranges::sort(kind.chunks, {}, &Chunk::first);
    std::uint64_t last = 0;
    for (Chunk& chunk : kind.chunks) chunk.last_so_far = last = std::max(last, chunk.last);
    kind.loaded.clear();
    kind.sorted = true;
  }
  auto chunk = std::ranges::upper_bound(kind.chunks, at.offset, {}, &Chunk::first);
  while (chunk != kind.chunks.begin() && (--chunk)->last_so_far >= at.offset) {
    if (chunk->last < at.offset) continue;
    GFR_ASSIGN(const Loaded* loaded, Load(kind, static_cast<std::size_t>(chunk - kind.chunks.begin())));
    const auto found = loaded->at.find(at.offset);
    if (found == loaded->at.end()) continue;
    ByteReader in{std::string_view(loaded->entries).substr(found->second)};
    const EntryHead head = ReadEntryHead(in, at.is_request);
    if (head.at != at) continue;
    known->assign(at.items, false);
    const EntryBody body = ReadEntryBody(head, columns_, in);
    std::vector<std::uint32_t> rows(head.used);
    std::memcpy(rows.data(), body.rows.data(), body.rows.size());
    if (std::ranges::any_of(rows, [&](std::uint32_t row) { return row >= at.items; }))
      return Error{ErrorCode::kCorrupt, "is not what was written", {files_[chunk->file].path, 0}};
    for (std::size_t i = 0; i < rows.size(); ++i) {
      if (at.is_request) std::memcpy(&popularity[rows[i]], body.popularity.data() + i * sizeof(float), sizeof(float));
      (*known)[rows[i]] = true;
    }
    const char* value = body.values.data();
    for (std::size_t c = 0; c < columns_; ++c) {
      const std::size_t step = body.IsAlike(c) ? 0 : sizeof(float);
      for (const std::uint32_t row : rows) {
        std::memcpy(&features[row * columns_ + c], value, sizeof(float));
        value += step;
      }
      if (step == 0) value += sizeof(float);
    }
    return true;
  }
  return false;
}

}  // namespace gfr
