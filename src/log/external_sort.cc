#include "log/external_sort.h"

#include <algorithm>
#include <cstring>

namespace gfr {
namespace {

// A record of a run: i64 and u64 of the key, u32 size, the bytes.
constexpr std::size_t kRecordHead = 20, kMinBuffer = 64u << 10, kMaxBuffer = 1u << 20, kMaxFanIn = 128;
constexpr std::size_t kMaxChunk = 4u << 20;

}  // namespace

class ExternalSort::RunWriter {
 public:
  static Result<RunWriter> Make(FileSystem& fs, const std::string& path, std::size_t buffer_bytes) {
    GFR_ASSIGN(auto file, fs.OpenForWrite(path, /*append=*/false));
    return RunWriter(std::move(file), buffer_bytes);
  }
  Status Add(SortKey key, std::string_view bytes) {
    const auto size = static_cast<std::uint32_t>(bytes.size());
    char head[kRecordHead];
    std::memcpy(head, &key.first, 8);
    std::memcpy(head + 8, &key.second, 8);
    std::memcpy(head + 16, &size, 4);
    buffer_.append(head, kRecordHead);
    buffer_.append(bytes);
    return buffer_.size() < buffer_bytes_ ? Status() : Flush();
  }
  Status Flush() {
    const Status written = buffer_.empty() ? Status() : file_->Append(buffer_);
    buffer_.clear();
    return written;
  }

 private:
  RunWriter(std::unique_ptr<WritableFile> file, std::size_t buffer_bytes)
      : file_(std::move(file)), buffer_bytes_(buffer_bytes) {}
  std::unique_ptr<WritableFile> file_;
  std::size_t buffer_bytes_;
  std::string buffer_;
};

class ExternalSort::RunReader {
 public:
  static Result<RunReader> Open(FileSystem& fs, const std::string& path, std::size_t buffer_bytes) {
    GFR_ASSIGN(auto file, fs.OpenForRead(path));
    GFR_ASSIGN(const std::uint64_t size, file->size());
    return RunReader(path, std::move(file), size, buffer_bytes);
  }
  // False: there are no more.
  Result<bool> Advance() {
    used_ += current_bytes_;
    current_bytes_ = 0;
    if (used_ == buffer_.size() && position_ == file_bytes_) return false;
    GFR_TRY(Have(kRecordHead));
    std::uint32_t size = 0;
    std::memcpy(&key_.first, buffer_.data() + used_, 8);
    std::memcpy(&key_.second, buffer_.data() + used_ + 8, 8);
    std::memcpy(&size, buffer_.data() + used_ + 16, 4);
    GFR_TRY(Have(kRecordHead + size));
    current_bytes_ = kRecordHead + size;
    return true;
  }
  const SortKey& key() const { return key_; }
  std::string_view bytes() const {
    return std::string_view(buffer_).substr(used_ + kRecordHead, current_bytes_ - kRecordHead);
  }

 private:
  RunReader(std::string path, std::unique_ptr<RandomAccessFile> file, std::uint64_t file_bytes, std::size_t buffer)
      : path_(std::move(path)), file_(std::move(file)), file_bytes_(file_bytes), buffer_bytes_(buffer) {}
  Status Have(std::size_t bytes) {
    if (buffer_.size() - used_ >= bytes) return {};
    buffer_.erase(0, used_);
    used_ = 0;
    GFR_ASSIGN(const std::string more, file_->Read(position_, std::max(buffer_bytes_, bytes - buffer_.size())));
    position_ += more.size();
    buffer_ += more;
    if (buffer_.size() < bytes)
      return Error{ErrorCode::kCorrupt, "the run '" + path_ + "' of a sort ends within a record"};
    return {};
  }

  std::string path_;
  std::unique_ptr<RandomAccessFile> file_;
  std::uint64_t file_bytes_, position_ = 0;
  std::size_t buffer_bytes_;
  std::string buffer_;
  std::size_t used_ = 0, current_bytes_ = 0;
  SortKey key_;
};

// The runs' next records in a heap: the least key first, and of equal ones that of the earlier run.
struct ExternalSort::Merge {
  std::vector<RunReader> readers;
  std::vector<std::size_t> heap;
  bool begun = false;

  bool After(std::size_t a, std::size_t b) const {
    const auto order = readers[a].key() <=> readers[b].key();
    return order != 0 ? order > 0 : a > b;
  }
  Status Push(std::size_t run) {
    GFR_ASSIGN(const bool any, readers[run].Advance());
    if (!any) return {};
    heap.push_back(run);
    std::ranges::push_heap(heap, [this](std::size_t a, std::size_t b) { return After(a, b); });
    return {};
  }
  // The reader that stands at the next record; null: there is none.
  Result<const RunReader*> Next() {
    if (!begun) {
      begun = true;
      for (std::size_t run = 0; run < readers.size(); ++run) GFR_TRY(Push(run));
    } else if (!heap.empty()) {
      const std::size_t last = heap.front();
      std::ranges::pop_heap(heap, [this](std::size_t a, std::size_t b) { return After(a, b); });
      heap.pop_back();
      GFR_TRY(Push(last));
    }
    const RunReader* const next = heap.empty() ? nullptr : &readers[heap.front()];
    return next;
  }
};

ExternalSort::ExternalSort(FileSystem& fs, std::string folder, std::size_t memory_bytes)
    : fs_(fs), folder_(std::move(folder)), memory_bytes_(memory_bytes) {}

ExternalSort::~ExternalSort() {
  merge_.reset();
  if (runs_made_ > 0) (void)fs_.RemoveTree(folder_);
}

std::string ExternalSort::RunPath(int run) const { return JoinPath(folder_, std::to_string(run) + ".run"); }

Status ExternalSort::Add(SortKey key, std::string_view bytes) {
  ++records_;
  // A full list of entries is copied to one of twice the size, so that both are there for a moment.
  const std::size_t entries = entries_.capacity() * sizeof(Entry),
                    growth = entries_.size() == entries_.capacity() ? 2 * entries : 0,
                    chunk = chunk_size_ - chunk_used_ >= bytes.size()
                                ? 0
                                : std::max(bytes.size(), std::min(kMaxChunk, memory_bytes_ / 16));
  if (!entries_.empty() && held_bytes_ + entries + growth + chunk > memory_bytes_) GFR_TRY(SpillRun());
  if (chunk_size_ - chunk_used_ < bytes.size()) {
    chunk_size_ = std::max(bytes.size(), std::min(kMaxChunk, memory_bytes_ / 16));
    chunks_.push_back(std::make_unique_for_overwrite<char[]>(chunk_size_));
    chunk_used_ = 0;
    held_bytes_ += chunk_size_;
  }
  char* const at = chunks_.empty() ? nullptr : chunks_.back().get() + chunk_used_;
  if (!bytes.empty()) std::memcpy(at, bytes.data(), bytes.size());
  chunk_used_ += bytes.size();
  entries_.push_back({key, at, static_cast<std::uint32_t>(bytes.size()), static_cast<std::uint32_t>(entries_.size())});
  return {};
}

void ExternalSort::SortEntries() {
  // In place, where std::stable_sort would take half as much memory again.
  std::ranges::sort(entries_, [](const Entry& a, const Entry& b) {
    const auto order = a.key <=> b.key;
    return order != 0 ? order < 0 : a.order < b.order;
  });
}

Status ExternalSort::SpillRun() {
  if (runs_made_ == 0) {
    GFR_TRY(fs_.RemoveTree(folder_));
    GFR_TRY(fs_.MakeFolders(folder_));
  }
  SortEntries();
  runs_.push_back(runs_made_++);
  GFR_ASSIGN(RunWriter out, RunWriter::Make(fs_, RunPath(runs_.back()), kMinBuffer));
  for (const Entry& entry : entries_) GFR_TRY(out.Add(entry.key, {entry.bytes, entry.size}));
  GFR_TRY(out.Flush());
  entries_.clear();  // Its capacity stays.
  chunks_.clear();
  chunk_used_ = chunk_size_ = held_bytes_ = 0;
  return {};
}

Result<std::unique_ptr<ExternalSort::Merge>> ExternalSort::OpenMerge(std::size_t first, std::size_t count) {
  auto merge = std::make_unique<Merge>();
  const std::size_t buffer = std::clamp(memory_bytes_ / (2 * count), kMinBuffer, kMaxBuffer);
  for (std::size_t i = first; i < first + count; ++i) {
    GFR_ASSIGN(RunReader reader, RunReader::Open(fs_, RunPath(runs_[i]), buffer));
    merge->readers.push_back(std::move(reader));
  }
  return merge;
}

// Neighbouring runs become one, so that records of equal keys keep their order.
Status ExternalSort::MergeOnce(std::size_t fan_in) {
  std::vector<int> merged;
  for (std::size_t first = 0; first < runs_.size(); first += fan_in) {
    const std::size_t count = std::min(fan_in, runs_.size() - first);
    GFR_ASSIGN(const auto merge, OpenMerge(first, count));
    merged.push_back(runs_made_++);
    GFR_ASSIGN(RunWriter out, RunWriter::Make(fs_, RunPath(merged.back()), kMinBuffer));
    for (;;) {
      GFR_ASSIGN(const RunReader* next, merge->Next());
      if (next == nullptr) break;
      GFR_TRY(out.Add(next->key(), next->bytes()));
    }
    GFR_TRY(out.Flush());
    for (std::size_t i = first; i < first + count; ++i) GFR_TRY(fs_.Remove(RunPath(runs_[i])));
  }
  runs_ = std::move(merged);
  return {};
}

Status ExternalSort::Sort() {
  if (runs_.empty()) {
    SortEntries();
    return {};
  }
  if (!entries_.empty()) GFR_TRY(SpillRun());
  std::vector<Entry>().swap(entries_);
  const std::size_t fan_in = std::clamp<std::size_t>(memory_bytes_ / (2 * kMinBuffer), 2, kMaxFanIn);
  while (runs_.size() > fan_in) GFR_TRY(MergeOnce(fan_in));
  GFR_ASSIGN(merge_, OpenMerge(0, runs_.size()));
  return {};
}

Result<bool> ExternalSort::Next(SortKey* key, std::string_view* bytes) {
  if (merge_ == nullptr) {
    if (next_entry_ == entries_.size()) return false;
    const Entry& entry = entries_[next_entry_++];
    *key = entry.key;
    *bytes = {entry.bytes, entry.size};
    return true;
  }
  GFR_ASSIGN(const RunReader* next, merge_->Next());
  if (next == nullptr) return false;
  *key = next->key();
  *bytes = next->bytes();
  return true;
}

}  // namespace gfr
