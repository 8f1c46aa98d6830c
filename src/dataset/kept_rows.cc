#include "dataset/kept_rows.h"

#include <algorithm>
#include <cstdlib>

#include "base/byte_reader.h"
#include "base/byte_writer.h"
#include "base/time.h"
#include "dataset/left_out.h"
#include "runtime/logger.h"
#include "store/snapshot.h"

namespace gfr {
namespace {

constexpr std::string_view kMagic = "GFRROWS3", kMagicOfAny = "GFRROWS";
// To be raised when rows are read elsewhere, or as something else, than by the release before, and their fingerprints
// stay.
constexpr int kReadRule = 1;
constexpr std::size_t kMaxManifestBytes = 64u << 20;
constexpr const char* kPartNew = "part.new";
constexpr const char* kOpenNew = "open.new";
constexpr const char* kStateNew = "state.new";
constexpr const char* kSettledNew = "settled.new";
constexpr const char* kDigestNew = "digest.new";

// Of what decides which values rows have and which of them are kept.
std::uint64_t FingerprintOf(const FeatureSet& features, const std::vector<ObjectiveConfig>& objectives) {
  std::string text = std::to_string(kReadRule) + " " + std::to_string(features.fingerprint);
  for (const ObjectiveConfig& o : objectives) text += " " + std::string(EventTypeName(o.population));
  for (const ObjectiveConfig& o : objectives) text += " " + std::string(EventTypeName(o.label));
  return Hash64(text.data(), text.size());
}

std::uint64_t Chain(std::uint64_t hash, std::uint64_t offset, std::int64_t arrival_ms, std::string_view encoded) {
  const std::uint64_t seed = PairKey(PairKey(hash, offset), static_cast<std::uint64_t>(arrival_ms));
  return Hash64(encoded.data(), encoded.size(), seed);
}

void PutAbout(const Dataset& about, ByteWriter& out) {
  out.Number(about.records);
  out.Number(about.first_arrival_ms);
  out.Number(about.last_arrival_ms);
  out.Byte(about.simulated ? 1 : 0);
  out.Number(about.huge_numbers);
  out.String(about.first_huge);
  out.Varint(about.category_names.size());
  for (const auto& [code, name] : about.category_names) {
    out.Number(code);
    out.String(name);
  }
}

Dataset ReadAbout(ByteReader& in) {
  Dataset about;
  about.records = in.Number<std::uint64_t>();
  about.first_arrival_ms = in.Number<std::int64_t>();
  about.last_arrival_ms = in.Number<std::int64_t>();
  about.simulated = in.Number<std::uint8_t>() != 0;
  about.huge_numbers = in.Number<std::uint64_t>();
  about.first_huge = in.String();
  for (std::size_t left = in.Count(sizeof(float) + 1); left > 0 && !in.bad; --left) {
    const auto code = in.Number<float>();
    about.category_names.emplace(code, in.String());
  }
  return about;
}

}  // namespace

KeptRowsSize MeasureKeptRows(FileSystem& fs, const std::string& folder) {
  KeptRowsSize size;
  const auto names = fs.List(folder);
  for (const std::string& name : names.ok() ? names.value() : std::vector<std::string>()) {
    const auto file = fs.OpenForRead(JoinPath(folder, name));
    if (!file.ok()) continue;
    const auto bytes = file.value()->size();
    if (bytes.ok()) size.bytes += bytes.value();
    ++size.files;
  }
  return size;
}

std::string KeptRows::WriteManifest(const Manifest& m) const {
  std::string body;
  ByteWriter out{&body};
  for (const std::uint64_t number : {m.fingerprint, m.generation, m.first, m.end, m.hash, m.resume}) out.Number(number);
  for (const std::int64_t number : {m.resume_epoch_ms, m.closed_before_ms}) out.Number(number);
  const auto file = [&](const File& f) {
    out.String(f.name);
    out.Number(f.bytes);
  };
  out.Varint(m.parts.size());
  std::ranges::for_each(m.parts, file);
  file(m.open);
  file(m.state);
  file(m.digest);
  out.Varint(m.settled.size());
  std::ranges::for_each(m.settled, file);
  PutAbout(m.about, out);
  std::string bytes(kMagic);
  ByteWriter head{&bytes};
  head.Number(Crc32c(body.data(), body.size()));
  return bytes + body;
}

Result<KeptRows::Manifest> KeptRows::ReadManifest() const {
  const Error broken{ErrorCode::kCorrupt, "is not what was written", {Path("manifest"), 0}};
  GFR_ASSIGN(const auto opened, fs_.OpenForRead(Path("manifest")));
  GFR_ASSIGN(const std::uint64_t size, opened->size());
  if (size > kMaxManifestBytes) return broken;
  GFR_ASSIGN(const std::string bytes, fs_.ReadAll(Path("manifest")));
  ByteReader in{bytes};
  const std::string_view magic = in.Take(kMagic.size());
  if (magic != kMagic && magic.starts_with(kMagicOfAny))
    return Error{ErrorCode::kCorrupt, "is of another release", {Path("manifest"), 0}};
  const auto crc = in.Number<std::uint32_t>();
  if (magic != kMagic || crc != Crc32c(in.left.data(), in.left.size())) return broken;
  Manifest m;
  for (std::uint64_t* number : {&m.fingerprint, &m.generation, &m.first, &m.end, &m.hash, &m.resume})
    *number = in.Number<std::uint64_t>();
  for (std::int64_t* number : {&m.resume_epoch_ms, &m.closed_before_ms}) *number = in.Number<std::int64_t>();
  const auto file = [&] {
    File f;
    f.name = in.String();
    f.bytes = in.Number<std::uint64_t>();
    return f;
  };
  for (std::size_t left = in.Count(9); left > 0 && !in.bad; --left) m.parts.push_back(file());
  m.open = file();
  m.state = file();
  m.digest = file();
  for (std::size_t left = in.Count(9); left > 0 && !in.bad; --left) m.settled.push_back(file());
  m.about = ReadAbout(in);
  if (in.bad || !in.left.empty()) return broken;
  return m;
}

Result<std::string> KeptRows::WhyNot() {
  if (!fs_.Exists(Path("manifest"))) return std::string("no rows were kept of this log yet");
  auto read = ReadManifest();
  if (!read.ok()) return read.error().ToString();
  const std::uint64_t fingerprint = old_.fingerprint;
  old_ = std::move(read).value();
  if (old_.fingerprint != fingerprint)
    return std::string("the features or objectives are others than those of the kept rows");
  GFR_ASSIGN(const Positions begin, log_.Begin());
  if (begin[0] != old_.first) return std::string("the log begins elsewhere than when rows were kept");
  values_ = std::make_unique<ValueReader>(columns_);
  std::vector<File> files = old_.parts;
  files.push_back(old_.open);
  for (const File& file : files) {
    if (const Status added = values_->Add(fs_, Path(file.name), file.bytes); !added.ok())
      return added.error().ToString();
  }
  for (const File& file : old_.settled) {
    const auto opened = fs_.OpenForRead(Path(file.name));
    if (!opened.ok()) return opened.error().ToString();
    const auto size = opened.value()->size();
    if (!size.ok() || size.value() != file.bytes) return Path(file.name) + " is not what was written";
  }
  const auto digest = fs_.ReadAll(Path(old_.digest.name));
  if (!digest.ok()) return digest.error().ToString();
  auto decoded = KeptDigest::Decode(digest.value());
  if (!decoded.ok()) return decoded.error().ToString();
  digest_ = std::move(decoded).value();
  bool same = false;
  GFR_TRY(SameRecords(&same));
  if (!same) return std::string("the log's records are others than when rows were kept");
  return std::string();
}

// Before the log is read: a segment that is rewritten meanwhile is another one for the next replay.
Status KeptRows::MarkSegments() {
  segments_.clear();
  firsts_.clear();
  GFR_ASSIGN(const auto names, log_.Segments());
  for (const std::string& name : names) firsts_.push_back(std::strtoull(name.c_str(), nullptr, 10));
  for (std::size_t i = 0; i + 1 < names.size(); ++i) {
    const auto bytes = fs_.ReadAll(JoinPath(log_.folder(), names[i]));
    if (!bytes.ok()) continue;
    segments_[firsts_[i]] = {.end = firsts_[i + 1],
                             .bytes = bytes.value().size(),
                             .raw = Hash64(bytes.value().data(), bytes.value().size())};
  }
  return {};
}

void KeptRows::AddToHash(std::uint64_t* hash, const LogRecord& record, std::string_view encoded) {
  for (; next_first_ < firsts_.size() && firsts_[next_first_] <= record.offset; ++next_first_)
    hash_before_[firsts_[next_first_]] = *hash;
  *hash = Chain(*hash, record.offset, record.arrival_ms, encoded);
}

// Whether nothing was erased, dropped or changed. Of segments whose files are the same nothing is read again.
Status KeptRows::SameRecords(bool* same) {
  std::uint64_t hash = 0, next = old_.first;
  for (const auto& [first, mark] : segments_) {
    const auto known = digest_.segments.find(first);
    if (known == digest_.segments.end() || first != next || mark.end > old_.end) break;
    const SegmentMark& was = known->second;
    if (was.end != mark.end || was.bytes != mark.bytes || was.raw != mark.raw) break;
    hash_before_[first] = hash;
    hash = was.hash;
    next = was.end;
  }
  next_first_ = static_cast<std::size_t>(std::ranges::lower_bound(firsts_, next) - firsts_.begin());
  GFR_ASSIGN(const auto reader, log_.OpenUndecoded(next, old_.end));
  for (LogRecord record;;) {
    GFR_ASSIGN(const bool more, reader->More(&record));
    if (!more) break;
    AddToHash(&hash, record, reader->encoded());
    next = record.offset + 1;
    ++compared_;
  }
  *same = next == old_.end && hash == old_.hash;
  return {};
}

Status KeptRows::Begin(const FeatureSet& features, const std::vector<ObjectiveConfig>& objectives,
                       const DatasetOptions& options) {
  if (started_over_) return {};
  columns_ = features.columns();
  const std::uint64_t fingerprint = FingerprintOf(features, objectives);
  Status made = fs_.MakeFolders(folder_);
  if (made.ok()) {
    auto lock = fs_.Lock(Path("lock"));
    if (lock.ok())
      lock_ = std::move(lock).value();
    else
      made = lock.error();
  }
  if (!made.ok()) {
    LogInfo("dataset", "all events are replayed, and no rows are kept: " + made.error().message);
    return {};
  }
  old_.fingerprint = fingerprint;
  GFR_TRY(MarkSegments());
  GFR_ASSIGN(const std::string why, WhyNot());
  usable_ = why.empty();
  if (!usable_) LogInfo("dataset", "all events are replayed: " + why);
  next_ = {.fingerprint = fingerprint, .generation = old_.generation + 1};
  next_digest_.rules = SettledRules(objectives, options);
  settled_ = usable_ && digest_.is_settled;
  if (settled_ && digest_.rules != next_digest_.rules) Unsettle("the windows or what is made of the log are others");
  Fail(OpenFiles());
  return {};
}

void KeptRows::Unsettle(const std::string& why) {
  if (settled_) LogInfo("dataset", "labels of all rows are made anew: " + why);
  settled_ = false;
}

void KeptRows::GiveSettled(const FeatureSet& features, const std::vector<ObjectiveConfig>& objectives,
                           const LeftOut* left_out, RowSink& sink) {
  SettledGive give{.columns = columns_, .position_column = features.position_column};
  for (const ObjectiveConfig& o : objectives) give.of_impressions.push_back(o.population == EventType::kFeedImpression);
  give.find = [this](const ReadInstant& at, std::span<float> values, std::span<float> popularity,
                     std::vector<bool>* known) { return values_->Find(at, values, popularity, known); };
  // Also of whom the file has rows: who is left out since may have been so for several nights.
  give.left_out = [&](Key person) { return left_out == nullptr ? nullptr : left_out->Why(person); };
  for (const File& file : old_.settled) {
    const Status given = gfr::GiveSettled(fs_, Path(file.name), file.bytes, give, sink);
    if (given.ok() || !sink.status.ok()) continue;
    return Doubt(given.error().ToString());
  }
}

Status KeptRows::StartOver(const std::string& why) {
  LogWarning("dataset", "all events are replayed: " + why);
  usable_ = has_state_ = settled_ = false;
  started_over_ = true;
  missed_.clear();
  named_.clear();
  values_.reset();
  next_ = {.fingerprint = next_.fingerprint, .generation = next_.generation};
  next_digest_ = {.rules = next_digest_.rules};
  Fail(OpenFiles());
  return {};
}

void KeptRows::Leave() {
  usable_ = keeps_ = settled_ = false;
  part_.reset();
  open_.reset();
  settling_.reset();
  if (lock_ == nullptr) return;  // Another process keeps.
  for (const char* name : {kPartNew, kOpenNew, kSettledNew}) (void)fs_.Remove(Path(name));
  const bool is_empty = !fs_.Exists(Path("manifest"));
  lock_.reset();
  if (is_empty) (void)fs_.RemoveTree(folder_);
}

Status KeptRows::OpenFiles() {
  keeps_ = true;
  part_.reset();
  open_.reset();
  GFR_ASSIGN(part_, ValueWriter::Open(fs_, Path(kPartNew), columns_));
  GFR_ASSIGN(open_, ValueWriter::Open(fs_, Path(kOpenNew), columns_));
  GFR_ASSIGN(settling_, SettledWriter::Open(fs_, Path(kSettledNew)));
  return {};
}

void KeptRows::Fail(const Status& status) {
  if (status.ok() || !keeps_) return;
  keeps_ = false;
  LogWarning("dataset", "no rows are kept for the next replay: " + status.error().ToString());
}

Status KeptRows::Restore(OnlineStore* store) {
  std::string extra;
  GFR_TRY(ReadSnapshot(fs_, Path(old_.state.name), store, &extra));
  if (static_cast<std::uint64_t>(store->next_offset()) == old_.resume) return {};
  return Error{ErrorCode::kCorrupt, "is of another offset", {Path(old_.state.name), 0}};
}

void KeptRows::BeginsAt(std::uint64_t first_offset) {
  next_.first = first_offset;
  next_.hash = usable_ ? old_.hash : 0;
  next_.end = usable_ ? old_.end : first_offset;
  if (!usable_) {
    hash_before_.clear();
    next_first_ = 0;
    return;
  }
  next_digest_.users = digest_.users;
  next_digest_.aliases = digest_.aliases;
}

void KeptRows::AddRecord(const LogRecord& record, std::string_view encoded) {
  AddToHash(&next_.hash, record, encoded);
  next_.end = record.offset + 1;
  next_digest_.Add(record, encoded);
}

bool KeptRows::WantsState(const LogRecord& next, std::int64_t end_ms) const {
  return keeps_ && !has_state_ && next.arrival_ms >= end_ms - kOverlapMs;
}

void KeptRows::KeepState(OnlineStore& store, std::int64_t epoch_end_ms) {
  has_state_ = true;
  next_.resume = static_cast<std::uint64_t>(store.next_offset());
  next_.resume_epoch_ms = epoch_end_ms;
  store.Share();
  Fail(Snapshot::Take(store).Write(fs_, Path(kStateNew)));
  // Nobody reads it beside the replay, which goes on in place.
  store.users().SetExclusive(true);
  store.shared().SetExclusive(true);
}

bool KeptRows::Take(const ReadInstant& at, Key request, bool is_readable, std::span<float> features,
                    std::span<float> popularity, std::vector<bool>* known) {
  if (!usable_ || (is_readable && (at.offset >= old_.end || named_.contains(request)))) return false;
  const auto found = values_->Find(at, features, popularity, known);
  if (found.ok() && found.value()) return true;
  if (is_readable) return false;
  if (!found.ok() && missed_.empty()) missed_ = found.error().ToString();
  // A request of which nothing was used has no entry: what wants an item of it misses.
  if (!at.is_request) Miss(at.offset, "what was read for the event at offset");
  known->assign(at.items, false);
  return true;
}

void KeptRows::Names(std::uint64_t offset, Key request) {
  if (usable_ && offset >= old_.end) named_.insert(request);
}

void KeptRows::Keep(const ReadInstant& at, bool is_closed, std::span<const float> features,
                    std::span<const float> popularity, const std::vector<bool>& used) {
  if (!keeps_) return;
  // Closed by the last replay: it is in a part.
  if (usable_ && at.offset < old_.end && (!at.is_request || at.arrival_ms < old_.closed_before_ms)) return;
  Fail((is_closed ? part_ : open_)->Add(at, features, popularity, used));
}

void KeptRows::Miss(std::uint64_t offset, const char* what) {
  if (missed_.empty()) missed_ = std::string(what) + " " + std::to_string(offset) + " was not kept";
}

void KeptRows::Publish(const Dataset& about) {
  if (!keeps_ || !has_state_ || (usable_ && old_.end == next_.end)) return;
  Fail(Store(about));
}

Status KeptRows::Store(const Dataset& about) {
  GFR_TRY(part_->Close());
  GFR_TRY(open_->Close());
  GFR_TRY(settling_->Close());
  // A segment that has no record yet begins where the log ends.
  for (; next_first_ < firsts_.size() && firsts_[next_first_] <= next_.end; ++next_first_)
    hash_before_[firsts_[next_first_]] = next_.hash;
  next_digest_.segments.clear();
  for (auto [first, mark] : segments_) {
    const auto behind = hash_before_.find(mark.end);
    if (!hash_before_.contains(first) || behind == hash_before_.end()) continue;
    mark.hash = behind->second;
    next_digest_.segments[first] = mark;
  }
  const std::string digest = next_digest_.Encode();
  GFR_TRY(PublishFile(fs_, Path(kDigestNew), digest));
  const std::string of = "-" + std::to_string(next_.generation);
  next_.parts = usable_ ? old_.parts : std::vector<File>();
  next_.parts.push_back({"part" + of, part_->bytes()});
  next_.open = {"open" + of, open_->bytes()};
  next_.state = {"state" + of, 0};
  next_.digest = {"digest" + of, digest.size()};
  next_.settled = this->digest() != nullptr && next_digest_.is_settled ? old_.settled : std::vector<File>();
  if (next_digest_.is_settled) next_.settled.push_back({"settled" + of, settling_->bytes()});
  next_.closed_before_ms = about.last_arrival_ms - kDayMs;
  next_.about = about;
  // A folder that was removed meanwhile, by an erasure, is not made again: what is renamed is not there.
  GFR_TRY(fs_.Rename(Path(kPartNew), Path(next_.parts.back().name)));
  GFR_TRY(fs_.Rename(Path(kOpenNew), Path(next_.open.name)));
  GFR_TRY(fs_.Rename(Path(kStateNew), Path(next_.state.name)));
  GFR_TRY(fs_.Rename(Path(kDigestNew), Path(next_.digest.name)));
  if (next_digest_.is_settled) GFR_TRY(fs_.Rename(Path(kSettledNew), Path(next_.settled.back().name)));
  GFR_TRY(fs_.SyncDirectory(folder_));
  GFR_TRY(PublishFile(fs_, Path("manifest"), WriteManifest(next_)));
  GFR_ASSIGN(const auto names, fs_.List(folder_));
  for (const std::string& name : names) {
    const bool counts = name == "manifest" || name == "lock" || name == next_.open.name || name == next_.state.name ||
                        name == next_.digest.name ||
                        std::ranges::find(next_.parts, name, &File::name) != next_.parts.end() ||
                        std::ranges::find(next_.settled, name, &File::name) != next_.settled.end();
    if (!counts) GFR_TRY(fs_.Remove(Path(name)));
  }
  return {};
}

}  // namespace gfr
