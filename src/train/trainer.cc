#include "train/trainer.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <numeric>
#include <unordered_map>

#include "base/clock.h"
#include "base/time.h"
#include "metric/binary_metrics.h"
#include "metric/grouped_metrics.h"
#include "metric/ranking_metrics.h"
#include "model/encode.h"
#include "score/scorer.h"
#include "train/fit_calibrator.h"

namespace gfr {
namespace {

constexpr int kReplicates = 200;
constexpr std::uint64_t kSeed = 20260101;

// The dictionary of each category column: codes by falling frequency in the training rows, at most 200.
void MakeDictionaries(const Dataset& data, std::int64_t to_ms, Model& model) {
  for (std::size_t k = 0; k < model.columns.size(); ++k) {
    if (!model.categorical[k]) continue;
    std::map<float, std::uint64_t> counts;
    for (const ObjectiveRows& rows : data.objectives) {
      for (std::size_t i = 0; i < rows.size(); ++i) {
        const float value = rows.features[i * model.columns.size() + k];
        if (rows.arrival_ms[i] < to_ms && value == value) ++counts[value];
      }
    }
    std::vector<std::pair<std::uint64_t, float>> order;
    for (const auto& [value, count] : counts) order.push_back({count, value});
    std::ranges::sort(order, std::greater<>());
    for (std::size_t c = 0; c < std::min<std::size_t>(order.size(), 200); ++c)
      model.categories[k][order[c].second] = static_cast<float>(c);
  }
}

constexpr std::size_t kScoredRows = 4096;

// As the link reads them: what calibrators are fitted on and probabilities made of.
std::vector<float> Margins(const Forest& forest, const Part& part, bool at_reference = false) {
  std::vector<float> margins(part.size());
  const auto scorer = Scorer::Make(forest);
  std::vector<float> batch;
  for (std::size_t done = 0; scorer.ok() && done < part.size(); done += kScoredRows) {
    const std::size_t count = std::min(kScoredRows, part.size() - done);
    part.Read(done, count, batch, at_reference);
    scorer.value()->Margins(batch.data(), count, part.columns, margins.data() + done);
  }
  if (part.groups) ApplySoftmaxLink(*part.groups, margins);
  return margins;
}

std::vector<float> Probabilities(const ObjectiveModel& objective, const Part& part, bool at_reference = false) {
  std::vector<float> probability = Margins(objective.forest, part, at_reference);
  for (std::size_t i = 0; i < probability.size(); ++i) {
    const float code =
        objective.slice_column < 0 ? std::nanf("") : part.Value(i, static_cast<std::size_t>(objective.slice_column));
    probability[i] = static_cast<float>(objective.Whole(objective.CalibratorFor(code).Apply(probability[i])));
  }
  return probability;
}

// Fits the calibrators of a model's objective on rows that its forest has not learnt from.
void Calibrate(const ObjectiveConfig& config, const Part& part, const Forest& forest, ObjectiveModel* objective) {
  const std::vector<float> margins = Margins(forest, part);
  objective->calibrator = FitCalibrator(margins, part.labels, part.users);
  objective->slice_column = -1;
  objective->slice_calibrators.clear();
  const auto column = std::ranges::find(part.model->columns, config.calibrate_by);
  if (config.calibrate_by.empty() || column == part.model->columns.end()) return;
  const auto k = static_cast<std::size_t>(column - part.model->columns.begin());
  std::vector<float> codes(part.size());
  for (std::size_t i = 0; i < codes.size(); ++i) codes[i] = part.Value(i, k);
  objective->slice_calibrators = FitSliceCalibrators(objective->calibrator, margins, part.labels, part.users, codes);
  if (!objective->slice_calibrators.empty()) objective->slice_column = static_cast<int>(k);
}

struct Boundaries {
  std::int64_t begin, validation, calibration, calibration_end, test, end;
};

// The parts of the first `end_share` of an objective's rows; the gaps before validation and test are taken from the
// parts before them.
Boundaries Split(const Dataset& data, const ObjectiveRows& rows, const ObjectiveConfig& config,
                 const SplitConfig& split, double end_share) {
  // In log order, so they rise. With an early window, rows younger than the whole one can teach and cannot judge.
  std::span<const std::int64_t> times = rows.arrival_ms;
  if (config.early_window_ms > 0)
    times = times.first(static_cast<std::size_t>(
        std::ranges::upper_bound(times, data.last_arrival_ms - config.window_ms) - times.begin()));
  if (times.empty()) return {};
  const auto n = static_cast<double>(times.size());
  const auto at = [&](double index) { return times[static_cast<std::size_t>(std::clamp(index, 0.0, n - 1))]; };
  Boundaries b;
  b.begin = std::min(data.first_arrival_ms + split.warmup_ms,
                     data.first_arrival_ms + (data.last_arrival_ms - data.first_arrival_ms) / 5);
  b.end = end_share >= 1 ? times.back() + 1 : at(end_share * n);
  b.test = at((end_share - split.test) * n);
  b.calibration_end = b.test - config.horizon_ms();
  const auto before = static_cast<double>(std::ranges::lower_bound(times, b.calibration_end) - times.begin());
  b.validation = at(before - split.validation * n);
  b.calibration = at(before - split.validation / 2 * n);
  return b;
}

std::size_t RankingObjective(const std::vector<ObjectiveConfig>& objectives) {
  const auto at = std::ranges::find(objectives, "pctr", &ObjectiveConfig::name);
  return at == objectives.end() ? 0 : static_cast<std::size_t>(at - objectives.begin());
}

// Of the labels that came within the window, the share that came within the early one, on the rows of [from, to).
Result<double> Maturation(const ObjectiveRows& rows, const ObjectiveConfig& config, std::int64_t from_ms,
                          std::int64_t to_ms) {
  if (config.early_window_ms == 0) return 1.0;
  double early = 0, whole = 0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (rows.arrival_ms[i] < from_ms || rows.arrival_ms[i] >= to_ms || !(rows.whole[i] > 0)) continue;
    ++whole;
    early += rows.label[i];
  }
  if (early >= 10) return early / whole;
  return Error{ErrorCode::kInvalidArgument,
               "objective '" + config.name + "' has " + std::to_string(static_cast<int>(early)) +
                   " labels within its early_window among the rows that are as old as its window; needed are 10: bring "
                   "more days, or lengthen early_window"};
}

struct Fitted {
  ObjectiveModel objective;
  int rounds;
  Loss loss = Loss::kLogistic;
  std::vector<TriedLoss> tried = {};  // With several losses to choose from.
};

// Learns by one loss. `judged`, when wanted: how good it is on the calibration part.
Result<Fitted> FitBy(Loss loss, const ObjectiveRows& rows, const ObjectiveConfig& config, const Model& model,
                     const Boundaries& b, const TrainConfig& train, const ForestTrainer& engine, bool quiet,
                     TriedLoss* judged) {
  const bool softmax = loss == Loss::kSoftmax;
  const Part fit = Select(rows, loss, model, b.begin, b.validation - config.horizon_ms(), train.sample);
  const Part stop = Select(rows, loss, model, b.validation, b.calibration);
  const Part calibrate = Select(rows, LossOfLink(softmax), model, b.calibration, b.calibration_end);
  const auto positives = [](const Part& p) { return std::ranges::count(p.labels, 1.0f); };
  for (const Part* part : {&fit, &stop, &calibrate}) {
    if (positives(*part) < 10 || positives(*part) == static_cast<std::ptrdiff_t>(part->size())) {
      return Error{ErrorCode::kInvalidArgument,
                   "objective '" + config.name + "' has " + std::to_string(part->size()) + " rows with " +
                       std::to_string(positives(*part)) + " positives in the " +
                       (part == &fit    ? "training"
                        : part == &stop ? "early stopping"
                                        : "calibration") +
                       " part; needed are 10 of each class: bring more days, or shorten its window or [split]"};
    }
  }
  const TrainMatrix validation = stop.matrix();
  const auto progress = [&](int round, double value) {
    if (!quiet && round % 50 == 0)
      std::fprintf(stderr, "train %s%s%s: round %d, %s %.5f\n", config.name.c_str(), judged ? " by " : "",
                   judged ? LossName(loss) : "", round, IsRanking(loss) ? "1 - NDCG" : "log loss", value);
  };
  GFR_ASSIGN(TrainedForest trained, engine.Train(fit.matrix(), &validation, train.params, progress));
  Fitted fitted{.objective = {.name = config.name, .softmax = softmax}, .rounds = trained.rounds, .loss = loss};
  GFR_ASSIGN(fitted.objective.forest, ParseForest(trained.bytes));
  fitted.objective.forest_bytes = std::move(trained.bytes);
  Calibrate(config, calibrate, fitted.objective.forest, &fitted.objective);
  fitted.objective.early_window_ms = config.early_window_ms;
  GFR_ASSIGN(fitted.objective.maturation, Maturation(rows, config, b.begin, b.test - config.window_ms));
  if (judged) {
    const std::vector<float> margins = Margins(fitted.objective.forest, calibrate);
    *judged = {.loss = LossName(loss),
               .rounds = trained.rounds,
               .log_loss = CrossFitLogLoss(margins, calibrate.labels, calibrate.users),
               .ndcg = MeasureByGroup({margins, calibrate.labels, calibrate.users}, calibrate.requests, kReportedRanks,
                                      0, kSeed)
                           .ndcg.value};
  }
  return fitted;
}

// Learns by each loss to choose from, and keeps the one whose calibrated probabilities have the lowest log loss on the
// calibration part, cross-fitted: that is what value formulas read, and it judges order and level alike.
Result<Fitted> Fit(const ObjectiveRows& rows, const ObjectiveConfig& config, const Model& model, const Boundaries& b,
                   const TrainConfig& train, const ForestTrainer& engine, bool quiet) {
  if (config.learn.empty())
    return FitBy(LossOfLink(config.softmax), rows, config, model, b, train, engine, quiet, nullptr);
  std::vector<TriedLoss> tried;
  Fitted best{};
  for (const std::string& name : config.learn) {
    const auto loss = static_cast<Loss>(std::ranges::find(kLossNames, name) - std::begin(kLossNames));
    TriedLoss& judged = tried.emplace_back();
    GFR_ASSIGN(Fitted one, FitBy(loss, rows, config, model, b, train, engine, quiet, &judged));
    if (tried.size() > 1 && !(judged.log_loss < std::ranges::find(tried, true, &TriedLoss::kept)->log_loss)) continue;
    for (TriedLoss& other : tried) other.kept = &other == &judged;
    best = std::move(one);
  }
  best.tried = std::move(tried);
  return best;
}

// Trains `rounds` rounds on the rows of [from, to); `bytes` gets the forest as its engine wrote it, when it is wanted.
Result<Forest> Refit(const ObjectiveRows& rows, Loss loss, const Model& model, std::int64_t from_ms, std::int64_t to_ms,
                     int rounds, const TrainConfig& train, const ForestTrainer& engine, std::string* bytes) {
  const Part part = Select(rows, loss, model, from_ms, to_ms, train.sample);
  ForestParams params = train.params;
  params.max_rounds = rounds;
  GFR_ASSIGN(TrainedForest trained, engine.Train(part.matrix(), nullptr, params, [](int, double) {}));
  GFR_ASSIGN(Forest forest, ParseForest(trained.bytes));
  if (bytes) *bytes = std::move(trained.bytes);
  return forest;
}

Model EmptyModel(const FeatureSet& features) {
  Model model;
  model.feature_fingerprint = features.fingerprint;
  for (const BoundFeature& f : features.features) {
    model.columns.push_back(f.view->spec().name);
    model.categorical.push_back(f.view->spec().categorical);
    model.column_fingerprints.push_back(f.view->spec().fingerprint);
  }
  model.categories.resize(model.columns.size());
  model.position_column = features.position_column;
  model.position_reference = features.position_reference;
  return model;
}

// The slates of [from, to) as the ranking metrics want them, and the scores of the model and the baselines.
struct Ranked {
  std::vector<RankedRequest> requests;
  std::vector<std::vector<float>> model, order_shown, popularity, most_recent;
};

Ranked RankSlates(const Model& model, const Dataset& data, std::int64_t from_ms, std::int64_t to_ms) {
  Ranked ranked;
  const ObjectiveModel* pctr = nullptr;
  for (const ObjectiveModel& o : model.objectives) {
    if (o.name == "pctr" || !pctr) pctr = &o;
  }
  const auto scorer = Scorer::Make(pctr->forest);
  std::map<std::pair<Key, Key>, std::size_t> last;
  for (const SlateRow& slate : data.slates) {
    if (slate.arrival_ms < from_ms || slate.arrival_ms >= to_ms) continue;
    const auto items = static_cast<std::size_t>(slate.items);
    const float* first = data.slate_features.data() + slate.first * data.columns;
    std::vector<float> rows(first, first + items * data.columns), margins(items), shown(items);
    EncodeCategories(model, rows.data(), items);
    if (scorer.ok()) scorer.value()->Margins(rows.data(), items, data.columns, margins.data());
    for (std::size_t i = 0; i < items; ++i)
      margins[i] = static_cast<float>(pctr->Score(margins[i], rows.data() + i * data.columns));
    for (std::size_t i = 0; i < shown.size(); ++i) shown[i] = -static_cast<float>(i);
    const auto [at, fresh] = last.try_emplace({slate.user, slate.session}, ranked.requests.size());
    if (!fresh) {
      ranked.requests[at->second].last_of_session = false;
      at->second = ranked.requests.size();
    }
    ranked.requests.push_back({slate.user, slate.session, slate.items, slate.clicked, true, slate.untouched});
    ranked.model.push_back(std::move(margins));
    ranked.order_shown.push_back(std::move(shown));
    ranked.popularity.push_back(slate.popularity);
    ranked.most_recent.push_back(slate.most_recent);
  }
  return ranked;
}

constexpr std::size_t kSliceValues = 8, kSliceRows = 50;

std::string CategoryName(const Dataset& data, float raw, float code) {
  const auto name = data.category_names.find(raw);
  return name == data.category_names.end() ? "code " + std::to_string(static_cast<int>(code)) : name->second;
}

// For the model card: "platt", or "platt; by device: mobile beta, tablet platt".
std::string DescribeCalibration(const Model& model, const Dataset& data, const ObjectiveModel& objective) {
  std::string text = CalibratorName(objective.calibrator.kind);
  if (objective.slice_calibrators.empty()) return text;
  const auto k = static_cast<std::size_t>(objective.slice_column);
  std::map<float, std::string> own;
  for (const auto& [raw, code] : model.categories[k]) {
    const auto at = objective.slice_calibrators.find(code);
    if (at != objective.slice_calibrators.end())
      own[code] = CategoryName(data, raw, code) + " " + CalibratorName(at->second.kind);
  }
  text += "; by " + model.columns[k] + ":";
  for (const auto& [code, name] : own) text += (code == own.begin()->first ? " " : ", ") + name;
  return text;
}

// Which slice of column k each row is in, as its name; empty: in none.
std::vector<std::string> SliceNames(const Model& model, const Dataset& data, const Part& part, std::size_t k) {
  std::vector<std::string> names(part.size());
  const auto value = [&](std::size_t i) { return part.Value(i, k); };
  if (model.categorical[k]) {
    std::vector<std::string> of_code(kSliceValues);
    for (const auto& [raw, code] : model.categories[k]) {
      if (code < kSliceValues) of_code[static_cast<std::size_t>(code)] = CategoryName(data, raw, code);
    }
    for (std::size_t i = 0; i < names.size(); ++i)
      names[i] = value(i) != value(i)      ? "missing or new"
                 : value(i) < kSliceValues ? of_code[static_cast<std::size_t>(value(i))]
                                           : "others";
    return names;
  }
  std::vector<float> sorted;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (value(i) == value(i)) sorted.push_back(value(i));
  }
  if (sorted.empty()) return names;
  std::ranges::sort(sorted);
  const float cuts[] = {sorted[sorted.size() / 4], sorted[sorted.size() / 2], sorted[sorted.size() * 3 / 4]};
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (value(i) != value(i)) continue;
    const auto quarter = std::ranges::upper_bound(cuts, value(i)) - std::begin(cuts);
    char name[64];
    std::snprintf(name, sizeof name, "quarter %d: %s%g", static_cast<int>(quarter) + 1,
                  quarter == 0 ? "below " : "from ", static_cast<double>(cuts[quarter == 0 ? 0 : quarter - 1]));
    names[i] = name;
  }
  return names;
}

std::vector<SliceReport> Slices(const Model& model, const Dataset& data, const ObjectiveModel& objective,
                                const Part& part, const std::vector<float>& probability) {
  std::vector<SliceReport> slices;
  std::vector<float> pooled;  // With calibrators of slices: what that of all rows would give.
  if (objective.slice_column >= 0) {
    pooled = Margins(objective.forest, part);
    for (float& p : pooled) p = static_cast<float>(objective.Whole(objective.calibrator.Apply(p)));
  }
  for (std::size_t k = 0; k < model.columns.size(); ++k) {
    if (!model.categorical[k] && model.columns[k] != "price" && model.columns[k] != "supplied_rank" &&
        static_cast<int>(k) != model.position_column)
      continue;
    const std::vector<std::string> names = SliceNames(model, data, part, k);
    std::map<std::string, Part> parts;
    std::map<std::string, std::vector<float>> predicted, by_pooled;
    const bool own = static_cast<int>(k) == objective.slice_column;
    for (std::size_t i = 0; i < names.size(); ++i) {
      if (names[i].empty()) continue;
      parts[names[i]].labels.push_back(part.labels[i]);
      parts[names[i]].users.push_back(part.users[i]);
      predicted[names[i]].push_back(probability[i]);
      if (own) by_pooled[names[i]].push_back(pooled[i]);
    }
    for (const auto& [name, rows] : parts) {
      if (rows.size() < kSliceRows) continue;
      slices.push_back({.feature = model.columns[k],
                        .value = name,
                        .metrics = MeasureBinary({predicted[name], rows.labels, rows.users}, 50, kSeed)});
      if (own && predicted[name] != by_pooled[name])
        slices.back().pooled = MeasureBinary({by_pooled[name], rows.labels, rows.users}, 0, kSeed);
    }
  }
  return slices;
}

constexpr int kMostPlaces = 50;

SwappedPairs SwappedIn(const Dataset& data, TimeRange range) {
  SwappedPairs pairs;
  for (const ChoiceRow& choice : data.choices) {
    if (!choice.swapped || choice.arrival_ms < range.from_ms || choice.arrival_ms >= range.to_ms) continue;
    pairs.place.push_back(choice.position);
    pairs.upper.push_back(choice.clicked);
    pairs.lower.push_back(choice.clicked_below);
    pairs.user.push_back(choice.user);
  }
  return pairs;
}

constexpr std::size_t kExplainedRows = 500;  // SHAP values take a few milliseconds a row of a large forest.

std::vector<FeatureImportance> Importance(const Model& model, const ObjectiveModel& objective, const Part& part,
                                          const ForestTrainer& engine) {
  std::vector<std::uint32_t> read = model.forest_columns;  // By the engine's forest.
  if (read.empty()) {
    read.resize(part.columns);
    std::iota(read.begin(), read.end(), 0u);
  }
  std::vector<float> sample, row;  // Spread evenly.
  const std::size_t count = std::min(part.size(), kExplainedRows);
  for (std::size_t i = 0; i < count; ++i) {
    part.Read(i * part.size() / count, 1, row);
    for (const std::uint32_t k : read) sample.push_back(row[k]);
  }
  std::vector<FeatureImportance> importance;
  const auto explained = engine.Explain(objective.forest_bytes, sample.data(), count, read.size());
  if (!explained.ok()) {
    std::fprintf(stderr, "evaluate: no importance of features: %s\n", explained.error().message.c_str());
    return importance;
  }
  for (std::size_t k = 0; k < read.size(); ++k)
    importance.push_back({model.columns[read[k]], explained.value().gain[k], explained.value().mean_abs_shap[k]});
  std::ranges::stable_sort(importance, std::greater<>(), &FeatureImportance::shap);
  return importance;
}

// `all` are of `first`; what they led to is known where they are old enough.
EntireSpaceReport EntireSpace(const ObjectiveModel& first, const ObjectiveModel& then, const Model& model,
                              const ObjectiveRows& all, TimeRange range) {
  EntireSpaceReport report{.first = first.name, .then = then.name};
  const Part part = Select(all, LossOfLink(first.softmax), model, range.from_ms, range.to_ms),
             conditional = Select(all, LossOfLink(then.softmax), model, range.from_ms, range.to_ms);
  const std::vector<float> p = Probabilities(first, part), q = Probabilities(then, conditional, true);
  std::vector<float> product, led_on;
  std::vector<Key> users;
  for (std::size_t i = 0; i < part.size(); ++i) {
    const float label = all.led_on[part.places[i]];
    if (label != label) continue;
    product.push_back(p[i] * q[i]);
    led_on.push_back(label);
    users.push_back(part.users[i]);
  }
  const BinaryRows rows{product, led_on, users};
  report.metrics = MeasureBinary(rows, kReplicates, kSeed);
  report.reliability = Reliability(rows, 15);
  return report;
}

// What `rows`, predicted by another model, are better or worse than by `against`; empty when that has no such
// objective.
BinaryMetrics Difference(const Model& against, const std::string& objective, const ObjectiveRows& all, TimeRange range,
                         const BinaryRows& rows) {
  for (const ObjectiveModel& other : against.objectives) {
    if (other.name != objective) continue;
    const Part part = SelectWhole(all, LossOfLink(other.softmax), against, range.from_ms, range.to_ms);
    const std::vector<float> probability = Probabilities(other, part);
    return CompareBinary({probability, rows.label, rows.user}, rows.probability, kReplicates, kSeed);
  }
  return {};
}

std::vector<std::span<const float>> Spans(const std::vector<std::vector<float>>& scores) {
  return {scores.begin(), scores.end()};
}

// Trains pctr again on each of several earlier ends and compares on what follows: no fold sees its own future.
Status AddFolds(const Dataset& data, const Model& dictionary, const std::vector<ObjectiveConfig>& objectives,
                const SplitConfig& split, const TrainConfig& train, const ForestTrainer& engine,
                EvaluationReport& report) {
  const std::size_t o = RankingObjective(objectives);
  const double width = std::min(split.test, 0.5 / split.folds);
  Ranked all;
  SplitConfig fold_split = split;
  fold_split.test = width;
  for (int k = 0; k < split.folds; ++k) {
    const double end = 1.0 - width * (split.folds - 1 - k);
    const Boundaries b = Split(data, data.objectives[o], objectives[o], fold_split, end);
    const auto fitted = Fit(data.objectives[o], objectives[o], dictionary, b, train, engine, /*quiet=*/true);
    if (!fitted.ok()) {
      if (fitted.error().code != ErrorCode::kInvalidArgument) return fitted.error();
      std::fprintf(stderr, "train: fold %d is left out: %s\n", k + 1, fitted.error().message.c_str());
      continue;
    }
    std::fprintf(stderr, "train: fold %d of %d done\n", k + 1, split.folds);
    Model model = dictionary;
    model.objectives = {fitted.value().objective};
    if (train.refit) {  // As what is served: the chosen rounds, on all rows whose labels were there before the fold.
      GFR_ASSIGN(model.objectives[0].forest,
                 Refit(data.objectives[o], fitted.value().loss, dictionary, b.begin,
                       b.test - objectives[o].horizon_ms(), fitted.value().rounds, train, engine, nullptr));
    }
    const Ranked ranked = RankSlates(model, data, b.test, b.end);
    const auto mine = Spans(ranked.model), recent = Spans(ranked.most_recent), shown = Spans(ranked.order_shown);
    EvaluationReport::Fold fold;
    fold.name = std::to_string(k + 1);
    fold.requests = ranked.requests.size();
    fold.mrr = MeasureRanking(ranked.requests, mine, 0, kSeed).mrr.value;
    fold.mrr_baseline = MeasureRanking(ranked.requests, recent, 0, kSeed).mrr.value;
    fold.difference = PairedMrrDifference(ranked.requests, mine, recent, 1000, kSeed);
    fold.difference_untouched_order_shown =
        PairedMrrDifference(ranked.requests, mine, shown, 1000, kSeed, /*untouched_only=*/true);
    report.folds.push_back(std::move(fold));
    all.requests.insert(all.requests.end(), ranked.requests.begin(), ranked.requests.end());
    for (const auto part : {&Ranked::model, &Ranked::order_shown, &Ranked::most_recent})
      (all.*part).insert((all.*part).end(), (ranked.*part).begin(), (ranked.*part).end());
  }
  const auto mine = Spans(all.model);
  report.folds_difference = PairedMrrDifference(all.requests, mine, Spans(all.most_recent), 1000, kSeed);
  report.folds_difference_untouched =
      PairedMrrDifference(all.requests, mine, Spans(all.order_shown), 1000, kSeed, /*untouched_only=*/true);
  return {};
}

}  // namespace

Result<SplitConfig> SplitConfig::Read(Config& project) {
  Config table = project.Table("split");
  SplitConfig split;
  split.test = table.Number("test", split.test, 0.01, 0.5);
  split.validation = table.Number("validation", split.validation, 0.02, 0.5);
  split.warmup_ms = table.DurationMs("warmup", 0);
  split.folds = static_cast<int>(table.Integer("folds", split.folds, 0, 20));
  GFR_TRY(table.Finish());
  return split;
}

Result<TrainConfig> TrainConfig::Read(Config& project) {
  Config table = project.Table("train");
  TrainConfig train;
  const std::string engine = table.String("engine", MakerName(train.engine));
  if (engine == MakerName(Forest::Maker::kLightgbm))
    train.engine = Forest::Maker::kLightgbm;
  else if (engine != MakerName(Forest::Maker::kXgboost))
    table.Fail("engine", "is '" + engine + "'; valid are xgboost and lightgbm");
  ForestParams& p = train.params;
  p.depth = static_cast<int>(table.Integer("depth", p.depth, 1, 16));
  p.eta = table.Number("eta", p.eta, 1e-4, 1);
  p.max_rounds = static_cast<int>(table.Integer("max_rounds", p.max_rounds, 1, 100000));
  p.early_stopping = static_cast<int>(table.Integer("early_stopping", p.early_stopping, 1, 10000));
  p.min_child_weight = table.Number("min_child_weight", p.min_child_weight, 0, 1e9);
  p.lambda = table.Number("lambda", p.lambda, 0, 1e9);
  p.subsample = table.Number("subsample", p.subsample, 0.01, 1);
  p.colsample = table.Number("colsample", p.colsample, 0.01, 1);
  p.max_bin = static_cast<int>(table.Integer("max_bin", p.max_bin, 4, 65535));
  p.threads = static_cast<int>(table.Integer("threads", p.threads, 1, 1024));
  p.seed = static_cast<std::uint64_t>(table.Integer("seed", 7, 0, 1 << 30));
  train.refit = table.Boolean("refit", true);
  GFR_TRY(table.Finish());
  Config dataset = project.Table("dataset");
  SampleConfig& sample = train.sample;
  sample.negatives = dataset.Number("negatives", sample.negatives, 1e-4, 1);
  sample.half_life_ms = dataset.DurationMs("half_life", 0);
  sample.max_user_rows = dataset.Number("max_user_rows", 0, 0, 1e12);
  train.leave_out.robots = dataset.Boolean("leave_out_robots", false);
  train.leave_out.users = dataset.Strings("leave_out_users", {});
  if (sample.negatives < 1) {
    for (Config& objective : project.Tables("objective")) {
      const auto learn = objective.Strings("learn", {});
      if (objective.String("link", "") == "softmax" ||
          std::ranges::any_of(learn, [](const std::string& loss) { return loss != kLossNames[0]; }))
        dataset.Fail(
            "negatives",
            "is below 1, but an objective's link is softmax, or it learns within requests, which must be whole");
    }
  }
  GFR_TRY(dataset.Finish());
  return train;
}

TimeRange TestRange(const Model& model, const std::string& objective) {
  const auto card = [&](const char* key) {
    const auto at = model.card.find(objective + key);
    return at == model.card.end() ? std::int64_t{0} : std::stoll(at->second);
  };
  return {card(".test_from_ms"), card(".test_to_ms")};
}

EvaluationReport EvaluateModel(const Model& model, const Dataset& data, const std::vector<ObjectiveConfig>& objectives,
                               const std::vector<TimeRange>& ranges, const ForestTrainer* engine, const Model* against,
                               bool position_bias) {
  EvaluationReport report;
  const TimeRange slates = ranges[RankingObjective(objectives)];
  report.model = model.name + "/" + model.version;
  report.from_ms = std::max(slates.from_ms, data.first_arrival_ms);
  report.to_ms = std::min(slates.to_ms, data.last_arrival_ms + 1);
  report.simulated = data.simulated;
  if (model.position_column >= 0) report.position_reference = static_cast<int>(model.position_reference);
  for (std::size_t o = 0; o < objectives.size(); ++o) {
    for (const ObjectiveModel& objective : model.objectives) {
      if (objective.name != objectives[o].name) continue;
      const Part part =
          SelectWhole(data.objectives[o], LossOfLink(objective.softmax), model, ranges[o].from_ms, ranges[o].to_ms);
      const std::vector<float> probability = Probabilities(objective, part);
      const BinaryRows rows{probability, part.labels, part.users};
      ObjectiveReport entry;
      entry.name = objective.name;
      entry.window_ms = objectives[o].window_ms;
      entry.early_window_ms = objective.early_window_ms;
      entry.maturation = objective.maturation;
      entry.metrics = MeasureBinary(rows, kReplicates, kSeed);
      entry.roc = RocCurve(rows, 200);
      entry.pr = PrCurve(rows, 200);
      entry.reliability = Reliability(rows, 15);
      // What ranks is judged as it ranks: at the reference, where the model reads the place shown.
      const bool reads_place = model.position_column >= 0;
      const std::vector<float> at_reference = reads_place ? Probabilities(objective, part, true) : probability;
      const BinaryRows ranked{at_reference, part.labels, part.users};
      entry.by_request = MeasureByGroup(ranked, part.requests, kReportedRanks, kReplicates, kSeed);
      entry.by_user = MeasureByGroup(ranked, part.users, kReportedRanks, kReplicates, kSeed);
      entry.lift = Lift(rows, 10);
      entry.slices = Slices(model, data, objective, part, probability);
      SortWorstFirst(entry.slices);
      if (position_bias && objectives[o].population == EventType::kFeedImpression)
        entry.position_bias = MeasurePositionBias(ranked, part.positions, kMostPlaces, kReplicates, kSeed);
      // Choices are of the first objective of impressions.
      if (!entry.position_bias.places.empty() &&
          o == static_cast<std::size_t>(
                   std::ranges::find(objectives, EventType::kFeedImpression, &ObjectiveConfig::population) -
                   objectives.begin()))
        entry.swapped_bias = MeasureSwappedPositionBias(SwappedIn(data, ranges[o]), kMostPlaces, kReplicates, kSeed);
      if (engine) entry.importance = Importance(model, objective, part, *engine);
      if (against) entry.difference = Difference(*against, objective.name, data.objectives[o], ranges[o], rows);
      report.objectives.push_back(std::move(entry));
    }
  }
  for (std::size_t o = 0; o < objectives.size(); ++o) {
    const std::size_t next = NextObjective(objectives, o);
    if (next == objectives.size()) continue;
    const auto first = std::ranges::find(model.objectives, objectives[o].name, &ObjectiveModel::name),
               then = std::ranges::find(model.objectives, objectives[next].name, &ObjectiveModel::name);
    if (first == model.objectives.end() || then == model.objectives.end()) continue;
    const TimeRange both{std::max(ranges[o].from_ms, ranges[next].from_ms),
                         std::min(ranges[o].to_ms, ranges[next].to_ms)};
    EntireSpaceReport product = EntireSpace(*first, *then, model, data.objectives[o], both);
    if (product.metrics.rows > 0) report.entire_space.push_back(std::move(product));
  }
  const Ranked ranked = RankSlates(model, data, slates.from_ms, slates.to_ms);
  report.ranking = MeasureRanking(ranked.requests, Spans(ranked.model), kReplicates, kSeed);
  if (against) {
    report.against = against->name + "/" + against->version;
    const Ranked other = RankSlates(*against, data, slates.from_ms, slates.to_ms);
    report.mrr_difference =
        PairedMrrDifference(ranked.requests, Spans(ranked.model), Spans(other.model), kReplicates, kSeed);
  }
  report.baselines = {
      {"order_shown", MeasureRanking(ranked.requests, Spans(ranked.order_shown), kReplicates, kSeed)},
      {"popularity", MeasureRanking(ranked.requests, Spans(ranked.popularity), kReplicates, kSeed)},
      {"most_recent_interaction", MeasureRanking(ranked.requests, Spans(ranked.most_recent), kReplicates, kSeed)}};
  return report;
}

Result<TrainedModel> TrainModel(const Dataset& data, const FeatureSet& features,
                                const std::vector<ObjectiveConfig>& objectives, const SplitConfig& split,
                                const TrainConfig& config, const ForestTrainer& engine) {
  std::vector<Boundaries> parts;
  std::vector<TimeRange> test;
  std::int64_t first_validation = INT64_MAX;
  for (std::size_t o = 0; o < objectives.size(); ++o) {
    parts.push_back(Split(data, data.objectives[o], objectives[o], split, 1.0));
    test.push_back({parts[o].test, parts[o].end});
    first_validation = std::min(first_validation, parts[o].validation);
  }
  TrainedModel trained;
  double stage_start_s = MonotonicSeconds();
  const auto stage = [&](std::string name, std::uint64_t rows) {
    const double now_s = MonotonicSeconds();
    trained.stages.push_back({std::move(name), rows, now_s - std::exchange(stage_start_s, now_s)});
  };
  Model model = EmptyModel(features);
  MakeDictionaries(data, first_validation, model);
  std::vector<Fitted> fitted;
  for (std::size_t o = 0; o < objectives.size(); ++o) {
    GFR_ASSIGN(Fitted one, Fit(data.objectives[o], objectives[o], model, parts[o], config, engine, /*quiet=*/false));
    fitted.push_back(std::move(one));
    model.objectives.push_back(fitted.back().objective);
    model.card[objectives[o].name + ".test_from_ms"] = std::to_string(test[o].from_ms);
    model.card[objectives[o].name + ".test_to_ms"] = std::to_string(test[o].to_ms);
    stage("train " + objectives[o].name, data.objectives[o].size());
    model.card[objectives[o].name + ".rounds"] = std::to_string(fitted.back().rounds);
    if (!fitted.back().tried.empty()) model.card[objectives[o].name + ".learnt"] = LossName(fitted.back().loss);
  }
  trained.report = EvaluateModel(model, data, objectives, test, &engine);
  for (std::size_t o = 0; o < objectives.size(); ++o) trained.report.objectives[o].tried = fitted[o].tried;
  std::uint64_t judged = 0;
  for (const ObjectiveReport& o : trained.report.objectives) judged += o.metrics.rows;
  stage("evaluate", judged);
  GFR_TRY(AddFolds(data, model, objectives, split, config, engine, trained.report));
  stage("rolling folds", data.objectives[RankingObjective(objectives)].size() * trained.report.folds.size());

  if (config.refit) {
    // Calibration of the refit: predictions that were out of time for the forest before it.
    // The dictionaries stay those of the first fit, so that its predictions and the refit read the same columns.
    for (std::size_t o = 0; o < objectives.size(); ++o) {
      const Part late =
          Select(data.objectives[o], LossOfLink(fitted[o].objective.softmax), model, parts[o].calibration, INT64_MAX);
      Calibrate(objectives[o], late, fitted[o].objective.forest, &model.objectives[o]);
      GFR_ASSIGN(model.objectives[o].maturation,
                 Maturation(data.objectives[o], objectives[o], parts[o].begin, INT64_MAX));
      GFR_ASSIGN(model.objectives[o].forest,
                 Refit(data.objectives[o], fitted[o].loss, model, parts[o].begin, INT64_MAX, fitted[o].rounds, config,
                       engine, &model.objectives[o].forest_bytes));
      stage("refit " + objectives[o].name, data.objectives[o].size());
    }
  }
  for (const ObjectiveModel& o : model.objectives)
    model.card[o.name + ".calibration"] = DescribeCalibration(model, data, o);
  for (const ObjectiveModel& o : model.objectives) {
    if (o.early_window_ms == 0) continue;
    model.card[o.name + ".early_window"] = FormatDuration(o.early_window_ms);
    model.card[o.name + ".maturation"] = std::to_string(o.maturation);
  }
  model.card["rows_until"] = std::to_string(data.last_arrival_ms);
  model.card["refit"] = config.refit ? "true" : "false";
  model.card["engine"] = MakerName(config.engine);
  trained.model = std::move(model);
  return trained;
}

Trials::Trials(const Dataset& data, const FeatureSet& features, const std::vector<ObjectiveConfig>& objectives,
               const SplitConfig& split)
    : data_(data), objectives_(objectives), split_(split) {
  const int count = split.folds > 0 ? split.folds : SplitConfig().folds;
  split_.test = std::min(split.test, 0.5 / count);
  for (int k = 0; k < count; ++k) {
    Fold fold{.end_share = 1.0 - split_.test * (count - 1 - k), .dictionary = EmptyModel(features)};
    std::int64_t first_validation = INT64_MAX;
    for (std::size_t o = 0; o < objectives.size(); ++o)
      first_validation =
          std::min(first_validation, Split(data, data.objectives[o], objectives[o], split_, fold.end_share).validation);
    MakeDictionaries(data, first_validation, fold.dictionary);
    folds_.push_back(std::move(fold));
  }
}

Result<std::vector<Trials::Outcome>> Trials::Run(int fold, const TrainConfig& config,
                                                 const ForestTrainer& engine) const {
  const auto& [end_share, dictionary] = folds_[static_cast<std::size_t>(fold)];
  std::vector<Outcome> outcomes;
  for (std::size_t o = 0; o < objectives_.size(); ++o) {
    const ObjectiveRows& rows = data_.objectives[o];
    const Boundaries b = Split(data_, rows, objectives_[o], split_, end_share);
    GFR_ASSIGN(const Fitted fitted, Fit(rows, objectives_[o], dictionary, b, config, engine, /*quiet=*/true));
    const Part part = SelectWhole(rows, LossOfLink(fitted.objective.softmax), dictionary, b.test, b.end);
    const std::vector<float> probability = Probabilities(fitted.objective, part);
    const BinaryMetrics metrics = MeasureBinary({probability, part.labels, part.users}, 0, kSeed);
    if (!std::isfinite(metrics.normalised_entropy.value))
      return Error{ErrorCode::kInvalidArgument, "objective '" + objectives_[o].name + "' has " +
                                                    std::to_string(metrics.positives) + " positives in " +
                                                    std::to_string(metrics.rows) + " rows of fold " +
                                                    std::to_string(fold + 1) + ": use fewer [split] folds"};
    outcomes.push_back({objectives_[o].name, metrics.rows, metrics.positives, fitted.rounds, metrics.log_loss.value,
                        metrics.normalised_entropy.value});
  }
  return outcomes;
}

Result<TrainedModel> Recalibrate(const Model& model, const Dataset& data,
                                 const std::vector<ObjectiveConfig>& objectives, const ForestTrainer& engine) {
  const auto refit = model.card.find("refit"), until = model.card.find("rows_until");
  if (refit == model.card.end() || until == model.card.end())
    return Error{ErrorCode::kInvalidArgument, "the model's card does not say which rows it has learnt from"};
  TrainedModel made{.model = model};
  Model half = model;
  std::vector<TimeRange> later(objectives.size());
  for (std::size_t o = 0; o < objectives.size(); ++o) {
    const ObjectiveRows& rows = data.objectives[o];
    for (std::size_t m = 0; m < model.objectives.size(); ++m) {
      const ObjectiveModel& objective = model.objectives[m];
      if (objective.name != objectives[o].name) continue;
      const std::int64_t from_ms = refit->second == "true" ? std::stoll(until->second) - objectives[o].horizon_ms() + 1
                                                           : TestRange(model, objective.name).from_ms;
      const Part fresh = Select(rows, LossOfLink(objective.softmax), model, from_ms, INT64_MAX);
      const auto positives = std::ranges::count(fresh.labels, 1.0f);
      if (positives < 100 || static_cast<std::ptrdiff_t>(fresh.size()) - positives < 100)
        return Error{
            ErrorCode::kInvalidArgument,
            "objective '" + objective.name + "' has " + std::to_string(fresh.size()) + " rows with " +
                std::to_string(positives) +
                " positives that the model has not learnt from; 100 of each class are needed: import more days"};
      const auto first = std::ranges::lower_bound(rows.arrival_ms, from_ms) - rows.arrival_ms.begin();
      later[o].from_ms = rows.arrival_ms[(static_cast<std::size_t>(first) + rows.size()) / 2];
      const Part early = Select(rows, LossOfLink(objective.softmax), model, from_ms, later[o].from_ms);
      Calibrate(objectives[o], early, objective.forest, &half.objectives[m]);
      Calibrate(objectives[o], fresh, objective.forest, &made.model.objectives[m]);
    }
  }
  made.report = EvaluateModel(half, data, objectives, later, &engine, &model);
  made.report.note =
      "Calibrators of the first half of the rows that the model had not learnt from, judged on the second.";
  for (const ObjectiveModel& o : made.model.objectives)
    made.model.card[o.name + ".calibration"] = DescribeCalibration(made.model, data, o);
  made.model.card["recalibrated_from"] = model.version;
  made.model.card["recalibrated_until"] = std::to_string(data.last_arrival_ms);
  return made;
}

}  // namespace gfr
