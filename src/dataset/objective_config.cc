#include "dataset/objective_config.h"

#include <algorithm>
#include <span>

#include "dataset/loss.h"

namespace gfr {
namespace {

// `link` = "mean" and what goes with it. `first`: it is the first objective.
void ReadAmount(bool mean, bool first, const Result<EventType>& label, Config* table, ObjectiveConfig* o) {
  const std::string amount = table->String("amount", "");
  if (!mean) {
    if (table->Has("amount")) table->Fail("amount", "is of the link mean alone, whose labels are amounts");
    return;
  }
  o->amount = amount == "value" ? ObjectiveConfig::Amount::kValue : ObjectiveConfig::Amount::kPrice;
  if (amount != "price" && amount != "value")
    table->Fail("amount",
                "is '" + amount +
                    "'; valid with the link mean are price (of each item of a label event, times its quantity) and "
                    "value (of the event)");
  if (first)
    table->Fail("link",
                "is mean in the first [[objective]]; the first one ranks where nothing else is said, by probabilities");
  if (label.ok() && label.value() == EventType::kFeedImpression)
    table->Fail("label", "is feed.impression, which says no amount");
  for (const char* key : {"early_window", "learn", "calibrate_by"}) {
    if (table->Has(key)) table->Fail(key, "does not go with the link mean, whose labels are amounts");
  }
}

}  // namespace

Result<std::vector<ObjectiveConfig>> ObjectiveConfig::ReadAll(Config& project, const FeatureSet& features) {
  std::vector<ObjectiveConfig> objectives;
  for (Config& table : project.Tables("objective")) {
    ObjectiveConfig o{.name = table.String("name", ""), .where = table.where()};
    const auto population = ParseEventType(table.String("population", "feed.impression")),
               label = ParseEventType(table.String("label", "feed.click"));
    o.window_ms = table.DurationMs("window", o.window_ms);
    o.early_window_ms = table.DurationMs("early_window", 0);
    if (table.Has("early_window") && (o.early_window_ms <= 0 || o.early_window_ms >= o.window_ms))
      table.Fail("early_window", "is not within the window; valid is a shorter duration above 0");
    if (o.name.empty() || o.name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") != std::string::npos) {
      table.Fail("name", "is '" + o.name + "'; valid are lower-case letters, digits and _");
    }
    const std::string link = table.String("link", "logistic");
    o.softmax = link == "softmax";
    if (!o.softmax && link != "logistic" && link != "mean")
      table.Fail("link", "is '" + link + "'; valid are logistic, softmax and mean");
    ReadAmount(link == "mean", objectives.empty(), label, &table, &o);
    if (o.softmax && population.ok() && population.value() != EventType::kFeedImpression)
      table.Fail("link", "is softmax, which compares the items of a request; its population must be feed.impression");
    o.learn = table.Strings("learn", {});
    for (const std::string& loss : o.learn) {
      if (std::ranges::find(std::span(kLossNames).first(kLossesOfLabels), loss) ==
          std::span(kLossNames).first(kLossesOfLabels).end())
        table.Fail("learn", "has '" + loss + "'; valid are logistic, softmax, rank:ndcg and rank:pairwise");
      if (loss != kLossNames[0] && population.ok() && population.value() != EventType::kFeedImpression)
        table.Fail("learn",
                   "has " + loss + ", which compares the items of a request; the population must be feed.impression");
    }
    if (!o.learn.empty() && table.Has("link"))
      table.Fail("learn", "is beside link; softmax is one of what it can have");
    const bool softmax = o.softmax || std::ranges::find(o.learn, "softmax") != o.learn.end();
    o.calibrate_by = table.String("calibrate_by", "");
    const auto by = std::ranges::find_if(features.features, [&](const BoundFeature& f) {
      return f.view->spec().name == o.calibrate_by && f.view->spec().categorical;
    });
    if (!o.calibrate_by.empty() && by == features.features.end())
      table.Fail("calibrate_by", "is '" + o.calibrate_by + "'; valid is a [[feature]] whose values are categories");
    if (!o.calibrate_by.empty() && softmax)
      table.Fail("calibrate_by", "is not for softmax links: the items of a request share one click, whatever they are");
    if (softmax && o.early_window_ms > 0)
      table.Fail("early_window", "does not go with the softmax link, whose requests have one label each");
    if (!population.ok()) table.Fail("population", population.error().message);
    if (!label.ok()) table.Fail("label", label.error().message);
    GFR_TRY(table.Finish());
    o.population = population.value();
    o.label = label.value();
    objectives.push_back(o);
  }
  if (objectives.empty()) return Error{ErrorCode::kInvalidArgument, "no [[objective]] is declared", project.where()};
  return objectives;
}

std::size_t NextObjective(const std::vector<ObjectiveConfig>& objectives, std::size_t o) {
  const ObjectiveConfig& first = objectives[o];
  if (first.population != EventType::kFeedImpression || first.mean()) return objectives.size();
  const auto next = std::ranges::find_if(
      objectives, [&](const ObjectiveConfig& other) { return other.population == first.label && !other.mean(); });
  return static_cast<std::size_t>(next - objectives.begin());
}

}  // namespace gfr
