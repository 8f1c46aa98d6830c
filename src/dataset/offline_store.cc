#include "dataset/offline_store.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "base/clock.h"
#include "base/json_text.h"
#include "base/time.h"
#include "dataset/row_builder.h"
#include "dataset/start_at_base.h"
#include "feature/served_columns.h"
#include "state/epoch_starts.h"
#include "state/slate_check.h"
#include "table/parquet_writer.h"

namespace gfr {
namespace {

constexpr std::size_t kBatchRows = 1 << 14;
constexpr std::size_t kKeyColumns = 9;

std::int64_t DateOf(std::int64_t time_ms) { return time_ms / kDayMs * kDayMs; }

std::string Hex(std::uint64_t x) {
  std::string text(16, '0');
  for (std::size_t i = 0; i < 16; ++i) text[15 - i] = "0123456789abcdef"[x >> (4 * i) & 15u];
  return text;
}

class Writers final : public RowSink {
 public:
  Writers(FileSystem& fs, std::string source, const FeatureSet& features, std::vector<OfflineView> views,
          std::vector<std::string> names, const MaterializePlan& plan)
      : fs_(fs), source_(std::move(source)), features_(features), views_(std::move(views)), names_(std::move(names)) {
    for (const std::int64_t date : plan.dates) dates_[date];
    open_.resize(names_.size());
  }

  std::string Folder(const OfflineView& view, std::int64_t date) const {
    return source_ + "/view=" + view.name + "/definition=" + Hex(view.definition) + "/date=" + FormatDate(date);
  }

  void Row(std::size_t objective, const RowPlace& place, bool, std::span<const float> features) override {
    const std::int64_t date = DateOf(place.arrival_ms);
    if (!status.ok() || !dates_.contains(date)) return;
    if (open_[objective].date != date) status = Begin(objective, date);
    if (!status.ok()) return;
    ++dates_[date];
    for (File& file : open_[objective].files) {
      Add(file, place, features);
      if (++file.batched == kBatchRows && status.ok()) status = Flush(file);
    }
  }
  void Slate(SlateRow, std::span<const float>) override {}

  // Ends all files; then each date gets its manifest. `log_end_ms`: what arrived by then is in them.
  Result<Materialized> Finish(std::int64_t log_end_ms) {
    GFR_TRY(status);
    Materialized made;
    for (std::size_t o = 0; o < open_.size(); ++o) GFR_TRY(End(o));
    for (const auto& [date, rows] : dates_) {
      made.rows += rows;
      for (const OfflineView& view : views_) {
        const std::string folder = Folder(view, date);
        GFR_TRY(fs_.MakeFolders(folder));
        nlohmann::ordered_json definitions;
        for (const std::size_t k : view.columns) {
          const FeatureSpec& spec = features_.features[k].view->spec();
          definitions[spec.name] = {{"fingerprint", std::to_string(spec.fingerprint)}, {"definition", spec.canonical}};
        }
        const nlohmann::ordered_json manifest{
            {"rows", rows}, {"whole", log_end_ms >= date + kDayMs}, {"definitions", definitions}};
        GFR_TRY(PublishFile(fs_, JoinPath(folder, "manifest.json"), DumpJson(manifest, 1)));
      }
    }
    made.files = files_;
    return made;
  }

 private:
  struct File {
    std::unique_ptr<ParquetWriter> writer;
    const OfflineView* view;
    std::vector<NamedColumn> batch;
    std::size_t batched = 0;
  };
  struct Open {
    std::int64_t date = -1;
    std::vector<File> files;
  };

  Status Begin(std::size_t objective, std::int64_t date) {
    GFR_TRY(End(objective));
    open_[objective].date = date;
    for (const OfflineView& view : views_) {
      const std::string folder = Folder(view, date);
      GFR_TRY(fs_.MakeFolders(folder));
      GFR_TRY(fs_.Remove(JoinPath(folder, "manifest.json")));
      File file{.writer = nullptr, .view = &view};
      ParquetMetadata metadata{{"gfr.definition", Hex(view.definition)}};
      for (const char* key : {"user", "session", "item", "request", "log_offset"})
        file.batch.push_back({key, std::vector<std::uint64_t>()});
      for (const char* number : {"line", "arrival_ms", "as_of", "now_ms"})
        file.batch.push_back({number, std::vector<std::int64_t>()});
      for (const std::size_t k : view.columns) {
        const FeatureSpec& spec = features_.features[k].view->spec();
        file.batch.push_back({spec.name, std::vector<float>()});
        metadata.emplace_back("gfr.definition." + spec.name, std::to_string(spec.fingerprint));
      }
      GFR_ASSIGN(file.writer,
                 ParquetWriter::Open(fs_, JoinPath(folder, names_[objective] + ".parquet"), file.batch, metadata));
      open_[objective].files.push_back(std::move(file));
    }
    return {};
  }

  Status End(std::size_t objective) {
    for (File& file : open_[objective].files) {
      GFR_TRY(Flush(file));
      GFR_TRY(file.writer->Close());
      ++files_;
    }
    open_[objective].files.clear();
    return {};
  }

  void Add(File& file, const RowPlace& p, std::span<const float> features) {
    const std::uint64_t keys[] = {p.user, p.session, p.item, p.request, p.offset};
    const std::int64_t numbers[] = {p.line, p.arrival_ms, p.as_of, p.now_ms};
    for (std::size_t k = 0; k < 5; ++k) std::get<std::vector<std::uint64_t>>(file.batch[k].values).push_back(keys[k]);
    for (std::size_t k = 0; k < 4; ++k)
      std::get<std::vector<std::int64_t>>(file.batch[5 + k].values).push_back(numbers[k]);
    for (std::size_t k = 0; k < file.view->columns.size(); ++k)
      std::get<std::vector<float>>(file.batch[kKeyColumns + k].values).push_back(features[file.view->columns[k]]);
  }

  Status Flush(File& file) {
    GFR_TRY(file.writer->Append(file.batch));
    for (NamedColumn& column : file.batch) std::visit([](auto& values) { values.clear(); }, column.values);
    file.batched = 0;
    return {};
  }

  FileSystem& fs_;
  const std::string source_;
  const FeatureSet& features_;
  const std::vector<OfflineView> views_;
  const std::vector<std::string> names_;         // Of files: the objectives'.
  std::map<std::int64_t, std::uint64_t> dates_;  // To make: rows so far.
  std::vector<Open> open_;
  std::uint64_t files_ = 0;
};

Result<std::vector<OfflineView>> WantedViews(const FeatureSet& features, const MaterializeOptions& options) {
  const std::vector<OfflineView> all = OfflineViews(features);
  if (options.views.empty()) return all;
  std::vector<OfflineView> wanted;
  for (const std::string& name : options.views) {
    const auto at = std::ranges::find(all, name, &OfflineView::name);
    if (at == all.end()) {
      std::string valid;
      for (const OfflineView& view : all) valid += (valid.empty() ? "" : ", ") + view.name;
      return Error{ErrorCode::kInvalidArgument, "there is no view '" + name + "'; valid are " + valid};
    }
    wanted.push_back(*at);
  }
  return wanted;
}

std::string SourceFolder(const std::string& root, const MaterializeOptions& options) {
  return JoinPath(root, options.served ? "source=served" : "source=replayed");
}

bool IsWhole(FileSystem& fs, const std::string& folder) {
  const auto text = fs.ReadAll(JoinPath(folder, "manifest.json"));
  if (!text.ok()) return false;
  const auto manifest = ParseJson<nlohmann::json>(text.value(), /*throws=*/false);
  return manifest.is_object() && manifest.value("whole", false);
}

// Rows of the requests that servers answered, as they were read then.
Result<std::int64_t> AddServed(EventSource& log, const FeatureSet& features, Writers& writers,
                               std::uint64_t* other_definitions) {
  std::int64_t end_ms = INT64_MIN;
  std::vector<float> values;
  EpochStarts starts;
  GFR_ASSIGN(const auto reader, log.OpenAll());
  for (LogRecord r;;) {
    GFR_ASSIGN(const bool more, reader->More(&r));
    if (!more) return end_ms;
    end_ms = r.arrival_ms;
    starts.Add(r.offset, r.arrival_ms);
    const ServedSlate& s = r.event.served;
    if (r.event.type != EventType::kFeedRequest || !s.exists()) continue;
    if (!SlateProblem(r).empty() || !starts.Problem(s).empty()) continue;
    const std::vector<int> columns = FindServedColumns(s, features);
    if (std::ranges::find(columns, -1) != columns.end()) {
      ++*other_definitions;
      continue;
    }
    for (std::size_t row = 0; row < s.kept.size(); ++row) {
      const std::size_t i = s.kept[row];
      values.clear();
      for (const int k : columns) values.push_back(s.columns[static_cast<std::size_t>(k)].values[row]);
      writers.Row(0,
                  {.offset = r.offset,
                   .line = static_cast<std::uint32_t>(i),
                   .user = KeyOf(r.event.user_id),
                   .arrival_ms = r.arrival_ms,
                   .session = KeyOf(r.event.session_id),
                   .item = KeyOf(r.event.items[i].item_id),
                   .request = KeyOf(r.event.request_id),
                   .as_of = s.as_of(),
                   .now_ms = s.now_ms},
                  false, values);
    }
    GFR_TRY(writers.status);
  }
}

}  // namespace

std::vector<OfflineView> OfflineViews(const FeatureSet& features) {
  static constexpr const char* kScopes[] = {"request", "user", "session", "shared"};
  std::vector<OfflineView> views;
  for (std::size_t k = 0; k < features.columns(); ++k) {
    const BoundFeature& f = features.features[k];
    std::string name = f.entity >= 0 ? features.entities[static_cast<std::size_t>(f.entity)].name
                                     : kScopes[static_cast<int>(f.view->spec().scope)];
    std::ranges::replace(name, ' ', '_');
    auto at = std::ranges::find(views, name, &OfflineView::name);
    if (at == views.end()) at = views.insert(views.end(), {name, 0, {}});
    at->definition = PairKey(at->definition, f.view->spec().fingerprint);
    at->definition = PairKey(at->definition, KeyOf(f.view->spec().name));  // A column is found by its name.
    at->columns.push_back(k);
  }
  return views;
}

Result<std::vector<OfflineDates>> ListOffline(FileSystem& fs, const std::string& root, const FeatureSet& features) {
  const std::vector<OfflineView> views = OfflineViews(features);
  // The rest of the names in `folder` that begin with `key`.
  const auto named = [&](const std::string& folder, const std::string& key) -> Result<std::vector<std::string>> {
    std::vector<std::string> rest;
    GFR_ASSIGN(const auto names, fs.List(folder));
    for (const std::string& name : names) {
      if (name.starts_with(key)) rest.push_back(name.substr(key.size()));
    }
    return rest;
  };
  std::vector<OfflineDates> all;
  GFR_ASSIGN(const auto sources, named(root, "source="));
  for (const std::string& source : sources) {
    const std::string of_source = JoinPath(root, "source=" + source);
    GFR_ASSIGN(const auto names, named(of_source, "view="));
    for (const std::string& view : names) {
      const std::string of_view = JoinPath(of_source, "view=" + view);
      GFR_ASSIGN(const auto definitions, named(of_view, "definition="));
      for (const std::string& definition : definitions) {
        const std::string folder = JoinPath(of_view, "definition=" + definition);
        OfflineDates found{.source = source, .view = view, .definition = definition, .current = false};
        found.current = std::ranges::any_of(
            views, [&](const OfflineView& v) { return v.name == view && Hex(v.definition) == definition; });
        GFR_ASSIGN(const auto dates, named(folder, "date="));
        for (const std::string& date : dates) {
          if (fs.Exists(JoinPath(folder, "date=" + date + "/manifest.json"))) found.dates.push_back(date);
        }
        if (!found.dates.empty()) all.push_back(std::move(found));
      }
    }
  }
  return all;
}

Result<MaterializePlan> PlanMaterialize(FileSystem& fs, EventSource& log, const std::string& root,
                                        std::shared_ptr<const FeatureSet> features,
                                        const std::vector<ObjectiveConfig>& objectives,
                                        const MaterializeOptions& options) {
  if (options.from_ms % kDayMs != 0 || options.to_ms % kDayMs != 0 || options.from_ms >= options.to_ms ||
      options.to_ms - options.from_ms > 100'000 * kDayMs)
    return Error{ErrorCode::kInvalidArgument, "--from and --to are whole days, from before to, as 2026-01-31"};
  GFR_ASSIGN(const auto views, WantedViews(*features, options));
  MaterializePlan plan;
  const Writers folders(fs, SourceFolder(root, options), *features, views, {}, plan);
  std::size_t columns = kKeyColumns * views.size();
  for (const OfflineView& view : views) columns += view.columns.size();

  std::map<std::int64_t, std::uint64_t> rows;  // By date.
  OnlineStore store(features);
  GFR_TRY(StartAtBase(log, &store));
  double measured_s = 0;
  std::uint64_t measured = 0;
  std::vector<float> values;
  GFR_ASSIGN(const auto reader, log.OpenAll());
  for (LogRecord r;;) {
    GFR_ASSIGN(const bool more, reader->More(&r));
    if (!more) break;
    ++plan.events;
    plan.log_bytes += reader->encoded().size();
    std::uint64_t lines = 0;
    if (options.served) {
      if (r.event.type == EventType::kFeedRequest && HasAllColumns(r.event.served, *features))
        lines = r.event.served.kept.size();
    } else {
      for (const ObjectiveConfig& o : objectives) lines += o.population == r.event.type ? r.event.items.size() : 0;
    }
    if (lines > 0) rows[DateOf(r.arrival_ms)] += lines;
    if (measured < 20'000 && !options.served) {
      const double start_s = MonotonicSeconds();
      if (lines > 0) {
        values.resize(r.event.items.size() * features->columns());
        store.AdvanceTo(EpochEndAt(r.arrival_ms));
        store.Read({.now_ms = r.arrival_ms,
                    .user = KeyOf(r.event.user_id),
                    .session = KeyOf(r.event.session_id),
                    .context = r.event.context,
                    .items = r.event.items},
                   values.data());
      }
      store.Fold(r);
      measured_s += MonotonicSeconds() - start_s;
      ++measured;
    }
  }
  for (const auto& [date, count] : rows) {
    if (date < options.from_ms || date >= options.to_ms) continue;
    if (std::ranges::all_of(views, [&](const OfflineView& view) { return IsWhole(fs, folders.Folder(view, date)); })) {
      ++plan.dates_there;
      continue;
    }
    plan.dates.push_back(date);
    plan.rows += count;
  }
  plan.bytes = plan.rows * columns * 8;
  if (measured > 0) plan.seconds = measured_s / static_cast<double>(measured) * static_cast<double>(plan.events);
  return plan;
}

Result<Materialized> Materialize(FileSystem& fs, EventSource& log, const std::string& root,
                                 std::shared_ptr<const FeatureSet> features,
                                 const std::vector<ObjectiveConfig>& objectives, const MaterializeOptions& options,
                                 const MaterializePlan& plan) {
  if (plan.dates.empty()) return Materialized{};
  GFR_ASSIGN(const auto views, WantedViews(*features, options));
  std::vector<std::string> names{"served"};
  if (!options.served) {
    names.clear();
    for (const ObjectiveConfig& o : objectives) names.push_back(o.name);
  }
  Writers writers(fs, SourceFolder(root, options), *features, views, names, plan);
  if (options.served) {
    std::uint64_t other_definitions = 0;
    GFR_ASSIGN(const std::int64_t end_ms, AddServed(log, *features, writers, &other_definitions));
    GFR_ASSIGN(Materialized made, writers.Finish(end_ms));
    made.other_definitions = other_definitions;
    return made;
  }
  DatasetOptions replay = options.replay;
  replay.from_ms = plan.dates.front();
  replay.to_ms = plan.dates.back() + kDayMs;
  replay.drop_immature = false;  // Values have no labels to wait for.
  replay.slates = false;
  GFR_ASSIGN(const Dataset about, BuildRows(fs, log, features, objectives, replay, writers));
  return writers.Finish(about.last_arrival_ms);
}

}  // namespace gfr
