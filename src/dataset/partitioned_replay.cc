#include "dataset/partitioned_replay.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <map>
#include <optional>

#include "base/progress.h"
#include "base/sync.h"
#include "dataset/epoch_file.h"
#include "dataset/start_at_base.h"
#include "log/segment.h"
#include "runtime/logger.h"

namespace gfr {
namespace {

// The records of one partition, in log order.
Status ForEachRecord(const Spill& spill, std::uint32_t types, const std::function<Status(const LogRecord&)>& each) {
  Piecewise in(spill);
  LogRecord record;
  for (;;) {
    GFR_ASSIGN(const bool more, in.Have(kRecordHeaderBytes));
    if (!more) return {};
    std::uint32_t length = 0;
    std::memcpy(&length, in.data().data(), 4);
    GFR_ASSIGN(const bool whole, in.Have(kRecordHeaderBytes + length));
    std::size_t size = 0;
    if (!whole || ReadRecord(in.data(), &record, &size, types) != RecordState::kOk) return in.EndsTooEarly();
    in.Skip(size);
    if (types >> static_cast<unsigned>(record.event.type) & 1u) GFR_TRY(each(record));
  }
}

// Runs `work(0 ... count-1)` on `workers` threads; the first error ends the rest.
Status InParallel(int workers, int count, const std::function<Status(int)>& work) {
  std::atomic<int> next = 0;
  Mutex mutex;
  Status first;
  const auto loop = [&] {
    for (int i = next++; i < count; i = next++) {
      if (Status status = work(i); !status.ok()) {
        const MutexLock lock(mutex);
        if (first.ok()) first = std::move(status);
        next = count;
      }
    }
  };
  {
    std::vector<Thread> threads;
    for (int w = 1; w < workers; ++w) threads.emplace_back("replay", loop);
    loop();
  }
  return first;
}

// A partition's rows in files, an objective each: RowPlace, label, features. Its slates in another: SlateHead, the
// baselines' scores, features. And its choices: ChoiceRow, its pool's features.
struct RowHead {
  RowPlace place;
  float label;
};
struct SlateHead {
  Key user, session;
  std::int64_t arrival_ms;
  std::uint64_t offset, click_offset;
  std::int32_t items, clicked;
  std::uint32_t untouched, features;
  std::size_t tail_bytes() const { return (2 * static_cast<std::size_t>(items) + features) * sizeof(float); }
};
class SpillSink final : public RowSink {
 public:
  SpillSink(FileSystem& fs, const std::string& path, std::size_t objectives) {
    for (std::size_t o = 0; o < objectives; ++o)
      rows.push_back(std::make_unique<Spill>(fs, path + "." + std::to_string(o)));
    slates = std::make_unique<Spill>(fs, path + ".slates");
    choices = std::make_unique<Spill>(fs, path + ".choices");
  }
  void Row(std::size_t objective, const RowPlace& place, bool label, std::span<const float> features) override {
    Spill& out = *rows[objective];
    const RowHead head{place, label ? 1.0f : 0.0f};
    out.buffer.append(reinterpret_cast<const char*>(&head), sizeof head);
    out.buffer.append(reinterpret_cast<const char*>(features.data()), features.size_bytes());
    if (const Status flushed = out.Flush(); !flushed.ok() && status.ok()) status = flushed;
  }
  void Slate(SlateRow slate, std::span<const float> features) override {
    const SlateHead head{slate.user,    slate.session,      slate.arrival_ms,
                         slate.offset,  slate.click_offset, slate.items,
                         slate.clicked, slate.untouched,    static_cast<std::uint32_t>(features.size())};
    slates->buffer.append(reinterpret_cast<const char*>(&head), sizeof head);
    Put(slate.popularity, *slates);
    Put(slate.most_recent, *slates);
    slates->buffer.append(reinterpret_cast<const char*>(features.data()), features.size_bytes());
    if (const Status flushed = slates->Flush(); !flushed.ok() && status.ok()) status = flushed;
  }
  void Choice(const ChoiceRow& choice, std::span<const float> features) override {
    choices->buffer.append(reinterpret_cast<const char*>(&choice), sizeof choice);
    choices->buffer.append(reinterpret_cast<const char*>(features.data()), features.size_bytes());
    if (const Status flushed = choices->Flush(); !flushed.ok() && status.ok()) status = flushed;
  }
  void Dropped(std::size_t objective, DropReason reason, std::uint64_t lines) override {
    dropped[{objective, reason}] += lines;
  }
  std::vector<std::unique_ptr<Spill>> rows;
  std::unique_ptr<Spill> slates, choices;
  std::map<std::pair<std::size_t, DropReason>, std::uint64_t> dropped;

 private:
  static void Put(const std::vector<float>& values, Spill& out) {
    out.buffer.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float));
  }
};

class Replay {
 public:
  Replay(FileSystem& fs, EventSource& log, std::string folder, std::shared_ptr<const FeatureSet> features,
         const std::vector<ObjectiveConfig>& objectives, const DatasetOptions& options, const LogSurvey& survey)
      : fs_(fs),
        log_(log),
        folder_(std::move(folder)),
        features_(std::move(features)),
        objectives_(objectives),
        options_(options),
        partitions_(survey.partitions()),
        people_(survey.people()),
        epoch_starts_(survey.epoch_starts()),
        parents_(survey.parents()),
        catalogue_(fs, JoinPath(folder_, "catalogue")),
        merged_(fs, JoinPath(folder_, "epochs")) {
    for (int p = 0; p < partitions_; ++p) {
      records_.push_back(std::make_unique<Spill>(fs, JoinPath(folder_, "records." + std::to_string(p))));
      lines_.push_back(std::make_unique<Spill>(fs, JoinPath(folder_, "lines." + std::to_string(p))));
      rows_.push_back(
          std::make_unique<SpillSink>(fs, JoinPath(folder_, "rows." + std::to_string(p)), objectives.size()));
    }
  }

  Status Run(EventSource& log, const std::function<void(const LogRecord&)>& each, RowSink& sink) {
    GFR_TRY(Route(log, each));
    const int workers = std::clamp(options_.workers, 1, partitions_);
    LogInfo("replay", "users' lines", {{"partitions", partitions_}, {"workers", workers}});
    GFR_TRY(InParallel(workers, partitions_, [&](int p) { return Lines(p); }));
    GFR_TRY(Merge());
    LogInfo("replay", "rows", {{"partitions", partitions_}, {"workers", workers}});
    GFR_TRY(InParallel(workers, partitions_, [&](int p) { return Rows(p); }));
    return Collect(sink);
  }

 private:
  Status Route(EventSource& log, const std::function<void(const LogRecord&)>& each) {
    LogRecord record;
    GFR_ASSIGN(const auto reader, log.OpenAll());
    Progress progress("route", 0, "events");
    // Only the catalogue is folded here: its epochs, which the lines of all partitions need.
    OnlineStore catalogue(features_, {.user_views = false, .shared_lines = false, .catalogue = true});
    // The base's open epochs go out with the catalogue's, once.
    GFR_TRY(StartAtBase(log, &catalogue));
    for (std::uint64_t done = 0;;) {
      GFR_ASSIGN(const bool more, reader->More(&record));
      if (!more) break;
      each(record);
      end_ms_ = record.arrival_ms;
      // An alias goes where its device is: what it joins depends on the logins that the device had.
      // Nobody's: a change of the catalogue alone, or the anonymised record of an erased user, whose lines count.
      if (const Key group = people_.GroupOf(record.event); group != 0 || !IsCatalogue(record.event.type)) {
        Spill& out = *records_[group % static_cast<std::uint64_t>(partitions_)];
        AppendEncoded(record.offset, record.arrival_ms, reader->encoded(), &out.buffer);
        GFR_TRY(out.Flush());
      }
      catalogue.FoldCatalogueOf(record);
      for (const std::int64_t epoch : catalogue.shared().OpenEpochs()) {
        if (epoch >= EpochOf(record.arrival_ms)) break;
        AppendEpoch(epoch, catalogue.shared().TakeDelta(epoch), &catalogue_.buffer);
        GFR_TRY(catalogue_.Flush());
      }
      progress.Update(++done);
    }
    for (const std::int64_t epoch : catalogue.shared().OpenEpochs())
      AppendEpoch(epoch, catalogue.shared().TakeDelta(epoch), &catalogue_.buffer);
    for (const auto& spill : records_) GFR_TRY(spill->Close());
    return catalogue_.Close();
  }

  Status Lines(int p) {
    Spill& out = *lines_[static_cast<std::size_t>(p)];
    LinesOut epochs(EpochReader{catalogue_}, &out.buffer);
    OnlineStore store(features_, {.user_views = false, .shared_lines = true, .catalogue = false}, &epochs);
    GFR_TRY(StartAtBase(log_, &store, /*open_epochs=*/false));
    GFR_TRY(ForEachRecord(*records_[static_cast<std::size_t>(p)], kAllTypes, [&](const LogRecord& r) {
      store.Fold(r);
      return store.status().ok() ? out.Flush() : store.status();
    }));
    GFR_TRY(epochs.Before(INT64_MAX, store.shared()));
    return out.Close();
  }

  Status Merge() {
    std::vector<std::unique_ptr<EpochReader>> readers;
    readers.push_back(std::make_unique<EpochReader>(catalogue_));
    for (const auto& spill : lines_) readers.push_back(std::make_unique<EpochReader>(*spill));
    SharedState sum(features_);
    for (;;) {
      std::int64_t next = INT64_MAX;
      for (const auto& reader : readers) {
        GFR_ASSIGN(const std::int64_t end_ms, reader->PeekEnd());
        next = std::min(next, end_ms);
      }
      if (next == INT64_MAX) break;
      for (const auto& reader : readers) {
        GFR_ASSIGN(const std::int64_t end_ms, reader->PeekEnd());
        if (end_ms == next) GFR_TRY(reader->AddTo(sum));
      }
      AppendEpoch(next, sum.TakeDelta(next), &merged_.buffer);
      GFR_TRY(merged_.Flush());
    }
    lines_.clear();
    return merged_.Close();
  }

  Status Rows(int p) {
    MergedEpochs epochs(EpochReader{merged_});
    OnlineStore store(features_, {.user_views = true, .shared_lines = false, .catalogue = false}, &epochs);
    GFR_TRY(StartAtBase(log_, &store, /*open_epochs=*/false));
    SpillSink& sink = *rows_[static_cast<std::size_t>(p)];
    RowBuilder builder(objectives_, options_, people_, parents_, store, sink);
    builder.JudgeSlatesBy(epoch_starts_);
    const Spill& records = *records_[static_cast<std::size_t>(p)];
    GFR_TRY(ForEachRecord(records, builder.awaited_types(), [&](const LogRecord& r) {
      builder.Await(r);
      return Status();
    }));
    GFR_TRY(ForEachRecord(records, builder.indexed_types(), [&](const LogRecord& r) {
      builder.Index(r);
      return Status();
    }));
    GFR_TRY(ForEachRecord(records, kAllTypes, [&](const LogRecord& r) {
      builder.Replay(r, end_ms_);
      return store.status().ok() ? sink.status : store.status();
    }));
    builder.Finish();
    GFR_TRY(store.status());
    GFR_TRY(sink.status);
    for (const auto& spill : sink.rows) GFR_TRY(spill->Close());
    GFR_TRY(sink.slates->Close());
    GFR_TRY(sink.choices->Close());
    records_[static_cast<std::size_t>(p)].reset();
    return {};
  }

  // A file of the partition's rows or slates, at its next one.
  template <typename Head>
  struct Source {
    std::unique_ptr<Piecewise> in;
    Head head;
    std::size_t tail_bytes = 0;
  };

  // Gives what all partitions wrote, in order of `place(head)`, to `each(head, what follows it)`.
  template <typename Head, typename PlaceOf, typename Each>
  static Status MergeFiles(const std::vector<const Spill*>& files, std::size_t (*tail_of)(const Head&, std::size_t),
                           std::size_t columns, PlaceOf place, Each each) {
    std::vector<Source<Head>> sources;
    const auto next = [&](Source<Head>& s) -> Result<bool> {
      GFR_ASSIGN(const bool more, s.in->Have(sizeof(Head)));
      if (!more) return false;
      std::memcpy(&s.head, s.in->data().data(), sizeof s.head);
      s.tail_bytes = tail_of(s.head, columns);
      return s.in->Have(sizeof(Head) + s.tail_bytes);
    };
    for (const Spill* file : files) {
      Source<Head> s{std::make_unique<Piecewise>(*file), {}};
      GFR_ASSIGN(const bool any, next(s));
      if (any) sources.push_back(std::move(s));
    }
    const auto later = [&](const Source<Head>& a, const Source<Head>& b) { return place(a.head) > place(b.head); };
    std::ranges::make_heap(sources, later);
    std::vector<float> tail;
    while (!sources.empty()) {
      std::ranges::pop_heap(sources, later);
      Source<Head>& s = sources.back();
      tail.resize(s.tail_bytes / sizeof(float));
      std::memcpy(tail.data(), s.in->data().data() + sizeof(Head), s.tail_bytes);
      GFR_TRY(each(s.head, std::span<const float>(tail)));
      s.in->Skip(sizeof(Head) + s.tail_bytes);
      GFR_ASSIGN(const bool more, next(s));
      if (more)
        std::ranges::push_heap(sources, later);
      else
        sources.pop_back();
    }
    return {};
  }

  Status Collect(RowSink& sink) {
    for (const auto& rows : rows_) {
      for (const auto& [what, lines] : rows->dropped) sink.Dropped(what.first, what.second, lines);
    }
    std::vector<const Spill*> files(rows_.size());
    for (std::size_t o = 0; o < objectives_.size(); ++o) {
      std::ranges::transform(rows_, files.begin(), [&](const auto& rows) { return rows->rows[o].get(); });
      GFR_TRY(MergeFiles<RowHead>(
          files, [](const RowHead&, std::size_t columns) { return columns * sizeof(float); }, features_->columns(),
          [](const RowHead& h) { return std::pair(h.place.offset, h.place.line); },
          [&](const RowHead& h, std::span<const float> values) {
            sink.Row(o, h.place, h.label > 0, values);
            return sink.status;
          }));
    }
    std::ranges::transform(rows_, files.begin(), [](const auto& rows) { return rows->choices.get(); });
    GFR_TRY(MergeFiles<ChoiceRow>(
        files,
        [](const ChoiceRow& c, std::size_t columns) {
          return static_cast<std::size_t>(c.pool) * columns * sizeof(float);
        },
        features_->columns(), [](const ChoiceRow& c) { return std::pair(c.offset, c.line); },
        [&](const ChoiceRow& c, std::span<const float> values) {
          sink.Choice(c, values);
          return sink.status;
        }));
    std::ranges::transform(rows_, files.begin(), [](const auto& rows) { return rows->slates.get(); });
    return MergeFiles<SlateHead>(
        files, [](const SlateHead& h, std::size_t) { return h.tail_bytes(); }, features_->columns(),
        [](const SlateHead& h) { return h.click_offset; },
        [&](const SlateHead& h, std::span<const float> values) {
          const auto items = static_cast<std::ptrdiff_t>(h.items);
          sink.Slate({.user = h.user,
                      .session = h.session,
                      .arrival_ms = h.arrival_ms,
                      .offset = h.offset,
                      .click_offset = h.click_offset,
                      .first = 0,
                      .items = h.items,
                      .clicked = h.clicked,
                      .untouched = h.untouched != 0,
                      .popularity = {values.begin(), values.begin() + items},
                      .most_recent = {values.begin() + items, values.begin() + 2 * items}},
                     values.subspan(2 * static_cast<std::size_t>(items)));
          return sink.status;
        });
  }

  FileSystem& fs_;
  EventSource& log_;
  const std::string folder_;
  const std::shared_ptr<const FeatureSet> features_;
  const std::vector<ObjectiveConfig>& objectives_;
  const DatasetOptions options_;
  const int partitions_;
  const AliasHistory& people_;
  const std::shared_ptr<const EpochStarts> epoch_starts_;
  const ItemParents& parents_;
  std::int64_t end_ms_ = 0;
  Spill catalogue_, merged_;
  std::vector<std::unique_ptr<Spill>> records_, lines_;
  std::vector<std::unique_ptr<SpillSink>> rows_;
};

}  // namespace

Status ReplayPartitions(FileSystem& fs, EventSource& log, std::shared_ptr<const FeatureSet> features,
                        const std::vector<ObjectiveConfig>& objectives, const DatasetOptions& options,
                        const LogSurvey& survey, const std::function<void(const LogRecord&)>& each, RowSink& sink) {
  const std::string& folder = options.scratch_folder;
  if (folder.empty())
    return Error{ErrorCode::kInvalidArgument, "a replay by partitions needs a folder for its scratch files"};
  GFR_TRY(fs.RemoveTree(folder));
  GFR_TRY(fs.MakeFolders(folder));
  Status status;
  {
    Replay replay(fs, log, folder, std::move(features), objectives, options, survey);
    status = replay.Run(log, each, sink);
  }
  const Status removed = fs.RemoveTree(folder);
  return status.ok() ? removed : status;
}

}  // namespace gfr
