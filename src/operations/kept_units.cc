#include "operations/kept_units.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "base/json_text.h"
#include "base/time.h"
#include "table/parquet_columns.h"
#include "table/parquet_writer.h"

namespace gfr {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kFormat = 1;
const char* const kUnitColumns[] = {"arm",     "exposure_ms", "arrival_ms", "other_arm",
                                    "history", "surface",     "version",    "cluster"};

std::string PathOf(const std::string& folder, const std::string& day, const std::string& experiment) {
  return JoinPath(folder, day + "." + experiment);
}

Json DefinitionsJson(const ExperimentUnits& of, const std::vector<MetricConfig>& metrics) {
  Json json{{"format", kFormat}, {"experiment", of.experiment}, {"start_ms", of.start_ms}, {"metrics", Json::array()}};
  for (std::size_t m = 0; m < metrics.size(); ++m)
    json["metrics"].push_back({{"name", metrics[m].name},
                               {"how", metrics[m].Explain()},
                               {"cap", std::isfinite(of.caps[m].value) ? Json(of.caps[m].value) : Json(nullptr)},
                               {"cap_people", of.caps[m].people}});
  return json;
}

std::string TextOf(const std::vector<float>& values) { return fmt::format("{}", fmt::join(values, " ")); }
std::vector<float> ValuesOf(const std::string& text) {
  std::istringstream in(text);
  std::vector<float> values;
  for (std::string one; in >> one;) values.push_back(std::strtof(one.c_str(), nullptr));
  return values;
}

std::vector<NamedColumn> ColumnsOf(const ExperimentUnits& of, const std::vector<const ExposedUnit*>& units,
                                   const std::vector<MetricConfig>& metrics) {
  std::vector<std::uint64_t> users;
  std::vector<std::int64_t> exposure, arrival, other, history, version;
  std::vector<std::string> arms, surfaces, clusters;
  for (const ExposedUnit* u : units) {
    users.push_back(u->person), arms.push_back(of.arms[u->arm]);
    exposure.push_back(u->exposure_ms), arrival.push_back(u->arrival_ms);
    other.push_back(u->other_arm), history.push_back(u->has_history), version.push_back(u->version);
    surfaces.push_back(u->surface), clusters.push_back(u->cluster);
  }
  std::vector<NamedColumn> columns;
  columns.push_back({"user", std::move(users)});
  columns.push_back({kUnitColumns[0], std::move(arms)});
  columns.push_back({kUnitColumns[1], std::move(exposure)});
  columns.push_back({kUnitColumns[2], std::move(arrival)});
  columns.push_back({kUnitColumns[3], std::move(other)});
  columns.push_back({kUnitColumns[4], std::move(history)});
  columns.push_back({kUnitColumns[5], std::move(surfaces)});
  columns.push_back({kUnitColumns[6], std::move(version)});
  columns.push_back({kUnitColumns[7], std::move(clusters)});
  for (std::size_t m = 0; m < metrics.size(); ++m) {
    std::vector<double> values, denominators, before;
    std::vector<std::string> latencies;
    for (const ExposedUnit* u : units) {
      const UnitMetric& one = u->metrics[m];
      values.push_back(one.value), denominators.push_back(one.denominator), before.push_back(one.before);
      latencies.push_back(TextOf(one.latencies));
    }
    const std::string name = "metric." + metrics[m].name;
    columns.push_back({name, std::move(values)});
    columns.push_back({name + ".denominator", std::move(denominators)});
    columns.push_back({name + ".before", std::move(before)});
    if (metrics[m].measure == MetricConfig::Measure::kLatency)
      columns.push_back({name + ".latencies", std::move(latencies)});
  }
  return columns;
}

// One file's columns by name.
struct FileColumns {
  std::map<std::string, SourceColumn> by_name;
  std::vector<std::string> users;
  const std::vector<double>& numbers(const std::string& name) const { return by_name.at(name).numbers; }
  const std::vector<std::string>& texts(const std::string& name) const { return by_name.at(name).texts; }
};

Result<std::vector<SourceColumn>> ReadAll(ColumnSource& source) {
  constexpr std::size_t kRows = 4096;
  std::vector<SourceColumn> all, batch;
  while (true) {
    GFR_ASSIGN(const std::size_t rows, source.Next(kRows, &batch));
    if (all.empty()) {
      all = batch;
    } else {
      for (std::size_t c = 0; c < batch.size(); ++c) {
        all[c].numbers.insert(all[c].numbers.end(), batch[c].numbers.begin(), batch[c].numbers.end());
        all[c].texts.insert(all[c].texts.end(), batch[c].texts.begin(), batch[c].texts.end());
      }
    }
    if (rows < kRows) return all;
  }
}

Result<FileColumns> ReadColumns(const std::string& path) {
  FileColumns columns;
  GFR_ASSIGN(const auto source, OpenParquetColumns(path));
  const std::vector<std::string> names = source->columns();
  std::vector<std::size_t> wanted;
  for (std::size_t c = 0; c < names.size(); ++c) wanted.push_back(c);
  GFR_TRY(source->Select(wanted));
  GFR_ASSIGN(std::vector<SourceColumn> read, ReadAll(*source));
  for (std::size_t c = 0; c < read.size(); ++c) columns.by_name[names[c]] = std::move(read[c]);
  const auto user = std::ranges::find(names, "user");
  if (user == names.end()) return Error{ErrorCode::kCorrupt, "it has no column 'user'", {path, 0}};
  GFR_ASSIGN(const auto keys, OpenParquetColumns(path));  // All 64 bits of them.
  GFR_TRY(keys->SelectIds(static_cast<std::size_t>(user - names.begin())));
  GFR_ASSIGN(std::vector<SourceColumn> texts, ReadAll(*keys));
  if (!texts.empty()) columns.users = std::move(texts[0].texts);
  for (const char* name : kUnitColumns) {
    if (!columns.by_name.contains(name))
      return Error{ErrorCode::kCorrupt, std::string("it has no column '") + name + "'", {path, 0}};
  }
  return columns;
}

std::size_t IndexOfArm(std::vector<std::string>* arms, const std::string& arm) {
  const auto at = std::ranges::find(*arms, arm);
  if (at != arms->end()) return static_cast<std::size_t>(at - arms->begin());
  arms->push_back(arm);
  return arms->size() - 1;
}

// The file's units, to those of the experiment. `as_now`: by metric, whether it was defined as it is now.
Status AddUnits(const FileColumns& file, const std::vector<MetricConfig>& metrics, const std::vector<bool>& as_now,
                ExperimentUnits* of) {
  for (std::size_t row = 0; row < file.users.size(); ++row) {
    ExposedUnit unit;
    unit.person = std::strtoull(file.users[row].c_str(), nullptr, 10);
    unit.arm = IndexOfArm(&of->arms, file.texts("arm")[row]);
    unit.exposure_ms = static_cast<std::int64_t>(file.numbers("exposure_ms")[row]);
    unit.arrival_ms = static_cast<std::int64_t>(file.numbers("arrival_ms")[row]);
    unit.other_arm = file.numbers("other_arm")[row] != 0, unit.has_history = file.numbers("history")[row] != 0;
    unit.surface = file.texts("surface")[row], unit.cluster = file.texts("cluster")[row];
    unit.version = static_cast<std::uint32_t>(file.numbers("version")[row]);
    for (std::size_t m = 0; m < metrics.size(); ++m) {
      UnitMetric one;
      const std::string name = "metric." + metrics[m].name;
      if (as_now[m]) {
        one = {.mature = true,
               .value = file.numbers(name)[row],
               .denominator = file.numbers(name + ".denominator")[row],
               .before = file.numbers(name + ".before")[row],
               .latencies = {}};
        if (const auto at = file.by_name.find(name + ".latencies"); at != file.by_name.end())
          one.latencies = ValuesOf(at->second.texts[row]);
      }
      unit.metrics.push_back(std::move(one));
    }
    of->units.push_back(std::move(unit));
  }
  return {};
}

}  // namespace

Result<KeptUnits> KeptUnits::Load(FileSystem& fs, const std::string& folder, const std::vector<MetricConfig>& metrics) {
  KeptUnits kept;
  GFR_ASSIGN(const std::vector<std::string> names, fs.List(folder));
  for (const std::string& name : names) {  // Sorted: by day.
    if (!name.ends_with(".json")) continue;
    const std::string path = JoinPath(folder, name);
    GFR_ASSIGN(const std::string text, fs.ReadAll(path));
    const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
    try {
      if (json.at("format").get<int>() > kFormat)
        return Error{ErrorCode::kNeedsNewer, "a newer gfr wrote it", {path, 0}};
      const std::string experiment = json.at("experiment");
      auto at = std::ranges::find(kept.experiments_, experiment, &ExperimentUnits::experiment);
      if (at == kept.experiments_.end()) {
        kept.experiments_.push_back(
            {.experiment = experiment, .arms = {}, .start_ms = INT64_MAX, .caps = {}, .units = {}});
        at = kept.experiments_.end() - 1;
        at->caps.resize(metrics.size());
      }
      at->start_ms = std::min(at->start_ms, json.at("start_ms").get<std::int64_t>());
      std::vector<bool> as_now(metrics.size());
      for (const Json& of : json.at("metrics")) {
        for (std::size_t m = 0; m < metrics.size(); ++m) {
          if (of.at("name") != metrics[m].name || of.at("how") != metrics[m].Explain()) continue;
          as_now[m] = true;
          const Json& cap = of.at("cap");
          at->caps[m] = {cap.is_null() ? INFINITY : cap.get<double>(), of.at("cap_people").get<double>()};
        }
      }
      GFR_ASSIGN(const FileColumns columns, ReadColumns(path.substr(0, path.size() - 5) + ".parquet"));
      GFR_TRY(AddUnits(columns, metrics, as_now, &*at));
    } catch (const std::exception& e) {
      return Error{
          ErrorCode::kCorrupt, std::string("the units of an experiment cannot be read: ") + e.what(), {path, 0}};
    }
  }
  return kept;
}

Result<int> KeptUnits::Write(FileSystem& fs, const std::string& folder, const std::vector<MetricConfig>& metrics,
                             const std::vector<ExperimentUnits>& units, std::int64_t log_from_ms, std::int64_t now_ms) {
  int written = 0;
  const std::int64_t first_day = log_from_ms / kDayMs, today = now_ms / kDayMs;
  for (const ExperimentUnits& of : units) {
    std::map<std::int64_t, std::vector<const ExposedUnit*>> days;
    std::set<std::int64_t> immature;
    for (const ExposedUnit& unit : of.units) {
      const std::int64_t day = unit.arrival_ms / kDayMs;
      days[day].push_back(&unit);
      if (!std::ranges::all_of(unit.metrics, &UnitMetric::mature)) immature.insert(day);
    }
    for (const auto& [day, its] : days) {
      const bool whole = day < today && (day > first_day || of.start_ms >= log_from_ms);
      if (!whole || immature.contains(day)) continue;
      const std::string path = PathOf(folder, FormatTime(day * kDayMs).substr(0, 10), of.experiment);
      if (fs.Exists(path + ".json")) continue;
      GFR_TRY(fs.MakeFolders(folder));
      GFR_TRY(WriteParquet(path + ".parquet", ColumnsOf(of, its, metrics)));
      GFR_TRY(PublishFile(fs, path + ".json", DumpJson(DefinitionsJson(of, metrics), 2) + "\n"));
      ++written;
    }
  }
  return written;
}

bool KeptUnits::StandsFor(std::int64_t log_from_ms) const {
  for (const ExperimentUnits& of : experiments_) {
    if (std::ranges::any_of(of.units, [&](const ExposedUnit& u) { return u.arrival_ms < log_from_ms; })) return true;
  }
  return false;
}

std::map<std::string, std::int64_t> KeptUnits::Starts() const {
  std::map<std::string, std::int64_t> starts;
  for (const ExperimentUnits& of : experiments_) starts[of.experiment] = of.start_ms;
  return starts;
}

void KeptUnits::Merge(const std::function<Key(Key)>& group, const std::function<bool(Key)>& left_out,
                      std::vector<ExperimentUnits>* units) const {
  for (const ExperimentUnits& of : experiments_) {
    auto at = std::ranges::find(*units, of.experiment, &ExperimentUnits::experiment);
    if (at == units->end()) {
      units->push_back(
          {.experiment = of.experiment, .arms = {}, .start_ms = of.start_ms, .caps = of.caps, .units = {}});
      at = units->end() - 1;
    }
    at->start_ms = std::min(at->start_ms, of.start_ms);
    at->caps = of.caps;
    std::map<std::pair<Key, std::string>, ExposedUnit> merged;  // The order of the fold: by person.
    for (const ExposedUnit& unit : of.units) {
      ExposedUnit one = unit;
      one.person = group(unit.person);
      if (left_out(one.person)) continue;
      one.arm = IndexOfArm(&at->arms, of.arms[unit.arm]);
      const auto [place, is_new] = merged.try_emplace({one.person, one.cluster}, one);
      if (!is_new) place->second.other_arm |= place->second.arm != one.arm;  // Joined since: the first exposure stays.
    }
    for (ExposedUnit& unit : at->units) {
      const auto [place, is_new] = merged.try_emplace({unit.person, unit.cluster}, unit);
      if (!is_new) place->second.other_arm |= unit.other_arm || place->second.arm != unit.arm;
    }
    at->units.clear();
    for (auto& [key, unit] : merged) at->units.push_back(std::move(unit));
  }
}

}  // namespace gfr
