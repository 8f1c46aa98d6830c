#include "dataset/settled_rows.h"

#include <optional>
#include <utility>

#include "base/byte_reader.h"
#include "base/byte_writer.h"
#include "dataset/field_coding.h"
#include "dataset/stored_block.h"

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

// The fields of each kind of entry in their order, for a FieldWriter or a FieldReader.
template <typename Coder>
void CodePlace(Coder& coder, RowPlace& last, const RowPlace& now) {
  coder.Begin();
  coder.Number(last.offset, now.offset);
  coder.Number(last.line, now.line);
  coder.Name(last.user, now.user);
  coder.Number(last.arrival_ms, now.arrival_ms);
  coder.Name(last.session, now.session);
  coder.Name(last.item, now.item);
  coder.Name(last.request, now.request);
  coder.Number(last.as_of, now.as_of);
  coder.Number(last.now_ms, now.now_ms);
  coder.Number(last.position, now.position);
  coder.Real(last.led_on, now.led_on);
  coder.Real(last.whole, now.whole);
  coder.Real(last.amount, now.amount);
  coder.End();
}

template <typename Coder>
void CodeInstant(Coder& coder, ReadInstant& last, const ReadInstant& now) {
  coder.Begin();
  coder.Number(last.offset, now.offset);
  coder.Number(last.arrival_ms, now.arrival_ms);
  coder.Number(last.as_of, now.as_of);
  coder.Number(last.now_ms, now.now_ms);
  coder.Number(last.epoch_end_ms, now.epoch_end_ms);
  coder.Number(last.items, now.items);
  coder.Number(last.is_request, now.is_request);
  coder.End();
}

template <typename Coder>
void CodeSlate(Coder& coder, SlateRow& last, const SlateRow& now) {
  coder.Begin();
  coder.Name(last.user, now.user);
  coder.Name(last.session, now.session);
  coder.Number(last.arrival_ms, now.arrival_ms);
  coder.Number(last.offset, now.offset);
  coder.Number(last.click_offset, now.click_offset);
  coder.Number(last.items, now.items);
  coder.Number(last.clicked, now.clicked);
  coder.Number(last.untouched, now.untouched);
  coder.End();
}

template <typename Coder>
void CodeChoice(Coder& coder, ChoiceRow& last, const ChoiceRow& now) {
  coder.Begin();
  coder.Name(last.user, now.user);
  coder.Number(last.arrival_ms, now.arrival_ms);
  coder.Number(last.offset, now.offset);
  coder.Number(last.line, now.line);
  coder.Number(last.pool, now.pool);
  coder.Number(last.shown, now.shown);
  coder.Number(last.position, now.position);
  coder.Real(last.propensity, now.propensity);
  coder.Number(last.clicked, now.clicked);
  coder.Number(last.swapped, now.swapped);
  coder.Number(last.clicked_below, now.clicked_below);
  coder.End();
}

// What the entries of a chunk are written against.
struct LastEntries {
  std::uint64_t record = 0;
  Key person = 0;
  RowPlace place{};
  ReadInstant at{};
  SlateRow slate{};
  ChoiceRow choice{};

  template <typename Coder>
  void CodeRecord(Coder& coder, std::uint64_t offset, Key its_person) {
    coder.Begin();
    coder.Number(record, offset);
    coder.Name(person, its_person);
    coder.End();
  }
};

// Gives the entries of one chunk after the other.
class Giver {
 public:
  Giver(const SettledGive& give, RowSink& sink) : give_(give), sink_(sink) {}

  Status Give(std::string_view entries) {
    ByteReader in{entries};
    fields_.emplace(&in);
    last_ = {};
    has_values_ = false;
    while (!in.left.empty() && sink_.status.ok()) {
      switch (Entry{in.Number<std::uint8_t>()}) {
        case Entry::kRecord:
          FlushDropped();
          last_.CodeRecord(*fields_, 0, 0);
          why_ = give_.left_out(last_.person);
          break;
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
    CodeInstant(*fields_, last_.at, last_.at);
    if (fields_->differ()) has_values_ = false;
    const ReadInstant& at = last_.at;
    items_.resize(in.Count(1));
    for (std::uint32_t& item : items_) item = static_cast<std::uint32_t>(in.Varint());
    if (in.bad || at.items > 1u << 20) return Broken();
    if (why_ != nullptr) return {};
    if (!has_values_) {
      read_.resize(at.items * give_.columns);
      popularity_.resize(at.items);
      GFR_ASSIGN(const bool found, give_.find(at, read_, popularity_, &known_));
      if (!found) return Broken();
      has_values_ = true;
    }
    features_.clear();
    for (const std::uint32_t item : items_) {
      if (item >= at.items || !known_[item]) return Broken();
      const float* values = read_.data() + item * give_.columns;
      features_.insert(features_.end(), values, values + give_.columns);
    }
    return {};
  }

  Status Row(ByteReader& in) {
    const std::size_t objective = in.Number<std::uint8_t>();
    const bool label = in.Number<std::uint8_t>() != 0;
    CodePlace(*fields_, last_.place, last_.place);
    const RowPlace& place = last_.place;
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
    CodeSlate(*fields_, last_.slate, last_.slate);
    SlateRow slate = last_.slate;
    slate.popularity = in.Floats();
    slate.most_recent = in.Floats();
    GFR_TRY(Values(in));
    if (why_ == nullptr) sink_.Slate(std::move(slate), features_);
    return {};
  }

  Status Choice(ByteReader& in) {
    CodeChoice(*fields_, last_.choice, last_.choice);
    GFR_TRY(Values(in));
    if (why_ == nullptr) sink_.Choice(last_.choice, features_);
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
  LastEntries last_;
  std::optional<FieldReader> fields_;  // Of the chunk.
  bool has_values_ = false;            // Of last_.at.
  std::vector<std::uint32_t> items_;
  std::vector<float> read_, popularity_, features_;
  std::vector<bool> known_;
};

}  // namespace

struct SettledWriter::Chunk {
  std::string entries;
  FieldWriter fields{&entries};
  LastEntries last;

  void Begin(Entry kind) { entries.push_back(static_cast<char>(kind)); }
};

SettledWriter::SettledWriter() : chunk_(std::make_unique<Chunk>()) {}
SettledWriter::~SettledWriter() = default;

Result<std::unique_ptr<SettledWriter>> SettledWriter::Open(FileSystem& fs, const std::string& path) {
  auto made = std::make_unique<SettledWriter>();
  GFR_ASSIGN(made->file_, fs.OpenForWrite(path, /*append=*/false));
  return made;
}

Status SettledWriter::At(std::uint64_t offset, Key person) {
  if (chunk_->entries.size() >= kSettledChunkBytes) GFR_TRY(Flush());
  has_begun_ = false;
  offset_ = offset;
  person_ = person;
  return {};
}

void SettledWriter::BeginRecord() {
  if (std::exchange(has_begun_, true)) return;
  chunk_->Begin(Entry::kRecord);
  chunk_->last.CodeRecord(chunk_->fields, offset_, person_);
}

void SettledWriter::Put(const ItemsRead& values) {
  CodeInstant(chunk_->fields, chunk_->last.at, values.at);
  ByteWriter out{&chunk_->entries};
  out.Varint(values.items.size());
  for (const std::uint32_t item : values.items) out.Varint(item);
}

void SettledWriter::Row(std::size_t objective, const RowPlace& place, bool label, const ItemsRead& values) {
  BeginRecord();
  chunk_->Begin(Entry::kRow);
  ByteWriter out{&chunk_->entries};
  out.Byte(static_cast<std::uint8_t>(objective));
  out.Byte(label ? 1 : 0);
  CodePlace(chunk_->fields, chunk_->last.place, place);
  Put(values);
}

void SettledWriter::Slate(const SlateRow& slate, const ItemsRead& values) {
  BeginRecord();
  chunk_->Begin(Entry::kSlate);
  CodeSlate(chunk_->fields, chunk_->last.slate, slate);
  ByteWriter out{&chunk_->entries};
  out.Floats(slate.popularity);
  out.Floats(slate.most_recent);
  Put(values);
}

void SettledWriter::Choice(const ChoiceRow& choice, const ItemsRead& values) {
  BeginRecord();
  chunk_->Begin(Entry::kChoice);
  CodeChoice(chunk_->fields, chunk_->last.choice, choice);
  Put(values);
}

void SettledWriter::Dropped(std::size_t objective, DropReason reason, std::uint64_t lines) {
  BeginRecord();
  chunk_->Begin(Entry::kDropped);
  ByteWriter out{&chunk_->entries};
  out.Byte(static_cast<std::uint8_t>(objective));
  out.Byte(static_cast<std::uint8_t>(reason));
  out.Number(lines);
}

Status SettledWriter::Flush() {
  const std::string& entries = chunk_->entries;
  if (entries.empty()) return {};
  GFR_ASSIGN(const std::string stored, StoreBlock(entries, kSettledZstdLevel));
  std::string bytes;
  ByteWriter head{&bytes};
  PutAll(head, kSettledMagic, static_cast<std::uint32_t>(stored.size()), static_cast<std::uint32_t>(entries.size()),
         Crc32c(stored.data(), stored.size()));
  head.Number(Crc32c(bytes.data(), bytes.size()));
  bytes += stored;
  bytes_ += bytes.size();
  chunk_ = std::make_unique<Chunk>();
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
    if (!ReadStoredBlock(stored, entry_bytes, &entries)) return broken;
    GFR_TRY(giver.Give(entries));
    position += kSettledHeadBytes + stored_bytes;
  }
  giver.FlushDropped();
  return sink.status;
}

}  // namespace gfr
