#include "dataset/settled_rows.h"

#include <zstd.h>

#include "base/byte_reader.h"
#include "base/byte_writer.h"

namespace gfr {
namespace {

constexpr std::uint32_t kSettledMagic = 0x53524647;  // "GFRS"
constexpr std::size_t kSettledHeadBytes = 20, kSettledChunkBytes = 1 << 20, kMostSettledChunk = 1u << 30;
constexpr int kSettledZstdLevel = 3;

enum class Entry : std::uint8_t { kRecord, kRow, kSlate, kChoice, kDropped };

template <typename... T>
void PutAll(ByteWriter& out, T... numbers) {
  (out.Number(numbers), ...);
}
template <typename... T>
void ReadAll(ByteReader& in, T&... numbers) {
  ((numbers = in.Number<T>()), ...);
}

// Gives the entries of one chunk after the other.
class Giver {
 public:
  Giver(const SettledGive& give, RowSink& sink) : give_(give), sink_(sink) {}

  Status Give(std::string_view entries) {
    for (ByteReader in{entries}; !in.left.empty() && sink_.status.ok();) {
      switch (Entry{in.Number<std::uint8_t>()}) {
        case Entry::kRecord: {
          FlushDropped();
          (void)in.Number<std::uint64_t>();
          why_ = give_.left_out(in.Number<Key>());
          break;
        }
        case Entry::kRow:
          GFR_TRY(Row(in));
          break;
        case Entry::kSlate:
          GFR_TRY(Slate(in));
          break;
        case Entry::kChoice:
          GFR_TRY(Choice(in));
          break;
        case Entry::kDropped:
          Dropped(in);
          break;
        default:
          in.bad = true;
      }
      if (in.bad) return Broken();
    }
    return sink_.status;
  }
  void FlushDropped() {
    for (const auto& [objective, lines] : dropped_) sink_.Dropped(objective, *why_, lines);
    dropped_.clear();
  }

 private:
  static Error Broken() { return {ErrorCode::kCorrupt, "settled rows are not what was written"}; }

  // The items' features, one behind the other, in `features_`.
  Status Values(ByteReader& in) {
    if (in.Number<std::uint8_t>() != 0) {
      at_ = {};
      ReadAll(in, at_.offset, at_.arrival_ms, at_.as_of, at_.now_ms, at_.epoch_end_ms, at_.items);
      at_.is_request = in.Number<std::uint8_t>() != 0;
      has_values_ = false;
    }
    items_.resize(in.Count(1));
    for (std::uint32_t& item : items_) item = static_cast<std::uint32_t>(in.Varint());
    if (in.bad || at_.items > 1u << 20) return Broken();
    if (why_ != nullptr) return {};
    if (!has_values_) {
      read_.resize(at_.items * give_.columns);
      popularity_.resize(at_.items);
      GFR_ASSIGN(const bool found, give_.find(at_, read_, popularity_, &known_));
      if (!found) return Broken();
      has_values_ = true;
    }
    features_.clear();
    for (const std::uint32_t item : items_) {
      if (item >= at_.items || !known_[item]) return Broken();
      const float* values = read_.data() + item * give_.columns;
      features_.insert(features_.end(), values, values + give_.columns);
    }
    return {};
  }

  Status Row(ByteReader& in) {
    const std::size_t objective = in.Number<std::uint8_t>();
    const bool label = in.Number<std::uint8_t>() != 0;
    RowPlace place{};
    ReadAll(in, place.offset, place.line, place.user, place.arrival_ms, place.session, place.item, place.request,
            place.as_of, place.now_ms, place.position, place.led_on, place.whole, place.amount);
    GFR_TRY(Values(in));
    if (objective >= give_.of_impressions.size() || items_.size() != 1) return Broken();
    if (why_ != nullptr) {
      ++dropped_[objective];
      return {};
    }
    if (give_.position_column >= 0 && give_.of_impressions[objective])
      features_[static_cast<std::size_t>(give_.position_column)] = static_cast<float>(place.position);
    sink_.Row(objective, place, label, features_);
    return {};
  }

  Status Slate(ByteReader& in) {
    SlateRow slate{};
    ReadAll(in, slate.user, slate.session, slate.arrival_ms, slate.offset, slate.click_offset, slate.items,
            slate.clicked);
    slate.untouched = in.Number<std::uint8_t>() != 0;
    slate.popularity = in.Floats();
    slate.most_recent = in.Floats();
    GFR_TRY(Values(in));
    if (why_ == nullptr) sink_.Slate(std::move(slate), features_);
    return {};
  }

  Status Choice(ByteReader& in) {
    ChoiceRow choice{};
    ReadAll(in, choice.user, choice.arrival_ms, choice.offset, choice.line, choice.pool, choice.shown, choice.position,
            choice.propensity);
    choice.clicked = in.Number<std::uint8_t>() != 0;
    choice.swapped = in.Number<std::uint8_t>() != 0;
    choice.clicked_below = in.Number<std::uint8_t>() != 0;
    GFR_TRY(Values(in));
    if (why_ == nullptr) sink_.Choice(choice, features_);
    return {};
  }

  void Dropped(ByteReader& in) {
    const std::size_t objective = in.Number<std::uint8_t>();
    const auto reason = DropReason{in.Number<std::uint8_t>()};
    const auto lines = in.Number<std::uint64_t>();
    if (objective >= give_.of_impressions.size() || static_cast<std::size_t>(reason) >= std::size(kDropReasons))
      in.bad = true;
    else if (why_ != nullptr)
      dropped_[objective] += lines;
    else
      sink_.Dropped(objective, reason, lines);
  }

  const SettledGive& give_;
  RowSink& sink_;
  const DropReason* why_ = nullptr;  // Of the record.
  std::unordered_map<std::size_t, std::uint64_t> dropped_;
  ReadInstant at_ = {};
  bool has_values_ = false;
  std::vector<std::uint32_t> items_;
  std::vector<float> read_, popularity_, features_;
  std::vector<bool> known_;
};

}  // namespace

Result<std::unique_ptr<SettledWriter>> SettledWriter::Open(FileSystem& fs, const std::string& path) {
  auto made = std::make_unique<SettledWriter>();
  GFR_ASSIGN(made->file_, fs.OpenForWrite(path, /*append=*/false));
  return made;
}

Status SettledWriter::At(std::uint64_t offset, Key person) {
  if (entries_.size() >= kSettledChunkBytes) GFR_TRY(Flush());
  at_.clear();
  ByteWriter out{&at_};
  out.Byte(static_cast<std::uint8_t>(Entry::kRecord));
  PutAll(out, offset, person);
  return {};
}

void SettledWriter::Put(const ItemsRead& values) {
  ByteWriter out{&entries_};
  const bool is_other = !has_last_ || last_ != values.at;
  out.Byte(is_other ? 1 : 0);
  if (is_other) {
    const ReadInstant& at = values.at;
    PutAll(out, at.offset, at.arrival_ms, at.as_of, at.now_ms, at.epoch_end_ms, at.items);
    out.Byte(at.is_request ? 1 : 0);
    last_ = at;
    has_last_ = true;
  }
  out.Varint(values.items.size());
  for (const std::uint32_t item : values.items) out.Varint(item);
}

void SettledWriter::Row(std::size_t objective, const RowPlace& p, bool label, const ItemsRead& values) {
  entries_ += std::exchange(at_, {});
  ByteWriter out{&entries_};
  for (const auto byte : {static_cast<std::uint8_t>(Entry::kRow), static_cast<std::uint8_t>(objective),
                          static_cast<std::uint8_t>(label ? 1 : 0)})
    out.Byte(byte);
  PutAll(out, p.offset, p.line, p.user, p.arrival_ms, p.session, p.item, p.request, p.as_of, p.now_ms, p.position,
         p.led_on, p.whole, p.amount);
  Put(values);
}

void SettledWriter::Slate(const SlateRow& s, const ItemsRead& values) {
  entries_ += std::exchange(at_, {});
  ByteWriter out{&entries_};
  out.Byte(static_cast<std::uint8_t>(Entry::kSlate));
  PutAll(out, s.user, s.session, s.arrival_ms, s.offset, s.click_offset, s.items, s.clicked);
  out.Byte(s.untouched ? 1 : 0);
  out.Floats(s.popularity);
  out.Floats(s.most_recent);
  Put(values);
}

void SettledWriter::Choice(const ChoiceRow& c, const ItemsRead& values) {
  entries_ += std::exchange(at_, {});
  ByteWriter out{&entries_};
  out.Byte(static_cast<std::uint8_t>(Entry::kChoice));
  PutAll(out, c.user, c.arrival_ms, c.offset, c.line, c.pool, c.shown, c.position, c.propensity);
  for (const bool flag : {c.clicked, c.swapped, c.clicked_below}) out.Byte(flag ? 1 : 0);
  Put(values);
}

void SettledWriter::Dropped(std::size_t objective, DropReason reason, std::uint64_t lines) {
  entries_ += std::exchange(at_, {});
  ByteWriter out{&entries_};
  for (const auto byte : {static_cast<std::uint8_t>(Entry::kDropped), static_cast<std::uint8_t>(objective),
                          static_cast<std::uint8_t>(reason)})
    out.Byte(byte);
  out.Number(lines);
}

Status SettledWriter::Flush() {
  if (entries_.empty()) return {};
  std::string stored(ZSTD_compressBound(entries_.size()), 0);
  const std::size_t size =
      ZSTD_compress(stored.data(), stored.size(), entries_.data(), entries_.size(), kSettledZstdLevel);
  if (ZSTD_isError(size)) return Error{ErrorCode::kInternal, std::string("zstd: ") + ZSTD_getErrorName(size)};
  stored.resize(size);
  std::string bytes;
  ByteWriter head{&bytes};
  PutAll(head, kSettledMagic, static_cast<std::uint32_t>(stored.size()), static_cast<std::uint32_t>(entries_.size()),
         Crc32c(stored.data(), stored.size()));
  head.Number(Crc32c(bytes.data(), bytes.size()));
  bytes += stored;
  bytes_ += bytes.size();
  entries_.clear();
  has_last_ = false;
  return file_->Append(bytes);
}

Status SettledWriter::Close() {
  GFR_TRY(Flush());
  GFR_TRY(file_->Sync());
  file_.reset();
  return {};
}

Status GiveSettled(FileSystem& fs, const std::string& path, std::uint64_t bytes, const SettledGive& give,
                   RowSink& sink) {
  const Error broken{ErrorCode::kCorrupt, "is not what was written", {path, 0}};
  GFR_ASSIGN(const auto file, fs.OpenForRead(path));
  GFR_ASSIGN(const std::uint64_t size, file->size());
  if (size != bytes) return broken;
  Giver giver(give, sink);
  std::string entries;
  for (std::uint64_t position = 0; position < size && sink.status.ok();) {
    GFR_ASSIGN(const std::string head, file->Read(position, kSettledHeadBytes));
    ByteReader in{head};
    std::uint32_t magic = 0, stored_bytes = 0, entry_bytes = 0, crc = 0, head_crc = 0;
    ReadAll(in, magic, stored_bytes, entry_bytes, crc, head_crc);
    if (in.bad || magic != kSettledMagic || head_crc != Crc32c(head.data(), head.size() - sizeof head_crc) ||
        entry_bytes > kMostSettledChunk || position + kSettledHeadBytes + stored_bytes > size)
      return broken;
    GFR_ASSIGN(const std::string stored, file->Read(position + kSettledHeadBytes, stored_bytes));
    if (stored.size() != stored_bytes || Crc32c(stored.data(), stored.size()) != crc) return broken;
    entries.resize(entry_bytes);
    if (ZSTD_decompress(entries.data(), entries.size(), stored.data(), stored.size()) != entry_bytes) return broken;
    GFR_TRY(giver.Give(entries));
    position += kSettledHeadBytes + stored_bytes;
  }
  giver.FlushDropped();
  return sink.status;
}

}  // namespace gfr
