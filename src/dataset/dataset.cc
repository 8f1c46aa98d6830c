#include "dataset/dataset.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <optional>

#include "base/progress.h"
#include "base/time.h"
#include "dataset/event_times.h"
#include "dataset/kept_rows.h"
#include "dataset/left_out.h"
#include "dataset/partitioned_replay.h"
#include "dataset/settling.h"
#include "dataset/start_at_base.h"
#include "log/log_until.h"
#include "runtime/logger.h"

namespace gfr {
namespace {

// What of a Dataset is known of the log without replaying it; and who is whom.
class Overview {
 public:
  void Add(const LogRecord& r, Dataset& data) {
    if (data.records++ == 0) data.first_arrival_ms = r.arrival_ms;
    data.last_arrival_ms = r.arrival_ms;
    data.simulated = data.simulated || r.event.source == "simulator";
    Name(r.event.context, data);
    Check(r.event.context, "", r, data);
    for (const EventItem& item : r.event.items) {
      Name(item.properties, data);
      Check(item.price, "price", item.item_id, r, data);
      Check(item.properties, item.item_id, r, data);
    }
  }

 private:
  static void Check(double number, const std::string& name, const std::string& item, const LogRecord& r,
                    Dataset& data) {
    if (!(std::fabs(number) > std::numeric_limits<float>::max())) return;
    if (data.huge_numbers++ > 0) return;
    data.first_huge =
        fmt::format("{}{} is {:g} in event '{}' (offset {}, {})", name, item.empty() ? "" : " of item '" + item + "'",
                    number, r.event.id, r.offset, FormatTime(r.arrival_ms));
  }
  static void Check(const std::vector<Property>& properties, const std::string& item, const LogRecord& r,
                    Dataset& data) {
    for (const Property& p : properties) Check(p.number, p.name, item, r, data);
  }
  static void Name(const std::vector<Property>& properties, Dataset& data) {
    if (data.category_names.size() >= 20000) return;
    for (const Property& p : properties) {
      if (!p.text.empty()) data.category_names.try_emplace(CategoryCode(KeyOf(p.text)), p.text);
    }
  }
};

// Keeps everything.
class DatasetSink final : public RowSink {
 public:
  DatasetSink(std::size_t objectives, std::size_t columns) {
    data.columns = columns;
    data.objectives.resize(objectives);
  }
  void Row(std::size_t objective, const RowPlace& place, bool label, std::span<const float> features) override {
    ObjectiveRows& rows = data.objectives[objective];
    rows.features.insert(rows.features.end(), features.begin(), features.end());
    rows.label.push_back(LabelOf(place, label));
    rows.whole.push_back(place.whole);
    rows.user.push_back(place.user);
    rows.arrival_ms.push_back(place.arrival_ms);
    rows.offset.push_back(place.offset);
    rows.request.push_back(RequestOf(place));
    rows.position.push_back(place.position);
    rows.led_on.push_back(place.led_on);
  }
  void Slate(SlateRow slate, std::span<const float> features) override {
    slates_.push_back({std::move(slate), {features.begin(), features.end()}});
  }
  void Choice(const ChoiceRow& choice, std::span<const float> features) override {
    data.choices.push_back(choice);
    data.choices.back().first = data.choice_features.size() / data.columns;
    data.choice_features.insert(data.choice_features.end(), features.begin(), features.end());
  }
  Dataset Take() {
    std::ranges::sort(slates_, {}, [](const auto& s) { return s.first.offset; });
    for (auto& [slate, features] : slates_) {
      slate.first = data.slate_features.size() / data.columns;
      data.slate_features.insert(data.slate_features.end(), features.begin(), features.end());
      data.slates.push_back(std::move(slate));
    }
    return std::move(data);
  }

 private:
  Dataset data;
  std::vector<std::pair<SlateRow, std::vector<float>>> slates_;
};

void WarnOfHuge(const Dataset& about) {
  if (about.huge_numbers == 0) return;
  LogWarning("dataset", about.first_huge + ": no row can hold it, and it counts as missing",
             {{"numbers_in_all", about.huge_numbers}});
}

// One partition, without files.
class WholeReplay {
 public:
  WholeReplay(EventSource& log, const std::vector<ObjectiveConfig>& objectives, const DatasetOptions& options,
              const LogSurvey& survey, std::int64_t last_ms, OnlineStore& store, RowSink& sink)
      : log_(log),
        objectives_(objectives),
        survey_(survey),
        store_(store),
        sink_(sink),
        kept_(options.kept),
        left_out_(options.left_out.get()),
        settling_(kept_ == nullptr ? std::nullopt
                                   : std::optional<Settling>(std::in_place, *kept_, store.features(), objectives,
                                                             survey.people(), last_ms, sink)),
        builder_(objectives, options, survey.people(), survey.parents(), store,
                 settling_ ? static_cast<RowSink&>(*settling_) : sink) {
    builder_.JudgeSlatesBy(survey.epoch_starts());
  }

  Status Run(Dataset& about) {
    GFR_ASSIGN(const Positions begin, log_.Begin());
    Positions resumed = begin;
    if (kept_ != nullptr) {
      kept_->BeginsAt(begin[0]);
      builder_.UseValues(kept_, begin[0]);
      if (takes()) resumed = {kept_->resume()};
    }
    // What is settled is given as it is; the log is read again from a day before its end.
    Positions warm = begin;
    if (const KeptDigest* digest = kept_ != nullptr ? kept_->digest() : nullptr; digest != nullptr) {
      warm = {digest->warm};
      if (!builder_.Restore(digest->index_state, digest->replay_state))
        kept_->Miss(digest->warm, "the state of rows at offset");
      kept_->GiveSettled(store_.features(), objectives_, left_out_, sink_);
      GFR_TRY(CheckKept());
      GFR_TRY(sink_.status);
    }
    if (!survey_.AwaitAll(builder_)) {
      GFR_TRY(ForEachRecord(log_, builder_.awaited_types(), [&](const LogRecord& r) {
        builder_.Await(r);
        return Status();
      }));
    }
    GFR_TRY(Index(warm, about));
    GFR_TRY(Replay(begin, warm, resumed, about));
    builder_.Finish();
    if (kept_ == nullptr) return {};
    GFR_TRY(CheckKept());
    settling_->End();
    kept_->Publish(about);
    return {};
  }

 private:
  bool takes() const { return kept_ != nullptr && kept_->usable(); }

  Status CheckKept() const {
    if (kept_ == nullptr || !kept_->missed()) return {};
    return Error{ErrorCode::kUnavailable, kept_->why_missed()};
  }

  // The log's records of these types up to `until`, in order.
  Status ForEach(const Positions& from, const Positions& until, std::uint32_t types,
                 const std::function<Status(const LogRecord&)>& each) {
    GFR_ASSIGN(const auto reader, log_.Open(from, {.types = types, .until = until}));
    for (LogRecord record;;) {
      GFR_ASSIGN(const bool more, reader->More(&record));
      if (!more) return {};
      GFR_TRY(each(record));
    }
  }

  void IndexOne(const LogRecord& record) {
    if (settling_) settling_->BeforeIndex(record, builder_);
    builder_.Index(record);
    if (settling_) settling_->AfterIndex(builder_);
  }

  Status Index(const Positions& warm, Dataset& about) {
    Positions from = warm;
    if (takes()) {
      from = {kept_->end()};
      about = kept_->about();
      GFR_TRY(ForEach(warm, from, builder_.indexed_types(), [&](const LogRecord& r) {
        IndexOne(r);
        return Status();
      }));
    }
    GFR_ASSIGN(const auto reader, log_.Open(from));
    Progress progress("index", 0, "events");
    Overview overview;
    LogRecord record;
    for (std::uint64_t done = 0;; progress.Update(++done)) {
      GFR_ASSIGN(const bool more, reader->More(&record));
      if (!more) break;
      overview.Add(record, about);
      if (kept_ != nullptr) kept_->AddRecord(record, reader->encoded());
      IndexOne(record);
    }
    if (settling_) settling_->EndIndex();
    return {};
  }

  void ReplayOne(const LogRecord& record, const Dataset& about) {
    if (settling_) settling_->BeforeReplay(record, builder_);
    builder_.Replay(record, about.last_arrival_ms);
  }

  Status Replay(const Positions& begin, const Positions& warm, const Positions& resumed, const Dataset& about) {
    std::uint64_t done = 0;
    if (takes()) {
      GFR_TRY(ForEach(warm, resumed, builder_.replayed_types(), [&](const LogRecord& r) -> Status {
        ReplayOne(r, about);
        GFR_TRY(CheckKept());
        return sink_.status;
      }));
      done = resumed[0] - begin[0];
      builder_.CatchUp(resumed[0]);
      if (builder_.epoch_end_ms() != kept_->resume_epoch_ms()) kept_->Miss(resumed[0], "the epoch of rows at offset");
    }
    GFR_ASSIGN(const auto reader, log_.Open(resumed));
    Progress progress("replay", about.records, "events");
    for (LogRecord record; done < about.records; progress.Update(++done)) {
      GFR_ASSIGN(const bool more, reader->More(&record));
      if (!more) return {};
      if (kept_ != nullptr && kept_->WantsState(record, about.last_arrival_ms))
        kept_->KeepState(store_, builder_.epoch_end_ms());
      ReplayOne(record, about);
      GFR_TRY(CheckKept());
      GFR_TRY(sink_.status);
    }
    return {};
  }

  EventSource& log_;
  const std::vector<ObjectiveConfig>& objectives_;
  const LogSurvey& survey_;
  OnlineStore& store_;
  RowSink& sink_;
  KeptRows* const kept_;
  const LeftOut* const left_out_;
  std::optional<Settling> settling_;  // With kept_.
  RowBuilder builder_;
};

// No rows are taken or kept, as the log says.
void LeaveKept(const std::string& why, DatasetOptions* options) {
  LogInfo("dataset", "all events are replayed, and no rows are kept: " + why);
  options->kept = nullptr;
}

// Whether what an earlier replay read can be of use; if so, it is opened.
Status BeginKept(const FeatureSet& features, const std::vector<ObjectiveConfig>& objectives, DatasetOptions* options) {
  if (options->kept == nullptr) return {};
  if (options->from_ms != INT64_MIN || options->to_ms != INT64_MAX)
    LeaveKept("the rows are of a time range", options);
  else if (std::ranges::any_of(objectives, [](const ObjectiveConfig& o) { return o.sampled.on; }))
    LeaveKept("the slates are sampled", options);
  else if (options->partitions > 1)
    LeaveKept("the log is replayed by partitions of users", options);
  return options->kept == nullptr ? Status() : options->kept->Begin(features, objectives, *options);
}

// Surveys the log and finds who is left out, from what is kept as far as nothing new makes that doubtful.
Result<LogSurvey> SurveyLog(EventSource& log, const std::shared_ptr<const FeatureSet>& features,
                            const std::vector<ObjectiveConfig>& objectives, DatasetOptions* options) {
  KeptRows* const kept = options->kept;
  std::unordered_map<Key, Activity> activity;
  const auto doubtful = [&](const std::string& why) {
    if (!why.empty()) kept->Unsettle(why);
    return !why.empty();
  };
  for (;;) {
    const KeptDigest* const known = kept != nullptr ? kept->digest() : nullptr;
    GFR_ASSIGN(LogSurvey survey, LogSurvey::Of(log, features, objectives, *options));
    if (known != nullptr && doubtful(survey.unsettles())) continue;
    activity = known != nullptr ? known->activity : std::unordered_map<Key, Activity>();
    const auto from = known != nullptr ? std::optional(kept->end()) : std::nullopt;
    GFR_ASSIGN(options->left_out, LeftOut::Find(log, survey.people(), options->leave_out, &activity, from));
    if (known != nullptr) {
      const LeftOut* const left_out = options->left_out.get();
      const bool differs = std::ranges::any_of(known->left_out, [&](const auto& was) {
        const DropReason* why = left_out != nullptr ? left_out->Why(was.first) : nullptr;
        return why == nullptr || *why != was.second;
      });
      if (doubtful(differs ? "somebody is no longer left out, or for another reason" : "")) continue;
    }
    if (kept == nullptr) return survey;
    KeptDigest& next = kept->next_digest();
    next.activity = options->leave_out.robots ? std::move(activity) : std::unordered_map<Key, Activity>();
    next.left_out.clear();
    if (options->left_out != nullptr) next.left_out = options->left_out->people();
    next.needed_bytes = survey.needed_bytes();
    return survey;
  }
}

// The states of the log's begin, or those that were kept.
Result<std::unique_ptr<OnlineStore>> FirstStates(EventSource& log, std::shared_ptr<const FeatureSet> features,
                                                 KeptRows* kept) {
  auto store = std::make_unique<OnlineStore>(std::move(features));
  if (kept == nullptr || !kept->usable()) {
    GFR_TRY(StartAtBase(log, store.get()));
    return store;
  }
  if (const Status restored = kept->Restore(store.get()); !restored.ok()) {
    kept->Doubt(restored.error().ToString());
    return Error{ErrorCode::kUnavailable, kept->why_missed()};
  }
  return store;
}

Result<Dataset> BuildRowsOf(FileSystem& fs, EventSource& log, std::shared_ptr<const FeatureSet> features,
                            const std::vector<ObjectiveConfig>& objectives, DatasetOptions options, RowSink& sink) {
  Dataset about;
  GFR_ASSIGN(const LogSurvey survey, SurveyLog(log, features, objectives, &options));
  const auto sampled = std::ranges::find_if(objectives, [](const ObjectiveConfig& o) { return o.sampled.on; });
  if (sampled != objectives.end() && options.slates) {
    // Slates to rank are of the later half: what tests and folds judge.
    GFR_ASSIGN(const EventTimes span, ReadLogSpan(log));
    const LinesOverTime& lines = survey.sampled_lines();
    options.judged_from_ms = std::max(options.from_ms, span.first_ms + (span.last_ms - span.first_ms) / 2);
    options.judged_events = lines.size() - lines.Before(options.judged_from_ms);
  }
  if (options.kept != nullptr && survey.partitions() > 1) {
    options.kept->Leave();
    LeaveKept("the log is replayed by partitions of users", &options);
  }
  if (survey.partitions() == 1) {
    GFR_ASSIGN(const auto store, FirstStates(log, std::move(features), options.kept));
    EventTimes span;
    if (options.kept != nullptr) {
      GFR_ASSIGN(span, ReadLogSpan(log));
    }
    GFR_TRY(WholeReplay(log, objectives, options, survey, span.last_ms, *store, sink).Run(about));
    WarnOfHuge(about);
    return about;
  }
  Overview overview;
  GFR_TRY(ReplayPartitions(
      fs, log, std::move(features), objectives, options, survey,
      [&](const LogRecord& record) { overview.Add(record, about); }, sink));
  WarnOfHuge(about);
  return about;
}

}  // namespace

Result<Dataset> BuildRows(FileSystem& fs, EventSource& log, std::shared_ptr<const FeatureSet> features,
                          const std::vector<ObjectiveConfig>& objectives, const DatasetOptions& asked, RowSink& sink) {
  DatasetOptions options = asked;
  GFR_TRY(BeginKept(*features, objectives, &options));
  if (options.kept == nullptr) return BuildRowsOf(fs, log, std::move(features), objectives, options, sink);
  // What is kept is of the same records in all readings.
  GFR_ASSIGN(Positions end, log.End());
  LogUntil until(log, std::move(end));
  return BuildRowsOf(fs, until, std::move(features), objectives, options, sink);
}

Result<Dataset> BuildDataset(FileSystem& fs, EventSource& log, std::shared_ptr<const FeatureSet> features,
                             const std::vector<ObjectiveConfig>& objectives, const DatasetOptions& options) {
  std::optional<DatasetSink> sink;
  sink.emplace(objectives.size(), features->columns());
  auto built = BuildRows(fs, log, features, objectives, options, *sink);
  if (!built.ok() && options.kept != nullptr && options.kept->missed()) {
    GFR_TRY(options.kept->StartOver(options.kept->why_missed()));
    sink.emplace(objectives.size(), features->columns());
    built = BuildRows(fs, log, std::move(features), objectives, options, *sink);
  }
  GFR_ASSIGN(Dataset about, std::move(built));
  Dataset data = sink->Take();
  data.first_arrival_ms = about.first_arrival_ms;
  data.last_arrival_ms = about.last_arrival_ms;
  data.records = about.records;
  data.category_names = std::move(about.category_names);
  data.simulated = about.simulated;
  data.sampled = std::ranges::any_of(objectives, [](const ObjectiveConfig& o) { return o.sampled.on; });
  data.huge_numbers = about.huge_numbers;
  data.first_huge = std::move(about.first_huge);
  return data;
}

Dataset SelectColumns(Dataset data, const std::vector<std::uint32_t>& columns) {
  const std::size_t before = data.columns, after = columns.size();
  const auto select = [&](std::vector<float>& rows) {
    const std::size_t count = before == 0 ? 0 : rows.size() / before;
    std::vector<float> selected(count * after);
    for (std::size_t i = 0; i < count; ++i) {
      for (std::size_t k = 0; k < after; ++k) selected[i * after + k] = rows[i * before + columns[k]];
    }
    rows = std::move(selected);
  };
  for (ObjectiveRows& rows : data.objectives) select(rows.features);
  select(data.slate_features);
  select(data.choice_features);
  data.columns = after;
  return data;
}

}  // namespace gfr
