#include "operations/import_sort.h"

#include <cstring>

#include "event/arrival_order.h"
#include "event/event_codec.h"

namespace gfr {
namespace {

// A record by arrival: u8 whether it is of the log, then the event. A record by request has the key (request, rank and
// order), and an i64 time in front.
constexpr std::size_t kTimeBytes = sizeof(std::int64_t);
constexpr int kOrderBits = 56;

}  // namespace

ImportSort::ImportSort(FileSystem& fs, const std::string& folder, std::size_t memory_bytes)
    : fs_(fs),
      folder_(folder),
      by_request_(std::make_unique<ExternalSort>(fs, JoinPath(folder, "by_request"), memory_bytes / 2)),
      by_arrival_(std::make_unique<ExternalSort>(fs, JoinPath(folder, "by_arrival"), memory_bytes / 2)) {}

Result<std::unique_ptr<ImportSort>> ImportSort::Open(FileSystem& fs, const std::string& folder,
                                                     std::size_t memory_bytes) {
  GFR_TRY(fs.RemoveTree(folder));
  GFR_TRY(fs.MakeFolders(folder));
  return std::unique_ptr<ImportSort>(new ImportSort(fs, folder, memory_bytes));
}

ImportSort::~ImportSort() {
  by_request_.reset();
  by_arrival_.reset();
  (void)fs_.RemoveTree(folder_);
}

Status ImportSort::Add(const Event& event) {
  ++by_type_[static_cast<std::size_t>(event.type)];
  return Put(false, event.time_ms, event);
}
Status ImportSort::AddOld(const Event& event, std::int64_t arrival_ms) { return Put(true, arrival_ms, event); }

Status ImportSort::Put(bool old, std::int64_t time_ms, const Event& event) {
  const Key request = KeyOf(event.request_id);
  const std::uint64_t order = added_++;
  record_.clear();
  if (request != 0) record_.append(reinterpret_cast<const char*>(&time_ms), kTimeBytes);
  record_.push_back(old ? '\1' : '\0');
  EncodeEvent(event, &record_);
  if (request == 0) {
    const ArrivalOrder::Place place = ArrivalOrder::Alone(time_ms, order);
    return by_arrival_->Add({place.arrival_ms, place.sequence}, record_);
  }
  const auto rank = static_cast<std::uint64_t>(ArrivalOrder::Rank(event.type));
  return by_request_->Add({static_cast<std::int64_t>(request), rank << kOrderBits | order}, record_);
}

Status ImportSort::Sort() {
  GFR_TRY(by_request_->Sort());
  ArrivalOrder order;
  for (;;) {
    SortKey key;
    std::string_view record;
    GFR_ASSIGN(const bool more, by_request_->Next(&key, &record));
    if (!more) break;
    std::int64_t time_ms = 0;
    std::memcpy(&time_ms, record.data(), kTimeBytes);
    record.remove_prefix(kTimeBytes);
    const ArrivalOrder::Place place = order.Next(PeekEventType(record.substr(1)), static_cast<Key>(key.first), time_ms,
                                                 key.second & ((std::uint64_t{1} << kOrderBits) - 1));
    GFR_TRY(by_arrival_->Add({place.arrival_ms, place.sequence}, record));
  }
  by_request_.reset();
  return by_arrival_->Sort();
}

Result<bool> ImportSort::Next(Event* event, std::int64_t* arrival_ms) {
  for (;;) {
    SortKey key;
    std::string_view bytes;
    GFR_ASSIGN(const bool more, by_arrival_->Next(&key, &bytes));
    if (!more) return false;
    GFR_TRY(DecodeEventInto(bytes.substr(1), event));
    *arrival_ms = key.first;
    const bool of_file = bytes[0] == 0;
    const bool changes = event->type != EventType::kUserAlias || logins_.Changes(*event);
    if (of_file && !changes && IsRowAlias(*event)) {
      ++left_out_;
      --by_type_[static_cast<std::size_t>(event->type)];
      continue;
    }
    if (of_file) {
      invented_.Number(*arrival_ms, event);
      shown_.Add(*event);
    }
    return true;
  }
}

}  // namespace gfr
