#include "automation/index_step.h"

#include <fmt/format.h>

#include <limits>
#include <optional>

#include "base/json_text.h"
#include "base/number_text.h"
#include "index/index_registry.h"
#include "operations/load_model.h"

namespace gfr {
namespace {

using Json = nlohmann::ordered_json;

// NaN where it is not said.
double NumberOf(const Registry::Lineage& lineage, const char* key) {
  const auto at = lineage.find(key);
  double number = 0;
  return at != lineage.end() && ParseNumber(at->second, &number) ? number : std::numeric_limits<double>::quiet_NaN();
}

// Empty: there is none yet.
Result<std::string> ChampionOf(Registry& indexes, const std::string& name) {
  auto champion = indexes.Champion(name);
  if (!champion.ok() && champion.error().code == ErrorCode::kNotFound) return std::string();
  return champion;
}

// The version that this very step registered before a kill.
Result<std::optional<std::string>> MadeBefore(Registry& indexes, const std::string& name, const std::string& lineage) {
  GFR_ASSIGN(const auto entries, indexes.List(name));
  for (const Registry::Entry& entry : entries) {
    const auto run = entry.lineage.find("run");
    if (run != entry.lineage.end() && run->second == lineage) return std::optional(entry.version);
  }
  return std::optional<std::string>();
}

// Why the version is not to be searched; empty: it is.
std::string WhyNot(const StepConfig& step, const Registry::Lineage& lineage) {
  const double items = NumberOf(lineage, "items"), recall = NumberOf(lineage, "recall");
  if (!(items >= step.min_items)) return fmt::format("it has {} items, and min_items is {}", items, step.min_items);
  if (step.min_recall > 0 && !(recall >= step.min_recall))
    return fmt::format("its recall is {:.3f}, and min_recall is {}", recall, step.min_recall);
  return "";
}

}  // namespace

std::vector<std::string> IndexArguments(const StepConfig& step, const std::string& lineage) {
  std::vector<std::string> arguments{"index", step.make == kFirstStageName ? "distill" : "train", "--hold"};
  if (!step.feed.empty()) arguments.insert(arguments.end(), {"--feed", step.feed});
  arguments.insert(arguments.end(), {"--run", lineage});
  return arguments;
}

Result<StepOutcome> MakeIndexStep(StepContext& context, const std::shared_ptr<ObjectStore>& registry,
                                  const Clock& clock, const std::string& lineage,
                                  const std::vector<std::string>& arguments, const RunGfr& run) {
  const StepConfig& step = context.config;
  if (step.make == kFirstStageName) {
    const auto model = Registry(registry, clock).Champion(kModelName);
    if (!model.ok() && model.error().code != ErrorCode::kNotFound) return model.error();
    if (!model.ok()) return StepOutcome{.stops = true, .why = "there is no model yet to distil a first stage from"};
    context.record.inputs["model"] = model.value();
  }
  Registry indexes = IndexRegistry(registry, clock);
  GFR_ASSIGN(const std::string champion, ChampionOf(indexes, step.make));
  context.record.inputs.emplace("index_before", champion);  // Of the step's first beginning.

  std::optional<std::string> version;
  if (context.record.begun > 1) {
    GFR_ASSIGN(version, MadeBefore(indexes, step.make, lineage));
  }
  StepOutcome outcome;
  if (version) {
    outcome.why = "its version was registered before a kill";
  } else {
    GFR_ASSIGN(const std::string out, run(arguments));
    const Json json = ParseJson<Json>(out, /*throws=*/false);
    if (json.is_object() && json.contains("nothing_to_train") && json["nothing_to_train"].is_string())
      return StepOutcome{.stops = true, .why = "nothing to index yet: " + json["nothing_to_train"].get<std::string>()};
    if (!json.is_object() || !json.contains("version") || !json["version"].is_string())
      return Error{ErrorCode::kInternal, "gfr index did not say which version it made"};
    version = json["version"].get<std::string>();
  }
  GFR_ASSIGN(const Registry::Entry made, indexes.Describe(step.make, *version));
  // Not `version`: that is the model's, which later steps judge and promote.
  outcome.outputs = {{"index_version", *version},
                     {"items", NumberOf(made.lineage, "items")},
                     {"dimensions", NumberOf(made.lineage, "dimensions")},
                     {"recall", NumberOf(made.lineage, "recall")},
                     {"promoted", 0.0}};
  if (const std::string why = WhyNot(step, made.lineage); !why.empty()) {
    outcome.stops = true;
    outcome.why = fmt::format("{} {} is not promoted: {}", step.make, *version, why);
    return outcome;
  }
  // A person who promoted another one meanwhile wants that one.
  GFR_ASSIGN(const std::string now, ChampionOf(indexes, step.make));
  if (now != *version && StepValue(now) != context.record.inputs["index_before"]) {
    outcome.stops = true;
    outcome.why = fmt::format("{} {} is not promoted: {} became the champion meanwhile", step.make, *version, now);
    return outcome;
  }
  if (now != *version) {
    GFR_TRY(indexes.Promote(step.make, *version));
  }
  outcome.outputs["promoted"] = 1.0;
  return outcome;
}

}  // namespace gfr
