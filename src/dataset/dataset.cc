#include "dataset/dataset.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/progress.h"
#include "base/time.h"
#include "dataset/event_times.h"
#include "dataset/left_out.h"
#include "dataset/partitioned_replay.h"
#include "dataset/start_at_base.h"
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
Status ReplayAll(EventSource& log, const std::vector<ObjectiveConfig>& objectives, const DatasetOptions& options,
                 const LogSurvey& survey, OnlineStore& store, RowSink& sink, Dataset& about) {
  RowBuilder builder(objectives, options, survey.people(), survey.parents(), store, sink);
  if (!survey.AwaitAll(builder)) {
    GFR_TRY(ForEachRecord(log, builder.awaited_types(), [&](const LogRecord& r) {
      builder.Await(r);
      return Status();
    }));
  }
  Overview overview;
  for (const bool replay : {false, true}) {
    GFR_ASSIGN(const auto reader, log.OpenAll());
    Progress progress(replay ? "replay" : "index", replay ? about.records : 0, "events");
    LogRecord record;
    for (std::uint64_t done = 0;;) {
      GFR_ASSIGN(const bool more, reader->More(&record));
      if (!more || (replay && done == about.records)) break;
      if (replay) {
        builder.Replay(record, about.last_arrival_ms);
        GFR_TRY(sink.status);
      } else {
        overview.Add(record, about);
        builder.Index(record);
      }
      progress.Update(++done);
    }
  }
  builder.Finish();
  return {};
}

}  // namespace

Result<Dataset> BuildRows(FileSystem& fs, EventSource& log, std::shared_ptr<const FeatureSet> features,
                          const std::vector<ObjectiveConfig>& objectives, const DatasetOptions& asked, RowSink& sink) {
  Dataset about;
  DatasetOptions options = asked;
  GFR_ASSIGN(const LogSurvey survey, LogSurvey::Of(log, features, objectives, options));
  GFR_ASSIGN(options.left_out, LeftOut::Find(log, survey.people(), options.leave_out));
  const auto sampled = std::ranges::find_if(objectives, [](const ObjectiveConfig& o) { return o.sampled.on; });
  if (sampled != objectives.end() && options.slates) {
    // Slates to rank are of the later half: what tests and folds judge.
    GFR_ASSIGN(const EventTimes span, ReadLogSpan(log));
    const LinesOverTime& lines = survey.sampled_lines();
    options.judged_from_ms = std::max(options.from_ms, span.first_ms + (span.last_ms - span.first_ms) / 2);
    options.judged_events = lines.size() - lines.Before(options.judged_from_ms);
  }
  if (survey.partitions() == 1) {
    OnlineStore store(std::move(features));
    GFR_TRY(StartAtBase(log, &store));
    GFR_TRY(ReplayAll(log, objectives, options, survey, store, sink, about));
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

Result<Dataset> BuildDataset(FileSystem& fs, EventSource& log, std::shared_ptr<const FeatureSet> features,
                             const std::vector<ObjectiveConfig>& objectives, const DatasetOptions& options) {
  DatasetSink sink(objectives.size(), features->columns());
  GFR_ASSIGN(Dataset about, BuildRows(fs, log, std::move(features), objectives, options, sink));
  Dataset data = sink.Take();
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
