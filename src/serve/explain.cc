#include "serve/explain.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/json_number.h"
#include "base/json_text.h"
#include "base/time.h"
#include "bound/bound_model.h"
#include "event/event_json.h"
#include "event/slate_sources.h"
#include "feature/served_columns.h"
#include "log/local_log.h"
#include "serve/feed_json.h"
#include "serve/slate_words.h"
#include "store/kept_snapshots.h"

namespace gfr {
namespace {

using Json = nlohmann::ordered_json;

std::string ModelOf(const ServedSlate& s) { return s.models.empty() ? "" : s.models[0].name; }

// What the record keeps of candidate `i`.
Json CandidateJson(const Event& e, std::size_t i, const std::string& source, const FeatureSet& features,
                   const std::vector<int>& columns) {
  const ServedSlate& s = e.served;
  const auto item = static_cast<std::uint32_t>(i);
  Json c{{"item_id", e.items[i].item_id},
         {"channel", e.items[i].channel},
         {"position", e.items[i].index >= 0 ? Json(e.items[i].index) : Json(nullptr)},
         {"scores", Json::object()},
         {"propensity", i < s.propensity.size() ? JsonNumber(s.propensity[i]) : Json(nullptr)}};
  if (!source.empty()) c["source"] = source;
  if (s.IsScored(item)) {
    for (const ServedScores& of : s.scores) {
      c[of.model == 0 ? "scores" : "second_scores"][of.objective] = JsonNumber(of.values[i]);
      if (of.model == 0 && !of.at_shown.empty() && e.items[i].index >= 0)
        c["scores_at_shown"][of.objective] = JsonNumber(of.at_shown[i]);
    }
    if (i < s.value.size()) c["scores"]["value"] = JsonNumber(s.value[i]);
  }
  const std::int64_t row = s.RowOf(item);
  for (std::size_t k = 0; k < columns.size() && row >= 0; ++k) {
    if (columns[k] < 0) continue;
    c["features"][features.features[k].view->spec().name] =
        JsonNumber(s.columns[static_cast<std::size_t>(columns[k])].values[static_cast<std::size_t>(row)]);
  }
  return c;
}

std::string NameOf(UnitKind kind) {
  switch (kind) {
    case UnitKind::kLogin:
      return "login";
    case UnitKind::kUser:
      return "user";
    case UnitKind::kSession:
      return "session";
    case UnitKind::kNone:
      break;
  }
  return "";
}

// What was left out, how the slate was solved, and which page it is.
void AddOutcome(const Event& request, const SlateOutcome& outcome, Json* served) {
  if (!outcome.left_out.empty()) (*served)["left_out"] = LeftOutJson(outcome, request);
  if (!request.served.first_request.empty())
    (*served)["page"] = {{"first_request", request.served.first_request}, {"begin", request.served.cursor}};
  if (!outcome.is_solved()) return;
  Json relaxed = Json::object(), parts = Json::array();
  for (const Relaxation& one : outcome.relaxed) relaxed[one.name] = one.by;
  for (const PolicyPart& part : outcome.parts) parts.push_back({{"name", part.name}, {"items", part.items.size()}});
  (*served)["solution"] = {
      {"value", outcome.value}, {"bound", outcome.bound}, {"relaxed", std::move(relaxed)}, {"parts", std::move(parts)}};
}

Json Explain(const LogRecord& record, const FeatureSet& features) {
  const ServedSlate& s = record.event.served;
  const std::vector<int> columns = FindServedColumns(s, features);
  Json json = ParseJson<Json>(EventToJson(record.event));
  json["served"] = {{"as_of", s.as_of()},  {"now", FormatTime(s.now_ms)},    {"epoch_end", FormatTime(s.epoch_end_ms)},
                    {"model", ModelOf(s)}, {"complete", IsComplete(record)}, {"candidates", Json::array()}};
  if (const std::string kind = NameOf(s.unit_kind); !kind.empty())
    json["served"]["unit"] = {{"kind", kind}, {"id", s.unit}};
  for (const ServedExperiment& e : s.experiments)
    json["served"]["experiments"].push_back(
        {{"experiment", e.experiment}, {"variant", e.variant}, {"overridden", e.overridden}});
  if (!std::isnan(s.took_ms)) json["served"]["took_ms"] = s.took_ms;
  if (!s.policy.empty()) json["served"]["policy"] = s.policy;
  const auto read = ReadOutcome(s, record.event.items.size());
  const SlateOutcome outcome = read.ok() ? read.value() : SlateOutcome();
  AddOutcome(record.event, outcome, &json["served"]);
  if (!s.swaps.empty()) json["served"]["swaps"] = s.swaps;
  if (!s.interleaving.experiment.empty())
    json["served"]["interleaving"] = {{"experiment", s.interleaving.experiment}, {"credit", s.interleaving.credit}};
  for (const ServedDraw& draw : s.draws)
    json["served"]["draws"].push_back({{"position", draw.position}, {"pool", draw.pool.size()}});
  const std::vector<std::string> sources = SourcesOf(s, record.event.items.size());
  for (std::size_t i = 0; i < record.event.items.size() && s.exists(); ++i) {
    json["served"]["candidates"].push_back(CandidateJson(record.event, i, sources[i], features, columns));
    json["served"]["candidates"].back()["why"] = WhyOf(record.event, outcome, i, sources[i]);
  }
  return json;
}

// The scores of all candidates by the model of the record; none when it is gone, or does not fit the features.
std::vector<ServedScores> ScoreAgain(const Project& project, const Event& e, const std::vector<float>& rows) {
  std::vector<ServedScores> scores;
  const std::string model = ModelOf(e.served);
  const std::size_t slash = model.rfind('/');
  if (slash == std::string::npos) return scores;
  auto loaded = project.LoadModel(model.substr(slash + 1));
  if (!loaded.ok()) return scores;
  const auto bound = BoundModel::Make(std::move(loaded).value(), *project.features());
  if (!bound.ok()) return scores;
  const auto shown =
      static_cast<std::size_t>(std::ranges::count_if(e.items, [](const EventItem& item) { return item.index >= 0; }));
  for (const ServedScores& of : e.served.scores) {
    if (of.model != 0) continue;  // Of an interleaving's second version.
    ServedScores again{.model = of.model, .objective = of.objective, .values = {}, .at_shown = {}};
    again.values.assign(e.items.size(), kMissing);
    bound.value()->Predict({{again.objective, &again.values}}, rows.data(), e.items.size(), shown);
    scores.push_back(std::move(again));
  }
  return scores;
}

}  // namespace

bool IsComplete(const LogRecord& record) {
  return record.event.served.kept.size() == record.event.items.size() &&
         record.event.served.scored.size() == record.event.items.size();
}

std::string ExplainJson(const LogRecord& record, const FeatureSet& features) {
  return DumpJson(Explain(record, features));
}

Result<std::string> ExplainAll(const Project& project, const LogRecord& record, const std::stop_token& stop) {
  const FeatureSet& set = *project.features();
  if (IsComplete(record)) return ExplainJson(record, set);
  FileSystem& fs = project.workspace().fs();
  LocalLog log(fs, project.log_folder());
  GFR_ASSIGN(std::vector<std::string> snapshots, ListKeptSnapshots(fs, project.kept_snapshots_folder()));
  snapshots.push_back(project.snapshot_path());
  GFR_ASSIGN(const ReplayedSlate slate, ReplaySlate(fs, log, project.features(), record, snapshots, stop));
  const std::vector<ServedScores> scores = ScoreAgain(project, record.event, slate.features);
  Json json = Explain(record, set);
  json["served"]["replayed"] = {{"from", slate.from},
                                {"records", slate.records},
                                {"different", slate.different},
                                {"served_without", slate.unknown},
                                {"scores", !scores.empty()}};
  for (std::size_t i = 0; i < record.event.items.size(); ++i) {
    Json& c = json["served"]["candidates"][i];
    if (record.event.served.RowOf(static_cast<std::uint32_t>(i)) < 0) {
      for (std::size_t k = 0; k < set.columns(); ++k)
        c["features"][set.features[k].view->spec().name] = JsonNumber(slate.features[i * set.columns() + k]);
    }
    for (const ServedScores& of : scores) {
      if (!c["scores"].contains(of.objective)) c["scores"][of.objective] = JsonNumber(of.values[i]);
    }
  }
  return DumpJson(json);
}

Result<LogRecord> FindRequest(const Project& project, const std::string& request_id) {
  FileSystem& fs = project.workspace().fs();
  LocalLog log(fs, project.log_folder());
  GFR_ASSIGN(const auto reader, log.OpenAll(TypeBit(EventType::kFeedRequest)));
  for (LogRecord record;;) {
    GFR_ASSIGN(const bool more, reader->More(&record));
    if (!more) return Error{ErrorCode::kNotFound, "no request '" + request_id.substr(0, 200) + "' is in the log"};
    if (record.event.request_id == request_id) return record;
  }
}

}  // namespace gfr
