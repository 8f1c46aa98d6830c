#include "serve/explain.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <nlohmann/json.hpp>
#include <numeric>

#include "base/json_number.h"
#include "base/json_text.h"
#include "base/time.h"
#include "bound/bound_model.h"
#include "event/event_json.h"
#include "event/slate_sources.h"
#include "feature/served_columns.h"
#include "log/local_log.h"
#include "serve/feed_json.h"
#include "serve/score_terms.h"
#include "serve/slate_words.h"
#include "store/kept_snapshots.h"

namespace gfr {
namespace {

using Json = nlohmann::ordered_json;

constexpr double kReplayedTermOperations = 10 * kTermOperations;  // Of a job, which may take seconds.

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

// Candidates in the order of their positions, then those that were not shown.
std::vector<std::size_t> InOrderShown(const Event& e) {
  std::vector<std::size_t> order(e.items.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, {}, [&](std::size_t i) {
    return e.items[i].index >= 0 ? static_cast<std::int64_t>(e.items[i].index) : INT64_MAX;
  });
  return order;
}

// The terms of the scores of each candidate whose features `row_of` knows (null: it does not), as far as `operations`
// go.
void AddTerms(const Event& e, const BoundModel& model, double operations,
              const std::function<const float*(std::size_t item)>& row_of, Json* served) {
  const auto explainer = ScoreExplainer::Make(model);
  if (!explainer.ok()) {
    (*served)["terms"] = {{"why_none", explainer.error().message}};
    return;
  }
  const std::map<float, std::string> texts = CategoryTexts(model.model(), e);
  std::size_t items = 0, left_out = 0;
  for (const std::size_t i : InOrderShown(e)) {
    const float* row = row_of(i);
    if (row == nullptr) continue;
    if (operations < explainer.value().operations()) {
      ++left_out;
      continue;
    }
    operations -= explainer.value().operations();
    ++items;
    const std::vector<ScoreTerms> terms = explainer.value().Explain(row, texts);
    Json& candidate = (*served)["candidates"][i];
    candidate["terms"] = TermsJson(terms);
    for (std::string& words : TermsInWords(terms)) candidate["why"].push_back(std::move(words));
  }
  (*served)["terms"] = {{"items", items}, {"left_out", left_out}};
}

// Those of what the record keeps.
void AddKeptTerms(const Event& e, const FeatureSet& features, const BoundModel& model, Json* served) {
  const std::vector<int> columns = FindServedColumns(e.served, features);
  for (const ObjectiveModel& objective : model.model().objectives) {
    for (const std::int32_t column : objective.forest.feature) {
      if (column < 0 || columns[static_cast<std::size_t>(column)] >= 0) continue;
      const std::string& name = model.model().columns[static_cast<std::size_t>(column)];
      (*served)["terms"] = {{"why_none", "the record does not keep the feature '" + name + "', which the model reads"}};
      return;
    }
  }
  std::vector<float> row(features.columns());
  const auto row_of = [&](std::size_t item) -> const float* {
    const std::int64_t at = e.served.RowOf(static_cast<std::uint32_t>(item));
    if (at < 0) return nullptr;
    for (std::size_t k = 0; k < row.size(); ++k)
      row[k] = columns[k] < 0
                   ? kMissing
                   : e.served.columns[static_cast<std::size_t>(columns[k])].values[static_cast<std::size_t>(at)];
    return row.data();
  };
  AddTerms(e, model, kTermOperations, row_of, served);
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

// The scores of all candidates by the model of the record; none without it.
std::vector<ServedScores> ScoreAgain(const BoundModel* model, const Event& e, const std::vector<float>& rows) {
  std::vector<ServedScores> scores;
  if (model == nullptr) return scores;
  const auto shown =
      static_cast<std::size_t>(std::ranges::count_if(e.items, [](const EventItem& item) { return item.index >= 0; }));
  for (const ServedScores& of : e.served.scores) {
    if (of.model != 0) continue;  // Of an interleaving's second version.
    ServedScores again{.model = of.model, .objective = of.objective, .values = {}, .at_shown = {}};
    again.values.assign(e.items.size(), kMissing);
    model->Predict({{again.objective, &again.values}}, rows.data(), e.items.size(), shown);
    scores.push_back(std::move(again));
  }
  return scores;
}

}  // namespace

bool IsComplete(const LogRecord& record) {
  return record.event.served.kept.size() == record.event.items.size() &&
         record.event.served.scored.size() == record.event.items.size();
}

std::string VersionOf(const LogRecord& record) {
  const std::string model = ModelOf(record.event.served);
  const std::size_t slash = model.rfind('/');
  return slash == std::string::npos ? "" : model.substr(slash + 1);
}

std::shared_ptr<const BoundModel> LoadModelOf(const Project& project, const LogRecord& record) {
  const std::string version = VersionOf(record);
  if (version.empty()) return nullptr;
  auto loaded = project.LoadModel(version);
  if (!loaded.ok()) return nullptr;
  auto bound = BoundModel::Make(std::move(loaded).value(), *project.features());
  return bound.ok() ? std::move(bound).value() : nullptr;
}

std::string ExplainJson(const LogRecord& record, const FeatureSet& features, const BoundModel* model) {
  Json json = Explain(record, features);
  const std::string version = VersionOf(record);
  if (model != nullptr)
    AddKeptTerms(record.event, features, *model, &json["served"]);
  else if (!version.empty())
    json["served"]["terms"] = {{"why_none", "model version " + version + " is not loaded, or does not fit gfr.toml"}};
  return DumpJson(json);
}

Result<std::string> ExplainAll(const Project& project, const LogRecord& record, const std::stop_token& stop) {
  const FeatureSet& set = *project.features();
  const std::shared_ptr<const BoundModel> model = LoadModelOf(project, record);
  if (IsComplete(record)) return ExplainJson(record, set, model.get());
  FileSystem& fs = project.workspace().fs();
  LocalLog log(fs, project.log_folder());
  GFR_ASSIGN(std::vector<std::string> snapshots, ListKeptSnapshots(fs, project.kept_snapshots_folder()));
  snapshots.push_back(project.snapshot_path());
  GFR_ASSIGN(const ReplayedSlate slate, ReplaySlate(fs, log, project.features(), record, snapshots, stop));
  const std::vector<ServedScores> scores = ScoreAgain(model.get(), record.event, slate.features);
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
  if (model != nullptr) {
    const auto row_of = [&](std::size_t item) { return slate.features.data() + item * set.columns(); };
    AddTerms(record.event, *model, kReplayedTermOperations, row_of, &json["served"]);
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
