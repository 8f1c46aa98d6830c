#include "operations/import_sort.h"

#include "base/byte_reader.h"
#include "base/byte_writer.h"
#include "event/event_codec.h"

namespace gfr {
namespace {

constexpr std::size_t kChunk = 1u << 20;

// Of a record in the spool: how long it is, whether it is of the log, its time and the request it names.
struct Head {
  static constexpr std::size_t kBytes = 21;
  std::uint32_t size = 0;
  std::uint8_t old = 0;
  std::int64_t time_ms = 0;
  Key request = 0;

  void Write(std::string* out) const {
    ByteWriter w{out};
    w.Number(size);
    w.Number(old);
    w.Number(time_ms);
    w.Number(request);
  }
  static Head Read(std::string_view bytes) {
    ByteReader r{bytes};
    Head head;
    head.size = r.Number<std::uint32_t>();
    head.old = r.Number<std::uint8_t>();
    head.time_ms = r.Number<std::int64_t>();
    head.request = r.Number<Key>();
    return head;
  }
};

}  // namespace

ImportSort::ImportSort(FileSystem& fs, const std::string& folder, std::size_t memory_bytes)
    : fs_(fs), folder_(folder), sort_(std::make_unique<ExternalSort>(fs, JoinPath(folder, "sort"), memory_bytes)) {}

Result<std::unique_ptr<ImportSort>> ImportSort::Open(FileSystem& fs, const std::string& folder,
                                                     std::size_t memory_bytes) {
  GFR_TRY(fs.RemoveTree(folder));
  GFR_TRY(fs.MakeFolders(folder));
  auto sort = std::unique_ptr<ImportSort>(new ImportSort(fs, folder, memory_bytes));
  GFR_ASSIGN(sort->spool_, fs.OpenForWrite(JoinPath(folder, "spool"), /*append=*/false));
  return sort;
}

ImportSort::~ImportSort() {
  spool_.reset();
  sort_.reset();
  (void)fs_.RemoveTree(folder_);
}

Status ImportSort::Add(const Event& event) { return Spool(false, event.time_ms, event); }
Status ImportSort::AddOld(const Event& event, std::int64_t arrival_ms) { return Spool(true, arrival_ms, event); }

Status ImportSort::Spool(bool old, std::int64_t time_ms, const Event& event) {
  const Key request = KeyOf(event.request_id);
  order_.Observe(event.type, request, time_ms, added_++);
  if (!old) ++by_type_[static_cast<std::size_t>(event.type)];
  std::string bytes;
  EncodeEvent(event, &bytes);
  Head{static_cast<std::uint32_t>(bytes.size()), old, time_ms, request}.Write(&pending_);
  pending_ += bytes;
  if (pending_.size() < kChunk) return {};
  GFR_TRY(spool_->Append(pending_));
  pending_.clear();
  return {};
}

Status ImportSort::Sort() {
  GFR_TRY(spool_->Append(pending_));
  pending_ = {};
  spool_.reset();
  GFR_ASSIGN(const auto file, fs_.OpenForRead(JoinPath(folder_, "spool")));
  std::string bytes, record;
  std::uint64_t offset = 0;
  std::size_t used = 0;
  // So many bytes behind `used`.
  const auto fill = [&](std::size_t need) -> Status {
    while (bytes.size() - used < need) {
      GFR_ASSIGN(const std::string more, file->Read(offset, std::max(kChunk, need)));
      if (more.empty()) return Error{ErrorCode::kCorrupt, "the spool of the import ends too early"};
      offset += more.size();
      bytes.erase(0, used);
      bytes += more;
      used = 0;
    }
    return {};
  };
  for (std::uint64_t order = 0; order < added_; ++order) {
    GFR_TRY(fill(Head::kBytes));
    const Head head = Head::Read(std::string_view(bytes).substr(used));
    GFR_TRY(fill(Head::kBytes + head.size));
    const std::string_view event = std::string_view(bytes).substr(used + Head::kBytes, head.size);
    const ArrivalOrder::Place place = order_.Of(PeekEventType(event), head.request, head.time_ms, order);
    record.assign(1, static_cast<char>(head.old));
    record += event;
    GFR_TRY(sort_->Add({place.arrival_ms, place.sequence}, record));
    used += Head::kBytes + head.size;
  }
  order_ = {};
  return sort_->Sort();
}

Result<bool> ImportSort::Next(Event* event, std::int64_t* arrival_ms) {
  SortKey key;
  std::string_view bytes;
  GFR_ASSIGN(const bool more, sort_->Next(&key, &bytes));
  if (!more) return false;
  GFR_ASSIGN(*event, DecodeEvent(bytes.substr(1)));
  *arrival_ms = key.first;
  if (bytes[0] == 0) {
    invented_.Number(*arrival_ms, event);
    shown_.Add(*event);
  }
  return true;
}

}  // namespace gfr
