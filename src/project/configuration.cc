#include "project/configuration.h"

#include <algorithm>

#include "automation/scaling.h"
#include "automation/trigger_config.h"
#include "base/hash.h"
#include "feature/event_rules_of.h"
#include "monitor/monitor_config.h"
#include "project/feed_table.h"

namespace gfr {
namespace {

constexpr const char* kFixedTables[] = {"serve", "store", "registry"};

std::map<std::string, std::string> FixedIn(Config& project) {
  std::map<std::string, std::string> fixed;
  for (const std::string table : kFixedTables) {
    const Config keys = project.Table(table);
    for (const std::string& key : keys.Keys()) fixed["[" + table + "] " + key] = keys.Extract({key});
  }
  return fixed;
}

std::uint64_t FingerprintOf(const Config& project) {
  std::vector<std::string> keys = project.Keys();
  std::erase_if(keys,
                [](const std::string& key) { return std::ranges::find(kFixedTables, key) != std::end(kFixedTables); });
  std::ranges::sort(keys);
  const std::string text = project.Extract(keys);
  return Hash64(text.data(), text.size());
}

// What experiments name in other tables.
Status CheckRewards(const Configuration& c, const Config& project) {
  for (const Experiment& e : c.experiments.all) {
    if (!e.bandit) continue;
    const auto at = std::ranges::find(c.metrics, e.bandit->reward, &MetricConfig::name);
    if (at != c.metrics.end() && at->measure != MetricConfig::Measure::kLatency && !at->is_ratio() &&
        !at->lower_is_better)
      continue;
    std::string valid;
    for (const MetricConfig& m : c.metrics) valid += (valid.empty() ? "" : ", ") + m.name;
    return Error{ErrorCode::kInvalidArgument,
                 "the reward of experiment '" + e.name + "' is '" + e.bandit->reward +
                     "', which must be a [[metric]] of one number a unit of which more is better; there are " + valid,
                 project.where("experiment")};
  }
  return {};
}

Status CheckKeep(const Configuration& c, Config& project) {
  std::int64_t window_ms = 0, label_ms = 0, metric_ms = 0;
  for (Config& feature : project.Tables("feature")) window_ms = std::max(window_ms, feature.DurationMs("window", 0));
  for (const ObjectiveConfig& objective : c.objectives) label_ms = std::max(label_ms, objective.window_ms);
  // Results of experiments are counted from the log.
  if (!c.experiments.all.empty() || c.experiments.variants.size() > 1) {
    for (const MetricConfig& metric : c.metrics) metric_ms = std::max(metric_ms, metric.before_ms + metric.MatureMs(0));
  }
  return c.log.Check(window_ms, label_ms, metric_ms);
}

}  // namespace

Result<std::shared_ptr<const Configuration>> Configuration::Read(Config& project, const UpperTables& upper) {
  auto configuration = std::make_shared<Configuration>();
  Configuration& c = *configuration;
  GFR_ASSIGN(c.features, FeatureSet::Make(project));
  c.feature_text = project.Extract({"item", "user", "request", "request_item", "catalogue", "feature"});
  c.event_rules = EventRulesOf(c.features->schema);
  GFR_TRY(ReadMoney(project, &c.event_rules));
  c.model_text = project.Extract(ModelTables());
  c.training_text = project.Extract({"item", "user", "request", "request_item", "catalogue", "feature", "objective",
                                     "split", "train", "dataset", "users", "traffic"});
  GFR_ASSIGN(c.objectives, ObjectiveConfig::ReadAll(project, *c.features));
  GFR_ASSIGN(c.split, SplitConfig::Read(project));
  GFR_ASSIGN(c.train, TrainConfig::Read(project));
  GFR_ASSIGN(c.dataset, DatasetConfig::Read(project, &c.objectives));
  c.train.sample = c.dataset.sample;
  GFR_ASSIGN(c.feeds, ReadFeeds(project, c.objectives, *c.features, &c.experiments));
  GFR_ASSIGN(c.metrics, MetricConfig::ReadAll(project));
  GFR_TRY(CheckRewards(c, project));
  std::vector<std::string> objectives;
  for (const ObjectiveConfig& o : c.objectives) objectives.push_back(o.name);
  GFR_ASSIGN(const ScalingRules scaling, ScalingRules::Read(project));
  c.scaling = std::make_shared<const ScalingRules>(scaling);
  GFR_ASSIGN(std::vector<TriggerConfig> triggers, TriggerConfig::ReadAll(project, objectives));
  c.triggers = std::make_shared<const std::vector<TriggerConfig>>(std::move(triggers));
  if (upper)
    GFR_TRY(upper(project));
  else
    project.Table("serve");  // Known, and another program's to check.
  GFR_ASSIGN(c.log, LogConfig::Read(project));
  // [monitor] is checked here, and read by those who judge drift (operations/drift_of_log.h).
  if (const auto monitor = MonitorConfig::Read(project); !monitor.ok()) return monitor.error();
  GFR_TRY(CheckKeep(c, project));
  GFR_ASSIGN(c.store, StoreConfig::Read(project));
  GFR_ASSIGN(c.registry, RegistryConfig::Read(project, c.store.dir));
  GFR_ASSIGN(c.index, IndexConfig::Read(project));
  c.fixed = FixedIn(project);
  c.fingerprint = FingerprintOf(project);
  GFR_TRY(project.Finish());
  return std::shared_ptr<const Configuration>(std::move(configuration));
}

const std::vector<std::string>& ModelTables() {
  static const std::vector<std::string> tables = {"item",    "user",      "request", "request_item", "catalogue",
                                                  "feature", "objective", "feed",    "channel"};
  return tables;
}

}  // namespace gfr
